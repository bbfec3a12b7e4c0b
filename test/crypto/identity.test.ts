import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { AltostratusError } from '../../src/base/errors.ts'
import { seededRandom } from '../../src/base/random.ts'
import { GROUP_MODP2, GROUP_X25519, SUITE_AES_CBC_HMAC, SUITE_AES_GCM, SUITE_CHACHA20_POLY1305 } from '../../src/crypto/constants.ts'
import { createIdentity, importIdentity } from '../../src/crypto/identity.ts'
import type { IdentityOptions } from '../../src/crypto/identity.ts'
import { verifySignature } from '../../src/crypto/keying.ts'
import { nobleBackend } from '../../src/crypto/noble.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { DEFAULT_POLICY, RFC7425_POLICY } from '../../src/crypto/policy.ts'
import { BACKENDS } from './backends.ts'

/** What a hello's answer can hold of a certificate, when it is to be no longer than three times a short hello. */
const SMALL_CERTIFICATE = 56
const context = { backend: nodeBackend, random: seededRandom(5) }
const PARAMETERS = utf8('the signed parameters')

describe('identities', () => {
  test('a game peer has X25519, a signing key and all suites, in a small certificate', () => {
    const { certificate } = createIdentity(context)
    expect(certificate.bytes.length).toBeLessThanOrEqual(SMALL_CERTIFICATE)
    expect(certificate.ephemeralGroups).toEqual([GROUP_X25519])
    expect(certificate.signingKey?.length).toBe(32)
    expect(certificate.suites).toEqual([SUITE_AES_GCM, SUITE_CHACHA20_POLY1305, SUITE_AES_CBC_HMAC])
    expect(certificate.canonical).toEqual(certificate.bytes)
  })

  test('the same random numbers make the same identity on both backends', () => {
    const [noble, node] = BACKENDS.map((backend) =>
      createIdentity({ backend, random: seededRandom(3), staticGroups: [GROUP_X25519, GROUP_MODP2] }),
    )
    expect(noble?.export()).toEqual(node?.export())
    expect(noble?.sign(PARAMETERS)).toEqual(node?.sign(PARAMETERS))
  })

  test('two identities differ, keys or none', () => {
    for (const options of [{}, { signing: false, suites: [] }]) {
      const ids = [0, 1, 2].map(() => createIdentity({ ...context, ...options }).peerId)
      expect(new Set(ids).size).toBe(3)
    }
  })

  test("a server's certificate has its host name and accepts ancillary data", () => {
    const { certificate } = createIdentity({ ...context, hostname: 'game.example', acceptsAncillary: true })
    expect(certificate.hostname).toEqual(utf8('game.example'))
    expect(certificate.acceptsAncillary).toBe(true)
  })

  test('RFC 7425 §4.3.5: "X" where there is nothing to sign with', () => {
    const identity = createIdentity({ ...context, signing: false, suites: [] })
    expect(toHex(identity.sign(PARAMETERS))).toBe('58')
    expect(identity.certificate.signingKey).toBeUndefined()
  })
})

describe('signatures of the keying messages', () => {
  const identity = createIdentity(context)
  const unsigned = createIdentity({ ...context, signing: false })
  const signature = identity.sign(PARAMETERS)
  const verify = (field: Uint8Array, parameters = PARAMETERS, policy = DEFAULT_POLICY): boolean =>
    BACKENDS.every((backend) => verifySignature(identity.certificate, parameters, field, policy, backend))

  test('are verified on both backends', () => {
    expect(verify(signature)).toBe(true)
    expect(verify(signature, utf8('other parameters'))).toBe(false)
    expect(verify(createIdentity(context).sign(PARAMETERS))).toBe(false)
  })

  test('RFC 7425 §4.3.5: malformed, empty and "X" are all no signature, which one with a signing key may not send', () => {
    for (const field of [fromHex(''), fromHex('58'), fromHex('7f'), signature.slice(0, -1), signature.slice(1)]) {
      expect(verify(field)).toBe(false)
      expect(verify(field, PARAMETERS, RFC7425_POLICY)).toBe(false)
    }
  })

  test('options that are not known may stand beside it', () => {
    expect(verify(Uint8Array.of(2, 0x3f, 1, ...signature))).toBe(true)
  })

  test('one without a signing key passes only where no signature is required', () => {
    const field = unsigned.sign(PARAMETERS)
    expect(verifySignature(unsigned.certificate, PARAMETERS, field, RFC7425_POLICY, nodeBackend)).toBe(true)
    expect(verifySignature(unsigned.certificate, PARAMETERS, fromHex(''), RFC7425_POLICY, nodeBackend)).toBe(true)
    expect(verifySignature(unsigned.certificate, PARAMETERS, field, DEFAULT_POLICY, nodeBackend)).toBe(false)
  })
})

describe('exported identities', () => {
  const KINDS: readonly (readonly [string, Partial<IdentityOptions>])[] = [
    ['of a game peer', {}],
    ['of a server', { hostname: 'game.example', acceptsAncillary: true }],
    ['with static keys', { staticGroups: [GROUP_MODP2, GROUP_X25519] }],
    ['without a signing key', { signing: false, suites: [] }],
  ]

  test.each(KINDS)('%s are the same again, on either backend', (_kind, options) => {
    const identity = createIdentity({ ...context, ...options })
    for (const backend of [nobleBackend, nodeBackend]) {
      const again = importIdentity(identity.export(), { backend, random: seededRandom(1) })
      expect(again.peerId).toBe(identity.peerId)
      expect(again.fingerprint).toEqual(identity.fingerprint)
      expect(again.sign(PARAMETERS)).toEqual(identity.sign(PARAMETERS))
      expect(again.export()).toEqual(identity.export())
    }
  })

  test('read from a file, as a Buffer, they are the same again, and the Buffer is left as it was', () => {
    // A key's highest bit is set in half of all.
    for (let seed = 0; seed < 20; seed++) {
      const identity = createIdentity({ backend: nodeBackend, random: seededRandom(seed), acceptsAncillary: true })
      const buffer = Buffer.from(identity.export())
      const again = importIdentity(buffer, context)
      expect(again.peerId).toBe(identity.peerId)
      expect(toHex(again.certificate.signingKey!)).toBe(toHex(identity.certificate.signingKey!))
      expect(toHex(buffer)).toBe(toHex(identity.export()))
      buffer.fill(0)
      expect(toHex(again.export())).toBe(toHex(identity.export()))
    }
  })

  test('every truncation and any altered byte is told as BAD_IDENTITY', () => {
    const bytes = createIdentity({ ...context, staticGroups: [GROUP_X25519] }).export()
    const check = (altered: Uint8Array): void => {
      expect(() => importIdentity(altered, context)).toThrow(AltostratusError)
      expect(() => importIdentity(altered, context)).toThrow(
        expect.objectContaining({ code: 'BAD_IDENTITY', hint: expect.stringContaining('identity.export()') }),
      )
    }
    for (let length = 0; length < bytes.length; length++) check(bytes.slice(0, length))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const altered = bytes.slice()
        altered[at] = (altered[at] as number) ^ change
        check(altered)
      }),
      { numRuns: 300 },
    )
  })
})
