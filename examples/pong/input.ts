import type { KeyEvent, KeyMap } from '../common/keys.ts'
import { TICKS_PER_SECOND, PADDLE_SPEED, clampPaddle } from './simulation.ts'

/** What a key means here. */
export type Action = 'up' | 'down' | 'quit'

export const KEYS: KeyMap<Action> = { w: 'up', s: 'down', up: 'up', down: 'down', q: 'quit', 'ctrl+c': 'quit' }

/**
 * Turns keys into a paddle's way. Most terminals tell only that a key went down, and while it is held tell it again:
 * after a first pause of 200 to 600 ms, then about 30 times a second. So a press moves the paddle for a short while,
 * a little faster as it goes, and each repetition prolongs that; the paddle stops soon after the last one, or at once
 * where the terminal tells that the key came up.
 */
export class Steering {
  private middle: number
  private direction: -1 | 0 | 1 = 0
  private until = 0
  private since = 0
  private isHeld = false
  private tellsReleases = false

  constructor(middle: number) {
    this.middle = middle
  }

  /** @param now Milliseconds. */
  key({ action, isRelease }: KeyEvent<Action>, now: number): void {
    if (action === 'quit') return
    const direction = action === 'up' ? -1 : 1
    if (isRelease) {
      this.tellsReleases = true
      if (direction === this.direction) this.stop()
      return
    }
    const continues = direction === this.direction && now < this.until + FORGIVENESS
    if (!continues) this.since = now
    this.until = now + (continues ? REPEAT_HOLD : FIRST_HOLD)
    this.direction = direction
    this.isHeld = this.tellsReleases
  }

  /** One tick. @returns Where the paddle is to be. */
  tick(now: number): number {
    if (this.direction !== 0 && !this.isHeld && now >= this.until) this.stop()
    if (this.direction !== 0) {
      const speed = now - this.since < FIRST_HOLD ? TAP_SPEED : PADDLE_SPEED
      this.middle = clampPaddle(this.middle + (this.direction * speed) / TICKS_PER_SECOND)
    }
    return this.middle
  }

  private stop(): void {
    this.direction = 0
    this.isHeld = false
  }
}

/** How long a first press moves the paddle, in ms: with {@link TAP_SPEED} half a paddle's height. */
const FIRST_HOLD = 130
/** Longer than the pause between two repetitions in any common setting, in ms. */
const REPEAT_HOLD = 100
/** A repetition this long after the paddle stopped, in ms, still goes on at full speed: it was the first pause. */
const FORGIVENESS = 600
/** Units a second: slower than a held key, to place the paddle. */
const TAP_SPEED = PADDLE_SPEED * 0.75
