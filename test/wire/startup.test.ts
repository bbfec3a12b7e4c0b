import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Address } from '../../src/base/address.ts'
import { EMPTY, Writer, concat, fromHex, toHex } from '../../src/base/bytes.ts'
import type { Reader } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { ORIGIN_OBSERVED } from '../../src/wire/address.ts'
import {
  CHUNK_COOKIE_CHANGE,
  CHUNK_FIHELLO,
  CHUNK_FRAGMENT,
  CHUNK_IHELLO,
  CHUNK_IIKEYING,
  CHUNK_REDIRECT,
  CHUNK_RHELLO,
  CHUNK_RIKEYING,
} from '../../src/wire/chunk.ts'
import * as startup from '../../src/wire/startup.ts'
import { bytes, embedded, payloadOf, roundTrip, vlu, wireAddress, written } from './chunks.ts'

const sessionId = fc.nat(0xffff_ffff)
const address = { address: Address.parse('192.0.2.1:1935'), origin: ORIGIN_OBSERVED }

/** One chunk of each kind in hexadecimal, taken apart by hand. */
const CHUNKS: readonly [
  name: string,
  type: number,
  write: (w: Writer) => void,
  read: (r: Reader) => unknown,
  hex: string,
  value: unknown,
][] = [
  [
    'Initiator Hello, §2.3.2',
    CHUNK_IHELLO,
    (w) => startup.writeIHello(w, { epd: fromHex('0102'), tag: fromHex('aabbcc') }),
    startup.readIHello,
    '300006' + '020102' + 'aabbcc',
    { epd: fromHex('0102'), tag: fromHex('aabbcc') },
  ],
  [
    'Forwarded Initiator Hello, §2.3.3',
    CHUNK_FIHELLO,
    (w) => startup.writeFIHello(w, { epd: fromHex('0102'), replyAddress: address, tag: fromHex('aabbcc') }),
    startup.readFIHello,
    '0f000d' + '020102' + '02c0000201078f' + 'aabbcc',
    { epd: fromHex('0102'), replyAddress: address, tag: fromHex('aabbcc') },
  ],
  [
    'Responder Hello, §2.3.4',
    CHUNK_RHELLO,
    (w) => startup.writeRHello(w, { tagEcho: fromHex('aa'), cookie: fromHex('bbcc'), certificate: fromHex('02150e') }),
    startup.readRHello,
    '700008' + '01aa' + '02bbcc' + '02150e',
    { tagEcho: fromHex('aa'), cookie: fromHex('bbcc'), certificate: fromHex('02150e') },
  ],
  [
    'Responder Redirect, §2.3.5',
    CHUNK_REDIRECT,
    (w) => startup.writeRedirect(w, { tagEcho: fromHex('aa'), destinations: [address, address] }),
    startup.readRedirect,
    '710010' + '01aa' + '02c0000201078f' + '02c0000201078f',
    { tagEcho: fromHex('aa'), destinations: [address, address] },
  ],
  [
    'Implied Redirect, §2.3.5',
    CHUNK_REDIRECT,
    (w) => startup.writeRedirect(w, { tagEcho: fromHex('aa'), destinations: [] }),
    startup.readRedirect,
    '710002' + '01aa',
    { tagEcho: fromHex('aa'), destinations: [] },
  ],
  [
    'RHello Cookie Change, §2.3.6',
    CHUNK_COOKIE_CHANGE,
    (w) => startup.writeCookieChange(w, { oldCookie: fromHex('aabb'), newCookie: fromHex('cc') }),
    startup.readCookieChange,
    '790004' + '02aabb' + 'cc',
    { oldCookie: fromHex('aabb'), newCookie: fromHex('cc') },
  ],
  [
    'Initiator Initial Keying, §2.3.7',
    CHUNK_IIKEYING,
    (w) => startup.writeIIKeying(w, fromHex('fffffffe' + '01aa' + '02150e' + '0101'), fromHex('58')),
    startup.readIIKeying,
    '38000c' + 'fffffffe' + '01aa' + '02150e' + '0101' + '58',
    {
      initiatorSessionId: 0xfffffffe,
      cookieEcho: fromHex('aa'),
      certificate: fromHex('150e'),
      component: fromHex('01'),
      signedParameters: fromHex('fffffffe' + '01aa' + '02150e' + '0101'),
      signature: fromHex('58'),
    },
  ],
  [
    'Responder Initial Keying, §2.3.8',
    CHUNK_RIKEYING,
    (w) => startup.writeRIKeying(w, fromHex('80000001' + '02cafe'), fromHex('58')),
    startup.readRIKeying,
    '780008' + '80000001' + '02cafe' + '58',
    {
      responderSessionId: 0x80000001,
      component: fromHex('cafe'),
      signedPortion: fromHex('80000001' + '02cafe'),
      signature: fromHex('58'),
    },
  ],
  [
    'Packet Fragment, §2.3.1',
    CHUNK_FRAGMENT,
    (w) => startup.writePacketFragment(w, { moreFragments: true, packetId: 128, fragmentNumber: 2, fragment: fromHex('abcd') }),
    startup.readPacketFragment,
    '7f0006' + '80' + '8100' + '02' + 'abcd',
    { moreFragments: true, packetId: 128, fragmentNumber: 2, fragment: fromHex('abcd') },
  ],
]

