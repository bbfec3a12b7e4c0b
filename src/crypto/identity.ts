import { EMPTY, concat, equalBytes, utf8 } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import { randomBytes } from '../base/random.ts'
import { encodeOptions, parseOptions } from '../wire/option.ts'
import { SIGNATURE_ED25519 } from '../wire/rfc7425.ts'
import type { CryptoBackend, CryptoContext } from './backend.ts'
import { encodeCertificate, groupValue, parseCertificate, parseGroupValue } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { GROUP_X25519, SUITE_AES_CBC_HMAC, SUITE_AES_GCM, SUITE_CHACHA20_POLY1305 } from './constants.ts'
import { generateKeyPair } from './diffie-hellman.ts'
import type { DhKeyPair } from './diffie-hellman.ts'

/** What a new identity is to be able to do. */
export interface IdentityOptions extends CryptoContext {
  /** Host name in the certificate. RFC 7425 §4.3.3.1. */
  readonly hostname?: string
  /** Whether it can be opened to by URI, as servers are. RFC 7425 §4.3.3.2. */
  readonly acceptsAncillary?: boolean
  /** Groups for ephemeral keys; X25519 alone by default. */
  readonly groups?: readonly number[]
  /** Groups for which a static key is made instead; the certificate then has no ephemeral groups. RFC 7425 §4.3.3.5. */
  readonly staticGroups?: readonly number[]
  /** Cipher suites; all three by default. Empty for a certificate that is RFC 7425's alone. */
  readonly suites?: readonly number[]
  /** Whether it has a signing key; `false` for a certificate that is RFC 7425's alone. */
  readonly signing?: boolean
}

const SEED_LENGTH = 32
/** "X": nothing to sign with. RFC 7425 §4.3.5. */
const NO_SIGNATURE = utf8('X')
/** Parts of an exported identity. */
const EXPORT_CERTIFICATE = 1
const EXPORT_SEED = 2
const EXPORT_STATIC_SECRET = 3
const EXPORT_VERSION: Uint8Array = utf8('altostratus identity 1\n')
/** Bytes of the hash at its end: one that was stored badly must not come back as somebody else. */
const EXPORT_CHECK_LENGTH = 8

/** Who an endpoint is: its certificate, and the keys that prove it. */
export class Identity {
  /** What it shows to others. RFC 7425 §4.3. */
  readonly certificate: Certificate
  /** @internal Static key pairs by group. */
  readonly staticKeys: ReadonlyMap<number, DhKeyPair>
  private readonly seed: Uint8Array | undefined
  private readonly backend: CryptoBackend

  /** @internal Use `createIdentity` or `importIdentity`. */
  constructor(backend: CryptoBackend, certificate: Certificate, seed: Uint8Array | undefined, staticKeys: ReadonlyMap<number, DhKeyPair>) {
    this.backend = backend
    this.certificate = certificate
    this.seed = seed
    this.staticKeys = staticKeys
  }

  /** SHA-256 of the certificate's canonical section, 32 bytes. */
  get fingerprint(): Uint8Array {
    return this.certificate.fingerprint
  }

  /** The fingerprint as 64 hexadecimal digits. */
  get peerId(): string {
    return this.certificate.peerId
  }

  /** The signature field for the given signed parameters. RFC 7425 §4.3.5. */
  sign(parameters: Uint8Array): Uint8Array {
    if (this.seed === undefined) return NO_SIGNATURE
    return encodeOptions([{ type: SIGNATURE_ED25519, value: this.backend.ed25519Sign(parameters, this.seed) }])
  }

  /** All of it, secrets included, so that a player keeps the same peer ID. Store it like a password. */
  export(): Uint8Array {
    const options = [{ type: EXPORT_CERTIFICATE, value: this.certificate.bytes }]
    if (this.seed !== undefined) options.push({ type: EXPORT_SEED, value: this.seed })
    for (const { group, secret } of this.staticKeys.values()) options.push({ type: EXPORT_STATIC_SECRET, value: groupValue(group, secret) })
    const content = concat(EXPORT_VERSION, encodeOptions(options))
    return concat(content, this.backend.sha256(content).slice(0, EXPORT_CHECK_LENGTH))
  }
}

