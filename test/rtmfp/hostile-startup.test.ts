import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { utf8 } from '../../src/base/bytes.ts'
import {
  AMPLIFICATION_LIMIT,
  KEYINGS_OF_SOURCE,
  KEYINGS_PER_SECOND,
  MAX_CHUNK_ERRORS,
  MAX_UNCONFIRMED_SESSIONS,
  STARTUP_OF_SOURCE,
  STARTUP_PACKETS,
  STARTUP_WINDOW,
} from '../../src/rtmfp/constants.ts'
import { KeyingLimit } from '../../src/rtmfp/keying-limit.ts'
import { StartupGate } from '../../src/rtmfp/startup-gate.ts'
import { footprint } from '../simulation/footprint.ts'
import { epdOf, greet, hand, identityOf, ihello, iikeying, openSessions, sealLong } from './by-hand.ts'
import { eventsOf } from './tap.ts'
import { SERVER_AMPLIFICATION } from '../../src/introducer/constants.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

describe('100,000 hellos a second', () => {
  const PER_MILLISECOND = 100

  /** Hellos to a node from addresses that `next` gives, until all that is asked for has come true, or for so long. @returns How long. */
  function flood(world: World, node: Node, next: (i: number) => Address, until: () => boolean, most: number): number {
    const epd = epdOf(node)
    const hellos = Array.from({ length: 256 }, () => ihello(epd, world.random.fill(new Uint8Array(16))))
    let sent = 0
    for (let passed = 0; passed < most; passed++) {
      if (until()) return passed
      for (let i = 0; i < PER_MILLISECOND; i++, sent++) {
        node.endpoint.receive(hellos[sent & 255]!, next(sent), world.now)
        if (i % 10 === 0) world.settle()
      }
      world.run(1)
    }
    return most
  }

  function fromAnywhere(world: World): () => Address {
    return () => Address.of(world.random.fill(new Uint8Array(4)), 1 + (world.random.uint32() % 65_535))
  }

  test('from anywhere: those who mean it get in, who is there does not notice, and nothing is left behind', () => {
    const world = new World(1)
    const b = world.add()
    const player = world.add()
    const session = world.connect(player, b)
    world.run(500)
    const flow = session.openFlow({ metadata: utf8('game') })
    const before = footprint(b.endpoint)
    const drops = (): number => b.endpoint.stats.drops.get('too many start-up packets') ?? 0
    const anywhere = fromAnywhere(world)
    // A moment to begin with.
    flood(world, b, anywhere, () => false, 100)
    const heap = footprint(b.endpoint).bytes
    const friends = Array.from({ length: 10 }, () => world.connect(world.add(), b))
    let ticks = 0
    const answered = b.endpoint.stats.datagramsSent
    const took = flood(
      world,
      b,
      (i) => {
        if (i % (16 * PER_MILLISECOND) === 0) {
          flow.write(utf8('tick'), world.now)
          ticks++
        }
        return anywhere()
      },
      () => world.now > 2_000 && friends.every(({ state }) => state === 'open'),
      4_000,
    )
    expect(friends.map(({ state }) => state)).toEqual(friends.map(() => 'open'))
    // The first hello may go unheard, half a second later the second does not.
    expect(took).toBeLessThan(1_500)
    expect(drops()).toBeGreaterThan(0.8 * took * PER_MILLISECOND)
    expect(b.endpoint.stats.datagramsSent - answered).toBeLessThan(((2 * STARTUP_PACKETS) / STARTUP_WINDOW) * took * 1.2)
    expect(Math.abs(footprint(b.endpoint).bytes - heap)).toBeLessThan(200_000)
    world.run(100)
    expect(eventsOf(b, 'message')).toHaveLength(ticks)
    for (const friend of [...friends, session]) friend.abort()
    world.run(200_000)
    const after = footprint(b.endpoint)
    expect([...after.lists.keys()].filter((path) => !before.lists.has(path))).toEqual([])
    expect(after.bytes).toBeLessThanOrEqual(before.bytes)
    expect(b.endpoint.sessionCount).toBe(0)
  }, 60_000)

  test('from 5,000 addresses again and again: who does not stop is not heard, who comes a few times is', () => {
    const world = new World(6)
    const b = world.add()
    const sources = Array.from({ length: 5_000 }, fromAnywhere(world))
    const again = (i: number): Address => sources[i % sources.length]!
    flood(world, b, again, () => false, 1_000)
    const friends = Array.from({ length: 5 }, () => world.connect(world.add(), b))
    const took = flood(world, b, again, () => friends.every(({ state }) => state === 'open'), 4_000)
    expect(friends.map(({ state }) => state)).toEqual(friends.map(() => 'open'))
    expect(took).toBeLessThan(3_000)
  }, 60_000)

  test('toward an end that opens a session itself: the answers that it waits for come through', () => {
    const world = new World(7)
    const b = world.add()
    const far = world.add()
    const anywhere = fromAnywhere(world)
    flood(world, b, anywhere, () => false, 100)
    const session = world.connect(b, far)
    expect(flood(world, b, anywhere, () => session.state === 'open', 1_000)).toBeLessThan(200)
  })

  test('from one network with addresses without end: it gets its share, and others theirs', () => {
    const gate = new StartupGate(5, () => false)
    const passed = { crowd: 0, others: 0 }
    for (let i = 0; i < 100_000; i++) {
      const now = i / PER_MILLISECOND
      // Each address twice, so that it counts as known.
      const crowd = Address.from(`2001:db8::${((i >> 1) & 0xffff).toString(16)}`, 1)
      if (gate.passes(crowd, now)) passed.crowd++
    }
    for (let i = 0; i < 40; i++) {
      const other = Address.from(`192.0.2.${i}`, 9)
      gate.passes(other, 1_010)
      if (gate.passes(other, 1_010)) passed.others++
    }
    expect(passed.others).toBe(40)
    expect(passed.crowd).toBeLessThanOrEqual((1_000 / STARTUP_WINDOW) * STARTUP_PACKETS + STARTUP_OF_SOURCE)
  })
})

