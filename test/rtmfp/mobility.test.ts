import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_PING, CHUNK_PING_REPLY } from '../../src/wire/chunk.ts'
import { inspect } from './inspect.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const WIFI = Address.from('198.51.100.7', 5_000)
const MOBILE = Address.from('203.0.113.9', 6_000)
/** One way, milliseconds. */
const LATENCY = 40
const RTT = 2 * LATENCY
const FRAME = 1_000 / 60

interface Pair {
  readonly world: World
  readonly a: Node
  readonly b: Node
  readonly session: Session
  readonly far: Session
}

function pair(seed: number, loss = 0, config: Partial<EndpointConfig> = {}): Pair {
  const world = new World(seed, { latency: LATENCY, loss })
  const a = world.add(config)
  const b = world.add(config)
  const session = world.connect(a, b)
  world.runUntil(() => b.events.some((event) => event.type === 'session-open') && session.state === 'open')
  return { world, a, b, session, far: b.events.find((event) => event.type === 'session-open')!.session }
}

/** Sends a numbered message on each of the flows, 60 a second. */
function stream(world: World, flows: readonly SendFlow[], seconds: number, each: (n: number) => void = () => {}): void {
  for (let n = 0; n < seconds * 60; n++) {
    for (const flow of flows) flow.write(Uint8Array.of(n >> 8, n), world.now)
    each(n)
    world.run(FRAME)
  }
  world.run(LATENCY)
}

/** Numbers of the messages that came, and the longest pause between two of them. */
function watch(world: World, node: Node): { readonly numbers: number[]; pause: () => number } {
  const numbers: number[] = []
  let last = world.now
  let longest = 0
  node.onEvent = (event) => {
    if (event.type === 'flow-open') event.flow.delivery = event.flow.metadata[0] === 1 ? 'ordered' : 'arrival'
    if (event.type !== 'message') return
    numbers.push((event.data[0]! << 8) | event.data[1]!)
    longest = Math.max(longest, world.now - last)
    last = world.now
  }
  return { numbers, pause: () => longest }
}

const reliable = (session: Session): SendFlow => session.openFlow({ metadata: Uint8Array.of(1) })
const unreliable = (session: Session): SendFlow => session.openFlow({ metadata: Uint8Array.of(0), retransmit: false })

