import type { Random } from '../base/random.ts'

/** AES-128-CBC with a zero initialisation vector for each packet and no padding. RFC 7425 §4.7.1. */
export interface CbcCipher {
  /** Encrypts `buffer[start, end)`, whole blocks, in place. */
  encrypt(buffer: Uint8Array, start: number, end: number): void
  /** Decrypts `source[start, end)`, whole blocks, to the front of `out`. */
  decrypt(source: Uint8Array, start: number, end: number, out: Uint8Array): void
  /** Gives memory back that is made again when it is needed: a pause is expected. */
  rest(): void
}

/** An AEAD cipher under one key. */
export interface AeadCipher {
  /** Encrypts `buffer[start, end)` in place and appends the 16-byte tag at `end`. */
  seal(nonce: Uint8Array, aad: Uint8Array, buffer: Uint8Array, start: number, end: number): void
  /** Verifies `source[start, end)`, tag at its end, and decrypts it to the front of `out`. @returns `false` when it is forged. */
  open(nonce: Uint8Array, aad: Uint8Array, source: Uint8Array, start: number, end: number, out: Uint8Array): boolean
  /** Gives memory back that is made again when it is needed: a pause is expected. */
  rest(): void
}

/** HMAC-SHA256 under one key. */
export interface MacKey {
  /** The 32 bytes of the HMAC of `bytes[start, end)`; valid until the next call. */
  compute(bytes: Uint8Array, start: number, end: number): Uint8Array
}

/**
 * The primitives that the profile is made of. Two implementations give the same bytes: `nobleBackend` and `nodeBackend`. An array that holds a
 * private key is never changed after it was handed in.
 */
export interface CryptoBackend {
  readonly name: 'noble' | 'node'
  sha256(data: Uint8Array): Uint8Array
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array
  /** The first half of HKDF, which is common to all that is derived from a secret. @returns The second half. RFC 5869 §2.2, §2.3. */
  hkdfSha256(secret: Uint8Array, salt: Uint8Array): (info: Uint8Array, length: number) => Uint8Array
  /** Public key of a 32-byte Ed25519 seed. RFC 8032. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array
  ed25519Sign(message: Uint8Array, seed: Uint8Array): Uint8Array
  /** Never throws: a key that is not one verifies nothing. */
  ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** RFC 7748. */
  x25519PublicKey(secret: Uint8Array): Uint8Array
  /** RFC 7748; all zeros when the public key is of small order. */
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array
  /** 2^secret mod p of a MODP group, no leading zeros. */
  modpPublicKey(group: number, secret: Uint8Array): Uint8Array
  /** publicKey^secret mod p of a MODP group, no leading zeros. */
  modpShared(group: number, secret: Uint8Array, publicKey: Uint8Array): Uint8Array
  cbc(key: Uint8Array): CbcCipher
  aesGcm(key: Uint8Array): AeadCipher
  chacha20Poly1305(key: Uint8Array): AeadCipher
  mac(key: Uint8Array): MacKey
}

/** What most functions of this layer are handed. */
export interface CryptoContext {
  readonly backend: CryptoBackend
  readonly random: Random
}
