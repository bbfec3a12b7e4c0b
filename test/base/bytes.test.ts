import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Reader, Writer, compareBytes, concat, equalBytes, fromHex, fromUtf8, toHex, utf8 } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'

const bytes = fc.uint8Array({ maxLength: 40 })

describe('text and hexadecimal', () => {
  test('fromHex(toHex(x)) = x, in either case', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(fromHex(toHex(value))).toEqual(value)
        expect(fromHex(toHex(value).toUpperCase())).toEqual(value)
      }),
    )
  })

  test.each(['0', 'abc', 'zz', '0x', ' 00', '0g'])('%p is not hexadecimal', (text) => {
    expect(() => fromHex(text)).toThrow(DecodeError)
  })

  test('fromUtf8(utf8(x)) = x', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text)
      }),
    )
  })

  test('a byte order mark is not lost', () => {
    expect(fromUtf8(utf8('\ufeffname'))).toBe('\ufeffname')
  })

  test.each(['80', 'c3', 'ff', 'eda080', 'f8888080'])('bytes %s are not UTF-8, and the decoder is as good as new after them', (hex) => {
    expect(() => fromUtf8(fromHex(hex))).toThrow(DecodeError)
    expect(fromUtf8(utf8('é'))).toBe('é')
  })
})

describe('comparisons', () => {
  test('equalBytes and compareBytes agree with a comparison of hexadecimal text', () => {
    const near = fc.uint8Array({ maxLength: 4, max: 2 })
    fc.assert(
      fc.property(near, near, (a, b) => {
        const [x, y] = [toHex(a), toHex(b)]
        expect(equalBytes(a, b)).toBe(x === y)
        expect(Math.sign(compareBytes(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0)
      }),
    )
  })

  test('concat keeps every byte in order and shares none', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
        const whole = concat(...parts)
        expect([...whole]).toEqual(parts.flatMap((part) => [...part]))
        for (const part of parts) expect(whole.buffer).not.toBe(part.buffer)
      }),
    )
  })
})

describe('Reader and Writer', () => {
  const item = fc.oneof(
    fc.record({ kind: fc.constant('uint8' as const), value: fc.nat(0xff) }),
    fc.record({ kind: fc.constant('uint16' as const), value: fc.nat(0xffff) }),
    fc.record({ kind: fc.constant('uint32' as const), value: fc.nat(0xffff_ffff) }),
  )
  const WIDTH = { uint8: 1, uint16: 2, uint32: 4 }

  test('numbers come back as they went, in network byte order', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 20 }), (items) => {
        const size = items.reduce((sum, { kind }) => sum + WIDTH[kind], 0)
        const w = Writer.ofSize(size)
        for (const { kind, value } of items) w[kind](value)
        expect(w.remaining).toBe(0)
        expect(toHex(w.bytes)).toBe(items.map(({ kind, value }) => value.toString(16).padStart(2 * WIDTH[kind], '0')).join(''))
        const r = new Reader(w.bytes)
        for (const { kind, value } of items) expect(r[kind]()).toBe(value)
        expect(r.remaining).toBe(0)
      }),
    )
  })

  test('a reader stops at its end, not at that of the array', () => {
    const source = fromHex('0102030405060708')
    for (let length = 0; length <= 4; length++) {
      const r = new Reader(source, 2, 2 + length)
      expect(r.remaining).toBe(length)
      for (const [width, read] of [
        [1, () => r.uint8()],
        [2, () => r.uint16()],
        [4, () => r.uint32()],
        [5, () => r.copy(5)],
        [5, () => r.view(5)],
        [5, () => r.skip(5)],
      ] as const) {
        if (width <= length) continue
        expect(read).toThrow(DecodeError)
        expect(r.at).toBe(2)
      }
    }
  })

  test.each([
    ['an array', (bytes: Uint8Array): Uint8Array => bytes],
    ['a Buffer, whose own slice is no copy', (bytes: Uint8Array): Uint8Array => Buffer.from(bytes)],
  ])('a view shares bytes, a copy and the rest do not: of %s', (_name, made) => {
    const source = made(fromHex('0102030405'))
    const r = new Reader(source)
    const view = r.view(2)
    const copy = r.copy(1)
    r.skip(1)
    const rest = r.rest()
    source.fill(0xff)
    expect([...view, ...copy, ...rest]).toEqual([0xff, 0xff, 3, 5])
    expect(r.rest()).toHaveLength(0)
  })

  test('both can be reset', () => {
    const r = new Reader(fromHex('01')).reset(fromHex('0a0b0c'), 1)
    expect(r.uint16()).toBe(0x0b0c)
    const target = new Uint8Array(4)
    const w = new Writer().reset(target, 1, 3)
    w.uint16(0x0d0e)
    expect(toHex(target)).toBe('000d0e00')
    expect(toHex(w.taken(1))).toBe('0d0e')
  })

  test('a writer that runs out of room throws and leaves what is behind its end alone', () => {
    for (const write of [
      (w: Writer) => w.uint8(1),
      (w: Writer) => w.uint16(1),
      (w: Writer) => w.uint32(1),
      (w: Writer) => w.raw(new Uint8Array(5)),
    ]) {
      const target = new Uint8Array(8).fill(0xee)
      const w = new Writer(target, 3, 3)
      expect(() => write(w)).toThrow(expect.objectContaining({ code: 'BUFFER_FULL' }))
      expect(w.at).toBe(3)
      expect(target.every((byte) => byte === 0xee)).toBe(true)
    }
  })
})
