import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import {
  MAX_HEADER_SIZE,
  MODE_INITIATOR,
  MODE_RESPONDER,
  MODE_STARTUP,
  readPacketHeader,
  writePacketHeader,
} from '../../src/wire/header.ts'
import type { PacketHeader } from '../../src/wire/header.ts'
import { embedded, written } from './chunks.ts'

/** A header full of what must be overwritten. */
function stale(): PacketHeader {
  return { mode: 9, timeCritical: true, timeCriticalReverse: true, timestamp: 7, timestampEcho: 7 }
}

function read(hex: string): PacketHeader {
  const header = stale()
  readPacketHeader(embedded(fromHex(hex)), header)
  return header
}

const plain: PacketHeader = { mode: MODE_STARTUP, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }

describe('packet header, RFC 7016 §2.2.4', () => {
  test.each<[string, PacketHeader]>([
    ['03', plain],
    ['01', { ...plain, mode: MODE_INITIATOR }],
    ['02', { ...plain, mode: MODE_RESPONDER }],
    ['81', { ...plain, mode: MODE_INITIATOR, timeCritical: true }],
    ['42', { ...plain, mode: MODE_RESPONDER, timeCriticalReverse: true }],
    ['0b1234', { ...plain, timestamp: 0x1234 }],
    ['07abcd', { ...plain, timestampEcho: 0xabcd }],
    ['cdffff0000', { mode: MODE_INITIATOR, timeCritical: true, timeCriticalReverse: true, timestamp: 0xffff, timestampEcho: 0 }],
  ])('%s', (hex, header) => {
    expect(read(hex)).toEqual(header)
    expect(toHex(written((w) => writePacketHeader(w, header)))).toBe(hex)
  })

  test('decode(encode(x)) = x, in at most MAX_HEADER_SIZE bytes', () => {
    const stamp = fc.integer({ min: -1, max: 0xffff })
    const header = fc.record({
      mode: fc.integer({ min: 1, max: 3 }),
      timeCritical: fc.boolean(),
      timeCriticalReverse: fc.boolean(),
      timestamp: stamp,
      timestampEcho: stamp,
    })
    fc.assert(
      fc.property(header, (value) => {
        const encoded = written((w) => writePacketHeader(w, value), MAX_HEADER_SIZE)
        const r = embedded(encoded)
        const out = stale()
        readPacketHeader(r, out)
        expect(out).toEqual(value)
        expect(r.remaining).toBe(0)
      }),
    )
  })

  test('reserved bits are ignored', () => {
    expect(read('33')).toEqual(plain)
  })

  test.each(['', '00', 'fc00000000', '0b', '0b12', '07ab', '0f1234', '0f1234ab'])('%p is malformed', (hex) => {
    expect(() => read(hex)).toThrow(DecodeError)
  })
})
