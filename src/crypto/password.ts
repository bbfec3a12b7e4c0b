import { scrypt } from '@noble/hashes/scrypt.js'
import { utf8 } from '../base/bytes.ts'
import type { CryptoBackend } from './backend.ts'

/** Some 20 ms and 4 MiB for each try on a desktop; a browser must do it between two frames. RFC 7914. */
const COST = { N: 4_096, r: 8, p: 1, dkLen: 32 } as const
/** Bytes of the salt that a room draws. */
export const PASSWORD_SALT = 16

/**
 * What a password is checked by: it is not the password, but who has it can prove that they know it, and try out passwords against it.
 * @param salt Random, drawn anew for each room.
 */
export function passwordVerifier(password: string, salt: Uint8Array): Uint8Array {
  return scrypt(utf8(password.normalize('NFC')), salt, COST)
}

/**
 * Shows to one that has the verifier that this end knows the password: neither it nor the verifier is sent.
 * @param bound What the proof is good for: the room, both peers, the other's random challenge.
 */
export function passwordProof(backend: CryptoBackend, verifier: Uint8Array, bound: readonly Uint8Array[]): Uint8Array {
  const parts = [utf8('altostratus password'), ...bound]
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.length + 1, 0))
  let at = 0
  for (const part of parts) {
    data[at++] = part.length
    data.set(part, at)
    at += part.length
  }
  return backend.hmacSha256(verifier, data)
}
