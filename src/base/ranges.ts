import { assert } from './errors.ts'

/** The ranges of all sets that nothing has been added to yet. */
const NONE: number[] = []

/**
 * A set of non-negative integers kept as sorted, disjoint, non-touching inclusive ranges. Made for sequence numbers:
 * adding at or just past the top is O(1), and the number of ranges is the number of gaps.
 */
export class RangeSet {
  /** First number of each range, ascending. */
  froms: number[] = NONE
  /** Last number of each range, ascending; as long as `froms`. */
  tos: number[] = NONE

  get count(): number {
    return this.froms.length
  }

  has(value: number): boolean {
    const i = this.find(value)
    return i < this.tos.length && (this.froms[i] as number) <= value
  }

  /** The last number of the range that holds the value, or −1 when none does. */
  lastOf(value: number): number {
    const i = this.find(value)
    return i < this.tos.length && (this.froms[i] as number) <= value ? (this.tos[i] as number) : -1
  }

  /** Adds one number. Returns whether it was new. */
  add(value: number): boolean {
    if (this.has(value)) return false
    this.addRange(value, value)
    return true
  }

  /** Adds `from` up to and including `to`, whole numbers from 0 to 2⁵³ − 1. */
  addRange(from: number, to: number): void {
    assert(from >= 0 && from <= to, 'a range ends before it begins')
    if (this.froms === NONE) {
      // Pushed into, an empty array takes room for 17, and most sets only ever have one range.
      this.froms = [from]
      this.tos = [to]
      return
    }
    const { froms, tos } = this
    const last = tos.length - 1
    if (last >= 0 && from > (froms[last] as number) && from <= (tos[last] as number) + 1) {
      if (to > (tos[last] as number)) tos[last] = to
      return
    }
    // The first range that touches or follows the new one, and the first that lies wholly after it.
    const first = from === 0 ? 0 : this.find(from - 1)
    let after = first
    while (after < froms.length && (froms[after] as number) <= to + 1) after++
    if (after === first) {
      froms.splice(first, 0, from)
      tos.splice(first, 0, to)
      return
    }
    froms[first] = Math.min(from, froms[first] as number)
    tos[first] = Math.max(to, tos[after - 1] as number)
    // Mostly nothing goes, and a splice would make an array to say so.
    if (after === first + 1) return
    froms.splice(first + 1, after - first - 1)
    tos.splice(first + 1, after - first - 1)
  }

  /** The highest number of the range that begins with 0, or −1 when 0 is not in the set. */
  get contiguous(): number {
    return this.froms[0] === 0 ? (this.tos[0] as number) : -1
  }

  /** The highest number in the set, or −1 when it is empty. */
  get highest(): number {
    return this.tos.length === 0 ? -1 : (this.tos[this.tos.length - 1] as number)
  }

  clear(): void {
    if (this.froms === NONE) return
    this.froms.length = 0
    this.tos.length = 0
  }

  /** Index of the first range whose last number is ≥ value. */
  private find(value: number): number {
    const { tos } = this
    let low = 0
    let high = tos.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((tos[middle] as number) < value) low = middle + 1
      else high = middle
    }
    return low
  }
}
