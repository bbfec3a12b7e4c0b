/**
 * One end of the sessions and flood benchmarks, a process of its own: the host, whose memory and processor time count, or the many that have a
 * session with it, each an endpoint with its own identity and its own socket, or the flood that it stands.
 */
import { createSocket } from 'node:dgram'
import { setPriority } from 'node:os'
import {
  Address,
  Driver,
  Endpoint,
  createIdentity,
  defaultBackend,
  fingerprintEpd,
  openDatagramLink,
  systemClock,
  systemRandom,
} from '../../dist/entry/rtmfp.js'

const HOST = '127.0.0.1'
/** Sessions that are being opened at a time. */
const AT_ONCE = 16
/** Datagram that bare UDP sends and answers: as long as a keepalive. Bytes. */
const KEEPALIVE = 40
/** Hellos that a flood is made of, with a tag each. */
const HELLOS = 256
/** Milliseconds. */
const OPEN_TIMEOUT = 95_000
const PRIORITY = -10
/** How often more of a flood is sent. Milliseconds. */
const FLOOD_TURN = 2

const parts = { backend: defaultBackend, random: systemRandom }
const lookup = (address, _options, callback) => callback(null, address, 4)
let host
const drivers = []
const floodSources = []

const CALLS = {
  /** Before what else the machine does, where the system lets it: those who flood others have machines of their own for it. */
  comeFirst() {
    try {
      setPriority(PRIORITY)
    } catch {
      // That takes root; without, it runs like all others.
    }
  },
  async listen() {
    const link = await openDatagramLink({ host: HOST })
    const endpoint = new Endpoint({ ...parts, identity: createIdentity(parts) })
    host = { link, endpoint, lost: 0 }
    const onEvent = ({ type }) => (host.lost += type === 'session-closed' ? 1 : 0)
    drivers.push(new Driver({ endpoint, link, clock: systemClock, onEvent }))
    const bare = createSocket({ type: 'udp4', lookup })
    bare.on('message', (datagram, from) => bare.send(datagram, from.port, from.address))
    await new Promise((resolve) => bare.bind(0, HOST, resolve))
    return { port: link.port, fingerprint: endpoint.identity.fingerprint, barePort: bare.address().port }
  },
  /** Heap, what belongs to it outside, and all that the process takes; after a thorough collection. Bytes. */
  memory() {
    for (let i = 0; i < 4; i++) globalThis.gc()
    const { heapUsed, external, rss } = process.memoryUsage()
    return { held: heapUsed + external, rss }
  },
  state() {
    const { user, system } = process.cpuUsage()
    const { sent, received } = host.link.stats
    const { sessionCount: sessions, stats } = host.endpoint
    const turnedAway = stats.drops.get('too many start-up packets') ?? 0
    return { cpu: user + system, at: performance.now(), sent, received, turnedAway, sessions, lost: host.lost }
  },
  /** Opens sessions, at most so many and for so long. @returns How many there are. */
  async open({ port, fingerprint, most, milliseconds }) {
    const until = performance.now() + milliseconds
    let opened = 0
    const worker = async () => {
      while (performance.now() < until && opened < most) {
        opened++
        await openOne(port, fingerprint)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return opened
  },
  /** Opens sessions one after the other for a time, and ends each at once. @returns How long each took, milliseconds, and how many failed. */
  async dial({ port, fingerprint, milliseconds, timeout }) {
    const until = performance.now() + milliseconds
    const took = []
    let failed = 0
    while (performance.now() < until) {
      const began = performance.now()
      try {
        const driver = await openOne(port, fingerprint, timeout)
        took.push(performance.now() - began)
        driver.endpoint.abortAll()
        await driver.close()
      } catch {
        failed++
      }
    }
    drivers.length = 0
    return { took, failed }
  },
  /** Binds sockets to addresses of this machine's own, 127.0.0.0/8, for `helloes` to a port. Connected ones, to which to send takes less. */
  async bindSources({ sources, port }) {
    for (let i = 0; i < sources; i++) {
      const socket = createSocket({ type: 'udp4', lookup })
      const [a, b, c] = systemRandom.fill(new Uint8Array(3))
      await new Promise((resolve) => socket.bind(0, `127.${a}.${b}.${1 + (c % 254)}`, resolve))
      await new Promise((resolve) => socket.connect(port, HOST, resolve))
      socket.on('error', () => {})
      floodSources.push(socket)
    }
  },
  /** Sends so many hellos a second from them in turn, or as many as go. @returns How many. */
  async helloes({ port, fingerprint, perSecond, milliseconds }) {
    const hellos = makeHellos(port, fingerprint)
    const start = performance.now()
    let sent = 0
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const passed = performance.now() - start
        const due = Math.min((passed / 1_000) * perSecond, sent + (2 * FLOOD_TURN * perSecond) / 1_000)
        for (; sent < due; sent++) floodSources[sent % floodSources.length].send(hellos[sent % HELLOS])
        if (passed < milliseconds) return
        clearInterval(timer)
        resolve(sent)
      }, FLOOD_TURN)
    })
  },
  /** Sends so many datagrams a second to a bare socket, evenly. */
  async flood({ port, perSecond, milliseconds }) {
    const socket = createSocket({ type: 'udp4', lookup })
    const datagram = new Uint8Array(KEEPALIVE)
    const start = performance.now()
    let sent = 0
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        const passed = performance.now() - start
        for (; sent < (passed / 1_000) * perSecond; sent++) socket.send(datagram, port, HOST)
        if (passed < milliseconds) return
        clearInterval(timer)
        socket.close(resolve)
      }, 5)
    })
  },
}

/** Datagrams that an endpoint begins sessions with. */
function makeHellos(port, fingerprint) {
  const endpoint = new Endpoint({ ...parts, identity: createIdentity(parts) })
  return Array.from({ length: HELLOS }, () => {
    endpoint.open({ epd: fingerprintEpd(fingerprint), candidates: [Address.from(HOST, port)] }, 0)
    return endpoint.poll(0).datagram.slice()
  })
}

function openOne(port, fingerprint, timeout = OPEN_TIMEOUT) {
  return new Promise((resolve, reject) => {
    const endpoint = new Endpoint({ ...parts, identity: createIdentity(parts) })
    const driver = new Driver({
      endpoint,
      link: lightLink(),
      clock: systemClock,
      onEvent: ({ type }) => {
        if (type === 'session-open') resolve(driver)
        else if (type === 'session-failed') reject(new Error('a session did not open'))
      },
    })
    drivers.push(driver)
    endpoint.open({ epd: fingerprintEpd(fingerprint), candidates: [Address.from(HOST, port)], timeout }, driver.now())
    driver.kick()
  })
}

/** A socket without the memory that the SDK's own link sets aside for a busy one: there are thousands here. */
function lightLink() {
  const socket = createSocket({ type: 'udp4', lookup })
  const known = new Map()
  return {
    kind: 'udp',
    maxDatagram: 1_472,
    stats: { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 },
    addresses: [],
    send: (datagram, to) => socket.send(datagram.slice(), to.port, to.host),
    start(handler) {
      socket.on('message', (datagram, { address, port }) => {
        if (!known.has(port)) known.set(port, Address.from(address, port))
        handler(datagram, known.get(port))
      })
    },
    close: () => new Promise((resolve) => socket.close(resolve)),
  }
}

process.on('disconnect', () => process.exit(0))
process.on('message', ({ name, args }) => {
  void Promise.resolve()
    .then(() => CALLS[name](args))
    .then(
      (value) => process.send({ value }),
      (error) => process.send({ error: String(error?.message ?? error) }),
    )
})
