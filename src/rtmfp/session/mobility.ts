import type { Address } from '../../base/address.ts'
import { Writer, equalBytes, utf8 } from '../../base/bytes.ts'
import { CHUNK_HEADER_SIZE } from '../../wire/chunk.ts'
import { MOBILITY_ADDRESSES, MOBILITY_INTERVAL, MOBILITY_REPLY_LIMIT } from '../constants.ts'

/** First byte of a ping that verifies an address: ASCII `M`. RFC 7016 §3.5.4.2. */
export const PING_MOBILITY = 0x4d

const HASH_LENGTH = 16
const HASHED_LENGTH = 1 + 4 + 8
/** Bytes of a mobility check's message. */
const MESSAGE_LENGTH: number = HASHED_LENGTH + HASH_LENGTH
/** Bytes of the chunk that it is in. */
export const CHALLENGE_CHUNK: number = CHUNK_HEADER_SIZE + MESSAGE_LENGTH
const WORD = 0x1_0000_0000

/**
 * Whether the far end of a session is where its packets now come from: asked there with a ping that only a reply from that very address
 * answers. RFC 7016 §3.5.4.2.
 */
export class Mobility {
  private readonly sessionId: number
  private readonly hash: (data: Uint8Array) => Uint8Array
  /** MOB_TX_TS of each address that was asked of late, the earliest first. */
  private readonly asked: { readonly key: string; readonly at: number }[] = []
  /** MOB_RX_TS: when the last question that was answered was asked. */
  verifiedAt: number = -Infinity
  private stamped = -Infinity

  /** @param hash Keyed with this end's secret (MOB_SECRET); at least 16 bytes long. */
  constructor(sessionId: number, hash: (data: Uint8Array) => Uint8Array) {
    this.sessionId = sessionId
    this.hash = hash
  }

  /**
   * The message of a ping to an address from which a packet of the far end came; `undefined` when one was sent there a moment ago, or to too many
   * others: somebody who sends from elsewhere what the far end has sent must not keep it from being found where it is.
   */
  challenge(address: Address, now: number): Uint8Array | undefined {
    const { asked } = this
    for (let first = asked[0]; first !== undefined && now - first.at >= MOBILITY_INTERVAL; first = asked[0]) asked.shift()
    if (asked.length >= MOBILITY_ADDRESSES || asked.some(({ key }) => key === address.key)) return undefined
    asked.push({ key: address.key, at: now })
    return this.probe(address, now)
  }

  /** The same for an address that is known by other means; when it is asked is the caller's to decide. */
  probe(address: Address, now: number): Uint8Array {
    // No two are the same: of several that are asked at one moment, who is asked last is preferred, since an answer makes the earlier questions void.
    this.stamped = Math.max(this.stamped + 1, Math.floor(now))
    return this.message(address, this.stamped)
  }

  /** Whether a ping reply's message, which came from this address, proves that the far end is there. */
  verify(message: Uint8Array, address: Address, now: number): boolean {
    if (message.length !== MESSAGE_LENGTH) return false
    const view = new DataView(message.buffer, message.byteOffset, message.length)
    const asked = view.getUint32(5) * WORD + view.getUint32(9)
    if (!(asked <= this.stamped) || now - asked > MOBILITY_REPLY_LIMIT || asked <= this.verifiedAt) return false
    if (!equalBytes(message, this.message(address, asked))) return false
    this.verifiedAt = asked
    return true
  }

  private message(address: Address, asked: number): Uint8Array {
    const place = utf8(address.key)
    const w = Writer.ofSize(HASHED_LENGTH + place.length)
    w.uint8(PING_MOBILITY)
    w.uint32(this.sessionId)
    w.uint32(Math.floor(asked / WORD))
    w.uint32(asked >>> 0)
    const message = new Uint8Array(MESSAGE_LENGTH)
    message.set(w.bytes.subarray(0, HASHED_LENGTH))
    w.raw(place)
    message.set(this.hash(w.bytes).subarray(0, HASH_LENGTH), HASHED_LENGTH)
    return message
  }
}
