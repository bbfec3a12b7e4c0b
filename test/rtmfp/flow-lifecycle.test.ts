import { describe, expect, test } from '@jest/globals'
import { EMPTY, Writer, utf8 } from '../../src/base/bytes.ts'
import { MAX_RECEIVE_FLOWS } from '../../src/rtmfp/constants.ts'
import { CHUNK_FLOW_EXCEPTION, CHUNK_RANGE_ACK } from '../../src/wire/chunk.ts'
import { writeFlowException } from '../../src/wire/control.ts'
import { writeMarker, writeOption } from '../../src/wire/option.ts'
import { encodeStartupOptions } from '../../src/wire/user-data.ts'
import { acksOf, dataOf } from './inspect.ts'
import { ends, eventsOf, feed, feedData, messagesOf, numbersOf } from './tap.ts'

const META = utf8('state')

/** An option list as a chunk bears it. */
function options(...list: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const w = Writer.ofSize(200)
  for (const [type, value] of list) writeOption(w, type, value)
  writeMarker(w)
  return w.taken()
}

describe('beginning of a flow', () => {
  test('RFC 7016 §2.3.11.1.1: the far end learns of the flow with its metadata, of any length from 0 to 512 bytes', () => {
    const { world, b, near } = ends(1)
    for (const length of [0, 1, 512]) {
      const metadata = new Uint8Array(length).map((_, i) => i * 7)
      near.openFlow({ metadata }).write(EMPTY, world.now)
      world.run(30)
      expect(eventsOf(b, 'flow-open').at(-1)?.flow.metadata).toEqual(metadata)
    }
    expect(() => near.openFlow({ metadata: new Uint8Array(513) })).toThrow(expect.objectContaining({ code: 'METADATA_TOO_LARGE' }))
  })

  test('RFC 7016 §3.6.2.3.1: until it is acknowledged the first chunk of each packet bears the metadata, no other does', () => {
    const { world, near, toFar } = ends(2)
    const flow = near.openFlow({ metadata: META })
    const burst = (): void => {
      for (let i = 0; i < 3; i++) {
        flow.write(Uint8Array.of(i), world.now)
        flow.write(Uint8Array.of(i), world.now)
        world.run(2)
      }
    }
    burst()
    world.run(100)
    burst()
    world.run(100)
    const bearing = toFar.packets
      .filter(({ chunks }) => chunks.some(({ data }) => data !== undefined))
      .map(({ chunks }) => chunks.flatMap(({ data }) => (data === undefined ? [] : [data.hasOptions])))
    expect(bearing).toEqual([
      [true, false],
      [true, false],
      [true, false],
      [false, false],
      [false, false],
      [false, false],
    ])
  })

  test('RFC 7016 §3.6.1.1: each end numbers its flows for itself, and no two flows of an end have the same number', () => {
    const { near, far } = ends(3)
    const mine = Array.from({ length: 10 }, () => near.openFlow({ metadata: META }).id)
    const theirs = Array.from({ length: 10 }, () => far.openFlow({ metadata: META }).id)
    expect(new Set(mine).size).toBe(10)
    expect(theirs).toEqual(mine)
  })

  test('RFC 7016 §2.3.11.1.2: a flow in return to another shows the sending flow that it answers', () => {
    const { world, a, b, near, far } = ends(4)
    const other = near.openFlow({ metadata: utf8('other') })
    const question = near.openFlow({ metadata: utf8('question') })
    other.write(EMPTY, world.now)
    question.write(EMPTY, world.now)
    world.run(100)
    const received = eventsOf(b, 'flow-open').find(({ flow }) => flow.id === question.id)!.flow
    far.openFlow({ metadata: utf8('answer'), returnOf: received }).write(EMPTY, world.now)
    far.openFlow({ metadata: utf8('unasked') }).write(EMPTY, world.now)
    world.run(100)
    expect(eventsOf(a, 'flow-open').map(({ flow }) => flow.association)).toEqual([question, undefined])
    expect(() => near.openFlow({ metadata: META, returnOf: received })).toThrow(expect.objectContaining({ code: 'BAD_ASSOCIATION' }))
  })

  test.each([
    ['§3.6.3.1 step 5: without metadata', options()],
    ['§3.6.3.1 step 6: in return to a flow that there is not', encodeStartupOptions(META, 77)],
    ['§3.6.3.1 step 7: in return to a flow that is closing', encodeStartupOptions(META, 1)],
    ['§3.6.3.1 step 8: with an option that may not be ignored', options([0, META], [0x1fff, META])],
  ])('RFC 7016 %s: the flow is rejected, and nobody hears of it', (_, startup) => {
    const { world, a, near, toFar } = ends(5)
    near.openFlow({ metadata: META }).close()
    feedData(world, near, { number: 1, options: startup })
    world.run(30)
    expect(eventsOf(a, 'flow-open')).toHaveLength(0)
    expect(messagesOf(a)).toHaveLength(0)
    expect(toFar.packets.flatMap(({ chunks }) => chunks.map(({ type }) => type))).toEqual(
      expect.arrayContaining([CHUNK_FLOW_EXCEPTION, CHUNK_RANGE_ACK]),
    )
  })

  test('RFC 7016 §2.3.11.1: an option of type 8192 or above that is not known is ignored', () => {
    const { world, a, near } = ends(6)
    feedData(world, near, { number: 1, options: options([0x2000, META], [0, META], [0x2001, EMPTY]) })
    expect(eventsOf(a, 'flow-open').map(({ flow }) => flow.metadata)).toEqual([META])
    expect(numbersOf(a)).toEqual([1])
  })

  test('RFC 7016 §3.6.3.2 step 4: an option that may not be ignored rejects the flow in its midst, too', () => {
    const { world, a, near } = ends(7)
    feedData(world, near, { number: 1 })
    feedData(world, near, { number: 2, options: options([5, META]) })
    feedData(world, near, { number: 3 })
    expect(eventsOf(a, 'flow-open')[0]!.flow.state).toBe('rejected')
    expect(numbersOf(a)).toEqual([1])
  })

  test('no more flows than the limit are taken, and there is room again once one is forgotten', () => {
    const { world, a, near } = ends(8)
    for (let flow = 1; flow <= MAX_RECEIVE_FLOWS; flow++) feedData(world, near, { flow, number: 1, final: flow === 9 })
    world.run(300)
    expect(eventsOf(a, 'flow-open')).toHaveLength(MAX_RECEIVE_FLOWS)
    const late = { flow: 5_000, number: 1 }
    feedData(world, near, late)
    expect(near.flowCount).toBe(MAX_RECEIVE_FLOWS)
    world.run(120_000)
    feedData(world, near, late)
    expect(eventsOf(a, 'flow-open').at(-1)?.flow.id).toBe(5_000)
  })

  test('a flow with a bad priority, or in a session that is over, is refused', () => {
    const { world, near } = ends(9)
    for (const priority of [-1, 8, 2.5, NaN]) {
      expect(() => near.openFlow({ metadata: META, priority })).toThrow(expect.objectContaining({ code: 'BAD_PRIORITY' }))
    }
    const flow = near.openFlow({ metadata: META, priority: 7 })
    near.close(world.now)
    expect(flow.state).toBe('closed')
    expect(flow.write(EMPTY, world.now)).toBe(false)
    expect(() => near.openFlow({ metadata: META })).toThrow(expect.objectContaining({ code: 'NOT_OPEN' }))
  })
})

