import { AltostratusError, DecodeError } from '../base/errors.ts'
import { bad } from './field.ts'
import type { Field, Fields, Message } from './field.ts'

/** One of the names. */
export function oneOf<const T extends string>(...names: readonly T[]): Field<T> {
  const [first] = names
  if (first === undefined || new Set(names).size < names.length) {
    throw new AltostratusError('BAD_SCHEMA', 't.oneOf takes at least one name, and each only once.')
  }
  const allowed = `one of ${names.map((name) => JSON.stringify(name)).join(', ')}`
  const places = new Map<unknown, number>(names.map((name, i) => [name, i]))
  return {
    allowed,
    shape: { kind: 'int', least: 0, most: names.length - 1 },
    empty: first,
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

/** True or false for each name. */
export function flags<const T extends string>(...names: readonly T[]): Field<Record<T, boolean>> {
  if (names.length > MAX_FLAGS) throw new AltostratusError('BAD_SCHEMA', `t.flags takes at most ${MAX_FLAGS} names.`)
  const allowed = `an object with true or false for ${names.join(', ')}`
  const most = 2 ** names.length - 1
  return {
    allowed,
    shape: { kind: 'int', least: 0, most },
    empty: Object.freeze(Object.fromEntries(names.map((name) => [name, false]))) as Record<T, boolean>,
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
      if (typeof raw !== 'number' || !Number.isInteger(raw) || raw < 0 || raw > most) throw new DecodeError('field')
      return Object.fromEntries(names.map((name, i) => [name, (raw & (1 << i)) !== 0])) as Record<T, boolean>
    },
  }
}

/** The field, or nothing. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    allowed: `${field.allowed}, or undefined`,
    shape: { kind: 'optional', of: field.shape },
    empty: undefined,
    encode: (value, path) => (value === undefined ? null : field.encode(value, path)),
    decode: (raw) => (raw === null || raw === undefined ? undefined : field.decode(raw)),
  }
}

/** A list. */
export function array<T>(field: Field<T>, most: number): Field<T[]> {
  checkMost('t.array', most)
  const allowed = `a list of at most ${most}`
  return {
    allowed,
    shape: { kind: 'array', of: field.shape, most },
    empty: Object.freeze([]) as unknown as T[],
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

/** Longest key of a map that names no limit. UTF-16 code units. */
export const MAX_KEY = 64

/** Values by key. On the wire a list of keys and values in the order of the keys, so that equal maps are equal bytes. */
export function map<T>(field: Field<T>, most: number, longestKey: number): Field<Record<string, T>> {
  checkMost('t.map', most)
  checkMost('t.map', longestKey)
  const allowed = `an object with at most ${most} keys of at most ${longestKey} characters`
  const pair = { kind: 'object', parts: [{ kind: 'string', most: longestKey }, field.shape] } as const
  return {
    allowed,
    shape: { kind: 'array', of: pair, most },
    empty: Object.freeze({}),
    encode(value, path) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(path, value, allowed)
      const keys = Object.keys(value).sort()
      if (keys.length > most || keys.some((key) => key.length > longestKey)) throw bad(path, value, allowed)
      return keys.map((key) => [key, field.encode((value as Record<string, unknown>)[key], `${path}.${key}`)])
    },
    decode(raw) {
      if (!Array.isArray(raw) || raw.length > most) throw new DecodeError('field')
      let last: string | undefined
      const entries = raw.map((item: unknown) => {
        if (!Array.isArray(item) || item.length !== 2) throw new DecodeError('field')
        const [key, value] = item as unknown[]
        if (typeof key !== 'string' || key.length > longestKey || (last !== undefined && key <= last)) throw new DecodeError('field')
        last = key
        return [key, field.decode(value)] as const
      })
      // It makes a property of its own out of `__proto__` too.
      return Object.fromEntries(entries)
    },
  }
}

function checkMost(what: string, most: number): void {
  if (!Number.isSafeInteger(most) || most < 0)
    throw new AltostratusError('BAD_SCHEMA', `${what} takes a whole number as its limit, not ${most}.`)
}

/** Fields within a field. */
export function object<const F extends Fields>(fields: F): Field<Message<F>> {
  const names = Object.keys(fields)
  const list = names.map((name) => fields[name] as Field<unknown>)
  const allowed = `an object with ${names.join(', ')}`
  const given = names.map((name, i) => [name, list[i]?.empty] as const).filter(([, value]) => value !== undefined)
  return {
    allowed,
    shape: { kind: 'object', parts: list.map((field) => field.shape) },
    empty: Object.freeze(Object.fromEntries(given)) as Message<F>,
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
