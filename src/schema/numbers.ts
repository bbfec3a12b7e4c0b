import { AltostratusError, DecodeError } from '../base/errors.ts'
import { bad } from './field.ts'
import type { Field, Shape } from './field.ts'

/** A field whose wire value is the value itself. */
export function plain<T>(allowed: string, shape: Shape, empty: T, test: (value: unknown) => boolean): Field<T> {
  return {
    allowed,
    shape,
    empty,
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

/** Whole numbers of a range. @throws AltostratusError `BAD_SCHEMA` */
export function integer(least: number, most: number): Field<number> {
  if (!Number.isSafeInteger(least) || !Number.isSafeInteger(most) || least > most || !Number.isSafeInteger(most - least)) {
    throw new AltostratusError('BAD_SCHEMA', `t.int(${least}, ${most}) is not a range of whole numbers.`)
  }
  const test = (v: unknown): boolean => typeof v === 'number' && Number.isInteger(v) && v >= least && v <= most
  return plain(`a whole number from ${least} to ${most}`, { kind: 'int', least, most }, nearest(0, least, most), test)
}

const isFinite = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v)
const isFloat32 = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(Math.fround(v))

/** Finite numbers of 32 bits. */
export function float32(): Field<number> {
  const allowed = 'a finite number that 32 bits can hold'
  return {
    allowed,
    shape: { kind: 'float32' },
    empty: 0,
    encode(value, path) {
      if (!isFloat32(value)) throw bad(path, value, allowed)
      return Math.fround(value)
    },
    decode(raw) {
      if (!isFloat32(raw)) throw new DecodeError('field')
      return Math.fround(raw)
    },
  }
}

/** Finite numbers. */
export function float64(): Field<number> {
  return plain('a finite number', { kind: 'float64' }, 0, isFinite)
}

/** Numbers of a range, rounded to a step. @throws AltostratusError `BAD_SCHEMA` */
export function fixed(least: number, most: number, step: number): Field<number> {
  if (!(step > 0) || !(most > least) || !Number.isSafeInteger(Math.round((most - least) / step))) {
    throw new AltostratusError('BAD_SCHEMA', `t.fixed(${least}, ${most}, ${step}) is not a range with a step.`)
  }
  const steps = Math.round((most - least) / step)
  // Dividing by a whole number gives the decimal fraction that is meant, where multiplying by its step would leave dust: 0.07, not 0.07000000000000028.
  const perUnit = Math.round(1 / step)
  const divisor = Math.abs(perUnit * step - 1) < 1e-9 ? perUnit : 1 / step
  const first = Math.round(least * divisor)
  const exact = Math.abs(first - least * divisor) < 1e-6
  const allowed = `a number from ${least} to ${most}`
  const valueOf = (place: number): number => (exact ? (first + place) / divisor : least + place * step)
  return {
    allowed,
    shape: { kind: 'int', least: 0, most: steps },
    empty: valueOf(Math.round((nearest(0, least, most) - least) / step)),
    encode(value, path) {
      if (typeof value !== 'number' || !(value >= least && value <= most)) throw bad(path, value, allowed)
      return Math.round((value - least) / step)
    },
    decode(raw) {
      if (typeof raw !== 'number' || !Number.isInteger(raw) || raw < 0 || raw > steps) throw new DecodeError('field')
      return valueOf(raw)
    },
  }
}

function nearest(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}

/** A rotation. */
export interface Quaternion {
  readonly x: number
  readonly y: number
  readonly z: number
  readonly w: number
}

const AXES = ['x', 'y', 'z', 'w'] as const
/** No component but the largest of a unit quaternion is beyond it. */
const LARGEST_OF_THE_REST = Math.SQRT1_2

/**
 * Rotations, as the three smallest components of their unit quaternion, with so many bits each; the largest follows from them.
 * @throws AltostratusError `BAD_SCHEMA`
 */
export function quaternion(bits: number): Field<Quaternion> {
  if (!Number.isInteger(bits) || bits < 4 || bits > 24) {
    throw new AltostratusError('BAD_SCHEMA', `t.quaternion takes 4 to 24 bits a component, not ${bits}.`)
  }
  const most = 2 ** bits - 1
  // An even number of steps, so that zero is one of them.
  const half = (most - 1) / 2
  const allowed = 'a quaternion { x, y, z, w } of a length near 1'
  const part: Shape = { kind: 'int', least: 0, most }
  return {
    allowed,
    shape: { kind: 'object', parts: [{ kind: 'int', least: 0, most: 3 }, part, part, part] },
    empty: Object.freeze({ x: 0, y: 0, z: 0, w: 1 }),
    encode(value, path) {
      const q = value as Partial<Record<string, unknown>> | null
      if (typeof q !== 'object' || q === null) throw bad(path, value, allowed)
      const parts = AXES.map((axis) => q[axis])
      if (!parts.every(isFinite)) throw bad(path, value, allowed)
      const length = Math.hypot(...parts)
      if (!(length > 0.5 && length < 2)) throw bad(path, value, allowed)
      let largest = 0
      for (let i = 1; i < 4; i++) if (Math.abs(parts[i] as number) > Math.abs(parts[largest] as number)) largest = i
      // q and −q are the same rotation: the one whose largest component is positive.
      const scale = ((parts[largest] as number) < 0 ? -1 : 1) / length / LARGEST_OF_THE_REST
      const wire = [largest]
      for (let i = 0; i < 4; i++) if (i !== largest) wire.push(Math.round(((parts[i] as number) * scale + 1) * half))
      return wire
    },
    decode(raw) {
      if (!Array.isArray(raw) || raw.length !== 4) throw new DecodeError('field')
      const parts = raw as unknown[]
      if (!parts.every((v, i) => Number.isInteger(v) && (v as number) >= 0 && (v as number) <= (i === 0 ? 3 : most))) {
        throw new DecodeError('field')
      }
      const [largest, ...rest] = parts as number[]
      const small = rest.map((v) => (v / half - 1) * LARGEST_OF_THE_REST)
      const sum = small.reduce((total, v) => total + v * v, 0)
      const whole = small.slice()
      whole.splice(largest as number, 0, Math.sqrt(Math.max(0, 1 - sum)))
      const [x, y, z, w] = whole as [number, number, number, number]
      return { x, y, z, w }
    },
  }
}
