import {
  GROUP_MODP14,
  GROUP_MODP2,
  GROUP_MODP5,
  GROUP_X25519,
  HMAC_LENGTH,
  SUITE_AES_CBC_HMAC,
  SUITE_AES_GCM,
  SUITE_CHACHA20_POLY1305,
} from './constants.ts'

/** What an end offers and asks about an optional field of its packets. RFC 7425 §4.5.2.4, §4.5.2.5. */
export interface Negotiation {
  /** It sends the field in any case. */
  readonly sendAlways: boolean
  /** It sends the field if the other end asks. */
  readonly sendOnRequest: boolean
  /** It asks the other end to send the field. */
  readonly request: boolean
}

/** What an end accepts in a keying. */
export interface KeyingPolicy {
  /** Diffie-Hellman groups, the strongest first. */
  readonly groups: readonly number[]
  /** Cipher suites, the preferred first. */
  readonly suites: readonly number[]
  /** Whether a far end must prove its identity by a signature. */
  readonly requireSignature: boolean
  readonly hmac: Negotiation
  /** Bytes of the HMAC that this end sends, 4 to 32. */
  readonly hmacLength: number
  readonly sequence: Negotiation
  /** Whether a far end that will not send an HMAC is refused. RFC 7425 §4.6.4. */
  readonly requireHmac: boolean
  /** Whether a far end that will not send session sequence numbers is refused. RFC 7425 §4.6.6. */
  readonly requireSequence: boolean
}

const WANTED: Negotiation = { sendAlways: false, sendOnRequest: true, request: true }

/** For game peers: X25519 alone, signatures required. AES-GCM first, which is native where it matters; see {@link SOFTWARE_POLICY}. */
export const DEFAULT_POLICY: KeyingPolicy = {
  groups: [GROUP_X25519],
  suites: [SUITE_AES_GCM, SUITE_CHACHA20_POLY1305, SUITE_AES_CBC_HMAC],
  requireSignature: true,
  hmac: WANTED,
  hmacLength: HMAC_LENGTH,
  sequence: WANTED,
  requireHmac: true,
  requireSequence: true,
}

/** {@link DEFAULT_POLICY} for where there is no native AES: ChaCha20 in JavaScript costs half of what AES-GCM does. */
export const SOFTWARE_POLICY: KeyingPolicy = {
  ...DEFAULT_POLICY,
  suites: [SUITE_CHACHA20_POLY1305, SUITE_AES_GCM, SUITE_AES_CBC_HMAC],
}

/** For peers that know RFC 7425 alone: all its groups, no signature needed, whatever verification they offer. */
export const RFC7425_POLICY: KeyingPolicy = {
  ...DEFAULT_POLICY,
  groups: [GROUP_X25519, GROUP_MODP14, GROUP_MODP5, GROUP_MODP2],
  requireSignature: false,
  requireHmac: false,
  requireSequence: false,
}
