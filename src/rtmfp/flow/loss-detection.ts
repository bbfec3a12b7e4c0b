import { NAK_LIMIT, REORDER_GRAIN, REORDER_MEMORY, REORDER_SHARE } from '../constants.ts'
import type { Fragment, InFlight } from './send-queue.ts'

const UNKNOWN = -1

/**
 * Finds the fragments that others have overtaken for too long, by count (RFC 7016 §3.6.2.5) or by time: one is lost as well when another,
 * sent later by more than packets are taken to be mixed up on the way, has arrived (RFC 8985 §6.2). Of a stream of 60 messages a second that
 * is the next one, where a count of three costs 50 ms.
 */
export class LossDetection {
  /** When a fragment that was passed over is lost unless it is acknowledged before. Milliseconds. */
  deadline: number = Infinity
  /** When the youngest of those was sent that were found to be lost the last time. Milliseconds. */
  lostSentAt: number = -Infinity

  private readonly inFlight: InFlight
  /** Called with each lost fragment. */
  private readonly lose: (fragment: Fragment) => void
  private srtt: number = UNKNOWN
  /** How many shares of a round trip packets may be late by; more when some that were taken for lost have come. */
  private shares = 1
  private genuine = 0
  private lastAckAt = -Infinity

  constructor(inFlight: InFlight, lose: (fragment: Fragment) => void) {
    this.inFlight = inFlight
    this.lose = lose
  }

  /** After all acknowledgements of a packet. @param srtt −1 when it is not known. @returns 0: none was passed over, 1: some was, 2: some was lost. */
  acknowledged(now: number, srtt: number): 0 | 1 | 2 {
    this.srtt = srtt
    this.lastAckAt = now
    return this.detect(now, 1)
  }

  /** @returns Whether a fragment has been lost by waiting. */
  timePassed(now: number): boolean {
    return now >= this.deadline && this.detect(now, 0) === 2
  }

  /** A fragment that was taken for lost has been acknowledged: by what was sent since, or by what was on its way all along? RFC 8985 §6.2. */
  cameAfterAll(fragment: Fragment, now: number): void {
    fragment.passedOver = false
    if (!fragment.inFlight || now - Math.max(fragment.sentAt, fragment.rodeAt) < this.srtt / 2) {
      this.shares++
      this.genuine = 0
    } else if (this.shares > 1 && ++this.genuine >= REORDER_MEMORY) {
      this.shares--
      this.genuine = 0
    }
  }

  /** The far end is reached by another path, which may mix packets up less, or more. */
  pathChanged(): void {
    this.shares = 1
    this.genuine = 0
    this.srtt = UNKNOWN
    this.deadline = Infinity
  }

  private detect(now: number, naks: 0 | 1): 0 | 1 | 2 {
    const { inFlight } = this
    this.deadline = Infinity
    this.lostSentAt = -Infinity
    let found: 0 | 1 | 2 = 0
    const late = this.lateness
    // Time that passes after the latest acknowledgement counts as if something sent that much later had come.
    const newest = inFlight.maxSentAtAcked + now - this.lastAckAt
    let fragment = inFlight.oldest
    while (fragment !== undefined && fragment.tsn < inFlight.maxTsnAcked) {
      const next: Fragment | undefined = fragment.next
      const dueIn = Math.max(fragment.sentAt, fragment.rodeAt) + late - newest
      fragment.nakCount += naks
      // What the clock can't tell from now is now, or the deadline would come back for ever.
      if (fragment.nakCount >= NAK_LIMIT || now + dueIn <= now) {
        fragment.passedOver = true
        this.lostSentAt = fragment.sentAt
        this.lose(fragment)
        found = 2
      } else {
        if (found === 0) found = 1
        if (now + dueIn < this.deadline) this.deadline = now + dueIn
      }
      fragment = next
    }
    return found
  }

  /** How much later than others that were sent after it a packet may come without being taken for lost. Milliseconds. */
  private get lateness(): number {
    const { srtt } = this
    return srtt === UNKNOWN ? Infinity : Math.min(REORDER_GRAIN + this.shares * REORDER_SHARE * srtt, REORDER_GRAIN + srtt)
  }
}
