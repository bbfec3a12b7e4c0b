import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Writer, fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import {
  CHUNK_BUFFER_PROBE,
  CHUNK_CLOSE,
  CHUNK_CLOSE_ACK,
  CHUNK_FLOW_EXCEPTION,
  CHUNK_PADDING_00,
  CHUNK_PADDING_FF,
  CHUNK_PING,
  CHUNK_PING_REPLY,
} from '../../src/wire/chunk.ts'
import {
  readBufferProbe,
  readFlowException,
  writeBufferProbe,
  writeClose,
  writeCloseAck,
  writeFlowException,
  writePadding,
  writePing,
  writePingReply,
} from '../../src/wire/control.ts'
import { bytes, embedded, roundTrip, vlu, written } from './chunks.ts'

describe('chunks without user data, RFC 7016 §2.3.9, §2.3.10, §2.3.15 to §2.3.18', () => {
  test.each<[string, (w: Writer) => void, string]>([
    ['Ping', (w) => writePing(w, fromHex('abcd')), '010002abcd'],
    ['Ping Reply', (w) => writePingReply(w, fromHex('abcd')), '410002abcd'],
    ['Buffer Probe', (w) => writeBufferProbe(w, 128), '1800028100'],
    ['Flow Exception Report', (w) => writeFlowException(w, 5, 300), '5e000305822c'],
    ['Session Close Request', writeClose, '0c0000'],
    ['Session Close Acknowledgement', writeCloseAck, '4c0000'],
    ['padding', (w) => writePadding(w, CHUNK_PADDING_00, 5), '0000020000'],
    ['the least padding', (w) => writePadding(w, CHUNK_PADDING_FF, 3), 'ff0000'],
  ])('%s', (_, write, hex) => {
    expect(toHex(written(write))).toBe(hex)
  })

  test('decode(encode(x)) = x', () => {
    fc.assert(
      fc.property(bytes, vlu, vlu, fc.integer({ min: 3, max: 300 }), (message, flowId, code, size) => {
        expect(
          roundTrip(
            CHUNK_PING,
            (w) => writePing(w, message),
            (r) => r.rest(),
          ),
        ).toEqual(message)
        expect(
          roundTrip(
            CHUNK_PING_REPLY,
            (w) => writePingReply(w, message),
            (r) => r.rest(),
          ),
        ).toEqual(message)
        expect(roundTrip(CHUNK_BUFFER_PROBE, (w) => writeBufferProbe(w, flowId), readBufferProbe)).toBe(flowId)
        expect(roundTrip(CHUNK_FLOW_EXCEPTION, (w) => writeFlowException(w, flowId, code), readFlowException)).toEqual({ flowId, code })
        expect(roundTrip(CHUNK_CLOSE, writeClose, (r) => r.remaining)).toBe(0)
        expect(roundTrip(CHUNK_CLOSE_ACK, writeCloseAck, (r) => r.remaining)).toBe(0)
        expect(written((w) => writePadding(w, CHUNK_PADDING_00, size))).toHaveLength(size)
      }),
    )
  })

  test.each([
    ['a probe without a flow', readBufferProbe, ''],
    ['a probe of a flow that does not end', readBufferProbe, '81'],
    ['an exception without a flow', readFlowException, ''],
    ['an exception without a code', readFlowException, '05'],
    ['an exception with half a code', readFlowException, '0582'],
  ] as const)('%s is malformed', (_, read, hex) => {
    expect(() => read(embedded(fromHex(hex)))).toThrow(DecodeError)
  })

  test('padding too short to be a chunk is a bug', () => {
    expect(() => writePadding(Writer.ofSize(10), CHUNK_PADDING_00, 2)).toThrow(expect.objectContaining({ code: 'BUG' }))
  })
})
