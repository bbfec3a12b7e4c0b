import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DecodeError } from '../../src/base/errors.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import { pack, unpack } from '../../src/introducer/packing.ts'
import { MAX_CHANNELS, MAX_CHANNEL_NAME } from '../../src/room/constants.ts'
import type { Field } from '../../src/schema/field.ts'

const through = <T>(field: Field<T>, value: T): T => field.decode(unpack(pack(field.encode(value, 'value'))))

/** Each kind of field, with values that it takes and values that it does not. */
const KINDS: Record<string, readonly [field: Field<never>, good: fc.Arbitrary<unknown>, bad: readonly unknown[]]> = {
  bool: [t.bool as Field<never>, fc.boolean(), [0, 1, 'true', null, undefined]],
  uint8: [t.uint8 as Field<never>, fc.integer({ min: 0, max: 255 }), [-1, 256, 0.5, NaN, '1', null, 1n]],
  uint16: [t.uint16 as Field<never>, fc.integer({ min: 0, max: 0xffff }), [-1, 65_536, Infinity]],
  uint32: [t.uint32 as Field<never>, fc.integer({ min: 0, max: 0xffff_ffff }), [-1, 2 ** 32]],
  int8: [t.int8 as Field<never>, fc.integer({ min: -128, max: 127 }), [-129, 128]],
  int16: [t.int16 as Field<never>, fc.integer({ min: -32_768, max: 32_767 }), [-32_769, 32_768]],
  int32: [t.int32 as Field<never>, fc.integer(), [-(2 ** 31) - 1, 2 ** 31]],
  float64: [t.float64 as Field<never>, fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0), [NaN, Infinity, '1']],
  float32: [t.float32 as Field<never>, fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0), [NaN, -Infinity, {}]],
  string: [t.string(5) as Field<never>, fc.string({ maxLength: 5 }), ['123456', 7, null]],
  bytes: [t.bytes(5) as Field<never>, fc.uint8Array({ maxLength: 5 }), [new Uint8Array(6), [1], 'x']],
  oneOf: [t.oneOf('a', 'b', 'c') as Field<never>, fc.constantFrom('a', 'b', 'c'), ['d', 0, '', null]],
  flags: [t.flags('x', 'y') as Field<never>, fc.record({ x: fc.boolean(), y: fc.boolean() }), [{ x: true }, { x: 1, y: true }, 3, null]],
  optional: [t.optional(t.uint8) as Field<never>, fc.option(fc.nat(255), { nil: undefined }), [256, null]],
  array: [t.array(t.uint8, 3) as Field<never>, fc.array(fc.nat(255), { maxLength: 3 }), [[1, 2, 3, 4], [256], 'abc', null]],
  int: [t.int(-3, 12) as Field<never>, fc.integer({ min: -3, max: 12 }), [-4, 13, 0.5, '1', null]],
  map: [
    t.map(t.uint8, 3) as Field<never>,
    fc.dictionary(fc.string({ maxLength: 8 }), fc.nat(255), { maxKeys: 3, noNullPrototype: true }),
    [{ a: 256 }, { a: 1, b: 2, c: 3, d: 4 }, { ['k'.repeat(65)]: 1 }, [1], 'a', null],
  ],
  vec2: [
    t.vec2(t.int8) as Field<never>,
    fc.record({ x: fc.integer({ min: -128, max: 127 }), y: fc.integer({ min: -128, max: 127 }) }),
    [{ x: 1 }, { x: 1, y: 128 }, { x: 1, y: 2, z: 3 }, [1, 2], null],
  ],
  object: [
    t.object({ a: t.uint8, b: t.optional(t.string(3)) }) as Field<never>,
    fc.record({ a: fc.nat(255), b: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }) }),
    [{}, { a: 1, b: 'long' }, { a: 1, c: 2 }, 7, null],
  ],
}

describe.each(Object.keys(KINDS))('t.%s', (kind) => {
  const [field, good, bad] = KINDS[kind]!

  test('what it takes comes out again', () => {
    fc.assert(fc.property(good, (value) => expect(through(field as Field<unknown>, value)).toEqual(value)))
  })

  test.each(bad.map((value) => [value]))('%p is refused, with what is allowed', (value) => {
    expect(() => field.encode(value, 'move.x')).toThrow(
      expect.objectContaining({ code: 'BAD_VALUE', message: expect.stringMatching(/^move(\.x)?.* (must be|has no field)/) }),
    )
  })

  test('whatever comes from the network is a value that it takes, or a DecodeError', () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 2 }), (raw) => {
        let value: unknown
        try {
          value = field.decode(raw)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
          return
        }
        expect(() => field.encode(value, 'value')).not.toThrow()
      }),
      { numRuns: 500 },
    )
  })
})

test('t.fixed rounds to its step, keeps both ends, and is a whole number on the wire', () => {
  const field = t.fixed(-10, 10, 0.25)
  for (const [value, back] of [
    [-10, -10],
    [10, 10],
    [0.1, 0],
    [0.13, 0.25],
    [9.99, 10],
  ] as const) {
    expect(through(field, value)).toBeCloseTo(back, 9)
    expect(Number.isInteger(field.encode(value, 'x'))).toBe(true)
  }
  for (const value of [-10.01, 10.01, NaN, '1', null]) expect(() => field.encode(value, 'x')).toThrow('x must be a number from -10 to 10')
  for (const raw of [-1, 81, 0.5, 'x']) expect(() => field.decode(raw)).toThrow(DecodeError)
})

