import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { utf8 } from '../../src/base/bytes.ts'
import { ACK_DELAY, MAX_DATAGRAM } from '../../src/rtmfp/constants.ts'
import type { Ack } from '../../src/wire/ack.ts'
import { CHUNK_BITMAP_ACK, CHUNK_RANGE_ACK, CHUNK_USER_DATA } from '../../src/wire/chunk.ts'
import { writeBufferProbe } from '../../src/wire/control.ts'
import { acksOf } from './inspect.ts'
import { ends, eventsOf, feed, feedData, messagesOf } from './tap.ts'
import type { Crafted, Ends } from './tap.ts'

const META = utf8('chat')
/** One way, milliseconds. */
const LATENCY = 20

interface Rig extends Ends {
  /** Hands `near` one packet with these chunks. */
  readonly data: (...chunks: readonly Crafted[]) => void
  /** When `near` has sent packets with acknowledgements since the last look, counted from the last look. */
  readonly acked: () => number[]
}

/** A session in which `near` has received one message on flow 1, and has acknowledged it. */
function rig(seed: number): Rig {
  const all = ends(seed)
  const { world, near, toFar } = all
  let since = 0
  const acked = (): number[] => {
    const times = toFar.packets.filter(({ chunks }) => chunks.some(({ ack }) => ack !== undefined)).map(({ at }) => at - LATENCY - since)
    toFar.packets.length = 0
    since = world.now
    return times
  }
  feedData(world, near, { number: 1 })
  world.run(1_000)
  acked()
  return { ...all, data: (...chunks) => feedData(world, near, ...chunks), acked }
}

/** Every number from 0 up that an acknowledgement names. */
function numbersIn(ack: Ack): number[] {
  const numbers = Array.from({ length: ack.cumulative + 1 }, (_, i) => i)
  for (let i = 0; i < ack.count; i++) for (let n = ack.froms[i]!; n <= ack.tos[i]!; n++) numbers.push(n)
  return numbers
}

