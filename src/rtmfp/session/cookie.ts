import type { Address } from '../../base/address.ts'
import { Writer, concat, equalBytes, utf8 } from '../../base/bytes.ts'
import { randomBytes } from '../../base/random.ts'
import type { Random } from '../../base/random.ts'
import type { CryptoBackend } from '../../crypto/backend.ts'
import { COOKIE_LENGTH, COOKIE_LIFETIME } from '../constants.ts'

/** Length of the part that says when, and that we made it: time (8) and half an HMAC (24). Bytes. */
const STAMP_LENGTH = 32
const TIME_LENGTH = 8
const SECRET_LENGTH = 32
/** In the place of an address; no address looks like this. */
const ANYWHERE = 'anywhere'

/** What became of a cookie that came back. `invitation`: it is good, but proves no address. */
export type CookieVerdict = 'valid' | 'invitation' | 'other-address' | 'expired' | 'forged'

/**
 * Makes cookies that need no memory: the time and a keyed hash over it, then a keyed hash over both and the address. The first part
 * alone tells that the cookie is ours when the address has changed (RFC 7016 §3.5.1.2).
 */
export class CookieJar {
  private readonly backend: CryptoBackend
  private readonly secret: Uint8Array

  constructor(backend: CryptoBackend, random: Random) {
    this.backend = backend
    this.secret = randomBytes(random, SECRET_LENGTH)
  }

  make(address: Address, now: number): Uint8Array {
    const stamp = this.stamp(Math.floor(now))
    return concat(stamp, this.bind(stamp, address.key))
  }

  /** A cookie that is good from any address: for an invitation, which reaches only those who are meant. */
  makeInvitation(now: number): Uint8Array {
    const stamp = this.stamp(Math.floor(now))
    return concat(stamp, this.bind(stamp, ANYWHERE))
  }

  check(cookie: Uint8Array, address: Address, now: number): CookieVerdict {
    if (cookie.length !== COOKIE_LENGTH) return 'forged'
    const made = this.madeAt(cookie)
    const stamp = cookie.subarray(0, STAMP_LENGTH)
    if (!Number.isSafeInteger(made) || !equalBytes(stamp, this.stamp(made))) return 'forged'
    if (now - made > COOKIE_LIFETIME) return 'expired'
    const binding = cookie.subarray(STAMP_LENGTH)
    if (equalBytes(binding, this.bind(stamp, address.key))) return 'valid'
    return equalBytes(binding, this.bind(stamp, ANYWHERE)) ? 'invitation' : 'other-address'
  }

  /** When the cookie says that it was made; worth something once it is found valid. Milliseconds. */
  madeAt(cookie: Uint8Array): number {
    const view = new DataView(cookie.buffer, cookie.byteOffset, cookie.length)
    return view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4)
  }

  private stamp(time: number): Uint8Array {
    const w = Writer.ofSize(TIME_LENGTH)
    w.uint32(Math.floor(time / 0x1_0000_0000))
    w.uint32(time >>> 0)
    return concat(w.bytes, this.backend.hmacSha256(this.secret, w.bytes).subarray(0, STAMP_LENGTH - TIME_LENGTH))
  }

  private bind(stamp: Uint8Array, place: string): Uint8Array {
    return this.backend.hmacSha256(this.secret, concat(stamp, utf8(place)))
  }
}
