import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { utf8 } from '../../src/base/bytes.ts'
import { RangeSet } from '../../src/base/ranges.ts'
import { randomUnit, seededRandom } from '../../src/base/random.ts'
import { BURST_LIMIT, BURST_REFILL, MAX_DATAGRAM, RIDE_MAX_BYTES } from '../../src/rtmfp/constants.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { writeAck } from '../../src/wire/ack.ts'
import { dataOf } from './inspect.ts'
import type { SeenPacket } from './inspect.ts'
import { ends, eventsOf, feed, messagesOf, numbersOf } from './tap.ts'
import type { Ends } from './tap.ts'

const META = utf8('state')
/** One way, milliseconds. */
const LATENCY = 20

/** A session with a flow that has been acknowledged and has nothing under way: sequence number 1 is done. */
function quiet(seed: number, config: Partial<EndpointConfig> = {}): Ends & { readonly flow: SendFlow; readonly start: number } {
  const all = ends(seed, {}, config)
  const flow = all.near.openFlow({ metadata: META })
  flow.write(Uint8Array.of(1), all.world.now)
  all.world.run(500)
  all.toFar.packets.length = 0
  all.toNear.packets.length = 0
  return { ...all, flow, start: all.world.now }
}

/** Lets no fragment be lost by time, but by count alone. */
function countOnly({ near }: Ends): void {
  Object.defineProperty(near['flows']!.loss, 'lateness', { value: Infinity })
}

/** Writes messages with these numbers, one every 5 ms, each of which goes in a packet of its own. */
function stream({ world }: Ends, flow: SendFlow, from: number, to: number, size = 1): void {
  for (let i = from; i <= to; i++) {
    flow.write(new Uint8Array(size).fill(i), world.now)
    world.run(5)
  }
}

/** When each transmission of a fragment was sent. */
function sentAt(packets: readonly SeenPacket[], number: number, flow = 1): number[] {
  return packets
    .filter(({ chunks }) => chunks.some(({ data }) => data?.flowId === flow && data.sequenceNumber === number))
    .map(({ at }) => at - LATENCY)
}

/** Loses the first so many transmissions of a fragment. */
function loseFirst(all: Ends, number: number, times = 1, flow = 1): void {
  let left = times
  all.toFar.loses = ({ chunks }) => chunks.some(({ data }) => data?.flowId === flow && data.sequenceNumber === number) && left-- > 0
}

/** Lets `near` receive acknowledgements that its far end never sent, in one packet. */
function acknowledge(
  { world, near }: Ends,
  ...acks: readonly { flow: number; ranges: readonly [number, number][]; blocks?: number }[]
): void {
  feed(world, near, (w) => {
    for (const { flow, ranges, blocks = 2_048 } of acks) {
      const received = new RangeSet()
      for (const [from, to] of ranges) received.addRange(from, to)
      writeAck(w, flow, blocks, received, false)
    }
  })
}

