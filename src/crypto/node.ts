import {
  createCipheriv,
  createDecipheriv,
  createDiffieHellman,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  sign,
  verify,
} from 'node:crypto'
import type { Cipher, Decipher, DiffieHellman, KeyObject } from 'node:crypto'
import { concat, fromHex } from '../base/bytes.ts'
import type { AeadCipher, CbcCipher, CryptoBackend, MacKey } from './backend.ts'
import { BLOCK, TAG_LENGTH } from './constants.ts'
import { fromBigInt, modpPrime, stripLeadingZeros } from './modp.ts'
import { SHORT_TEXT, ShortGcm } from './short-gcm.ts'

type Curve = 'Ed25519' | 'X25519'

/** PKCS #8 headers in front of a raw private key. RFC 8410 §7. */
const PKCS8: Readonly<Record<Curve, Uint8Array>> = {
  Ed25519: fromHex('302e020100300506032b657004220420'),
  X25519: fromHex('302e020100300506032b656e04220420'),
}
const ZERO_IV = new Uint8Array(BLOCK)
const TAG_OPTIONS = { authTagLength: TAG_LENGTH }
const SHA256_BLOCK = 64
const SHA256_LENGTH = 32
/** What is hashed without a buffer of its own: the longest packets between two ends on one machine. Bytes. */
const USUAL_PACKET = 16_384
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
  hmacSha256: (key, data) => Uint8Array.from(new NodeMac(key).compute(data, 0, data.length)),
  hkdfSha256: (secret, salt) => {
    const mac = new NodeMac(new NodeMac(salt).compute(secret, 0, secret.length))
    return (info, length) => expand(mac, info, length)
  },
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
  cbc: (key) => new NodeCbc(key),
  aesGcm: (key) => new NodeGcm(key),
  chacha20Poly1305: (key) => new NodeAead('chacha20-poly1305', key),
  mac: (key) => new NodeMac(key),
}

