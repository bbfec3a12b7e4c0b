import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import { ACK_EVERY_RIDDEN_PACKETS, RIDE_MAX_BYTES, RIDE_MEMORY, RIDE_SAMPLE } from '../../src/rtmfp/constants.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import { dataOf } from './inspect.ts'
import { craft, ends, feed, feedData, messagesOf, numbersOf } from './tap.ts'
import type { Ends } from './tap.ts'

const META = utf8('input')
/** One way, milliseconds. */
const LATENCY = 20
const FRAME = 1_000 / 60

/** A session whose path has lost a packet of late, and a flow with nothing under way. */
function lossy(seed: number, retransmit = true): Ends & { readonly flow: SendFlow } {
  const all = ends(seed)
  const { world, near, toFar, toNear } = all
  const flow = near.openFlow({ metadata: META })
  stream(all, flow, 2)
  toFar.loses = () => true
  stream(all, flow, 1)
  toFar.loses = () => false
  stream(all, flow, 4)
  world.run(1_000)
  toFar.packets.length = 0
  toNear.packets.length = 0
  all.b.events.length = 0
  if (retransmit) return { ...all, flow }
  const unreliable = near.openFlow({ metadata: META, retransmit })
  stream(all, unreliable, 2)
  world.run(1_000)
  toFar.packets.length = 0
  return { ...all, flow: unreliable }
}

/** Writes messages whose first bytes count up, one a frame. */
function stream({ world }: Ends, flow: SendFlow, count: number, size = 100): void {
  for (let i = 1; i <= count; i++) {
    flow.write(new Uint8Array(size).fill(i), world.now)
    world.run(FRAME)
  }
}

/** First bytes of the messages in each packet. */
function numbersIn({ toFar }: Ends): number[][] {
  const first = Math.min(...dataOf(toFar.packets).map((data) => data.sequenceNumber)) - 1
  return toFar.packets
    .map((packet) => dataOf([packet]).map(({ sequenceNumber }) => sequenceNumber - first))
    .filter((list) => list.length > 0)
}

describe('what is small rides along in the next packet while it is not acknowledged', () => {
  test('on a path that loses, each once, before the message that the packet is for, one in sixteen not', () => {
    const all = lossy(1)
    stream(all, all.flow, 40)
    all.world.run(500)
    const packets = numbersIn(all)
    expect(packets).toHaveLength(40)
    packets.forEach((list, i) => expect([[i + 1], [i, i + 1]]).toContainEqual(list))
    expect(packets.filter((list) => list.length === 1).length).toBeLessThanOrEqual(1 + Math.ceil(40 / RIDE_SAMPLE))
    expect(numbersOf(all.b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
  })

  test('so a lost packet costs an interval, and is not even noticed', () => {
    const all = lossy(2)
    const { world, b, flow, near, toFar } = all
    const arrivals: number[] = []
    b.onEvent = (event) => {
      if (event.type === 'message') arrivals.push(world.now)
    }
    const window = near.congestionWindow
    let packet = 0
    toFar.loses = () => ++packet === 5
    const start = world.now
    stream(all, flow, 10)
    world.run(500)
    const delays = arrivals.map((at, i) => at - start - i * FRAME)
    expect(Math.max(...delays)).toBeCloseTo(FRAME + LATENCY, 3)
    expect(numbersOf(b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(near.congestionWindow).toBe(window)
  })

  test('what is in flight counts once, and nothing is left of it', () => {
    const all = lossy(3)
    const { world, flow, near } = all
    stream(all, flow, 3)
    // The third has not arrived, the second is not acknowledged.
    expect(near.bytesInFlight).toBeLessThan(4 * 115)
    expect(near.bytesInFlight).toBeGreaterThan(100)
    world.run(500)
    expect(near.bytesInFlight).toBe(0)
    expect(flow.queuedBytes).toBe(0)
  })

  test.each([
    ['a message that is too long', true, RIDE_MAX_BYTES + 1],
    ['one that is not sent again when it is lost', false, 100],
  ])('%s does not', (_, retransmit, size) => {
    const all = lossy(4, retransmit)
    stream(all, all.flow, 10, size)
    all.world.run(500)
    expect(numbersIn(all)).toEqual(Array.from({ length: 10 }, (__, i) => [i + 1]))
  })

  test('nothing does beside bulk, nor what is acknowledged, nor on a path that has lost nothing for a minute', () => {
    const all = lossy(5)
    const { world, near, flow, toFar } = all
    const bulk = near.openFlow({ metadata: META, priority: 1 })
    bulk.write(new Uint8Array(400_000), world.now)
    stream(all, flow, 10)
    const inputs = dataOf(toFar.packets).filter(({ flowId }) => flowId === flow.id)
    expect(new Set(inputs.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(inputs.length)
    world.runUntil(() => bulk.queuedBytes === 0)
    world.run(1_000)
    toFar.packets.length = 0
    for (let i = 1; i <= 5; i++) {
      flow.write(Uint8Array.of(i), world.now)
      world.run(300)
    }
    expect(numbersIn(all)).toEqual([[1], [2], [3], [4], [5]])
    world.run(RIDE_MEMORY)
    toFar.packets.length = 0
    stream(all, flow, 10)
    expect(numbersIn(all).every((list) => list.length === 1)).toBe(true)
  })

  test('a time critical message that rides makes its packet time critical', () => {
    const all = lossy(6)
    const { world, near, flow, toFar } = all
    const critical = near.openFlow({ metadata: META, timeCritical: true })
    critical.write(Uint8Array.of(0), world.now)
    world.run(500)
    toFar.packets.length = 0
    critical.write(Uint8Array.of(1), world.now)
    world.run(FRAME)
    flow.write(Uint8Array.of(1), world.now)
    world.run(LATENCY)
    const [, second] = toFar.packets
    expect(dataOf([second!]).map(({ flowId }) => flowId)).toEqual([critical.id, flow.id])
    expect(second!.header.timeCritical).toBe(true)
  })
})

describe('at the far end', () => {
  test('RFC 7016 §3.6.3.4.1: a duplicate alone is acknowledged at once, one beside something new is not', () => {
    const { world, far, b, toNear } = ends(10)
    feedData(world, far, { number: 1 })
    world.run(300)
    const acks = (): number => toNear.packets.filter(({ chunks }) => chunks.some(({ ack }) => ack !== undefined)).length
    const before = acks()
    feed(world, far, (w) => {
      craft(w, { number: 1 })
      craft(w, { number: 2 })
    })
    world.run(LATENCY)
    expect(acks()).toBe(before)
    for (let number = 3; number <= ACK_EVERY_RIDDEN_PACKETS + 1; number++) {
      feed(world, far, (w) => {
        craft(w, { number: number - 1 })
        craft(w, { number })
      })
    }
    world.run(LATENCY)
    expect(acks()).toBe(before + 1)
    feedData(world, far, { number: 2 })
    world.run(LATENCY)
    expect(acks()).toBe(before + 2)
    expect(messagesOf(b)).toHaveLength(ACK_EVERY_RIDDEN_PACKETS + 1)
  })
})
