import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EMPTY, equalBytes, utf8 } from '../../src/base/bytes.ts'
import { FRAGMENT_OVERHEAD, MAX_DATAGRAM, MAX_GAPS, MAX_MESSAGE } from '../../src/rtmfp/constants.ts'
import { CHUNK_NEXT_USER_DATA, CHUNK_USER_DATA } from '../../src/wire/chunk.ts'
import { FRA_BEGIN, FRA_END, FRA_MIDDLE, FRA_WHOLE, encodeStartupOptions } from '../../src/wire/user-data.ts'
import { acksOf, dataOf } from './inspect.ts'
import { deliver, ends, eventsOf, feedData, messagesOf, numbersOf } from './tap.ts'

const META = utf8('state')

describe('delivery', () => {
  test.each([
    ['ordered', [1, 2, 3, 4]],
    ['arrival', [1, 3, 4, 2]],
    ['newest', [1, 3, 4]],
  ] as const)('%s: what is done with a message that comes late', (delivery, expected) => {
    const { world, a, near } = ends(10)
    deliver(a, delivery)
    for (const number of [1, 3, 4, 2]) feedData(world, near, { number })
    expect(numbersOf(a)).toEqual(expected)
  })

  test.each([
    ['ordered', [10, 12, 14]],
    ['arrival', [12, 14, 10]],
    ['newest', [12, 14]],
  ] as const)('%s: long messages whose fragments are mixed up', (delivery, expected) => {
    const { world, a, near } = ends(11)
    deliver(a, delivery)
    const fragment = (number: number, data: number): void =>
      feedData(world, near, {
        number,
        options: encodeStartupOptions(META, -1),
        control: number % 2 === 1 ? FRA_BEGIN : FRA_END,
        data: Uint8Array.of(data),
      })
    const begin = [1, 3, 5].map((number, i) => (): void => fragment(number, 10 + 2 * i))
    const end = [2, 4, 6].map((number) => (): void => fragment(number, 0))
    for (const step of [end[1]!, begin[0]!, begin[1]!, begin[2]!, end[2]!, end[0]!]) step()
    expect(numbersOf(a)).toEqual(expected)
    expect(messagesOf(a).every((data) => data.length === 2)).toBe(true)
  })

  test.each(['ordered', 'newest'] as const)(
    'RFC 7016 §3.6.1.2: the user is told of a gap before the message that follows it: %s',
    (delivery) => {
      const { world, a, near } = ends(12)
      deliver(a, delivery)
      feedData(world, near, { number: 1 })
      feedData(world, near, { number: 4, fsn: 3 })
      feedData(world, near, { number: 5, fsn: 3 })
      expect(eventsOf(a, 'message').map(({ data, gap }) => [data[0], gap])).toEqual([
        [1, false],
        [4, true],
        [5, false],
      ])
    },
  )

  test('the delivery that is chosen when the flow opens holds for its very first packet', () => {
    const { world, a, near } = ends(13)
    deliver(a, 'arrival')
    feedData(world, near, { number: 2, options: encodeStartupOptions(META, -1) })
    expect(a.events.map(({ type }) => type).slice(-2)).toEqual(['flow-open', 'message'])
  })

  test('RFC 7016 §3.6.1.2: a message lost on one flow holds up no other flow', () => {
    const { world, b, near, toFar } = ends(14)
    const [one, two] = [near.openFlow({ metadata: META }), near.openFlow({ metadata: META })]
    toFar.loses = ({ chunks }) => chunks.some(({ data }) => data?.flowId === one.id)
    one.write(Uint8Array.of(1), world.now)
    world.run(1)
    two.write(Uint8Array.of(2), world.now)
    world.run(25)
    expect(numbersOf(b)).toEqual([2])
  })
})

