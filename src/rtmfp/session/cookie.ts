import type { Address } from '../../base/address.ts'
import { Writer, equalBytes, utf8 } from '../../base/bytes.ts'
import { randomBytes } from '../../base/random.ts'
import type { Random } from '../../base/random.ts'
import type { CryptoBackend, MacKey } from '../../crypto/backend.ts'
import { COOKIE_LENGTH, COOKIE_LIFETIME } from '../constants.ts'

/** Length of the part that says when, and that we made it: time (8) and half an HMAC (24). Bytes. */
const STAMP_LENGTH = 32
const TIME_LENGTH = 8
const SECRET_LENGTH = 32
/** In the place of an address, of which none is as long. */
const ANYWHERE = utf8('anywhere')
/** Stamp, and the longest address: IPv6 and a port. Bytes. */
const BOUND_LENGTH: number = STAMP_LENGTH + 16 + 2

/** What became of a cookie that came back. `invitation`: it is good, but proves no address. */
export type CookieVerdict = 'valid' | 'invitation' | 'other-address' | 'expired' | 'forged'

/**
 * Makes cookies that need no memory: the time and a keyed hash over it, then a keyed hash over both and the address. The first part
 * alone tells that the cookie is ours when the address has changed (RFC 7016 §3.5.1.2).
 */
export class CookieJar {
  private readonly mac: MacKey
  /** The stamp of the time `stampedAt`, and behind it the place that a cookie is bound to. */
  private readonly bound = new Uint8Array(BOUND_LENGTH)
  /** The same of a cookie that is looked at. */
  private readonly looked = new Uint8Array(BOUND_LENGTH)
  private stampedAt = -1

  constructor(backend: CryptoBackend, random: Random) {
    this.mac = backend.mac(randomBytes(random, SECRET_LENGTH))
  }

  make(address: Address, now: number): Uint8Array {
    const { bound } = this
    this.stampNow(now)
    return this.bind(bound, putPlace(bound, address))
  }

  /** A cookie that is good from any address: for an invitation, which reaches only those who are meant. */
  makeInvitation(now: number): Uint8Array {
    const { bound } = this
    this.stampNow(now)
    bound.set(ANYWHERE, STAMP_LENGTH)
    return this.bind(bound, STAMP_LENGTH + ANYWHERE.length)
  }

  check(cookie: Uint8Array, address: Address, now: number): CookieVerdict {
    if (cookie.length !== COOKIE_LENGTH) return 'forged'
    const made = this.madeAt(cookie)
    const { looked } = this
    if (!Number.isSafeInteger(made)) return 'forged'
    this.stamp(looked, made)
    if (!equalBytes(looked.subarray(0, STAMP_LENGTH), cookie.subarray(0, STAMP_LENGTH))) return 'forged'
    if (now - made > COOKIE_LIFETIME) return 'expired'
    if (equalBytes(cookie, this.bind(looked, putPlace(looked, address)))) return 'valid'
    looked.set(ANYWHERE, STAMP_LENGTH)
    return equalBytes(cookie, this.bind(looked, STAMP_LENGTH + ANYWHERE.length)) ? 'invitation' : 'other-address'
  }

  /** When the cookie says that it was made; worth something once it is found valid. Milliseconds. */
  madeAt(cookie: Uint8Array): number {
    const view = new DataView(cookie.buffer, cookie.byteOffset, cookie.length)
    return view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4)
  }

  /** One for all hellos of a millisecond. */
  private stampNow(now: number): void {
    const time = Math.floor(now)
    if (time === this.stampedAt) return
    this.stamp(this.bound, time)
    this.stampedAt = time
  }

  private stamp(target: Uint8Array, time: number): void {
    const w = new Writer(target)
    w.uint32(Math.floor(time / 0x1_0000_0000))
    w.uint32(time >>> 0)
    w.raw(this.mac.compute(target, 0, TIME_LENGTH).subarray(0, STAMP_LENGTH - TIME_LENGTH))
  }

  /** The cookie for what is in `bound` up to `end`: a stamp and a place. */
  private bind(bound: Uint8Array, end: number): Uint8Array {
    const cookie = new Uint8Array(COOKIE_LENGTH)
    cookie.set(bound.subarray(0, STAMP_LENGTH))
    cookie.set(this.mac.compute(bound, 0, end), STAMP_LENGTH)
    return cookie
  }
}

/** Puts the address behind the stamp. @returns Where it ends. */
function putPlace(bound: Uint8Array, { ip, port }: Address): number {
  bound.set(ip, STAMP_LENGTH)
  const end = STAMP_LENGTH + ip.length
  bound[end] = port >>> 8
  bound[end + 1] = port
  return end + 2
}
