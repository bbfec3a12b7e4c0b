/**
 * Single kinds of load on an introducer, with as little work as can be on this side: real peers get into the state in which the load is rightful, then
 * their sockets send datagrams that were made before, again and again. So the introducer is what is busy, on a machine of two cores.
 */
import dgram from 'node:dgram'
import { randomFillSync } from 'node:crypto'

const main = () => import('../../dist/entry/main.js')
const rtmfp = () => import('../../dist/entry/rtmfp.js')

const LOOPBACK = '127.0.0.1'
/** What a relay puts in front of a packet. Bytes. */
const RELAY_HEADER = 8
/** Datagrams that are sent between two turns of the event loop. */
const BATCH = 256
/** Between two groups of paced datagrams. Milliseconds. */
const PACE = 4
const SETTLE = 300

let relayPath
let relayRoom
let relayNetwork

const relayed = async () => {
  const { channel, game, t } = await main()
  return game('bench.relayed', { protocol: 1, channels: { chat: channel({ n: t.uint32 }, { delivery: 'unreliable' }) } })
}

/** A peer whom others may see only by way of the introducer, in a room. @returns The room's code. */
export async function openRelayRoom({ url }) {
  const watched = watchSockets()
  relayNetwork = await (await main()).connect(url, { relay: 'always' })
  const [[socket, datagrams]] = watched.sockets
  relayPath = { watched, socket, datagrams }
  relayRoom = await relayNetwork.create(await relayed())
  return relayRoom.code
}

/** The other peer of the path. */
export async function joinRelayRoom({ url, code }) {
  relayNetwork = await (await main()).connect(url, { relay: 'always' })
  relayRoom = await relayNetwork.join(await relayed(), { code })
}

/** Finds out how the first peer's packets to the other begin. */
export async function watchRelayPath() {
  // Before the other is there nothing is sent on the path, and something else would be taken for it.
  while (relayRoom.peers.size === 0) await wait(1)
  relayPath.datagrams.length = 0
  for (let n = 0; n < 100; n++) {
    relayRoom.channels.chat.send({ n })
    await wait(1)
  }
  const { watched, socket, datagrams } = relayPath
  watched.end()
  relayPath = { socket, ...commonest(datagrams) }
}

/** Sends to that path, as fast as this process can. @returns How many were sent. */
export function floodRelay({ size, milliseconds }) {
  const { socket, prefix, port, host } = relayPath
  const datagram = randomFillSync(Buffer.alloc(size))
  datagram.set(prefix)
  return flood(socket, datagram, port, host, milliseconds)
}

/** The same to a program that hands on what comes, and does nothing else. */
export async function floodForwarder({ port, size, milliseconds }) {
  const socket = dgram.createSocket('udp4')
  const sent = await flood(socket, randomFillSync(Buffer.alloc(size)), port, LOOPBACK, milliseconds)
  socket.close()
  return sent
}

let forwarded = 0

/** A socket that takes what comes. @returns Its port. */
export async function openSink() {
  return (await bound()).address().port
}

/** Hands on to a port of loopback whatever comes. @returns Its own port. */
export async function startForwarder({ to }) {
  const socket = await bound()
  socket.setRecvBufferSize(1_048_576)
  socket.on('message', (datagram) => {
    forwarded++
    socket.send(datagram, to, LOOPBACK)
  })
  return socket.address().port
}

export function forwardedCount() {
  return forwarded
}

const askers = []

/** Pairs of peers, each in a room of its own. */
export async function openPairs({ url, count }) {
  const { channel, connect, game, t } = await main()
  const load = game('bench.introduced', { protocol: 1, channels: { chat: channel({ n: t.uint32 }) } })
  const come = async () => {
    const watched = watchSockets()
    const network = await connect(url)
    const [[socket, [{ port, host }]]] = watched.sockets
    watched.end()
    return { network, socket, port, host }
  }
  for (let i = 0; i < count; i++) {
    const [one, other] = [await come(), await come()]
    const room = await one.network.create(load, { capacity: 2 })
    await other.network.join(load, { code: room.code })
    askers.push({ ...one, hello: await helloFor(other.network.peerId, one.port) })
    askers.push({ ...other, hello: await helloFor(one.network.peerId, other.port) })
  }
  await wait(SETTLE)
}

/** Each asks the introducer for the other of its pair by RTMFP's own hello (RFC 7016 §3.5.1.6), at a pace. @returns How many times */
export async function askForPeers({ perSecond, milliseconds }) {
  const began = performance.now()
  let sent = 0
  while (performance.now() - began < milliseconds) {
    for (const due = ((performance.now() - began) / 1_000) * perSecond; sent < due; sent++) {
      const { socket, hello, port, host } = askers[sent % askers.length]
      socket.send(hello, port, host)
    }
    await wait(PACE)
  }
  await wait(SETTLE)
  return sent
}

/** The datagram by which a peer is asked for. */
async function helloFor(peerId, port) {
  const { Address, Endpoint, OUTPUT_TRANSMIT, createIdentity, defaultBackend, fingerprintEpd, systemRandom } = await rtmfp()
  const parts = { backend: defaultBackend, random: systemRandom }
  const endpoint = new Endpoint({ ...parts, identity: createIdentity(parts) })
  endpoint.open({ epd: fingerprintEpd(Uint8Array.from(Buffer.from(peerId, 'hex'))), candidates: [Address.from(LOOPBACK, port)] }, 0)
  const output = endpoint.poll(0)
  if (output.kind !== OUTPUT_TRANSMIT) throw new Error('no hello')
  return Buffer.from(output.datagram)
}

async function flood(socket, datagram, port, host, milliseconds) {
  let sent = 0
  for (const until = performance.now() + milliseconds; performance.now() < until; sent += BATCH) {
    for (let i = 0; i < BATCH; i++) socket.send(datagram, port, host)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return sent
}

/** What every socket sends from now on, until `end`. */
function watchSockets() {
  const sockets = new Map()
  const send = Reflect.get(dgram.Socket.prototype, 'send')
  dgram.Socket.prototype.send = function watched(datagram, port, host, ...rest) {
    if (!sockets.has(this)) sockets.set(this, [])
    sockets.get(this).push({ prefix: Buffer.from(datagram.subarray(0, RELAY_HEADER)), port, host })
    return Reflect.apply(send, this, [datagram, port, host, ...rest])
  }
  return { sockets, end: () => (dgram.Socket.prototype.send = send) }
}

/** A relay path's number is the same in front of all its packets; what else goes to the introducer begins each time otherwise. */
function commonest(sent) {
  const counts = new Map()
  for (const { prefix } of sent) counts.set(prefix.toString('hex'), (counts.get(prefix.toString('hex')) ?? 0) + 1)
  const [hex] = [...counts].reduce((most, each) => (each[1] > most[1] ? each : most))
  return sent.find(({ prefix }) => prefix.toString('hex') === hex)
}

async function bound() {
  const socket = dgram.createSocket('udp4')
  await new Promise((resolve) => socket.bind(0, LOOPBACK, resolve))
  return socket
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
