import type { Address } from '../base/address.ts'
import { KEYINGS_OF_SOURCE, KEYINGS_PER_SECOND } from './constants.ts'
import { SourceCount } from './source-count.ts'

/** Milliseconds. */
const SECOND = 1_000

/** How many keyings are verified: each takes a signature and a key agreement, a thousand times what it takes to send one. */
export class KeyingLimit {
  private readonly sources = new SourceCount(KEYINGS_OF_SOURCE)
  private all = 0
  private until = -Infinity

  /** Whether one more from this address may be verified now. */
  take(from: Address, now: number): boolean {
    if (from.isLoopback) return true
    if (now >= this.until) {
      this.all = 0
      this.until = now + SECOND
    }
    if (this.all >= KEYINGS_PER_SECOND || !this.sources.take(from, now)) return false
    this.all++
    return true
  }
}
