import type { Address } from '../../base/address.ts'
import { EMPTY } from '../../base/bytes.ts'
import type { InitiatorKeying } from '../../crypto/keying.ts'
import { REDIRECT_THRESHOLD, STARTUP_BACKOFF, STARTUP_FIRST_INTERVAL } from '../constants.ts'

interface Attempt {
  readonly address: Address
  /** How often it was tried. */
  tries: number
  nextAt: number
  lastAt: number
  interval: number
}

/** The candidate addresses of an opening session, each with its own schedule of attempts. RFC 7016 §3.5.1.1.1. */
export class Candidates {
  private attempts: Attempt[] = []
  /** All that were ever added. */
  readonly known: Address[] = []

  get count(): number {
    return this.attempts.length
  }

  /** Adds an address, to be tried at once. @returns Whether it was new and there was room. */
  add(address: Address, now: number): boolean {
    if (this.attempts.length >= REDIRECT_THRESHOLD || this.has(address)) return false
    this.attempts.push({ address, tries: 0, nextAt: now, lastAt: now, interval: STARTUP_FIRST_INTERVAL })
    this.known.push(address)
    return true
  }

  has(address: Address): boolean {
    return this.attempts.some((attempt) => attempt.address.equals(address))
  }

  /** From now on only this address, tried at once. */
  select(address: Address, now: number): void {
    this.attempts = [{ address, tries: 0, nextAt: now, lastAt: now, interval: STARTUP_FIRST_INTERVAL }]
  }

  get deadline(): number {
    let earliest = Infinity
    for (const attempt of this.attempts) if (attempt.nextAt < earliest) earliest = attempt.nextAt
    return earliest
  }

  /** Tries again at once, unless an attempt was made within `interval` milliseconds; the schedule goes on as it was. */
  nudge(now: number, interval: number): void {
    for (const attempt of this.attempts) {
      if (attempt.nextAt <= now || now - attempt.lastAt < interval) continue
      attempt.interval -= STARTUP_BACKOFF
      attempt.nextAt = now
    }
  }

  /** The next attempt whose time has come, its schedule moved on; `undefined` when there is none. */
  takeDue(now: number): Readonly<Attempt> | undefined {
    for (const attempt of this.attempts) {
      if (now < attempt.nextAt) continue
      attempt.tries++
      attempt.lastAt = now
      attempt.nextAt = now + attempt.interval
      attempt.interval += STARTUP_BACKOFF
      return attempt
    }
    return undefined
  }
}

/** What an initiator knows of a session that is opening. RFC 7016 §3.5.1.1.1. */
export class Opening {
  readonly epd: Uint8Array
  readonly tag: Uint8Array
  readonly candidates: Candidates = new Candidates()
  /** When the attempt is given up. */
  readonly until: number
  /** This end's half of the keying, once a responder is selected. */
  keying: InitiatorKeying | undefined = undefined
  /** The cookie that was echoed, and whether it has been changed already. RFC 7016 §3.5.1.2. */
  cookie: Uint8Array = EMPTY
  cookieChanged = false
  /** When the IIKeying was first sent. */
  keyedAt = 0
  /** The IIKeying packet's chunk, ready to be sent again. */
  iikeying: Uint8Array = EMPTY

  constructor(epd: Uint8Array, tag: Uint8Array, until: number) {
    this.epd = epd
    this.tag = tag
    this.until = until
  }

  get deadline(): number {
    return Math.min(this.until, this.candidates.deadline)
  }
}
