import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import { randomUnit } from '../../src/base/random.ts'
import { nearPrevails } from '../../src/crypto/glare.ts'
import { KEYING_NUDGE_INTERVAL, STARTUP_FIRST_INTERVAL } from '../../src/rtmfp/constants.ts'
import { CHUNK_IIKEYING, CHUNK_RIKEYING } from '../../src/wire/chunk.ts'
import { epdOf, greet, hand, identityOf, iikeying, ofType, openSessions, story, watch } from './by-hand.ts'
import type { Seen } from './by-hand.ts'
import { World } from './world.ts'
import type { Conditions, Node } from './world.ts'

/** Two ends, the one that prevails in glare first. */
function rivals(seed: number, conditions: Partial<Conditions> = {}): { world: World; winner: Node; loser: Node } {
  const world = new World(seed, conditions)
  const [a, b] = [world.add(), world.add()]
  const aPrevails = nearPrevails(a.endpoint.identity.certificate.bytes, b.endpoint.identity.certificate.bytes)
  return { world, winner: aPrevails ? a : b, loser: aPrevails ? b : a }
}

/** The ends have one session, the same, which carries messages both ways. */
function expectOneSession(world: World, a: Node, b: Node): void {
  const [near, far] = [openSessions(a), openSessions(b)]
  expect([near.length, far.length]).toEqual([1, 1])
  expect(near[0]!.nearNonce).toEqual(far[0]!.farNonce)
  for (const session of [near[0]!, far[0]!]) session.openFlow({ metadata: utf8('x') }).write(utf8('hello'), world.now)
  world.run(5_000)
  for (const node of [a, b]) expect(node.events.filter((event) => event.type === 'message')).toHaveLength(1)
}

describe('glare', () => {
  test('RFC 7425 §4.3.6: the end whose certificate comes first stays the initiator, the other gives its own attempt up', () => {
    for (let seed = 0; seed < 10; seed++) {
      const { world, winner, loser } = rivals(seed)
      const ours = world.connect(winner, loser)
      const theirs = world.connect(loser, winner)
      world.run(500)
      expect([ours.state, theirs.state]).toEqual(['open', 'open-failed'])
      expect(openSessions(winner)[0]).toBe(ours)
      expect(openSessions(loser)[0]!.isInitiator).toBe(false)
      expect(story(winner)).toEqual(['session-open'])
      expect(story(loser)).toEqual(['session-failed duplicate', 'session-open'])
      expect(winner.endpoint.stats.drops.get('glare')).toBe(1)
      expectOneSession(world, winner, loser)
    }
  })

  test('RFC 7016 §3.5.1.3: the prevailing end goes on to ignore the other’s keying, though its own is lost at first', () => {
    const { world, winner, loser } = rivals(20)
    let lost = 0
    const seen = watch(world, ({ type, from }) => type !== CHUNK_IIKEYING || !from.equals(winner.address) || ++lost > 2)
    const ours = world.connect(winner, loser)
    world.connect(loser, winner)
    world.run(10_000)
    expect(ours.state).toBe('open')
    expect(ofType(seen, CHUNK_RIKEYING).map(({ from }) => from.key)).toEqual([loser.address.key])
    expectOneSession(world, winner, loser)
  })

  test('RFC 7016 §3.5.1.3: the prevailing end whose keying is lost says it again as soon as it hears the other’s, not when its own time has come', () => {
    const { world, winner, loser } = rivals(22)
    let lost = 0
    watch(world, ({ type, from }) => type !== CHUNK_IIKEYING || !from.equals(winner.address) || ++lost > 1)
    const ours = world.connect(winner, loser)
    world.run(KEYING_NUDGE_INTERVAL + 50)
    expect([lost, ours.state]).toEqual([1, 'keying-sent'])
    world.connect(loser, winner)
    world.run(STARTUP_FIRST_INTERVAL - KEYING_NUDGE_INTERVAL - 100)
    expect([lost, ours.state]).toEqual([2, 'open'])
    expectOneSession(world, winner, loser)
  })

  test('RFC 7016 §3.5.1.3: a keying that was overtaken by the end of the glare does not end the session', () => {
    const { world, winner, loser } = rivals(21)
    const late: Seen[] = []
    watch(world, (seen) => {
      if (seen.type !== CHUNK_IIKEYING || !seen.from.equals(loser.address)) return true
      late.push(seen)
      return false
    })
    const ours = world.connect(winner, loser)
    world.connect(loser, winner)
    world.run(300)
    expect(ours.state).toBe('open')
    expect(late).toHaveLength(1)
    expect(hand(world, winner, late[0]!.datagram, loser.address)).toBe('keying older than the session')
    world.run(300)
    expect(story(winner)).toEqual(['session-open'])
    expectOneSession(world, winner, loser)
  })

  test('one that begins while the other’s keying is on its way ends in one session as well', () => {
    for (const after of [10, 30, 45, 55, 65, 75]) {
      for (const winnerFirst of [true, false]) {
        const { world, winner, loser } = rivals(22)
        const [first, second] = winnerFirst ? [winner, loser] : [loser, winner]
        world.connect(first, second)
        world.run(after)
        world.connect(second, first)
        world.run(5_000)
        expectOneSession(world, first, second)
      }
    }
  })

  test('RFC 7016 §3.5.1.3: in networks that lose, repeat and reorder packets, too, one session results, which works both ways', () => {
    for (let seed = 100; seed < 400; seed++) {
      const { world, winner, loser } = rivals(seed, { latency: 30, jitter: 150, duplicate: 0.3, loss: 0.15 })
      world.connect(winner, loser)
      world.run(randomUnit(world.random) * 150)
      world.connect(loser, winner)
      world.run(randomUnit(world.random) < 0.5 ? 4_000 : 30_000)
      Object.assign(world.conditions, { jitter: 0, duplicate: 0, loss: 0 })
      world.run(8_000)
      expectOneSession(world, winner, loser)
    }
  })

  test('RFC 7016 §3.5.1.3: the keying of a third one from the address that is tried is decided by the certificates alone, and harms no attempt', () => {
    const outcomes = new Set<string>()
    for (let seed = 500; seed < 520; seed++) {
      const world = new World(seed)
      const [a, b] = [world.add(), world.add()]
      watch(world, ({ type }) => type !== CHUNK_IIKEYING)
      const session = a.endpoint.open({ epd: epdOf(b), candidates: [b.address] }, world.now)
      world.run(45)
      const third = identityOf(world)
      const keying = iikeying(world, a, { identity: third, cookie: greet(world, a, b.address).cookie })
      const outcome = hand(world, a, keying, b.address)
      outcomes.add(outcome ?? 'accepted')
      expect(outcome).toBe(nearPrevails(a.endpoint.identity.certificate.bytes, third.certificate.bytes) ? 'glare' : undefined)
      // The certificate is not the one that overrides: the attempt goes on.
      expect(session.state).toBe('keying-sent')
      world.filter = () => true
      world.run(3_000)
      expect(session.state).toBe('open')
    }
    expect([...outcomes].sort()).toEqual(['accepted', 'glare'])
  })
})