describe('start-up chunks, RFC 7016 §2.3.1 to §2.3.8', () => {
  test.each(CHUNKS)('%s', (_, type, write, read, hex, value) => {
    expect(toHex(written(write))).toBe(hex)
    const payload = payloadOf(fromHex(hex), type)
    const decoded = read(payload)
    expect(decoded).toEqual(value)
    // What was decoded does not change with the buffer that the next datagram comes in.
    payload.bytes.fill(0)
    expect(decoded).toEqual(value)
  })

  test.each(CHUNKS)('%s: a truncation is malformed or shortens the last field', (_, type, _write, read, hex) => {
    const whole = payloadOf(fromHex(hex), type).rest()
    for (let length = 0; length <= whole.length; length++) {
      const r = embedded(whole.subarray(0, length))
      try {
        read(r)
        expect(r.remaining).toBe(0)
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError)
      }
    }
    expect(() => read(embedded(EMPTY))).toThrow(DecodeError)
  })

  test('decode(encode(x)) = x: hellos, redirect, cookie change', () => {
    fc.assert(
      fc.property(
        fc.record({ epd: bytes, tag: bytes }),
        wireAddress,
        fc.array(wireAddress, { maxLength: 5 }),
        bytes,
        (hello, reply, list, other) => {
          const forwarded = { ...hello, replyAddress: reply }
          const rhello = { tagEcho: hello.tag, cookie: hello.epd, certificate: other }
          const redirect = { tagEcho: hello.tag, destinations: list }
          const change = { oldCookie: hello.epd, newCookie: other }
          expect(roundTrip(CHUNK_IHELLO, (w) => startup.writeIHello(w, hello), startup.readIHello)).toEqual(hello)
          expect(roundTrip(CHUNK_FIHELLO, (w) => startup.writeFIHello(w, forwarded), startup.readFIHello)).toEqual(forwarded)
          expect(roundTrip(CHUNK_RHELLO, (w) => startup.writeRHello(w, rhello), startup.readRHello)).toEqual(rhello)
          expect(roundTrip(CHUNK_REDIRECT, (w) => startup.writeRedirect(w, redirect), startup.readRedirect)).toEqual(redirect)
          expect(roundTrip(CHUNK_COOKIE_CHANGE, (w) => startup.writeCookieChange(w, change), startup.readCookieChange)).toEqual(change)
        },
      ),
    )
  })

  test('decode(encode(x)) = x: initiator keying, with the bytes that are signed', () => {
    const parameters = fc.record({ initiatorSessionId: sessionId, cookieEcho: bytes, certificate: bytes, component: bytes })
    fc.assert(
      fc.property(parameters, bytes, (value, signature) => {
        const signedParameters = startup.encodeIIKeyingParameters(value)
        const read = roundTrip(CHUNK_IIKEYING, (w) => startup.writeIIKeying(w, signedParameters, signature), startup.readIIKeying)
        expect(read).toEqual({ ...value, signedParameters, signature })
      }),
    )
  })

  test('decode(encode(x)) = x: responder keying, with the bytes that are signed', () => {
    fc.assert(
      fc.property(sessionId, bytes, bytes, bytes, (responderSessionId, component, signature, initiatorComponent) => {
        const signedPortion = startup.encodeRIKeyingPortion(responderSessionId, component)
        const read = roundTrip(CHUNK_RIKEYING, (w) => startup.writeRIKeying(w, signedPortion, signature), startup.readRIKeying)
        expect(read).toEqual({ responderSessionId, component, signedPortion, signature })
        expect(startup.rikeyingSignedParameters(signedPortion, initiatorComponent)).toEqual(concat(signedPortion, initiatorComponent))
      }),
    )
  })

  test('decode(encode(x)) = x: packet fragment', () => {
    const fragment = fc.record({
      moreFragments: fc.boolean(),
      packetId: vlu,
      fragmentNumber: vlu,
      fragment: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    })
    fc.assert(
      fc.property(fragment, (value) => {
        expect(roundTrip(CHUNK_FRAGMENT, (w) => startup.writePacketFragment(w, value), startup.readPacketFragment)).toEqual(value)
      }),
    )
  })

  test('§2.3.1: a fragment is never empty, and its reserved bits are ignored', () => {
    expect(() => startup.readPacketFragment(embedded(fromHex('800100')))).toThrow(DecodeError)
    expect(startup.readPacketFragment(embedded(fromHex('7f0100aa'))).moreFragments).toBe(false)
  })

  test.each([
    ['a discriminator longer than its chunk', startup.readIHello, '05aabb'],
    ['a length beyond what can be counted', startup.readIHello, 'ffffffffffffffffff7f'],
    ['a cookie longer than its chunk', startup.readRHello, '01aa05bb'],
    ['a redirect with half an address', startup.readRedirect, '01aa02c0000201'],
    ['keying without a session ID', startup.readIIKeying, 'aabbcc'],
    ['keying with a certificate longer than its chunk', startup.readIIKeying, '0000000101aa05bb'],
    ['keying with a component longer than its chunk', startup.readRIKeying, '0000000105bb'],
  ] as const)('%s is malformed', (_, read, hex) => {
    expect(() => read(embedded(fromHex(hex)))).toThrow(DecodeError)
  })
})
