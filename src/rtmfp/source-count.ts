import type { Address } from '../base/address.ts'

/** Bytes of an IPv6 address that say whose network it is: one subscriber has the rest. RFC 6177. */
const NETWORK_BYTES = 8
/** Milliseconds. */
const SECOND = 1_000

/** Lets through so many a second of one IPv4 address, IPv6 network, stream or relay path. The caller bounds how many there are of all, and so what is remembered. */
export class SourceCount {
  private readonly limit: number
  private readonly bySource = new Map<string, number>()
  private until = -Infinity

  constructor(limit: number) {
    this.limit = limit
  }

  /** Takes one of a source's share, if there is one left. */
  take(from: Address, now: number): boolean {
    // Who is on this machine can stop it in easier ways, and load tests are.
    if (from.isLoopback) return true
    if (now >= this.until) {
      this.bySource.clear()
      this.until = now + SECOND
    }
    const source = sourceOf(from)
    const taken = this.bySource.get(source) ?? 0
    if (taken >= this.limit) return false
    this.bySource.set(source, taken + 1)
    return true
  }

  clear(): void {
    this.bySource.clear()
  }
}

/** Who an address belongs to, as far as limits go. */
export function sourceOf(from: Address): string {
  if (!from.isDirect) return from.key
  return from.isIpv4 ? from.host : from.ip.subarray(0, NETWORK_BYTES).join('.')
}
