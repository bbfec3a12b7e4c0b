import { EMPTY, Reader, Writer, fromHex, toHex } from '../base/bytes.ts'
import { DecodeError, assert } from '../base/errors.ts'
import { encodeOptions, optionValues, parseCertificateOptions } from '../wire/option.ts'
import type { Option } from '../wire/option.ts'
import {
  CERT_ACCEPTS_ANCILLARY,
  CERT_EPHEMERAL_GROUP,
  CERT_EXTRA_RANDOMNESS,
  CERT_HOSTNAME,
  CERT_SIGNING_KEY,
  CERT_STATIC_KEY,
  CERT_SUITE,
} from '../wire/rfc7425.ts'
import { readVlu, vluSize, writeVlu } from '../wire/vlu.ts'
import type { CryptoBackend } from './backend.ts'
import { MAX_CERTIFICATE, SUITE_AES_CBC_HMAC } from './constants.ts'

/** What a certificate says. RFC 7425 §4.3. */
export interface Certificate {
  readonly bytes: Uint8Array
  /** The part that the fingerprint is over. RFC 7425 §4.3.1. */
  readonly canonical: Uint8Array
  /** SHA-256 of the canonical section, 32 bytes. RFC 7425 §4.3.2. */
  readonly fingerprint: Uint8Array
  /** The fingerprint in hexadecimal: what peers are named by. */
  readonly peerId: string
  readonly hostname: Uint8Array | undefined
  readonly acceptsAncillary: boolean
  /** Groups for ephemeral keys, in the certificate's order; those that this end does not know are carried too. */
  readonly ephemeralGroups: readonly number[]
  /** Static public keys by group, in the certificate's order. */
  readonly staticKeys: ReadonlyMap<number, Uint8Array>
  /** Ed25519 public key that signs the keying messages; ours, so older implementations have none. */
  readonly signingKey: Uint8Array | undefined
  /** Cipher suites; a certificate that names none has RFC 7425's. */
  readonly suites: readonly number[]
}

/** Bytes of an Ed25519 public key. RFC 8032. */
const SIGNING_KEY_LENGTH = 32

/** The value that begins with a group's number, with what follows it. */
export function groupValue(group: number, rest: Uint8Array): Uint8Array {
  const w = Writer.ofSize(vluSize(group) + rest.length)
  writeVlu(w, group)
  w.raw(rest)
  return w.bytes
}

/** Takes {@link groupValue} apart. */
export function parseGroupValue(value: Uint8Array): { readonly group: number; readonly rest: Uint8Array } {
  const r = new Reader(value)
  return { group: readVlu(r), rest: r.rest() }
}

/** Reads a certificate. RFC 7425 §4.3. @throws DecodeError when it is not one. */
export function parseCertificate(bytes: Uint8Array, backend: CryptoBackend): Certificate {
  if (bytes.length > MAX_CERTIFICATE) throw new DecodeError('certificate too long')
  const { canonical } = parseCertificateOptions(bytes)
  const certificate = new ParsedCertificate(bytes, canonical.length, toHex(backend.sha256(canonical)))
  // Reading it is checking it.
  const { signingKey, ephemeralGroups, staticKeys, suites } = certificate
  assert(suites.length > 0, 'a certificate without a suite')
  if (signingKey !== undefined && signingKey.length !== SIGNING_KEY_LENGTH) throw new DecodeError('signing key length')
  if (signingKey !== undefined && isSmallOrder(signingKey)) throw new DecodeError('weak signing key')
  // RFC 7425 §4.3.3.4, §4.3.3.5: one or the other, or it would be open which of them proves the identity.
  if (ephemeralGroups.length > 0 && staticKeys.size > 0) throw new DecodeError('static and ephemeral groups in one certificate')
  return certificate
}

