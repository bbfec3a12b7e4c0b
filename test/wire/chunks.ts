import { expect } from '@jest/globals'
import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import { Address } from '../../src/base/address.ts'
import { Reader, Writer } from '../../src/base/bytes.ts'
import type { WireAddress } from '../../src/wire/address.ts'
import { ChunkCursor } from '../../src/wire/chunk.ts'

/** What stands around bytes that are written or read, to show when someone strays. */
const SENTINEL = 0xee
const MARGIN = 7

/** Sizes up to which the writers in these tests have room. */
const ROOM = 2048

/** What was written, after a look at the bytes around it. */
export function written(write: (w: Writer) => void, room: number = ROOM): Uint8Array {
  const target = new Uint8Array(room + 2 * MARGIN).fill(SENTINEL)
  const w = new Writer(target, MARGIN, MARGIN + room)
  write(w)
  expect(w.at).toBeLessThanOrEqual(MARGIN + room)
  // One expectation, not one per byte: they are what takes the time.
  expect(isUntouched(target, 0, MARGIN) && isUntouched(target, w.at, target.length)).toBe(true)
  return target.slice(MARGIN, w.at)
}

function isUntouched(target: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (target[i] !== SENTINEL) return false
  return true
}

/** A reader of bytes that lie in the midst of others. */
export function embedded(bytes: Uint8Array): Reader {
  const buffer = new Uint8Array(bytes.length + 2 * MARGIN).fill(SENTINEL)
  buffer.set(bytes, MARGIN)
  return new Reader(buffer, MARGIN, MARGIN + bytes.length)
}

/** The payload of the one chunk that the bytes are. */
export function payloadOf(bytes: Uint8Array, type: number): Reader {
  const { bytes: buffer, at, end } = embedded(bytes)
  const cursor = new ChunkCursor().reset(buffer, at, end)
  expect(cursor.next()).toBe(true)
  expect(cursor.type).toBe(type)
  expect(cursor.payload.end).toBe(end)
  return cursor.payload
}

/** Writes one chunk and reads it back to its end. */
export function roundTrip<T>(type: number, write: (w: Writer) => void, read: (r: Reader) => T): T {
  const payload = payloadOf(written(write), type)
  const value = read(payload)
  expect(payload.remaining).toBe(0)
  return value
}

export const bytes: Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 200 })

/** Whole numbers that a VLU holds, among them many about its changes of size. */
export const vlu: Arbitrary<number> = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: -2, max: 2 })).map(([digits, by]) => 128 ** digits + by),
  fc.nat(2).map((by) => Number.MAX_SAFE_INTEGER - by),
  fc.integer({ min: 2 ** 31 - 2, max: 2 ** 31 + 2 }),
  fc.integer({ min: 2 ** 32 - 2, max: 2 ** 32 + 2 }),
)

export const wireAddress: Arbitrary<WireAddress> = fc
  .tuple(
    fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
    fc.nat(0xffff),
    fc.nat(3),
  )
  .map(([ip, port, origin]) => ({ address: Address.of(ip, port), origin }))