describe('when it is acknowledged', () => {
  test('RFC 7016 §3.6.3.1 step 11: the packet that begins a flow at once', () => {
    const { world, acked, data } = rig(1)
    data({ flow: 2, number: 1 })
    world.run(300)
    expect(acked()).toEqual([0])
  })

  test('RFC 7016 §3.6.3.4.4: a single packet after 200 ms', () => {
    const { world, acked, data } = rig(2)
    data({ number: 2 })
    world.run(1_000)
    expect(acked()).toEqual([ACK_DELAY])
  })

  test('RFC 7016 §3.6.3.4.1: every second packet at once, and the alarm of the first is off', () => {
    const { world, acked, data } = rig(3)
    for (let number = 2; number < 8; number++) {
      data({ number })
      world.run(10)
    }
    world.run(1_000)
    expect(acked()).toEqual([10, 30, 50])
    data({ number: 8 })
    world.run(1_000)
    expect(acked()).toEqual([ACK_DELAY])
    data({ number: 9 })
    world.run(150)
    data({ number: 10 })
    world.run(100)
    data({ number: 11 })
    world.run(1_000)
    expect(acked()).toEqual([150, 250 + ACK_DELAY])
  })

  test('RFC 7016 §3.6.3.2: what counts is packets, not the chunks in them, and packets of all flows', () => {
    const { world, acked, data } = rig(4)
    data({ flow: 2, number: 1 })
    world.run(300)
    acked()
    data({ number: 2 }, { number: 3 }, { number: 4 })
    world.run(50)
    expect(acked()).toEqual([])
    data({ flow: 2, number: 2 })
    world.run(300)
    expect(acked()).toEqual([0])
  })

  test('RFC 7016 §3.6.3.2 steps 8 and 14: the packet that makes a gap, each while it lasts, and the one that closes it, at once', () => {
    const { world, acked, data } = rig(5)
    const each = [3, 4, 5, 2, 6].map((number) => {
      data({ number })
      const now = acked().length
      world.run(30)
      return now + acked().length
    })
    expect(each).toEqual([1, 1, 1, 1, 0])
    world.run(200)
    expect(acked()).toHaveLength(1)
  })

  test.each<[string, Crafted]>([
    ['step 7: an abandoned fragment', { number: 2, abandon: true, fsn: 2 }],
    ['step 9: a duplicate', { number: 1 }],
    ['step 10: the final one', { number: 2, final: true }],
  ])('RFC 7016 §3.6.3.2 %s at once', (_, chunk) => {
    const { world, acked, data } = rig(6)
    data(chunk)
    world.run(500)
    expect(acked()).toEqual([0])
  })

  test('RFC 7016 §3.6.3.2 step 6: at once while there is little room in the window that was announced last', () => {
    const { world, a, acked, data } = rig(7)
    const { flow } = eventsOf(a, 'flow-open')[0]!
    flow.bufferCapacity = 2_000
    data({ number: 2 })
    world.run(300)
    expect(acked()).toEqual([ACK_DELAY])
    flow.bufferCapacity = 1_000
    data({ number: 3 })
    world.run(300)
    expect(acked()).toEqual([0])
    flow.bufferCapacity = 100_000
    data({ number: 4 })
    world.run(300)
    expect(acked()).toEqual([0])
    data({ number: 5 })
    world.run(300)
    expect(acked()).toEqual([ACK_DELAY])
  })

  test('RFC 7016 §3.6.3.6: a buffer probe is answered at once, one for a flow that is not there is ignored', () => {
    const { world, near, acked } = rig(8)
    feed(world, near, (w) => writeBufferProbe(w, 99))
    world.run(300)
    expect(acked()).toEqual([])
    feed(world, near, (w) => writeBufferProbe(w, 1))
    world.run(300)
    expect(acked()).toEqual([0])
  })

  test('RFC 7016 §3.6.3.4.6: what is due on other flows goes along', () => {
    const { world, toFar, acked, data } = rig(9)
    data({ flow: 2, number: 1 }, { flow: 3, number: 1 })
    world.run(300)
    acked()
    data({ flow: 2, number: 2 }, { flow: 3, number: 2 }, { number: 2 })
    world.run(50)
    data({ flow: 2, number: 2 })
    world.run(300)
    expect(toFar.packets).toHaveLength(1)
    expect(
      acksOf(toFar.packets)
        .map(({ flowId, cumulative }) => [flowId, cumulative] as const)
        .toSorted(([one], [other]) => one - other),
    ).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
    ])
  })

  test('RFC 7016 §3.6.3.4.6: it goes along with user data that is sent anyway, and is not sent again', () => {
    const { world, near, toFar, acked, data } = rig(10)
    const flow = near.openFlow({ metadata: META })
    data({ number: 2 })
    world.run(50)
    flow.write(Uint8Array.of(1), world.now)
    world.run(100)
    expect(toFar.packets.map(({ chunks }) => chunks.map(({ type }) => type))).toEqual([[CHUNK_USER_DATA, CHUNK_RANGE_ACK]])
    expect(acked()).toEqual([50])
    world.run(500)
    expect(acked()).toEqual([])
  })

  test('RFC 7016 §3.6.3.4.2: what finds no room beside user data goes later, and each once', () => {
    const { world, near, toFar, acked, data } = rig(11)
    let longest = 0
    world.filter = (datagram) => {
      longest = Math.max(longest, datagram.length)
      return true
    }
    const flows = Array.from({ length: 30 }, (_, i) => 2 + i)
    data(...flows.map((flow) => ({ flow, number: 1 })))
    world.run(300)
    acked()
    data(...flows.map((flow) => ({ flow, number: 2 })))
    near.openFlow({ metadata: META }).write(new Uint8Array(3_600), world.now)
    world.run(1_000)
    const bearing = toFar.packets.filter(({ chunks }) => chunks.some(({ ack }) => ack !== undefined))
    expect(bearing.length).toBeGreaterThan(1)
    expect(
      acksOf(bearing)
        .map(({ flowId }) => flowId)
        .toSorted((one, other) => one - other),
    ).toEqual(flows)
    expect(longest).toBeLessThanOrEqual(MAX_DATAGRAM)
  })
})

