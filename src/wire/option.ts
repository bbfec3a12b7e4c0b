import { Reader, Writer } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { readVlu, vluSize, writeVlu } from './vlu.ts'

/** A type code and its value. RFC 7016 §2.1.3. */
export interface Option {
  readonly type: number
  readonly value: Uint8Array
}

/** Bytes that an option takes, its length field included. */
export function optionSize(type: number, value: Uint8Array): number {
  const length = vluSize(type) + value.length
  return vluSize(length) + length
}

/** Writes one option. RFC 7016 §2.1.3. */
export function writeOption(w: Writer, type: number, value: Uint8Array): void {
  writeVlu(w, vluSize(type) + value.length)
  writeVlu(w, type)
  w.raw(value)
}

/** Writes the Marker that ends an option list. RFC 7016 §2.1.4. */
export function writeMarker(w: Writer): void {
  w.uint8(0)
}

/** Reads one option; `undefined` is the Marker. */
export function readOption(r: Reader): Option | undefined {
  const length = readVlu(r)
  if (length === 0) return undefined
  if (length > r.remaining) throw new DecodeError('truncated')
  const end = r.at + length
  const type = readVlu(r)
  if (r.at > end) throw new DecodeError('option type longer than its option')
  return { type, value: r.copy(end - r.at) }
}

/** Reads options up to and including the Marker. RFC 7016 §2.1.4. */
export function readOptionList(r: Reader): Option[] {
  const options: Option[] = []
  for (let option = readOption(r); option !== undefined; option = readOption(r)) options.push(option)
  return options
}

/** Reads options to the end of the bytes, as in endpoint discriminators and keying components. RFC 7425 §4.4.1. */
export function parseOptions(bytes: Uint8Array): Option[] {
  const options: Option[] = []
  const r = new Reader(bytes)
  while (r.remaining > 0) {
    const option = readOption(r)
    if (option === undefined) throw new DecodeError('marker where none is allowed')
    options.push(option)
  }
  return options
}

/** The values of all options of one type, of bytes that {@link parseOptions} has read once: the others are not copied. */
export function optionValues(bytes: Uint8Array, type: number): Uint8Array[] {
  const values: Uint8Array[] = []
  const r = new Reader(bytes)
  while (r.remaining > 0) {
    const length = readVlu(r)
    const end = r.at + length
    if (readVlu(r) === type) values.push(r.copy(end - r.at))
    r.at = end
  }
  return values
}

/** A certificate taken apart. RFC 7425 §4.3.1. */
export interface CertificateOptions {
  /** The bytes before the first Marker. */
  readonly canonical: Uint8Array
  readonly canonicalOptions: readonly Option[]
  readonly otherOptions: readonly Option[]
}

/** Takes a certificate apart at its first Marker, if it has one. RFC 7425 §4.3.1. */
export function parseCertificateOptions(bytes: Uint8Array): CertificateOptions {
  const r = new Reader(bytes)
  const canonicalOptions: Option[] = []
  while (r.remaining > 0) {
    const start = r.at
    const option = readOption(r)
    if (option === undefined) return { canonical: bytes.slice(0, start), canonicalOptions, otherOptions: otherOptions(r) }
    canonicalOptions.push(option)
  }
  return { canonical: bytes.slice(), canonicalOptions, otherOptions: [] }
}

function otherOptions(r: Reader): Option[] {
  const options: Option[] = []
  while (r.remaining > 0) {
    const option = readOption(r)
    if (option !== undefined) options.push(option)
  }
  return options
}

/** The bytes of options, one after another, without a Marker. */
export function encodeOptions(options: readonly Option[]): Uint8Array {
  let size = 0
  for (const { type, value } of options) size += optionSize(type, value)
  const w = Writer.ofSize(size)
  for (const { type, value } of options) writeOption(w, type, value)
  return w.bytes
}
