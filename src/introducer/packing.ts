import { Packr } from 'msgpackr'
import { DecodeError } from '../base/errors.ts'

/**
 * Plain MessagePack, without msgpackr's own record extension, which other implementations do not know. Nor are its pointers read
 * (`structuredClone`): with them, a few bytes can stand for gigabytes, or for a value that holds itself.
 */
const packr = new Packr({ useRecords: false, moreTypes: false, encodeUndefinedAsNil: true, structuredClone: false })

/** MessagePack bytes of a value, in an array of their own. */
export function pack(value: unknown): Uint8Array {
  const bytes = packr.pack(value)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** The value of MessagePack bytes. @throws DecodeError when they are not exactly one value. */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes) as unknown
  } catch {
    throw new DecodeError('not MessagePack')
  }
}