describe('messages and fragments', () => {
  test('RFC 7016 §3.6.2.2: messages of any length arrive unaltered, and no packet is longer than it may be', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 8_000 }), { minLength: 1, maxLength: 20 }), fc.nat(512), (lengths, meta) => {
        const { world, b, near } = ends(15)
        let longest = 0
        world.filter = (datagram) => {
          longest = Math.max(longest, datagram.length)
          return true
        }
        const flow = near.openFlow({ metadata: new Uint8Array(meta) })
        const sent = lengths.map((length, i) => new Uint8Array(length).map((_, at) => at * 31 + i))
        for (const message of sent) flow.write(message, world.now)
        world.runUntil(() => flow.queuedBytes === 0 && messagesOf(b).length === sent.length)
        expect(messagesOf(b).every((data, i) => equalBytes(data, sent[i]!))).toBe(true)
        expect(longest).toBeLessThanOrEqual(MAX_DATAGRAM)
      }),
      { numRuns: 25 },
    )
  })

  test('RFC 7016 §2.3.11: fragments are marked begin, middle, end, or whole, and numbered one after another', () => {
    const { world, near, toFar } = ends(16)
    const flow = near.openFlow({ metadata: META })
    flow.write(new Uint8Array(4_000), world.now)
    flow.write(new Uint8Array(10), world.now)
    flow.write(new Uint8Array(2_000), world.now)
    world.run(300)
    const data = dataOf(toFar.packets)
    expect(data.map((each) => each.sequenceNumber)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(data.map((each) => each.fragmentControl)).toEqual([FRA_BEGIN, FRA_MIDDLE, FRA_MIDDLE, FRA_END, FRA_WHOLE, FRA_BEGIN, FRA_END])
  })

  test('RFC 7016 §3.6.2.3.2: what follows in the same packet is Next User Data, and another flow in between ends that', () => {
    const { world, near, toFar } = ends(17)
    const [one, two] = [near.openFlow({ metadata: META, priority: 4 }), near.openFlow({ metadata: META, priority: 3 })]
    for (let i = 0; i < 3; i++) one.write(Uint8Array.of(i), world.now)
    for (let i = 0; i < 2; i++) two.write(Uint8Array.of(i), world.now)
    world.run(30)
    expect(toFar.packets[0]!.chunks.map(({ type }) => type)).toEqual([
      CHUNK_USER_DATA,
      CHUNK_NEXT_USER_DATA,
      CHUNK_NEXT_USER_DATA,
      CHUNK_USER_DATA,
      CHUNK_NEXT_USER_DATA,
    ])
  })

  test('a message of the greatest length passes, one byte more is refused', () => {
    const { world, b, near } = ends(18)
    const flow = near.openFlow({ metadata: META })
    const message = new Uint8Array(MAX_MESSAGE).map((_, i) => i % 253)
    expect(flow.write(message, world.now)).toBe(true)
    expect(() => flow.write(new Uint8Array(MAX_MESSAGE + 1), world.now)).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }))
    world.runUntil(() => messagesOf(b).length === 1)
    expect(equalBytes(messagesOf(b)[0]!, message)).toBe(true)
  })

  test('a far end that sends a message over the limit has its flow rejected', () => {
    const { world, a, near } = ends(19, {}, { maxMessageBytes: 3_000 })
    const part = (number: number, control: number): void => feedData(world, near, { number, control, data: new Uint8Array(1_001) })
    part(1, FRA_BEGIN)
    part(2, FRA_MIDDLE)
    part(3, FRA_END)
    feedData(world, near, { number: 4 })
    expect(messagesOf(a)).toHaveLength(0)
    expect(eventsOf(a, 'flow-open')[0]!.flow.state).toBe('rejected')
  })
})

