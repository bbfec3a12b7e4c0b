import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DecodeError } from '../../src/base/errors.ts'
import { t } from '../../src/schema/t.ts'
import { BitReader, BitWriter, bitsFor } from '../../src/sync/core/bits.ts'
import { CHANGE_OVERHEAD, nextContext, readDelta, writeDelta } from '../../src/sync/core/delta.ts'
import { readGap, writeGap } from '../../src/sync/core/record-codec.ts'
import { fromOrderedFloat32, mostBits, orderedFloat32, readWire, writeWire } from '../../src/sync/core/wire-value.ts'

const writer = new BitWriter(new Uint8Array(4_096))
const written = (write: (bits: BitWriter) => void): Uint8Array => {
  writer.reset()
  write(writer)
  return writer.finish()
}

describe('bits', () => {
  test('what is written comes out again, whatever stands before it', () => {
    const item = fc.oneof(
      fc.nat({ max: 53 }).chain((bits) => fc.maxSafeNat().map((v) => ({ kind: 'uint' as const, bits, value: v % 2 ** bits }))),
      fc.record({ kind: fc.constant('varuint' as const), bits: fc.integer({ min: 1, max: 16 }), value: fc.maxSafeNat() }),
      fc.record({ kind: fc.constant('float64' as const), bits: fc.constant(64), value: fc.double({ noNaN: true }) }),
      fc
        .record({ kind: fc.constant('ones' as const), bits: fc.integer({ min: 1, max: 16 }), value: fc.nat({ max: 16 }) })
        .map((o) => ({ ...o, value: Math.min(o.value, o.bits) })),
    )
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const bytes = written((bits) => {
          for (const { kind, bits: n, value } of items) {
            if (kind === 'ones') bits.small((1 << value) - 1, value < n ? value + 1 : value)
            else if (kind === 'float64') bits.float64(value)
            else bits[kind](value, n)
          }
        })
        const reader = new BitReader().reset(bytes)
        for (const { kind, bits: n, value } of items) expect(kind === 'float64' ? reader.float64() : reader[kind](n)).toBe(value)
        expect(reader.remaining).toBeLessThan(8)
      }),
    )
  })

  test('what is taken back leaves no trace', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat({ max: 2 ** 30 }), fc.nat({ max: 2 ** 20 }), (before, taken, after) => {
        const bytes = written((bits) => {
          bits.uint(before, 30)
          const mark = bits.bitLength
          bits.uint(taken, 31)
          bits.truncate(mark)
          bits.uint(after, 20)
        })
        const reader = new BitReader().reset(bytes)
        expect([reader.uint(30), reader.uint(20)]).toEqual([before, after % 2 ** 20])
      }),
    )
  })

  test('where the bits end, reading throws', () => {
    const reader = new BitReader()
    for (const read of [() => reader.small(9), () => reader.uint(20), () => reader.float64(), () => reader.raw(2)]) {
      reader.reset(Uint8Array.of(0))
      expect(read).toThrow(DecodeError)
    }
    reader.reset(Uint8Array.of(255))
    expect(() => reader.ones(12)).toThrow(DecodeError)
    reader.reset(new Uint8Array(20).fill(255))
    expect(() => reader.varuint(7)).toThrow('number too large')
  })

  test('a limit is noticed', () => {
    writer.reset(2)
    writer.uint(0, 16)
    expect(writer.isOver).toBe(false)
    writer.bool(true)
    expect(writer.isOver).toBe(true)
  })
})

test('a change comes out again, whatever came before it, and takes no more bits than it says', () => {
  const change = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.integer(), fc.bigInt(-(2n ** 50n), 2n ** 50n).map(Number))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 30 }), fc.nat(63), (changes, first) => {
      let [last, context] = [0, first]
      const bytes = written((bits) => {
        for (const delta of changes) {
          const before = bits.bitLength
          writeDelta(bits, delta, last, context)
          expect(bits.bitLength - before).toBeLessThanOrEqual(CHANGE_OVERHEAD + bitsFor(Math.max(Math.abs(delta), Math.abs(delta - last))))
          context = nextContext(delta, last)
          last = delta
        }
      })
      ;[last, context] = [0, first]
      const reader = new BitReader().reset(bytes)
      for (const delta of changes) {
        expect(readDelta(reader, last, context)).toBe(delta)
        context = nextContext(delta, last)
        last = delta
      }
    }),
  )
})

test('what moves steadily costs a few bits', () => {
  let [last, context] = [0, 4]
  writer.reset()
  for (let i = 0; i < 100; i++) {
    const delta = 137 + (i % 2)
    writeDelta(writer, delta, last, context)
    context = nextContext(delta, last)
    last = delta
  }
  expect(writer.bitLength).toBeLessThan(400)
})

test('gaps end where the bits end', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 50 }), fc.nat(8), (gaps, k) => {
      const bytes = written((bits) => gaps.forEach((gap) => writeGap(bits, gap, k)))
      const reader = new BitReader().reset(bytes)
      for (const gap of gaps) expect(readGap(reader, k)).toBe(gap)
      expect(readGap(reader, k)).toBe(-1)
    }),
  )
})

test('32-bit numbers in order: near ones are near, and all come out again', () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.float({ noNaN: true, noDefaultInfinity: true }), (a, b) => {
      expect(fromOrderedFloat32(orderedFloat32(a))).toBe(a === 0 ? 0 : a)
      if (a < b) expect(orderedFloat32(a)).toBeLessThan(orderedFloat32(b))
    }),
  )
  expect(orderedFloat32(1.0000001) - orderedFloat32(1)).toBe(1)
})

test('values of every kind come out again, in no more bits than reckoned', () => {
  const fields = {
    a: t.bool,
    b: t.int(-7, 8),
    c: t.float32,
    d: t.float64,
    e: t.string(12),
    f: t.bytes(7),
    g: t.optional(t.oneOf('x', 'y', 'z')),
    h: t.array(t.vec2(t.fixed(-1, 1, 0.5)), 5),
    i: t.map(t.flags('u', 'v'), 3),
    j: t.quaternion(6),
  }
  const field = t.object(fields)
  const values = fc.record({
    a: fc.boolean(),
    b: fc.integer({ min: -7, max: 8 }),
    c: fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
    d: fc.double({ noNaN: true, noDefaultInfinity: true }),
    e: fc
      .string({ maxLength: 12, unit: 'binary' })
      .map((s) => s.slice(0, 12))
      .filter((s) => !/\p{Surrogate}/u.test(s)),
    f: fc.uint8Array({ maxLength: 7 }),
    g: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
    h: fc.array(fc.record({ x: fc.constantFrom(-1, -0.5, 0, 0.5, 1), y: fc.constantFrom(-1, 0, 1) }), { maxLength: 5 }),
    i: fc.dictionary(
      fc.string({ maxLength: 4 }).filter((s) => !/\p{Surrogate}/u.test(s)),
      fc.record({ u: fc.boolean(), v: fc.boolean() }),
      { maxKeys: 3, noNullPrototype: true },
    ),
    j: fc.constant({ x: 0, y: 0, z: 0, w: 1 }),
  })
  fc.assert(
    fc.property(values, (value) => {
      const bytes = written((bits) => {
        writeWire(bits, field.shape, field.encode(value, 'value'))
        expect(bits.bitLength).toBeLessThanOrEqual(mostBits(field.shape))
      })
      const { g, ...rest } = value
      expect(field.decode(readWire(new BitReader().reset(bytes), field.shape))).toEqual(g === undefined ? rest : value)
    }),
  )
})
