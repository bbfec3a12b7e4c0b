import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { utf8 } from '../../src/base/bytes.ts'
import { RangeSet } from '../../src/base/ranges.ts'
import type { ReceiveFlow } from '../../src/rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import { writeAck } from '../../src/wire/ack.ts'
import { CHUNK_BUFFER_PROBE } from '../../src/wire/chunk.ts'
import { writeFlowException } from '../../src/wire/control.ts'
import { acksOf, dataOf } from './inspect.ts'
import { ends, eventsOf, feed, numbersOf } from './tap.ts'
import type { Ends } from './tap.ts'

const META = utf8('file')
/** One way, milliseconds. */
const LATENCY = 20
const CAPACITY = 20_000

interface Held extends Ends {
  readonly flow: SendFlow
  readonly receiving: ReceiveFlow
  /** When the window of 0 became known to the sender. */
  readonly closedAt: number
}

/** A flow of 60 messages of 1,000 bytes whose receiver holds it back, at the moment when its window has closed. */
function held(seed: number): Held {
  const all = ends(seed)
  const { world, b, near, toNear } = all
  b.onEvent = (event) => {
    if (event.type !== 'flow-open' || event.flow.id !== 1) return
    event.flow.bufferCapacity = CAPACITY
    event.flow.suspend()
  }
  const flow = near.openFlow({ metadata: META })
  for (let i = 0; i < 60; i++) flow.write(new Uint8Array(1_000).fill(i), world.now)
  const zero = (): boolean => acksOf(toNear.packets).some((ack) => ack.bufferBlocks === 0)
  for (let i = 0; i < 5_000 && !zero(); i++) world.run(1)
  expect(zero()).toBe(true)
  return { ...all, flow, receiving: eventsOf(b, 'flow-open')[0]!.flow, closedAt: world.now }
}

/** When buffer probes were sent, counted from the closing of the window. */
function probes({ toFar, closedAt }: Held): number[] {
  return toFar.packets
    .filter(({ chunks }) => chunks.some(({ type }) => type === CHUNK_BUFFER_PROBE))
    .map(({ at }) => at - LATENCY - closedAt)
}

const ALL = Array.from({ length: 60 }, (_, i) => i)

describe('a receiver that holds back', () => {
  test('RFC 7016 §3.6.3.5: announces less and less room down to none, and holds no more than it said', () => {
    const all = held(1)
    all.world.run(1_000)
    const windows = acksOf(all.toNear.packets).map((ack) => ack.bufferBlocks)
    expect(windows[0]).toBeLessThanOrEqual(Math.ceil(CAPACITY / 1_024))
    expect(windows).toEqual(windows.toSorted((one, other) => other - one))
    expect(windows.at(-1)).toBe(0)
    expect(numbersOf(all.b)).toEqual([])
  })

  test('RFC 7016 §3.6.2.9: gets no data any more, for as long as it takes', () => {
    const all = held(2)
    all.world.run(2 * LATENCY)
    all.toFar.packets.length = 0
    all.world.run(600_000)
    expect(dataOf(all.toFar.packets)).toHaveLength(0)
    expect(all.flow.queuedBytes).toBeGreaterThan(30_000)
  })

  test('RFC 7016 §3.6.2.9.1: is asked within a second, then ever more seldom, but once a minute', () => {
    const all = held(3)
    all.world.run(310_000)
    expect(probes(all).map((at) => at / 1_000)).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243, 303])
  })

  test('RFC 7016 §3.6.3.6: answers each time how much room there is', () => {
    const all = held(4)
    all.world.run(2 * LATENCY)
    all.toNear.packets.length = 0
    all.world.run(31_500)
    expect(acksOf(all.toNear.packets).map((ack) => ack.bufferBlocks)).toEqual([0, 0, 0, 0, 0])
  })

  test('RFC 7016 §3.6.3.3: hands over all that it held when it goes on, and the sender goes on without being asked', () => {
    const all = held(5)
    const { world, receiving, b } = all
    world.run(5_000)
    const asked = probes(all).length
    receiving.resume()
    world.settle()
    expect(numbersOf(b).length).toBeGreaterThan(10)
    world.run(1_000)
    expect(numbersOf(b)).toEqual(ALL)
    world.run(200_000)
    expect(probes(all)).toHaveLength(asked)
  })

  test('RFC 7016 §3.6.2.9.1: goes on with the next probe when the news that it has room was lost', () => {
    const all = held(6)
    const { world, receiving, b, toNear } = all
    world.run(3_500)
    toNear.loses = () => true
    receiving.resume()
    world.run(100)
    toNear.loses = () => false
    const before = numbersOf(b).length
    world.run(3_000)
    expect(numbersOf(b)).toHaveLength(before)
    world.run(1_500)
    expect(numbersOf(b)).toEqual(ALL)
  })

  test('may hold back again, and is then asked after a second again', () => {
    const all = held(7)
    const { world, receiving, flow, b, toFar } = all
    world.run(40_000)
    receiving.resume()
    world.run(1_000)
    receiving.suspend()
    toFar.packets.length = 0
    for (let i = 0; i < 60; i++) flow.write(new Uint8Array(1_000).fill(60 + i), world.now)
    world.run(3_000)
    const first = toFar.packets.findIndex(({ chunks }) => chunks.some(({ type }) => type === CHUNK_BUFFER_PROBE))
    expect(toFar.packets[first]!.at - toFar.packets[first - 1]!.at).toBeLessThan(1_100)
    receiving.resume()
    world.run(2_000)
    expect(numbersOf(b)).toEqual(Array.from({ length: 120 }, (_, i) => i))
  })

  test('holds up its own flow alone', () => {
    const { world, near, b } = held(8)
    const other = near.openFlow({ metadata: META, priority: 0 })
    for (let i = 0; i < 50; i++) other.write(new Uint8Array(1_000).fill(100 + i), world.now)
    world.run(1_000)
    expect(numbersOf(b)).toEqual(Array.from({ length: 50 }, (_, i) => 100 + i))
  })

  test('RFC 7016 §3.6.2.3: has no say any more when it has rejected the flow: what is left to tell of its end is sent', () => {
    const all = held(9)
    const { world, near, flow } = all
    feed(world, near, (w) => writeFlowException(w, flow.id, 1))
    world.run(1_000)
    expect(flow.state).toBe('complete-linger')
    world.run(100_000)
    expect(probes(all)).toEqual([])
  })
})

