import type { Address } from '../../base/address.ts'
import { MAX_PATHS, PATH_SILENCE, UPGRADE_DELAYS } from '../constants.ts'

/** Where else a session's far end may be reached, and how the address that is in use fares. */
export class Paths {
  /** Other addresses than the one in use, those that lead by way of someone else first: see {@link Mobility.probe}. */
  private known: readonly Address[] = []
  private attempt = 0
  private nextAt = Infinity
  /** When the far end was last heard at the address in use. */
  private heardAt = -Infinity

  /** What is known from now on. @returns What has become of addresses that were known: nothing, some are not any more, or the one in use is not. */
  set(addresses: readonly Address[], current: Address | undefined, now: number): 'kept' | 'changed' | 'withdrawn' {
    const before = this.known
    const indirect = addresses.filter(({ isDirect }) => !isDirect)
    this.known = [...indirect, ...addresses.filter(({ isDirect }) => isDirect)].slice(0, MAX_PATHS)
    this.restart(now)
    const gone = before.filter((address) => !this.known.some((other) => other.equals(address)))
    if (gone.length === 0) return 'kept'
    return gone.some((address) => current?.equals(address) === true) ? 'withdrawn' : 'changed'
  }

  /** All that are known, in the order in which to ask them. */
  get all(): readonly Address[] {
    return this.known
  }

  heard(now: number): void {
    this.heardAt = now
  }

  /** The far end is reached elsewhere now. */
  moved(now: number): void {
    this.heardAt = now
    this.restart(now)
  }

  get deadline(): number {
    return this.nextAt
  }

  /** Whether direct addresses are to be tried now, the one in use leading by way of someone else; if so, the next time is set. */
  takeDue(current: Address, now: number): boolean {
    if (now < this.nextAt) return false
    if (current.isDirect || !this.known.some(({ isDirect }) => isDirect)) {
      this.nextAt = Infinity
      return false
    }
    this.attempt = Math.min(this.attempt + 1, UPGRADE_DELAYS.length - 1)
    this.nextAt = now + (UPGRADE_DELAYS[this.attempt] as number)
    return true
  }

  /**
   * Whether a far end that shows itself at `from` is to be followed there: not from an address that works to one that leads by way of
   * someone else, since it may be there just to look.
   */
  follows(current: Address, from: Address, now: number): boolean {
    return from.isDirect || !current.isDirect || now - this.heardAt >= PATH_SILENCE
  }

  /** Whether the far end, asked at `from` at the time `asked`, is to be reached there from now on. */
  prefers(current: Address, from: Address, asked: number): boolean {
    return from.isDirect || !current.isDirect || this.heardAt < asked
  }

  private restart(now: number): void {
    this.attempt = 0
    this.nextAt = this.known.length === 0 ? Infinity : now
  }
}
