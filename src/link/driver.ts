import type { Address } from '../base/address.ts'
import { OUTPUT_EVENT, OUTPUT_TRANSMIT } from '../rtmfp/endpoint.ts'
import type { Endpoint } from '../rtmfp/endpoint.ts'
import type { EndpointEvent } from '../rtmfp/session.ts'
import type { Clock, Timer } from './clock.ts'
import { DRAIN_LIMIT } from './constants.ts'
import type { Link } from './link.ts'

/** What a driver brings together. */
export interface DriverOptions {
  readonly endpoint: Endpoint
  readonly link: Link
  readonly clock: Clock
  /** Takes each event. What it throws goes to `onError`, and the run goes on. */
  readonly onEvent: (event: EndpointEvent) => void
  /** Takes what `onEvent` throws; by default it is thrown again outside the run loop, where the process sees it. */
  readonly onError?: (error: unknown) => void
}

/** The run loop that feeds an engine: datagrams and the time in, datagrams, events and a timer out. */
export class Driver {
  readonly endpoint: Endpoint
  readonly link: Link
  readonly clock: Clock
  private readonly options: DriverOptions
  private timer: Timer | undefined = undefined
  private timerAt = Infinity
  private draining = false
  private kicked = false
  private closing: Promise<void> | undefined = undefined
  private readonly drainNow = (): void => {
    this.kicked = false
    this.drain()
  }
  private readonly timerFired = (): void => {
    this.timer = undefined
    this.timerAt = Infinity
    this.drain()
  }

  constructor(options: DriverOptions) {
    this.options = options
    this.endpoint = options.endpoint
    this.link = options.link
    this.clock = options.clock
    this.link.start((datagram, from) => this.receive(datagram, from))
  }

  /** Milliseconds on the clock that the engine is run by. */
  now(): number {
    return this.clock.now()
  }

  /** To be called after anything was asked of the engine, its sessions or flows; it is all sent when the caller has ended. */
  kick(): void {
    if (this.kicked || this.draining || this.closing !== undefined) return
    this.kicked = true
    this.clock.defer(this.drainNow)
  }

  /** Ends all sessions at once, telling the far ends, then closes the link. */
  close(): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  private async shutDown(): Promise<void> {
    this.endpoint.abortAll()
    this.drain()
    this.timer?.cancel()
    this.timer = undefined
    await this.link.close()
  }

  private receive(datagram: Uint8Array, from: Address): void {
    this.endpoint.receive(datagram, from, this.clock.now())
    this.drain()
  }

  private drain(): void {
    // A listener that sends is inside the loop already, which will come to what it sent.
    if (this.draining) return
    this.draining = true
    try {
      for (let count = 0; ; count++) {
        const output = this.endpoint.poll(this.clock.now())
        if (output.kind === OUTPUT_TRANSMIT) this.link.send(output.datagram, output.to as Address)
        else if (output.kind === OUTPUT_EVENT) this.dispatch(output.event as EndpointEvent)
        else {
          this.arm(output.until)
          return
        }
        if (count >= DRAIN_LIMIT) {
          this.arm(this.clock.now())
          return
        }
      }
    } finally {
      this.draining = false
    }
  }

  private dispatch(event: EndpointEvent): void {
    try {
      this.options.onEvent(event)
    } catch (error) {
      if (this.options.onError !== undefined) this.options.onError(error)
      else
        this.clock.defer(() => {
          throw error
        })
    }
  }

  /** A timer that fires too early costs one poll; setting one anew for each packet would cost more. */
  private arm(until: number): void {
    if (until >= this.timerAt || this.closing !== undefined) return
    this.timer?.cancel()
    this.timerAt = until
    this.timer = this.clock.at(until, this.timerFired)
  }
}
