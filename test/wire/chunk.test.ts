import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Writer, fromHex, toHex } from '../../src/base/bytes.ts'
import * as chunk from '../../src/wire/chunk.ts'
import { CHUNK_HEADER_SIZE, ChunkCursor, MAX_CHUNK_PAYLOAD, beginChunk, endChunk } from '../../src/wire/chunk.ts'
import { embedded, written } from './chunks.ts'

/** Type and payload of each chunk, as RFC 7016 §2.2.4 finds them. */
function naive(packet: Uint8Array): string[] {
  const found: string[] = []
  let rest = packet
  while (rest.length > 2) {
    const [type, high, low] = rest as unknown as [number, number, number]
    const length = high * 256 + low
    if (rest.length - 3 < length) break
    found.push(`${type}:${toHex(rest.subarray(3, 3 + length))}`)
    rest = rest.subarray(3 + length)
  }
  return found
}

function walk(packet: Uint8Array): string[] {
  const { bytes, at, end } = embedded(packet)
  const cursor = new ChunkCursor().reset(bytes, at, end)
  const found: string[] = []
  while (cursor.next()) found.push(`${cursor.type}:${toHex(cursor.payload.rest())}`)
  expect(cursor.next()).toBe(false)
  return found
}

describe('chunks, RFC 7016 §2.2.4, §2.3', () => {
  test('the type codes', () => {
    const codes = Object.entries(chunk).filter(([name]) => /^CHUNK_(?!HEADER_SIZE)/.test(name))
    expect(Object.fromEntries(codes)).toEqual({
      CHUNK_FRAGMENT: 0x7f,
      CHUNK_IHELLO: 0x30,
      CHUNK_FIHELLO: 0x0f,
      CHUNK_RHELLO: 0x70,
      CHUNK_REDIRECT: 0x71,
      CHUNK_COOKIE_CHANGE: 0x79,
      CHUNK_IIKEYING: 0x38,
      CHUNK_RIKEYING: 0x78,
      CHUNK_PING: 0x01,
      CHUNK_PING_REPLY: 0x41,
      CHUNK_USER_DATA: 0x10,
      CHUNK_NEXT_USER_DATA: 0x11,
      CHUNK_BITMAP_ACK: 0x50,
      CHUNK_RANGE_ACK: 0x51,
      CHUNK_BUFFER_PROBE: 0x18,
      CHUNK_FLOW_EXCEPTION: 0x5e,
      CHUNK_CLOSE: 0x0c,
      CHUNK_CLOSE_ACK: 0x4c,
      CHUNK_PADDING_00: 0x00,
      CHUNK_PADDING_FF: 0xff,
    })
  })

  test('chunks come back as they were written, in front of any padding', () => {
    const item = fc.record({ type: fc.nat(0xff), payload: fc.uint8Array({ maxLength: 300 }) })
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), fc.nat(15), (items, padding) => {
        const packet = written((w) => {
          for (const { type, payload } of items) {
            const start = beginChunk(w, type)
            w.raw(payload)
            endChunk(w, start)
          }
          for (let i = 0; i < padding; i++) w.uint8(0xff)
        })
        expect(walk(packet)).toEqual(items.map(({ type, payload }) => `${type}:${toHex(payload)}`))
      }),
    )
  })

  test('any bytes at all give what the loop of the RFC gives', () => {
    const mostlySmall = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 0, 1, 2, 3) }, { weight: 1, arbitrary: fc.nat(0xff) })
    fc.assert(
      fc.property(
        fc.array(mostlySmall, { maxLength: 30 }).map((list) => Uint8Array.from(list)),
        (packet) => {
          expect(walk(packet)).toEqual(naive(packet))
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['', []],
    ['0c', []],
    ['0c00', []],
    ['0c0000', ['12:']],
    ['0c0001', []],
    ['0c0000ff', ['12:']],
    ['010001aaffffff', ['1:aa']],
    ['0100ffaa0c0000', []],
  ])('%p holds %p', (hex, chunks) => {
    expect(walk(fromHex(hex))).toEqual(chunks)
  })

  test('reading too little or failing within a chunk does not move the next one', () => {
    const { bytes, at, end } = embedded(fromHex('010003aabbcc' + '410001dd'))
    const cursor = new ChunkCursor().reset(bytes, at, end)
    cursor.next()
    expect(() => cursor.payload.uint32()).toThrow()
    cursor.payload.skip(1)
    expect(cursor.next()).toBe(true)
    expect(toHex(cursor.payload.rest())).toBe('dd')
  })

  test('a cursor can be used again', () => {
    const cursor = new ChunkCursor().reset(fromHex('0c0000'), 0, 3)
    expect(cursor.next()).toBe(true)
    expect(cursor.next()).toBe(false)
    cursor.reset(fromHex('ff010001aa'), 1, 5)
    expect(cursor.next()).toBe(true)
    expect([cursor.type, cursor.payload.remaining]).toEqual([1, 1])
  })

  test('a chunk of the greatest length, and one above', () => {
    const write = (length: number) => (): Uint8Array => {
      const w = Writer.ofSize(CHUNK_HEADER_SIZE + length)
      const start = beginChunk(w, 0x10)
      w.at += length
      endChunk(w, start)
      return w.bytes
    }
    expect(walk(write(MAX_CHUNK_PAYLOAD)())).toHaveLength(1)
    expect(write(MAX_CHUNK_PAYLOAD + 1)).toThrow(expect.objectContaining({ code: 'BUG' }))
  })
})