describe('address mobility', () => {
  test('RFC 7016 §3.5.4.2: the far end is asked at its new address, and sent to there only once it has answered from it', () => {
    const { world, a, far } = pair(1)
    const home = a.address
    const sent: string[] = []
    a.address = MOBILE
    a.endpoint.nearAddressChanged(world.now)
    world.filter = (_datagram, _from, to) => {
      sent.push(to.key)
      return true
    }
    world.run(LATENCY + 1)
    expect(sent).toContain(MOBILE.key)
    expect(far.farAddress?.key).toBe(home.key)
    world.run(RTT)
    expect(far.farAddress?.key).toBe(MOBILE.key)
    expect(far.state).toBe('open')
  })

  test('RFC 7016 §3.5.4.2: a packet that someone else passes on from elsewhere moves nothing', () => {
    const { world, a, b, session, far } = pair(2)
    const home = a.address
    const thief = world.add({})
    let copied = 0
    world.filter = (datagram, from, to) => {
      if (from.equals(home) && to.equals(b.address)) {
        copied++
        world.inject(datagram, thief.address, b.address, 1)
        return false
      }
      return true
    }
    const flow = reliable(session)
    for (let i = 0; i < 20; i++) {
      flow.write(Uint8Array.of(i), world.now)
      world.run(50)
    }
    expect(copied).toBeGreaterThan(5)
    expect(far.farAddress?.key).toBe(home.key)
    expect(b.events.some((event) => event.type === 'session-moved')).toBe(false)
  })

  test('RFC 7016 §3.5.4.2: at most one check a second, however many packets come from elsewhere', () => {
    const { world, a, session } = pair(3, 0, { keepaliveInterval: 30_000, deadAfter: 60_000 })
    const flow = unreliable(session)
    let checks = 0
    world.filter = (_datagram, _from, to) => {
      // The answers never come, so the far end has to go on asking.
      if (to.equals(MOBILE)) checks++
      return !to.equals(MOBILE)
    }
    a.address = MOBILE
    stream(world, [flow], 3)
    expect(checks).toBeGreaterThanOrEqual(2)
    expect(checks).toBeLessThanOrEqual(4)
  })

  test('somebody who sends what the far end has sent from elsewhere does not keep it from being found where it is', () => {
    const { world, a, b, session, far } = pair(14)
    const home = a.address
    const thief = world.add({})
    const flow = reliable(session)
    let copied = 0
    world.filter = (datagram, from, to) => {
      if (!from.equals(home) || !to.equals(b.address) || copied > 0) return true
      copied++
      world.inject(datagram, thief.address, b.address, 1)
      return false
    }
    flow.write(Uint8Array.of(1), world.now)
    world.run(2 * LATENCY)
    expect(copied).toBe(1)
    a.address = MOBILE
    flow.write(Uint8Array.of(2), world.now)
    world.run(LATENCY + RTT + 1)
    expect(far.farAddress?.key).toBe(MOBILE.key)
  })

  test('a change of address that is over is not made again by sending all of it again', () => {
    const { world, a, b, session, far } = pair(18)
    const home = a.address
    const recorded: { readonly datagram: Uint8Array; readonly from: Address }[] = []
    world.filter = (datagram, from, to) => {
      if (to.equals(b.address)) recorded.push({ datagram: datagram.slice(), from })
      return true
    }
    const flow = reliable(session)
    const moveTo = (address: Address): void => {
      a.address = address
      flow.write(Uint8Array.of(1), world.now)
      world.run(2_000)
      expect(far.farAddress?.key).toBe(address.key)
    }
    moveTo(MOBILE)
    const ofChange = recorded.filter(({ from }) => from.equals(MOBILE))
    expect(ofChange.length).toBeGreaterThan(1)
    moveTo(home)
    const moves = (): number => b.events.filter(({ type }) => type === 'session-moved').length
    const before = moves()
    for (const { datagram, from } of ofChange) world.inject(datagram, from, b.address, 1)
    world.run(2_000)
    expect(moves()).toBe(before)
    expect(far.farAddress?.key).toBe(home.key)
  })

  test('four addresses are asked in a second, whoever sends from however many', () => {
    const { world, a, session } = pair(15, 0, { keepaliveInterval: 30_000, deadAfter: 60_000 })
    const asked = new Set<string>()
    const home = a.address
    world.filter = (_datagram, _from, to) => {
      if (!to.equals(home) && to.host === WIFI.host) asked.add(to.key)
      return to.host !== WIFI.host
    }
    const flow = unreliable(session)
    for (let n = 0; n < 40; n++) {
      a.address = Address.from(WIFI.host, 1_000 + n)
      flow.write(Uint8Array.of(n), world.now)
      world.run(20)
    }
    expect(asked.size).toBe(4)
  })

  test('an address that the far end is said to have left need not fall silent before the others are tried', () => {
    const { world, a, b, session } = pair(16)
    session.offerPaths([b.address], world.now)
    b.address = WIFI
    session.offerPaths([WIFI], world.now)
    world.run(RTT + 1)
    expect(session.farAddress?.key).toBe(WIFI.key)
    expect(a.events.some((event) => event.type === 'session-silent')).toBe(false)
  })

  test('a far end that is heard again after a silence is sent at once what it may have missed', () => {
    const { world, a, b, session, far } = pair(17)
    const log = watch(world, b)
    const flow = reliable(session)
    flow.write(Uint8Array.of(0, 1), world.now)
    world.run(500)
    let cut = true
    world.filter = () => !cut
    flow.write(Uint8Array.of(0, 2), world.now)
    world.run(2_000)
    expect(a.events.at(-1)?.type).toBe('session-silent')
    cut = false
    far.ping(world.now)
    world.run(RTT + LATENCY + 1)
    expect(log.numbers).toEqual([1, 2])
  })

  test.each(['near end', 'far end'])('a change of the %s in mid-stream loses nothing on reliable flows', (who) => {
    for (const seed of [4, 5, 6]) {
      const { world, a, b, session } = pair(seed, 0.05)
      const log = watch(world, b)
      const flow = reliable(session)
      const mover = who === 'near end' ? a : b
      stream(world, [flow], 4, (n) => {
        if (n === 60) mover.address = WIFI
        if (n === 150) {
          mover.address = MOBILE
          mover.endpoint.nearAddressChanged(world.now)
        }
      })
      world.runUntil(() => flow.queuedBytes === 0)
      expect(log.numbers).toEqual(Array.from({ length: 240 }, (_, i) => i))
    }
  })

  test('what the end that moves has sent is acknowledged again where it is now: it need not wait for a time-out', () => {
    const { world, a, session } = pair(18)
    const flow = reliable(session)
    flow.write(Uint8Array.of(0, 1), world.now)
    world.run(1_000)
    a.address = MOBILE
    const received = a.endpoint.stats.datagramsReceived
    flow.write(Uint8Array.of(0, 2), world.now)
    world.run(RTT + LATENCY - 1)
    // Until now only the question whether it is there has come: the acknowledgement went to where it was.
    expect(a.endpoint.stats.datagramsReceived - received).toBe(1)
    expect(flow.queuedBytes).toBeGreaterThan(0)
    world.run(LATENCY + 2)
    expect(flow.queuedBytes).toBe(0)
  })

  test('a stream of 60 unreliable messages a second toward the end that moves pauses for no more than two round trips', () => {
    const { world, a, session, far } = pair(7)
    const log = watch(world, a)
    stream(world, [unreliable(far), unreliable(session)], 2, (n) => {
      if (n === 60) a.address = MOBILE
    })
    expect(log.pause()).toBeLessThanOrEqual(2 * RTT + 2 * FRAME)
    expect(log.numbers.length).toBeGreaterThan(105)
  })

  test('nor does it when the end that moves sends nothing of its own, and says at once that it has moved', () => {
    const { world, a, far } = pair(13)
    const log = watch(world, a)
    stream(world, [unreliable(far)], 2, (n) => {
      if (n !== 60) return
      a.address = MOBILE
      a.endpoint.nearAddressChanged(world.now)
    })
    expect(log.pause()).toBeLessThanOrEqual(2 * RTT + 2 * FRAME)
    expect(log.numbers.length).toBeGreaterThan(105)
  })

  test('a stream from the end that moves does not pause at all', () => {
    const { world, a, b, session } = pair(8)
    const log = watch(world, b)
    stream(world, [unreliable(session)], 2, (n) => {
      if (n === 60) a.address = MOBILE
    })
    expect(log.numbers).toHaveLength(120)
    expect(log.pause()).toBeLessThanOrEqual(LATENCY + FRAME)
  })

  test('both ends move at the same time, and find each other again through an introducer', () => {
    const world = new World(9, { latency: LATENCY })
    const introducer = world.add({
      introduce: (epd) => {
        for (const session of introducer.endpoint.sessions) {
          const fingerprint = session.farCertificate?.fingerprint
          if (fingerprint === undefined || Buffer.compare(fingerprintEpd(fingerprint), epd) !== 0) continue
          return { addresses: [{ address: session.farAddress!, origin: 2 }], forwardTo: session }
        }
        return undefined
      },
    })
    const a = world.add()
    const b = world.add()
    const epd = fingerprintEpd(b.endpoint.identity.fingerprint)
    for (const node of [a, b]) {
      const options = {
        epd: fingerprintEpd(introducer.endpoint.identity.fingerprint),
        candidates: [introducer.address],
        acceptForwarded: true,
      }
      node.endpoint.open(options, world.now)
    }
    world.run(500)
    const session = a.endpoint.open({ epd, candidates: [introducer.address] }, world.now)
    world.run(500)
    expect(session.state).toBe('open')
    const far = [...b.endpoint.sessions].find((s) => s.farPeerId === a.endpoint.identity.peerId)!
    a.onEvent = (event) => {
      if (event.type === 'session-silent') a.endpoint.open({ epd, candidates: [introducer.address], timeout: 3_000 }, world.now)
    }
    a.address = WIFI
    b.address = MOBILE
    const silentFor = (milliseconds: number): boolean => {
      world.run(milliseconds)
      return session.farAddress!.equals(MOBILE) && far.farAddress!.equals(WIFI)
    }
    expect(silentFor(4_500)).toBe(true)
    expect([session.state, far.state]).toEqual(['open', 'open'])
    const log = watch(world, b)
    reliable(session).write(Uint8Array.of(0, 42), world.now)
    world.run(RTT)
    expect(log.numbers).toEqual([42])
    expect([...a.endpoint.sessions].filter((s) => s.farPeerId === far.farPeerId)).toHaveLength(0)
  })

  test('RFC 7016 §3.5.4: a ping is answered at the address that it came from, with its message unaltered', () => {
    const { world, session, far, a } = pair(10)
    const packets = inspect(world, session)
    const sent: string[] = []
    world.filter = (_datagram, from, to) => {
      if (!from.equals(a.address)) sent.push(to.key)
      return true
    }
    session.nearAddressChanged(world.now)
    a.address = WIFI
    world.run(LATENCY + 1)
    // The answer to the keepalive, and the far end's own question, in one packet.
    expect(sent.filter((to) => to === WIFI.key)).toHaveLength(1)
    world.run(2 * RTT)
    expect(packets[0]?.chunks.map(({ type }) => type)).toEqual([CHUNK_PING_REPLY, CHUNK_PING])
    expect(packets[0]?.chunks[0]?.length).toBe(0)
    expect(far.farAddress).toBe(WIFI)
  })

  test('an end that no longer answers is told of before its session is given up', () => {
    const { world, a, b } = pair(11)
    world.filter = (_datagram, from) => !from.equals(b.address)
    world.run(10_000)
    const told = a.events.map((event) => event.type).filter((type) => type.startsWith('session-') && type !== 'session-open')
    expect(told).toEqual(['session-silent', 'session-closed'])
  })

  test('an address that leads nowhere is tried in vain, and harms nothing', () => {
    const { world, session, far } = pair(12)
    session.tryAddress(MOBILE, world.now)
    world.run(3_000)
    expect(session.state).toBe('open')
    expect(session.farAddress).not.toBe(MOBILE)
    expect(far.state).toBe('open')
  })
})
