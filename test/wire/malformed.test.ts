import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { randomBytes, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { CHUNK_HEADER_SIZE, ChunkCursor } from '../../src/wire/chunk.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { readSessionId } from '../../src/wire/session-id.ts'
import { corpus } from './corpus.ts'
import { decodeAll } from './decode-all.ts'
import type { Tally } from './decode-all.ts'

const MUTATIONS = 100_000
const MARGIN = 16
const PACKETS = corpus()
const LONGEST = Math.max(...PACKETS.map((packet) => packet.length))

/** Two buffers with the same packet and different surroundings: whoever reads past the end sees different things. */
const SURROUNDINGS = [0x00, 0xff].map((byte) => new Uint8Array(LONGEST + 3 * MARGIN).fill(byte))

/** Decodes a packet in both surroundings, and fails when that makes a difference. */
function decodeEverywhere(packet: Uint8Array, length: number, tally: Tally): number {
  const [first, second] = SURROUNDINGS.map((buffer) => {
    const outside = buffer[0] as number
    buffer.set(packet, MARGIN)
    buffer.fill(outside, MARGIN + length)
    return decodeAll(buffer, MARGIN, MARGIN + length, tally)
  }) as [number, number]
  if (first !== second) throw new Error('a decoder read past the end of the packet')
  return first
}

/** Bytes with which lengths, VLUs and flags go wrong most. */
const NASTY = [0x00, 0x01, 0x7f, 0x80, 0x81, 0xff]

/** Changes a packet a little; returns its new length. */
function mutate(random: Random, packet: Uint8Array, length: number): number {
  const at = random.uint32() % length
  switch (random.uint32() % 6) {
    case 0:
      packet[at] = (packet[at] as number) ^ (1 << (random.uint32() % 8))
      return length
    case 1:
      packet[at] = random.uint32()
      return length
    case 2:
      packet[at] = NASTY[random.uint32() % NASTY.length] as number
      return length
    case 3:
      packet.copyWithin(at, at + 1, length)
      return Math.max(1, length - 1)
    case 4: {
      // A piece from elsewhere in the packet over this one: nested lengths out of step.
      const from = random.uint32() % length
      packet.copyWithin(at, from, Math.min(length, from + 1 + (random.uint32() % 8), from + length - at))
      return length
    }
    default:
      return at + 1
  }
}

describe('malformed packets, RFC 7016 §2', () => {
  // Stack traces of errors that are only counted take most of the time.
  const { stackTraceLimit } = Error
  beforeAll(() => {
    Error.stackTraceLimit = 0
  })
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit
  })

  test('the corpus has every chunk, and all of it decodes', () => {
    const types = new Set<number>()
    for (const packet of PACKETS) {
      const tally = { decoded: 0, refused: 0 }
      expect(decodeAll(packet, 0, packet.length, tally)).toBe(decodeEverywhere(packet, packet.length, tally))
      expect(tally.refused).toBe(0)
      const cursor = new ChunkCursor().reset(packet, packet[0] === 0x0b ? CHUNK_HEADER_SIZE : 5, packet.length)
      while (cursor.next()) types.add(cursor.type)
    }
    const all = [0x7f, 0x30, 0x0f, 0x70, 0x71, 0x79, 0x38, 0x78, 0x01, 0x41, 0x10, 0x11, 0x50, 0x51, 0x18, 0x5e, 0x0c, 0x4c, 0x00]
    expect(types).toEqual(new Set(all))
  })

  test('every truncation of every packet gives a decode error or a value', () => {
    const tally = { decoded: 0, refused: 0 }
    for (const packet of PACKETS) {
      for (let length = 0; length < packet.length; length++) decodeEverywhere(packet, length, tally)
    }
    expect(tally.refused).toBeGreaterThan(PACKETS.length)
  })

  test('every truncation of every chunk, its length made to agree, gives a decode error or a value', () => {
    const tally = { decoded: 0, refused: 0 }
    for (const packet of PACKETS) {
      const headerSize = packet[0] === 0x0b ? 3 : 5
      const cursor = new ChunkCursor().reset(packet, headerSize, packet.length)
      while (cursor.next()) {
        const { at, end } = cursor.payload
        for (let length = 0; length < end - at; length++) {
          const cut = new Uint8Array(headerSize + CHUNK_HEADER_SIZE + length)
          cut.set(packet.subarray(0, headerSize))
          cut.set([cursor.type, length >>> 8, length & 0xff], headerSize)
          cut.set(packet.subarray(at, at + length), headerSize + CHUNK_HEADER_SIZE)
          decodeEverywhere(cut, cut.length, tally)
        }
      }
    }
    expect(tally.refused).toBeGreaterThan(1_000)
  })

  test(`${MUTATIONS} mutations give a decode error or a value`, () => {
    const tally = { decoded: 0, refused: 0 }
    const scratch = new Uint8Array(LONGEST)
    const results = new Set<number>()
    for (let seed = 0; seed < MUTATIONS; seed++) {
      const random = seededRandom(seed)
      const packet = PACKETS[random.uint32() % PACKETS.length] as Uint8Array
      scratch.set(packet)
      let length = packet.length
      for (let changes = 1 + (random.uint32() % 4); changes > 0; changes--) length = mutate(random, scratch, length)
      try {
        results.add(decodeEverywhere(scratch, length, tally))
      } catch (error) {
        throw new Error(`mutation ${seed}`, { cause: error })
      }
    }
    // They were really different, and really of both kinds.
    expect(results.size).toBeGreaterThan(MUTATIONS / 4)
    expect(tally.decoded).toBeGreaterThan(MUTATIONS)
    expect(tally.refused).toBeGreaterThan(MUTATIONS / 10)
  })

  test('random bytes give a decode error or a value', () => {
    const random = seededRandom(2)
    const tally = { decoded: 0, refused: 0 }
    for (let i = 0; i < 5_000; i++) {
      const bytes = randomBytes(random, random.uint32() % 64)
      decodeEverywhere(bytes, bytes.length, tally)
    }
    expect(tally.decoded).toBeGreaterThan(1_000)
  })

  test('a datagram of any length has a session ID or is malformed', () => {
    const random = seededRandom(3)
    for (let length = 0; length < 40; length++) {
      const around = randomBytes(random, 60)
      const datagram = around.subarray(10, 10 + length)
      if (length < 4) expect(() => readSessionId(datagram)).toThrow(DecodeError)
      else expect(readSessionId(datagram)).toBe(readSessionId(datagram.slice()))
    }
  })
})
