import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { SESSION_ID_SIZE, readSessionId, writeSessionId } from '../../src/wire/session-id.ts'

/** RFC 7016 §2.2.2 word for word: pad the encrypted packet, take two words, and exclusive-or. */
function naive(datagram: Uint8Array): number {
  const padded = new Uint8Array(Math.max(12, datagram.length))
  padded.set(datagram)
  const view = new DataView(padded.buffer)
  return (view.getUint32(0) ^ view.getUint32(4) ^ view.getUint32(8)) >>> 0
}

describe('scrambled session IDs, RFC 7016 §2.2.2', () => {
  test.each([
    ['0102030410203040aabbccdd', 0xbb99ff99],
    ['00000000', 0],
    ['01020304', 0x01020304],
    ['ffffffff80', 0x7fffffff],
    ['ffffffff000000000000000001', 0xffffffff],
    ['00000000000000000000ff', 0x0000ff00],
  ])('%s bears %d', (hex, id) => {
    expect(readSessionId(fromHex(hex))).toBe(id)
  })

  test('the twin agrees on every datagram, however short', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: SESSION_ID_SIZE, maxLength: 40 }), (datagram) => {
        expect(readSessionId(datagram)).toBe(naive(datagram))
      }),
      { numRuns: 500 },
    )
  })

  test('read(write(id)) = id, without a look at or a touch of anything but the datagram', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.uint8Array({ minLength: SESSION_ID_SIZE, maxLength: 20 }),
        fc.nat(0xff),
        (id, datagram, behind) => {
          const buffer = new Uint8Array(40).fill(behind)
          buffer.set(datagram)
          writeSessionId(buffer, id, datagram.length)
          const result = buffer.slice(0, datagram.length)
          expect(readSessionId(result)).toBe(id)
          expect(readSessionId(buffer.subarray(0, datagram.length))).toBe(id)
          expect(toHex(result.subarray(SESSION_ID_SIZE))).toBe(toHex(datagram.subarray(SESSION_ID_SIZE)))
          expect(buffer.subarray(datagram.length).every((byte) => byte === behind)).toBe(true)
          const whole = datagram.slice()
          writeSessionId(whole, id)
          expect(whole).toEqual(result)
        },
      ),
      { numRuns: 500 },
    )
  })

  test.each([0, 1, 2, 3])('%d bytes hold no session ID', (length) => {
    expect(() => readSessionId(new Uint8Array(length))).toThrow(DecodeError)
    expect(() => readSessionId(new Uint8Array(20).subarray(0, length))).toThrow(DecodeError)
  })
})