describe('abandoning', () => {
  test('a message whose time is over is not sent any more, and the far end is led past it', () => {
    const { world, b, near, toFar } = ends(20)
    const flow = near.openFlow({ metadata: META, lifetime: 100 })
    let blocked = false
    toFar.loses = () => blocked
    flow.write(Uint8Array.of(1), world.now)
    world.run(50)
    blocked = true
    flow.write(Uint8Array.of(2), world.now)
    world.run(99)
    expect(flow.queuedBytes).toBe(1)
    world.run(1)
    expect(flow.queuedBytes).toBe(0)
    blocked = false
    flow.write(Uint8Array.of(3), world.now)
    world.run(1_000)
    expect(eventsOf(b, 'message').map(({ data, gap }) => [data[0], gap])).toEqual([
      [1, false],
      [3, true],
    ])
    expect(flow.queuedBytes).toBe(0)
  })

  test('a lifetime that a message is given for itself goes before that of the flow', () => {
    const { world, near, toFar } = ends(21)
    toFar.loses = () => true
    const flow = near.openFlow({ metadata: META, lifetime: 1_000 })
    flow.write(new Uint8Array(10), world.now, 50)
    flow.write(new Uint8Array(200), world.now, Infinity)
    flow.write(new Uint8Array(3_000), world.now)
    expect(flow.queuedBytes).toBe(3_210)
    world.run(50)
    expect(flow.queuedBytes).toBe(3_200)
    world.run(5_000)
    expect(flow.queuedBytes).toBe(200)
  })

  test('RFC 7016 §3.6.2.7.1: when only abandoned messages are left, a Forward Sequence Number Update frees those that wait behind', () => {
    const { world, b, near, toFar } = ends(22)
    const flow = near.openFlow({ metadata: META })
    toFar.loses = ({ chunks }) => chunks.some(({ data }) => data !== undefined && data.end > data.start && data.sequenceNumber === 2)
    for (let i = 1; i <= 3; i++) {
      flow.write(Uint8Array.of(i), world.now, i === 2 ? 200 : Infinity)
      world.run(1)
    }
    world.run(150)
    expect(numbersOf(b)).toEqual([1])
    world.run(2_000)
    expect(numbersOf(b)).toEqual([1, 3])
    const update = dataOf(toFar.packets).find((data) => data.abandon)!
    expect([update.sequenceNumber, update.forwardSequenceNumber, update.end - update.start]).toEqual([2, 2, 0])
  })

  test('RFC 7016 §3.6.2.7: with one of its fragments all of a message is abandoned, and nothing of it is sent again', () => {
    const { world, b, near, toFar } = ends(23)
    const flow = near.openFlow({ metadata: META, retransmit: false })
    let lost = 0
    toFar.loses = ({ chunks }) => chunks.some(({ data }) => data?.sequenceNumber === 3 && !data.abandon) && ++lost > 0
    flow.write(new Uint8Array(4_500).fill(1), world.now)
    for (let i = 2; i < 8; i++) {
      flow.write(Uint8Array.of(i), world.now)
      world.run(40)
    }
    world.run(2_000)
    expect(numbersOf(b)).toEqual([2, 3, 4, 5, 6, 7])
    expect(eventsOf(b, 'message')[0]!.gap).toBe(true)
    expect(lost).toBe(1)
    expect(flow.queuedBytes).toBe(0)
  })

  test.each([
    ['is given up', false],
    ['is given up, and the flow is closed', true],
  ])('RFC 7016 §3.6.2.7.1: what came behind a message that %s is delivered, though nothing more is sent', (_, closes) => {
    const { world, b, near, toFar } = ends(25)
    const flow = near.openFlow({ metadata: META, retransmit: false })
    toFar.loses = ({ chunks }) => chunks.some(({ data }) => data?.sequenceNumber === 2)
    for (let i = 1; i <= 8; i++) {
      flow.write(Uint8Array.of(i), world.now)
      // The last one is on its way when the second is found to be lost.
      if (i === 8 && closes) flow.close()
      world.run(i === 1 ? 300 : 6)
    }
    world.run(500)
    expect(numbersOf(b)).toEqual([1, 3, 4, 5, 6, 7, 8])
    expect([near.bytesInFlight, flow.queuedBytes]).toEqual([0, 0])
    expect(eventsOf(b, 'flow-complete')).toHaveLength(closes ? 1 : 0)
  })

  test.each(['open', 'closing'] as const)('abandonQueued takes back all that has not been sent, of a flow that is %s', (state) => {
    const { world, b, near } = ends(24)
    const flow = near.openFlow({ metadata: META })
    flow.write(Uint8Array.of(1), world.now)
    world.run(100)
    for (let i = 2; i < 6; i++) flow.write(Uint8Array.of(i), world.now)
    if (state === 'closing') flow.close()
    flow.abandonQueued()
    expect(flow.queuedBytes).toBe(0)
    world.run(1_000)
    expect(numbersOf(b)).toEqual([1])
    expect(eventsOf(b, 'flow-complete')).toHaveLength(state === 'closing' ? 1 : 0)
  })
})

