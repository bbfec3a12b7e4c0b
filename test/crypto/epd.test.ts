import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { concat, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { ancillaryEpd, canonicalEpd, epdFingerprint, fingerprintEpd, hostnameEpd, selects } from '../../src/crypto/epd.ts'
import { nearPrevails, overrides } from '../../src/crypto/glare.ts'

const FINGERPRINT = new Uint8Array(32).fill(0xab)
const OTHER = new Uint8Array(32).fill(0xac)
const peer = { fingerprint: FINGERPRINT, hostname: undefined, acceptsAncillary: false }
const server = { fingerprint: FINGERPRINT, hostname: utf8('game.example'), acceptsAncillary: true }

describe('endpoint discriminators, RFC 7425 §4.4', () => {
  test('§4.4.4: the canonical one is 34 bytes', () => {
    expect(toHex(canonicalEpd(peer))).toBe(`210f${'ab'.repeat(32)}`)
    expect(fingerprintEpd(FINGERPRINT)).toEqual(canonicalEpd(peer))
  })

  test('a packet of an independent implementation: ancillary data', () => {
    expect(toHex(ancillaryEpd('rtmfp:'))).toBe('070a72746d66703a')
  })

  test('§4.4.3: a fingerprint decides alone', () => {
    expect(selects(fingerprintEpd(FINGERPRINT), peer)).toBe(true)
    expect(selects(fingerprintEpd(OTHER), peer)).toBe(false)
    expect(selects(concat(hostnameEpd('elsewhere'), ancillaryEpd('x'), fingerprintEpd(FINGERPRINT)), peer)).toBe(true)
    expect(selects(concat(hostnameEpd('game.example'), fingerprintEpd(OTHER)), server)).toBe(false)
    expect(selects(fingerprintEpd(FINGERPRINT.slice(1)), peer)).toBe(false)
  })

  test('§4.4.3: host name and ancillary data, each where it is asked for', () => {
    expect(selects(hostnameEpd('game.example'), server)).toBe(true)
    expect(selects(hostnameEpd('game.exampl'), server)).toBe(false)
    expect(selects(hostnameEpd('game.example'), peer)).toBe(false)
    expect(selects(ancillaryEpd('rtmfp://game.example/'), server)).toBe(true)
    expect(selects(ancillaryEpd('rtmfp://game.example/'), peer)).toBe(false)
    expect(selects(concat(hostnameEpd('game.example'), ancillaryEpd('x')), server)).toBe(true)
    expect(selects(concat(hostnameEpd('other.example'), ancillaryEpd('x')), server)).toBe(false)
    expect(selects(concat(hostnameEpd('game.example'), ancillaryEpd('x')), { ...server, acceptsAncillary: false })).toBe(false)
  })

  test('§4.4.3: one with none of the three selects nothing; what is not known is passed over', () => {
    expect(selects(new Uint8Array(0), server)).toBe(false)
    expect(selects(fromHex('023f01'), server)).toBe(false)
    expect(selects(concat(fromHex('023f01'), hostnameEpd('game.example')), server)).toBe(true)
  })

  test('the fingerprint that is asked for', () => {
    expect(epdFingerprint(concat(ancillaryEpd('x'), fingerprintEpd(OTHER)))).toEqual(OTHER)
    expect(epdFingerprint(ancillaryEpd('x'))).toBeUndefined()
    expect(epdFingerprint(fingerprintEpd(OTHER.slice(1)))).toBeUndefined()
  })

  test('any bytes select, do not select, or give a DecodeError', () => {
    expect(() => selects(fromHex('210f'), peer)).toThrow(DecodeError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (epd) => {
        try {
          selects(epd, server)
          epdFingerprint(epd)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('glare and override, RFC 7425 §4.3.6, §4.3.7', () => {
  test.each([
    ['01', '02', true],
    ['02', '01', false],
    ['01', '0100', true],
    ['0100', '01', false],
    ['7f', '80', true],
    ['0101', '0101', true],
  ])('near %s against far %s', (near, far, prevails) => {
    expect(nearPrevails(fromHex(near), fromHex(far))).toBe(prevails)
  })

  test('of two different certificates exactly one end prevails', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }), (a, b) => {
        expect(nearPrevails(a, b) && nearPrevails(b, a)).toBe(toHex(a) === toHex(b))
        expect(nearPrevails(a, b) || nearPrevails(b, a)).toBe(true)
        expect(overrides(a, b)).toBe(toHex(a) === toHex(b))
      }),
    )
  })
})
