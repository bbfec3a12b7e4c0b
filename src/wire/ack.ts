import type { Reader, Writer } from '../base/bytes.ts'
import { DecodeError, assert } from '../base/errors.ts'
import type { RangeSet } from '../base/ranges.ts'
import { CHUNK_BITMAP_ACK, CHUNK_HEADER_SIZE, CHUNK_RANGE_ACK, beginChunk, endChunk } from './chunk.ts'
import { readVlu, vluSize, writeVlu } from './vlu.ts'

const BITS_PER_BYTE = 8

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
      // Sequence numbers beyond what we can count exactly were never sent.
      if (number > Number.MAX_SAFE_INTEGER) return
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
 * @param truncate When the whole does not fit, write what does (§3.6.3.4.5), in the form that then acknowledges more, instead of nothing.
 * @returns Whether anything was written.
 */
export function writeAck(w: Writer, flowId: number, bufferBlocks: number, received: RangeSet, truncate: boolean): boolean {
  const cumulative = received.contiguous
  assert(cumulative >= 0, 'an acknowledgement does not begin with sequence number 0')
  const room = w.remaining - CHUNK_HEADER_SIZE - vluSize(flowId) - vluSize(bufferBlocks) - vluSize(cumulative)
  const ranges = sizeOfRanges(received, cumulative)
  // The first number after the cumulative one is known to be missing; bits stand for those after it.
  const bitmap = received.count > 1 ? Math.ceil((received.highest - cumulative - 1) / BITS_PER_BYTE) : 0
  const fits = Math.min(ranges, bitmap) <= room
  if (room < 0 || (!fits && !truncate)) return false
  const asBitmap = fits ? bitmap < ranges : throughBitmap(cumulative, room) > throughRanges(received, cumulative, room)
  const start = beginChunk(w, asBitmap ? CHUNK_BITMAP_ACK : CHUNK_RANGE_ACK)
  writeVlu(w, flowId)
  writeVlu(w, bufferBlocks)
  writeVlu(w, cumulative)
  if (asBitmap) writeBitmap(w, received, cumulative, Math.min(bitmap, room))
  else writeRanges(w, received, cumulative)
  endChunk(w, start)
  return true
}

/** The highest number that a bitmap of `size` bytes has a bit for. */
function throughBitmap(cumulative: number, size: number): number {
  return cumulative + 1 + size * BITS_PER_BYTE
}

/** The highest number in those of the ranges that fit into `size` bytes. */
function throughRanges(received: RangeSet, cumulative: number, size: number): number {
  let cursor = cumulative
  let left = size
  for (let i = 1; i < received.count; i++) {
    left -= sizeOfRange(received, i, cursor)
    if (left < 0) break
    cursor = received.tos[i] as number
  }
  return cursor
}

function sizeOfRanges(received: RangeSet, cumulative: number): number {
  let size = 0
  let cursor = cumulative
  for (let i = 1; i < received.count; i++) {
    size += sizeOfRange(received, i, cursor)
    cursor = received.tos[i] as number
  }
  return size
}

/** Bytes of range `i` after one that ends with `cursor`: the count of numbers missing between, the count of its own, each less one. */
function sizeOfRange(received: RangeSet, i: number, cursor: number): number {
  const from = received.froms[i] as number
  return vluSize(from - cursor - 2) + vluSize((received.tos[i] as number) - from)
}

function writeRanges(w: Writer, received: RangeSet, cumulative: number): void {
  let cursor = cumulative
  for (let i = 1; i < received.count; i++) {
    if (sizeOfRange(received, i, cursor) > w.remaining) return
    const from = received.froms[i] as number
    writeVlu(w, from - cursor - 2)
    cursor = received.tos[i] as number
    writeVlu(w, cursor - from)
  }
}

function writeBitmap(w: Writer, received: RangeSet, cumulative: number, size: number): void {
  const base = w.at
  const through = throughBitmap(cumulative, size)
  for (let i = 0; i < size; i++) w.uint8(0)
  for (let i = 1; i < received.count; i++) {
    const to = Math.min(received.tos[i] as number, through)
    for (let n = received.froms[i] as number; n <= to; n++) {
      const bit = n - cumulative - 2
      const at = base + (bit >>> 3)
      w.bytes[at] = (w.bytes[at] as number) | (1 << (bit & 7))
    }
  }
}