test('t.fixed gives back the decimal fraction that was meant, without dust', () => {
  const field = t.fixed(-512, 512, 0.01)
  for (const value of [0.07, -511.99, 0.3, 77.77]) expect(through(field, value)).toBe(value)
  expect(through(t.fixed(0.005, 1, 0.01), 0.503)).toBeCloseTo(0.505, 9)
})

test('t.quaternion comes out as the same rotation, of length 1', () => {
  const unit = fc
    .tuple(...Array.from({ length: 4 }, () => fc.double({ min: -1, max: 1, noNaN: true })))
    .filter((q) => Math.hypot(...q) > 0.1)
  const field = t.quaternion()
  fc.assert(
    fc.property(unit, (q) => {
      const length = Math.hypot(...q)
      const [x, y, z, w] = q.map((v) => v / length) as [number, number, number, number]
      const back = through(field, { x, y, z, w })
      expect(Math.hypot(back.x, back.y, back.z, back.w)).toBeCloseTo(1, 6)
      // The angle between the two rotations, in radians; q and −q are the same one.
      const angle = 2 * Math.acos(Math.min(1, Math.abs(x * back.x + y * back.y + z * back.z + w * back.w)))
      expect(angle).toBeLessThan(0.003)
    }),
  )
  expect(through(field, { x: 0, y: 0, z: 0, w: 1 })).toEqual({ x: 0, y: 0, z: 0, w: 1 })
  for (const value of [
    { x: 0, y: 0, z: 0, w: 0 },
    { x: 0, y: 0, z: 0 },
    { x: NaN, y: 0, z: 0, w: 1 },
    { x: 5, y: 0, z: 0, w: 1 },
    null,
    1,
  ]) {
    expect(() => field.encode(value, 'turn')).toThrow('turn must be a quaternion')
  }
  for (const raw of [[4, 0, 0, 0], [0, 0, 0], [0, -1, 0, 0], [0, 0, 2048, 0], [0, 0.5, 0, 0], 'x'])
    expect(() => field.decode(raw)).toThrow(DecodeError)
})

test('t.map writes its keys in order, and takes no other order and no key twice', () => {
  const field = t.map(t.uint8, 4)
  expect(field.encode({ b: 2, a: 1 }, 'm')).toEqual([
    ['a', 1],
    ['b', 2],
  ])
  for (const raw of [
    [
      ['b', 2],
      ['a', 1],
    ],
    [
      ['a', 1],
      ['a', 2],
    ],
    [['a']],
    [[1, 2]],
    [[1]],
    7,
  ])
    expect(() => field.decode(raw)).toThrow(DecodeError)
  const tricky = JSON.parse('{"__proto__": 1}') as Record<string, number>
  expect(Object.keys(through(field, tricky))).toEqual(['__proto__'])
})

test('what each kind is before anything was said about it', () => {
  expect(t.fixed(2, 5, 0.5).empty).toBe(2)
  expect(t.int(-5, -2).empty).toBe(-2)
  expect(t.object({ a: t.bool, b: t.optional(t.string(3)), c: t.oneOf('x', 'y') }).empty).toEqual({ a: false, c: 'x' })
  for (const [field] of Object.values(KINDS)) expect(() => field.encode(field.empty, 'value')).not.toThrow()
})

describe('definitions that can not work say why', () => {
  const bad = expect.objectContaining({ code: 'BAD_SCHEMA' })

  test.each([
    ['t.fixed(1, 0, 0.1)', () => t.fixed(1, 0, 0.1)],
    ['t.fixed(0, 1, 0)', () => t.fixed(0, 1, 0)],
    ['t.int(1, 0)', () => t.int(1, 0)],
    ['t.int(0, 2 ** 60)', () => t.int(0, 2 ** 60)],
    ['t.quaternion(3)', () => t.quaternion(3)],
    ['t.oneOf()', () => t.oneOf()],
    ['a name twice', () => t.oneOf('a', 'a')],
    ['a list of half', () => t.array(t.bool, 0.5)],
    ['a map without end', () => t.map(t.bool, Infinity)],
    ['32 flags', () => t.flags(...Array.from({ length: 32 }, (_, i) => `f${i}`))],
    ['no lifetime', () => channel({}, { lifetime: 0 })],
    ['no bytes', () => channel({}, { maxBytes: 0 })],
    ['no name', () => game('', { protocol: 1, channels: {} })],
    ['a name without end', () => game('x'.repeat(65), { protocol: 1, channels: {} })],
    ['half a protocol', () => game('x', { protocol: 1.5, channels: {} })],
    ['a channel’s name without end', () => game('x', { protocol: 1, channels: { ['c'.repeat(MAX_CHANNEL_NAME + 1)]: channel({}) } })],
    [
      'channels without end',
      () =>
        game('x', {
          protocol: 1,
          channels: Object.fromEntries(Array.from({ length: MAX_CHANNELS + 1 }, (_, i) => [`c${i}`, channel({})])),
        }),
    ],
  ])('%s', (_what, define) => {
    expect(define).toThrow(bad)
  })
})
