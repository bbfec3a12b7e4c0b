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
  /** Calls back at the time, or soon when it has passed. */
  at(time: number, callback: () => void): Timer
  /** Calls back once what is running now has ended, before any time passes. */
  defer(callback: () => void): void
}

/** The system's monotonic clock and timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  at(time, callback) {
    let handle: ReturnType<typeof setTimeout>
    const arm = (): void => {
      const wait = Math.max(0, Math.ceil(time - performance.now()))
      handle = setTimeout(wait > MAX_TIMEOUT ? arm : callback, Math.min(wait, MAX_TIMEOUT))
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  },
  defer: (callback) => queueMicrotask(callback),
}

interface Scheduled extends Timer {
  readonly time: number
  readonly order: number
  callback: (() => void) | undefined
}

/** A clock that stands still until it is run: everything that happens, happens by its calls, in an order that depends on nothing else. */
export class SimulatedClock implements Clock {
  private time = 0
  private order = 0
  private readonly heap: Scheduled[] = []
  private deferred: (() => void)[] = []

  now(): number {
    return this.time
  }

  at(time: number, callback: () => void): Timer {
    const scheduled: Scheduled = {
      time: Math.max(time, this.time),
      order: this.order++,
      callback,
      cancel() {
        scheduled.callback = undefined
      },
    }
    this.push(scheduled)
    return scheduled
  }

  defer(callback: () => void): void {
    this.deferred.push(callback)
  }

  /** Calls waiting, those that were called off included. */
  get pending(): number {
    return this.heap.length + this.deferred.length
  }

  /** Runs everything of the next `milliseconds`; the clock then stands at their end. */
  run(milliseconds: number): void {
    const end = this.time + milliseconds
    while (this.step(end));
    this.time = end
  }

  /** Like {@link SimulatedClock.run}, giving promises a turn after everything that happens. @param settle Resolves when they have had it. */
  async runAsync(milliseconds: number, settle: () => Promise<void>): Promise<void> {
    const end = this.time + milliseconds
    await settle()
    while (this.step(end)) await settle()
    this.time = end
  }

  /** Runs all calls of the next moment. @returns `false` when there is none up to `end`. */
  private step(end: number): boolean {
    if (this.deferred.length === 0) {
      const first = this.heap[0]
      if (first === undefined || first.time > end) return false
      this.time = first.time
      while (this.heap[0] !== undefined && this.heap[0].time <= this.time) this.pop().callback?.()
    }
    while (this.deferred.length > 0) {
      const batch = this.deferred
      this.deferred = []
      for (const callback of batch) callback()
    }
    return true
  }

  private push(item: Scheduled): void {
    const { heap } = this
    let at = heap.length
    heap.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent] as Scheduled, item)) break
      heap[at] = heap[parent] as Scheduled
      at = parent
    }
    heap[at] = item
  }

  private pop(): Scheduled {
    const { heap } = this
    const first = heap[0] as Scheduled
    const last = heap.pop() as Scheduled
    if (last === first) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Scheduled, heap[child] as Scheduled)) child++
      if (isBefore(last, heap[child] as Scheduled)) break
      heap[at] = heap[child] as Scheduled
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}
