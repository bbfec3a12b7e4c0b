import type { Clock, Timer } from './clock.ts'

/** A clock whose calls wait while its machine is asleep; time itself goes on. For simulations. */
export class SuspendableClock implements Clock {
  private readonly clock: Clock
  private suspended = false
  private readonly held = new Set<() => void>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  now(): number {
    return this.clock.now()
  }

  at(time: number, callback: () => void): Timer {
    let isCancelled = false
    const run = (): void => {
      if (isCancelled) return
      if (this.suspended) this.held.add(run)
      else callback()
    }
    const timer = this.clock.at(time, run)
    const cancel = (): void => {
      isCancelled = true
      this.held.delete(run)
      timer.cancel()
    }
    return { cancel }
  }

  defer(callback: () => void): void {
    this.clock.defer(() => {
      if (this.suspended) this.held.add(callback)
      else callback()
    })
  }

  suspend(): void {
    this.suspended = true
  }

  /** All that had its time meanwhile is called at once, in the order of its time. */
  resume(): void {
    this.suspended = false
    for (const callback of this.held) this.clock.defer(callback)
    this.held.clear()
  }
}
