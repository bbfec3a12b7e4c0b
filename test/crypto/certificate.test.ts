import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { concat, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { encodeCertificate, parseCertificate } from '../../src/crypto/certificate.ts'
import { MAX_CERTIFICATE, SUITE_AES_CBC_HMAC, SUITE_AES_GCM } from '../../src/crypto/constants.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { encodeOptions, parseCertificateOptions } from '../../src/wire/option.ts'
import {
  CERT_ACCEPTS_ANCILLARY,
  CERT_EPHEMERAL_GROUP,
  CERT_EXTRA_RANDOMNESS,
  CERT_HOSTNAME,
  CERT_SIGNING_KEY,
  CERT_STATIC_KEY,
  CERT_SUITE,
} from '../../src/wire/rfc7425.ts'

const SIGNING_KEY = nodeBackend.ed25519PublicKey(new Uint8Array(32).fill(7))
const parse = (bytes: Uint8Array): ReturnType<typeof parseCertificate> => parseCertificate(bytes, nodeBackend)
const certificate = (type: number, value: string): Uint8Array => encodeOptions([{ type, value: fromHex(value) }])

describe('certificates, RFC 7425 §4.3', () => {
  test('what is encoded is read again', () => {
    const fields = fc.record({
      hostname: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
      acceptsAncillary: fc.boolean(),
      groups: fc.uniqueArray(fc.nat(70_000), { maxLength: 4 }),
      areStatic: fc.boolean(),
      hasSigningKey: fc.boolean(),
      suites: fc.uniqueArray(fc.nat(255), { maxLength: 3 }),
      extraRandomness: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(fields, ({ groups, areStatic, hasSigningKey, ...rest }) => {
        const staticKeys = new Map(areStatic ? groups.map((group) => [group, Uint8Array.of(group & 0xff, 1, 2)]) : [])
        const signingKey = hasSigningKey ? SIGNING_KEY : undefined
        const bytes = encodeCertificate({ ...rest, ephemeralGroups: areStatic ? [] : groups, staticKeys, signingKey })
        const read = parse(bytes)
        expect(read.bytes).toEqual(bytes)
        expect(read.canonical).toEqual(bytes)
        expect(read.hostname).toEqual(rest.hostname)
        expect(read.acceptsAncillary).toBe(rest.acceptsAncillary)
        expect(read.ephemeralGroups).toEqual(areStatic ? [] : groups)
        expect([...read.staticKeys]).toEqual([...staticKeys])
        expect(read.signingKey).toEqual(signingKey)
        expect(read.suites).toEqual(rest.suites.length === 0 ? [SUITE_AES_CBC_HMAC] : rest.suites)
        expect(read.fingerprint).toEqual(nodeBackend.sha256(bytes))
        expect(read.peerId).toBe(toHex(read.fingerprint))
        // One implementation hashes a Marker into the fingerprint, so there is none.
        expect(parseCertificateOptions(bytes).otherOptions).toEqual([])
      }),
    )
  })

  test('§4.3.1: what follows the first Marker has no part in the fingerprint, and its keys do not count', () => {
    const canonical = certificate(CERT_EPHEMERAL_GROUP, '1f')
    const rest = encodeOptions([
      { type: CERT_HOSTNAME, value: utf8('late') },
      { type: CERT_ACCEPTS_ANCILLARY, value: new Uint8Array(0) },
      { type: CERT_EPHEMERAL_GROUP, value: Uint8Array.of(14) },
      { type: CERT_SIGNING_KEY, value: SIGNING_KEY },
      { type: CERT_SUITE, value: Uint8Array.of(SUITE_AES_GCM) },
      { type: CERT_EXTRA_RANDOMNESS, value: Uint8Array.of(1) },
    ])
    const read = parse(concat(canonical, Uint8Array.of(0), rest, Uint8Array.of(0)))
    expect(read.peerId).toBe(parse(canonical).peerId)
    expect(read.canonical).toEqual(canonical)
    expect(read.hostname).toBeUndefined()
    expect(read.acceptsAncillary).toBe(false)
    expect(read.ephemeralGroups).toEqual([31])
    expect(read.signingKey).toBeUndefined()
    expect(read.suites).toEqual([SUITE_AES_CBC_HMAC])
  })

  test('§4.3.3: options that are not known are passed over, groups that are not known are carried', () => {
    const read = parse(
      concat(certificate(0x3fff, 'abcd'), certificate(CERT_EPHEMERAL_GROUP, '10'), certificate(CERT_EPHEMERAL_GROUP, '1f')),
    )
    expect(read.ephemeralGroups).toEqual([16, 31])
  })

  test.each([
    ['an option cut short', fromHex('0215')],
    ['a group cut short', certificate(CERT_EPHEMERAL_GROUP, '81')],
    ['a static key without a group', certificate(CERT_STATIC_KEY, '')],
    ['§4.3.3.4: static and ephemeral groups', concat(certificate(CERT_EPHEMERAL_GROUP, '0e'), certificate(CERT_STATIC_KEY, '0e01'))],
    ['a signing key of 31 bytes', certificate(CERT_SIGNING_KEY, '01'.repeat(31))],
    ['a signing key that anyone can sign for', certificate(CERT_SIGNING_KEY, `01${'00'.repeat(31)}`)],
    ['the same with its sign bit', certificate(CERT_SIGNING_KEY, `ec${'ff'.repeat(31)}`)],
    ['an empty suite', certificate(CERT_SUITE, '')],
    ['one byte too long', certificate(CERT_EXTRA_RANDOMNESS, '00'.repeat(MAX_CERTIFICATE - 2))],
  ])('%s is a DecodeError', (_what, bytes) => {
    expect(() => parse(bytes)).toThrow(DecodeError)
  })

  test('any bytes give a certificate or a DecodeError', () => {
    const start = encodeCertificate({
      hostname: utf8('host'),
      acceptsAncillary: true,
      ephemeralGroups: [31, 14],
      staticKeys: new Map(),
      signingKey: SIGNING_KEY,
      suites: [1, 2, 3],
    })
    const mutated = fc.tuple(fc.nat(start.length - 1), fc.nat(255), fc.nat(start.length)).map(([at, byte, length]) => {
      const bytes = start.slice(0, length)
      if (at < bytes.length) bytes[at] = byte
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 100 })), (bytes) => {
        try {
          parse(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
