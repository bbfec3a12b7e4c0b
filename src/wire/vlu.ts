import type { Reader, Writer } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'

const SEVEN_BITS = 0x7f
const MORE = 0x80

/** Bytes that `n` takes as a VLU. RFC 7016 §2.1.2. @param n A whole number from 0 to 2⁵³ − 1. */
export function vluSize(n: number): number {
  if (n < 2 ** 7) return 1
  if (n < 2 ** 14) return 2
  if (n < 2 ** 21) return 3
  if (n < 2 ** 28) return 4
  let size = 5
  for (let limit = 2 ** 35; n >= limit; limit *= 128) size++
  return size
}

/** Writes a variable length unsigned integer. RFC 7016 §2.1.2. @param n A whole number from 0 to 2⁵³ − 1. */
export function writeVlu(w: Writer, n: number): void {
  assert(n >= 0 && n <= Number.MAX_SAFE_INTEGER, 'a VLU is written of a number that it cannot hold')
  if (n <= SEVEN_BITS) {
    w.uint8(n)
    return
  }
  if (n < 2 ** 31) {
    for (let shift = 7 * (vluSize(n) - 1); shift > 0; shift -= 7) w.uint8(MORE | ((n >>> shift) & SEVEN_BITS))
  } else {
    for (let i = vluSize(n) - 1; i > 0; i--) w.uint8(MORE | (Math.floor(n / 128 ** i) & SEVEN_BITS))
  }
  w.uint8(n & SEVEN_BITS)
}

/**
 * Reads a variable length unsigned integer. RFC 7016 §2.1.2. Our own choice: one above 2⁵³ − 1 is taken as 2⁵³ − 1, so that what comes
 * out is always a number that can be counted with exactly. No counter of an honest peer gets there.
 * @throws DecodeError when the bytes end inside it.
 */
export function readVlu(r: Reader): number {
  let byte = r.uint8()
  let n = byte & SEVEN_BITS
  while (byte >= MORE) {
    byte = r.uint8()
    n = n * 128 + (byte & SEVEN_BITS)
    if (n > Number.MAX_SAFE_INTEGER) n = Number.MAX_SAFE_INTEGER
  }
  return n
}
