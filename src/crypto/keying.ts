import { Reader, Writer, concat, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import { randomBytes } from '../base/random.ts'
import { encodeOptions, parseOptions } from '../wire/option.ts'
import type { Option } from '../wire/option.ts'
import {
  KEYING_EPHEMERAL_KEY,
  KEYING_EXTRA_RANDOMNESS,
  KEYING_GROUP_SELECT,
  KEYING_HMAC,
  KEYING_SEQUENCE,
  KEYING_SUITE,
  SIGNATURE_ED25519,
} from '../wire/rfc7425.ts'
import { readVlu, vluSize, writeVlu } from '../wire/vlu.ts'
import { AeadOpener, AeadSealer } from './aead-cipher.ts'
import type { CryptoBackend, CryptoContext } from './backend.ts'
import { CbcOpener, CbcSealer } from './cbc-cipher.ts'
import { groupValue, parseGroupValue } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { EXTRA_RANDOMNESS, HMAC_MAX, HMAC_MIN, SUITE_AES_CBC_HMAC } from './constants.ts'
import { generateKeyPair, isKnownGroup, sharedSecret } from './diffie-hellman.ts'
import type { DhKeyPair } from './diffie-hellman.ts'
import type { Identity } from './identity.ts'
import type { PacketOpener, PacketSealer } from './packet-cipher.ts'
import type { KeyingPolicy, Negotiation } from './policy.ts'

/** What both ends have when the keying is done. */
export interface SessionKeys {
  readonly suite: number
  readonly sealer: PacketSealer
  readonly opener: PacketOpener
  /** RFC 7425 §4.6.5. */
  readonly nearNonce: Uint8Array
  readonly farNonce: Uint8Array
}

/** What a keying needs. */
export interface KeyingOptions extends CryptoContext {
  readonly identity: Identity
  /** The far end's certificate. */
  readonly far: Certificate
  readonly policy: KeyingPolicy
}

/** A keying component taken apart. RFC 7425 §4.5.2. */
interface Component {
  readonly bytes: Uint8Array
  readonly ephemeral: { readonly group: number; readonly key: Uint8Array } | undefined
  readonly selectedGroup: number | undefined
  readonly suite: number
  readonly hmac: Negotiation
  readonly hmacLength: number
  readonly sequence: Negotiation
}

const SEND_ALWAYS = 0x04
const SEND_ON_REQUEST = 0x02
const REQUEST = 0x01
const NOTHING: Negotiation = { sendAlways: false, sendOnRequest: false, request: false }

/** The initiator's half of a keying: its component first, then the keys from the responder's. RFC 7425 §4.6. */
export class InitiatorKeying {
  /** Session Key Initiator Component. */
  readonly component: Uint8Array
  private readonly options: KeyingOptions
  private readonly near: DhKeyPair
  private readonly suite: number

  /** @throws AltostratusError `KEYING_UNSIGNED`, `KEYING_NO_GROUP`, `KEYING_NO_SUITE` when the far certificate has nothing that the policy accepts. */
  constructor(options: KeyingOptions) {
    const { identity, far, policy } = options
    this.options = options
    requireSigningKey(far, policy)
    const group = policy.groups.find((g) => isKnownGroup(g) && offersGroup(identity.certificate, g) && offersGroup(far, g))
    if (group === undefined) throw new AltostratusError('KEYING_NO_GROUP', 'The two ends have no Diffie-Hellman group in common.')
    const suite = policy.suites.find((s) => identity.certificate.suites.includes(s) && far.suites.includes(s))
    if (suite === undefined) throw new AltostratusError('KEYING_NO_SUITE', 'The two ends have no cipher suite in common.')
    this.suite = suite
    const fixed = identity.staticKeys.get(group)
    this.near = fixed ?? generateKeyPair(options, group)
    const head = negotiationOptions(policy, suite)
    if (suite !== SUITE_AES_CBC_HMAC) head.push({ type: KEYING_SUITE, value: Uint8Array.of(suite) })
    if (fixed === undefined) head.push({ type: KEYING_EPHEMERAL_KEY, value: groupValue(group, this.near.publicKey) })
    else {
      head.push({ type: KEYING_GROUP_SELECT, value: groupValue(group, new Uint8Array(0)) })
      head.push({ type: KEYING_EXTRA_RANDOMNESS, value: randomBytes(options.random, EXTRA_RANDOMNESS) })
    }
    this.component = encodeOptions(head)
  }

  /** @throws DecodeError, or AltostratusError `KEYING_REFUSED` when the component is well-formed but not acceptable. */
  finish(responderComponent: Uint8Array): SessionKeys {
    const component = parseComponent(responderComponent)
    const key = farKey(this.options.far, component, this.near.group)
    const near = parseComponent(this.component)
    return deriveKeys(this.options, this.suite, this.near, key, near, component, true)
  }
}

/** The responder's half of a keying. RFC 7425 §4.6. @throws DecodeError, or AltostratusError `KEYING_UNSIGNED` or `KEYING_REFUSED`. */
export function respond(
  options: KeyingOptions,
  initiatorComponent: Uint8Array,
): { readonly component: Uint8Array; readonly keys: SessionKeys } {
  const { identity, far, policy } = options
  requireSigningKey(far, policy)
  const theirs = parseComponent(initiatorComponent)
  const { suite } = theirs
  if (!policy.suites.includes(suite) || !identity.certificate.suites.includes(suite) || !far.suites.includes(suite)) {
    throw refused('cipher suite')
  }
  const group = theirs.ephemeral?.group ?? theirs.selectedGroup
  if (group === undefined || !isKnownGroup(group) || !policy.groups.includes(group) || !offersGroup(identity.certificate, group)) {
    throw refused('Diffie-Hellman group')
  }
  const key = farKey(far, theirs, group)
  const fixed = identity.staticKeys.get(group)
  const near = fixed ?? generateKeyPair(options, group)
  // The order in which older implementations expect them: HMAC, sequence numbers, then key or randomness.
  const head = negotiationOptions(policy, suite)
  if (fixed === undefined) head.push({ type: KEYING_EPHEMERAL_KEY, value: groupValue(group, near.publicKey) })
  else head.push({ type: KEYING_EXTRA_RANDOMNESS, value: randomBytes(options.random, EXTRA_RANDOMNESS) })
  const component = encodeOptions(head)
  return { component, keys: deriveKeys(options, suite, near, key, parseComponent(component), theirs, false) }
}

/** Whether the signature field is acceptable. RFC 7425 §4.3.5. */
export function verifySignature(
  far: Certificate,
  parameters: Uint8Array,
  signature: Uint8Array,
  policy: KeyingPolicy,
  backend: CryptoBackend,
): boolean {
  // A certificate with a signing key promises a signature, whatever the policy asks of others.
  if (far.signingKey === undefined) return !policy.requireSignature
  const value = signatureOption(signature)
  return value !== undefined && backend.ed25519Verify(value, parameters, far.signingKey)
}

function signatureOption(signature: Uint8Array): Uint8Array | undefined {
  try {
    return parseOptions(signature).find((option) => option.type === SIGNATURE_ED25519)?.value
  } catch (error) {
    // A malformed field counts as an empty one.
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function requireSigningKey(far: Certificate, policy: KeyingPolicy): void {
  if (policy.requireSignature && far.signingKey === undefined) {
    throw new AltostratusError('KEYING_UNSIGNED', 'The far end has no signing key, so its identity can not be proved.')
  }
}

function refused(what: string): AltostratusError {
  return new AltostratusError('KEYING_REFUSED', `The keying component is not acceptable: ${what}.`)
}

/**
 * The far end's public key. One with static keys in its certificate must use them, as holding the private key is what proves that the
 * certificate is its own; any other must send an ephemeral key, in a group that its certificate lists. RFC 7425 §4.3.4, §4.5.2.1, §4.6.1.
 */
function farKey(far: Certificate, { ephemeral }: Component, group: number): Uint8Array {
  if (far.staticKeys.size > 0) {
    const key = far.staticKeys.get(group)
    if (ephemeral !== undefined) throw refused('an ephemeral key beside static ones')
    if (key === undefined) throw refused('no static key in the group that was chosen')
    return key
  }
  if (ephemeral === undefined || ephemeral.group !== group) throw refused('no ephemeral key in the group that was chosen')
  if (!far.ephemeralGroups.includes(group)) throw refused('Diffie-Hellman group')
  return ephemeral.key
}

function offersGroup(certificate: Certificate, group: number): boolean {
  return certificate.ephemeralGroups.includes(group) || certificate.staticKeys.has(group)
}

/** HMAC and sequence numbers are for the suite of RFC 7425 only; the others have both built in. */
function negotiationOptions(policy: KeyingPolicy, suite: number): Option[] {
  if (suite !== SUITE_AES_CBC_HMAC) return []
  const { hmac, hmacLength, sequence } = policy
  const length = hmac.sendAlways || hmac.sendOnRequest ? hmacLength : 0
  const w = Writer.ofSize(1 + vluSize(length))
  w.uint8(flagsOf(hmac))
  writeVlu(w, length)
  return [
    { type: KEYING_HMAC, value: w.bytes },
    { type: KEYING_SEQUENCE, value: Uint8Array.of(flagsOf(sequence)) },
  ]
}

function flagsOf({ sendAlways, sendOnRequest, request }: Negotiation): number {
  return (sendAlways ? SEND_ALWAYS : 0) | (sendOnRequest ? SEND_ON_REQUEST : 0) | (request ? REQUEST : 0)
}

function negotiationOf(flags: number): Negotiation {
  return { sendAlways: (flags & SEND_ALWAYS) !== 0, sendOnRequest: (flags & SEND_ON_REQUEST) !== 0, request: (flags & REQUEST) !== 0 }
}

function parseComponent(bytes: Uint8Array): Component {
  const options = parseOptions(bytes)
  const valueOf = (type: number): Uint8Array | undefined => {
    const found = options.filter((option) => option.type === type)
    if (found.length > 1) throw new DecodeError('keying option twice')
    return found[0]?.value
  }
  const key = valueOf(KEYING_EPHEMERAL_KEY)
  const selected = valueOf(KEYING_GROUP_SELECT)
  const suite = valueOf(KEYING_SUITE)
  const hmac = valueOf(KEYING_HMAC)
  const sequence = valueOf(KEYING_SEQUENCE)
  const ephemeral = key === undefined ? undefined : parseGroupValue(key)
  return {
    bytes,
    ephemeral: ephemeral === undefined ? undefined : { group: ephemeral.group, key: ephemeral.rest },
    selectedGroup: selected === undefined ? undefined : parseGroupValue(selected).group,
    suite: suite === undefined ? SUITE_AES_CBC_HMAC : new Reader(suite).uint8(),
    ...parseHmac(hmac),
    sequence: sequence === undefined ? NOTHING : negotiationOf(new Reader(sequence).uint8()),
  }
}

function parseHmac(value: Uint8Array | undefined): { readonly hmac: Negotiation; readonly hmacLength: number } {
  if (value === undefined) return { hmac: NOTHING, hmacLength: 0 }
  const r = new Reader(value)
  const hmac = negotiationOf(r.uint8())
  const hmacLength = readVlu(r)
  const sends = hmac.sendAlways || hmac.sendOnRequest
  // RFC 7425 §4.5.2.4: 4 to 32, or 0 if and only if nothing will be sent.
  if (sends ? hmacLength < HMAC_MIN || hmacLength > HMAC_MAX : hmacLength !== 0) throw new DecodeError('HMAC length')
  return { hmac, hmacLength }
}

/** Whether one end sends the field, by its own offer and the other's request. RFC 7425 §4.6.4, §4.6.6. */
function sends(sender: Negotiation, receiver: Negotiation): boolean {
  return sender.sendAlways || (sender.sendOnRequest && receiver.request)
}

function deriveKeys(
  options: KeyingOptions,
  suite: number,
  near: DhKeyPair,
  farPublicKey: Uint8Array,
  nearComponent: Component,
  farComponent: Component,
  isInitiator: boolean,
): SessionKeys {
  const secret = sharedSecret(options.backend, near, farPublicKey)
  if (secret === undefined) throw refused('public key')
  if (suite === SUITE_AES_CBC_HMAC) return deriveCbcKeys(options, secret, nearComponent, farComponent)
  return deriveAeadKeys(options, suite, secret, nearComponent.bytes, farComponent.bytes, isInitiator)
}

/** RFC 7425 §4.6.3 to §4.6.6. */
function deriveCbcKeys({ backend, policy }: KeyingOptions, secret: Uint8Array, near: Component, far: Component): SessionKeys {
  const hmacNear = sends(near.hmac, far.hmac)
  const hmacFar = sends(far.hmac, near.hmac)
  const sequenceFar = sends(far.sequence, near.sequence)
  if (policy.requireHmac && !hmacFar) throw refused('it will not send an HMAC')
  if (policy.requireSequence && !sequenceFar) throw refused('it will not send session sequence numbers')
  const mac = (data: Uint8Array): Uint8Array => backend.hmacSha256(secret, data)
  const encryptKey = mac(backend.hmacSha256(far.bytes, near.bytes))
  const decryptKey = mac(backend.hmacSha256(near.bytes, far.bytes))
  return {
    suite: SUITE_AES_CBC_HMAC,
    sealer: new CbcSealer(backend, {
      key: encryptKey.slice(0, 16),
      macKey: hmacNear ? mac(encryptKey) : undefined,
      hmacLength: hmacNear ? near.hmacLength : 0,
      sequenceNumbers: sends(near.sequence, far.sequence),
    }),
    opener: new CbcOpener(backend, {
      key: decryptKey.slice(0, 16),
      macKey: hmacFar ? mac(decryptKey) : undefined,
      hmacLength: hmacFar ? far.hmacLength : 0,
      sequenceNumbers: sequenceFar,
    }),
    nearNonce: mac(near.bytes),
    farNonce: mac(far.bytes),
  }
}

/** `docs/protocol.md`, "Key schedule". */
function deriveAeadKeys(
  { backend, identity, far }: KeyingOptions,
  suite: number,
  secret: Uint8Array,
  nearComponent: Uint8Array,
  farComponent: Uint8Array,
  isInitiator: boolean,
): SessionKeys {
  const nearCertificate = identity.certificate.bytes
  const transcript = isInitiator
    ? transcriptHash(backend, nearCertificate, far.bytes, nearComponent, farComponent)
    : transcriptHash(backend, far.bytes, nearCertificate, farComponent, nearComponent)
  const expand = backend.hkdfSha256(secret, transcript)
  const derive = (label: string): Uint8Array => expand(utf8(`altostratus 1 ${label}`), 32)
  const near = isInitiator ? 'initiator' : 'responder'
  const other = isInitiator ? 'responder' : 'initiator'
  return new AeadKeys(
    suite,
    new AeadSealer(backend, { suite, secret: derive(`${near} secret`) }),
    new AeadOpener(backend, { suite, secret: derive(`${other} secret`) }),
    derive(`${near} nonce`),
    derive(`${other} nonce`),
  )
}

/** Keeps the nonces, which are seldom asked for, as text: arrays take three times as much. */
class AeadKeys implements SessionKeys {
  readonly suite: number
  readonly sealer: PacketSealer
  readonly opener: PacketOpener
  private readonly near: string
  private readonly far: string

  constructor(suite: number, sealer: PacketSealer, opener: PacketOpener, nearNonce: Uint8Array, farNonce: Uint8Array) {
    this.suite = suite
    this.sealer = sealer
    this.opener = opener
    this.near = toHex(nearNonce)
    this.far = toHex(farNonce)
  }

  get nearNonce(): Uint8Array {
    return fromHex(this.near)
  }

  get farNonce(): Uint8Array {
    return fromHex(this.far)
  }
}

/** SHA-256 over both certificates and both components, each behind its length: binds the keys to both identities and all that was offered. */
export function transcriptHash(
  backend: CryptoBackend,
  initiatorCertificate: Uint8Array,
  responderCertificate: Uint8Array,
  initiatorComponent: Uint8Array,
  responderComponent: Uint8Array,
): Uint8Array {
  const parts: Uint8Array[] = [utf8('altostratus 1 transcript')]
  for (const part of [initiatorCertificate, responderCertificate, initiatorComponent, responderComponent]) {
    const length = Writer.ofSize(4)
    length.uint32(part.length)
    parts.push(length.bytes, part)
  }
  return backend.sha256(concat(...parts))
}