describe('rejecting', () => {
  test('RFC 7016 §3.6.2.10: the sender is told the code once, closes the flow and takes nothing more', () => {
    const { world, a, b, near } = ends(30)
    b.onEvent = (event) => {
      if (event.type === 'message') event.flow.reject(4_711)
    }
    const flow = near.openFlow({ metadata: META })
    for (let i = 0; i < 5; i++) {
      flow.write(Uint8Array.of(i), world.now)
      world.run(15)
    }
    world.run(1_000)
    expect(eventsOf(a, 'flow-exception').map((event) => [event.flow, event.code])).toEqual([[flow, 4_711]])
    expect(numbersOf(b)).toEqual([0])
    expect(flow.state).toBe('complete-linger')
    expect(flow.write(EMPTY, world.now)).toBe(false)
    expect(eventsOf(b, 'flow-complete')).toHaveLength(0)
  })

  test('RFC 7016 §3.6.3.7: a flow that is rejected as it opens delivers not even what came with it', () => {
    const { world, b, near } = ends(31)
    b.onEvent = (event) => {
      if (event.type === 'flow-open') event.flow.reject()
    }
    const flow = near.openFlow({ metadata: META })
    for (let i = 0; i < 5; i++) flow.write(Uint8Array.of(i), world.now)
    world.run(1_000)
    expect(messagesOf(b)).toHaveLength(0)
    expect(flow.queuedBytes).toBe(0)
  })

  test('RFC 7016 §3.6.3.4.3: every acknowledgement of a rejected flow comes right behind an exception report', () => {
    const { world, a, near, toFar } = ends(32)
    a.onEvent = (event) => {
      if (event.type === 'flow-open') event.flow.reject(1)
    }
    for (const number of [1, 2, 3, 3]) {
      feedData(world, near, { number })
      world.run(10)
    }
    world.run(20)
    expect(toFar.packets).toHaveLength(4)
    for (const { chunks } of toFar.packets) expect(chunks.map(({ type }) => type)).toEqual([CHUNK_FLOW_EXCEPTION, CHUNK_RANGE_ACK])
    expect(acksOf(toFar.packets).map((ack) => ack.cumulative)).toEqual([1, 2, 3, 3])
  })

  test('RFC 7016 §3.6.2.10: all that is queued is abandoned, the last message too, so that no more data goes to the far end in vain', () => {
    const { world, b, near, toFar } = ends(33)
    const flow = near.openFlow({ metadata: META })
    flow.write(EMPTY, world.now)
    world.run(50)
    // More than the congestion window lets go, so that the last ones have not been sent.
    for (let i = 0; i < 20; i++) flow.write(new Uint8Array(1_000), world.now)
    world.run(5)
    feed(world, near, (w) => writeFlowException(w, flow.id, 2))
    const told = world.now
    world.run(2_000)
    const later = dataOf(toFar.packets.filter(({ at }) => at >= told + 20))
    expect(later.some((data) => data.final)).toBe(true)
    expect(later.every((data) => data.abandon && data.start === data.end)).toBe(true)
    expect(flow.state).toBe('complete-linger')
    expect(flow.queuedBytes).toBe(0)
    // Led past all that was abandoned, so that it can forget the flow, too.
    expect(eventsOf(b, 'flow-complete')).toHaveLength(1)
  })
})

