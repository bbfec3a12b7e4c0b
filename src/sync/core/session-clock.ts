/** Exchanges that are looked at. */
const SAMPLES = 48
/** An exchange older than this says nothing of now: clocks drift by 50 millionths. Milliseconds. */
const MAX_AGE = 60_000
/** Most that clocks of machines are apart in speed. */
const DRIFT = 100e-6
/** Round trips that are longer than the shortest by more than this many times the median excess were held up on one way, and do not count. */
const OUTLIER = 3
/** Exchanges before the error can be told from how they differ. */
const FEW = 4
/** Corrections are spread, at so many milliseconds a millisecond, so that time never goes back nor leaps … */
const SLEW = 0.05
/** … unless the clock is so wrong that the game is better off with a leap forward. Milliseconds. */
const LEAP = 250

/** A clock that all members of a room share: the reference's own, or this one's with the estimated difference. */
export class SessionClock {
  private offset = 0
  private target = 0
  private slewedAt = -Infinity
  private synchronised = false
  private bound = Infinity
  private measuredAt = 0
  private latest = -Infinity
  private samples: { readonly at: number; readonly offset: number; readonly roundTrip: number }[] = []

  /** Session time at a local time. Milliseconds; never goes back. */
  now(local: number): number {
    this.slew(local)
    this.latest = Math.max(this.latest, local + this.offset)
    return this.latest
  }

  /** How far the clock may be off, milliseconds; a way that is longer in one direction than in the other is not seen. `Infinity` before it is known. */
  error(local: number): number {
    return this.bound + Math.max(0, local - this.measuredAt) * DRIFT + Math.abs(this.target - this.offset)
  }

  get isSynchronised(): boolean {
    return this.synchronised
  }

  /** This clock is the reference from now on; it goes on from where it is. */
  lead(local: number): void {
    this.slew(local)
    this.target = this.offset
    this.synchronised = true
    this.bound = 0
    this.measuredAt = local
    this.samples = []
  }

  /** Another is the reference now, of which nothing is known yet. */
  follow(): void {
    this.samples = []
  }

  /**
   * An exchange: sent at `sent`, the reference's time of its answer, received at `received`. Local milliseconds but for `reference`.
   */
  sample(sent: number, reference: number, received: number): void {
    const roundTrip = received - sent
    if (!(roundTrip >= 0)) return
    this.samples.push({ at: received, offset: reference - (sent + received) / 2, roundTrip })
    this.samples = this.samples.filter(({ at }) => received - at < MAX_AGE).slice(-SAMPLES)
    const shortest = Math.min(...this.samples.map((s) => s.roundTrip))
    const excesses = this.samples.map((s) => s.roundTrip - shortest).sort((a, b) => a - b)
    const usual = Math.max(0.1, excesses[Math.floor(excesses.length / 2)] as number)
    const good = this.samples.filter((s) => s.roundTrip - shortest <= OUTLIER * usual)
    // Jitter is as often on the way there as back: the mean is better than the best, but the shorter ones count more.
    let sum = 0
    let weights = 0
    for (const s of good) {
      const weight = 1 / (1 + (s.roundTrip - shortest) / usual)
      sum += s.offset * weight
      weights += weight
    }
    const estimate = sum / weights
    this.slew(received)
    this.target = estimate
    this.measuredAt = received
    const deviation = Math.sqrt(good.reduce((total, s) => total + (s.offset - estimate) ** 2, 0) / good.length)
    this.bound = good.length < FEW ? roundTrip / 2 : 0.1 + (3 * deviation) / Math.sqrt(good.length)
    if (!this.synchronised || this.target - this.offset > LEAP) this.offset = this.target
    this.synchronised = true
  }

  private slew(local: number): void {
    const most = Math.max(0, local - this.slewedAt) * SLEW
    this.slewedAt = Math.max(this.slewedAt, local)
    const missing = this.target - this.offset
    this.offset += Math.max(-most, Math.min(most, missing))
  }
}
