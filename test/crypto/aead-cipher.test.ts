import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { AltostratusError } from '../../src/base/errors.ts'
import { seededRandom } from '../../src/base/random.ts'
import { AeadOpener, AeadSealer } from '../../src/crypto/aead-cipher.ts'
import type { AeadSettings } from '../../src/crypto/aead-cipher.ts'
import { PACKETS_PER_KEY, PACKETS_PER_SESSION, REPLAY_WINDOW, SUITE_AES_GCM, SUITE_CHACHA20_POLY1305 } from '../../src/crypto/constants.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { OPEN_FORGED, OPEN_MALFORMED, OPEN_REPLAYED } from '../../src/crypto/packet-cipher.ts'
import { readSessionId, writeSessionId } from '../../src/wire/session-id.ts'
import { PAIRS } from './backends.ts'
import { flipped, open, plainPacket, seal } from './packets.ts'

const SECRET = fromHex('202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f')
const SESSION = 0x8badf00d
const SUITES = [
  ['AES-128-GCM', SUITE_AES_GCM],
  ['ChaCha20-Poly1305', SUITE_CHACHA20_POLY1305],
] as const

describe.each(SUITES)('%s packets', (_suite, suite) => {
  const settings: AeadSettings = { suite, secret: SECRET }

  test.each(PAIRS.map((pair) => [pair.names, pair] as const))('any packet from %s', (_names, { near, far }) => {
    const sealer = new AeadSealer(near, settings)
    const twin = new AeadSealer(far, settings)
    const opener = new AeadOpener(far, settings)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_500 }), fc.nat(0xffffffff), (plain, sessionId) => {
        const datagram = seal(sealer, plain, sessionId)
        expect(datagram.length).toBe(4 + 4 + plain.length + 16)
        expect(datagram).toEqual(seal(twin, plain, sessionId))
        expect(readSessionId(datagram)).toBe(sessionId)
        expect(open(opener, datagram)).toEqual(plain)
      }),
      { numRuns: 50 },
    )
  })

  test('every flipped bit is a forgery, those of the session ID too, and marks nothing', () => {
    const sealer = new AeadSealer(nodeBackend, settings)
    const opener = new AeadOpener(nodeBackend, settings)
    const plain = plainPacket(seededRandom(1), 20)
    const datagram = seal(sealer, plain, SESSION)
    for (let bit = 0; bit < datagram.length * 8; bit++) expect(open(opener, flipped(datagram, bit))).toBe(OPEN_FORGED)
    expect(open(opener, datagram)).toEqual(plain)
  })

  test('a packet for another session of the same key is a forgery', () => {
    const sealer = new AeadSealer(nodeBackend, settings)
    const opener = new AeadOpener(nodeBackend, settings)
    const datagram = seal(sealer, Uint8Array.of(1, 2, 3), SESSION)
    writeSessionId(datagram, SESSION + 1)
    expect(open(opener, datagram)).toBe(OPEN_FORGED)
    writeSessionId(datagram, SESSION)
    expect(typeof open(opener, datagram)).not.toBe('number')
  })

  test('truncated and lengthened datagrams', () => {
    const sealer = new AeadSealer(nodeBackend, settings)
    const opener = new AeadOpener(nodeBackend, settings)
    const datagram = seal(sealer, plainPacket(seededRandom(2), 20), SESSION)
    for (let length = 0; length < datagram.length; length++) {
      expect(open(opener, datagram.slice(0, length))).toBe(length < 4 + 4 + 16 ? OPEN_MALFORMED : OPEN_FORGED)
    }
    const longer = new Uint8Array(datagram.length + 1)
    longer.set(datagram)
    expect(open(opener, longer)).toBe(OPEN_FORGED)
  })

  test('a packet opens once, in whatever order packets come, and not when it is too old', () => {
    const sealer = new AeadSealer(nodeBackend, settings)
    const opener = new AeadOpener(nodeBackend, settings)
    const oldest = seal(sealer, Uint8Array.of(0), SESSION)
    const datagrams = Array.from({ length: 40 }, (_, i) => seal(sealer, Uint8Array.of(i), SESSION))
    for (const datagram of datagrams.toReversed()) expect(typeof open(opener, datagram)).not.toBe('number')
    for (const datagram of datagrams) expect(open(opener, datagram)).toBe(OPEN_REPLAYED)
    for (let i = 0; i < REPLAY_WINDOW; i++) seal(sealer, Uint8Array.of(0), SESSION)
    expect(typeof open(opener, seal(sealer, Uint8Array.of(0), SESSION))).not.toBe('number')
    expect(open(opener, oldest)).toBe(OPEN_REPLAYED)
  })

  test('a pause gives memory back and changes nothing but that what is older than the pause no longer opens', () => {
    const sealer = new AeadSealer(nodeBackend, settings)
    const opener = new AeadOpener(nodeBackend, settings)
    const datagrams = Array.from({ length: 30 }, (_, i) => seal(sealer, Uint8Array.of(i), SESSION))
    for (const [i, datagram] of datagrams.entries()) if (i !== 20) expect(open(opener, datagram)).toEqual(Uint8Array.of(i))
    sealer.rest()
    opener.rest()
    for (const datagram of datagrams) expect(open(opener, datagram)).toBe(OPEN_REPLAYED)
    const later = Array.from({ length: 10 }, (_, i) => seal(sealer, Uint8Array.of(i), SESSION))
    for (const [i, datagram] of [...later.entries()].toReversed()) expect(open(opener, datagram)).toEqual(Uint8Array.of(i))
    for (const datagram of later) expect(open(opener, datagram)).toBe(OPEN_REPLAYED)
  })

  test('the next key follows by itself, and packets that are late across the change still open', () => {
    const short: AeadSettings = { ...settings, packetsPerKey: 64 }
    const sealer = new AeadSealer(nodeBackend, short)
    const opener = new AeadOpener(nodeBackend, short)
    const datagrams = Array.from({ length: 400 }, (_, i) => seal(sealer, Uint8Array.of(i & 0xff), SESSION))
    const order = [...datagrams.keys()].sort((a, b) => (a ^ 0x2f) - (b ^ 0x2f))
    for (const i of order) expect(open(opener, datagrams[i] as Uint8Array)).toEqual(Uint8Array.of(i & 0xff))
    for (const datagram of datagrams) expect(open(opener, datagram)).toBe(OPEN_REPLAYED)
    const other = new AeadSealer(nodeBackend, settings)
    const same = Array.from({ length: 65 }, (_, i) => seal(other, Uint8Array.of(i), SESSION))
    expect(same[63]).toEqual(datagrams[63])
    expect(same[64]).not.toEqual(datagrams[64])
  })

  test('a leap over a whole key is a forgery', () => {
    const short: AeadSettings = { ...settings, packetsPerKey: 64 }
    const opener = new AeadOpener(nodeBackend, short)
    const far = new AeadSealer(nodeBackend, { ...short, firstPacket: 64 })
    expect(open(opener, seal(far, Uint8Array.of(1), SESSION))).toBe(OPEN_FORGED)
    const near = new AeadSealer(nodeBackend, { ...short, firstPacket: 63 })
    expect(open(opener, seal(near, Uint8Array.of(1), SESSION))).toEqual(Uint8Array.of(1))
  })

  test.each([2 ** 31 - 2, 2 ** 32 - 2, 2 ** 33 - 2, 2 ** 52 - 2])('32 bits on the wire are enough around %d', (firstPacket) => {
    const sealer = new AeadSealer(nodeBackend, { ...settings, firstPacket })
    const opener = new AeadOpener(nodeBackend, { ...settings, firstPacket })
    const datagrams = Array.from({ length: 6 }, (_, i) => seal(sealer, Uint8Array.of(i), SESSION))
    for (const i of [0, 3, 1, 5, 2, 4]) expect(open(opener, datagrams[i] as Uint8Array)).toEqual(Uint8Array.of(i))
    for (const datagram of datagrams) expect(open(opener, datagram)).toBe(OPEN_REPLAYED)
  })

  test('refuses to seal when packet numbers are used up', () => {
    const sealer = new AeadSealer(nodeBackend, { ...settings, firstPacket: PACKETS_PER_SESSION - 1 })
    const opener = new AeadOpener(nodeBackend, { ...settings, firstPacket: PACKETS_PER_SESSION - 1 })
    expect(open(opener, seal(sealer, Uint8Array.of(1), SESSION))).toEqual(Uint8Array.of(1))
    expect(() => seal(sealer, Uint8Array.of(1), SESSION)).toThrow(AltostratusError)
    expect(() => seal(sealer, Uint8Array.of(1), SESSION)).toThrow(expect.objectContaining({ code: 'KEY_WORN_OUT' }))
  })

  test('the nonce is the mask XOR the packet number: packets of one plaintext differ', () => {
    const sealer = new AeadSealer(nodeBackend, settings)
    const seen = new Set(Array.from({ length: 300 }, () => toHex(seal(sealer, new Uint8Array(16), SESSION).subarray(8))))
    expect(seen.size).toBe(300)
  })
})

test('limits of a key, RFC 9001 §6.6 and Appendix B', () => {
  expect(PACKETS_PER_KEY).toBeLessThanOrEqual(2 ** 28)
  expect(Number.isSafeInteger(PACKETS_PER_SESSION)).toBe(true)
  expect(PACKETS_PER_SESSION / PACKETS_PER_KEY).toBeLessThanOrEqual(2 ** 32)
})
