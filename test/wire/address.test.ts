import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Address } from '../../src/base/address.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import {
  ORIGIN_LOCAL,
  ORIGIN_OBSERVED,
  ORIGIN_REMOTE,
  ORIGIN_UNKNOWN,
  addressSize,
  readAddress,
  writeAddress,
} from '../../src/wire/address.ts'
import { embedded, wireAddress, written } from './chunks.ts'

describe('socket addresses, RFC 7016 §2.1.5', () => {
  test.each([
    ['192.0.2.1:1935', ORIGIN_UNKNOWN, '00c0000201078f'],
    ['192.0.2.1:1935', ORIGIN_LOCAL, '01c0000201078f'],
    ['192.0.2.1:1935', ORIGIN_OBSERVED, '02c0000201078f'],
    ['[2001:db8::1]:65535', ORIGIN_REMOTE, '8320010db8000000000000000000000001ffff'],
  ])('%s of origin %d is %s', (text, origin, hex) => {
    const address = Address.parse(text)
    expect(toHex(written((w) => writeAddress(w, address, origin)))).toBe(hex)
    const read = readAddress(embedded(fromHex(hex)))
    expect(read.address.key).toBe(address.key)
    expect(read.origin).toBe(origin)
  })

  test('decode(encode(x)) = x, in as many bytes as addressSize says', () => {
    fc.assert(
      fc.property(wireAddress, ({ address, origin }) => {
        const encoded = written((w) => writeAddress(w, address, origin))
        expect(encoded).toHaveLength(addressSize(address))
        const r = embedded(encoded)
        expect(readAddress(r)).toEqual({ address, origin })
        expect(r.remaining).toBe(0)
      }),
    )
  })

  test('reserved bits are ignored', () => {
    expect(readAddress(embedded(fromHex('7ec0000201078f')))).toEqual({ address: Address.parse('192.0.2.1:1935'), origin: ORIGIN_OBSERVED })
  })

  test('an IPv4 address in IPv6 form is the IPv4 address', () => {
    const { address } = readAddress(embedded(fromHex('8200000000000000000000ffffc0000201078f')))
    expect(address.key).toBe('192.0.2.1:1935')
  })

  test('every truncation is malformed', () => {
    for (const hex of ['01c0000201078f', '8320010db8000000000000000000000001ffff']) {
      const whole = fromHex(hex)
      for (let length = 0; length < whole.length; length++) {
        expect(() => readAddress(embedded(whole.subarray(0, length)))).toThrow(DecodeError)
      }
    }
  })
})
