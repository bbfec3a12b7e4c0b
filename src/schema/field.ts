import { AltostratusError } from '../base/errors.ts'

/**
 * What a field's wire value is made of. MessagePack needs none of it, as it describes itself; codecs that count bits go by it.
 * `int`: a whole number of that range. `object`: a list with one wire value per part.
 */
export type Shape =
  | { readonly kind: 'int'; readonly least: number; readonly most: number }
  | { readonly kind: 'bool' | 'float32' | 'float64' }
  | { readonly kind: 'string' | 'bytes'; readonly most: number }
  | { readonly kind: 'optional'; readonly of: Shape }
  | { readonly kind: 'array'; readonly of: Shape; readonly most: number }
  | { readonly kind: 'object'; readonly parts: readonly Shape[] }

/** A kind of value: how it is checked, and what it becomes on the wire. Made by the functions of `t`. */
export interface Field<T> {
  /** What is allowed, in words, for error messages. */
  readonly allowed: string
  /** What its wire values are. */
  readonly shape: Shape
  /** What the field is before anything was said about it: 0 or what is nearest to it, false, the first name, nothing in it. */
  readonly empty: T
  /** The wire's value. @throws AltostratusError `BAD_VALUE` that names `path` when the value is not allowed. */
  encode(value: unknown, path: string): unknown
  /** The value again. @throws DecodeError when what came is not allowed. */
  decode(raw: unknown): T
  /** Only for the type checker. */
  readonly inferred?: T
}

/** The fields of a message, by name. */
export type Fields = Readonly<Record<string, Field<unknown>>>

/** The type of a field's values. */
export type Infer<F> = F extends Field<infer T> ? T : never

/** The names of a message's fields that may be left out. */
export type OptionalNames<F extends Fields> = { [K in keyof F]: undefined extends Infer<F[K]> ? K : never }[keyof F]

/** The type of a message with these fields. */
export type Message<F extends Fields> = { -readonly [K in Exclude<keyof F, OptionalNames<F>>]: Infer<F[K]> } & {
  -readonly [K in OptionalNames<F>]?: Infer<F[K]>
}

/** @internal The error of a value that is not allowed. */
export function bad(path: string, value: unknown, allowed: string): AltostratusError {
  return new AltostratusError('BAD_VALUE', `${path} must be ${allowed}, not ${describe(value)}.`)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
