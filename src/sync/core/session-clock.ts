/** Exchanges that are looked at; the best of them counts. */
const SAMPLES = 32
/** An exchange older than this says nothing of now: clocks drift by 50 millionths. Milliseconds. */
const MAX_AGE = 60_000
/** Most that clocks of machines are apart in speed. */
const DRIFT = 100e-6
/** Exchanges whose round trip is within this of the shortest are averaged. Milliseconds. */
const NEAR = 4
/** Corrections are spread, at so many milliseconds a millisecond, so that time never goes back nor leaps … */
const SLEW = 0.05
/** … unless the clock is so wrong that the game is better off with a leap forward. Milliseconds. */
const LEAP = 250

/** A clock that all members of a room share: the reference's own, or this one's with the estimated difference. */
export class SessionClock {
  private offset = 0
  private target = 0
  private slewedAt = 0
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
    let sum = 0
    let weights = 0
    for (const s of this.samples) {
      const over = s.roundTrip - shortest
      if (over > NEAR) continue
      const weight = 1 / (0.5 + over) ** 2
      sum += s.offset * weight
      weights += weight
    }
    const estimate = sum / weights
    this.slew(received)
    this.target = estimate
    this.measuredAt = received
    // The way there can have taken none of what the round trip is longer than the shortest possible, or all.
    const spread = this.samples.filter((s) => s.roundTrip - shortest <= NEAR)
    const deviation = Math.sqrt(spread.reduce((total, s) => total + (s.offset - estimate) ** 2, 0) / spread.length)
    this.bound = spread.length < 4 ? roundTrip / 2 : Math.max(0.1, 2 * deviation)
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
