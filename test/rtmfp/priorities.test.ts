import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import { PRIORITY_LEVELS, TIME_CRITICAL_MEMORY } from '../../src/rtmfp/constants.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { dataOf } from './inspect.ts'
import { ends, eventsOf, numbersOf, tap } from './tap.ts'
import type { Ends, Tap } from './tap.ts'

const META = utf8('state')
/** One way, milliseconds. */
const LATENCY = 20

/** The flows whose data the packets bear, one entry a packet. */
function flowsOf({ packets }: Tap): number[] {
  return packets.flatMap(({ chunks }) => chunks.find(({ data }) => data !== undefined)?.data?.flowId ?? [])
}

describe('priorities', () => {
  test('while there is more than may be sent, the eight levels are served from the highest to the lowest', () => {
    const { world, near, toFar } = ends(1)
    const flows = Array.from({ length: PRIORITY_LEVELS }, (_, priority) => near.openFlow({ metadata: META, priority }))
    for (const flow of flows) for (let i = 0; i < 20; i++) flow.write(new Uint8Array(1_000), world.now)
    world.runUntil(() => flows.every((flow) => flow.queuedBytes === 0))
    const levels = flowsOf(toFar).map((id) => flows.find((flow) => flow.id === id)!.priority)
    expect(levels).toHaveLength(8 * 20)
    expect(levels).toEqual(levels.toSorted((one, other) => other - one))
  })

  test('a flow that names none is in the middle, below 4 and above 2', () => {
    const { world, near, toFar } = ends(2)
    const flows = [
      near.openFlow({ metadata: META, priority: 2 }),
      near.openFlow({ metadata: META }),
      near.openFlow({ metadata: META, priority: 4 }),
    ]
    for (const flow of flows) flow.write(new Uint8Array(1_000), world.now)
    world.run(100)
    expect(flowsOf(toFar)).toEqual([3, 2, 1])
  })

  test('an urgent message waits for no more than what is in flight, however much is queued below it', () => {
    const { world, b, near } = ends(3)
    const bulk = near.openFlow({ metadata: META, priority: 0, maxQueuedBytes: 10_000_000 })
    for (let i = 0; i < 9; i++) bulk.write(new Uint8Array(1_000_000), world.now)
    const urgent = near.openFlow({ metadata: META, priority: 7 })
    for (let i = 0; i < 6; i++) {
      world.run(37)
      const from = world.now
      urgent.write(Uint8Array.of(i), world.now)
      world.runUntil(() => eventsOf(b, 'message').some(({ flow, data }) => flow.id === urgent.id && data[0] === i))
      // The next acknowledgement lets it go; there is one in each round trip.
      expect(world.now - from).toBeLessThanOrEqual(3 * LATENCY + 10)
    }
    expect(bulk.queuedBytes).toBeGreaterThan(1_000_000)
  })

  test('a lost fragment of a higher level goes again before the next ones of a lower', () => {
    const { world, b, near, toFar } = ends(4)
    const bulk = near.openFlow({ metadata: META, priority: 1 })
    const urgent = near.openFlow({ metadata: META, priority: 6 })
    let lost = false
    toFar.loses = ({ chunks }) => !lost && (lost = chunks.some(({ data }) => data?.flowId === urgent.id))
    urgent.write(Uint8Array.of(1), world.now)
    bulk.write(new Uint8Array(500_000), world.now)
    world.run(8 * LATENCY)
    expect(lost).toBe(true)
    expect(numbersOf(b)).toEqual([1])
    expect(bulk.queuedBytes).toBeGreaterThan(400_000)
  })

  test('equals have turns of one packet each, whatever the length of their messages', () => {
    const { world, near, toFar } = ends(5)
    const lengths = [1_000, 50_000, 1_100]
    const flows = lengths.map(() => near.openFlow({ metadata: META, priority: 5 }))
    lengths.forEach((length, i) => {
      for (let sent = 0; sent < 200_000; sent += length) flows[i]!.write(new Uint8Array(length), world.now)
    })
    world.run(1_000)
    const turns = flowsOf(toFar).slice(0, 90)
    expect(turns).toEqual(Array.from({ length: 90 }, (_, i) => 1 + (i % 3)))
  })

  test('what is left of a packet goes to the next flow, of a lower level as well', () => {
    const { world, near, toFar } = ends(6)
    for (const priority of [1, 7, 4]) near.openFlow({ metadata: META, priority }).write(new Uint8Array(100), world.now)
    world.run(50)
    expect(toFar.packets.map((packet) => dataOf([packet]).map(({ flowId }) => flowId))).toEqual([[2, 3, 1]])
  })
})

