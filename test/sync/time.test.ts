import { describe, expect, test } from '@jest/globals'
import { randomUnit, seededRandom } from '../../src/base/random.ts'
import { entities, game, t } from '../../src/entry/main.ts'
import { JitterBuffer } from '../../src/sync/core/jitter-buffer.ts'
import { SessionClock } from '../../src/sync/core/session-clock.ts'
import { simulate } from '../../src/testing/simulate.ts'

describe('the session’s clock', () => {
  test.each([
    ['steady', { jitter: 0, offset: 5_000, drift: 0 }],
    ['10 ms of jitter', { jitter: 10, offset: -123_456.7, drift: 0 }],
    ['10 ms of jitter, and a crystal that is 50 millionths off', { jitter: 10, offset: 98_765.4, drift: 50e-6 }],
  ])('100 ms there and back, %s: within 2 ms, and knows how far it may be off', (_what, { jitter, offset, drift }) => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seededRandom(seed)
      const clock = new SessionClock()
      // The reference's time, of which this machine's clock tells something else.
      const localAt = (time: number): number => time * (1 + drift) + offset
      let last = -Infinity
      for (let n = 0, at = 0; n < 160; n++, at += n < 32 ? 100 : 500) {
        const there = at + 50 - jitter / 2 + jitter * randomUnit(random)
        const back = there + 50 - jitter / 2 + jitter * randomUnit(random)
        clock.sample(localAt(at), there, localAt(back))
        const now = clock.now(localAt(back))
        expect(now).toBeGreaterThanOrEqual(last)
        last = now
        if (n < 31) continue
        const off = Math.abs(now - back)
        expect({ seed, n, within: off <= 2 }).toEqual({ seed, n, within: true })
        expect(off).toBeLessThanOrEqual(Math.max(2, clock.error(localAt(back))))
        expect(clock.error(localAt(back))).toBeLessThan(3)
      }
    }
  })

  test('a correction is spread over time, unless it is large; time never goes back', () => {
    const clock = new SessionClock()
    clock.sample(0, 1_050, 100)
    expect(clock.now(100)).toBe(1_100)
    for (let n = 0; n < 40; n++) clock.sample(200 + n, 1_220 + n, 300 + n)
    expect(clock.now(340)).toBeGreaterThanOrEqual(1_100)
    expect(clock.now(2_000)).toBeCloseTo(2_970, -1)
    expect(clock.error(2_000)).toBeLessThan(5)
  })

  test('a new reference goes on from where the one before was', () => {
    const clock = new SessionClock()
    clock.sample(0, 5_050, 100)
    clock.lead(200)
    expect(clock.now(300)).toBe(5_300)
    expect(clock.error(300)).toBeLessThan(0.1)
  })

  test('in a room: all members have the same time, the host’s, also when it goes', async () => {
    const clocked = game('test.clock', { protocol: 1, entities: { dot: entities({ x: t.uint8 }) } })
    for (let seed = 1; seed <= 2; seed++) {
      const net = simulate({ seed, rtt: 100, jitter: 10, deadAfter: 2_000 })
      const rooms = await net.players(clocked, 3)
      await net.run(3_000)
      const spread = (): number => Math.max(...rooms.map((room) => room.now())) - Math.min(...rooms.map((room) => room.now()))
      expect(spread()).toBeLessThanOrEqual(2)
      net.crash(rooms.shift()!)
      const before = rooms[0]!.now()
      await net.run(6_000)
      expect(rooms[0]!.now() - before).toBeCloseTo(6_000, -1)
      expect(spread()).toBeLessThanOrEqual(4)
    }
  })
})

test('what is shown is as far behind as the jitter asks for', () => {
  const random = seededRandom(5)
  const delayOf = (jitter: number): number => {
    const buffer = new JitterBuffer()
    for (let i = 0; i < 500; i++) buffer.add(40 + jitter * randomUnit(random), 50)
    return buffer.delay
  }
  // Latency, a round, and what the latest ones are late.
  expect(delayOf(0)).toBeCloseTo(92, 0)
  expect(delayOf(60)).toBeGreaterThan(140)
  expect(delayOf(60)).toBeLessThan(155)
  expect(delayOf(5_000)).toBe(500)
})

describe('smooth fields', () => {
  const moving = game('test.moving', {
    protocol: 1,
    entities: { dot: entities({ x: t.fixed(-1_000, 1_000, 0.01), hp: t.uint8 }, { smooth: ['x'], snap: 100 }) },
  })

  test('move between updates, rest when it rests, and jump when it jumps', async () => {
    const net = simulate({ rtt: 60, jitter: 10, seed: 2 })
    const [a, b] = await net.players(moving, 2)
    await net.run(2_000)
    const dot = a!.entities.dot.spawn({ x: 0 })
    await net.run(1_000)
    const there = b!.entities.dot.get(dot.id)!
    const shown: number[] = []
    // 60 units a second, written 100 times a second, sent 20 times.
    for (let i = 0; i < 200; i++) {
      dot.x += 0.6
      await net.run(10)
      shown.push(there.x)
    }
    const steps = shown.slice(60).map((x, i, all) => x - (all[i - 1] ?? x))
    expect(Math.max(...steps.slice(1))).toBeLessThan(1.3)
    expect(Math.min(...steps.slice(1))).toBeGreaterThan(0.1)
    // Behind by latency, a round and jitter, no more.
    expect(dot.x - shown.at(-1)!).toBeLessThan(60 * 0.15)
    await net.run(1_000)
    expect(there.x).toBeCloseTo(dot.x, 1)
    const rest = there.x
    await net.run(2_000)
    expect(there.x).toBe(rest)
    // After a rest it sets off from where it was, not on a line from long ago.
    dot.x += 10
    const way: number[] = []
    for (let i = 0; i < 50; i++) {
      await net.run(10)
      way.push(there.x - rest)
    }
    expect(way.filter((x) => x > 0.1 && x < 9.9).length).toBeLessThan(8)
    expect(way.at(-1)).toBeCloseTo(10, 1)
    dot.x = -900
    const jump: number[] = []
    for (let i = 0; i < 50; i++) {
      await net.run(10)
      jump.push(there.x)
    }
    expect(new Set(jump.map(Math.round)).size).toBe(2)
    expect(there.latest().x).toBe(-900)
    expect(net.errors).toEqual([])
  })
})
