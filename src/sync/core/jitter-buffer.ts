/** Lateness is looked at over so many datagrams. */
const WINDOW = 64
/** Share of them that is to be there in time. */
const IN_TIME = 0.95
/** Added, so that the next one is there when the one before has been shown. Milliseconds. */
const MARGIN = 2
/** What is shown is never further behind than this. Milliseconds. */
const MOST = 500
/** Share of the way back to a shorter delay at each reckoning; to a longer one it goes at once. */
const BACK = 0.15
/** Datagrams between two reckonings, and from one that comes too late to the next. */
const EVERY = 16
const EVERY_LATE = 4

/** How far behind the sender's time its state is shown, so that there nearly always is a later one to go to. */
export class JitterBuffer {
  /** Milliseconds. */
  delay = 0
  private readonly lateness = new Float64Array(WINDOW)
  private readonly sorted = new Float64Array(WINDOW)
  private readonly gaps = new Float64Array(WINDOW)
  private count = 0
  private reckoned = 0

  /**
   * A datagram has come.
   * @param late Its age, milliseconds by the session's clock. @param gap Time of its sender since the one before, milliseconds.
   */
  add(late: number, gap: number): void {
    const at = this.count++ % WINDOW
    this.lateness[at] = late
    this.gaps[at] = gap
    const since = this.count - this.reckoned
    if (this.count > EVERY && since < (late + gap > this.delay ? EVERY_LATE : EVERY)) return
    this.reckoned = this.count
    const filled = Math.min(this.count, WINDOW)
    const wanted = this.quantile(this.lateness, filled, IN_TIME) + this.quantile(this.gaps, filled, 0.5) + MARGIN
    const delay = Math.min(MOST, Math.max(0, wanted))
    this.delay = this.count === 1 || delay > this.delay ? delay : this.delay + (delay - this.delay) * BACK
  }

  private quantile(values: Float64Array, count: number, share: number): number {
    const part = this.sorted.subarray(0, count)
    part.set(values.subarray(0, count))
    part.sort()
    return part[Math.min(count - 1, Math.floor(share * count))] as number
  }
}