/** Keeps the bytes alone and looks up in them: each session has its far end's certificate, and after the start asks little of it. */
class ParsedCertificate implements Certificate {
  readonly bytes: Uint8Array
  readonly peerId: string
  private readonly canonicalLength: number

  constructor(bytes: Uint8Array, canonicalLength: number, peerId: string) {
    this.bytes = Uint8Array.from(bytes)
    this.canonicalLength = canonicalLength
    this.peerId = peerId
  }

  get canonical(): Uint8Array {
    return this.bytes.slice(0, this.canonicalLength)
  }

  get fingerprint(): Uint8Array {
    return fromHex(this.peerId)
  }

  get hostname(): Uint8Array | undefined {
    return this.values(CERT_HOSTNAME)[0]
  }

  get acceptsAncillary(): boolean {
    return this.values(CERT_ACCEPTS_ANCILLARY).length > 0
  }

  get ephemeralGroups(): readonly number[] {
    return this.values(CERT_EPHEMERAL_GROUP).map((value) => parseGroupValue(value).group)
  }

  get staticKeys(): ReadonlyMap<number, Uint8Array> {
    const keys = new Map<number, Uint8Array>()
    for (const value of this.values(CERT_STATIC_KEY)) {
      const { group, rest } = parseGroupValue(value)
      if (!keys.has(group)) keys.set(group, rest)
    }
    return keys
  }

  get signingKey(): Uint8Array | undefined {
    return this.values(CERT_SIGNING_KEY)[0]
  }

  get suites(): readonly number[] {
    const suites = this.values(CERT_SUITE).map(suiteOf)
    return suites.length === 0 ? [SUITE_AES_CBC_HMAC] : suites
  }

  private values(type: number): Uint8Array[] {
    return optionValues(this.bytes.subarray(0, this.canonicalLength), type)
  }
}

/**
 * Signatures under the points of small order can be made by anyone. Their y coordinates, little-endian, the sign bit aside: 0, 1, p − 1, the two
 * of order 8, and the unreduced forms of 0 and 1.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
])

function isSmallOrder(signingKey: Uint8Array): boolean {
  const y = Uint8Array.from(signingKey)
  y[31] = (y[31] as number) & 0x7f
  return SMALL_ORDER.has(toHex(y))
}

function suiteOf(value: Uint8Array): number {
  if (value.length === 0) throw new DecodeError('empty cipher suite')
  return value[0] as number
}

/** What a new certificate is to say. */
export interface CertificateFields {
  readonly hostname?: Uint8Array | undefined
  readonly acceptsAncillary: boolean
  readonly ephemeralGroups: readonly number[]
  readonly staticKeys: ReadonlyMap<number, Uint8Array>
  readonly signingKey?: Uint8Array | undefined
  /** Empty: RFC 7425's alone, unnamed. */
  readonly suites: readonly number[]
  /** Makes the fingerprint unique where no key does. RFC 7425 §4.3.3.3. */
  readonly extraRandomness?: Uint8Array | undefined
}

/** Encodes a certificate, all of it canonical and without a Marker, which some implementations hash. */
export function encodeCertificate(fields: CertificateFields): Uint8Array {
  const options: Option[] = []
  const add = (type: number, value: Uint8Array | undefined): void => {
    if (value !== undefined) options.push({ type, value })
  }
  add(CERT_HOSTNAME, fields.hostname)
  if (fields.acceptsAncillary) add(CERT_ACCEPTS_ANCILLARY, EMPTY)
  for (const group of fields.ephemeralGroups) add(CERT_EPHEMERAL_GROUP, groupValue(group, EMPTY))
  for (const [group, key] of fields.staticKeys) add(CERT_STATIC_KEY, groupValue(group, key))
  add(CERT_SIGNING_KEY, fields.signingKey)
  for (const suite of fields.suites) add(CERT_SUITE, Uint8Array.of(suite))
  add(CERT_EXTRA_RANDOMNESS, fields.extraRandomness)
  return encodeOptions(options)
}
