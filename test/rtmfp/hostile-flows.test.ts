import { describe, expect, test } from '@jest/globals'
import { Writer, utf8 } from '../../src/base/bytes.ts'
import { RangeSet } from '../../src/base/ranges.ts'
import { BUFFER_BLOCK, MAX_DATAGRAM, MAX_QUEUE_OVERHEAD, QUEUE_OVERHEAD } from '../../src/rtmfp/constants.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import { SendQueue } from '../../src/rtmfp/flow/send-queue.ts'
import { writeAck } from '../../src/wire/ack.ts'
import { ends, feed, feedData, eventsOf, messagesOf, numbersOf } from './tap.ts'
import type { Ends } from './tap.ts'

/** The far end acknowledges what it likes, and takes so many bytes more. */
function acknowledge(
  { world, near }: Ends,
  flow: SendFlow,
  ranges: readonly (readonly [number, number])[],
  window = 64 * BUFFER_BLOCK,
): void {
  const seen = new RangeSet()
  seen.add(0)
  for (const [from, to] of ranges) seen.addRange(from, to)
  feed(world, near, (w) => writeAck(w, flow.id, window / BUFFER_BLOCK, seen, false))
}

function queueOf(flow: SendFlow): SendQueue {
  return (flow as unknown as { queue: SendQueue }).queue
}

describe('a far end that acknowledges what it likes', () => {
  test('what was never sent, or is beyond all numbers, is not taken for received', () => {
    const e = ends(80)
    e.toFar.loses = () => true
    const flow = e.near.openFlow({ metadata: utf8('x') })
    for (let i = 0; i < 200; i++) flow.write(new Uint8Array(1_000), e.world.now)
    e.world.run(50)
    const queued = flow.queuedBytes
    const inFlight = e.near.bytesInFlight
    expect(inFlight).toBeGreaterThan(0)
    const unsent = inFlight / 1_000 + 5
    for (const [from, to] of [
      [unsent, unsent + 50],
      [150, 2 ** 40],
      [2 ** 52, Number.MAX_SAFE_INTEGER - 1],
    ] as const) {
      acknowledge(e, flow, [[from, to]])
      expect([flow.queuedBytes, e.near.bytesInFlight]).toEqual([queued, inFlight])
    }
    acknowledge(e, flow, [[1, Number.MAX_SAFE_INTEGER - 1]])
    expect(e.near.bytesInFlight).toBeLessThanOrEqual(6 * 1_300)
    expect(flow.queuedBytes).toBeGreaterThan(queued - 2 * inFlight)
    // And goes on with what is left.
    e.toFar.loses = () => false
    e.world.run(60_000)
    expect(e.near.state).toBe('open')
  })

  test('all but the first for ever: what is kept for the rest counts, and stops the writer in the end', () => {
    const e = ends(81)
    e.toFar.loses = () => true
    const flow = e.near.openFlow({ metadata: utf8('x') })
    const queue = queueOf(flow)
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 100; i++) flow.write(new Uint8Array(1), e.world.now)
      e.world.now += 1
      e.world.settle()
      acknowledge(e, flow, [[2, queue.nextNumber + 10]])
    }
    const gone = queue.nextNumber - 1 - queue.size
    expect(gone).toBeGreaterThan(5_000)
    expect(queue.overhead).toBe(queue.size * QUEUE_OVERHEAD + gone * 8)
    expect(flow.queuedBytes).toBe(queue.size)
  })

  test('again and again with hundreds of ranges: what is gone is not looked at again', () => {
    const e = ends(82)
    e.toFar.loses = () => true
    const flow = e.near.openFlow({ metadata: utf8('x') })
    const queue = queueOf(flow)
    for (let i = 0; i < 8_000; i++) flow.write(new Uint8Array(1), e.world.now)
    e.world.settle()
    for (let i = 0; i < 3_000 && queue.get(5_000)?.everSent !== true; i++) {
      e.world.now += 1
      acknowledge(e, flow, [[2, 4_000]], 2_048 * BUFFER_BLOCK)
    }
    const before = queue.get.bind(queue)
    let looks = 0
    queue.get = (number) => {
      looks++
      return before(number)
    }
    for (let i = 0; i < 20; i++) acknowledge(e, flow, [[2, 4_000]], 2_048 * BUFFER_BLOCK)
    expect(looks).toBeLessThan(20 * 400)
  }, 60_000)
})

