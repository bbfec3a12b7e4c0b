import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RangeSet } from '../../src/base/ranges.ts'
import { FRAGMENT_OVERHEAD } from '../../src/rtmfp/constants.ts'
import { ReassemblyBuffer } from '../../src/rtmfp/flow/reassembly.ts'
import { FRA_BEGIN, FRA_END, FRA_MIDDLE, FRA_WHOLE } from '../../src/wire/user-data.ts'

interface Piece {
  readonly number: number
  readonly control: number
  readonly data: Uint8Array
}

/** Fragments of messages of so many fragments each, whose data are their own sequence numbers. */
function pieces(lengths: readonly number[]): Piece[] {
  let number = 0
  return lengths.flatMap((length) =>
    Array.from({ length }, (_, i) => {
      number++
      const control = length === 1 ? FRA_WHOLE : i === 0 ? FRA_BEGIN : i === length - 1 ? FRA_END : FRA_MIDDLE
      return { number, control, data: Uint8Array.of(number >> 8, number) }
    }),
  )
}

function insert(buffer: ReassemblyBuffer, piece: Piece): number {
  return buffer.insert(piece.number, piece.control, piece.data)
}

/** First and last sequence numbers of the messages that come out in queuing order. */
function takeOrdered(buffer: ReassemblyBuffer, contiguous: number): [number, number][] {
  const taken: [number, number][] = []
  for (let message = buffer.nextOrdered(contiguous); message !== undefined; message = buffer.nextOrdered(contiguous)) {
    taken.push([message.first, message.last])
    const expected = Array.from({ length: message.last - message.first + 1 }, (_, i) => message.first + i).flatMap((n) => [n >> 8, n & 255])
    expect([...message.data]).toEqual(expected)
  }
  return taken
}

describe('reassembly in queuing order', () => {
  test('RFC 7016 §3.6.3.3: a message is given out when its last fragment is there, and those behind a gap wait', () => {
    const buffer = new ReassemblyBuffer()
    const [a, b1, b2, b3, c] = pieces([1, 3, 1]) as [Piece, Piece, Piece, Piece, Piece]
    insert(buffer, a)
    insert(buffer, b1)
    insert(buffer, b3)
    insert(buffer, c)
    expect(takeOrdered(buffer, 2)).toEqual([[1, 1]])
    insert(buffer, b2)
    expect(takeOrdered(buffer, 5)).toEqual([
      [2, 4],
      [5, 5],
    ])
    expect(buffer.isEmpty).toBe(true)
    expect(buffer.size).toBe(0)
  })

  test('RFC 7016 §3.6.3.3: a segment that has lost its beginning, its middle or its end is discarded, and what follows is given out', () => {
    for (const missing of [2, 3, 4]) {
      const buffer = new ReassemblyBuffer()
      for (const piece of pieces([1, 3, 1])) if (piece.number !== missing) insert(buffer, piece)
      expect(takeOrdered(buffer, 5)).toEqual([
        [1, 1],
        [5, 5],
      ])
      expect(buffer.size).toBe(0)
    }
  })

  test('RFC 7016 §3.6.3.3: an unfinished segment that ends at the cumulative number is still in progress', () => {
    const buffer = new ReassemblyBuffer()
    const [first, second, third] = pieces([3]) as [Piece, Piece, Piece]
    insert(buffer, first)
    insert(buffer, second)
    expect(takeOrdered(buffer, 2)).toEqual([])
    expect(buffer.isEmpty).toBe(false)
    insert(buffer, third)
    expect(takeOrdered(buffer, 3)).toEqual([[1, 3]])
  })

  test('two beginnings in a row are two messages, of which the first is lost', () => {
    const buffer = new ReassemblyBuffer()
    insert(buffer, { number: 1, control: FRA_BEGIN, data: Uint8Array.of(0, 1) })
    insert(buffer, { number: 2, control: FRA_BEGIN, data: Uint8Array.of(0, 2) })
    insert(buffer, { number: 3, control: FRA_END, data: Uint8Array.of(0, 3) })
    expect(takeOrdered(buffer, 3)).toEqual([[2, 3]])
    expect(buffer.size).toBe(0)
  })

  test('its size is the data that it holds, with an allowance for each fragment', () => {
    const buffer = new ReassemblyBuffer()
    buffer.insert(4, FRA_BEGIN, new Uint8Array(1_000))
    buffer.insert(9, FRA_WHOLE, new Uint8Array(0))
    expect(buffer.size).toBe(1_000 + 2 * FRAGMENT_OVERHEAD)
    buffer.clear()
    expect([buffer.size, buffer.isEmpty]).toEqual([0, true])
  })

  test.each<readonly [string, (n: number) => Piece[]]>([
    ['in order', (n) => pieces([n])],
    ['backwards', (n) => pieces([n]).reverse()],
    ['with every second one first', (n) => [...pieces([n]).filter((_, i) => i % 2 === 0), ...pieces([n]).filter((_, i) => i % 2 === 1)]],
    ['without its end', (n) => pieces([n + 1]).slice(0, n)],
    ['without its beginning', (n) => pieces([n + 1]).slice(1)],
  ])('3,000 fragments of one message, %s, are not walked over again for each of them', (name, make) => {
    const buffer = new ReassemblyBuffer()
    const steps = countLooks(buffer)
    let completed = 0
    for (const piece of make(3_000)) {
      const index = insert(buffer, piece)
      if (buffer.completedAt(index) !== undefined) completed++
      buffer.dropAbandoned(0)
      expect(buffer.nextOrdered(0)).toBeUndefined()
    }
    expect(completed).toBe(name.startsWith('without') ? 0 : 1)
    expect(steps.count).toBeLessThan(3_000 * 30)
  })

  test('ten thousand messages that are not complete cost one look each when what is complete is taken', () => {
    const buffer = new ReassemblyBuffer()
    for (let number = 1; number <= 20_000; number += 2) buffer.insert(number, FRA_BEGIN, Uint8Array.of(1))
    const steps = countLooks(buffer)
    expect(buffer.nextComplete()).toBeUndefined()
    expect(buffer.nextComplete()).toBeUndefined()
    expect(steps.count).toBeLessThan(30_000)
  })
})

