import { Writer } from '../base/bytes.ts'
import type { Reader } from '../base/bytes.ts'
import { DecodeError, assert } from '../base/errors.ts'
import { CHUNK_HEADER_SIZE, CHUNK_NEXT_USER_DATA, CHUNK_USER_DATA, MAX_CHUNK_PAYLOAD } from './chunk.ts'
import { optionSize, writeMarker, writeOption } from './option.ts'
import { readVlu, vluSize, writeVlu } from './vlu.ts'

/** Fragment control values. RFC 7016 §2.3.11. */
export const FRA_WHOLE = 0
export const FRA_BEGIN = 1
export const FRA_END = 2
export const FRA_MIDDLE = 3

/** Flags in the first byte of a user data chunk. RFC 7016 §2.3.11. */
export const FLAG_OPTIONS = 0x80
export const FLAG_ABANDON = 0x02
export const FLAG_FINAL = 0x01

/** User's Per-Flow Metadata. RFC 7016 §2.3.11.1.1. */
export const OPTION_METADATA = 0x00
/** Return Flow Association. RFC 7016 §2.3.11.1.2. */
export const OPTION_RETURN_FLOW = 0x0a
/** A flow with an option below this type that is not understood must be rejected. RFC 7016 §2.3.11.1. */
export const OPTION_IGNORABLE = 0x2000

const FRAGMENT_SHIFT = 4
const FRAGMENT_BITS = 0x03

/** The fragment control value in its place among the flags. */
export function fragmentFlags(control: number): number {
  return control << FRAGMENT_SHIFT
}

/** One fragment of a message as it came; filled anew for each chunk. RFC 7016 §2.3.11. */
export class UserData {
  /** One of the `FRA_` values. */
  fragmentControl = 0
  abandon = false
  final = false
  flowId = 0
  /** 1 and above; 0 until a chunk was read, and after one that was malformed. */
  sequenceNumber = 0
  forwardSequenceNumber = 0
  hasOptions = false
  /** User's per-flow metadata, a copy, when the chunk carries it. */
  metadata: Uint8Array | undefined = undefined
  /** The flow that this one is in return to, −1 when the chunk names none. */
  returnFlowId = -1
  /** There is an option that is not understood and may not be ignored. */
  unknownCriticalOption = false
  /** Bounds of the data in the reader's bytes. */
  start = 0
  end = 0
}

/** Reads a User Data chunk's payload. RFC 7016 §2.3.11. @throws DecodeError when it is malformed; `out` then stands for no chunk. */
export function readUserData(r: Reader, out: UserData): void {
  // Next User Data that follows a chunk which could not be read must not continue from the one before that.
  out.sequenceNumber = 0
  const flags = r.uint8()
  out.flowId = readVlu(r)
  const sequenceNumber = readVlu(r)
  const offset = readVlu(r)
  if (sequenceNumber === 0) throw new DecodeError('sequence number 0')
  if (offset > sequenceNumber) throw new DecodeError('forward sequence number offset')
  if (offset === 0 && (flags & FLAG_ABANDON) === 0) throw new DecodeError('forward sequence number offset 0')
  out.forwardSequenceNumber = sequenceNumber - offset
  readFlagsAndData(r, flags, out)
  out.sequenceNumber = sequenceNumber
}

/**
 * Reads a Next User Data chunk's payload: the same flow and forward sequence number as the chunk before, whose values `out` still holds,
 * and the next sequence number. RFC 7016 §2.3.12.
 * @throws DecodeError when it is malformed, or when the chunk before was.
 */
export function readNextUserData(r: Reader, out: UserData): void {
  const { sequenceNumber } = out
  if (sequenceNumber === 0) throw new DecodeError('next user data without user data')
  out.sequenceNumber = 0
  if (sequenceNumber === Number.MAX_SAFE_INTEGER) throw new DecodeError('sequence number')
  readFlagsAndData(r, r.uint8(), out)
  out.sequenceNumber = sequenceNumber + 1
}

function readFlagsAndData(r: Reader, flags: number, out: UserData): void {
  out.fragmentControl = (flags >>> FRAGMENT_SHIFT) & FRAGMENT_BITS
  out.abandon = (flags & FLAG_ABANDON) !== 0
  out.final = (flags & FLAG_FINAL) !== 0
  out.hasOptions = (flags & FLAG_OPTIONS) !== 0
  out.metadata = undefined
  out.returnFlowId = -1
  out.unknownCriticalOption = false
  if (out.hasOptions) readFlowOptions(r, out)
  out.start = r.at
  out.end = r.end
}

