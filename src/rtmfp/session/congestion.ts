import { CWND_INIT, LEAST_SEGMENTS } from '../constants.ts'

/** What one received packet said about the data that is in flight. */
export interface AckSummary {
  /** Bytes that were in flight before the packet was processed. */
  outstandingBefore: number
  /** Milliseconds on the endpoint's clock. */
  now: number
  /** Bytes that the packet acknowledged, and those that were found to be lost by it. */
  ackedBytes: number
  lostBytes: number
  /** The packet held an acknowledgement chunk. */
  anyAcks: boolean
  /** A negative acknowledgement was inferred from it. */
  anyNaks: boolean
  /** A fragment was found to be lost by it. */
  anyLoss: boolean
  /** When the youngest of what was found to be lost by it was sent. Milliseconds. */
  lostSentAt: number
  /** How long packets wait in the queues of the path, milliseconds; −1 when it is not known. */
  queueDelay: number
  /** Smoothed round-trip time, milliseconds; −1 when it is not known. */
  srtt: number
  /** Bytes of the window that were kept free for real-time data. */
  reserved: number
}

/** Who is sending or receiving real-time data, as far as it bears on this session. RFC 7016 §A.2. */
export interface TimeCriticality {
  /** A time critical packet was sent in this session within the last 800 ms. */
  sentHere: boolean
  /** One was sent in any session, or the far end reported receiving one elsewhere, within the last 800 ms. */
  elsewhere: boolean
}

/** Decides how many bytes may be in flight in a session. */
export interface CongestionController {
  /** The congestion window in bytes. */
  readonly window: number
  /** Largest datagram that is sent now, bytes. */
  segment: number
  /** Called once for each received packet after all its chunks, when there was an acknowledgement in it. */
  packetProcessed(summary: AckSummary, critical: TimeCriticality): void
  /** Called when the retransmission timeout has fired. */
  timedOut(wasLoss: boolean): void
  /** Called when the far end is reached by another path, of which nothing is known. */
  pathChanged(): void
}

/** Window from which a loss takes an eighth instead of a half: 7/8 of where 1 % exceeds 768 bytes. RFC 7016 §A.1. */
const SCALABLE_WINDOW = 67_200
/** Most acknowledged bytes per additive step. RFC 7016 §A.2. */
const STEP_CAP = 4_800
/** The same while real-time data is being sent here. RFC 7016 §A.2. */
const STEP_CAP_CRITICAL = 2_400
/** Fewest acknowledged bytes per additive step. RFC 7016 §A.2. */
const STEP_FLOOR = 64
/** What may wait in queues beside real-time data of the same session, on top of the packet that is being sent. Milliseconds. */
const QUEUE_TARGET = 3
/** A round trip's additive increase comes in this many steps. RFC 7016 §A.1. */
const STEPS_PER_WINDOW = 16
/** Bytes added per step when the window may grow at the normal rate. RFC 7016 §A.2. */
const STEP_NORMAL = 48
/** Bytes added per step when it has to yield. RFC 7016 §A.2. */
const STEP_YIELDING = 24

/** The window-based algorithm for real-time and bulk data of RFC 7016 Appendix A. */
export class AppendixAController implements CongestionController {
  window: number = CWND_INIT
  protected threshold: number = Infinity
  protected accumulator = 0
  private segmentSize: number

  /** @param segment Sender maximum segment size, bytes. */
  constructor(segment: number) {
    this.segmentSize = segment
  }

  get segment(): number {
    return this.segmentSize
  }

  set segment(bytes: number) {
    // A window for less than two of the longer ones would let one go at a time, and its acknowledgement would be delayed each time.
    if (bytes > this.segmentSize) this.window = Math.max(this.window, LEAST_SEGMENTS * bytes)
    this.segmentSize = bytes
  }

  /** What no loss takes the window below. RFC 7016 §A.2; two segments that are longer than Ethernet's. RFC 5681 §3.1. */
  protected get initialWindow(): number {
    return Math.max(CWND_INIT, LEAST_SEGMENTS * this.segmentSize)
  }

  timedOut(wasLoss: boolean): void {
    // By the letter an infinite SSTHRESH would survive a timeout with loss, and slow start would run into the same wall again.
    if (this.threshold !== Infinity || wasLoss) {
      this.threshold = Math.max(this.threshold === Infinity ? this.initialWindow : this.threshold, (this.window * 3) / 4)
    }
    this.accumulator = 0
    this.window = wasLoss ? this.segment : this.initialWindow
  }

  pathChanged(): void {
    this.window = CWND_INIT
    this.threshold = Infinity
    this.accumulator = 0
  }

  packetProcessed(summary: AckSummary, critical: TimeCriticality): void {
    const fastGrow = !critical.sentHere && !critical.elsewhere
    const before = summary.outstandingBefore
    if (summary.anyLoss) {
      const gentle = critical.sentHere || (before > SCALABLE_WINDOW && fastGrow)
      this.threshold = Math.max(before * (gentle ? 7 / 8 : 1 / 2), this.initialWindow)
      this.window = this.threshold
      this.accumulator = 0
    } else if (critical.sentHere && summary.queueDelay > this.queueTarget(summary.srtt)) {
      this.giveWay(summary)
    } else if (summary.anyAcks && !summary.anyNaks && before >= this.window - summary.reserved) {
      const increase = fastGrow ? this.increaseNormally(summary.ackedBytes) : this.increaseYielding(summary.ackedBytes, critical.sentHere)
      this.window = Math.max(this.window + Math.min(increase, this.segment), this.initialWindow)
    }
  }

  /** What may wait: a little, and the packet that is being sent, which at low rates takes longer than that. Milliseconds. */
  private queueTarget(srtt: number): number {
    return QUEUE_TARGET + (this.segment * srtt) / this.window
  }

  /** Real-time data of this same session waits behind its own bulk: less of that on the way, down to a queue that is hardly there. RFC 6817 §2.4. */
  private giveWay({ queueDelay, srtt, ackedBytes }: AckSummary): void {
    const target = this.queueTarget(srtt)
    const excess = Math.min((queueDelay - target) / target, 2)
    this.window = Math.max(this.window - (excess * ackedBytes * this.segment) / this.window, this.initialWindow)
    this.threshold = Math.min(this.threshold, this.window)
    this.accumulator = 0
  }

  private increaseNormally(acked: number): number {
    if (this.window < this.threshold) return acked
    return this.additive(acked, STEP_CAP, STEP_NORMAL)
  }

  private increaseYielding(acked: number, sentHere: boolean): number {
    if (this.window < this.threshold && sentHere) return Math.ceil(acked / 4)
    return this.additive(acked, sentHere ? STEP_CAP_CRITICAL : STEP_CAP, STEP_YIELDING)
  }

  private additive(acked: number, cap: number, step: number): number {
    this.accumulator += acked
    const per = Math.min(Math.max(this.window / STEPS_PER_WINDOW, STEP_FLOOR), cap)
    const steps = Math.floor(this.accumulator / per)
    this.accumulator -= steps * per
    return steps * step
  }
}
