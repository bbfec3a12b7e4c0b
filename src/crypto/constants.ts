/** X25519 as a Diffie-Hellman group: its number in IKEv2 (RFC 8031). Ours, in the place that RFC 7425 §4.2 leaves for additional groups. */
export const GROUP_X25519 = 31
/** 2048-bit MODP group. RFC 3526 §3, RFC 7425 §4.2. */
export const GROUP_MODP14 = 14
/** 1536-bit MODP group. RFC 3526 §2, RFC 7425 §4.2. */
export const GROUP_MODP5 = 5
/** 1024-bit MODP group. RFC 7296 Appendix B.2, RFC 7425 §4.2. Weak today: refused unless a policy lists it. */
export const GROUP_MODP2 = 2

/** AES-128-CBC with HMAC-SHA256 and session sequence numbers as negotiated. RFC 7425 §4.7. */
export const SUITE_AES_CBC_HMAC = 1
/** AES-128-GCM, ours. */
export const SUITE_AES_GCM = 2
/** ChaCha20-Poly1305 (RFC 8439), ours. */
export const SUITE_CHACHA20_POLY1305 = 3

/** Default Session Key: "Adobe Systems 02". RFC 7425 §4.1. */
export const DEFAULT_SESSION_KEY: Uint8Array = Uint8Array.from('Adobe Systems 02', (c) => c.charCodeAt(0))

/** Bytes of a fingerprint (SHA-256). RFC 7425 §4.3.2. */
export const FINGERPRINT_LENGTH = 32
/** Longest certificate that is looked at: a dozen static keys of 4096 bits. Bytes. */
export const MAX_CERTIFICATE = 8_192
/** AES block. Bytes. */
export const BLOCK = 16
/** HMAC that we send by default: 128 bits, as the other implementations do. RFC 7425 §4.5.2.4. Bytes. */
export const HMAC_LENGTH = 16
/** Shortest and longest HMAC that may be negotiated. RFC 7425 §4.5.2.4. Bytes. */
export const HMAC_MIN = 4
export const HMAC_MAX = 32
/** Replay window: packets that may arrive late. RFC 7425 §4.7.3.3 asks for 32; the design for 1,024; this many survive a burst of bulk data. */
export const REPLAY_WINDOW = 4_096
/** Extra randomness in a keying component with a static key. RFC 7425 §4.5.2.2 (16 to 64). Bytes. */
export const EXTRA_RANDOMNESS = 32
/**
 * Packets under one AEAD key; the next key follows by itself. RFC 9001 Appendix B.1 allows AES-128-GCM 2²⁸ packets where none is longer than 2¹¹
 * bytes, as ours are: this is a sixteenth of it, and minutes of bulk data.
 */
export const PACKETS_PER_KEY: number = 2 ** 24
/** Packets in one direction of a session: their numbers stay exact in a JavaScript number. Three thousand years of bulk data. */
export const PACKETS_PER_SESSION: number = Number.MAX_SAFE_INTEGER
/**
 * Packets under one AES-CBC key: 2⁴⁷ blocks of at most 2⁷ a packet, where two equal ciphertext blocks, which would give away the XOR of their
 * plaintexts, are still as unlikely as 2⁻³⁵.
 */
export const PACKETS_PER_CBC_KEY: number = 2 ** 40
/**
 * Forged packets that an AEAD direction survives; RFC 9001 §6.6 gives ChaCha20-Poly1305 2³⁶ and AES-128-GCM more. A forger who could do 300,000
 * a second has to keep at it for two days.
 */
export const FORGERIES_PER_SESSION: number = 2 ** 36
/** Tag of both AEAD suites. Bytes. */
export const TAG_LENGTH = 16
/** Packet number on the wire: its low 32 bits. A window of thousands around the highest seen restores the rest. Bytes. */
export const PACKET_NUMBER_LENGTH = 4
