import type { Address } from '../base/address.ts'
import { KEYINGS_OF_SOURCE, KEYINGS_PER_SECOND } from './constants.ts'

/** Bytes of an IPv6 address that say whose network it is: one subscriber has the rest. RFC 6177. */
const NETWORK_BYTES = 8
/** Milliseconds. */
const SECOND = 1_000

/**
 * How many keyings are verified: each takes a signature and a key agreement, a thousand times what it takes to send one. Counted by second, so
 * that what is remembered of who asked is bounded by how many may.
 */
export class KeyingLimit {
  private readonly bySource = new Map<string, number>()
  private all = 0
  private until = -Infinity

  /** Whether one more from this address may be verified now. */
  take(from: Address, now: number): boolean {
    // Who is on this machine can stop it in easier ways, and load tests are.
    if (from.isLoopback) return true
    if (now >= this.until) {
      this.bySource.clear()
      this.all = 0
      this.until = now + SECOND
    }
    const source = from.isIpv4 ? from.ip.join('.') : from.ip.subarray(0, NETWORK_BYTES).join('.')
    const taken = this.bySource.get(source) ?? 0
    if (taken >= KEYINGS_OF_SOURCE || this.all >= KEYINGS_PER_SECOND) return false
    this.bySource.set(source, taken + 1)
    this.all++
    return true
  }
}
