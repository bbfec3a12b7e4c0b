import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { concat, fromHex } from '../../src/base/bytes.ts'
import { AltostratusError, DecodeError } from '../../src/base/errors.ts'
import type { Certificate } from '../../src/crypto/certificate.ts'
import {
  GROUP_MODP14,
  GROUP_MODP2,
  GROUP_X25519,
  SUITE_AES_CBC_HMAC,
  SUITE_AES_GCM,
  SUITE_CHACHA20_POLY1305,
} from '../../src/crypto/constants.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { InitiatorKeying } from '../../src/crypto/keying.ts'
import { modpPrime } from '../../src/crypto/modp.ts'
import { nobleBackend } from '../../src/crypto/noble.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { OPEN_FORGED } from '../../src/crypto/packet-cipher.ts'
import { DEFAULT_POLICY, RFC7425_POLICY, SOFTWARE_POLICY } from '../../src/crypto/policy.ts'
import type { KeyingPolicy } from '../../src/crypto/policy.ts'
import { encodeOptions, parseOptions } from '../../src/wire/option.ts'
import { KEYING_EPHEMERAL_KEY, KEYING_SUITE } from '../../src/wire/rfc7425.ts'
import { random, PLAIN, end, seen, initiate, answer, key, expectSession, expectRefused } from './ends.ts'
import { open, seal } from './packets.ts'

describe('RFC 7425 §4.6.2: public keys that are not acceptable', () => {
  const prime = modpPrime(GROUP_MODP2)
  const KEYS: readonly (readonly [string, number, string])[] = [
    ['X25519: zero', GROUP_X25519, '00'.repeat(32)],
    ['X25519: small order', GROUP_X25519, `01${'00'.repeat(31)}`],
    ['X25519: 31 bytes', GROUP_X25519, '09'.repeat(31)],
    ['X25519: 33 bytes', GROUP_X25519, '09'.repeat(33)],
    ['X25519: nothing', GROUP_X25519, ''],
    ['MODP: nothing', GROUP_MODP2, ''],
    ['MODP: 0', GROUP_MODP2, '00'],
    ['MODP: 1', GROUP_MODP2, '01'],
    ['MODP: 2^24 - 1', GROUP_MODP2, 'ffffff'],
    ['MODP: 2^24, which has a single 1', GROUP_MODP2, '01000000'],
    ['MODP: 15 ones', GROUP_MODP2, '7fff00000000'],
    ['MODP: 15 zeros', GROUP_MODP2, 'ffffffffffffffffffff0001'],
    ['MODP: the prime less 1', GROUP_MODP2, (prime - 1n).toString(16)],
    ['MODP: the prime less 2^24 - 1', GROUP_MODP2, (prime - 0xffffffn).toString(16)],
    ['MODP: the prime', GROUP_MODP2, prime.toString(16)],
    ['MODP: above the prime', GROUP_MODP2, 'ff'.repeat(128)],
    ['MODP: longer than the prime', GROUP_MODP2, `01${'5a'.repeat(128)}`],
  ]

  test.each(KEYS)('%s', (_name, group, hex) => {
    const component = encodeOptions([{ type: KEYING_EPHEMERAL_KEY, value: Uint8Array.of(group, ...fromHex(hex)) }])
    const policy = { ...RFC7425_POLICY, groups: [group], suites: [SUITE_AES_CBC_HMAC] }
    const near = end({ groups: [group], suites: [] }, policy)
    const far = end({ groups: [group], suites: [] }, policy)
    expectRefused(() => answer(near, far, component), 'KEYING_REFUSED')
    const keying = initiate(near, far)
    expectRefused(() => keying.finish(component), 'KEYING_REFUSED')
  })

  test('MODP: 16 ones and 16 zeros are enough, and leading zeros are passed over', () => {
    for (const hex of ['ffff0000', '0000ffff0000', (prime - 0x1000000n).toString(16)]) {
      const component = encodeOptions([{ type: KEYING_EPHEMERAL_KEY, value: Uint8Array.of(GROUP_MODP2, ...fromHex(hex)) }])
      const policy = { ...RFC7425_POLICY, groups: [GROUP_MODP2] }
      const near = end({ groups: [GROUP_MODP2] }, policy)
      expect(answer(near, near, component).keys.suite).toBe(SUITE_AES_CBC_HMAC)
    }
  })

  test('our MODP keys are as long as the prime, which older implementations expect', () => {
    for (let i = 0; i < 8; i++) {
      const near = end({ groups: [GROUP_MODP2], suites: [] }, RFC7425_POLICY)
      const value = parseOptions(initiate(near, near).component).find((option) => option.type === KEYING_EPHEMERAL_KEY)?.value
      expect(value?.length).toBe(1 + 128)
      expect(value?.[1]).not.toBe(0)
    }
  })

  test('MODP group 14', () => {
    const policy = { ...RFC7425_POLICY, groups: [GROUP_MODP14] }
    const options = { groups: [GROUP_MODP14], suites: [] }
    expectSession(key(end(options, policy), end(options, policy, nobleBackend)), SUITE_AES_CBC_HMAC)
  })
})

