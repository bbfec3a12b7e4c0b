import { MAX_TIMEOUT } from './constants.ts'

/** A call that waits for its time. */
export interface Timer {
  /** Calls it off; no harm when it has run. */
  cancel(): void
}

/** Where time comes from: the system, or a simulation. */
export interface Clock {
  /** Milliseconds from an arbitrary origin, never going back; with fractions. */
  now(): number
  /** Calls back at the time, never before it, or soon when it has passed. `Infinity` is never. */
  at(time: number, callback: () => void): Timer
  /** Calls back once what is running now has ended, before any time passes. */
  defer(callback: () => void): void
}

/** The system's monotonic clock and timers. A timer that waits keeps a Node process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  at: (time, callback) => new SystemTimer(time, callback),
  defer: (callback) => queueMicrotask(callback),
}

/** Milliseconds since 1970 by the system's clock, which may be wrong and may be set. */
export function systemWallTime(): number {
  return Date.now()
}

class SystemTimer implements Timer {
  private readonly time: number
  private readonly callback: () => void
  private handle: ReturnType<typeof setTimeout> | undefined = undefined
  private readonly fire = (): void => {
    // The system's timers count whole milliseconds from when its loop last looked, so they can be early by a part of one.
    if (performance.now() < this.time) this.arm()
    else this.callback()
  }

  constructor(time: number, callback: () => void) {
    this.time = time
    this.callback = callback
    if (time !== Infinity) this.arm()
  }

  cancel(): void {
    clearTimeout(this.handle)
  }

  private arm(): void {
    const wait = Math.max(0, Math.ceil(this.time - performance.now()))
    this.handle = setTimeout(this.fire, Math.min(wait, MAX_TIMEOUT))
  }
}