describe('a flood of keyings, each with a cookie that is good', () => {
  test('of one source no more are verified in a second than its share, and others get in all the same', () => {
    const world = new World(2)
    const b = world.add()
    const identity = identityOf(world)
    let dropped = 0
    for (let port = 1; port <= KEYINGS_OF_SOURCE + 40; port++) {
      const from = Address.from('192.0.2.66', port)
      const keying = iikeying(world, b, { identity, sessionId: port, cookie: greet(world, b, from).cookie })
      if (hand(world, b, keying, from) === 'too many keyings') dropped++
      world.run(1)
    }
    expect(dropped).toBe(40)
    const friend = world.connect(world.add(), b)
    world.run(500)
    expect(friend.state).toBe('open')
    // In the next second there are as many again.
    world.run(1_000)
    const from = Address.from('192.0.2.66', 5_000)
    const keying = iikeying(world, b, { identity, sessionId: 5_000, cookie: greet(world, b, from).cookie })
    expect(hand(world, b, keying, from)).toBeUndefined()
  }, 60_000)

  test('from everywhere: no more than all may, and what is remembered is no more either', () => {
    const limit = new KeyingLimit()
    let taken = 0
    for (let i = 0; i < 10_000; i++) if (limit.take(Address.from(`10.${i >> 8}.${i & 255}.1`, 1), 500)) taken++
    expect(taken).toBe(KEYINGS_PER_SECOND)
    expect(footprint(limit).entries).toBe(KEYINGS_PER_SECOND)
    expect(limit.take(Address.from('10.0.0.1', 1), 1_500)).toBe(true)
    expect(footprint(limit).entries).toBe(1)
    // An IPv6 subscriber has a whole network of addresses.
    let network = 0
    for (let i = 0; i < 1_000; i++) if (limit.take(Address.from(`2001:db8::${i.toString(16)}`, 1), 1_600)) network++
    expect(network).toBe(KEYINGS_OF_SOURCE)
    expect(limit.take(Address.from('127.0.0.1', 1), 1_600)).toBe(true)
  })

  test('sessions whose first packet has not come are limited: the oldest goes, and no session that is in use', () => {
    const world = new World(3)
    const b = world.add()
    const friend = world.connect(world.add(), b)
    world.run(500)
    const waiting = [...Array(MAX_UNCONFIRMED_SESSIONS + 5).keys()].map(() => {
      const session = b.endpoint.createIncoming(Address.from('127.0.0.1', 1))!
      b.endpoint.awaitFirstPacket(session)
      return session
    })
    expect(footprint(b.endpoint).lists.get('.unconfirmed')).toBe(MAX_UNCONFIRMED_SESSIONS)
    expect(waiting.slice(0, 5).every((session) => !openSessions(b).includes(session))).toBe(true)
    world.run(2_000)
    expect(friend.state).toBe('open')
  })
})

