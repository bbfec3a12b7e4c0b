import { AltostratusError, DecodeError } from './errors.ts'

/** No bytes at all, shared. */
export const EMPTY: Uint8Array = new Uint8Array(0)

const utf8Encoder = new TextEncoder()
// A byte order mark is a character like any other here, so that text comes back as it went.
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Memory that holds at least so many bytes: what was given, or longer memory that begins as it does. */
export function atLeast(memory: Uint8Array, length: number): Uint8Array {
  if (memory.length >= length) return memory
  const longer = new Uint8Array(Math.max(length, 2 * memory.length))
  longer.set(memory)
  return longer
}

/** The UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}

/** The string of UTF-8 bytes. @throws DecodeError when they are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return utf8Decoder.decode(bytes)
  } catch {
    throw new DecodeError('not UTF-8')
  }
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  // Made at once: a string that grows by pieces keeps all of them until it is read, and takes many times its length.
  const digits = new Uint8Array(2 * bytes.length)
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    digits[2 * i] = HEX_DIGITS[byte >>> 4] as number
    digits[2 * i + 1] = HEX_DIGITS[byte & 15] as number
  }
  return utf8Decoder.decode(digits)
}

const HEX_DIGITS: Uint8Array = utf8('0123456789abcdef')

/** The bytes of hexadecimal text. @throws DecodeError when it is not hexadecimal of even length. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new DecodeError('not hexadecimal')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = (hexDigit(text.charCodeAt(2 * i)) << 4) | hexDigit(text.charCodeAt(2 * i + 1))
  return bytes
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  // Letters of either case.
  const letter = code | 0x20
  if (letter >= 0x61 && letter <= 0x66) return letter - 0x57
  throw new DecodeError('not hexadecimal')
}

/** All parts, one after another, in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Whether two arrays hold the same bytes. Takes the same time wherever they differ, so it may compare secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0
}

/** Binary lexicographic order: negative, zero or positive as `a` is before, the same as, or after `b`. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/**
 * A cursor over bytes that came from the network. Every read is checked against `end`; a read past it throws
 * {@link DecodeError}. One reader is meant to be reset and used again for packet after packet.
 */
export class Reader {
  bytes: Uint8Array
  /** Where the next read begins. */
  at: number
  /** One past the last readable byte. */
  end: number

  constructor(bytes: Uint8Array = EMPTY, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.bytes = bytes
    this.at = start
    this.end = end
    return this
  }

  get remaining(): number {
    return this.end - this.at
  }

  private need(count: number): void {
    if (this.end - this.at < count) throw new DecodeError('truncated')
  }

  uint8(): number {
    this.need(1)
    return this.bytes[this.at++] as number
  }

  uint16(): number {
    this.need(2)
    const { bytes, at } = this
    this.at = at + 2
    return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  }

  uint32(): number {
    this.need(4)
    const { bytes, at } = this
    this.at = at + 4
    return (
      (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>>
      0
    )
  }

  skip(count: number): void {
    this.need(count)
    this.at += count
  }

  /** A view of the next bytes, valid as long as the underlying buffer is. */
  view(count: number): Uint8Array {
    this.need(count)
    const start = this.at
    this.at = start + count
    return this.bytes.subarray(start, this.at)
  }

  /** A copy of the next bytes. */
  copy(count: number): Uint8Array {
    this.need(count)
    const start = this.at
    this.at = start + count
    // Not its own `slice`: that of Node's Buffer gives a view.
    return Uint8Array.prototype.slice.call(this.bytes, start, this.at)
  }

  /** A copy of all that remains. */
  rest(): Uint8Array {
    return this.copy(this.remaining)
  }
}

/**
 * A cursor that writes into a caller's buffer. Running out of room is a bug or an oversized value of our own, so it
 * throws; on the packet path sizes are asked for first (`remaining`). Reusable through `reset`.
 */
export class Writer {
  bytes: Uint8Array
  /** Where the next write goes. */
  at: number
  /** One past the last writable byte. */
  end: number

  constructor(bytes: Uint8Array = EMPTY, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  /** A writer over a new buffer, for what is not on the packet path. */
  static ofSize(size: number): Writer {
    return new Writer(new Uint8Array(size))
  }

  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.bytes = bytes
    this.at = start
    this.end = end
    return this
  }

  get remaining(): number {
    return this.end - this.at
  }

  private need(count: number): void {
    if (this.end - this.at < count) throw new AltostratusError('BUFFER_FULL', `no room to write ${count} more bytes`)
  }

  uint8(value: number): void {
    this.need(1)
    this.bytes[this.at++] = value
  }

  uint16(value: number): void {
    this.need(2)
    this.bytes[this.at++] = value >>> 8
    this.bytes[this.at++] = value
  }

  uint32(value: number): void {
    this.need(4)
    this.bytes[this.at++] = value >>> 24
    this.bytes[this.at++] = value >>> 16
    this.bytes[this.at++] = value >>> 8
    this.bytes[this.at++] = value
  }

  raw(source: Uint8Array): void {
    this.need(source.length)
    this.bytes.set(source, this.at)
    this.at += source.length
  }

  /** A copy of what lies between `start` and the cursor. */
  taken(start = 0): Uint8Array {
    return this.bytes.slice(start, this.at)
  }
}
