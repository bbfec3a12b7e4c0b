import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DecodeError } from '../../src/base/errors.ts'
import { concat, toHex, utf8 } from '../../src/base/bytes.ts'
import { MAX_PROFILE_DEPTH } from '../../src/introducer/constants.ts'
import { pack, unpack } from '../../src/introducer/packing.ts'
import { asProfile, decodeRequest, decodeResponse } from '../../src/introducer/protocol.ts'
import { HOSTILE, createWith, joinedWith } from './hostile.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** MessagePack's whole numbers know no negative zero. */
const unsigned = (n: number): number => n + 0

describe('packing', () => {
  test('plain MessagePack that any implementation reads: no records, no extensions', () => {
    const value = { a: 1, b: [true, null, 'x', -1, 0.5], c: bytes(1, 2) }
    // Maps always have a count of 16 bits, which is as good as any.
    expect(toHex(pack(value))).toBe('de0003a16101a16295c3c0a178ffcb3fe0000000000000a163c4020102')
    expect(pack([{ a: 1 }, { a: 2 }])).toEqual(concat(bytes(0x92), pack({ a: 1 }), pack({ a: 2 })))
  })

  test('what is packed next does not write over what was', () => {
    const first = pack({ n: 1 })
    const copy = toHex(first)
    for (let i = 0; i < 2_000; i++) pack({ text: 'x'.repeat(100) })
    expect(toHex(first)).toBe(copy)
  })

  test('what is plain comes back as it was', () => {
    const leaf = fc.oneof(
      fc.boolean(),
      fc.constant(null),
      fc.string(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).map(unsigned),
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value')), fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true })),
    }))
    fc.assert(
      fc.property(value, (data) => {
        // The one name that is not read as it is.
        fc.pre(!JSON.stringify(data).includes('"__proto__"'))
        expect(unpack(pack(data))).toEqual(data)
      }),
    )
  })

  test.each([
    ['nothing', bytes()],
    ['two values', bytes(0xc0, 0xc0)],
    ['half a map', bytes(0x82, 0xa1, 0x61, 0x01)],
    ['a list of two thousand million', bytes(0xdd, 0x7f, 0xff, 0xff, 0xff)],
    ['a text of two thousand million bytes', bytes(0xdb, 0x7f, 0xff, 0xff, 0xff)],
    ['a map with a map for a key', bytes(0x81, 0x80, 0x01)],
    ['lists 100,000 deep', new Uint8Array(100_000).fill(0x91)],
    ['a value that points back into itself', bytes(0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xd6, 0x70, 0, 0, 0, 1)],
  ])('%s: refused', (_name, data) => {
    expect(() => unpack(data)).toThrow(DecodeError)
  })

  test('a malformed value does not spoil what is read after it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (data) => {
        try {
          unpack(data)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
        expect(unpack(bytes(0x93, 0x40, 0xa1, 0x61, 0x81, 0xa1, 0x62, 0x7f))).toEqual([64, 'a', { b: 127 }])
      }),
      { numRuns: 2_000 },
    )
  })

  test('no key reaches a prototype', () => {
    unpack(concat(bytes(0x81, 0xa9), utf8('__proto__'), bytes(0x81, 0xa8), utf8('polluted'), bytes(0xc3)))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('profiles', () => {
  test.each(HOSTILE)('%s in a profile: refused as malformed, and nothing else is thrown', (_name, value) => {
    expect(() => decodeRequest(createWith(value))).toThrow(DecodeError)
    expect(() => decodeResponse(joinedWith(value))).toThrow(DecodeError)
  })

  test('what is plain is taken', () => {
    const profile = { name: 'Ada', level: 7, colours: ['red', null], avatar: bytes(1, 2, 3), nested: { deep: [[{}]] } }
    expect(decodeRequest(createWith(pack(profile))).request).toMatchObject({ op: 'create', profile: { x: { name: 'Ada', level: 7 } } })
    expect(decodeResponse(joinedWith(pack(profile)))).toMatchObject({
      kind: 'joined',
      member: { profile: { x: { name: 'Ada', level: 7 } } },
    })
  })

  test('nested up to the limit and no deeper', () => {
    const nested = (depth: number): unknown => (depth === 0 ? null : [nested(depth - 1)])
    expect(asProfile({ x: nested(MAX_PROFILE_DEPTH - 1) })).toBeDefined()
    expect(() => asProfile({ x: nested(MAX_PROFILE_DEPTH) })).toThrow(DecodeError)
  })

  test.each([
    ['a date', new Date(0)],
    ['a set', new Set([1])],
    ['a map', new Map()],
    ['a pattern', /x/],
    ['an error', new Error('x')],
    ['a list', []],
    ['bytes', bytes(1)],
    ['nothing', null],
  ])('%s is none', (_name, value) => {
    expect(() => asProfile(value)).toThrow(DecodeError)
  })

  test('one of this player’s own that can not be packed is refused the same way', () => {
    const ring: Record<string, unknown> = {}
    ring['self'] = ring
    for (const profile of [ring, { big: 2n ** 70n }]) expect(() => asProfile(profile)).toThrow(DecodeError)
  })
})