function readFlowOptions(r: Reader, out: UserData): void {
  for (;;) {
    const length = readVlu(r)
    if (length === 0) return
    if (length > r.remaining) throw new DecodeError('truncated')
    const end = r.at + length
    const type = readVlu(r)
    if (type === OPTION_METADATA && r.at <= end) out.metadata = r.copy(end - r.at)
    else if (type === OPTION_RETURN_FLOW) out.returnFlowId = readVlu(r)
    else if (type < OPTION_IGNORABLE) out.unknownCriticalOption = true
    if (r.at > end) throw new DecodeError('option longer than its length')
    r.at = end
  }
}

/** Bytes of a whole User Data chunk, header included. RFC 7016 §2.3.11. `startupOptions`: bytes of the options with their Marker, 0 for none. */
export function userDataSize(
  flowId: number,
  sequenceNumber: number,
  forwardNumber: number,
  startupOptions: number,
  dataLength: number,
): number {
  return (
    CHUNK_HEADER_SIZE +
    1 +
    vluSize(flowId) +
    vluSize(sequenceNumber) +
    vluSize(sequenceNumber - forwardNumber) +
    startupOptions +
    dataLength
  )
}

/**
 * Writes a User Data chunk with `data[from, to)`. RFC 7016 §2.3.11.
 * @param flags `FLAG_` bits and {@link fragmentFlags}; `FLAG_OPTIONS` if and only if there are `startupOptions`.
 * @param startupOptions Options with their Marker, as {@link encodeStartupOptions} makes them; empty for none.
 */
export function writeUserData(
  w: Writer,
  flags: number,
  flowId: number,
  sequenceNumber: number,
  forwardNumber: number,
  startupOptions: Uint8Array,
  data: Uint8Array,
  from: number,
  to: number,
): void {
  const length = userDataSize(flowId, sequenceNumber, forwardNumber, startupOptions.length, to - from) - CHUNK_HEADER_SIZE
  assert(length <= MAX_CHUNK_PAYLOAD, 'a chunk is longer than its header can say')
  assert(((flags & FLAG_OPTIONS) !== 0) === startupOptions.length > 0, 'flags and options of user data disagree')
  w.uint8(CHUNK_USER_DATA)
  w.uint16(length)
  w.uint8(flags)
  writeVlu(w, flowId)
  writeVlu(w, sequenceNumber)
  writeVlu(w, sequenceNumber - forwardNumber)
  if (startupOptions.length > 0) w.raw(startupOptions)
  writeSlice(w, data, from, to)
}

/** Bytes of a whole Next User Data chunk, header included. RFC 7016 §2.3.12. */
export function nextUserDataSize(dataLength: number): number {
  return CHUNK_HEADER_SIZE + 1 + dataLength
}

/** Writes a Next User Data chunk with `data[from, to)` and no options. RFC 7016 §2.3.12. */
export function writeNextUserData(w: Writer, flags: number, data: Uint8Array, from: number, to: number): void {
  assert((flags & FLAG_OPTIONS) === 0, 'flags and options of user data disagree')
  assert(to - from < MAX_CHUNK_PAYLOAD, 'a chunk is longer than its header can say')
  w.uint8(CHUNK_NEXT_USER_DATA)
  w.uint16(1 + to - from)
  w.uint8(flags)
  writeSlice(w, data, from, to)
}

function writeSlice(w: Writer, data: Uint8Array, from: number, to: number): void {
  w.raw(from === 0 && to === data.length ? data : data.subarray(from, to))
}

/** The options that begin a flow, with their Marker. RFC 7016 §2.3.11.1. @param returnFlowId −1 for no association. */
export function encodeStartupOptions(metadata: Uint8Array, returnFlowId: number): Uint8Array {
  let association: Uint8Array | undefined
  if (returnFlowId >= 0) {
    const value = Writer.ofSize(vluSize(returnFlowId))
    writeVlu(value, returnFlowId)
    association = value.bytes
  }
  const size = optionSize(OPTION_METADATA, metadata) + (association === undefined ? 0 : optionSize(OPTION_RETURN_FLOW, association)) + 1
  const w = Writer.ofSize(size)
  writeOption(w, OPTION_METADATA, metadata)
  if (association !== undefined) writeOption(w, OPTION_RETURN_FLOW, association)
  writeMarker(w)
  return w.bytes
}
