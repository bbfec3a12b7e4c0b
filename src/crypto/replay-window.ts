import { REPLAY_WINDOW } from './constants.ts'

const WORD_BITS = 32
const WORDS = REPLAY_WINDOW / WORD_BITS
const ALL = 0xffff_ffff

/**
 * Remembers which packet numbers of late have been seen. RFC 7425 §4.7.3.3, the ring of RFC 6479. As long as every number has come in its turn it
 * needs no memory for that.
 */
export class ReplayWindow {
  /** The highest packet number that was accepted, −1 before the first. */
  highest = -1
  /** A bit for each number of the window; none while all up to the highest have been seen. */
  private bits: Uint32Array | undefined = undefined

  /** Whether the number may still be accepted: it is new, and not too old to tell. */
  isFresh(number: number): boolean {
    if (number > this.highest) return true
    const { bits } = this
    if (bits === undefined || number <= this.highest - REPLAY_WINDOW + WORD_BITS) return false
    return ((bits[wordOf(number)] as number) & (1 << (number % WORD_BITS))) === 0
  }

  /** Takes note of a packet that was verified. */
  accept(number: number): void {
    const { highest } = this
    if (this.bits === undefined) {
      if (number === highest + 1) this.highest = number
      if (number <= highest + 1) return
      this.bits = new Uint32Array(WORDS).fill(ALL)
      // The bits of the highest one's word that are not seen yet.
      if (highest < 0) this.bits[0] = 0
      else this.bits[wordOf(highest)] = ALL >>> (WORD_BITS - 1 - (highest % WORD_BITS))
    }
    const { bits } = this
    if (number > highest) {
      const words = Math.floor(number / WORD_BITS) - Math.floor(Math.max(highest, 0) / WORD_BITS)
      if (words >= WORDS) bits.fill(0)
      else for (let i = 0; i < words; i++) bits[wordOf(number - i * WORD_BITS)] = 0
      this.highest = number
    }
    const at = wordOf(number)
    bits[at] = (bits[at] as number) | (1 << (number % WORD_BITS))
  }

  /** Takes none of the numbers below the highest any more: none of their packets is still on its way. */
  settle(): void {
    this.bits = undefined
  }
}

function wordOf(number: number): number {
  return Math.floor(number / WORD_BITS) % WORDS
}
