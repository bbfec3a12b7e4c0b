import { randomBytes } from '../base/random.ts'
import type { CryptoBackend, CryptoContext } from './backend.ts'
import { GROUP_X25519 } from './constants.ts'
import { isAcceptableModpKey, isModpGroup, modpLength, stripLeadingZeros } from './modp.ts'

/** A private key and its public key in one group. */
export interface DhKeyPair {
  readonly group: number
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array
}

const X25519_LENGTH = 32
/** Exponent for the MODP groups: 256 bits are twice the strength of the largest of them. Bytes. */
const MODP_SECRET_LENGTH = 32

/** Whether this end can do the group at all. */
export function isKnownGroup(group: number): boolean {
  return group === GROUP_X25519 || isModpGroup(group)
}

/** Makes a key pair. */
export function generateKeyPair({ backend, random }: CryptoContext, group: number): DhKeyPair {
  if (group === GROUP_X25519) {
    const secret = randomBytes(random, X25519_LENGTH)
    return { group, secret, publicKey: backend.x25519PublicKey(secret) }
  }
  for (;;) {
    const secret = randomBytes(random, MODP_SECRET_LENGTH)
    const publicKey = backend.modpPublicKey(group, secret)
    // Some implementations take a key of another length than the prime's for malformed.
    if (publicKey.length === modpLength(group) && isAcceptableModpKey(group, publicKey)) return { group, secret, publicKey }
  }
}

/** DH_SECRET, or `undefined` when the far end's public key is not acceptable. RFC 7425 §4.6.2; RFC 7748 §6.1 for X25519. */
export function sharedSecret(backend: CryptoBackend, near: DhKeyPair, farKey: Uint8Array): Uint8Array | undefined {
  if (near.group === GROUP_X25519) {
    if (farKey.length !== X25519_LENGTH) return undefined
    const shared = backend.x25519(near.secret, farKey)
    return shared.every((byte) => byte === 0) ? undefined : shared
  }
  const stripped = stripLeadingZeros(farKey)
  if (!isAcceptableModpKey(near.group, stripped)) return undefined
  return backend.modpShared(near.group, near.secret, stripped)
}
