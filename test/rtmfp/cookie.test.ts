import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Address } from '../../src/base/address.ts'
import { EMPTY, concat } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { COOKIE_LENGTH, COOKIE_LIFETIME } from '../../src/rtmfp/constants.ts'
import { CookieJar } from '../../src/rtmfp/session/cookie.ts'

const jar = new CookieJar(nodeBackend, seededRandom(1))
const here = Address.from('192.0.2.1', 1_935)

const addresses = fc
  .tuple(fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })), fc.nat(0xffff))
  .map(([ip, port]) => Address.of(ip, port))

describe('cookies', () => {
  test('RFC 7016 §3.5.1.1.2: one is good where it was sent to, for 95 seconds to the millisecond, and has 64 bytes', () => {
    fc.assert(
      fc.property(addresses, fc.nat(2 ** 45), fc.nat(COOKIE_LIFETIME), (address, now, age) => {
        const cookie = jar.make(address, now)
        expect(cookie).toHaveLength(COOKIE_LENGTH)
        expect(jar.check(cookie, address, now + age)).toBe('valid')
        expect(jar.check(cookie, address, now + COOKIE_LIFETIME + 1)).toBe('expired')
        expect(jar.madeAt(cookie)).toBe(now)
      }),
    )
    expect(COOKIE_LENGTH).toBe(64)
    expect(COOKIE_LIFETIME).toBeGreaterThanOrEqual(95_000)
  })

  test('RFC 7016 §3.5.1.2: at any other address or port it is known as ours, and not good', () => {
    fc.assert(
      fc.property(addresses, addresses, (made, seen) => {
        expect(jar.check(jar.make(made, 5), seen, 5)).toBe(made.equals(seen) ? 'valid' : 'other-address')
      }),
    )
    expect(jar.check(jar.make(here, 5), Address.from('192.0.2.1', 1_936), 5)).toBe('other-address')
    expect(jar.check(jar.make(here, 5), Address.from('192.0.2.2', 1_935), 5)).toBe('other-address')
  })

  test('no bit of it can be changed: its time least of all', () => {
    const cookie = jar.make(here, 123_456)
    for (let bit = 0; bit < COOKIE_LENGTH * 8; bit++) {
      const changed = cookie.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      // The last 32 bytes are bound to the address; with those alone changed, the cookie is still recognised, and exchanged.
      expect(jar.check(changed, here, 123_456)).toBe(bit < 256 ? 'forged' : 'other-address')
    }
  })

  test('one that is not ours is forged: of another jar, of another length, of any bytes', () => {
    const other = new CookieJar(nodeBackend, seededRandom(2))
    const cookie = jar.make(here, 9)
    for (const bytes of [other.make(here, 9), EMPTY, cookie.subarray(0, 63), concat(cookie, Uint8Array.of(0)), cookie.subarray(0, 32)]) {
      expect(jar.check(bytes, here, 9)).toBe('forged')
    }
    fc.assert(fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => jar.check(bytes, here, 9) === 'forged'))
  })

  test('the halves of two cookies do not make a third', () => {
    const [early, late] = [jar.make(here, 1_000), jar.make(here, 200_000)]
    const mixed = concat(late.subarray(0, 32), early.subarray(32))
    expect(jar.check(mixed, here, 200_000)).toBe('other-address')
  })

  test('a clock with fractions of a millisecond makes good cookies, too', () => {
    const cookie = jar.make(here, 1_000.75)
    expect(jar.check(cookie, here, 1_000.75)).toBe('valid')
    expect(jar.madeAt(cookie)).toBe(1_000)
  })
})
