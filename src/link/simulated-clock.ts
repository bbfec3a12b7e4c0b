import { AltostratusError } from '../base/errors.ts'
import type { Clock, Timer } from './clock.ts'
import { MAX_CALLS_AT_ONCE, PROMISE_TURNS } from './constants.ts'
import { EventQueue } from './event-queue.ts'
import type { QueuedEvent } from './event-queue.ts'

/**
 * A clock that stands still until it is run: everything that happens, happens by its calls, one at a time, in an order that depends on
 * nothing else. What a call throws comes out of the run; the clock can then be run on.
 */
export class SimulatedClock implements Clock {
  private time = 0
  private order = 0
  private readonly queue = new EventQueue<ScheduledCall>()
  private deferred: (() => void)[] = []
  private deferredTaken = 0
  private running = false
  private callsAtOnce = 0

  now(): number {
    return this.time
  }

  at(time: number, callback: () => void): Timer {
    if (Number.isNaN(time)) throw new AltostratusError('TIME_INVALID', 'A call cannot be scheduled at NaN.')
    const call = new ScheduledCall(Math.max(time, this.time), this.order++, callback, this.queue)
    if (time !== Infinity) this.queue.add(call)
    return call
  }

  defer(callback: () => void): void {
    this.deferred.push(callback)
  }

  /** How many calls wait; those that were called off do not count. */
  get pending(): number {
    return this.queue.size + this.deferred.length - this.deferredTaken
  }

  /** When the next call is to run, milliseconds; `Infinity` when none waits. */
  get next(): number {
    return this.deferredTaken < this.deferred.length ? this.time : (this.queue.first?.time ?? Infinity)
  }

  /** Runs everything of the next `milliseconds`; the clock then stands at their end. @throws AltostratusError `TIME_INVALID`, `CLOCK_RUNNING` */
  run(milliseconds: number): void {
    this.runUntil(this.time + milliseconds)
  }

  /** Runs everything up to and including `time`, milliseconds, where the clock then stands. @throws like {@link SimulatedClock.run} */
  runUntil(time: number): void {
    this.begin(time)
    try {
      while (this.step(time));
      this.time = time
    } finally {
      this.running = false
    }
  }

  /** Runs until nothing waits any more, for `milliseconds` at most. @returns Whether nothing waits; the clock stands at what ran last. */
  runUntilIdle(milliseconds: number): boolean {
    const end = this.time + milliseconds
    this.begin(end)
    try {
      while (this.step(end));
      return this.pending === 0
    } finally {
      this.running = false
    }
  }

  /**
   * Like {@link SimulatedClock.run}, for code with promises in it: they get their turns before the first call and after each.
   * @param settle Resolves when they have had them. The default waits for a fixed number of turns, which is the same in every run; it does
   * not wait for what the system does (files, sockets, WebCrypto).
   */
  async runAsync(milliseconds: number, settle: () => Promise<void> = letPromisesRun): Promise<void> {
    const end = this.time + milliseconds
    this.begin(end)
    try {
      await settle()
      while (this.step(end)) await settle()
      this.time = end
    } finally {
      this.running = false
    }
  }

  /**
   * Runs until the promise is settled, and gives what it gives.
   * @throws AltostratusError `SIMULATION_TIMEOUT` when it is not after so many `milliseconds` of simulated time, or nothing is left that could.
   */
  async waitFor<T>(promise: Promise<T>, milliseconds: number, settle: () => Promise<void> = letPromisesRun): Promise<T> {
    const end = this.time + milliseconds
    let settled = false
    promise
      .catch(() => {})
      .finally(() => {
        settled = true
      })
    this.begin(end)
    try {
      await settle()
      while (!settled && this.step(end)) await settle()
    } finally {
      this.running = false
    }
    if (settled) return promise
    throw new AltostratusError('SIMULATION_TIMEOUT', `What was waited for had not happened after ${milliseconds} ms of simulated time.`)
  }

  private begin(end: number): void {
    if (!(end >= this.time && end < Infinity)) {
      throw new AltostratusError('TIME_INVALID', `A simulated clock runs forward to a finite time, not from ${this.time} to ${end} ms.`)
    }
    if (this.running) {
      throw new AltostratusError('CLOCK_RUNNING', 'The simulated clock is being run already.', {
        hint: 'Await the first run, and do not run the clock from what it calls.',
      })
    }
    this.running = true
    this.callsAtOnce = 0
  }

  /** Makes one call. @returns `false` when there is none up to `end`. */
  private step(end: number): boolean {
    if (++this.callsAtOnce > MAX_CALLS_AT_ONCE) {
      throw new AltostratusError(
        'SIMULATION_STUCK',
        `${MAX_CALLS_AT_ONCE} calls at ${this.time} ms, and no end: something calls itself for ever.`,
      )
    }
    if (this.deferredTaken < this.deferred.length) {
      const callback = this.deferred[this.deferredTaken++] as () => void
      if (this.deferredTaken === this.deferred.length) {
        this.deferred = []
        this.deferredTaken = 0
      }
      callback()
      return true
    }
    const call = this.queue.first
    if (call === undefined || call.time > end) return false
    if (call.time > this.time) this.callsAtOnce = 0
    this.time = call.time
    this.queue.remove(call)
    call.callback()
    return true
  }
}

class ScheduledCall implements Timer, QueuedEvent {
  readonly time: number
  readonly order: number
  readonly callback: () => void
  index = -1
  private readonly queue: EventQueue<ScheduledCall>

  constructor(time: number, order: number, callback: () => void, queue: EventQueue<ScheduledCall>) {
    this.time = time
    this.order = order
    this.callback = callback
    this.queue = queue
  }

  cancel(): void {
    this.queue.remove(this)
  }
}

async function letPromisesRun(): Promise<void> {
  for (let i = 0; i < PROMISE_TURNS; i++) await Promise.resolve()
}