function bare(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

function sha256(data: Uint8Array): Uint8Array {
  const digest = new Uint8Array(SHA256_LENGTH)
  putDigest(data, digest, 0)
  return digest
}

/**
 * The key objects of private keys, as long as the arrays that they were made of are there: making one costs as much as using it, and who has signed
 * or has made a public key will do so again, or agree on a secret next.
 */
const privateKeys: Readonly<Record<Curve, WeakMap<Uint8Array, KeyObject>>> = { Ed25519: new WeakMap(), X25519: new WeakMap() }

function privateKey(crv: Curve, raw: Uint8Array): KeyObject {
  let key = privateKeys[crv].get(raw)
  if (key === undefined) {
    key = importPrivateKey(crv, raw)
    privateKeys[crv].set(raw, key)
  }
  return key
}

/**
 * As JWK (RFC 8037), since OpenSSL takes ten times as long to read PKCS #8. A JWK must name the public key, too, which is not known yet and
 * which Node does not look at; should one look, PKCS #8 is still there.
 */
function importPrivateKey(crv: Curve, raw: Uint8Array): KeyObject {
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
 * One cipher object for many packets: CBC chains from packet to packet, so the last ciphertext block is taken out of the next packet's first
 * block again, which gives the fixed zero IV at a third of the cost of a new object.
 */
class NodeCbc implements CbcCipher {
  private readonly key: Uint8Array
  private cipher: Cipher | undefined = undefined
  private decipher: Decipher | undefined = undefined
  /** The ciphertext blocks that they would chain with. */
  private readonly encrypted = new Uint8Array(BLOCK)
  private readonly decrypted = new Uint8Array(BLOCK)

  constructor(key: Uint8Array) {
    this.key = Uint8Array.from(key)
  }

  encrypt(buffer: Uint8Array, start: number, end: number): void {
    if (start === end) return
    const { encrypted } = this
    this.cipher ??= createCipheriv('aes-128-cbc', this.key, ZERO_IV).setAutoPadding(false)
    for (let i = 0; i < BLOCK; i++) buffer[start + i] = (buffer[start + i] as number) ^ (encrypted[i] as number)
    buffer.set(this.cipher.update(buffer.subarray(start, end)), start)
    for (let i = 0; i < BLOCK; i++) encrypted[i] = buffer[end - BLOCK + i] as number
  }

  decrypt(source: Uint8Array, start: number, end: number, out: Uint8Array): void {
    if (start === end) return
    const { decrypted } = this
    this.decipher ??= createDecipheriv('aes-128-cbc', this.key, ZERO_IV).setAutoPadding(false)
    out.set(this.decipher.update(source.subarray(start, end)))
    for (let i = 0; i < BLOCK; i++) {
      out[i] = (out[i] as number) ^ (decrypted[i] as number)
      decrypted[i] = source[end - BLOCK + i] as number
    }
  }

  rest(): void {
    this.cipher = undefined
    this.decipher = undefined
    this.encrypted.fill(0)
    this.decrypted.fill(0)
  }
}

/** Packets in a row from which on what makes short ones cheaper is worth its memory. */
const SHORT_AFTER = 4

/** Long texts natively, and, as soon as they come often, short ones by {@link ShortGcm}. */
class NodeGcm implements AeadCipher {
  private readonly long: NodeAead
  private short: ShortGcm | undefined = undefined
  private uses = 0

  constructor(key: Uint8Array) {
    this.long = new NodeAead('aes-128-gcm', key)
  }

  seal(nonce: Uint8Array, aad: Uint8Array, buffer: Uint8Array, start: number, end: number): void {
    this.for(end - start).seal(nonce, aad, buffer, start, end)
  }

  open(nonce: Uint8Array, aad: Uint8Array, source: Uint8Array, start: number, end: number, out: Uint8Array): boolean {
    const length = end - start - TAG_LENGTH
    return length >= 0 && this.for(length).open(nonce, aad, source, start, end, out)
  }

  rest(): void {
    this.short = undefined
    this.uses = 0
  }

  private for(length: number): NodeAead | ShortGcm {
    if (length > SHORT_TEXT || ++this.uses < SHORT_AFTER) return this.long
    if (this.short === undefined) {
      const blocks = createCipheriv('aes-128-ecb', this.long.key, null).setAutoPadding(false)
      this.short = new ShortGcm((plain) => blocks.update(plain))
    }
    return this.short
  }
}

/** A cipher object for each packet: there is no other way to set a nonce. The key as it is costs no more than a `KeyObject` of it. */
class NodeAead implements AeadCipher {
  readonly key: Uint8Array
  // The overloads name one algorithm each.
  private readonly algorithm: 'chacha20-poly1305'

  constructor(algorithm: 'aes-128-gcm' | 'chacha20-poly1305', key: Uint8Array) {
    this.algorithm = algorithm as 'chacha20-poly1305'
    this.key = Uint8Array.from(key)
  }

  seal(nonce: Uint8Array, aad: Uint8Array, buffer: Uint8Array, start: number, end: number): void {
    const cipher = createCipheriv(this.algorithm, this.key, nonce, TAG_OPTIONS)
    cipher.setAAD(aad, { plaintextLength: end - start })
    buffer.set(cipher.update(buffer.subarray(start, end)), start)
    cipher.final()
    buffer.set(cipher.getAuthTag(), end)
  }

  open(nonce: Uint8Array, aad: Uint8Array, source: Uint8Array, start: number, end: number, out: Uint8Array): boolean {
    const tagAt = end - TAG_LENGTH
    if (tagAt < start) return false
    const decipher = createDecipheriv(this.algorithm, this.key, nonce, TAG_OPTIONS)
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
  }

  rest(): void {}
}

/**
 * Two one-shot hashes over buffers with the keyed blocks in front, which costs less than an HMAC object for each packet; and each gives a
 * string, which costs half of what a new buffer does.
 */
class NodeMac implements MacKey {
  /** The key's blocks, the inner one and the outer one. RFC 2104 §2. */
  private readonly blocks = new Uint8Array(2 * SHA256_BLOCK)

  constructor(rawKey: Uint8Array) {
    const key = rawKey.length > SHA256_BLOCK ? sha256(rawKey) : rawKey
    for (let i = 0; i < SHA256_BLOCK; i++) {
      this.blocks[i] = 0x36 ^ (key[i] ?? 0)
      this.blocks[SHA256_BLOCK + i] = 0x5c ^ (key[i] ?? 0)
    }
  }

  compute(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const { blocks } = this
    const length = SHA256_BLOCK + end - start
    const inner = length <= macInput.length ? macInput : new Uint8Array(length)
    for (let i = 0; i < SHA256_BLOCK; i++) inner[i] = blocks[i] as number
    inner.set(bytes.subarray(start, end), SHA256_BLOCK)
    for (let i = 0; i < SHA256_BLOCK; i++) macOuter[i] = blocks[SHA256_BLOCK + i] as number
    putDigest(inner.subarray(0, length), macOuter, SHA256_BLOCK)
    putDigest(macOuter, macResult, 0)
    return macResult
  }
}

/** HKDF's second half. RFC 5869 §2.3. */
function expand(mac: NodeMac, info: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length)
  let block: Uint8Array = new Uint8Array(0)
  for (let at = 0, count = 1; at < length; at += SHA256_LENGTH, count++) {
    const input = concat(block, info, Uint8Array.of(count))
    block = mac.compute(input, 0, input.length)
    output.set(block.subarray(0, length - at), at)
  }
  return output
}

/** Work space of all MACs, which holds nothing from one to the next. */
const macInput = new Uint8Array(SHA256_BLOCK + USUAL_PACKET)
const macOuter = new Uint8Array(SHA256_BLOCK + SHA256_LENGTH)
const macResult = new Uint8Array(SHA256_LENGTH)

function putDigest(data: Uint8Array, target: Uint8Array, at: number): void {
  const digest = hash('sha256', data, 'binary')
  for (let i = 0; i < SHA256_LENGTH; i++) target[at + i] = digest.charCodeAt(i)
}
