import { describe, expect, test } from '@jest/globals'
import { Reader, concat, utf8 } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { GROUP_MODP14, GROUP_MODP2, GROUP_X25519, SUITE_AES_CBC_HMAC } from '../../src/crypto/constants.ts'
import { parseCertificate } from '../../src/crypto/certificate.ts'
import { ancillaryEpd, fingerprintEpd, hostnameEpd } from '../../src/crypto/epd.ts'
import type { IdentityOptions } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { RFC7425_POLICY } from '../../src/crypto/policy.ts'
import { encodeOptions, parseOptions } from '../../src/wire/option.ts'
import {
  CERT_EPHEMERAL_GROUP,
  CERT_STATIC_KEY,
  KEYING_EPHEMERAL_KEY,
  KEYING_EXTRA_RANDOMNESS,
  KEYING_GROUP_SELECT,
  KEYING_HMAC,
} from '../../src/wire/rfc7425.ts'
import { readVlu } from '../../src/wire/vlu.ts'
import { RFC7425_ALONE, answer, end, initiate, key } from './ends.ts'

/** Requirements of RFC 7425 that no other test looks at. `docs/conformance.md` names them. */

const KINDS: readonly Partial<IdentityOptions>[] = [
  {},
  { hostname: 'game.example', acceptsAncillary: true },
  { ...RFC7425_ALONE, groups: [GROUP_X25519, GROUP_MODP14, GROUP_MODP2] },
  { ...RFC7425_ALONE, staticGroups: [GROUP_X25519, GROUP_MODP2] },
]

const typesOf = (bytes: Uint8Array): number[] => parseOptions(bytes).map(({ type }) => type)

describe('certificates, discriminators and components of ours', () => {
  test('RFC 7425 §4.3.3.5: a static key behind the Marker is ignored', () => {
    const canonical = encodeOptions([{ type: CERT_EPHEMERAL_GROUP, value: Uint8Array.of(GROUP_X25519) }])
    const behind = encodeOptions([{ type: CERT_STATIC_KEY, value: concat(Uint8Array.of(GROUP_X25519), new Uint8Array(32).fill(9)) }])
    const read = parseCertificate(concat(canonical, Uint8Array.of(0), behind), nodeBackend)
    expect(read.staticKeys.size).toBe(0)
    expect(read.ephemeralGroups).toEqual([GROUP_X25519])
  })

  test('RFC 7425 §4.3.3: a certificate has each option once, each group once, and static keys or ephemeral groups but not both', () => {
    for (const kind of KINDS) {
      const options = parseOptions(end(kind, RFC7425_POLICY).identity.certificate.bytes)
      const texts = options.map(({ type, value }) => `${type} ${value.join(' ')}`)
      expect(new Set(texts).size).toBe(texts.length)
      const groups = options.filter(({ type }) => type === CERT_STATIC_KEY || type === CERT_EPHEMERAL_GROUP)
      expect(new Set(groups.map(({ type }) => type)).size).toBe(1)
      expect(new Set(groups.map(({ value }) => readVlu(new Reader(value)))).size).toBe(groups.length)
      const repeatable = [CERT_STATIC_KEY, CERT_EPHEMERAL_GROUP, 0x4002]
      const single = options.filter(({ type }) => !repeatable.includes(type)).map(({ type }) => type)
      expect(new Set(single).size).toBe(single.length)
    }
  })

  test('RFC 7425 §4.4.2: an endpoint discriminator has one option', () => {
    for (const epd of [fingerprintEpd(new Uint8Array(32)), hostnameEpd('game.example'), ancillaryEpd('rtmfp://game.example/')]) {
      expect(typesOf(epd)).toHaveLength(1)
    }
  })

  test('RFC 7425 §4.5.2: a component has each option once; a key or, with a static one, the choice of a group and 16 to 64 random bytes', () => {
    const policy = { ...RFC7425_POLICY, groups: [GROUP_X25519, GROUP_MODP2], suites: [SUITE_AES_CBC_HMAC] }
    for (const near of KINDS) {
      for (const far of KINDS) {
        const { skic, skrc } = key(end(near, policy), end(far, policy))
        for (const [kind, component, initiates] of [
          [near, skic, true],
          [far, skrc, false],
        ] as const) {
          const types = typesOf(component)
          const isStatic = kind.staticGroups !== undefined
          expect(new Set(types).size).toBe(types.length)
          expect(types.includes(KEYING_EPHEMERAL_KEY)).toBe(!isStatic)
          expect(types.includes(KEYING_GROUP_SELECT)).toBe(isStatic && initiates)
          const random = parseOptions(component).find(({ type }) => type === KEYING_EXTRA_RANDOMNESS)?.value.length
          if (isStatic) expect(random).toBeGreaterThanOrEqual(16)
          if (random !== undefined) expect(random).toBeLessThanOrEqual(64)
        }
      }
    }
  })
})

describe('components of others', () => {
  const policy = { ...RFC7425_POLICY, suites: [SUITE_AES_CBC_HMAC] }
  const near = end(RFC7425_ALONE, policy)
  const far = end(RFC7425_ALONE, policy)

  test('RFC 7425 §4.5.2: options that are not known are passed over', () => {
    const unknown = encodeOptions([{ type: 0x2345, value: utf8('later') }])
    const keying = initiate(near, far)
    const answered = answer(far, near, concat(unknown, keying.component, unknown))
    expect(() => keying.finish(concat(unknown, answered.component))).not.toThrow()
  })

  test.each([
    ['sent always, 3 bytes', [4, 3]],
    ['sent on request, 33 bytes', [2, 33]],
    ['sent always, none', [4, 0]],
    ['not sent, 16 bytes', [1, 16]],
  ])('RFC 7425 §4.5.2.4: an HMAC length that can not be is refused: %s', (_, hmac) => {
    const component = encodeOptions(
      parseOptions(initiate(near, far).component).map(({ type, value }) => ({
        type,
        value: type === KEYING_HMAC ? Uint8Array.from(hmac) : value,
      })),
    )
    expect(() => answer(far, near, component)).toThrow(DecodeError)
  })
})
