import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EMPTY, Writer, fromHex, toHex } from '../../src/base/bytes.ts'
import type { Reader } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { CHUNK_NEXT_USER_DATA, CHUNK_USER_DATA, ChunkCursor, MAX_CHUNK_PAYLOAD } from '../../src/wire/chunk.ts'
import { encodeOptions } from '../../src/wire/option.ts'
import {
  FLAG_ABANDON,
  FLAG_FINAL,
  FLAG_OPTIONS,
  FRA_BEGIN,
  FRA_END,
  FRA_MIDDLE,
  FRA_WHOLE,
  UserData,
  encodeStartupOptions,
  fragmentFlags,
  nextUserDataSize,
  readNextUserData,
  readUserData,
  userDataSize,
  writeNextUserData,
  writeUserData,
} from '../../src/wire/user-data.ts'
import { bytes, embedded, payloadOf, vlu, written } from './chunks.ts'

/** Figure 3: sequential messages in one packet using Next User Data. */
const FIGURE_3 = '100007' + '00' + '020503' + '000102' + '110004' + '00' + '030405' + '110004' + '00' + '060708'

function data(r: Reader, out: UserData): string {
  return toHex(r.bytes.subarray(out.start, out.end))
}

function read(hex: string, out: UserData = new UserData()): UserData {
  readUserData(embedded(fromHex(hex)), out)
  return out
}

