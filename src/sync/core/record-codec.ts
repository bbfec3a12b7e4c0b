import type { BitReader, BitWriter } from './bits.ts'

/** What a record says of an entity. `end` carries one of {@link END_REASONS}. */
export const RECORD_UPDATE = 0
export const RECORD_SPAWN = 1
export const RECORD_END = 2

/** Why a peer sends no more of an entity: it was removed; another peer sends it now; this receiver is not to see it any more. */
export const END_REASONS = ['despawned', 'passed-on', 'hidden'] as const
export type EndReason = (typeof END_REASONS)[number]

/** Distance to the next slot: its quotient by 2ᵏ in ones, a zero, the rest in `k` bits. The ones that fill up the last byte end the list. */
export function writeGap(bits: BitWriter, gap: number, k: number): void {
  let ones = gap >>> k
  while (ones >= 16) {
    bits.small(0xffff, 16)
    ones -= 16
  }
  bits.small((1 << ones) - 1, ones + 1)
  if (k > 0) bits.small(gap & ((1 << k) - 1), k)
}

/** @returns −1 at the end of the list */
export function readGap(bits: BitReader, k: number): number {
  const ones = bits.onesOrEnd()
  return ones > 0 || (ones === 0 && k > 0) ? ones * 2 ** k + (k > 0 ? bits.small(k) : 0) : ones
}

/** The `k` by which gaps come out shortest on average. */
export function gapParameter(span: number, count: number): number {
  return count === 0 || span <= count ? 0 : Math.min(15, Math.floor(Math.log2(span / count)))
}

/**
 * Which fields a record has. In one datagram mostly the same ones of each kind change, so the last two sets of a kind are short. Starts
 * anew with each datagram, as any other may be lost.
 */
export class MaskCoder {
  private readonly first: Int32Array
  private readonly second: Int32Array

  constructor(types: number) {
    this.first = new Int32Array(types)
    this.second = new Int32Array(types)
  }

  reset(): void {
    this.first.fill(0)
    this.second.fill(0)
  }

  write(bits: BitWriter, type: number, fields: number, mask: number): void {
    if (mask === this.first[type]) {
      bits.small(0, 1)
      return
    }
    if (mask === this.second[type]) bits.small(1, 2)
    else {
      bits.small(3, 2)
      bits.uint(mask, fields)
    }
    this.promote(type, mask)
  }

  read(bits: BitReader, type: number, fields: number): number {
    if (bits.small(1) === 0) return this.first[type] as number
    const mask = bits.small(1) === 0 ? (this.second[type] as number) : bits.uint(fields)
    this.promote(type, mask)
    return mask
  }

  private promote(type: number, mask: number): void {
    this.second[type] = this.first[type] as number
    this.first[type] = mask
  }
}