/** Makes a new identity. */
export function createIdentity(options: IdentityOptions): Identity {
  const { backend, random, staticGroups = [], signing = true } = options
  const seed = signing ? randomBytes(random, SEED_LENGTH) : undefined
  const staticKeys = new Map(staticGroups.map((group) => [group, generateKeyPair(options, group)]))
  const bytes = encodeCertificate({
    hostname: options.hostname === undefined ? undefined : utf8(options.hostname),
    acceptsAncillary: options.acceptsAncillary ?? false,
    ephemeralGroups: staticGroups.length > 0 ? [] : (options.groups ?? [GROUP_X25519]),
    staticKeys: new Map([...staticKeys].map(([group, pair]) => [group, pair.publicKey])),
    signingKey: seed === undefined ? undefined : backend.ed25519PublicKey(seed),
    suites: options.suites ?? [SUITE_AES_GCM, SUITE_CHACHA20_POLY1305, SUITE_AES_CBC_HMAC],
    extraRandomness: seed === undefined && staticGroups.length === 0 ? randomBytes(random, SEED_LENGTH) : undefined,
  })
  return new Identity(backend, parseCertificate(bytes, backend), seed, staticKeys)
}

/** Restores what {@link Identity.export} gave. @throws AltostratusError `BAD_IDENTITY`. */
export function importIdentity(bytes: Uint8Array, { backend }: CryptoContext): Identity {
  try {
    // Files are read into Node's Buffer, which is not an array of its own in all things.
    const options = parseOptions(exportedOptions(new Uint8Array(bytes), backend))
    const certificateBytes = options.find((option) => option.type === EXPORT_CERTIFICATE)?.value
    if (certificateBytes === undefined) throw new DecodeError('no certificate')
    const certificate = parseCertificate(certificateBytes, backend)
    const seed = options.find((option) => option.type === EXPORT_SEED)?.value
    if (seed !== undefined && seed.length !== SEED_LENGTH) throw new DecodeError('signing key length')
    const signingKey = seed === undefined ? undefined : backend.ed25519PublicKey(seed)
    if (!equalBytes(signingKey ?? EMPTY, certificate.signingKey ?? EMPTY)) throw new DecodeError('another signing key')
    const staticKeys = new Map<number, DhKeyPair>()
    for (const { type, value } of options) {
      if (type !== EXPORT_STATIC_SECRET) continue
      const { group, rest } = parseGroupValue(value)
      const publicKey = certificate.staticKeys.get(group)
      if (publicKey !== undefined) staticKeys.set(group, { group, secret: rest, publicKey })
    }
    if (staticKeys.size !== certificate.staticKeys.size) throw new DecodeError('no static keys')
    return new Identity(backend, certificate, seed, staticKeys)
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    throw new AltostratusError('BAD_IDENTITY', `This is not an exported identity: ${cause.reason}.`, {
      hint: 'Pass the bytes that identity.export() gave, unchanged, or leave the identity out to get a fresh one.',
      cause,
    })
  }
}

function exportedOptions(bytes: Uint8Array, backend: CryptoBackend): Uint8Array {
  const end = bytes.length - EXPORT_CHECK_LENGTH
  if (end < EXPORT_VERSION.length || !equalBytes(bytes.subarray(0, EXPORT_VERSION.length), EXPORT_VERSION)) throw new DecodeError('not one')
  const check = backend.sha256(bytes.subarray(0, end)).subarray(0, EXPORT_CHECK_LENGTH)
  if (!equalBytes(bytes.subarray(end), check)) throw new DecodeError('altered')
  return bytes.slice(EXPORT_VERSION.length, end)
}
