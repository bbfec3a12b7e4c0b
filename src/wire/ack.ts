import type { Reader, Writer } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import type { RangeSet } from '../base/ranges.ts'
import { CHUNK_BITMAP_ACK, CHUNK_HEADER_SIZE, CHUNK_RANGE_ACK, beginChunk, endChunk } from './chunk.ts'
import { readVlu, vluSize, writeVlu } from './vlu.ts'

/** A data acknowledgement in either form; filled anew for each chunk. RFC 7016 §2.3.13, §2.3.14. */
export class Ack {
  flowId = 0
  /** Receive window in blocks of 1,024 bytes. */
  bufferBlocks = 0
  /** Everything up to and including this sequence number was received. */
  cumulative = 0
  /** How many entries of `froms` and `tos` count. */
  count = 0
  /** First and last sequence numbers of further ranges received, ascending. */
  readonly froms: number[] = []
  readonly tos: number[] = []
}

function readFront(r: Reader, out: Ack): void {
  out.flowId = readVlu(r)
  out.bufferBlocks = readVlu(r)
  out.cumulative = readVlu(r)
  out.count = 0
}

/** Reads a Range Ack; a truncated last range is left out. RFC 7016 §2.3.14. */
export function readRangeAck(r: Reader, out: Ack): void {
  readFront(r, out)
  let cursor = out.cumulative
  while (r.remaining > 0) {
    let holes: number
    let received: number
    try {
      holes = readVlu(r)
      received = readVlu(r)
    } catch (error) {
      if (error instanceof DecodeError) return
      throw error
    }
    const from = cursor + 2 + holes
    const to = from + received
    // Sequence numbers beyond what we can count exactly were never sent.
    if (!Number.isSafeInteger(to)) return
    out.froms[out.count] = from
    out.tos[out.count++] = to
    cursor = to
  }
}

/** Reads a Bitmap Ack. RFC 7016 §2.3.13. */
export function readBitmapAck(r: Reader, out: Ack): void {
  readFront(r, out)
  let cursor = out.cumulative + 2
  while (r.remaining > 0) {
    const byte = r.uint8()
    for (let bit = 0; bit < 8; bit++) {
      if (((byte >>> bit) & 1) === 0) continue
      const number = cursor + bit
      if (out.count > 0 && out.tos[out.count - 1] === number - 1) out.tos[out.count - 1] = number
      else {
        out.froms[out.count] = number
        out.tos[out.count++] = number
      }
    }
    cursor += 8
  }
}

/**
 * Writes an acknowledgement in whichever form is the shorter. RFC 7016 §2.3.13, §2.3.14, §3.6.3.4.3.
 * @param received Every sequence number seen, 0 included.
 * @param truncate Leave ranges out at the end until it fits, instead of nothing.
 * @returns Whether anything was written.
 */
export function writeAck(w: Writer, flowId: number, bufferBlocks: number, received: RangeSet, truncate: boolean): boolean {
  const cumulative = received.contiguous
  const front = CHUNK_HEADER_SIZE + vluSize(flowId) + vluSize(bufferBlocks) + vluSize(cumulative)
  if (received.count <= 1) {
    if (front > w.remaining) return false
    const start = writeFront(w, CHUNK_RANGE_ACK, flowId, bufferBlocks, cumulative)
    endChunk(w, start)
    return true
  }
  const rangesSize = front + sizeOfRanges(received, cumulative)
  // The first number after the cumulative one is known to be missing; bits stand for those after it.
  const bitmapSize = front + Math.ceil((received.highest - cumulative - 1) / 8)
  if (Math.min(rangesSize, bitmapSize) > w.remaining && (!truncate || front > w.remaining)) return false
  if (bitmapSize < rangesSize && bitmapSize <= w.remaining) {
    const start = writeFront(w, CHUNK_BITMAP_ACK, flowId, bufferBlocks, cumulative)
    writeBitmap(w, received, cumulative, bitmapSize - front)
    endChunk(w, start)
  } else {
    const start = writeFront(w, CHUNK_RANGE_ACK, flowId, bufferBlocks, cumulative)
    writeRanges(w, received, cumulative)
    endChunk(w, start)
  }
  return true
}

function writeFront(w: Writer, type: number, flowId: number, bufferBlocks: number, cumulative: number): number {
  const start = beginChunk(w, type)
  writeVlu(w, flowId)
  writeVlu(w, bufferBlocks)
  writeVlu(w, cumulative)
  return start
}

function sizeOfRanges(received: RangeSet, cumulative: number): number {
  let size = 0
  let cursor = cumulative
  for (let i = 1; i < received.count; i++) {
    const from = received.froms[i] as number
    const to = received.tos[i] as number
    size += vluSize(from - cursor - 2) + vluSize(to - from)
    cursor = to
  }
  return size
}

function writeRanges(w: Writer, received: RangeSet, cumulative: number): void {
  let cursor = cumulative
  for (let i = 1; i < received.count; i++) {
    const from = received.froms[i] as number
    const to = received.tos[i] as number
    if (vluSize(from - cursor - 2) + vluSize(to - from) > w.remaining) return
    writeVlu(w, from - cursor - 2)
    writeVlu(w, to - from)
    cursor = to
  }
}

function writeBitmap(w: Writer, received: RangeSet, cumulative: number, size: number): void {
  const base = w.at
  for (let i = 0; i < size; i++) w.uint8(0)
  for (let i = 1; i < received.count; i++) {
    for (let n = received.froms[i] as number; n <= (received.tos[i] as number); n++) {
      const bit = n - cumulative - 2
      const at = base + (bit >>> 3)
      w.bytes[at] = (w.bytes[at] as number) | (1 << (bit & 7))
    }
  }
}