describe('what is refused', () => {
  test('a far certificate with nothing in common', () => {
    expectRefused(() => initiate(end(), end({ groups: [GROUP_MODP14] })), 'KEYING_NO_GROUP')
    expectRefused(() => initiate(end({ groups: [GROUP_MODP2] }), end({ groups: [GROUP_MODP2] })), 'KEYING_NO_GROUP')
    expectRefused(() => initiate(end({ suites: [SUITE_AES_GCM] }), end({ suites: [SUITE_CHACHA20_POLY1305] })), 'KEYING_NO_SUITE')
    expectRefused(() => initiate(end(), end({ signing: false })), 'KEYING_UNSIGNED')
    expectRefused(() => answer(end(), end({ signing: false }), initiate(end(), end()).component), 'KEYING_UNSIGNED')
    expectRefused(() => createIdentity({ backend: nodeBackend, random, groups: [], staticGroups: [16] }), 'KEYING_NO_GROUP')
  })

  test('a suite or a group that the responder did not offer, or that the initiator does not claim to have', () => {
    const near = end()
    const gcmAlone = end({ suites: [SUITE_AES_GCM] })
    const chacha = initiate(end({}, SOFTWARE_POLICY), near).component
    expectRefused(() => answer(gcmAlone, near, chacha), 'KEYING_REFUSED')
    expectRefused(() => answer(near, gcmAlone, chacha), 'KEYING_REFUSED')
    expectRefused(() => answer(end({}, { ...DEFAULT_POLICY, suites: [SUITE_AES_GCM] }), near, chacha), 'KEYING_REFUSED')
    expectRefused(() => answer(end(), end({ groups: [GROUP_MODP2] }), initiate(near, near).component), 'KEYING_REFUSED')
    const modp = end({ groups: [GROUP_MODP2, GROUP_X25519] }, { ...RFC7425_POLICY, groups: [GROUP_MODP2] })
    expectRefused(() => answer(end({ groups: [GROUP_MODP2, GROUP_X25519] }), modp, initiate(modp, modp).component), 'KEYING_REFUSED')
  })

  test('an answer in another group, or with no key at all', () => {
    const near = end({ groups: [GROUP_X25519, GROUP_MODP2] }, RFC7425_POLICY)
    const keying = initiate(near, near)
    expectRefused(() => keying.finish(new Uint8Array(0)), 'KEYING_REFUSED')
    const modp = { ...near, policy: { ...RFC7425_POLICY, groups: [GROUP_MODP2] } }
    expectRefused(() => keying.finish(answer(modp, modp, initiate(modp, modp).component).component), 'KEYING_REFUSED')
    expectRefused(() => answer(near, near, new Uint8Array(0)), 'KEYING_REFUSED')
  })

  test('§4.5.2: options that may stand once, twice', () => {
    const near = end()
    const { component } = initiate(near, near)
    expect(() => answer(near, near, concat(component, component))).toThrow(DecodeError)
  })

  test('every truncation and any altered byte: an error of ours, or a session that does not open the packets of the other', () => {
    const ends = [end(), end({ suites: [SUITE_AES_CBC_HMAC] })] as const
    for (const near of ends) {
      const far = end()
      const check = (keying: InitiatorKeying, skic: Uint8Array, alter: (skrc: Uint8Array) => Uint8Array): void => {
        try {
          const { component, keys } = answer(far, near, skic)
          const initiator = keying.finish(alter(component))
          const verdict = open(keys.opener, seal(initiator.sealer, PLAIN, 1))
          expect(typeof verdict).toBe('number')
        } catch (error) {
          expect(error).toBeInstanceOf(AltostratusError)
        }
      }
      const keying = initiate(near, far)
      const skic = keying.component
      for (let length = 0; length < skic.length; length++) check(keying, skic.slice(0, length), (skrc) => skrc)
      for (let cut = 1; cut <= 42; cut++) check(keying, skic, (skrc) => skrc.slice(0, Math.max(0, skrc.length - cut)))
      fc.assert(
        fc.property(fc.boolean(), fc.nat(), fc.integer({ min: 1, max: 255 }), (isInitiators, position, change) => {
          const altered = (bytes: Uint8Array): Uint8Array => {
            const copy = bytes.slice()
            const at = position % copy.length
            copy[at] = (copy[at] as number) ^ change
            return copy
          }
          check(keying, isInitiators ? altered(skic) : skic, isInitiators ? (skrc) => skrc : altered)
        }),
        { numRuns: 150 },
      )
    }
  })

  test('any bytes for a component', () => {
    const near = end()
    const keying = initiate(near, near)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const run of [(): unknown => answer(near, near, bytes), (): unknown => keying.finish(bytes)])
          expect(run).toThrow(AltostratusError)
      }),
      { numRuns: 300 },
    )
  })
})

