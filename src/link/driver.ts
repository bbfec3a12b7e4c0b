import type { Address } from '../base/address.ts'
import { OUTPUT_EVENT, OUTPUT_TRANSMIT } from '../rtmfp/endpoint.ts'
import type { Endpoint } from '../rtmfp/endpoint.ts'
import type { EndpointEvent } from '../rtmfp/session.ts'
import type { Clock, Timer } from './clock.ts'
import { DRAIN_LIMIT, FAULT_PAUSE } from './constants.ts'
import type { Link } from './link.ts'

/** What of an endpoint a driver needs. */
export type Engine = Pick<Endpoint, 'receive' | 'poll' | 'abortAll' | 'nearAddressChanged'>

/** What a driver brings together. */
export interface DriverOptions<E extends Engine = Endpoint> {
  readonly endpoint: E
  readonly link: Link
  readonly clock: Clock
  /** Takes each event. What it throws goes to `onError`, and the run goes on. */
  readonly onEvent: (event: EndpointEvent) => void
  /** Takes what `onEvent` or the engine's own callbacks throw; by default it is thrown again outside the run loop, where the process sees it. */
  readonly onError?: (error: unknown) => void
}

/** The run loop that feeds an engine: datagrams and the time in, datagrams, events and a timer out. */
export class Driver<E extends Engine = Endpoint> {
  readonly endpoint: E
  readonly clock: Clock
  private currentLink: Link
  private readonly options: DriverOptions<E>
  private timer: Timer | undefined = undefined
  private timerAt = Infinity
  private draining = false
  private kicked = false
  private state: 'running' | 'closing' | 'closed' = 'running'
  private closing: Promise<void> | undefined = undefined
  private linkClosed: (closed: Promise<void>) => void = () => {}
  private readonly kickDrain = (): void => {
    this.kicked = false
    this.drain()
  }
  private readonly timerFired = (): void => {
    this.timer = undefined
    this.timerAt = Infinity
    this.drain()
  }

  constructor(options: DriverOptions<E>) {
    this.options = options
    this.endpoint = options.endpoint
    this.currentLink = options.link
    this.clock = options.clock
    this.currentLink.start((datagram, from) => this.receive(datagram, from))
  }

  /** What carries the datagrams now. */
  get link(): Link {
    return this.currentLink
  }

  /** Milliseconds on the clock that the engine is run by. */
  now(): number {
    return this.clock.now()
  }

  /**
   * To be called after anything was asked of the engine, its sessions or flows; it is all sent when the caller has ended. Calling it
   * often costs nothing more, and a listener of events need not call it.
   */
  kick(): void {
    if (this.kicked || this.draining || this.state === 'closed') return
    this.kicked = true
    this.clock.defer(this.kickDrain)
  }

  /**
   * Goes on over another link, such as a new socket after the network has changed; the one before is closed. The sessions live on: the far
   * ends are told at once where this end is now. RFC 7016 §3.5.4.1. Closing or closed, the driver closes the new link, too.
   */
  replaceLink(link: Link): void {
    if (this.state !== 'running') {
      void link.close()
      return
    }
    void this.currentLink.close()
    this.currentLink = link
    link.start((datagram, from) => this.receive(datagram, from))
    this.endpoint.nearAddressChanged(this.clock.now())
    this.kick()
  }

  /** Ends all sessions at once, telling the far ends, then closes the link. May be called again, and from a listener. */
  close(): Promise<void> {
    if (this.closing === undefined) {
      this.closing = new Promise((resolve) => {
        this.linkClosed = resolve
      })
      this.state = 'closing'
      try {
        this.endpoint.abortAll()
      } catch (error) {
        this.report(error)
      }
      // Called from a listener, the loop that called it goes on until all is told.
      this.drain()
    }
    return this.closing
  }

  private receive(datagram: Uint8Array, from: Address): void {
    try {
      this.endpoint.receive(datagram, from, this.clock.now())
    } catch (error) {
      this.report(error)
    }
    this.drain()
  }

  private drain(): void {
    // A listener that sends is inside the loop already, which will come to what it sent.
    if (this.draining || this.state === 'closed') return
    this.draining = true
    const until = this.pollAll()
    this.draining = false
    // A fault while closing must not keep the link open for ever.
    if (this.state === 'closing' && until !== CONTINUE) this.finish()
    else this.arm(until === CONTINUE ? this.clock.now() : until)
  }

  /** @returns When to poll again, or `CONTINUE` when there is more now. */
  private pollAll(): number {
    const { endpoint, link, clock } = this
    try {
      for (let count = 0; count < DRAIN_LIMIT; count++) {
        const output = endpoint.poll(clock.now())
        if (output.kind === OUTPUT_TRANSMIT) link.send(output.datagram, output.to as Address)
        else if (output.kind === OUTPUT_EVENT) this.dispatch(output.event as EndpointEvent)
        else return output.until
      }
      return CONTINUE
    } catch (error) {
      this.report(error)
      return clock.now() + FAULT_PAUSE
    }
  }

  private dispatch(event: EndpointEvent): void {
    try {
      this.options.onEvent(event)
    } catch (error) {
      this.report(error)
    }
  }

  private report(error: unknown): void {
    const { onError } = this.options
    if (onError === undefined) this.throwLater(error)
    else {
      try {
        onError(error)
      } catch (second) {
        this.throwLater(second)
      }
    }
  }

  private throwLater(error: unknown): void {
    this.clock.defer(() => {
      throw error
    })
  }

  /** A timer that fires too early costs one poll; setting one anew for each packet would cost more. */
  private arm(until: number): void {
    if (until >= this.timerAt) return
    this.timer?.cancel()
    this.timerAt = until
    this.timer = this.clock.at(until, this.timerFired)
  }

  private finish(): void {
    this.state = 'closed'
    this.timer?.cancel()
    this.timer = undefined
    this.linkClosed(this.link.close())
  }
}

/** Not a time: there is more to poll at once. */
const CONTINUE = -Infinity