describe('packets that are all errors', () => {
  test('are given up after some', () => {
    const world = new World(4)
    const b = world.add()
    const epd = epdOf(b)
    const hello = ihello(epd)
    expect(hand(world, b, hello, Address.from('192.0.2.1', 1))).toBeUndefined()
    const spoiled = (errors: number): Uint8Array =>
      sealLong((w) => {
        for (let i = 0; i < errors; i++) for (const byte of [0x30, 0, 1, 0xff]) w.uint8(byte)
        // A hello in its chunk: type, length, discriminator, tag.
        w.uint8(0x30)
        w.uint16(1 + epd.length + 16)
        w.uint8(epd.length)
        w.raw(epd)
        w.raw(new Uint8Array(16))
        w.raw(new Uint8Array(100).fill(0xff))
      })
    const before = b.endpoint.stats.datagramsSent
    hand(world, b, spoiled(MAX_CHUNK_ERRORS - 1), Address.from('192.0.2.1', 1))
    expect(b.endpoint.stats.datagramsSent).toBe(before + 1)
    hand(world, b, spoiled(MAX_CHUNK_ERRORS), Address.from('192.0.2.1', 1))
    expect(b.endpoint.stats.datagramsSent).toBe(before + 1)
  })
})

describe('amplification', () => {
  test.each([
    [AMPLIFICATION_LIMIT, 15],
    [SERVER_AMPLIFICATION, 5],
  ])('no start-up path sends an address that has not proved itself more than %d times what it sent', (amplificationLimit, least) => {
    const world = new World(5)
    const peer = world.add({ amplificationLimit }, { groups: [31, 14, 5, 2] })
    const local = Array.from({ length: 8 }, (_, i) => ({ address: Address.from('2001:db8::9', 1 + i), origin: 1 }))
    const introducer = world.add({
      amplificationLimit,
      introduce: () => ({ addresses: local, forwardTo: [...introducer.endpoint.sessions].find(({ state }) => state === 'open') }),
    })
    const toIntroducer = { epd: epdOf(introducer), candidates: [introducer.address], acceptForwarded: true }
    peer.endpoint.open(toIntroducer, world.now)
    world.run(500)
    const victim = Address.from('198.51.100.77', 7)
    let sent = 0
    world.filter = (datagram, _from, to) => {
      if (to.equals(victim)) sent += datagram.length
      return true
    }
    let answered = 0
    const attack = (packet: Uint8Array, to: typeof peer): void => {
      sent = 0
      world.inject(packet, victim, to.address)
      world.run(700)
      if (sent > 0) answered++
      expect(sent).toBeLessThanOrEqual(amplificationLimit * packet.length)
    }
    // Hellos to the one that is meant and to its introducer, short and long.
    for (let padding = 0; padding < 300; padding += 20) {
      for (const to of [peer, introducer]) {
        const hello = sealLong((w) => {
          w.uint8(0x30)
          w.uint16(1 + 34 + 16)
          w.uint8(34)
          w.raw(epdOf(peer))
          w.raw(new Uint8Array(16).fill(padding))
          w.raw(new Uint8Array(padding).fill(0xff))
        })
        attack(hello, to)
      }
    }
    // A keying with a cookie that was made for somebody else.
    const cookie = greet(world, peer, Address.from('203.0.113.1', 1)).cookie
    attack(
      iikeying(world, peer, { identity: identityOf(world), cookie, component: new Uint8Array(0), certificate: new Uint8Array(0) }),
      peer,
    )
    expect(answered).toBeGreaterThan(least)
  })
})
