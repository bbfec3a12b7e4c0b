import {
  CUBIC_BETA,
  COMPETE_EMPTY,
  COMPETE_PATIENCE,
  COMPETE_RETRY,
  COMPETE_ROUNDS,
  DELAY_PACKETS,
  DELAY_TARGET,
  DRAIN_LEAST,
  DRAIN_ROUNDS,
  DRAIN_SHARE,
  DRAIN_TRIES,
  LEAST_SEGMENTS,
  LOSS_DELAY,
  LOSS_SAMPLE,
  LOSS_TOLERATED,
  OVER_LIMIT,
  OVER_ROUNDS,
  LINE_MEMORY,
  RATE_MEMORY,
  SLOW_RATE,
} from '../constants.ts'
import { AppendixAController } from './congestion.ts'
import type { AckSummary, TimeCriticality } from './congestion.ts'
import { Cubic } from './cubic.ts'

/**
 * Grows like the controller of RFC 7016 Appendix A, and gives way as soon as packets wait on their way, rather than when the queue is full: once a
 * round trip it looks at the least delay of that round trip, and when that is above the target takes the window back to what the empty path
 * holds. Losses without a queue, as of a radio link, do not count up to a limit. Where others keep the queue full all the same, as TCP does,
 * it is Appendix A's controller until they are gone. Algorithm of ours; see docs/congestion.md.
 */
export class DelayAwareController extends AppendixAController {
  private roundUntil = -Infinity
  /** Least queueing delay of the round so far, milliseconds. */
  private roundDelay = Infinity
  private lastDelay = 0
  private roundWasFull = false
  /** Largest of the rounds of late, which fades. */
  private mostDelay = 0
  private cutThisRound = false
  /** Rounds since the window was taken back for delay, as long as it is watched whether the queue goes. */
  private sinceCut = -1
  private windowBeforeCut = 0
  private competing = false
  private readonly cubic = new Cubic()
  /** When a loss last took from the window: what was sent before tells nothing of what it is now. RFC 6675 §5 (RecoveryPoint). */
  private reducedAt = -Infinity
  private emptyRounds = 0
  private retryAt = Infinity
  private patience = 1
  private leftAt = -Infinity
  private triesLeft = 0
  /** Bytes a millisecond. */
  private bestRate = 0
  /** What came through at best, bytes a millisecond; and what has in this round, which began then. */
  private lineRate = 0
  private roundAcked = 0
  private roundBegan = -Infinity
  /** How often of late more waits than is bearable. */
  private overShare = 0
  private windowLeft = 0
  private lostBytes = 0
  private ackedBytes = 0

  override pathChanged(): void {
    super.pathChanged()
    this.forget()
  }

  override timedOut(wasLoss: boolean): void {
    super.timedOut(wasLoss)
    this.sinceCut = -1
  }

  override packetProcessed(summary: AckSummary, critical: TimeCriticality): void {
    if (critical.sentHere || summary.queueDelay < 0) {
      super.packetProcessed(summary, critical)
      return
    }
    if (summary.queueDelay < this.roundDelay) this.roundDelay = summary.queueDelay
    if (summary.outstandingBefore >= this.window - summary.reserved) this.roundWasFull = true
    this.ackedBytes += summary.ackedBytes
    this.roundAcked += summary.ackedBytes
    this.lostBytes += summary.lostBytes
    if (this.competing) this.competeProcessed(summary, critical)
    else if (!summary.anyLoss || !this.tookForLoss(summary)) {
      // Losses that are none of congestion do not keep the window from growing either.
      summary.anyLoss = false
      // Until the queue is gone the window stays as it is.
      summary.anyNaks = this.sinceCut >= 0
      super.packetProcessed(summary, critical)
    }
    if (summary.now >= this.roundUntil) this.endRound(summary)
  }

  /** As RFC 9438 has it for TCP, so that sharing with that comes out even. */
  private competeProcessed(summary: AckSummary, critical: TimeCriticality): void {
    const { segment } = this
    if (summary.anyLoss) {
      if (summary.lostSentAt <= this.reducedAt) return
      this.reducedAt = summary.now
      this.cubic.reduced(this.window / segment)
      this.window = Math.max(this.window * CUBIC_BETA, this.initialWindow)
      this.threshold = this.window
    } else if (critical.elsewhere) super.packetProcessed(summary, critical)
    else if (summary.outstandingBefore >= this.window - summary.reserved)
      this.window += segment * this.cubic.growth(this.window / segment, summary.ackedBytes / segment, summary.now, summary.srtt)
  }

  /** Whether a loss is one of a queue, or too many are lost, and the window was taken back for it. */
  private tookForLoss(summary: AckSummary): boolean {
    const sampled = this.ackedBytes + this.lostBytes
    if (sampled >= Math.max(LOSS_SAMPLE * this.segment, this.window)) {
      const share = this.lostBytes / sampled
      this.lostBytes = 0
      this.ackedBytes = 0
      // Something is full that makes nobody wait: send at the rate that came through.
      if (share > LOSS_TOLERATED) {
        this.takeTo(this.window * Math.max(1 - share, DRAIN_LEAST))
        return true
      }
    }
    if (this.lastDelay < LOSS_DELAY || this.lastDelay < this.mostDelay / 2) return false
    if (summary.lostSentAt > this.reducedAt && this.sinceCut < 0) {
      this.reducedAt = summary.now
      this.drain(summary, this.lastDelay, DRAIN_TRIES)
    }
    return true
  }

