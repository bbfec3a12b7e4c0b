import { DecodeError } from '../../base/errors.ts'
import { bitsFor } from './bits.ts'
import type { BitReader, BitWriter } from './bits.ts'

/**
 * How a change of a whole number is written. Both ends know the change before it and a context of one byte: how many bits the one before
 * had, and (`TREND`) whether changes have lately been alike, so that the difference between two changes is smaller than the change.
 * A number of bits near the context's is short; what moves steadily costs two bits.
 */
const TREND = 64
const LENGTH_MASK = 63
/** A length this far from the expected one is written out. Bits in unary. */
const ESCAPE = 12
const LENGTH_BITS = 6
/** Bits that a change takes at most beyond those of its number. */
export const CHANGE_OVERHEAD: number = ESCAPE + LENGTH_BITS + 2
/** What can be told in one call of the writer. */
const ONE_CALL = 24
/** Context of a value that was just written for the first time: a small change is to follow. */
export const FRESH_CONTEXT = 4

/** Context after a change. */
export function nextContext(delta: number, last: number): number {
  const plain = delta < 0 ? -delta : delta
  const trend = delta < last ? last - delta : delta - last
  return trend < plain ? bitsFor(trend) | TREND : bitsFor(plain)
}

/** Writes a change, a whole number within ±2⁵⁰. */
export function writeDelta(bits: BitWriter, delta: number, last: number, context: number): void {
  const rest = context >= TREND ? delta - last : delta
  const size = rest < 0 ? -rest : rest
  const length = bitsFor(size)
  const expected = context & LENGTH_MASK
  const rank = length > 2 * expected ? length : length >= expected ? 2 * (length - expected) : 2 * (expected - length) - 1
  if (rank >= ESCAPE) {
    bits.small(2 ** ESCAPE - 1, ESCAPE)
    bits.small(length, LENGTH_BITS)
  } else if (rank + length + 1 <= ONE_CALL) {
    // Unary rank, sign, and what is below the highest bit, at once.
    let code = (1 << rank) - 1
    if (length > 0) code |= ((rest < 0 ? 1 : 0) | ((size ^ (1 << (length - 1))) << 1)) << (rank + 1)
    bits.small(code, length > 0 ? rank + length + 1 : rank + 1)
    return
  } else bits.small((1 << rank) - 1, rank + 1)
  if (length === 0) return
  bits.bool(rest < 0)
  bits.uint(size - 2 ** (length - 1), length - 1)
}

/** Reads a change. @throws DecodeError */
export function readDelta(bits: BitReader, last: number, context: number): number {
  const rank = bits.ones(ESCAPE)
  const expected = context & LENGTH_MASK
  let length: number
  if (rank === ESCAPE) length = bits.small(LENGTH_BITS)
  else if (rank > 2 * expected) length = rank
  else length = (rank & 1) === 0 ? expected + rank / 2 : expected - (rank + 1) / 2
  if (length > 54) throw new DecodeError('change too large')
  let rest = 0
  if (length > 0) {
    const negative = bits.small(1) === 1
    const size = length <= 17 ? bits.small(length - 1) + (1 << (length - 1)) : bits.uint(length - 1) + 2 ** (length - 1)
    rest = negative ? -size : size
  }
  return context >= TREND ? rest + last : rest
}
