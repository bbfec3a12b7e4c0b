import { cbc, gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { AeadCipher, CbcCipher, CryptoBackend, MacKey } from './backend.ts'
import { BLOCK, TAG_LENGTH } from './constants.ts'
import { modpPower } from './modp.ts'

const ZERO_IV = new Uint8Array(BLOCK)
const ZERO_SECRET = new Uint8Array(32)
const SHA256_LENGTH = 32
const NO_PADDING = { disablePadding: true }
/** RFC 8032's rules, which reject what is not encoded canonically, rather than those of ZIP 215. */
const STRICT = { zip215: false }

/** Pure JavaScript primitives of the @noble libraries: for browsers, and the reference for other backends. */
export const nobleBackend: CryptoBackend = {
  name: 'noble',
  sha256: (data) => sha256(data),
  hmacSha256: (key, data) => hmac(sha256, key, data),
  hkdfSha256: (secret, salt) => {
    const key = extract(sha256, secret, salt)
    return (info, length) => expand(sha256, key, info, length)
  },
  ed25519PublicKey: (seed) => ed25519.getPublicKey(seed),
  ed25519Sign: (message, seed) => ed25519.sign(message, seed),
  ed25519Verify: (signature, message, publicKey) => {
    try {
      return ed25519.verify(signature, message, publicKey, STRICT)
    } catch {
      return false
    }
  },
  x25519PublicKey: (secret) => x25519.getPublicKey(secret),
  x25519: (secret, publicKey) => {
    try {
      return x25519.getSharedSecret(secret, publicKey)
    } catch {
      // It throws for points of small order, whose secret is all zeros.
      return ZERO_SECRET.slice()
    }
  },
  modpPublicKey: (group, secret) => modpPower(group, secret),
  modpShared: (group, secret, publicKey) => modpPower(group, secret, publicKey),
  cbc: (key) => nobleCbc(key.slice()),
  aesGcm: (key) => nobleGcm(key.slice()),
  chacha20Poly1305: (key) => nobleChaCha(key.slice()),
  mac: (key) => nobleMac(key.slice()),
}

/** Nothing is kept from packet to packet but the key. */
function nothing(): void {}

function nobleCbc(key: Uint8Array): CbcCipher {
  return {
    encrypt(buffer, start, end) {
      // It would write into aligned memory in place, but a caller's buffer may begin anywhere.
      buffer.set(cbc(key, ZERO_IV, NO_PADDING).encrypt(buffer.subarray(start, end)), start)
    },
    decrypt(source, start, end, out) {
      out.set(cbc(key, ZERO_IV, NO_PADDING).decrypt(source.subarray(start, end)))
    },
    rest: nothing,
  }
}

/** This one does not write into a given buffer. */
function nobleGcm(key: Uint8Array): AeadCipher {
  return {
    seal(nonce, aad, buffer, start, end) {
      buffer.set(gcm(key, nonce, aad).encrypt(buffer.subarray(start, end)), start)
    },
    open(nonce, aad, source, start, end, out) {
      if (end - start < TAG_LENGTH) return false
      try {
        out.set(gcm(key, nonce, aad).decrypt(source.subarray(start, end)))
        return true
      } catch {
        return false
      }
    },
    rest: nothing,
  }
}

function nobleChaCha(key: Uint8Array): AeadCipher {
  return {
    seal(nonce, aad, buffer, start, end) {
      chacha20poly1305(key, nonce, aad).encrypt(buffer.subarray(start, end), buffer.subarray(start, end + TAG_LENGTH))
    },
    open(nonce, aad, source, start, end, out) {
      const length = end - start - TAG_LENGTH
      if (length < 0) return false
      try {
        chacha20poly1305(key, nonce, aad).decrypt(source.subarray(start, end), out.subarray(0, length))
        return true
      } catch {
        return false
      }
    },
    rest: nothing,
  }
}

function nobleMac(key: Uint8Array): MacKey {
  // The keyed state is made once and cloned for each packet, which saves two of the hash's blocks.
  const keyed = hmac.create(sha256, key)
  const work = keyed.clone()
  const result = new Uint8Array(SHA256_LENGTH)
  return {
    compute(bytes, start, end) {
      keyed._cloneInto(work).update(bytes.subarray(start, end)).digestInto(result)
      return result
    },
  }
}
