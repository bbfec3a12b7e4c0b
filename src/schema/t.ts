import { EMPTY } from '../base/bytes.ts'
import { MAX_KEY, array, flags, map, object, oneOf, optional } from './composites.ts'
import type { Field, Fields, Message } from './field.ts'
import { fixed, float32, float64, integer, plain, quaternion } from './numbers.ts'
import type { Quaternion } from './numbers.ts'

/** A point or direction of two dimensions. */
export interface Vector2 {
  x: number
  y: number
}

/** A point or direction of three dimensions. */
export interface Vector3 extends Vector2 {
  z: number
}

/** Bits for each of the three components of a quaternion that are sent: to a thousandth, which no eye sees. */
const QUATERNION_BITS = 11

/** The kinds of values that messages and state are made of. */
export const t: {
  /** Text of at most `most` UTF-16 code units. */
  readonly string: (most: number) => Field<string>
  readonly bool: Field<boolean>
  readonly uint8: Field<number>
  readonly uint16: Field<number>
  readonly uint32: Field<number>
  readonly int8: Field<number>
  readonly int16: Field<number>
  readonly int32: Field<number>
  /** A whole number from `least` to `most`, both within ±2⁵³ − 1. */
  readonly int: (least: number, most: number) => Field<number>
  /** A finite number, rounded to 32 bits; at most 3.4 · 10³⁸ either way. */
  readonly float32: Field<number>
  /** A finite number. */
  readonly float64: Field<number>
  /** A number from `least` to `most`, rounded to a multiple of `step`; on the wire a whole number. */
  readonly fixed: (least: number, most: number, step: number) => Field<number>
  /** `{ x, y }`, each of the given kind. */
  readonly vec2: (component: Field<number>) => Field<Vector2>
  /** `{ x, y, z }`, each of the given kind. */
  readonly vec3: (component: Field<number>) => Field<Vector3>
  /** A rotation `{ x, y, z, w }`, as its three smallest components with `bits` (4 to 24, 11 by default) each; comes out with length 1. */
  readonly quaternion: (bits?: number) => Field<Quaternion>
  /** One of the names. */
  readonly oneOf: <const T extends string>(...names: readonly T[]) => Field<T>
  /** True or false for each of at most 31 names. */
  readonly flags: <const T extends string>(...names: readonly T[]) => Field<Record<T, boolean>>
  /** At most `most` bytes. */
  readonly bytes: (most: number) => Field<Uint8Array>
  /** The field, or nothing. */
  readonly optional: <T>(field: Field<T>) => Field<T | undefined>
  /** A list of at most `most`. */
  readonly array: <T>(field: Field<T>, most: number) => Field<T[]>
  /** Values by key: at most `most`, with keys of at most `longestKey` (64 by default) UTF-16 code units. */
  readonly map: <T>(field: Field<T>, most: number, longestKey?: number) => Field<Record<string, T>>
  /** Fields within a field. */
  readonly object: <const F extends Fields>(fields: F) => Field<Message<F>>
} = {
  string: (most) =>
    plain(`text of at most ${most} characters`, { kind: 'string', most }, '', (v) => typeof v === 'string' && v.length <= most),
  bool: plain('true or false', { kind: 'bool' }, false, (v) => typeof v === 'boolean'),
  uint8: integer(0, 0xff),
  uint16: integer(0, 0xffff),
  uint32: integer(0, 0xffff_ffff),
  int8: integer(-0x80, 0x7f),
  int16: integer(-0x8000, 0x7fff),
  int32: integer(-0x8000_0000, 0x7fff_ffff),
  int: integer,
  float32: float32(),
  float64: float64(),
  fixed,
  vec2: (component) => object({ x: component, y: component }),
  vec3: (component) => object({ x: component, y: component, z: component }),
  quaternion: (bits = QUATERNION_BITS) => quaternion(bits),
  oneOf,
  flags,
  bytes: (most) => plain(`at most ${most} bytes`, { kind: 'bytes', most }, EMPTY, (v) => v instanceof Uint8Array && v.length <= most),
  optional,
  array,
  map: (field, most, longestKey = MAX_KEY) => map(field, most, longestKey),
  object,
}
