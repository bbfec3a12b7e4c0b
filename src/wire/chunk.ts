import { Reader } from '../base/bytes.ts'
import type { Writer } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'

/** Chunk type codes. RFC 7016 §2.3. */
export const CHUNK_FRAGMENT = 0x7f
export const CHUNK_IHELLO = 0x30
export const CHUNK_FIHELLO = 0x0f
export const CHUNK_RHELLO = 0x70
export const CHUNK_REDIRECT = 0x71
export const CHUNK_COOKIE_CHANGE = 0x79
export const CHUNK_IIKEYING = 0x38
export const CHUNK_RIKEYING = 0x78
export const CHUNK_PING = 0x01
export const CHUNK_PING_REPLY = 0x41
export const CHUNK_USER_DATA = 0x10
export const CHUNK_NEXT_USER_DATA = 0x11
export const CHUNK_BITMAP_ACK = 0x50
export const CHUNK_RANGE_ACK = 0x51
export const CHUNK_BUFFER_PROBE = 0x18
export const CHUNK_FLOW_EXCEPTION = 0x5e
export const CHUNK_CLOSE = 0x0c
export const CHUNK_CLOSE_ACK = 0x4c
export const CHUNK_PADDING_00 = 0x00
export const CHUNK_PADDING_FF = 0xff

/** Type and length. Bytes. RFC 7016 §2.3. */
export const CHUNK_HEADER_SIZE = 3
/** Longest payload that a chunk's header can announce. Bytes. RFC 7016 §2.3. */
export const MAX_CHUNK_PAYLOAD = 0xffff

/** Walks over the chunks of a packet, up to its padding, without allocating. RFC 7016 §2.2.4. */
export class ChunkCursor {
  /** Type of the current chunk. */
  type = 0
  /** Bounded by the current chunk's payload. */
  readonly payload: Reader = new Reader()
  private at = 0
  private end = 0

  /** Begins at `start`, behind the packet's header. */
  reset(bytes: Uint8Array, start: number, end: number): this {
    this.payload.reset(bytes, start, start)
    this.at = start
    this.end = end
    return this
  }

  /** Moves to the next chunk; `false` where only padding remains. */
  next(): boolean {
    const { at, end, payload } = this
    const { bytes } = payload
    if (end - at < CHUNK_HEADER_SIZE) return false
    const start = at + CHUNK_HEADER_SIZE
    const length = ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
    if (end - start < length) return false
    this.type = bytes[at] as number
    this.at = start + length
    payload.at = start
    payload.end = this.at
    return true
  }
}

/** Writes a chunk's header with its length still open. @returns What {@link endChunk} needs. */
export function beginChunk(w: Writer, type: number): number {
  w.uint8(type)
  w.uint16(0)
  return w.at
}

/** Sets the length of the chunk that was begun. */
export function endChunk(w: Writer, payloadStart: number): void {
  const length = w.at - payloadStart
  assert(length <= MAX_CHUNK_PAYLOAD, 'a chunk is longer than its header can say')
  w.bytes[payloadStart - 2] = length >>> 8
  w.bytes[payloadStart - 1] = length
}