/** How often the buffer looks at a segment from now on. */
function countLooks(buffer: ReassemblyBuffer): { readonly count: number } {
  const inside = buffer as unknown as { segments: unknown[] }
  const steps = { count: 0 }
  inside.segments = new Proxy(inside.segments, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      // What splice moves is moved as one block of memory.
      if (typeof value === 'function') return value.bind(target) as unknown
      if (typeof key === 'string' && key !== 'length') steps.count++
      return value
    },
  })
  return steps
}

interface Arrivals {
  readonly lengths: readonly number[]
  readonly order: readonly { readonly piece: Piece; readonly comes: boolean }[]
}

/** Messages whose fragments come in any order; some never come, and are passed over instead. */
const arrivals: fc.Arbitrary<Arrivals> = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 14 }).chain((lengths) => {
  const all = pieces(lengths)
  return fc
    .tuple(
      fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
      fc.array(fc.nat(7), { minLength: all.length, maxLength: all.length }),
    )
    .map(([order, luck]) => ({ lengths, order: order.map((piece, i) => ({ piece, comes: luck[i] !== 0 })) }))
})

/** First and last numbers of the messages all of whose fragments come. */
function whole({ lengths, order }: Arrivals): [number, number][] {
  const missing = new Set(order.filter(({ comes }) => !comes).map(({ piece }) => piece.number))
  let next = 1
  return lengths
    .map((length): [number, number] => [next, (next += length) - 1])
    .filter(([first, last]) => !Array.from({ length: last - first + 1 }, (_, i) => first + i).some((n) => missing.has(n)))
}

describe('reassembly of what comes in any order', () => {
  test('RFC 7016 §3.6.3.3: in queuing order every message that is whole is given out, once, and nothing is left over', () => {
    fc.assert(
      fc.property(arrivals, (each) => {
        const buffer = new ReassemblyBuffer()
        const seen = new RangeSet()
        seen.add(0)
        const taken: [number, number][] = []
        for (const { piece, comes } of each.order) {
          if (comes) insert(buffer, piece)
          seen.add(piece.number)
          const now = takeOrdered(buffer, seen.contiguous)
          expect(now.every(([, last]) => last <= seen.contiguous)).toBe(true)
          taken.push(...now)
        }
        expect(taken).toEqual(whole(each))
        expect(buffer.size).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('by arrival every message is given out with the fragment that makes it whole, once, and nothing is left over', () => {
    fc.assert(
      fc.property(arrivals, (each) => {
        const buffer = new ReassemblyBuffer()
        const seen = new RangeSet()
        seen.add(0)
        const expected = whole(each)
        const there = new Set<number>()
        for (const { piece, comes } of each.order) {
          seen.add(piece.number)
          const message = comes ? buffer.completedAt(insert(buffer, piece)) : undefined
          if (comes) there.add(piece.number)
          const due = expected.find(([first, last]) => piece.number >= first && piece.number <= last)
          const complete = due !== undefined && Array.from({ length: due[1] - due[0] + 1 }, (_, i) => due[0] + i).every((n) => there.has(n))
          expect(message === undefined ? undefined : [message.first, message.last]).toEqual(complete ? due : undefined)
          buffer.dropAbandoned(seen.contiguous)
        }
        expect(buffer.size).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('what was held back is given out by sequence number, whatever is missing before it', () => {
    fc.assert(
      fc.property(arrivals, (each) => {
        const buffer = new ReassemblyBuffer()
        for (const { piece, comes } of each.order) if (comes) insert(buffer, piece)
        const taken: [number, number][] = []
        for (let message = buffer.nextComplete(); message !== undefined; message = buffer.nextComplete())
          taken.push([message.first, message.last])
        expect(taken).toEqual(whole(each))
      }),
    )
  })
})