describe('real-time data', () => {
  test('RFC 7016 §3.6.2.3 step 18: each packet with data of a time critical flow bears the mark, sent again or not, and no other does', () => {
    const { world, near, toFar, far } = ends(10)
    const ordinary = near.openFlow({ metadata: META })
    const critical = near.openFlow({ metadata: META, timeCritical: true, priority: 6 })
    const back = far.openFlow({ metadata: META })
    let lost = 0
    toFar.loses = ({ chunks }) => chunks.some(({ data }) => data?.flowId === critical.id) && lost++ % 3 === 0
    for (let i = 0; i < 100; i++) {
      if (i % 2 === 0) ordinary.write(new Uint8Array(i * 7), world.now)
      if (i % 5 === 0) critical.write(Uint8Array.of(i), world.now)
      if (i % 3 === 0) back.write(Uint8Array.of(i), world.now)
      world.run(11)
    }
    world.run(2_000)
    const marks = toFar.packets.map(({ header, chunks }) => [header.timeCritical, chunks.some(({ data }) => data?.flowId === critical.id)])
    expect(marks.every(([marked, bears]) => marked === bears)).toBe(true)
    expect(marks.filter(([marked]) => marked).length).toBeGreaterThan(20)
    expect(marks.filter(([marked]) => !marked).length).toBeGreaterThan(20)
  })

  interface Three extends Ends {
    /** A third end's session with `b`, and what comes to it. */
    readonly third: Session
    readonly toThird: Tap
  }

  /** `a` and a third end have sessions with `b`; `a` has sent real-time data or not. */
  function three(seed: number): Three {
    const all = ends(seed)
    const c = all.world.add({ keepaliveInterval: 1e9, deadAfter: 1e9 })
    const third = all.world.connect(c, all.b)
    all.world.run(300)
    return { ...all, third, toThird: tap(all.world, third) }
  }

  test('RFC 7016 §2.2.4, §3.5.2.1: for 800 ms a receiver of real-time data says so to its other senders, not to the one that sent it', () => {
    const { world, near, third, far, toThird, toNear } = three(11)
    const flow = third.openFlow({ metadata: META })
    const said = (): boolean[] => {
      toThird.packets.length = 0
      // Two packets, which are acknowledged at once.
      for (let i = 0; i < 2; i++) flow.write(new Uint8Array(1_000), world.now)
      world.run(2 * LATENCY + 1)
      return toThird.packets.map(({ header }) => header.timeCriticalReverse)
    }
    expect(said()).toEqual([false])
    near.openFlow({ metadata: META, timeCritical: true }).write(Uint8Array.of(1), world.now)
    world.run(LATENCY)
    const receivedAt = world.now
    expect(said()).toEqual([true])
    world.run(receivedAt + TIME_CRITICAL_MEMORY - LATENCY - world.now)
    expect(said()).toEqual([true])
    expect(said()).toEqual([false])
    // What goes back to the sender of the real-time data is never marked.
    far.openFlow({ metadata: META }).write(Uint8Array.of(1), world.now)
    world.run(100)
    expect(toNear.packets.some(({ header }) => header.timeCriticalReverse)).toBe(false)
  })

  /** How far the third end's window gets in a second of sending as much as it may. */
  function windowAfter(seed: number, realtime: boolean, own: boolean): number {
    const { world, near, third } = three(seed)
    const critical = near.openFlow({ metadata: META, timeCritical: true, priority: 7 })
    third.openFlow({ metadata: META, timeCritical: own }).write(new Uint8Array(1_000_000), world.now)
    for (let i = 0; i < 50; i++) {
      if (realtime) critical.write(Uint8Array.of(i), world.now)
      world.run(20)
    }
    return third.congestionWindow
  }

  test('RFC 7016 §3.5.2.1: who is told so grows by 384 bytes a round trip at most, unless it sends real-time data, too', () => {
    const roundTrips = 1_000 / (2 * LATENCY)
    const initial = 4_380
    const alone = windowAfter(12, false, false)
    const yielding = windowAfter(12, true, false)
    const own = windowAfter(12, true, true)
    expect(alone).toBeGreaterThan(50_000)
    // Before it is told it has one or two round trips' acknowledgements.
    expect(yielding).toBeLessThan(3 * initial + roundTrips * 384)
    expect(own).toBeGreaterThan(2 * yielding)
  })

  test('RFC 7016 §A.2: whoever sends real-time data holds back all its other sessions', () => {
    const grown = [false, true].map((realtime) => {
      const { world, near, a, b } = ends(13)
      const c = world.add({ keepaliveInterval: 1e9, deadAfter: 1e9 })
      const other = world.connect(a, c)
      world.run(300)
      const critical = near.openFlow({ metadata: META, timeCritical: realtime, priority: 7 })
      critical.write(Uint8Array.of(0), world.now)
      world.run(1)
      const bulk = other.openFlow({ metadata: META })
      bulk.write(new Uint8Array(1_000_000), world.now)
      for (let i = 0; i < 50; i++) {
        critical.write(Uint8Array.of(i), world.now)
        world.run(20)
      }
      expect(eventsOf(b, 'message').length).toBeGreaterThan(45)
      return other.congestionWindow
    })
    expect(grown[0]).toBeGreaterThan(50_000)
    expect(grown[1]).toBeLessThan(4_380 + (1_000 / (2 * LATENCY) + 2) * 384)
  })
})
