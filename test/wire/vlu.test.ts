import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Reader, Writer, fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { readVlu, vluSize, writeVlu } from '../../src/wire/vlu.ts'
import { embedded, vlu, written } from './chunks.ts'

/** RFC 7016 §2.1.2 word for word, on big integers. */
function naive(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) {
    value = value * 128n + BigInt(byte & 0x7f)
    if (byte < 0x80) return value
  }
  throw new Error('unfinished')
}

describe('VLU, RFC 7016 §2.1.2', () => {
  test.each([
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8100'],
    [300, '822c'],
    [16383, 'ff7f'],
    [16384, '818000'],
    [2 ** 21 - 1, 'ffff7f'],
    [2 ** 28, '8180808000'],
    [2 ** 31, '8880808000'],
    [2 ** 32 - 1, '8fffffff7f'],
    [2 ** 35 - 1, 'ffffffff7f'],
    [2 ** 35, '818080808000'],
    [Number.MAX_SAFE_INTEGER, '8fffffffffffff7f'],
  ])('%d is %s', (n, hex) => {
    expect(toHex(written((w) => writeVlu(w, n)))).toBe(hex)
    expect(readVlu(embedded(fromHex(hex)))).toBe(n)
    expect(vluSize(n)).toBe(hex.length / 2)
  })

  test('decode(encode(n)) = n, in as many bytes as vluSize says', () => {
    fc.assert(
      fc.property(vlu, (n) => {
        const encoded = written((w) => writeVlu(w, n))
        expect(encoded).toHaveLength(vluSize(n))
        expect(naive(encoded)).toBe(BigInt(n))
        const r = embedded(encoded)
        expect(readVlu(r)).toBe(n)
        expect(r.remaining).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  test('any encoding gives its number, or 2⁵³ − 1 when that is too large to count with', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 14, min: 0x80 }), fc.nat(0x7f), (more, last) => {
        const encoded = Uint8Array.of(...more, last)
        const exact = naive(encoded)
        const expected = exact > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(exact)
        const r = embedded(encoded)
        expect(readVlu(r)).toBe(expected)
        expect(r.remaining).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  test('needless digits in front do not matter', () => {
    expect(readVlu(embedded(fromHex('80808005')))).toBe(5)
    expect(readVlu(embedded(fromHex(`${'80'.repeat(1000)}05`)))).toBe(5)
  })

  test.each(['ffffffffffffffff7f', '81ffffffffffffffff7f', '9080808080808000'])('%s, beyond 2⁵³ − 1, is 2⁵³ − 1', (hex) => {
    expect(readVlu(embedded(fromHex(hex)))).toBe(Number.MAX_SAFE_INTEGER)
  })

  test.each(['', '80', 'ff', 'ffffffff'])('%p is truncated', (hex) => {
    expect(() => readVlu(embedded(fromHex(hex)))).toThrow(DecodeError)
  })

  test.each([-1, 2 ** 53, Number.NaN, Infinity])('writing %p is a bug', (n) => {
    expect(() => writeVlu(Writer.ofSize(20), n)).toThrow(expect.objectContaining({ code: 'BUG' }))
  })

  test('the rest of the bytes is left to others', () => {
    const r = new Reader(fromHex('810005'))
    expect(readVlu(r)).toBe(128)
    expect(readVlu(r)).toBe(5)
  })
})
