import { expect } from '@jest/globals'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { AltostratusError } from '../../src/base/errors.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import type { CryptoBackend } from '../../src/crypto/backend.ts'
import { parseCertificate } from '../../src/crypto/certificate.ts'
import type { Certificate } from '../../src/crypto/certificate.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { Identity, IdentityOptions } from '../../src/crypto/identity.ts'
import { InitiatorKeying, respond } from '../../src/crypto/keying.ts'
import type { SessionKeys } from '../../src/crypto/keying.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { DEFAULT_POLICY } from '../../src/crypto/policy.ts'
import type { KeyingPolicy, Negotiation } from '../../src/crypto/policy.ts'
import { parseOptions } from '../../src/wire/option.ts'
import { open, seal, unpadded } from './packets.ts'

export const random: Random = seededRandom(2016)
export const PLAIN: Uint8Array = fromHex('0d00112233445566778899aabbccddeeff00112233')
export const NEVER: Negotiation = { sendAlways: false, sendOnRequest: false, request: false }
export const RFC7425_ALONE = { signing: false, suites: [] } as const

export interface End {
  readonly identity: Identity
  readonly policy: KeyingPolicy
  readonly backend: CryptoBackend
}

export function end(
  options: Partial<IdentityOptions> = {},
  policy: KeyingPolicy = DEFAULT_POLICY,
  backend: CryptoBackend = nodeBackend,
): End {
  return { identity: createIdentity({ backend, random, ...options }), policy, backend }
}

/** What the other end sees of a certificate: its bytes. */
export function seen(far: End, by: End): Certificate {
  return parseCertificate(far.identity.certificate.bytes, by.backend)
}

export function initiate(near: End, far: End): InitiatorKeying {
  return new InitiatorKeying({ ...near, random, far: seen(far, near) })
}

export function answer(near: End, far: End, component: Uint8Array): { component: Uint8Array; keys: SessionKeys } {
  return respond({ ...near, random, far: seen(far, near) }, component)
}

export interface Keyed {
  readonly initiator: SessionKeys
  readonly responder: SessionKeys
  readonly skic: Uint8Array
  readonly skrc: Uint8Array
}

export function key(initiator: End, responder: End): Keyed {
  const keying = initiate(initiator, responder)
  const { component, keys } = answer(responder, initiator, keying.component)
  return { initiator: keying.finish(component), responder: keys, skic: keying.component, skrc: component }
}

/** Packets go both ways, and only to the one that they are for. */
export function expectSession({ initiator, responder }: Keyed, suite: number): void {
  expect([initiator.suite, responder.suite]).toEqual([suite, suite])
  for (let i = 0; i < 3; i++) {
    const there = seal(initiator.sealer, PLAIN, 7)
    const back = seal(responder.sealer, PLAIN, 8)
    expect(unpadded(open(responder.opener, there), PLAIN.length)).toEqual(PLAIN)
    expect(unpadded(open(initiator.opener, back), PLAIN.length)).toEqual(PLAIN)
  }
  // Last, as one wrong packet in 65,536 passes a checksum, and then marks a sequence number.
  expect(open(responder.opener, seal(responder.sealer, PLAIN, 8))).not.toEqual(PLAIN)
  expect(initiator.nearNonce).toEqual(responder.farNonce)
  expect(initiator.farNonce).toEqual(responder.nearNonce)
  expect(toHex(initiator.nearNonce)).not.toBe(toHex(initiator.farNonce))
  expect(initiator.nearNonce.length).toBe(32)
}

export const typesOf = (component: Uint8Array): number[] => parseOptions(component).map((option) => option.type)

export function expectRefused(run: () => unknown, code: string): void {
  expect(run).toThrow(AltostratusError)
  expect(run).toThrow(expect.objectContaining({ code }))
}
