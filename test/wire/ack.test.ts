import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Writer, fromHex, toHex } from '../../src/base/bytes.ts'
import type { Reader } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { RangeSet } from '../../src/base/ranges.ts'
import { Ack, readBitmapAck, readRangeAck, writeAck } from '../../src/wire/ack.ts'
import { CHUNK_BITMAP_ACK, CHUNK_RANGE_ACK, ChunkCursor } from '../../src/wire/chunk.ts'
import { plainBitmapAck, plainRangeAck, readPlainAck } from './ack-twin.ts'
import type { PlainAck } from './ack-twin.ts'
import { embedded, payloadOf, vlu, written } from './chunks.ts'

/** The figures of §2.3.13 and §2.3.14. */
const FIGURE_4 = '500005' + '057f10' + '7906'
const FIGURE_5 = '510007' + '057f10' + '0000' + '0103'
/** The figure's length field and its comment disagree; seven bytes follow. */
const FIGURE_6 = '510007' + '057f10' + '0000' + '0183'

function plain(ack: Ack): PlainAck {
  const numbers = new Set<number>()
  for (let i = 0; i < ack.count; i++) {
    for (let n = ack.froms[i] as number; n <= (ack.tos[i] as number); n++) numbers.add(n)
  }
  return { flowId: ack.flowId, bufferBlocks: ack.bufferBlocks, cumulative: ack.cumulative, numbers }
}

/** Reads into an acknowledgement that others were read into before. */
const reused = new Ack()

function readInto(r: Reader, type: number): Ack {
  if (type === CHUNK_BITMAP_ACK) readBitmapAck(r, reused)
  else readRangeAck(r, reused)
  return reused
}

function read(chunk: Uint8Array): Ack {
  const { bytes, at, end } = embedded(chunk)
  const cursor = new ChunkCursor().reset(bytes, at, end)
  expect(cursor.next()).toBe(true)
  return readInto(cursor.payload, cursor.type)
}

function setOf(...numbers: readonly number[]): RangeSet {
  const set = new RangeSet()
  for (const n of numbers) set.add(n)
  return set
}

/** 0 to 16, and these. */
function afterSixteen(...numbers: readonly number[]): RangeSet {
  const set = setOf(...numbers)
  set.addRange(0, 16)
  return set
}

function write(set: RangeSet, room?: number, truncate = false): { chunk: string; wrote: boolean } {
  let wrote = false
  const chunk = written((w) => {
    wrote = writeAck(w, 5, 127, set, truncate)
  }, room)
  return { chunk: toHex(chunk), wrote }
}

const front = { flowId: 5, bufferBlocks: 127, cumulative: 16 }

describe('the figures of RFC 7016 §2.3.13, §2.3.14', () => {
  test('Figure 4: a bitmap', () => {
    expect(plain(read(fromHex(FIGURE_4)))).toEqual({ ...front, numbers: new Set([18, 21, 22, 23, 24, 27, 28]) })
    expect(write(afterSixteen(18, 21, 22, 23, 24, 27, 28)).chunk).toBe(FIGURE_4)
  })

  test('Figure 5: ranges', () => {
    const ack = read(fromHex(FIGURE_5))
    expect(plain(ack)).toEqual({ ...front, numbers: new Set([18, 21, 22, 23, 24]) })
    expect([ack.count, ack.froms[0], ack.tos[0], ack.froms[1], ack.tos[1]]).toEqual([2, 18, 18, 21, 24])
    expect(toHex(plainRangeAck({ ...front, numbers: new Set([18, 21, 22, 23, 24]) }))).toBe(FIGURE_5)
  })

  test('Figure 6: the last range is truncated, and those before it count', () => {
    expect(plain(read(fromHex(FIGURE_6)))).toEqual({ ...front, numbers: new Set([18]) })
  })

  test('Figure 6 with every other truncation', () => {
    const payload = payloadOf(fromHex(FIGURE_5), CHUNK_RANGE_ACK).rest()
    const counts = [undefined, undefined, undefined, 0, 0, 1, 1, 2]
    counts.forEach((count, length) => {
      const r = embedded(payload.subarray(0, length))
      if (count === undefined) expect(() => readRangeAck(r, reused)).toThrow(DecodeError)
      else {
        readRangeAck(r, reused)
        expect(reused.count).toBe(count)
      }
    })
  })
})

