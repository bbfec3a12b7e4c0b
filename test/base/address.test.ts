import { isIPv4, isIPv6 } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Address } from '../../src/base/address.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'

const port = fc.nat(0xffff)
const ip = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))

describe('Address', () => {
  test('parse(key) is the same address', () => {
    fc.assert(
      fc.property(ip, port, (bytes, number) => {
        const address = Address.of(bytes, number)
        for (const again of [Address.parse(address.key), Address.from(address.host, number), Address.of(address.ip, number)]) {
          expect(again.key).toBe(address.key)
          expect(again.ip).toEqual(bytes)
          expect(again.port).toBe(number)
          expect(again.equals(address)).toBe(true)
        }
        expect(address.toString()).toBe(address.key)
        expect(address.isIpv4).toBe(bytes.length === 4)
      }),
    )
  })

  test('every text form of an IPv6 address is the same address', () => {
    fc.assert(
      fc.property(fc.ipV6(), port, (text, number) => {
        // The platform's own parser of IPv6 addresses.
        const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1)
        expect(Address.from(text, number).key).toBe(Address.from(canonical, number).key)
      }),
    )
  })

  test.each([
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['128.0.0.1', false],
    ['10.127.0.1', false],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::', false],
    ['::2', false],
    ['2001:db8::1', false],
  ])('RFC 1122 §3.2.1.3, RFC 4291 §2.5.3: %s names the machine itself: %s', (host, expected) => {
    expect(Address.from(host, 1_935).isLoopback).toBe(expected)
  })

  test('addresses differ by port and by IP address', () => {
    const address = Address.parse('192.0.2.1:1935')
    expect(address.equals(Address.parse('192.0.2.1:1936'))).toBe(false)
    expect(address.equals(Address.parse('192.0.2.2:1935'))).toBe(false)
  })

  test.each([
    ['192.0.2.1:1935', 'c0000201', 1935],
    ['0.0.0.0:0', '00000000', 0],
    ['255.255.255.255:65535', 'ffffffff', 65535],
    ['[::]:1', '00000000000000000000000000000000', 1],
    ['[::1]:1', '00000000000000000000000000000001', 1],
    ['[1::]:1', '00010000000000000000000000000000', 1],
    ['[2001:DB8::a:1]:80', '20010db8000000000000000000' + '0a0001', 80],
    ['[1:2:3:4:5:6:7::]:1', '00010002000300040005000600070000', 1],
    ['[64:ff9b::192.0.2.33]:1', '0064ff9b0000000000000000c0000221', 1],
    ['[1:2:3:4:5:6:192.0.2.33]:1', '000100020003000400050006c0000221', 1],
    ['[fe80::1%eth0]:1', 'fe800000000000000000000000000001', 1],
  ])('%s', (text, hex, number) => {
    const address = Address.parse(text)
    expect(toHex(address.ip)).toBe(hex)
    expect(address.port).toBe(number)
  })

  test.each(['::ffff:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:FFFF:192.0.2.1'])('%s is IPv4', (text) => {
    expect(Address.from(text, 5).key).toBe('192.0.2.1:5')
    expect(Address.of(fromHex('00000000000000000000ffffc0000201'), 5).ip).toHaveLength(4)
  })

  test('an address keeps its own copy of the bytes', () => {
    const bytes = fromHex('c0000201')
    const address = Address.of(bytes, 1)
    bytes.fill(0)
    expect(toHex(address.ip)).toBe('c0000201')
  })

  test.each([
    '',
    ':1',
    '1.2.3.4',
    '1.2.3.4:',
    '1.2.3.4:x',
    '1.2.3.4:65536',
    '1.2.3.4:999999',
    '1.2.3:1',
    '1.2.3.4.5:1',
    '1.2.3.256:1',
    '1.2.3.04:1',
    '1.2.3.0x4:1',
    '1..3.4:1',
    'host:1',
    '::1:1',
    '[::1]',
    '[]:1',
    '[:::]:1',
    '[1:2:3:4:5:6:7]:1',
    '[1:2:3:4:5:6:7:8:9]:1',
    '[1:2:3:4:5:6:7:8::]:1',
    '[1::2::3]:1',
    '[12345::]:1',
    '[g::]:1',
    '[:1::]:1',
    '[1::2:]:1',
    '[192.0.2.1::]:1',
    '[1::192.0.2.1:1]:1',
    '[1:2:3:4:5:6:7:192.0.2.1]:1',
  ])('%p is no socket address', (text) => {
    expect(() => Address.parse(text)).toThrow(DecodeError)
  })

  test('what is taken for an IP address is what Node takes for one', () => {
    const part = fc.constantFrom('0', '1', '01', '255', '256', 'f', 'ffff', '10000', ':', '::', '.', '192.0.2.1', '')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), fc.boolean(), (parts, joined) => {
        const text = parts.join(joined ? ':' : '')
        let accepted = true
        try {
          Address.from(text, 1)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
          accepted = false
        }
        expect([text, accepted]).toEqual([text, isIPv4(text) || isIPv6(text)])
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    [3, 1],
    [5, 1],
    [15, 1],
    [4, -1],
    [4, 65536],
    [16, 1.5],
    [16, Number.NaN],
  ])('%d bytes and port %d are refused', (length, number) => {
    expect(() => Address.of(new Uint8Array(length), number)).toThrow(DecodeError)
  })
})