describe('negative acknowledgement', () => {
  test('RFC 7016 §3.6.2.5: a fragment goes again with the third acknowledgement of ones that were sent after it', () => {
    const all = quiet(1)
    countOnly(all)
    loseFirst(all, 2)
    stream(all, all.flow, 2, 5)
    all.world.run(1_000)
    // Sent after 5, 10 and 15 ms; each is acknowledged at once, for there is a gap.
    expect(sentAt(all.toFar.packets, 2).map((at) => at - all.start)).toEqual([0, 15 + 2 * LATENCY])
    expect(numbersOf(all.b)).toEqual([1, 2, 3, 4, 5])
  })

  test('RFC 7016 §3.6.2.5: two do not suffice: then it is the timeout', () => {
    const all = quiet(2)
    countOnly(all)
    const { erto } = all.near
    loseFirst(all, 2)
    stream(all, all.flow, 2, 4)
    all.world.run(2_000)
    const [, again] = sentAt(all.toFar.packets, 2)
    expect(again! - all.start).toBeGreaterThan(erto * 0.9)
    expect(numbersOf(all.b)).toEqual([1, 2, 3, 4])
  })

  test('RFC 7016 §3.6.2.5: fragments of any flow that were sent after it count', () => {
    const all = quiet(3)
    countOnly(all)
    const other = all.near.openFlow({ metadata: META })
    loseFirst(all, 2)
    stream(all, all.flow, 2, 2)
    stream(all, other, 1, 6)
    all.world.run(50)
    expect(sentAt(all.toFar.packets, 2)).toHaveLength(2)
  })

  test('RFC 7016 §3.6.2.5: a packet with acknowledgements of three flows is one negative acknowledgement, not three', () => {
    const all = quiet(4)
    countOnly(all)
    all.toFar.loses = () => true
    const others = [2, 3, 4].map(() => all.near.openFlow({ metadata: META }))
    stream(all, all.flow, 2, 2)
    for (const other of others) stream(all, other, 1, 1)
    const three = [2, 3, 4].map((flow) => ({ flow, ranges: [[0, 1]] as [number, number][] }))
    acknowledge(all, ...three)
    all.world.run(30)
    expect(sentAt(all.toFar.packets, 2)).toHaveLength(1)
    // Nothing new in the next ones, and yet they say once more that it has not come.
    acknowledge(all, three[0]!)
    acknowledge(all, three[0]!)
    all.world.run(30)
    expect(sentAt(all.toFar.packets, 2)).toHaveLength(2)
  })

  test('RFC 7016 §3.6.2.3 step 14: a fragment that was sent again has to be passed over three times again', () => {
    const all = quiet(5)
    countOnly(all)
    loseFirst(all, 2, 2)
    // Too long to ride along.
    stream(all, all.flow, 2, 30, RIDE_MAX_BYTES + 1)
    all.world.run(1_000)
    const [first, second, third] = sentAt(all.toFar.packets, 2).map((at) => at - all.start)
    expect([first, second]).toEqual([0, 55])
    // Messages sent at 60, 65 and 70 ms are the next ones after it.
    expect(third).toBeGreaterThanOrEqual(65 + 2 * LATENCY)
    expect(third).toBeLessThanOrEqual(75 + 2 * LATENCY)
    expect(numbersOf(all.b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
  })

  test('a fragment that two others overtake is not taken for lost', () => {
    const all = quiet(6)
    let held = false
    all.world.filter = (datagram, from, to) => {
      if (held || !from.equals(all.a.address)) return true
      held = true
      all.world.inject(datagram, from, to, LATENCY + 12)
      return false
    }
    stream(all, all.flow, 2, 4)
    all.world.run(1_000)
    expect(dataOf(all.toFar.packets).map((data) => data.sequenceNumber)).toEqual([3, 4, 2])
    expect(numbersOf(all.b)).toEqual([1, 2, 3, 4])
  })

  test('a fragment that was taken for lost, but came, is not sent again', () => {
    const all = quiet(7)
    all.toFar.loses = () => true
    stream(all, all.flow, 2, 5)
    // No room, so that it can't go at once.
    for (const last of [3, 4, 5])
      acknowledge(all, {
        flow: 1,
        ranges: [
          [0, 1],
          [3, last],
        ],
        blocks: 0,
      })
    acknowledge(all, { flow: 1, ranges: [[0, 5]] })
    all.world.run(3_000)
    expect(sentAt(all.toFar.packets, 2)).toHaveLength(1)
    expect(all.flow.queuedBytes).toBe(0)
  })

  test('what was never sent can not be acknowledged', () => {
    const all = quiet(8)
    all.toFar.loses = () => true
    for (let i = 0; i < 20; i++) all.flow.write(new Uint8Array(1_000), all.world.now)
    all.flow.close()
    all.world.settle()
    acknowledge(all, { flow: 1, ranges: [[0, 1_000]] })
    expect(all.flow.state).toBe('closing')
    expect(all.flow.queuedBytes).toBeGreaterThan(10_000)
    acknowledge(all, { flow: 77, ranges: [[0, 1_000]] })
    all.toFar.loses = () => false
    all.world.run(5)
    expect(all.near.state).toBe('open')
  })
})

describe('loss by time', () => {
  /** A quarter of the round trip and a tick. */
  const LATENESS = (2 * LATENCY) / 4 + 4

  test('RFC 8985 §6.2: of a sparse stream the next one tells: it was sent later than packets are mixed up', () => {
    const all = quiet(30)
    loseFirst(all, 2)
    all.flow.write(Uint8Array.of(2), all.world.now)
    all.world.run(LATENESS)
    all.flow.write(Uint8Array.of(3), all.world.now)
    all.world.run(500)
    expect(sentAt(all.toFar.packets, 2).map((at) => at - all.start)).toEqual([0, LATENESS + 2 * LATENCY])
    expect(numbersOf(all.b)).toEqual([1, 2, 3])
  })

  test('RFC 8985 §6.2: when nothing more comes a fragment that was passed over is lost when its time is over', () => {
    const all = quiet(31)
    loseFirst(all, 2)
    stream(all, all.flow, 2, 3)
    all.world.run(500)
    expect(sentAt(all.toFar.packets, 2).map((at) => at - all.start)).toEqual([0, LATENESS + 2 * LATENCY])
    // As much of a loss as any other.
    expect(numbersOf(all.b)).toEqual([1, 2, 3])
  })

  test('a loss by time halves the window, like one by count', () => {
    const all = quiet(32, { congestion: 'appendix-a' })
    const { world, flow, near } = all
    flow.write(new Uint8Array(100_000), world.now)
    world.runUntil(() => flow.queuedBytes === 0)
    world.run(500)
    const before = near.congestionWindow
    loseFirst(all, flow['queue'].nextNumber)
    stream(all, flow, 2, 3)
    world.run(500)
    expect(near.congestionWindow).toBeLessThan(before)
    expect(near.erto).toBeLessThan(300)
  })

  test('RFC 8985 §6.2: once packets have come after all, longer is waited for them', () => {
    const all = quiet(33)
    const { world, flow, toFar } = all
    let held = false
    world.filter = (datagram, from, to) => {
      if (held || !from.equals(all.a.address)) return true
      held = true
      world.inject(datagram, from, to, LATENCY + LATENESS + 8)
      return false
    }
    // Too long to ride along.
    const late = (from: number): void => {
      held = false
      flow.write(new Uint8Array(300).fill(from), world.now)
      world.run(LATENESS)
      flow.write(new Uint8Array(300).fill(from + 1), world.now)
      world.run(1_000)
    }
    late(2)
    expect(sentAt(toFar.packets, 2)).toHaveLength(2)
    late(4)
    expect(sentAt(toFar.packets, 4)).toHaveLength(1)
    expect(numbersOf(all.b)).toEqual([1, 2, 3, 4, 5])
  })
})

describe('timeout', () => {
  test('RFC 7016 §3.6.2.6, §3.5.2.2: a fragment that is alone goes again after ERTO, then ever later, up to 10 seconds', () => {
    const all = quiet(10)
    const { erto } = all.near
    all.toFar.loses = () => true
    all.flow.write(Uint8Array.of(2), all.world.now)
    all.world.run(90_000)
    const times = sentAt(all.toFar.packets, 2)
    const waits = times.slice(1).map((time, i) => time - times[i]!)
    expect(waits.length).toBeGreaterThan(12)
    waits.forEach((wait, i) => expect(wait).toBeCloseTo(Math.min(10_000, erto * 1.4142 ** i), 3))
    expect(waits.at(-1)).toBe(10_000)
    all.toFar.loses = () => false
    all.world.runUntil(() => messagesOf(all.b).length === 2, 11_000)
  })

  test('RFC 6298 §5.1: a steady stream does not put the timeout off', () => {
    const all = quiet(11)
    const { erto } = all.near
    all.toFar.loses = () => true
    for (let i = 0; i < erto / 10 + 5; i++) {
      all.flow.write(Uint8Array.of(i), all.world.now)
      all.world.run(10)
    }
    all.world.run(50)
    const [first, again] = sentAt(all.toFar.packets, 2)
    expect(again! - first!).toBeCloseTo(erto, 3)
  })

  test('RFC 7016 §A.2: after it no more goes than one segment, lowest sequence numbers first', () => {
    const all = quiet(12)
    const { world, flow, near, toFar } = all
    flow.write(new Uint8Array(200_000), world.now)
    world.runUntil(() => flow.queuedBytes === 0)
    expect(near.congestionWindow).toBeGreaterThan(20_000)
    toFar.packets.length = 0
    toFar.loses = () => true
    const start = world.now
    const { erto } = near
    for (let i = 0; i < 15; i++) flow.write(new Uint8Array(1_000), world.now)
    world.run(erto + LATENCY + 1)
    expect(near.congestionWindow).toBe(MAX_DATAGRAM)
    const before = dataOf(toFar.packets.filter(({ at }) => at < start + erto + LATENCY))
    const after = dataOf(toFar.packets.filter(({ at }) => at >= start + erto + LATENCY))
    // What is in flight has to be less than the window when a fragment goes.
    expect(after.map((data) => data.sequenceNumber)).toEqual([before[0]!.sequenceNumber, before[1]!.sequenceNumber])
  })

  test('RFC 7016 §3.5.2.3: without acknowledgements six packets go at once, and then one in 10 ms; an acknowledgement lets six more go', () => {
    const all = quiet(13)
    const { world, flow, toFar } = all
    flow.write(new Uint8Array(400_000), world.now)
    world.runUntil(() => flow.queuedBytes === 0)
    world.run(500)
    toFar.packets.length = 0
    toFar.loses = () => true
    const start = world.now
    const base = 1 + Math.ceil(400_000 / 1_000)
    for (let i = 0; i < 40; i++) flow.write(new Uint8Array(1_000), world.now)
    world.run(45)
    acknowledge(all, { flow: 1, ranges: [[0, base]] })
    world.run(LATENCY + 1)
    const times = toFar.packets.map(({ at }) => at - LATENCY - start)
    const fives = [...Array.from({ length: BURST_LIMIT }, () => 0), ...[1, 2, 3, 4].map((i) => i * BURST_REFILL)]
    expect(times).toEqual([...fives, ...Array.from({ length: BURST_LIMIT }, () => 45)])
  })
})

describe('networks that lose, double, mix up and mutilate packets', () => {
  const network = fc.record({
    seed: fc.nat(),
    latency: fc.integer({ min: 0, max: 100 }),
    jitter: fc.integer({ min: 0, max: 80 }),
    loss: fc.double({ min: 0, max: 0.25, noNaN: true }),
    duplicate: fc.double({ min: 0, max: 0.3, noNaN: true }),
    corrupt: fc.double({ min: 0, max: 0.1, noNaN: true }),
  })

  test('every message comes exactly once, unaltered, in the order of its flow, in both directions', () => {
    fc.assert(
      fc.property(network, ({ seed, ...conditions }) => {
        const { world, a, b, near, far } = ends(seed, conditions)
        const random = seededRandom(seed)
        const sent = new Map<string, number[]>()
        const flows: { readonly key: string; readonly flow: SendFlow }[] = []
        const open = (session: Session, end: string, i: number): void => {
          flows.push({ key: `${end}${i}`, flow: session.openFlow({ metadata: utf8(`${end}${i}`), priority: i }) })
          sent.set(`${end}${i}`, [])
        }
        for (let i = 0; i < 3; i++) {
          open(near, 'b', i)
          open(far, 'a', i)
        }
        for (let n = 0; n < 30; n++) {
          for (const { key, flow } of flows) {
            const length = random.uint32() % (n % 10 === 0 ? 6_000 : 200)
            const message = new Uint8Array(length + 1).fill(n)
            if (flow.write(message, world.now)) sent.get(key)!.push(n * 10_000 + message.length)
          }
          world.run(random.uint32() % 40)
        }
        for (const { flow } of flows) flow.close()
        world.runUntil(() => flows.every(({ flow }) => flow.state === 'complete-linger'))
        const got = new Map<string, number[]>([...sent.keys()].map((key) => [key, []]))
        for (const node of [a, b]) {
          for (const { flow, data, gap } of eventsOf(node, 'message')) {
            expect(gap).toBe(false)
            expect(data.every((byte) => byte === data[0])).toBe(true)
            got.get(new TextDecoder().decode(flow.metadata))!.push(data[0]! * 10_000 + data.length)
          }
          expect(eventsOf(node, 'flow-complete')).toHaveLength(3)
        }
        expect(got).toEqual(sent)
      }),
      { numRuns: 25 },
    )
  })

  test('of messages that expire or are not sent again none comes late or twice, and each gap is told', () => {
    fc.assert(
      fc.property(network, fc.boolean(), ({ seed, ...conditions }, retransmit) => {
        const { world, b, near } = ends(seed, conditions)
        const random = seededRandom(seed)
        const flow = near.openFlow({ metadata: META, retransmit, lifetime: 50 + (random.uint32() % 300) })
        for (let n = 0; n < 100; n++) {
          flow.write(new Uint8Array(1 + (random.uint32() % 3_000)).fill(n), world.now)
          world.run(random.uint32() % 30)
        }
        flow.close()
        world.runUntil(() => flow.state === 'complete-linger')
        let last = -1
        for (const { data, gap } of eventsOf(b, 'message')) {
          expect(data[0]).toBeGreaterThan(last)
          expect(gap).toBe(data[0] !== last + 1)
          last = data[0]!
        }
        expect(eventsOf(b, 'flow-complete')).toHaveLength(1)
        expect(flow.queuedBytes).toBe(0)
      }),
      { numRuns: 25 },
    )
  })

  test('RFC 7016 §3.6.2.3: nothing is sent that the forward sequence number has said will not be', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0.05, max: 0.5, noNaN: true }), (seed, share) => {
        const { world, near, toFar } = ends(seed)
        const random = seededRandom(seed)
        toFar.loses = () => randomUnit(random) < share
        const flow = near.openFlow({ metadata: META, lifetime: 150 })
        for (let n = 0; n < 80; n++) {
          flow.write(new Uint8Array(1 + (random.uint32() % 2_500)), world.now)
          world.run(random.uint32() % 25)
        }
        flow.close()
        world.runUntil(() => flow.state === 'complete-linger')
        // The latency is the same for all, so they come in the order in which they were sent.
        let forward = 0
        for (const data of dataOf(toFar.packets)) {
          expect(data.forwardSequenceNumber).toBeGreaterThanOrEqual(forward)
          if (!data.abandon) expect(data.sequenceNumber).toBeGreaterThan(data.forwardSequenceNumber)
          forward = data.forwardSequenceNumber
        }
        expect(forward).toBeGreaterThan(80)
      }),
      { numRuns: 25 },
    )
  })

  test('RFC 7016 §3.6.2.3: the forward sequence number does not pass what is in flight and was not abandoned when it was sent', () => {
    const all = quiet(19)
    const { world, a, b, flow, toFar } = all
    let held = false
    world.filter = (datagram, from, to) => {
      if (held || !from.equals(a.address)) return true
      held = true
      world.inject(datagram, from, to, 33)
      return false
    }
    flow.write(Uint8Array.of(2), world.now, 10)
    world.run(12)
    expect(flow.queuedBytes).toBe(0)
    flow.write(Uint8Array.of(3), world.now)
    world.run(500)
    expect(dataOf(toFar.packets).map((data) => [data.sequenceNumber, data.forwardSequenceNumber])).toEqual([
      [3, 1],
      [2, 1],
    ])
    // Overtaken, too late for its sender, and yet in time.
    expect(numbersOf(b)).toEqual([1, 2, 3])
  })

  test('acknowledgements that are lost for a while make no message come twice', () => {
    const all = quiet(20)
    all.toNear.loses = () => all.world.now < all.start + 2_000
    stream(all, all.flow, 2, 100)
    all.world.runUntil(() => all.flow.queuedBytes === 0)
    expect(dataOf(all.toFar.packets).length).toBeGreaterThan(110)
    expect(numbersOf(all.b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  })
})