  private endRound(summary: AckSummary): void {
    const { roundDelay } = this
    // By the best rate of late: when others take their part, packets leave the line no more slowly.
    this.bestRate = Math.max(this.bestRate * RATE_MEMORY, this.window / Math.max(summary.srtt, 1))
    const target = DELAY_TARGET + (DELAY_PACKETS * this.segment) / this.bestRate
    this.mostDelay = Math.max(this.mostDelay * 0.98, roundDelay)
    if (this.competing) this.competeRound(roundDelay, target, summary)
    else {
      // All that this end has on its way, were it all in the queue, would not make it that long.
      this.lineRate = Math.max(this.lineRate * LINE_MEMORY, this.roundAcked / Math.max(summary.now - this.roundBegan, 1))
      const isForeign = roundDelay > 2 * (DELAY_TARGET + (DELAY_PACKETS * this.segment) / this.lineRate)
      this.overShare += ((isForeign ? 1 : 0) - this.overShare) / OVER_ROUNDS
      if (this.overShare > OVER_LIMIT) this.compete(summary)
      else if (this.sinceCut >= 0) this.watchDrain(roundDelay, target, summary)
      if (!this.competing && roundDelay > target && this.roundWasFull && !this.cutThisRound && this.sinceCut < 0) {
        // Others were there a moment ago: what does not go at once is theirs.
        this.drain(summary, roundDelay, summary.now - this.leftAt < COMPETE_RETRY ? 1 : DRAIN_TRIES)
      }
    }
    this.roundUntil = summary.now + summary.srtt
    this.lastDelay = roundDelay
    this.roundDelay = Infinity
    this.roundAcked = 0
    this.roundBegan = summary.now
    this.roundWasFull = false
    this.cutThisRound = false
  }

  private drain({ srtt }: AckSummary, delay: number, tries: number): void {
    this.windowBeforeCut = this.window
    this.triesLeft = tries
    this.cut(srtt, delay)
  }

  /** Takes the window to what the path holds when nothing waits, and a little less, so that all that waits is gone. */
  private cut(srtt: number, delay: number): void {
    const least = Math.max(srtt - delay, 1)
    this.takeTo(this.window * Math.max(DRAIN_LEAST, (DRAIN_SHARE * least) / (least + delay)))
    // With the least that is sent some queue may stay that is nobody else's, on a line that is slow enough.
    const isLeast = this.window <= LEAST_SEGMENTS * this.segment
    this.sinceCut = isLeast && this.window / Math.max(srtt, 1) > SLOW_RATE ? -1 : 0
  }

  private takeTo(window: number): void {
    this.window = Math.max(window, LEAST_SEGMENTS * this.segment)
    this.threshold = this.window
    this.accumulator = 0
    this.cutThisRound = true
  }

  /** The round after a cut still has what was on its way; those after that show whether the queue goes. When it does not, once more. */
  private watchDrain(delay: number, target: number, summary: AckSummary): void {
    if (++this.sinceCut < 2) return
    if (delay <= target) this.sinceCut = -1
    else if (this.sinceCut >= DRAIN_ROUNDS) {
      if (--this.triesLeft <= 0) this.compete(summary)
      else this.cut(summary.srtt, delay)
    }
  }

  /** Somebody else fills the queue whatever this end does. */
  private compete({ now, srtt }: AckSummary): void {
    // Nobody was gone, it only seemed so: what was given up then is taken back, and it is longer until it is tried again.
    const isBack = now - this.leftAt < COMPETE_RETRY
    this.patience = isBack ? Math.min(this.patience * 2, COMPETE_PATIENCE) : 1
    this.competing = true
    this.sinceCut = -1
    this.overShare = 0
    this.emptyRounds = 0
    // And half of what the line is known to carry is not too much to ask.
    this.window = Math.max(this.window, this.windowBeforeCut, isBack ? this.windowLeft : 0, (this.lineRate * srtt) / 2)
    this.threshold = this.window
    this.cubic.reduced(this.window / this.segment)
    this.retryAt = now + this.patience * Math.max(COMPETE_RETRY, COMPETE_ROUNDS * srtt)
  }

  private competeRound(delay: number, target: number, summary: AckSummary): void {
    this.emptyRounds = delay <= target / 2 ? this.emptyRounds + 1 : 0
    if (this.emptyRounds < COMPETE_EMPTY && summary.now < this.retryAt) return
    this.competing = false
    this.leftAt = summary.now
    this.windowLeft = this.window
    if (this.emptyRounds < COMPETE_EMPTY) this.drain(summary, delay, 1)
  }

  private forget(): void {
    this.roundUntil = -Infinity
    this.roundDelay = Infinity
    this.mostDelay = 0
    this.lastDelay = 0
    this.sinceCut = -1
    this.competing = false
    this.retryAt = Infinity
    this.patience = 1
    this.bestRate = 0
    this.lineRate = 0
    this.overShare = 0
    this.leftAt = -Infinity
    this.reducedAt = -Infinity
    this.lostBytes = 0
    this.ackedBytes = 0
  }
}