describe('AEAD keys are bound to both identities and to all that was offered', () => {
  /** Keys for which each end sees a certificate of the other that may have been altered on the way. */
  function keysWith(alter: (certificate: Certificate) => Certificate, policy: KeyingPolicy): unknown {
    const near = end({}, policy)
    const far = end({}, policy)
    const keying = new InitiatorKeying({ ...near, random, far: alter(seen(far, near)) })
    const { component, keys } = answer(far, near, keying.component)
    return open(keys.opener, seal(keying.finish(component).sealer, PLAIN, 1))
  }

  test('a certificate whose suites were removed on the way', () => {
    const weakened = (certificate: Certificate): Certificate =>
      Object.create(certificate, {
        bytes: { value: certificate.bytes.slice(0, -10) },
        suites: { value: [SUITE_CHACHA20_POLY1305] },
      }) as Certificate
    expect(keysWith(weakened, DEFAULT_POLICY)).toBe(OPEN_FORGED)
    expect(keysWith((certificate) => certificate, DEFAULT_POLICY)).toEqual(PLAIN)
  })

  test('an initiator whose component was passed on under the certificate of another', () => {
    const near = end()
    const far = end()
    const thief = end()
    const keying = initiate(near, far)
    const { component, keys } = answer(far, thief, keying.component)
    expect(open(keys.opener, seal(keying.finish(component).sealer, PLAIN, 1))).toBe(OPEN_FORGED)
  })

  test('a suite that was changed on the way', () => {
    const near = end()
    const far = end()
    const keying = initiate(near, far)
    const options = parseOptions(keying.component)
    for (const { type, value } of options) if (type === KEYING_SUITE) value[0] = SUITE_CHACHA20_POLY1305
    const { component, keys } = answer(far, near, encodeOptions(options))
    expect(open(keys.opener, seal(keying.finish(component).sealer, PLAIN, 1))).toBe(OPEN_FORGED)
  })
})