describe('closing', () => {
  test('RFC 7016 §3.6.2.11: a last message that has not been sent becomes the final one', () => {
    const { world, b, near, toFar } = ends(40)
    const flow = near.openFlow({ metadata: META })
    for (let i = 1; i <= 3; i++) flow.write(Uint8Array.of(i), world.now)
    flow.close()
    expect(flow.state).toBe('closing')
    expect(flow.write(EMPTY, world.now)).toBe(false)
    world.run(100)
    expect(dataOf(toFar.packets).map((data) => [data.sequenceNumber, data.final, data.abandon])).toEqual([
      [1, false, false],
      [2, false, false],
      [3, true, false],
    ])
    expect(numbersOf(b)).toEqual([1, 2, 3])
    expect(b.events.map(({ type }) => type).slice(-2)).toEqual(['message', 'flow-complete'])
  })

  test.each([
    ['has been sent', 2],
    ['was never queued', 1],
  ])('RFC 7016 §3.6.2.11: when the last message %s, an abandoned one more is the final one', (what, number) => {
    const { world, b, near, toFar } = ends(41)
    const flow = near.openFlow({ metadata: META })
    if (what === 'has been sent') flow.write(Uint8Array.of(1), world.now)
    world.run(1)
    flow.close()
    world.run(100)
    const last = dataOf(toFar.packets).at(-1)!
    expect([last.sequenceNumber, last.final, last.abandon]).toEqual([number, true, true])
    expect(eventsOf(b, 'flow-open')[0]!.flow.metadata).toEqual(META)
    expect(eventsOf(b, 'flow-complete')).toHaveLength(1)
    expect(flow.state).toBe('complete-linger')
  })

  test('RFC 7016 §3.6.3.8: a flow is complete only when all before the final message has come, too', () => {
    const { world, a, near } = ends(42)
    feedData(world, near, { number: 1 })
    feedData(world, near, { number: 3, final: true })
    expect(eventsOf(a, 'flow-complete')).toHaveLength(0)
    feedData(world, near, { number: 2 })
    expect(numbersOf(a)).toEqual([1, 2, 3])
    expect(eventsOf(a, 'flow-complete')).toHaveLength(1)
  })

  test('RFC 7016 §3.6.2.11, §3.6.3.8: the sender keeps a completed flow for 130 seconds, the receiver for 120', () => {
    const { world, near, far } = ends(43)
    const flow = near.openFlow({ metadata: META })
    flow.close()
    world.run(20)
    // Received now; the acknowledgement takes 20 ms more.
    world.run(119_999)
    expect(far.flowCount).toBe(1)
    world.run(1)
    expect(far.flowCount).toBe(0)
    world.run(10_019)
    expect([near.flowCount, flow.state]).toEqual([1, 'complete-linger'])
    world.run(1)
    expect([near.flowCount, flow.state]).toEqual([0, 'closed'])
  })

  test('RFC 7016 §3.6.3.8: while it lingers a late duplicate is acknowledged, and begins no other flow', () => {
    const { world, a, near, toFar } = ends(44)
    feedData(world, near, { number: 1, final: true })
    world.run(60_000)
    const before = acksOf(toFar.packets).length
    feedData(world, near, { number: 1, final: true })
    world.run(30)
    expect(eventsOf(a, 'flow-open')).toHaveLength(1)
    expect(numbersOf(a)).toEqual([1])
    expect(
      acksOf(toFar.packets)
        .slice(before)
        .map((ack) => ack.cumulative),
    ).toEqual([1])
  })

  test('a flow that is held back is complete when the last of it has been handed over', () => {
    const { world, a, near } = ends(45)
    a.onEvent = (event) => {
      if (event.type === 'flow-open') event.flow.suspend()
    }
    feedData(world, near, { number: 1 }, { number: 2, final: true })
    const { flow } = eventsOf(a, 'flow-open')[0]!
    expect(eventsOf(a, 'flow-complete')).toHaveLength(0)
    flow.resume()
    world.settle()
    expect(a.events.map(({ type }) => type).slice(-3)).toEqual(['message', 'message', 'flow-complete'])
  })
})
