import {
  createCipheriv,
  createDecipheriv,
  createDiffieHellman,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  hkdfSync,
  sign,
  verify,
} from 'node:crypto'
import type { DiffieHellman, KeyObject } from 'node:crypto'
import { concat, fromHex } from '../base/bytes.ts'
import type { AeadCipher, CbcCipher, CryptoBackend, MacKey } from './backend.ts'
import { BLOCK, TAG_LENGTH } from './constants.ts'
import { fromBigInt, modpPrime, stripLeadingZeros } from './modp.ts'
import { SHORT_TEXT, shortGcm } from './short-gcm.ts'

type Curve = 'Ed25519' | 'X25519'

/** PKCS #8 headers in front of a raw private key. RFC 8410 §7. */
const PKCS8: Readonly<Record<Curve, Uint8Array>> = {
  Ed25519: fromHex('302e020100300506032b657004220420'),
  X25519: fromHex('302e020100300506032b656e04220420'),
}
const ZERO_IV = new Uint8Array(BLOCK)
const SHA256_BLOCK = 64
const SHA256_LENGTH = 32
/** What fits without growing a buffer. Bytes. */
const USUAL_PACKET = 2048
/** X25519 and Ed25519 alike. */
const KEY_LENGTH = 32
const ANY_KEY = Buffer.alloc(KEY_LENGTH).toString('base64url')

const MODP_GENERATOR = 2

/** Filled as groups are asked for, and never changed. */
const groups = new Map<number, DiffieHellman>()

/** The primitives of `node:crypto`, native code. */
export const nodeBackend: CryptoBackend = {
  name: 'node',
  sha256,
  hmacSha256: (key, data) => bare(createHmac('sha256', key).update(data).digest()),
  hkdfSha256: (secret, salt, info, length) => new Uint8Array(hkdfSync('sha256', secret, salt, info, length)),
  ed25519PublicKey: (seed) => publicBytes(privateKey('Ed25519', seed)),
  ed25519Sign: (message, seed) => bare(sign(null, message, privateKey('Ed25519', seed))),
  ed25519Verify: (signature, message, key) => {
    if (key.length !== KEY_LENGTH) return false
    try {
      return verify(null, message, publicKey('Ed25519', key), signature)
    } catch {
      return false
    }
  },
  x25519PublicKey: (secret) => publicBytes(privateKey('X25519', secret)),
  x25519: (secret, key) => {
    try {
      return bare(diffieHellman({ privateKey: privateKey('X25519', secret), publicKey: publicKey('X25519', key) }))
    } catch {
      // OpenSSL refuses points of small order, whose secret is all zeros.
      return new Uint8Array(KEY_LENGTH)
    }
  },
  modpPublicKey: (group, secret) => {
    const dh = modpGroup(group)
    dh.setPrivateKey(secret)
    return stripLeadingZeros(bare(dh.generateKeys()))
  },
  modpShared: (group, secret, key) => {
    const dh = modpGroup(group)
    dh.setPrivateKey(secret)
    return stripLeadingZeros(bare(dh.computeSecret(key)))
  },
  cbc: (key) => nodeCbc(createSecretKey(key)),
  aesGcm: nodeGcm,
  chacha20Poly1305: (key) => nodeAead('chacha20-poly1305', createSecretKey(key)),
  mac: nodeMac,
}

function bare(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

function sha256(data: Uint8Array): Uint8Array {
  return bare(createHash('sha256').update(data).digest())
}

/**
 * As JWK (RFC 8037), since OpenSSL takes ten times as long to read PKCS #8. A JWK must name the public key, too, which is not known yet and
 * which Node does not look at; should one look, PKCS #8 is still there.
 */
function privateKey(crv: Curve, raw: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: { kty: 'OKP', crv, d: base64(raw), x: ANY_KEY }, format: 'jwk' })
  } catch {
    return createPrivateKey({ key: Buffer.from(concat(PKCS8[crv], raw)), format: 'der', type: 'pkcs8' })
  }
}

function publicKey(crv: Curve, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv, x: base64(raw) }, format: 'jwk' })
}

function publicBytes(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  return new Uint8Array(Buffer.from(x as string, 'base64url'))
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}

/**
 * Making a group's object can cost tens of milliseconds, so there is one of each and its private key is set anew each time. Node's
 * ready-made groups do not let a private key be set.
 */
function modpGroup(group: number): DiffieHellman {
  let dh = groups.get(group)
  if (dh === undefined) {
    dh = createDiffieHellman(fromBigInt(modpPrime(group)), MODP_GENERATOR)
    groups.set(group, dh)
  }
  return dh
}

