import type { Reader, Writer } from '../base/bytes.ts'

const SEVEN_BITS = 0x7f
const MORE = 0x80

/** Bytes that `n` takes as a VLU. RFC 7016 §2.1.2. @param n A whole number from 0 to 2⁵³ − 1. */
export function vluSize(n: number): number {
  let size = 1
  for (let rest = n; rest > SEVEN_BITS; rest = Math.floor(rest / 128)) size++
  return size
}

/** Writes a variable length unsigned integer. RFC 7016 §2.1.2. @param n A whole number from 0 to 2⁵³ − 1. */
export function writeVlu(w: Writer, n: number): void {
  if (n <= SEVEN_BITS) {
    w.uint8(n)
    return
  }
  for (let i = vluSize(n) - 1; i > 0; i--) w.uint8(MORE | (Math.floor(n / 128 ** i) & SEVEN_BITS))
  w.uint8(n & SEVEN_BITS)
}

/**
 * Reads a variable length unsigned integer. RFC 7016 §2.1.2: one that does not fit is taken as the largest representable number, here
 * 2⁵³ − 1, so that the result is always exact or saturated.
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
