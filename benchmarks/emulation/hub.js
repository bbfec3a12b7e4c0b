/**
 * A process that is the network between namespaces: each has a TUN interface whose other end is here, as IP packets. What comes in at one
 * goes out at the one that has the destination's address, by the conditions of their link. So TCP, SCTP and RTMFP meet the same losses, of real packets.
 *
 * Takes `{ id, name, args }` over IPC as ends do: `start({ hosts })`, `conditions({ link, ... })`, `stats({ link })`.
 */
import { setPriority } from 'node:os'
import { Direction } from './link.js'
import { Poll, openTun, read, write } from './libc.js'

const MAX_PACKET = 65_536
/** Before all that it carries packets for: a network does not wait for them. */
const PRIORITY = -15
/** How long it may wait in one go, so that messages over IPC are not forgotten. Milliseconds. */
const LONGEST_WAIT = 5
/** Packets that are read from an interface before the others have their turn. */
const BATCH = 64
const IPV4 = 4
const DESTINATION = 16

const buffer = Buffer.alloc(MAX_PACKET)
const hosts = []
/** Host by the last three bytes of its address, 10.0.LINK.HOST. */
const byAddress = new Map()
const directions = new Map()
let active = []
let poll
/** How late packets were handed out, milliseconds, and how many by more than one. */
const lateness = { most: 0, sum: 0, packets: 0, over1: 0 }

const CALLS = {
  /** Makes the interfaces; the caller gives each to its namespace. */
  start({ hosts: given }) {
    for (const { tun, link, host } of given) {
      const entry = { fd: openTun(tun), link, host }
      hosts.push(entry)
      byAddress.set((link << 8) | host, entry)
    }
    setPriority(PRIORITY)
    poll = new Poll(hosts.map(({ fd }) => fd))
    turn()
  },
  /** Sets what a link does from now on, in each direction between its hosts. */
  conditions({ link, seed, ...conditions }) {
    const members = hosts.filter((host) => host.link === link)
    for (const from of members) {
      for (const to of members) {
        if (from === to) continue
        const direction = directions.get(key(from, to)) ?? Object.assign(new Direction(), { to })
        direction.change(conditions, seed * 31 + from.host * 7 + to.host, performance.now())
        directions.set(key(from, to), direction)
      }
    }
    active = [...directions.values()]
  },
  /** What was sent over a link since its conditions were set, from one host to another. */
  stats({ link, from, to }) {
    return directions.get(key({ link, host: from }, { host: to })).stats
  },
  lateness: () => ({ ...lateness }),
}

process.on('disconnect', () => process.exit(0))
process.on('message', ({ id, name, args }) => {
  try {
    process.send({ id, value: CALLS[name](args) })
  } catch (error) {
    process.send({ id, error: error.message })
  }
})

function key(from, to) {
  return (from.link << 16) | (from.host << 8) | to.host
}

function turn() {
  let next = Infinity
  for (const direction of active) next = Math.min(next, direction.due)
  if (poll.wait(Math.min(LONGEST_WAIT, next - performance.now())) > 0) {
    for (let i = 0; i < hosts.length; i++) if (poll.isReadable(i)) take(hosts[i])
  }
  handOut()
  setImmediate(turn)
}

function take(from) {
  for (let i = 0; i < BATCH; i++) {
    const length = read(from.fd, buffer, MAX_PACKET)
    if (length <= 0) return
    if (buffer[0] >> 4 !== IPV4) continue
    const to = byAddress.get((buffer[DESTINATION + 2] << 8) | buffer[DESTINATION + 3])
    if (to === undefined || to.link !== from.link) continue
    directions.get(key(from, to))?.send(Buffer.from(buffer.subarray(0, length)), performance.now())
  }
}

function handOut() {
  for (const direction of active) {
    for (let now = performance.now(), due = direction.due; due <= now; due = direction.due) {
      const packet = direction.shift()
      write(direction.to.fd, packet, packet.length)
      lateness.most = Math.max(lateness.most, now - due)
      lateness.sum += now - due
      lateness.packets++
      if (now - due > 1) lateness.over1++
    }
  }
}
