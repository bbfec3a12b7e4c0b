/** Certificate: Hostname. RFC 7425 §4.3.3.1. */
export const CERT_HOSTNAME = 0x00
/** Certificate: Accepts Ancillary Data. RFC 7425 §4.3.3.2. */
export const CERT_ACCEPTS_ANCILLARY = 0x0a
/** Certificate: Extra Randomness. RFC 7425 §4.3.3.3. */
export const CERT_EXTRA_RANDOMNESS = 0x0e
/** Certificate: Supported Ephemeral Diffie-Hellman Group. RFC 7425 §4.3.3.4. */
export const CERT_EPHEMERAL_GROUP = 0x15
/** Certificate: Static Diffie-Hellman Public Key. RFC 7425 §4.3.3.5. */
export const CERT_STATIC_KEY = 0x1d
/** Certificate, ours: Ed25519 public key, 32 bytes. Our type codes are 0x4000 and above, where no RFC's are. */
export const CERT_SIGNING_KEY = 0x4001
/** Certificate, ours: a cipher suite that is supported, 1 byte; one option for each. */
export const CERT_SUITE = 0x4002

/** Endpoint discriminator: Required Hostname. RFC 7425 §4.4.2.1. */
export const EPD_HOSTNAME = 0x00
/** Endpoint discriminator: Ancillary Data. RFC 7425 §4.4.2.2. */
export const EPD_ANCILLARY = 0x0a
/** Endpoint discriminator: Fingerprint. RFC 7425 §4.4.2.3. */
export const EPD_FINGERPRINT = 0x0f

/** Keying component: Ephemeral Diffie-Hellman Public Key. RFC 7425 §4.5.2.1. */
export const KEYING_EPHEMERAL_KEY = 0x0d
/** Keying component: Extra Randomness. RFC 7425 §4.5.2.2. */
export const KEYING_EXTRA_RANDOMNESS = 0x0e
/** Keying component: Diffie-Hellman Group Select. RFC 7425 §4.5.2.3. */
export const KEYING_GROUP_SELECT = 0x1d
/** Keying component: HMAC Negotiation. RFC 7425 §4.5.2.4. */
export const KEYING_HMAC = 0x1a
/** Keying component: Session Sequence Number Negotiation. RFC 7425 §4.5.2.5. */
export const KEYING_SEQUENCE = 0x1e
/** Keying component, ours: the cipher suite that the initiator has selected, 1 byte. */
export const KEYING_SUITE = 0x4002

/** Signature field: Simple Password. RFC 7425 §4.3.5.1.1. */
export const SIGNATURE_PASSWORD = 0x1d
/** Signature field, ours: Ed25519 signature of the signed parameters, 64 bytes. */
export const SIGNATURE_ED25519 = 0x4001
