import type { Address } from '../base/address.ts'
import { FRAGMENT_BURST_BYTES, FRAGMENT_BURST_INTERVAL, FRAGMENT_BURST_PACKETS, MAX_PACED_FRAGMENTS } from './constants.ts'

/** A datagram that waits to be sent. */
export interface Outgoing {
  readonly datagram: Uint8Array
  readonly to: Address
}

interface Paced extends Outgoing {
  readonly at: number
}

/** What an address has been given, or will be, in the interval that begins at `since`. */
interface Burst {
  since: number
  packets: number
  bytes: number
}

/** Sends the fragments of start-up packets no faster than a path of which nothing is known may be sent to. RFC 7016 §3.4. */
export class FragmentPacer {
  /** By time. */
  private readonly waiting: Paced[] = []
  private readonly bursts = new Map<string, Burst>()
  /** When no address has been given anything of late. */
  private forgetAt = Infinity

  get deadline(): number {
    return this.waiting[0]?.at ?? this.forgetAt
  }

  /** Takes the fragments of one packet. @returns `false` when too many wait already: none will be sent. */
  add(fragments: readonly Uint8Array[], to: Address, now: number): boolean {
    if (this.waiting.length + fragments.length > MAX_PACED_FRAGMENTS) return false
    for (const [key, { since }] of this.bursts) if (now >= since + FRAGMENT_BURST_INTERVAL) this.bursts.delete(key)
    if (this.bursts.size >= MAX_PACED_FRAGMENTS) return false
    const burst = this.bursts.get(to.key) ?? { since: now, packets: 0, bytes: 0 }
    this.bursts.set(to.key, burst)
    for (const datagram of fragments) {
      if (burst.packets >= FRAGMENT_BURST_PACKETS || burst.bytes + datagram.length > FRAGMENT_BURST_BYTES) {
        burst.since += FRAGMENT_BURST_INTERVAL
        burst.packets = 0
        burst.bytes = 0
      }
      burst.packets++
      burst.bytes += datagram.length
      this.insert({ datagram, to, at: burst.since })
    }
    this.forgetAt = Math.max(this.forgetAt === Infinity ? now : this.forgetAt, burst.since + FRAGMENT_BURST_INTERVAL)
    return true
  }

  take(now: number): Outgoing | undefined {
    if (now < this.deadline) return undefined
    const next = this.waiting.shift()
    if (next === undefined) {
      this.bursts.clear()
      this.forgetAt = Infinity
    }
    return next
  }

  private insert(paced: Paced): void {
    let at = this.waiting.length
    while (at > 0 && (this.waiting[at - 1] as Paced).at > paced.at) at--
    this.waiting.splice(at, 0, paced)
  }
}
