import { CLOCK_TOLERANCE } from './constants.ts'

/**
 * The engine's own time, which begins with 0 at the earliest and never goes back: when the clock that it is handed does, by more than late callers explain, time goes on from where
 * it was. Milliseconds.
 */
export class EngineClock {
  private latest = 0
  /** How far the engine's time is ahead of the clock that it is handed. */
  private ahead = 0

  /** The time of an input that comes from the run loop. */
  advance(outside: number): number {
    const inside = outside + this.ahead
    if (inside >= this.latest) {
      this.latest = inside
      return inside
    }
    if (this.latest - inside > CLOCK_TOLERANCE) this.ahead = this.latest - outside
    return this.latest
  }

  /** The time of a call from the application, which may be handed an older time, or another clock's: nobody else's time moves by it. */
  at(outside: number): number {
    return Math.max(outside + this.ahead, this.latest)
  }

  /** What the clock outside will say at this time of the engine's, and not a moment before it. */
  outside(inside: number): number {
    let outside = inside - this.ahead
    // Neither difference nor sum is exact; a timer that comes too early by that would be set to the same time again, for ever.
    while (outside + this.ahead < inside) outside += Math.abs(outside) * Number.EPSILON + Number.EPSILON
    return outside
  }
}
