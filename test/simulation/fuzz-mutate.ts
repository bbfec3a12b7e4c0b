import { EMPTY, Reader, Writer, concat } from '../../src/base/bytes.ts'
import { randomBytes } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { writeVlu } from '../../src/wire/vlu.ts'

/** Longest input. Bytes. */
const LONGEST = 1_400
/** Bytes that mean something in many places: chunk types, the ends of a VLU, MessagePack's lengths. */
const TELLING = [
  0x00, 0x01, 0x0c, 0x0f, 0x10, 0x11, 0x18, 0x30, 0x38, 0x41, 0x4c, 0x50, 0x51, 0x5e, 0x70, 0x71, 0x78, 0x79, 0x7f, 0x80, 0xc7, 0xdf, 0xff,
]
/** Numbers at which something may end. */
const NUMBERS = [
  0,
  1,
  2,
  63,
  64,
  127,
  128,
  255,
  1_024,
  16_383,
  16_384,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 49,
  2 ** 53 - 2,
  2 ** 53 - 1,
]

/** Makes an input of others: bytes, VLUs and whole chunks change, go, come twice, change places, or come from elsewhere. */
export function mutate(pick: () => Uint8Array, random: Random): Uint8Array {
  const below = (n: number): number => (n <= 0 ? 0 : random.uint32() % n)
  let input: Uint8Array = pick().slice()
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(input.length + 1)
    switch (below(11)) {
      case 0:
        if (at < input.length) input[at]! ^= 1 << below(8)
        break
      case 1:
        if (at < input.length) input[at] = TELLING[below(TELLING.length)]!
        break
      case 2:
        input = input.slice(0, at)
        break
      case 3:
        input = concat(input, pick())
        break
      case 4:
        input = below(8) === 0 ? randomBytes(random, below(60)) : input
        break
      case 5:
        input = concat(input.subarray(0, at), randomBytes(random, below(12)), input.subarray(at))
        break
      case 6:
        input = concat(input.subarray(0, at), vlu(NUMBERS[below(NUMBERS.length)]!), input.subarray(at + 1 + below(3)))
        break
      case 7:
        input = concat(input.subarray(0, at), input.subarray(at + 1 + below(8)))
        break
      case 8: {
        const other = pick()
        const from = below(other.length)
        input = concat(input.subarray(0, at), other.subarray(from, from + below(200)), input.subarray(at))
        break
      }
      default:
        input = changeChunks(input, pick, below)
    }
  }
  return input.length > LONGEST ? input.slice(0, LONGEST) : input
}

function vlu(value: number): Uint8Array {
  const w = Writer.ofSize(9)
  writeVlu(w, value)
  return w.taken()
}

/** On the input as a packet: a header of one to five bytes, then chunks of type, length and payload. RFC 7016 §2.2.4, §2.3. */
function changeChunks(input: Uint8Array, pick: () => Uint8Array, below: (n: number) => number): Uint8Array {
  const { head, chunks } = split(input)
  const others = split(pick()).chunks
  if (chunks.length === 0) return concat(head, ...others)
  const at = below(chunks.length)
  const chunk = chunks[at]!
  switch (below(6)) {
    case 0:
      chunks.splice(at, 1)
      break
    case 1:
      chunks.splice(at, 0, ...Array.from({ length: 1 + below(40) }, () => chunk))
      break
    case 2:
      chunks.splice(below(chunks.length), 0, ...chunks.splice(at, 1))
      break
    case 3:
      chunks.splice(at, 0, others[below(others.length)] ?? EMPTY)
      break
    case 4:
      chunks[at] = withPayload(chunk[0]!, mutatePayload(chunk.subarray(3), below))
      break
    default:
      chunks[at] = withPayload(TELLING[below(TELLING.length)]!, chunk.subarray(3))
  }
  return concat(head, ...chunks)
}

/** The length of the chunk stays true. */
function mutatePayload(payload: Uint8Array, below: (n: number) => number): Uint8Array {
  const at = below(payload.length + 1)
  return concat(payload.subarray(0, at), vlu(NUMBERS[below(NUMBERS.length)]!), payload.subarray(at + below(4)))
}

function withPayload(type: number, payload: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type, payload.length >>> 8, payload.length), payload)
}

function split(input: Uint8Array): { readonly head: Uint8Array; readonly chunks: Uint8Array[] } {
  const flags = input[0] ?? 0
  const r = new Reader(input, Math.min(input.length, 1 + ((flags & 8) === 0 ? 0 : 2) + ((flags & 4) === 0 ? 0 : 2)))
  const head = input.slice(0, r.at)
  const chunks: Uint8Array[] = []
  while (r.remaining >= 3 && chunks.length < 500) {
    const start = r.at
    r.skip(1)
    r.skip(Math.min(r.uint16(), r.remaining))
    chunks.push(input.slice(start, r.at))
  }
  return { head, chunks }
}
