import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import {
  AMPLIFICATION_LIMIT,
  KEYINGS_OF_SOURCE,
  KEYINGS_PER_SECOND,
  MAX_CHUNK_ERRORS,
  MAX_UNCONFIRMED_SESSIONS,
} from '../../src/rtmfp/constants.ts'
import { KeyingLimit } from '../../src/rtmfp/keying-limit.ts'
import { footprint } from '../simulation/footprint.ts'
import { epdOf, greet, hand, identityOf, ihello, iikeying, openSessions, sealLong } from './by-hand.ts'
import { World } from './world.ts'

describe('a flood of hellos from anywhere', () => {
  test('leaves nothing behind, and those who mean it get in meanwhile', () => {
    const world = new World(1)
    const b = world.add()
    const random = seededRandom(1)
    const epd = epdOf(b)
    const flood = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const from = Address.of(random.fill(new Uint8Array(4)), random.uint32() & 0xffff)
        b.endpoint.receive(ihello(epd, random.fill(new Uint8Array(16))), from, world.now)
        if (i % 50 === 0) world.settle()
      }
      world.settle()
    }
    flood(500)
    const before = footprint(b.endpoint)
    for (let friend = 0; friend < 5; friend++) {
      const a = world.add()
      const session = world.connect(a, b)
      for (let i = 0; i < 20 && session.state !== 'open'; i++) {
        flood(100)
        world.run(10)
      }
      expect(session.state).toBe('open')
      session.abort()
      world.run(100)
    }
    world.run(200_000)
    const after = footprint(b.endpoint)
    expect([...after.lists]).toEqual([...before.lists])
    expect(after.bytes).toBeLessThanOrEqual(before.bytes + 1_000)
    expect(b.endpoint.sessionCount).toBe(0)
  }, 60_000)
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
      const session = b.endpoint.createIncoming()!
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
  test('no start-up path sends an address that has not proved itself more than three times what it sent', () => {
    const world = new World(5)
    const peer = world.add({}, { groups: [31, 14, 5, 2] })
    const local = Array.from({ length: 8 }, (_, i) => ({ address: Address.from('2001:db8::9', 1 + i), origin: 1 }))
    const introducer = world.add({
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
      expect(sent).toBeLessThanOrEqual(AMPLIFICATION_LIMIT * packet.length)
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
    expect(answered).toBeGreaterThan(15)
  })
})
