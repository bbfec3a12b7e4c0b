import { createDiffieHellmanGroup } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { concat, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { randomBytes, seededRandom } from '../../src/base/random.ts'
import type { AeadCipher } from '../../src/crypto/backend.ts'
import { GROUP_MODP14, GROUP_MODP2, GROUP_MODP5 } from '../../src/crypto/constants.ts'
import { fromBigInt, modpLength, modpPrime } from '../../src/crypto/modp.ts'
import { nobleBackend } from '../../src/crypto/noble.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { BACKENDS } from './backends.ts'
import {
  AES_128_CBC,
  AES_128_GCM,
  CHACHA20_POLY1305,
  ED25519,
  HKDF_SHA256,
  HMAC_SHA256,
  X25519_EXCHANGE,
  X25519_MULTIPLICATIONS,
} from './vectors.ts'
import type { AeadVector } from './vectors.ts'

const TAG = 16

function checkAead(cipherOf: (key: Uint8Array) => AeadCipher, vector: AeadVector): void {
  const cipher = cipherOf(fromHex(vector.key))
  const nonce = fromHex(vector.nonce)
  const aad = fromHex(vector.aad)
  const plain = fromHex(vector.plaintext)
  const start = 8
  const end = start + plain.length
  const buffer = new Uint8Array(end + TAG + 3)
  buffer.set(plain, start)
  cipher.seal(nonce, aad, buffer, start, end)
  expect(toHex(buffer.subarray(start))).toBe(`${vector.ciphertext}${vector.tag}000000`)
  const out = new Uint8Array(plain.length + TAG)
  expect(cipher.open(nonce, aad, buffer, start, end + TAG, out)).toBe(true)
  expect(toHex(out.subarray(0, plain.length))).toBe(vector.plaintext)
  buffer[end + TAG - 1] = (buffer[end + TAG - 1] as number) ^ 1
  expect(cipher.open(nonce, aad, buffer, start, end + TAG, out)).toBe(false)
}

describe.each(BACKENDS.map((backend) => [backend.name, backend] as const))('published vectors on %s', (_name, backend) => {
  test('SHA-256: FIPS 180-4 example', () => {
    expect(toHex(backend.sha256(utf8('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  test('HMAC-SHA256: RFC 4231, in one go and by a kept key', () => {
    for (const { key, data, output } of HMAC_SHA256) {
      expect(toHex(backend.hmacSha256(fromHex(key), fromHex(data)))).toBe(output)
      const kept = backend.mac(fromHex(key))
      const framed = concat(Uint8Array.of(1, 2, 3), fromHex(data), Uint8Array.of(4))
      for (let i = 0; i < 3; i++) expect(toHex(kept.compute(framed, 3, framed.length - 1))).toBe(output)
    }
  })

  test('HKDF-SHA256: RFC 5869 Appendix A', () => {
    for (const { secret, salt, info, output } of HKDF_SHA256) {
      expect(toHex(backend.hkdfSha256(fromHex(secret), fromHex(salt))(fromHex(info), output.length / 2))).toBe(output)
    }
  })

  test('X25519: RFC 7748 §5.2 and §6.1', () => {
    for (const { scalar, u, result } of X25519_MULTIPLICATIONS) expect(toHex(backend.x25519(fromHex(scalar), fromHex(u)))).toBe(result)
    const { aliceSecret, alicePublic, bobSecret, bobPublic, shared } = X25519_EXCHANGE
    expect(toHex(backend.x25519PublicKey(fromHex(aliceSecret)))).toBe(alicePublic)
    expect(toHex(backend.x25519PublicKey(fromHex(bobSecret)))).toBe(bobPublic)
    expect(toHex(backend.x25519(fromHex(aliceSecret), fromHex(bobPublic)))).toBe(shared)
    expect(toHex(backend.x25519(fromHex(bobSecret), fromHex(alicePublic)))).toBe(shared)
  })

  test('X25519: points of small order give all zeros, RFC 7748 §6.1', () => {
    for (const u of ['00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`]) {
      expect(toHex(backend.x25519(fromHex(X25519_EXCHANGE.aliceSecret), fromHex(u)))).toBe('00'.repeat(32))
    }
  })

  test('Ed25519: RFC 8032 §7.1', () => {
    for (const { seed, publicKey, message, signature } of ED25519) {
      expect(toHex(backend.ed25519PublicKey(fromHex(seed)))).toBe(publicKey)
      expect(toHex(backend.ed25519Sign(fromHex(message), fromHex(seed)))).toBe(signature)
      expect(backend.ed25519Verify(fromHex(signature), fromHex(message), fromHex(publicKey))).toBe(true)
    }
  })

  test('Ed25519: what is not a signature or not a key verifies nothing and throws nothing', () => {
    const { publicKey, message, signature } = ED25519[1] as (typeof ED25519)[number]
    const verify = (s: string, m: string, k: string): boolean => backend.ed25519Verify(fromHex(s), fromHex(m), fromHex(k))
    expect(verify(signature, '73', publicKey)).toBe(false)
    expect(verify(signature.slice(2), message, publicKey)).toBe(false)
    expect(verify('', message, publicKey)).toBe(false)
    expect(verify(signature, message, publicKey.slice(2))).toBe(false)
    expect(verify(signature, message, '02'.padEnd(64, '0'))).toBe(false)
    // RFC 8032 §5.1.7: S must be below the order of the group.
    expect(verify(`${signature.slice(0, 64)}${'ff'.repeat(32)}`, message, publicKey)).toBe(false)
  })

  test.each(CHACHA20_POLY1305.map((vector) => [vector.name, vector] as const))('ChaCha20-Poly1305: %s', (_vector, vector) => {
    checkAead((key) => backend.chacha20Poly1305(key), vector)
  })

  test.each(AES_128_GCM.map((vector) => [vector.name, vector] as const))('AES-128-GCM: %s', (_vector, vector) => {
    checkAead((key) => backend.aesGcm(key), vector)
  })

  test('AES-128-CBC: NIST SP 800-38A §F.2.1, again and again with one object', () => {
    const cipher = backend.cbc(fromHex(AES_128_CBC.key))
    const plain = fromHex(AES_128_CBC.plaintext)
    // The profile's initialisation vector is zero, so the vector's own goes into the first block.
    fromHex(AES_128_CBC.iv).forEach((byte, i) => (plain[i] = (plain[i] as number) ^ byte))
    for (let i = 0; i < 4; i++) {
      const buffer = concat(new Uint8Array(4), plain)
      cipher.encrypt(buffer, 4, buffer.length)
      expect(toHex(buffer.subarray(4))).toBe(AES_128_CBC.ciphertext)
      const out = new Uint8Array(plain.length + 5)
      cipher.decrypt(buffer, 4, buffer.length, out)
      expect(toHex(out)).toBe(`${toHex(plain)}0000000000`)
      cipher.encrypt(buffer, 4, 4)
      cipher.decrypt(buffer, 4, 4, out)
      if (i === 1) cipher.rest()
    }
  })

  test.each([GROUP_MODP2, GROUP_MODP5])('MODP group %d: both ends agree, without leading zeros, RFC 7425 §4.6.2', (group) => {
    const random = seededRandom(group)
    for (let i = 0; i < 2; i++) {
      const near = randomBytes(random, 32)
      const far = randomBytes(random, 32)
      const nearKey = backend.modpPublicKey(group, near)
      const farKey = backend.modpPublicKey(group, far)
      const shared = backend.modpShared(group, near, farKey)
      expect(toHex(backend.modpShared(group, far, nearKey))).toBe(toHex(shared))
      expect(shared[0]).not.toBe(0)
      expect(nearKey[0]).not.toBe(0)
    }
    // 2 is the generator, so the secret 3 gives 8, of one byte; (2^3)^2 = 64.
    expect(toHex(backend.modpPublicKey(group, Uint8Array.of(3)))).toBe('08')
    expect(toHex(backend.modpShared(group, Uint8Array.of(2), Uint8Array.of(8)))).toBe('40')
  })
})

describe('MODP groups', () => {
  test.each([GROUP_MODP2, GROUP_MODP5, GROUP_MODP14])('the prime of group %d is the one of OpenSSL', (group) => {
    const prime = fromBigInt(modpPrime(group))
    expect(toHex(prime)).toBe(createDiffieHellmanGroup(`modp${group}`).getPrime('hex'))
    expect(prime.length).toBe(modpLength(group))
  })
})

describe('both backends give the same bytes', () => {
  const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })
  const exactly = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })

  test('hashes, HMAC, HKDF', () => {
    fc.assert(
      fc.property(bytes(200), bytes(3000), fc.integer({ min: 1, max: 200 }), (key, data, length) => {
        expect(nodeBackend.sha256(data)).toEqual(nobleBackend.sha256(data))
        expect(nodeBackend.hmacSha256(key, data)).toEqual(nobleBackend.hmacSha256(key, data))
        expect(nodeBackend.mac(key).compute(data, 0, data.length)).toEqual(nobleBackend.mac(key).compute(data, 0, data.length))
        expect(nodeBackend.hkdfSha256(key, data)(key, length)).toEqual(nobleBackend.hkdfSha256(key, data)(key, length))
      }),
    )
  })

  test('X25519, any bytes for a public key', () => {
    fc.assert(
      fc.property(exactly(32), exactly(32), (secret, key) => {
        expect(nodeBackend.x25519PublicKey(secret)).toEqual(nobleBackend.x25519PublicKey(secret))
        expect(nodeBackend.x25519(secret, key)).toEqual(nobleBackend.x25519(secret, key))
      }),
      { numRuns: 20 },
    )
  })

  test('Ed25519, and their verdicts on altered signatures', () => {
    fc.assert(
      fc.property(exactly(32), bytes(100), fc.nat(63), fc.nat(7), (seed, message, at, bit) => {
        const key = nodeBackend.ed25519PublicKey(seed)
        const signature = nodeBackend.ed25519Sign(message, seed)
        expect(key).toEqual(nobleBackend.ed25519PublicKey(seed))
        expect(signature).toEqual(nobleBackend.ed25519Sign(message, seed))
        for (const backend of BACKENDS) expect(backend.ed25519Verify(signature, message, key)).toBe(true)
        signature[at] = (signature[at] as number) ^ (1 << bit)
        for (const backend of BACKENDS) expect(backend.ed25519Verify(signature, message, key)).toBe(false)
      }),
      { numRuns: 10 },
    )
  })

  test('MODP group 14', () => {
    const random = seededRandom(14)
    const secret = randomBytes(random, 32)
    const key = nobleBackend.modpPublicKey(GROUP_MODP14, randomBytes(random, 32))
    expect(nodeBackend.modpPublicKey(GROUP_MODP14, secret)).toEqual(nobleBackend.modpPublicKey(GROUP_MODP14, secret))
    expect(nodeBackend.modpShared(GROUP_MODP14, secret, key)).toEqual(nobleBackend.modpShared(GROUP_MODP14, secret, key))
  })
})

describe.each(BACKENDS.map((backend) => [backend.name, backend] as const))('buffers at any place in memory on %s', (_name, backend) => {
  test.each([0, 1, 2, 3, 5])('offset %d', (offset) => {
    const memory = randomBytes(seededRandom(1), 400)
    const twin = memory.slice()
    const buffer = memory.subarray(offset, offset + 100)
    const out = new Uint8Array(200).subarray(offset, offset + 150)
    const nonce = new Uint8Array(13).subarray(1)
    const aad = memory.slice(300, 305).subarray(1)
    const cbc = backend.cbc(twin.subarray(201, 217))
    cbc.encrypt(buffer, 5, 5 + 48)
    cbc.decrypt(buffer, 5, 5 + 48, out)
    expect(out.slice(0, 48)).toEqual(twin.slice(offset + 5, offset + 5 + 48))
    for (const cipher of [backend.aesGcm(twin.subarray(201, 217)), backend.chacha20Poly1305(twin.subarray(201, 233))]) {
      memory.set(twin)
      cipher.seal(nonce, aad, buffer, 9, 9 + 31)
      expect(cipher.open(nonce, aad, buffer, 9, 9 + 31 + TAG, out)).toBe(true)
      expect(out.slice(0, 31)).toEqual(twin.slice(offset + 9, offset + 9 + 31))
    }
    const key = twin.slice(1, 33)
    expect(backend.mac(twin.subarray(1, 33)).compute(memory, offset, 77)).toEqual(backend.hmacSha256(key, memory.slice(offset, 77)))
  })
})