describe('a far end that never reads', () => {
  test('messages without content fill the queue, too', () => {
    const e = ends(83)
    const flow = e.near.openFlow({ metadata: utf8('x') })
    flow.write(utf8('first'), e.world.now)
    e.world.run(100)
    acknowledge(e, flow, [[1, 1]], 0)
    let taken = 0
    while (taken < 1_000_000 && flow.write(new Uint8Array(0), e.world.now)) taken++
    expect(taken).toBe(MAX_QUEUE_OVERHEAD / QUEUE_OVERHEAD)
  })

  test('what has outlived its time behind a message that is never acknowledged leaves nothing behind', () => {
    const e = ends(84)
    const flow = e.near.openFlow({ metadata: utf8('x') })
    const queue = queueOf(flow)
    flow.write(utf8('first'), e.world.now)
    e.world.run(500)
    e.toFar.loses = () => true
    flow.write(utf8('for ever'), e.world.now)
    for (let i = 0; i < 2_000; i++) {
      expect(flow.write(new Uint8Array(100), e.world.now, 100)).toBe(true)
      e.world.run(16)
      if (i % 50 === 0) acknowledge(e, flow, [[1, 1]], 0)
      expect(queue.size).toBeLessThan(30)
    }
    e.toFar.loses = () => false
    acknowledge(e, flow, [[1, 1]])
    e.world.run(20_000)
    expect(messagesOf(e.b)[1]).toEqual(utf8('for ever'))
    expect(flow.queuedBytes).toBe(0)
  })
})

describe('a sender of absurd numbers', () => {
  test.each([2 ** 31, 2 ** 32, 2 ** 40, 2 ** 52, Number.MAX_SAFE_INTEGER - 1])('%d is a number like any other', (number) => {
    const e = ends(85)
    feedData(e.world, e.near, { number: 1 })
    feedData(e.world, e.near, { number })
    feedData(e.world, e.near, { number, abandon: true, fsn: number })
    feedData(e.world, e.near, { number: 2 })
    e.world.run(1_000)
    expect(messagesOf(e.a)).toHaveLength(2)
    expect(e.near.state).toBe('open')
    expect(e.far.state).toBe('open')
  })

  test('the end before the beginning, twice, and then more: nothing is given out beyond the end', () => {
    const e = ends(86)
    feedData(e.world, e.near, { number: 5, final: true, options: new Uint8Array(0) })
    feedData(e.world, e.near, { flow: 2, number: 3, final: true, fsn: 2 }, { flow: 2, number: 1 }, { flow: 2, number: 9, final: true })
    e.world.run(500)
    expect(eventsOf(e.a, 'flow-open')).toHaveLength(0)
    expect(numbersOf(e.a)).toEqual([])
  })
})

describe('pings', () => {
  test('a reply to a probe of the path that was never sent changes nothing, whatever size it says', () => {
    const e = ends(90)
    for (const size of [0, 1, 20, 1_472, 65_535]) {
      feed(e.world, e.near, (w: Writer) => {
        w.uint8(0x41)
        w.uint16(3)
        for (const byte of [0x50, size >>> 8, size & 255]) w.uint8(byte)
      })
      expect(e.near.maxDatagram).toBe(MAX_DATAGRAM)
    }
    e.near.openFlow({ metadata: utf8('x') }).write(utf8('still there'), e.world.now)
    e.world.run(500)
    expect(messagesOf(e.b)).toEqual([utf8('still there')])
  })

  test('a packet full of them is answered a few times, in one packet', () => {
    const e = ends(87)
    const sent = e.a.endpoint.stats.datagramsSent
    feed(e.world, e.near, (w: Writer) => {
      for (let i = 0; i < 400; i++) {
        w.uint8(0x01)
        w.uint16(0)
      }
    })
    e.world.run(500)
    expect(e.a.endpoint.stats.datagramsSent - sent).toBe(1)
  })
})