describe('User Data and Next User Data, RFC 7016 §2.3.11, §2.3.12', () => {
  test('Figure 3 is read as it says', () => {
    const { bytes: buffer, at, end } = embedded(fromHex(FIGURE_3))
    const cursor = new ChunkCursor().reset(buffer, at, end)
    const out = new UserData()
    const found: unknown[] = []
    while (cursor.next()) {
      if (cursor.type === CHUNK_USER_DATA) readUserData(cursor.payload, out)
      else readNextUserData(cursor.payload, out)
      const { flowId, sequenceNumber, forwardSequenceNumber, fragmentControl, abandon, final, hasOptions } = out
      expect([fragmentControl, abandon, final, hasOptions]).toEqual([FRA_WHOLE, false, false, false])
      found.push([flowId, sequenceNumber, forwardSequenceNumber, data(cursor.payload, out)])
    }
    expect(found).toEqual([
      [2, 5, 2, '000102'],
      [2, 6, 2, '030405'],
      [2, 7, 2, '060708'],
    ])
  })

  test('Figure 3 is written as it says', () => {
    const message = fromHex('000102030405060708')
    const packet = written((w) => {
      writeUserData(w, fragmentFlags(FRA_WHOLE), 2, 5, 2, EMPTY, message, 0, 3)
      writeNextUserData(w, fragmentFlags(FRA_WHOLE), message, 3, 6)
      writeNextUserData(w, fragmentFlags(FRA_WHOLE), message, 6, 9)
    })
    expect(toHex(packet)).toBe(FIGURE_3)
  })

  test('flags stand where §2.3.11 puts them', () => {
    expect([FRA_WHOLE, FRA_BEGIN, FRA_END, FRA_MIDDLE].map(fragmentFlags)).toEqual([0x00, 0x10, 0x20, 0x30])
    expect(read('23' + '010500')).toMatchObject({ fragmentControl: FRA_END, abandon: true, final: true, forwardSequenceNumber: 5 })
    // Reserved bits are ignored.
    expect(read('4c' + '010501')).toMatchObject({ fragmentControl: FRA_WHOLE, abandon: false, final: false, hasOptions: false })
  })

  const fields = fc.record({
    control: fc.nat(3),
    abandon: fc.boolean(),
    final: fc.boolean(),
    flowId: vlu,
    sequenceNumber: vlu.filter((n) => n > 0),
    offset: vlu,
    metadata: fc.option(bytes, { nil: undefined }),
    returnFlowId: fc.oneof(fc.constant(-1), vlu),
    message: bytes,
    cut: fc.tuple(fc.nat(200), fc.nat(200)),
  })

  test('decode(encode(x)) = x, in as many bytes as userDataSize says', () => {
    const out = new UserData()
    fc.assert(
      fc.property(fields, (x) => {
        const forward = x.sequenceNumber - Math.max(x.abandon ? 0 : 1, x.offset % (x.sequenceNumber + 1))
        const options = x.metadata === undefined ? EMPTY : encodeStartupOptions(x.metadata, x.returnFlowId)
        const from = Math.min(...x.cut, x.message.length)
        const to = Math.min(Math.max(...x.cut), x.message.length)
        const flags =
          fragmentFlags(x.control) |
          (x.abandon ? FLAG_ABANDON : 0) |
          (x.final ? FLAG_FINAL : 0) |
          (x.metadata === undefined ? 0 : FLAG_OPTIONS)
        const chunk = written((w) => writeUserData(w, flags, x.flowId, x.sequenceNumber, forward, options, x.message, from, to))
        expect(chunk).toHaveLength(userDataSize(x.flowId, x.sequenceNumber, forward, options.length, to - from))
        const payload = payloadOf(chunk, CHUNK_USER_DATA)
        readUserData(payload, out)
        expect(out).toMatchObject({
          fragmentControl: x.control,
          abandon: x.abandon,
          final: x.final,
          flowId: x.flowId,
          sequenceNumber: x.sequenceNumber,
          forwardSequenceNumber: forward,
          hasOptions: x.metadata !== undefined,
          metadata: x.metadata,
          returnFlowId: x.metadata === undefined ? -1 : x.returnFlowId,
          unknownCriticalOption: false,
        })
        expect(data(payload, out)).toBe(toHex(x.message.subarray(from, to)))

        const next = written((w) => writeNextUserData(w, fragmentFlags(x.control), x.message, from, to))
        expect(next).toHaveLength(nextUserDataSize(to - from))
        if (x.sequenceNumber === Number.MAX_SAFE_INTEGER) return
        const nextPayload = payloadOf(next, CHUNK_NEXT_USER_DATA)
        readNextUserData(nextPayload, out)
        expect(out).toMatchObject({
          flowId: x.flowId,
          sequenceNumber: x.sequenceNumber + 1,
          forwardSequenceNumber: forward,
          hasOptions: false,
          metadata: undefined,
          returnFlowId: -1,
        })
        expect(data(nextPayload, out)).toBe(toHex(x.message.subarray(from, to)))
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['no flags', ''],
    ['no flow', '00'],
    ['no sequence number', '0002'],
    ['no offset', '000205'],
    ['half an offset', '00020583'],
    ['sequence number 0', '00' + '020000'],
    ['sequence number 0, abandoned', '02' + '020000'],
    ['a forward sequence number that is not abandoned', '00' + '020500'],
    ['an offset greater than the sequence number', '00' + '020506'],
  ])('§2.3.11: %s is malformed', (_, hex) => {
    expect(() => read(hex)).toThrow(DecodeError)
  })

  test('an offset as great as the sequence number is in order', () => {
    expect(read('00' + '020505').forwardSequenceNumber).toBe(0)
  })

  test('numbers above 2⁵³ − 1 are counted no further', () => {
    const huge = 'ffffffffffffffff7f'
    const out = read(`00${huge}${huge}01`)
    expect(out.flowId).toBe(Number.MAX_SAFE_INTEGER)
    expect(out.sequenceNumber).toBe(Number.MAX_SAFE_INTEGER)
    expect(() => readNextUserData(embedded(fromHex('00')), out)).toThrow(DecodeError)
    expect(read(`00${huge}${huge}${huge}`).forwardSequenceNumber).toBe(0)
  })
})

describe('what follows a chunk that is malformed, RFC 7016 §2.3', () => {
  test.each([
    ['empty', ''],
    ['with half a header', '0007'],
    ['with an impossible offset', '00' + '070506'],
    ['with half an option', '80' + '070501' + '05aa'],
  ])('Next User Data after User Data %s belongs to no flow', (_, hex) => {
    const out = read('00020503')
    expect(() => read(hex, out)).toThrow(DecodeError)
    expect(() => readNextUserData(embedded(fromHex('00aa')), out)).toThrow(DecodeError)
    read('00020503', out)
    readNextUserData(embedded(fromHex('00aa')), out)
    expect(out.sequenceNumber).toBe(6)
  })

  test('Next User Data after a malformed one is not taken for that one', () => {
    for (const hex of ['', '8005aa']) {
      const out = read('00020503')
      expect(() => readNextUserData(embedded(fromHex(hex)), out)).toThrow(DecodeError)
      expect(() => readNextUserData(embedded(fromHex('00aa')), out)).toThrow(DecodeError)
    }
  })

  test('Next User Data first in a packet is malformed', () => {
    expect(() => readNextUserData(embedded(fromHex('00aa')), new UserData())).toThrow(DecodeError)
  })
})

describe('options of user data, RFC 7016 §2.3.11.1', () => {
  const front = '80' + '020503'

  test('metadata and return association', () => {
    expect(toHex(encodeStartupOptions(fromHex('abcd'), -1))).toBe('0300abcd' + '00')
    expect(toHex(encodeStartupOptions(EMPTY, 300))).toBe('0100' + '030a822c' + '00')
    const out = read(`${front}${'0300abcd' + '030a822c' + '00'}ffff`)
    expect(out).toMatchObject({ hasOptions: true, returnFlowId: 300, unknownCriticalOption: false })
    expect(out.metadata).toEqual(fromHex('abcd'))
    expect(out.end - out.start).toBe(2)
  })

  test('metadata of no bytes is not the same as none', () => {
    expect(read(`${front}0100` + '00').metadata).toEqual(EMPTY)
    expect(read(`${front}00`).metadata).toBeUndefined()
  })

  test('metadata is a copy', () => {
    const r = embedded(fromHex(`${front}0200aa00`))
    const out = new UserData()
    readUserData(r, out)
    r.bytes.fill(0)
    expect(out.metadata).toEqual(fromHex('aa'))
  })

  test.each([
    [0x01, true],
    [0x1fff, true],
    [0x2000, false],
    [Number.MAX_SAFE_INTEGER, false],
  ])('option type %d that is not understood: critical is %p', (type, critical) => {
    const option = toHex(encodeOptions([{ type, value: fromHex('aabb') }]))
    expect(read(`${front}${option}00cc`)).toMatchObject({ unknownCriticalOption: critical, metadata: undefined, returnFlowId: -1 })
  })

  test('what an earlier chunk carried does not stay', () => {
    const out = read(`${front}0200aa` + '020a05' + '0101' + '00')
    expect(out).toMatchObject({ returnFlowId: 5, unknownCriticalOption: true })
    readNextUserData(embedded(fromHex('00')), out)
    expect(out).toMatchObject({ metadata: undefined, returnFlowId: -1, unknownCriticalOption: false, hasOptions: false })
  })

  test('Next User Data may carry options too', () => {
    const out = read('00020503')
    const r = embedded(fromHex('80' + '0200aa' + '00' + 'cc'))
    readNextUserData(r, out)
    expect(out.metadata).toEqual(fromHex('aa'))
    expect(data(r, out)).toBe('cc')
  })

  test.each([
    ['no Marker', '0200aa'],
    ['nothing', ''],
    ['an option longer than the chunk', '0500aa'],
    ['a type that goes on past its option', '0180' + '00'],
    ['a return association without a flow', '010a' + '00'],
    ['a return association that goes on past its option', '020a81' + '0000'],
    ['a length beyond what can be counted', 'ffffffffffffffffff7f'],
  ])('%s is malformed', (_, options) => {
    expect(() => read(front + options)).toThrow(DecodeError)
  })

  test('options are read within the payload even when the caller comes back to the reader', () => {
    const r = embedded(fromHex(`${front}010a00`))
    expect(() => readUserData(r, new UserData())).toThrow(DecodeError)
    expect(r.end).toBe(embedded(fromHex(`${front}010a00`)).end)
  })
})

describe('what our own code must not ask for', () => {
  const bug = expect.objectContaining({ code: 'BUG' })

  test('flags and options that disagree', () => {
    const w = Writer.ofSize(100)
    expect(() => writeUserData(w, FLAG_OPTIONS, 1, 1, 0, EMPTY, EMPTY, 0, 0)).toThrow(bug)
    expect(() => writeUserData(w, 0, 1, 1, 0, encodeStartupOptions(EMPTY, -1), EMPTY, 0, 0)).toThrow(bug)
    expect(() => writeNextUserData(w, FLAG_OPTIONS, EMPTY, 0, 0)).toThrow(bug)
    expect(w.at).toBe(0)
  })

  test('chunks longer than their length field can say', () => {
    const w = Writer.ofSize(2 * MAX_CHUNK_PAYLOAD)
    const message = new Uint8Array(MAX_CHUNK_PAYLOAD)
    expect(() => writeUserData(w, 0, 1, 1, 0, EMPTY, message, 0, MAX_CHUNK_PAYLOAD)).toThrow(bug)
    expect(() => writeNextUserData(w, 0, message, 0, MAX_CHUNK_PAYLOAD)).toThrow(bug)
    writeNextUserData(w, 0, message, 0, MAX_CHUNK_PAYLOAD - 1)
  })
})
