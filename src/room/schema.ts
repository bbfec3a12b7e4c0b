import { AltostratusError, DecodeError } from '../base/errors.ts'

/** A kind of value: how it is checked, and what it becomes on the wire. Made by the functions of {@link t}. */
export interface Field<T> {
  /** What is allowed, in words, for error messages. */
  readonly allowed: string
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

function bad(path: string, value: unknown, allowed: string): AltostratusError {
  return new AltostratusError('BAD_VALUE', `${path} must be ${allowed}, not ${describe(value)}.`)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** A field whose wire value is the value itself. */
function plain<T>(allowed: string, test: (value: unknown) => boolean): Field<T> {
  return {
    allowed,
    encode(value, path) {
      if (!test(value)) throw bad(path, value, allowed)
      return value
    },
    decode(raw) {
      if (!test(raw)) throw new DecodeError('field')
      return raw as T
    },
  }
}

function integer(least: number, most: number): Field<number> {
  return plain(`a whole number from ${least} to ${most}`, (v) => typeof v === 'number' && Number.isInteger(v) && v >= least && v <= most)
}

const floatBuffer = new Float32Array(1)

function float32(): Field<number> {
  const allowed = 'a finite number'
  const isFinite = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v)
  return {
    allowed,
    encode(value, path) {
      if (!isFinite(value)) throw bad(path, value, allowed)
      floatBuffer[0] = value
      return floatBuffer[0]
    },
    decode(raw) {
      if (!isFinite(raw)) throw new DecodeError('field')
      return raw
    },
  }
}

function fixed(least: number, most: number, step: number): Field<number> {
  if (!(step > 0) || !(most > least) || !Number.isSafeInteger(Math.round((most - least) / step))) {
    throw new AltostratusError('BAD_SCHEMA', `t.fixed(${least}, ${most}, ${step}) is not a range with a step.`)
  }
  const steps = Math.round((most - least) / step)
  const allowed = `a number from ${least} to ${most}`
  return {
    allowed,
    encode(value, path) {
      if (typeof value !== 'number' || !(value >= least && value <= most)) throw bad(path, value, allowed)
      return Math.round((value - least) / step)
    },
    decode(raw) {
      if (typeof raw !== 'number' || !Number.isInteger(raw) || raw < 0 || raw > steps) throw new DecodeError('field')
      return least + raw * step
    },
  }
}

function oneOf<const T extends string>(...names: readonly T[]): Field<T> {
  const allowed = `one of ${names.map((name) => JSON.stringify(name)).join(', ')}`
  const places = new Map<unknown, number>(names.map((name, i) => [name, i]))
  return {
    allowed,
    encode(value, path) {
      const place = places.get(value)
      if (place === undefined) throw bad(path, value, allowed)
      return place
    },
    decode(raw) {
      const name = typeof raw === 'number' ? names[raw] : undefined
      if (name === undefined) throw new DecodeError('field')
      return name
    },
  }
}

/** Most flags in one field: the bits of a signed 32-bit integer that JavaScript's operators keep. */
const MAX_FLAGS = 31

function flags<const T extends string>(...names: readonly T[]): Field<Record<T, boolean>> {
  if (names.length > MAX_FLAGS) throw new AltostratusError('BAD_SCHEMA', `t.flags takes at most ${MAX_FLAGS} names.`)
  const allowed = `an object with true or false for ${names.join(', ')}`
  return {
    allowed,
    encode(value, path) {
      if (typeof value !== 'object' || value === null) throw bad(path, value, allowed)
      let bits = 0
      names.forEach((name, i) => {
        const flag = (value as Record<string, unknown>)[name]
        if (typeof flag !== 'boolean') throw bad(`${path}.${name}`, flag, 'true or false')
        if (flag) bits |= 1 << i
      })
      return bits
    },
    decode(raw) {
      if (typeof raw !== 'number' || !Number.isInteger(raw) || raw < 0 || raw >= 2 ** names.length) throw new DecodeError('field')
      return Object.fromEntries(names.map((name, i) => [name, (raw & (1 << i)) !== 0])) as Record<T, boolean>
    },
  }
}

function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    allowed: `${field.allowed}, or undefined`,
    encode: (value, path) => (value === undefined ? null : field.encode(value, path)),
    decode: (raw) => (raw === null || raw === undefined ? undefined : field.decode(raw)),
  }
}

function array<T>(field: Field<T>, most: number): Field<T[]> {
  const allowed = `a list of at most ${most}`
  return {
    allowed,
    encode(value, path) {
      if (!Array.isArray(value) || value.length > most) throw bad(path, value, allowed)
      return value.map((item, i) => field.encode(item, `${path}[${i}]`))
    },
    decode(raw) {
      if (!Array.isArray(raw) || raw.length > most) throw new DecodeError('field')
      return raw.map((item) => field.decode(item))
    },
  }
}

function object<const F extends Fields>(fields: F): Field<Message<F>> {
  const names = Object.keys(fields)
  const list = names.map((name) => fields[name] as Field<unknown>)
  const allowed = `an object with ${names.join(', ')}`
  return {
    allowed,
    encode(value, path) {
      if (typeof value !== 'object' || value === null) throw bad(path, value, allowed)
      for (const name of Object.keys(value)) {
        if (!Object.hasOwn(fields, name)) throw new AltostratusError('BAD_VALUE', `${path} has no field ${name}; it is ${allowed}.`)
      }
      return list.map((field, i) => field.encode((value as Record<string, unknown>)[names[i] as string], `${path}.${names[i]}`))
    },
    decode(raw) {
      if (!Array.isArray(raw) || raw.length !== list.length) throw new DecodeError('fields')
      const message: Record<string, unknown> = {}
      list.forEach((field, i) => {
        const value = field.decode(raw[i])
        if (value !== undefined) message[names[i] as string] = value
      })
      return message as Message<F>
    },
  }
}

/** The kinds of values that messages are made of. */
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
  /** A finite number, rounded to 32 bits. */
  readonly float32: Field<number>
  /** A finite number. */
  readonly float64: Field<number>
  /** A number from `least` to `most`, rounded to a multiple of `step`; on the wire a whole number. */
  readonly fixed: (least: number, most: number, step: number) => Field<number>
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
  /** Fields within a field. */
  readonly object: <const F extends Fields>(fields: F) => Field<Message<F>>
} = {
  string: (most) => plain(`text of at most ${most} characters`, (v) => typeof v === 'string' && v.length <= most),
  bool: plain('true or false', (v) => typeof v === 'boolean'),
  uint8: integer(0, 0xff),
  uint16: integer(0, 0xffff),
  uint32: integer(0, 0xffff_ffff),
  int8: integer(-0x80, 0x7f),
  int16: integer(-0x8000, 0x7fff),
  int32: integer(-0x8000_0000, 0x7fff_ffff),
  float32: float32(),
  float64: plain('a finite number', (v) => typeof v === 'number' && Number.isFinite(v)),
  fixed,
  oneOf,
  flags,
  bytes: (most) => plain(`at most ${most} bytes`, (v) => v instanceof Uint8Array && v.length <= most),
  optional,
  array,
  object,
}
