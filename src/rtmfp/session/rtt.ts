import {
  ACK_DELAY_ALLOWANCE,
  ERTO_BACKOFF,
  ERTO_CAP,
  ERTO_INITIAL,
  ERTO_MINIMUM,
  STARTUP_FIRST_INTERVAL,
  TIMESTAMP_ECHO_LIMIT,
  TIMESTAMP_TICK,
} from '../constants.ts'

const NONE = -1
/** How long the shortest round trip counts at least, at most twice as long; a path may change. Milliseconds. */
const LEAST_MEMORY = 30_000
/** Timestamps are 16 bits wide. RFC 7016 §2.2.4. */
const TIMESTAMP_MASK = 0xffff
/** A round trip of more ticks than this can't be told from a negative one. RFC 7016 §3.5.2.2. */
const RTT_TICKS_LIMIT = 32_767

/** The timestamps of one session's packets, and the round-trip time and retransmission timeout measured by them. RFC 7016 §3.5.2.2. */
export class RttEstimator {
  /** Smoothed round-trip time in milliseconds, −1 before the first measurement. */
  srtt: number = NONE
  /** Round-trip time variance in milliseconds. */
  rttvar = 0
  /** Measured retransmission timeout, milliseconds. */
  mrto: number = ERTO_MINIMUM
  /** Effective retransmission timeout, milliseconds. */
  erto: number = ERTO_INITIAL

  /** What the echo in the latest packet says, milliseconds; −1 when it has none. */
  private ticked: number = NONE
  /** The latest sample, and the least of late, milliseconds; −1 before the first. */
  private latest: number = NONE
  private least: number = NONE
  private leastBefore: number = NONE
  private leastSince = -Infinity
  private received: number = NONE
  private receivedAt = -Infinity
  private echoSent: number = NONE
  private echoReceived: number = NONE

  /** The timestamp to send at `now`: the low 16 bits of a 250 Hz clock. */
  timestamp(now: number): number {
    return Math.floor(now / TIMESTAMP_TICK) & TIMESTAMP_MASK
  }

  /** Takes note of a received packet's timestamp and echo, −1 where absent. */
  receive(timestamp: number, echo: number, now: number): void {
    if (timestamp !== NONE && timestamp !== this.received) {
      this.received = timestamp
      this.receivedAt = now
    }
    if (echo === NONE || echo === this.echoReceived) return
    this.echoReceived = echo
    this.ticked = NONE
    const ticks = (this.timestamp(now) - echo) & TIMESTAMP_MASK
    if (ticks > RTT_TICKS_LIMIT) return
    this.ticked = ticks * TIMESTAMP_TICK
    this.measured(this.ticked)
  }

  /**
   * Takes the time from a transmission to its acknowledgement, −1 when there is none: exact, but for what the far end took to acknowledge. The
   * echo in the same packet leaves that out, and is a tick too short at most.
   */
  sample(rtt: number, now: number): void {
    if (rtt !== NONE) this.trackLeast(this.ticked === NONE ? rtt : Math.min(rtt, this.ticked + TIMESTAMP_TICK), now)
    this.ticked = NONE
  }

  /** The timestamp echo to send at `now`, or −1 when none is to be sent. */
  echo(now: number): number {
    if (this.received === NONE) return NONE
    const elapsed = now - this.receivedAt
    if (elapsed > TIMESTAMP_ECHO_LIMIT) {
      this.received = NONE
      this.echoSent = NONE
      return NONE
    }
    const echo = (this.received + Math.floor(elapsed / TIMESTAMP_TICK)) & TIMESTAMP_MASK
    if (echo === this.echoSent) return NONE
    this.echoSent = echo
    return echo
  }

  /** How much longer the latest round trip took than the shortest of late, milliseconds; −1 when it is not known. What waits in queues takes that. */
  get queueDelay(): number {
    return this.latest === NONE ? NONE : this.latest - (this.leastBefore === NONE ? this.least : Math.min(this.least, this.leastBefore))
  }

  /** A retransmission timeout has fired and there was loss. */
  backOff(): void {
    this.erto = Math.min(Math.max(this.erto * ERTO_BACKOFF, this.mrto), ERTO_CAP)
  }

  /**
   * Takes the start-up's own round trip for a first measurement, when there is none yet. One that may contain a retransmission says nothing
   * (RFC 6298 §3, Karn's algorithm).
   */
  seed(rtt: number): void {
    if (this.srtt === NONE && rtt < STARTUP_FIRST_INTERVAL) this.measured(rtt)
  }

  /** The far end is reached by another path: the next measurement counts as the first. */
  pathChanged(): void {
    this.srtt = NONE
    this.rttvar = 0
    this.latest = NONE
    this.least = NONE
    this.leastBefore = NONE
  }

  private trackLeast(rtt: number, now: number): void {
    this.latest = rtt
    if (now - this.leastSince > LEAST_MEMORY) {
      this.leastBefore = this.least
      this.least = rtt
      this.leastSince = now
    } else if (rtt < this.least) this.least = rtt
  }

  private measured(rtt: number): void {
    if (this.srtt === NONE) {
      this.srtt = rtt
      this.rttvar = rtt / 2
    } else {
      this.rttvar = (3 * this.rttvar + Math.abs(this.srtt - rtt)) / 4
      this.srtt = (7 * this.srtt + rtt) / 8
    }
    this.mrto = this.srtt + 4 * this.rttvar + ACK_DELAY_ALLOWANCE
    // No path takes longer, but a far end may have slept: what is lost then would be waited for as long as that, and more.
    this.erto = Math.min(Math.max(this.mrto, ERTO_MINIMUM), ERTO_CAP)
  }
}
