import { CWND_INIT, RIDE_HEAVY_INTERVAL, RIDE_HEAVY_MEMORY, RIDE_MAX_BYTES, RIDE_MEMORY, RIDE_MIN_RTT, RIDE_SAMPLE } from '../constants.ts'
import { FRA_WHOLE } from '../../wire/user-data.ts'
import type { Fragment, InFlight } from './send-queue.ts'

/**
 * Decides which small messages ride along once more in a packet of later ones while they are not acknowledged, so that the loss of a packet
 * costs a sparse stream one interval instead of a round trip. Only where it is worth its bytes: on a path that loses, with little on its way.
 */
export class Riding {
  private lossAt = -Infinity
  private srtt = -1
  private heavyUntil = -Infinity
  private turn = 0

  /** Smoothed round trip, milliseconds; −1 when it is not known. */
  roundTrip(srtt: number): void {
    this.srtt = srtt
  }

  /** A fragment has been lost. */
  lost(now: number): void {
    const since = now - this.lossAt
    if (since > this.srtt && since < RIDE_HEAVY_INTERVAL) this.heavyUntil = now + RIDE_HEAVY_MEMORY
    this.lossAt = now
  }

  /** The oldest fragment that has its turn to ride in a packet that begins with `first`; its successors in flight come after it. */
  oldestOf(inFlight: InFlight, first: Fragment, window: number, now: number): Fragment | undefined {
    if (now - this.lossAt > RIDE_MEMORY || this.srtt < RIDE_MIN_RTT || !isSmall(first)) return undefined
    // Who has so little on its way could have sent it twice without being more aggressive than at the start.
    if (inFlight.bytes > CWND_INIT || inFlight.bytes * 2 > window) return undefined
    let oldest: Fragment | undefined
    for (let each = inFlight.newest; each !== undefined && !each.rideTaken; each = each.previous) oldest = each
    return oldest
  }

  /** Whether a fragment that has its turn rides. Some do not: only of those the sender learns how much is lost. */
  takes(fragment: Fragment, now: number): boolean {
    if (fragment.abandoned || !isSmall(fragment)) return false
    this.turn = (this.turn + 1) % RIDE_SAMPLE
    return this.turn !== 0 || now < this.heavyUntil
  }
}

function isSmall(fragment: Fragment): boolean {
  return fragment.control === FRA_WHOLE && fragment.to - fragment.from <= RIDE_MAX_BYTES
}
