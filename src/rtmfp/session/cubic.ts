import { CUBIC_BETA, CUBIC_C } from '../constants.ts'

/** The growth of a window between losses by RFC 9438, in segments. */
export class Cubic {
  private before = 0
  private epochAt = -1
  /** Seconds from a loss until the window is what it was before. */
  private period = 0

  /** A loss has reduced a window of so many segments. */
  reduced(window: number): void {
    // Who has less than at the loss before leaves some of it, too: somebody else needs room. RFC 9438 §4.7.
    this.before = window < this.before ? (window * (1 + CUBIC_BETA)) / 2 : window
    this.epochAt = -1
  }

  /** By how much a full window grows with so many segments acknowledged. RFC 9438 §4.2 to §4.5. */
  growth(window: number, acked: number, now: number, srtt: number): number {
    if (this.epochAt < 0) {
      this.epochAt = now
      this.before = Math.max(this.before, window)
      this.period = Math.cbrt((this.before - window) / CUBIC_C)
    }
    const elapsed = now - this.epochAt
    const curve = CUBIC_C * ((elapsed + srtt) / 1_000 - this.period) ** 3 + this.before
    const asReno = this.before * CUBIC_BETA + ((3 * (1 - CUBIC_BETA)) / (1 + CUBIC_BETA)) * (elapsed / Math.max(srtt, 1))
    const target = Math.min(Math.max(curve, asReno), window * 1.5)
    return target > window ? (acked * (target - window)) / window : 0
  }
}
