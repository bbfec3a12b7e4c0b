import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { concat, fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import {
  GROUP_MODP2,
  GROUP_MODP5,
  GROUP_X25519,
  SUITE_AES_CBC_HMAC,
  SUITE_AES_GCM,
  SUITE_CHACHA20_POLY1305,
} from '../../src/crypto/constants.ts'
import { nobleBackend } from '../../src/crypto/noble.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { OPEN_FORGED } from '../../src/crypto/packet-cipher.ts'
import { DEFAULT_POLICY, RFC7425_POLICY, SOFTWARE_POLICY } from '../../src/crypto/policy.ts'
import type { KeyingPolicy, Negotiation } from '../../src/crypto/policy.ts'
import { encodeOptions, parseOptions } from '../../src/wire/option.ts'
import { KEYING_EPHEMERAL_KEY, KEYING_EXTRA_RANDOMNESS, KEYING_GROUP_SELECT, KEYING_HMAC, KEYING_SEQUENCE } from '../../src/wire/rfc7425.ts'
import { PAIRS } from './backends.ts'
import { PLAIN, NEVER, RFC7425_ALONE, end, initiate, answer, key, expectSession, typesOf, expectRefused } from './ends.ts'
import type { Keyed } from './ends.ts'
import { open, seal } from './packets.ts'

describe('keying', () => {
  test.each(PAIRS.map((pair) => [pair.names, pair] as const))('between %s, each suite', (_names, { near, far }) => {
    for (const suite of [SUITE_AES_GCM, SUITE_CHACHA20_POLY1305, SUITE_AES_CBC_HMAC]) {
      const policy = { ...DEFAULT_POLICY, suites: [suite] }
      expectSession(key(end({}, policy, near), end({}, policy, far)), suite)
    }
  })

  test("the initiator's preference among the suites that both have", () => {
    expectSession(key(end(), end()), SUITE_AES_GCM)
    expectSession(key(end({}, SOFTWARE_POLICY), end()), SUITE_CHACHA20_POLY1305)
    expectSession(key(end(), end({ suites: [SUITE_CHACHA20_POLY1305, SUITE_AES_CBC_HMAC] })), SUITE_CHACHA20_POLY1305)
  })

  test('the strongest group that both list', () => {
    const groupOf = ({ skic }: Keyed): number | undefined =>
      parseOptions(skic).find((option) => option.type === KEYING_EPHEMERAL_KEY)?.value[0]
    const all = { groups: [GROUP_MODP2, GROUP_MODP5, GROUP_X25519] }
    expect(groupOf(key(end(all, RFC7425_POLICY), end(all, RFC7425_POLICY)))).toBe(GROUP_X25519)
    expect(groupOf(key(end(all, RFC7425_POLICY), end({ groups: [GROUP_MODP2, GROUP_MODP5] }, RFC7425_POLICY)))).toBe(GROUP_MODP5)
    expect(groupOf(key(end(all, RFC7425_POLICY), end({ groups: [16, GROUP_MODP2] }, RFC7425_POLICY)))).toBe(GROUP_MODP2)
  })

  test('a modern peer and one that knows RFC 7425 alone use AES-CBC with HMAC and sequence numbers', () => {
    const modern = end({ groups: [GROUP_X25519, GROUP_MODP2] }, RFC7425_POLICY)
    const older = end({ ...RFC7425_ALONE, groups: [GROUP_MODP2] }, RFC7425_POLICY)
    for (const keyed of [key(modern, older), key(older, modern)]) {
      expectSession(keyed, SUITE_AES_CBC_HMAC)
      expect(typesOf(keyed.skic)).toEqual([KEYING_HMAC, KEYING_SEQUENCE, KEYING_EPHEMERAL_KEY])
      expect(typesOf(keyed.skrc)).toEqual([KEYING_HMAC, KEYING_SEQUENCE, KEYING_EPHEMERAL_KEY])
    }
  })

  test('two sessions of the same ends have different keys', () => {
    const near = end()
    const far = end()
    const first = key(near, far)
    const second = key(near, far)
    expect(open(second.responder.opener, seal(first.initiator.sealer, PLAIN, 7))).toBe(OPEN_FORGED)
    expect(toHex(first.initiator.nearNonce)).not.toBe(toHex(second.initiator.nearNonce))
  })
})

describe('RFC 7425 §4.6.1: static and ephemeral keys', () => {
  const KINDS = [
    ['ephemeral', { groups: [GROUP_X25519, GROUP_MODP2] }],
    ['static', { staticGroups: [GROUP_X25519, GROUP_MODP2] }],
  ] as const

  describe.each(KINDS)('initiator %s', (near, nearOptions) => {
    test.each(KINDS)('and responder %s', (far, farOptions) => {
      for (const group of [GROUP_X25519, GROUP_MODP2]) {
        for (const suite of [SUITE_AES_GCM, SUITE_AES_CBC_HMAC]) {
          const policy = { ...RFC7425_POLICY, groups: [group], suites: [suite] }
          const keyed = key(end(nearOptions, policy), end(farOptions, policy, nobleBackend))
          expectSession(keyed, suite)
          const keys = [KEYING_EPHEMERAL_KEY, KEYING_GROUP_SELECT, KEYING_EXTRA_RANDOMNESS]
          const nearKeys = near === 'static' ? [KEYING_GROUP_SELECT, KEYING_EXTRA_RANDOMNESS] : [KEYING_EPHEMERAL_KEY]
          const farKeys = far === 'static' ? [KEYING_EXTRA_RANDOMNESS] : [KEYING_EPHEMERAL_KEY]
          expect(typesOf(keyed.skic).filter((type) => keys.includes(type))).toEqual(nearKeys)
          expect(typesOf(keyed.skrc).filter((type) => keys.includes(type))).toEqual(farKeys)
        }
      }
    })
  })

  test('§4.3.4: nobody passes for the owner of a static key by sending an ephemeral one', () => {
    const victim = end({ ...RFC7425_ALONE, staticGroups: [GROUP_X25519] }, RFC7425_POLICY)
    const other = end({ ...RFC7425_ALONE, groups: [GROUP_X25519] }, RFC7425_POLICY)
    const thief = end({ ...RFC7425_ALONE, groups: [GROUP_X25519] }, RFC7425_POLICY)
    // As the initiator, with the victim's certificate.
    const skic = initiate(thief, other).component
    expectRefused(() => answer(other, victim, skic), 'KEYING_REFUSED')
    // As the responder.
    const keying = initiate(other, victim)
    const skrc = answer(thief, other, keying.component).component
    expectRefused(() => keying.finish(skrc), 'KEYING_REFUSED')
  })

  test('a static key in another group than the one that was chosen is not used', () => {
    const responder = end({ groups: [GROUP_X25519, GROUP_MODP2] }, RFC7425_POLICY)
    const initiator = end({ staticGroups: [GROUP_X25519] }, RFC7425_POLICY)
    const skic = concat(
      encodeOptions([{ type: KEYING_GROUP_SELECT, value: Uint8Array.of(GROUP_MODP2) }]),
      encodeOptions([{ type: KEYING_EXTRA_RANDOMNESS, value: new Uint8Array(16) }]),
    )
    expectRefused(() => answer(responder, initiator, skic), 'KEYING_REFUSED')
  })
})

describe('RFC 7425 §4.6.4, §4.6.6: HMAC and session sequence numbers', () => {
  const RFC = { groups: [GROUP_X25519], suites: [] }
  const policyOf = (hmac: Negotiation, sequence: Negotiation, hmacLength = 16, required = false): KeyingPolicy => ({
    ...RFC7425_POLICY,
    hmac,
    sequence,
    hmacLength,
    requireHmac: required,
    requireSequence: required,
  })
  const flags = fc.record({ sendAlways: fc.boolean(), sendOnRequest: fc.boolean(), request: fc.boolean() })

  test('any two offers make a session, with what each end said that it would send', () => {
    const near = end(RFC)
    const far = end(RFC)
    fc.assert(
      fc.property(flags, flags, flags, flags, fc.integer({ min: 4, max: 32 }), (nearHmac, farHmac, nearSequence, farSequence, length) => {
        const keyed = key({ ...near, policy: policyOf(nearHmac, nearSequence, length) }, { ...far, policy: policyOf(farHmac, farSequence) })
        const nearSends = nearHmac.sendAlways || (nearHmac.sendOnRequest && farHmac.request)
        const farSends = farHmac.sendAlways || (farHmac.sendOnRequest && nearHmac.request)
        const numbered = nearSequence.sendAlways || (nearSequence.sendOnRequest && farSequence.request)
        expect(keyed.initiator.sealer.tailroom).toBe(15 + (nearSends ? length : 0))
        expect(keyed.responder.sealer.tailroom).toBe(15 + (farSends ? 16 : 0))
        expect(keyed.initiator.sealer.headroom).toBe(4 + (numbered ? 1 : 0) + (nearSends ? 0 : 2))
        expectSession(keyed, SUITE_AES_CBC_HMAC)
      }),
      { numRuns: 60 },
    )
  })

  test.each(['hmac', 'sequence'] as const)('a far end that will not send %s is refused where it is required', (field) => {
    const wanted = DEFAULT_POLICY[field]
    const strict = end(RFC, { ...DEFAULT_POLICY, requireSignature: false })
    const lax = end(RFC, { ...RFC7425_POLICY, [field]: { ...wanted, sendOnRequest: false } })
    expectRefused(() => key(strict, lax), 'KEYING_REFUSED')
    expectRefused(() => key(lax, strict), 'KEYING_REFUSED')
    expectSession(key(strict, end(RFC, RFC7425_POLICY)), SUITE_AES_CBC_HMAC)
  })

  test.each([
    ['3 bytes', '0203'],
    ['33 bytes', '0221'],
    ['0 bytes though it sends', '0400'],
    ['4 bytes though it does not send', '0104'],
    ['no length', '02'],
    ['no flags', ''],
  ])('§4.5.2.4: an HMAC of %s is malformed', (_length, value) => {
    const component = encodeOptions([
      { type: KEYING_HMAC, value: fromHex(value) },
      { type: KEYING_EPHEMERAL_KEY, value: concat(Uint8Array.of(GROUP_X25519), nodeBackend.x25519PublicKey(new Uint8Array(32).fill(1))) },
    ])
    const near = end(RFC, RFC7425_POLICY)
    expect(() => answer(near, near, component)).toThrow(DecodeError)
    expect(() => initiate(near, near).finish(component)).toThrow(DecodeError)
  })

  test('reserved flags are passed over', () => {
    const near = end(RFC, RFC7425_POLICY)
    const keying = initiate(near, near)
    const options = parseOptions(keying.component).map(({ type, value }) => {
      if (type === KEYING_HMAC || type === KEYING_SEQUENCE) value[0] = (value[0] as number) | 0xf8
      return { type, value }
    })
    expect(answer(near, near, encodeOptions(options)).keys.sealer.tailroom).toBe(15 + 16)
  })

  test('older implementations read a fixed layout: HMAC negotiation 00 00, sequence negotiation 00, then key or randomness', () => {
    const policy = { ...policyOf(NEVER, NEVER), groups: [GROUP_MODP2] }
    const responder = end({ ...RFC7425_ALONE, groups: [GROUP_MODP2] }, policy)
    const { skrc } = key(end({ groups: [GROUP_MODP2], suites: [] }, policy), responder)
    expect(toHex(skrc).slice(0, 2 * (4 + 3 + 4))).toBe('031a0000' + '021e00' + '81020d02')
    const fixed = end({ ...RFC7425_ALONE, staticGroups: [GROUP_MODP2] }, policy)
    expect(toHex(key(responder, fixed).skrc).slice(0, 2 * (4 + 3 + 2))).toBe('031a0000' + '021e00' + '210e')
    expect(toHex(key(fixed, responder).skic).slice(0, 2 * (4 + 3 + 3 + 2))).toBe('031a0000' + '021e00' + '021d02' + '210e')
  })
})