describe('backpressure', () => {
  test('write refuses what would not fit, and one event tells when half of the room is free again', () => {
    const { world, a, b, near } = ends(50)
    const flow = near.openFlow({ metadata: META, maxQueuedBytes: 10_000 })
    for (let i = 0; i < 10; i++) expect(flow.write(new Uint8Array(1_000), world.now)).toBe(true)
    expect(flow.isFull).toBe(false)
    expect(flow.write(new Uint8Array(1), world.now)).toBe(false)
    expect([flow.isFull, flow.queuedBytes]).toEqual([true, 10_000])
    let left = -1
    a.onEvent = (event) => {
      if (event.type === 'flow-writable') left = flow.queuedBytes
    }
    world.run(1_000)
    expect(eventsOf(a, 'flow-writable').map((event) => event.flow)).toEqual([flow])
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(5_000)
    expect(flow.isFull).toBe(false)
    expect(messagesOf(b)).toHaveLength(10)
  })

  test('a flow that never refused tells nothing', () => {
    const { world, a, near } = ends(51)
    const flow = near.openFlow({ metadata: META, maxQueuedBytes: 10_000 })
    expect(flow.hasRoomFor(10_000)).toBe(true)
    for (let i = 0; i < 10; i++) flow.write(new Uint8Array(1_000), world.now)
    world.run(1_000)
    expect(eventsOf(a, 'flow-writable')).toHaveLength(0)
  })

  test('asking for room is as good as being refused', () => {
    const { world, a, near } = ends(52)
    const flow = near.openFlow({ metadata: META, maxQueuedBytes: 1_000 })
    flow.write(new Uint8Array(900), world.now)
    expect([flow.hasRoomFor(100), flow.isFull]).toEqual([true, false])
    expect([flow.hasRoomFor(101), flow.isFull]).toEqual([false, true])
    world.run(300)
    expect(eventsOf(a, 'flow-writable')).toHaveLength(1)
    expect(flow.hasRoomFor(101)).toBe(true)
  })

  test('a message longer than all the room is taken when nothing else is queued', () => {
    const { world, b, near } = ends(53)
    const flow = near.openFlow({ metadata: META, maxQueuedBytes: 1_000 })
    expect(flow.write(new Uint8Array(5_000), world.now)).toBe(true)
    expect(flow.write(EMPTY, world.now)).toBe(false)
    world.run(1_000)
    expect(messagesOf(b)[0]).toHaveLength(5_000)
  })

  test('messages that are abandoned make room, too', () => {
    const { world, a, near, toFar } = ends(54)
    toFar.loses = () => true
    const flow = near.openFlow({ metadata: META, maxQueuedBytes: 1_000, lifetime: 300 })
    flow.write(new Uint8Array(1_000), world.now)
    expect(flow.write(new Uint8Array(10), world.now)).toBe(false)
    world.run(299)
    expect(eventsOf(a, 'flow-writable')).toHaveLength(0)
    world.run(1)
    expect(eventsOf(a, 'flow-writable')).toHaveLength(1)
  })
})

describe('a sender that keeps no limit', () => {
  test('makes this end hold no more than its buffer, and what is dropped is not acknowledged', () => {
    const { world, a, near, toFar } = ends(60)
    a.onEvent = (event) => {
      if (event.type === 'flow-open') event.flow.bufferCapacity = 20_000
    }
    feedData(world, near, { number: 1 })
    for (let number = 3; number < 63; number++) feedData(world, near, { number, data: new Uint8Array(1_000) })
    world.run(50)
    const ack = acksOf(toFar.packets).at(-1)!
    const kept = 1 + Math.floor((20_000 - 1_000) / (1_000 + FRAGMENT_OVERHEAD))
    expect([ack.cumulative, ack.froms[0], ack.tos[0]]).toEqual([1, 3, 2 + kept])
    feedData(world, near, { number: 2 })
    expect(messagesOf(a)).toHaveLength(2 + kept)
  })

  test('makes this end remember no more gaps than the limit', () => {
    const { world, a, near, toFar } = ends(61)
    for (let i = 0; i < MAX_GAPS + 50; i++) feedData(world, near, { number: 1 + 2 * i })
    world.run(50)
    const ack = acksOf(toFar.packets).at(-1)!
    expect(ack.count).toBe(MAX_GAPS)
    // What closes gaps is taken.
    for (let i = 0; i < MAX_GAPS; i++) feedData(world, near, { number: 2 + 2 * i })
    expect(messagesOf(a)).toHaveLength(2 * MAX_GAPS + 1)
  })
})
