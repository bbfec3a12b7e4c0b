import type { Reader, Writer } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import {
  CHUNK_BUFFER_PROBE,
  CHUNK_CLOSE,
  CHUNK_CLOSE_ACK,
  CHUNK_FLOW_EXCEPTION,
  CHUNK_HEADER_SIZE,
  CHUNK_PING,
  CHUNK_PING_REPLY,
  beginChunk,
  endChunk,
} from './chunk.ts'
import { readVlu, writeVlu } from './vlu.ts'

/** RFC 7016 §2.3.9. The message is read with the payload reader's `rest`. */
export function writePing(w: Writer, message: Uint8Array): void {
  writeMessage(w, CHUNK_PING, message)
}

/** RFC 7016 §2.3.10. */
export function writePingReply(w: Writer, message: Uint8Array): void {
  writeMessage(w, CHUNK_PING_REPLY, message)
}

function writeMessage(w: Writer, type: number, message: Uint8Array): void {
  const start = beginChunk(w, type)
  w.raw(message)
  endChunk(w, start)
}

/** RFC 7016 §2.3.15. */
export function writeBufferProbe(w: Writer, flowId: number): void {
  const start = beginChunk(w, CHUNK_BUFFER_PROBE)
  writeVlu(w, flowId)
  endChunk(w, start)
}

/** RFC 7016 §2.3.15. @returns The flow ID. */
export function readBufferProbe(r: Reader): number {
  return readVlu(r)
}

/** Flow Exception Report. RFC 7016 §2.3.16. */
export interface FlowException {
  readonly flowId: number
  /** Application-defined; 0 when a flow was rejected automatically. */
  readonly code: number
}

/** RFC 7016 §2.3.16. */
export function writeFlowException(w: Writer, flowId: number, code: number): void {
  const start = beginChunk(w, CHUNK_FLOW_EXCEPTION)
  writeVlu(w, flowId)
  writeVlu(w, code)
  endChunk(w, start)
}

/** RFC 7016 §2.3.16. */
export function readFlowException(r: Reader): FlowException {
  return { flowId: readVlu(r), code: readVlu(r) }
}

/** RFC 7016 §2.3.17. */
export function writeClose(w: Writer): void {
  beginChunk(w, CHUNK_CLOSE)
}

/** RFC 7016 §2.3.18. */
export function writeCloseAck(w: Writer): void {
  beginChunk(w, CHUNK_CLOSE_ACK)
}

/** Padding that takes `size` bytes, chunk header included; `type` is one of the two padding codes. RFC 7016 §2.3. @param size At least 3. */
export function writePadding(w: Writer, type: number, size: number): void {
  assert(size >= CHUNK_HEADER_SIZE, 'padding is shorter than a chunk header')
  const start = beginChunk(w, type)
  w.raw(new Uint8Array(size - CHUNK_HEADER_SIZE))
  endChunk(w, start)
}