describe('what is acknowledged', () => {
  test('RFC 7016 §3.6.3.4.7: the example of Figure 23', () => {
    const { world, near, toFar } = ends(20)
    const flow = 3
    const options = { flow, options: Uint8Array.of(2, 0, 1, 0) }
    feedData(world, near, { ...options, number: 28, fsn: 18 })
    for (let number = 19; number < 28; number++) feedData(world, near, { flow, number, fsn: 18 })
    world.run(300)
    toFar.packets.length = 0
    const steps: [number, number][] = [
      [29, 18],
      [30, 18],
      [32, 20],
      [34, 22],
      ...Array.from({ length: 12 }, (_, i): [number, number] => [35 + i, 30]),
      [47, 32],
      [33, 32],
      [48, 32],
      [49, 32],
    ]
    for (const [number, fsn] of steps) feedData(world, near, { flow, number, fsn })
    world.run(100)
    const said = acksOf(toFar.packets).map((ack) => {
      const ranges = Array.from({ length: ack.count }, (_, i) =>
        ack.froms[i] === ack.tos[i] ? `${ack.froms[i]}` : `${ack.froms[i]}-${ack.tos[i]}`,
      )
      return [`0-${ack.cumulative}`, ...ranges].join(', ')
    })
    expect([...said.slice(0, 3), ...said.slice(-4)]).toEqual([
      '0-30',
      '0-30, 32',
      '0-30, 32, 34',
      '0-30, 32, 34-46',
      '0-32, 34-47',
      '0-47',
      '0-49',
    ])
  })

  test('RFC 7016 §3.6.1.3: exactly what was received, and what the sender will not send again', () => {
    const chunk = fc.record({
      number: fc.integer({ min: 1, max: 60 }),
      behind: fc.integer({ min: 1, max: 60 }),
      abandon: fc.nat(9).map((n) => n === 0),
    })
    fc.assert(
      fc.property(fc.array(chunk, { minLength: 1, maxLength: 60 }), (chunks) => {
        const { world, near, toFar } = ends(21)
        const expected = new Set([0])
        for (const { number, behind, abandon } of chunks) {
          const fsn = Math.max(0, number - behind)
          feedData(world, near, { number, fsn, abandon, options: Uint8Array.of(1, 0, 0) })
          for (let n = 0; n <= fsn; n++) expected.add(n)
          expected.add(number)
        }
        world.run(300)
        expect(numbersIn(acksOf(toFar.packets).at(-1)!)).toEqual([...expected].toSorted((one, other) => one - other))
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    ['a few large gaps: ranges', [2, 500, 900], CHUNK_RANGE_ACK],
    ['many small ones: a bitmap', Array.from({ length: 30 }, (_, i) => 2 + 2 * i), CHUNK_BITMAP_ACK],
  ])('RFC 7016 §3.6.3.4.3: in the form that is the shorter: %s', (_, missing, type) => {
    const { world, near, toFar } = ends(22)
    const highest = missing.at(-1)! + 1
    for (let number = 1; number <= highest; number++) if (!missing.includes(number)) feedData(world, near, { number })
    world.run(100)
    const last = toFar.packets.at(-1)!.chunks[0]!
    expect(last.type).toBe(type)
    expect(numbersIn(last.ack!)).toEqual(Array.from({ length: highest + 1 }, (_, i) => i).filter((number) => !missing.includes(number)))
  })

  test('RFC 7016 §3.6.3.4.2: one that is longer than a packet is cut, and what it says is still true', () => {
    const { world, near, toFar } = ends(23)
    let longest = 0
    world.filter = (datagram) => {
      longest = Math.max(longest, datagram.length)
      return true
    }
    const received = Array.from({ length: 900 }, (_, i) => 1 + 200 * i)
    for (const number of received) feedData(world, near, { number })
    world.run(100)
    const ack = acksOf(toFar.packets).at(-1)!
    expect(longest).toBeLessThanOrEqual(MAX_DATAGRAM)
    expect(ack.count).toBeGreaterThan(350)
    expect(numbersIn(ack)).toEqual([0, ...received.slice(0, ack.count + 1)])
  })

  test('RFC 7016 §3.6.3.5: the window is what is free of the buffer, in blocks of 1,024 bytes, rounded up', () => {
    const { world, a, near, toFar } = ends(24)
    a.onEvent = (event) => {
      if (event.type === 'flow-open') event.flow.bufferCapacity = 10_000
    }
    feedData(world, near, { number: 1 })
    feedData(world, near, { number: 3, data: new Uint8Array(3_000) })
    feedData(world, near, { number: 4, data: new Uint8Array(3_000) })
    world.run(50)
    // Each fragment counts 64 bytes more than its data.
    expect(acksOf(toFar.packets).map((ack) => ack.bufferBlocks)).toEqual([10, 7, 4])
  })

  test('RFC 7016 §3.6.3.5: with a full buffer one block is announced, for the gap to be filled; none by a receiver that is suspended', () => {
    const { world, a, near, toFar } = ends(25)
    a.onEvent = (event) => {
      if (event.type === 'flow-open') event.flow.bufferCapacity = 3_000
    }
    feedData(world, near, { number: 1 })
    feedData(world, near, { number: 3, data: new Uint8Array(2_900) })
    feedData(world, near, { number: 4, data: new Uint8Array(2_900) })
    const { flow } = eventsOf(a, 'flow-open')[0]!
    flow.bufferCapacity = 1_000
    feedData(world, near, { number: 3 })
    flow.suspend()
    feedData(world, near, { number: 3 })
    world.run(50)
    const acks = acksOf(toFar.packets)
    expect(acks.map((ack) => ack.bufferBlocks).slice(-2)).toEqual([1, 0])
    expect(numbersIn(acks.at(-1)!)).toEqual([0, 1, 3])
  })

  test('RFC 7016 §3.6.3.8: when all of a flow has come, all of it is acknowledged, and the sender is done', () => {
    const { world, b, near, far, toNear, toFar } = ends(26)
    toFar.loses = ({ chunks }) => chunks.some(({ data }) => data?.sequenceNumber === 3) && toFar.packets.length < 8
    const flow = near.openFlow({ metadata: META })
    for (let i = 0; i < 10; i++) {
      flow.write(Uint8Array.of(i), world.now)
      world.run(1)
    }
    flow.close()
    world.run(2_000)
    expect(messagesOf(b)).toHaveLength(10)
    expect([acksOf(toNear.packets).at(-1)!.cumulative, acksOf(toNear.packets).at(-1)!.count]).toEqual([11, 0])
    expect([flow.state, flow.queuedBytes, near.bytesInFlight, far.bytesInFlight]).toEqual(['complete-linger', 0, 0, 0])
  })
})
