import { REPLAY_WINDOW } from './constants.ts'

const WORD_BITS = 32

/** Remembers which packet numbers of late have been seen. RFC 7425 §4.7.3.3, the ring of RFC 6479. */
export class ReplayWindow {
  /** The highest packet number that was accepted, −1 before the first. */
  highest = -1
  private readonly bits = new Uint32Array(REPLAY_WINDOW / WORD_BITS)

  /** Whether the number may still be accepted: it is new, and not too old to tell. */
  isFresh(number: number): boolean {
    if (number > this.highest) return true
    if (number <= this.highest - REPLAY_WINDOW + WORD_BITS) return false
    return ((this.bits[this.wordOf(number)] as number) & (1 << (number % WORD_BITS))) === 0
  }

  /** Takes note of a packet that was verified. */
  accept(number: number): void {
    if (number > this.highest) {
      const words = Math.floor(number / WORD_BITS) - Math.floor(Math.max(this.highest, 0) / WORD_BITS)
      if (words >= this.bits.length) this.bits.fill(0)
      else for (let i = 0; i < words; i++) this.bits[this.wordOf(number - i * WORD_BITS)] = 0
      this.highest = number
    }
    const at = this.wordOf(number)
    this.bits[at] = (this.bits[at] as number) | (1 << (number % WORD_BITS))
  }

  private wordOf(number: number): number {
    return Math.floor(number / WORD_BITS) % this.bits.length
  }
}
