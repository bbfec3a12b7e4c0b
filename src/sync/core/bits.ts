import { EMPTY } from '../../base/bytes.ts'
import { DecodeError } from '../../base/errors.ts'

/** Most bits of one call; more would not fit into 32 bits together with the up to 7 that wait for their byte. */
const CHUNK = 16
const TWO_32 = 0x1_0000_0000

const floats = new DataView(new ArrayBuffer(8))

/** Bits needed for any whole number from 0 to `most`. */
export function bitsFor(most: number): number {
  return most < TWO_32 ? 32 - Math.clz32(most) : 64 - Math.clz32(Math.floor(most / TWO_32))
}

/**
 * Writes bits into a buffer, the lowest of each value first. It may write past `limit`, which whoever packs must look at: bytes beyond the end of
 * the buffer are lost.
 */
export class BitWriter {
  bytes: Uint8Array
  /** Whole bytes written. */
  at = 0
  /** Bytes that may be written. */
  limit: number
  private pending = 0
  private count = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.limit = bytes.length
  }

  reset(limit: number = this.bytes.length): void {
    this.at = 0
    this.pending = 0
    this.count = 0
    this.limit = Math.min(limit, this.bytes.length)
  }

  get bitLength(): number {
    return this.at * 8 + this.count
  }

  get isOver(): boolean {
    return this.at + (this.count > 0 ? 1 : 0) > this.limit
  }

  /** Takes everything behind a place back; the place is a former `bitLength`. */
  truncate(bitLength: number): void {
    const at = bitLength >>> 3
    const kept = bitLength & 7
    // The bits of the byte that was not full may have been written out since.
    if (at < this.at) this.pending = this.bytes[at] as number
    this.pending &= (1 << kept) - 1
    this.at = at
    this.count = kept
  }

  /** The lowest `bits` (0 to 24) of `value`. */
  small(value: number, bits: number): void {
    let pending = this.pending | (value << this.count)
    let count = this.count + bits
    while (count >= 8) {
      this.bytes[this.at++] = pending
      pending >>>= 8
      count -= 8
    }
    this.pending = pending
    this.count = count
  }

  /** A whole number from 0 to 2⁵³ − 1, with so many bits. */
  uint(value: number, bits: number): void {
    let rest = value
    let left = bits
    while (left > CHUNK) {
      this.small(rest & 0xffff, CHUNK)
      rest = Math.floor(rest / 0x1_0000)
      left -= CHUNK
    }
    this.small(rest, left)
  }

  bool(value: boolean): void {
    this.small(value ? 1 : 0, 1)
  }

  /** A whole number from 0 that is mostly small, in groups of `group` bits, each with a bit that says whether another follows. */
  varuint(value: number, group: number): void {
    let rest = value
    const size = 2 ** group
    while (rest >= size) {
      this.small((rest % size) * 2 + 1, group + 1)
      rest = Math.floor(rest / size)
    }
    this.small(rest * 2, group + 1)
  }

  float64(value: number): void {
    floats.setFloat64(0, value)
    this.uint(floats.getUint32(0), 32)
    this.uint(floats.getUint32(4), 32)
  }

  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.small(byte, 8)
  }

  /** A copy of what was written, the last byte filled up with ones. */
  finish(): Uint8Array {
    if (this.count > 0) this.small(0xff, 8 - this.count)
    return this.bytes.slice(0, this.at)
  }
}

/** Reads what {@link BitWriter} has written. @throws DecodeError where the bits end. */
export class BitReader {
  private bytes: Uint8Array = EMPTY
  private at = 0
  private pending = 0
  private count = 0

  reset(bytes: Uint8Array): this {
    this.bytes = bytes
    this.at = 0
    this.pending = 0
    this.count = 0
    return this
  }

  get remaining(): number {
    return (this.bytes.length - this.at) * 8 + this.count
  }

  small(bits: number): number {
    let pending = this.pending
    let count = this.count
    while (count < bits) {
      if (this.at >= this.bytes.length) throw new DecodeError('truncated')
      pending |= (this.bytes[this.at++] as number) << count
      count += 8
    }
    const value = pending & ((1 << bits) - 1)
    this.pending = pending >>> bits
    this.count = count - bits
    return value
  }

  /** How many ones come before the next zero, at most `most` (up to 16) of them; a zero that ends them is taken, too. */
  ones(most: number): number {
    let count = 0
    for (;;) {
      if (this.count === 0) {
        if (this.at >= this.bytes.length) throw new DecodeError('truncated')
        this.pending = this.bytes[this.at++] as number
        this.count = 8
      }
      // Of the bits that are here; those above them are zeros.
      const here = 31 - Math.clz32(~this.pending & -~this.pending)
      const run = Math.min(here, this.count)
      if (count + run >= most) {
        this.skip(most - count)
        return most
      }
      count += run
      if (run < this.count) {
        this.skip(run + 1)
        return count
      }
      this.skip(run)
    }
  }

  /** As {@link BitReader.ones} without a limit; −1 when the bits end before a zero. */
  onesOrEnd(): number {
    let count = 0
    for (;;) {
      if (this.count === 0) {
        if (this.at >= this.bytes.length) return -1
        this.pending = this.bytes[this.at++] as number
        this.count = 8
      }
      const run = Math.min(31 - Math.clz32(~this.pending & -~this.pending), this.count)
      count += run
      if (run < this.count) {
        this.skip(run + 1)
        return count
      }
      this.skip(run)
    }
  }

  private skip(bits: number): void {
    this.pending >>>= bits
    this.count -= bits
  }

  uint(bits: number): number {
    let value = 0
    let scale = 1
    let left = bits
    while (left > CHUNK) {
      value += this.small(CHUNK) * scale
      scale *= 0x1_0000
      left -= CHUNK
    }
    return value + this.small(left) * scale
  }

  bool(): boolean {
    return this.small(1) === 1
  }

  varuint(group: number): number {
    const size = 2 ** group
    let value = 0
    let scale = 1
    for (;;) {
      const part = this.small(group + 1)
      value += (part >>> 1) * scale
      if (!Number.isSafeInteger(value)) throw new DecodeError('number too large')
      if ((part & 1) === 0) return value
      scale *= size
    }
  }

  float64(): number {
    floats.setUint32(0, this.uint(32))
    floats.setUint32(4, this.uint(32))
    return floats.getFloat64(0)
  }

  raw(length: number): Uint8Array {
    if (length * 8 > this.remaining) throw new DecodeError('truncated')
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.small(8)
    return bytes
  }
}