/**
 * One cipher object for the whole session: CBC chains from packet to packet, so the last ciphertext block is taken out of the next
 * packet's first block again, which gives the fixed zero IV at a third of the cost of a new object.
 */
function nodeCbc(key: KeyObject): CbcCipher {
  const cipher = createCipheriv('aes-128-cbc', key, ZERO_IV).setAutoPadding(false)
  const decipher = createDecipheriv('aes-128-cbc', key, ZERO_IV).setAutoPadding(false)
  const encrypted = new Uint8Array(BLOCK)
  const decrypted = new Uint8Array(BLOCK)
  return {
    encrypt(buffer, start, end) {
      if (start === end) return
      for (let i = 0; i < BLOCK; i++) buffer[start + i] = (buffer[start + i] as number) ^ (encrypted[i] as number)
      buffer.set(cipher.update(buffer.subarray(start, end)), start)
      for (let i = 0; i < BLOCK; i++) encrypted[i] = buffer[end - BLOCK + i] as number
    },
    decrypt(source, start, end, out) {
      if (start === end) return
      out.set(decipher.update(source.subarray(start, end)))
      for (let i = 0; i < BLOCK; i++) {
        out[i] = (out[i] as number) ^ (decrypted[i] as number)
        decrypted[i] = source[end - BLOCK + i] as number
      }
    },
  }
}

function nodeGcm(key: Uint8Array): AeadCipher {
  const long = nodeAead('aes-128-gcm', createSecretKey(key))
  const blocks = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false)
  const short = shortGcm((plain) => blocks.update(plain))
  return {
    seal(nonce, aad, buffer, start, end) {
      ;(end - start <= SHORT_TEXT ? short : long).seal(nonce, aad, buffer, start, end)
    },
    open(nonce, aad, source, start, end, out) {
      const length = end - start - TAG_LENGTH
      return length >= 0 && (length <= SHORT_TEXT ? short : long).open(nonce, aad, source, start, end, out)
    },
  }
}

function nodeAead(algorithm: 'aes-128-gcm' | 'chacha20-poly1305', key: KeyObject): AeadCipher {
  const options = { authTagLength: TAG_LENGTH }
  // The overloads name one algorithm each.
  const name = algorithm as 'chacha20-poly1305'
  return {
    seal(nonce, aad, buffer, start, end) {
      const cipher = createCipheriv(name, key, nonce, options)
      cipher.setAAD(aad, { plaintextLength: end - start })
      buffer.set(cipher.update(buffer.subarray(start, end)), start)
      cipher.final()
      buffer.set(cipher.getAuthTag(), end)
    },
    open(nonce, aad, source, start, end, out) {
      const tagAt = end - TAG_LENGTH
      if (tagAt < start) return false
      const decipher = createDecipheriv(name, key, nonce, options)
      decipher.setAAD(aad, { plaintextLength: tagAt - start })
      decipher.setAuthTag(source.subarray(tagAt, end))
      const plain = decipher.update(source.subarray(start, tagAt))
      try {
        decipher.final()
      } catch {
        return false
      }
      out.set(plain)
      return true
    },
  }
}

/**
 * Two one-shot hashes over buffers with the keyed blocks in front, which costs less than an HMAC object for each packet; and each gives a
 * string, which costs half of what a new buffer does.
 */
function nodeMac(rawKey: Uint8Array): MacKey {
  const key = rawKey.length > SHA256_BLOCK ? sha256(rawKey) : rawKey
  let inner = new Uint8Array(SHA256_BLOCK + USUAL_PACKET)
  const outer = new Uint8Array(SHA256_BLOCK + SHA256_LENGTH)
  const result = new Uint8Array(SHA256_LENGTH)
  for (let i = 0; i < SHA256_BLOCK; i++) {
    inner[i] = 0x36 ^ (key[i] ?? 0)
    outer[i] = 0x5c ^ (key[i] ?? 0)
  }
  return {
    compute(bytes, start, end) {
      const length = SHA256_BLOCK + end - start
      if (length > inner.length) {
        const larger = new Uint8Array(length * 2)
        larger.set(inner.subarray(0, SHA256_BLOCK))
        inner = larger
      }
      inner.set(bytes.subarray(start, end), SHA256_BLOCK)
      putDigest(inner.subarray(0, length), outer, SHA256_BLOCK)
      putDigest(outer, result, 0)
      return result
    },
  }
}

function putDigest(data: Uint8Array, target: Uint8Array, at: number): void {
  const digest = hash('sha256', data, 'binary')
  for (let i = 0; i < SHA256_LENGTH; i++) target[at + i] = digest.charCodeAt(i)
}