describe('receive window', () => {
  test('RFC 7016 §3.6.2.3: fragments are sent only while less is in flight than was announced last', () => {
    const { world, near, toFar } = ends(20)
    toFar.loses = () => true
    const flow = near.openFlow({ metadata: META })
    flow.write(Uint8Array.of(0), world.now)
    world.settle()
    feed(world, near, (w) => {
      const received = new RangeSet()
      received.addRange(0, 1)
      writeAck(w, flow.id, 2, received, false)
    })
    for (let i = 0; i < 20; i++) flow.write(new Uint8Array(1_000), world.now)
    world.run(50)
    // 2,048 bytes: after two fragments of 1,000 and their headers there is still a little left, after the third there is not.
    expect(near.bytesInFlight).toBeGreaterThanOrEqual(2_048)
    expect(dataOf(toFar.packets)).toHaveLength(1 + 3)
  })

  test('RFC 7016 §3.6.2.7.1: a message that is abandoned halfway when it has filled more than the buffer is passed over, and makes room', () => {
    const { world, b, near } = ends(21)
    b.onEvent = (event) => {
      if (event.type === 'flow-open') event.flow.bufferCapacity = 5_000
    }
    const flow = near.openFlow({ metadata: META })
    flow.write(Uint8Array.of(0), world.now)
    world.run(100)
    flow.write(new Uint8Array(20_000), world.now, 300)
    world.run(400)
    expect(flow.queuedBytes).toBe(0)
    for (let i = 1; i <= 3; i++) flow.write(new Uint8Array(1_000).fill(i), world.now)
    world.run(3_000)
    expect(numbersOf(b)).toEqual([0, 1, 2, 3])
    expect(flow.queuedBytes).toBe(0)
  })

  test('RFC 7016 §3.6.3.5: a buffer smaller than what is sent at a time makes it slow, and never stops it for good', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 6_000 }), fc.double({ min: 0, max: 0.2, noNaN: true }), (seed, capacity, loss) => {
        const { world, b, near } = ends(seed, { loss, jitter: 20 })
        b.onEvent = (event) => {
          if (event.type === 'flow-open') event.flow.bufferCapacity = capacity
        }
        const flow = near.openFlow({ metadata: META })
        for (let i = 0; i < 30; i++) flow.write(new Uint8Array(i % 10 === 0 ? 5_000 : 500).fill(i), world.now)
        world.runUntil(() => flow.queuedBytes === 0, 1_000_000)
        expect(numbersOf(b)).toEqual(Array.from({ length: 30 }, (_, i) => i))
      }),
      { numRuns: 25 },
    )
  })
})
