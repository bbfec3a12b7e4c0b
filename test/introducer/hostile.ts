import { concat, utf8 } from '../../src/base/bytes.ts'

const ext = (type: number, ...data: number[]): Uint8Array => Uint8Array.of(0xc7, data.length, type, ...data)
/** A list of two pointers to what has the ID before, under an ID of its own: each is twice as much when it is written out. */
const doubled = (id: number): Uint8Array => concat(Uint8Array.of(0xd6, 0x69, 0, 0, 0, id, 0x92), pointer(id - 1), pointer(id - 1))
const pointer = (id: number): Uint8Array => Uint8Array.of(0xd6, 0x70, 0, 0, 0, id)

const bomb = concat(
  Uint8Array.of(0xdc, 0, 24, 0xd6, 0x69, 0, 0, 0, 1, 0x92, 0xc0, 0xc0),
  ...Array.from({ length: 23 }, (_, i) => doubled(i + 2)),
)

/** MessagePack that is well-formed, or nearly, and no plain data that can be packed again. */
export const HOSTILE: readonly (readonly [string, Uint8Array])[] = [
  ['lists 900 deep', concat(new Uint8Array(900).fill(0x91), Uint8Array.of(0xc0))],
  ['lists 3,000 deep', concat(new Uint8Array(3_000).fill(0x91), Uint8Array.of(0xc0))],
  ['a number of 72 bits', ext(0x42, 1, 0, 0, 0, 0, 0, 0, 0, 0)],
  ['a list that holds itself', Uint8Array.of(0xd6, 0x69, 0, 0, 0, 1, 0x91, 0xd6, 0x70, 0, 0, 0, 1)],
  ['a list that doubles 23 times', bomb],
  ['an extension that nobody knows', ext(0x05, 1)],
  ['an error', concat(Uint8Array.of(0xd4, 0x65, 0, 0x92, 0xa1), utf8('x'), Uint8Array.of(0xa0))],
]

const text = (value: string): Uint8Array => concat(Uint8Array.of(0xd9, value.length), utf8(value))

function map(fields: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const entries = Object.entries(fields)
  return concat(Uint8Array.of(0x80 | entries.length), ...entries.flatMap(([name, value]) => [text(name), value]))
}

/** A request to make a room, whose profile has the value. */
export function createWith(value: Uint8Array): Uint8Array {
  return map({
    op: text('create'),
    id: Uint8Array.of(1),
    game: text('g'),
    protocol: Uint8Array.of(1),
    capacity: Uint8Array.of(4),
    listed: Uint8Array.of(0xc3),
    properties: Uint8Array.of(0x80),
    profile: map({ x: value }),
  })
}

/** A notice that a member has joined, whose profile has the value. */
export function joinedWith(value: Uint8Array): Uint8Array {
  const member = map({ peerId: text('1'.repeat(64)), order: Uint8Array.of(1), profile: map({ x: value }) })
  return map({ kind: text('joined'), roomId: text('2'.repeat(32)), member })
}
