import { equalBytes, Reader, utf8, Writer } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { FINGERPRINT_LENGTH } from '../crypto/constants.ts'

/** What is said in the group of a local network. `docs/protocol.md`, N1. */
export interface LanMessage {
  /** `seek`: who introduces here? `offer`: this one does. `end`: this one has stopped. */
  readonly kind: 'seek' | 'offer' | 'end'
  /** Of the one who introduces, or of the one who asks; 32 bytes. */
  readonly fingerprint: Uint8Array
  /** UDP port at which it introduces; 0 when asking. */
  readonly port: number
}

/** Every message has this length, so that none provokes a longer one. Bytes. */
export const LAN_MESSAGE_BYTES = 48

const MAGIC = utf8('altoLAN')
const VERSION = 1
const KINDS = ['seek', 'offer', 'end'] as const

/** The bytes of a message. */
export function encodeLanMessage({ kind, fingerprint, port }: LanMessage): Uint8Array {
  const bytes = new Uint8Array(LAN_MESSAGE_BYTES)
  const w = new Writer(bytes)
  w.raw(MAGIC)
  w.uint8(VERSION)
  w.uint8(KINDS.indexOf(kind))
  w.uint8(0)
  w.uint16(port)
  w.uint32(0)
  w.raw(fingerprint)
  return bytes
}

/** Reads a message. @throws DecodeError when it is none, or of another version */
export function decodeLanMessage(bytes: Uint8Array): LanMessage {
  if (bytes.length !== LAN_MESSAGE_BYTES) throw new DecodeError('length')
  const r = new Reader(bytes)
  if (!equalBytes(r.view(MAGIC.length), MAGIC)) throw new DecodeError('not ours')
  if (r.uint8() !== VERSION) throw new DecodeError('version')
  const kind = KINDS[r.uint8()]
  if (kind === undefined) throw new DecodeError('kind')
  r.skip(1)
  const port = r.uint16()
  if (kind !== 'seek' && port === 0) throw new DecodeError('port')
  r.skip(4)
  return { kind, port, fingerprint: r.copy(FINGERPRINT_LENGTH) }
}