describe('reading', () => {
  const body = fc.uint8Array({ maxLength: 12 })
  // The twin goes through the numbers one by one, so ranges stay short.
  const short = fc.uint8Array({ maxLength: 12, max: 0x3f })

  test('the twin agrees on any bitmap and on any ranges', () => {
    fc.assert(
      fc.property(fc.nat(127), fc.nat(127), fc.nat(127), body, short, (flowId, blocks, cumulative, bits, runs) => {
        for (const [type, tail] of [
          [CHUNK_BITMAP_ACK, bits],
          [CHUNK_RANGE_ACK, runs],
        ] as const) {
          const payload = Uint8Array.of(flowId, blocks, cumulative, ...tail)
          const ack = readInto(embedded(payload), type)
          expect(plain(ack)).toEqual(readPlainAck(type, payload))
          for (let i = 0; i < ack.count; i++) {
            // Ranges ascend and do not touch.
            expect(ack.froms[i]).toBeGreaterThan(i === 0 ? ack.cumulative + 1 : (ack.tos[i - 1] as number) + 1)
            expect(ack.tos[i]).toBeGreaterThanOrEqual(ack.froms[i] as number)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['a bitmap', CHUNK_BITMAP_ACK, 'ffffff'],
    ['ranges', CHUNK_RANGE_ACK, '00000000'],
    ['ranges that are too large themselves', CHUNK_RANGE_ACK, 'ffffffffffffffff7fffffffffffffffff7f'],
  ])('%s past 2⁵³ − 1 end there', (_, type, tail) => {
    for (const cumulative of ['8fffffffffffff7b', '8fffffffffffff7f', 'ffffffffffffffff7f']) {
      const ack = readInto(embedded(fromHex(`0501${cumulative}${tail}`)), type)
      for (let i = 0; i < ack.count; i++) {
        expect(Number.isSafeInteger(ack.froms[i])).toBe(true)
        expect(Number.isSafeInteger(ack.tos[i])).toBe(true)
        expect(ack.tos[i]).toBeGreaterThanOrEqual(ack.froms[i] as number)
      }
    }
    expect(readInto(embedded(fromHex(`0501${'8fffffffffffff7f'}${tail}`)), type).count).toBe(0)
  })

  test.each(['', '05', '0581', '0501', '050181'])('a front of %p is malformed', (hex) => {
    expect(() => readRangeAck(embedded(fromHex(hex)), reused)).toThrow(DecodeError)
    expect(() => readBitmapAck(embedded(fromHex(hex)), reused)).toThrow(DecodeError)
  })
})

describe('writing', () => {
  /** Numbers above a cumulative one: runs of missing and received numbers. */
  const gaps = fc.array(fc.tuple(fc.oneof(fc.nat(4), fc.nat(300)), fc.oneof(fc.nat(3), fc.nat(400))), { maxLength: 20 })
  const acks = fc.record({ flowId: vlu, bufferBlocks: vlu, cumulative: fc.oneof(fc.nat(300), fc.nat(2 ** 40)), gaps }).map((x) => {
    const set = new RangeSet()
    set.addRange(0, x.cumulative)
    const numbers = new Set<number>()
    let cursor = x.cumulative
    for (const [missing, received] of x.gaps) {
      const from = cursor + 2 + missing
      cursor = from + received
      set.addRange(from, cursor)
      for (let n = from; n <= cursor; n++) numbers.add(n)
    }
    return { flowId: x.flowId, bufferBlocks: x.bufferBlocks, cumulative: x.cumulative, numbers, set }
  })

  test('the shorter form of the twin, byte by byte; decode(encode(x)) = x', () => {
    fc.assert(
      fc.property(acks, ({ set, ...ack }) => {
        const [bitmap, ranges] = [plainBitmapAck(ack), plainRangeAck(ack)]
        const chunk = written((w) => expect(writeAck(w, ack.flowId, ack.bufferBlocks, set, false)).toBe(true))
        expect(toHex(chunk)).toBe(toHex(bitmap.length < ranges.length ? bitmap : ranges))
        expect(plain(read(chunk))).toEqual(ack)
        expect(plain(read(bitmap))).toEqual(ack)
        expect(plain(read(ranges))).toEqual(ack)
      }),
      { numRuns: 300 },
    )
  })

  test('§3.6.3.4.5: with less room nothing is written, or as much as goes in', () => {
    fc.assert(
      fc.property(acks, fc.double({ min: 0, max: 1, noNaN: true }), ({ set, ...ack }, share) => {
        const whole = Math.min(plainBitmapAck(ack).length, plainRangeAck(ack).length)
        const room = Math.floor(share * (whole - 1))
        expect(written((w) => expect(writeAck(w, ack.flowId, ack.bufferBlocks, set, false)).toBe(false), room)).toHaveLength(0)
        const bare = plainRangeAck({ ...ack, numbers: new Set() }).length
        const chunk = written((w) => expect(writeAck(w, ack.flowId, ack.bufferBlocks, set, true)).toBe(room >= bare), room)
        if (room < bare) {
          expect(chunk).toHaveLength(0)
          return
        }
        const got = plain(read(chunk))
        expect({ ...got, numbers: 0 }).toEqual({ ...ack, numbers: 0 })
        for (const n of got.numbers) expect(ack.numbers.has(n)).toBe(true)
        expect(got.numbers.size).toBe(mostThatFits(ack, room))
      }),
      { numRuns: 300 },
    )
  })

  /** How many numbers the better of both forms acknowledges in `room` bytes. */
  function mostThatFits(ack: PlainAck, room: number): number {
    let most = 0
    for (const form of [plainBitmapAck(ack), plainRangeAck(ack)]) {
      const cut = form.slice(0, room)
      // A cut within a pair of VLUs is a truncated last range, which does not count.
      most = Math.max(most, readPlainAck(form[0] as number, cut.subarray(3)).numbers.size)
    }
    return most
  }

  test('with nothing missing it is a Range Ack with a front alone', () => {
    expect(write(afterSixteen())).toEqual({ chunk: '510003' + '057f10', wrote: true })
    expect(write(setOf(0))).toEqual({ chunk: '510003' + '057f00', wrote: true })
    expect(write(afterSixteen(), 6).wrote).toBe(true)
    expect(write(afterSixteen(), 5, true)).toEqual({ chunk: '', wrote: false })
  })

  test('a gap of any width costs nothing but a few bytes', () => {
    const set = afterSixteen(Number.MAX_SAFE_INTEGER)
    const { chunk } = write(set)
    expect(chunk).toHaveLength(2 * (6 + 8 + 1))
    const ack = read(fromHex(chunk))
    expect([ack.count, ack.froms[0], ack.tos[0]]).toEqual([1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
  })

  test('bits of an earlier packet in the buffer do not show through', () => {
    const buffer = new Uint8Array(20).fill(0xff)
    const w = new Writer(buffer)
    writeAck(w, 5, 127, afterSixteen(18, 21, 22, 23, 24, 27, 28), false)
    expect(toHex(w.taken())).toBe(FIGURE_4)
  })

  test('a set without 0 is a bug', () => {
    expect(() => writeAck(Writer.ofSize(50), 5, 127, setOf(1, 2), false)).toThrow(expect.objectContaining({ code: 'BUG' }))
  })
})
