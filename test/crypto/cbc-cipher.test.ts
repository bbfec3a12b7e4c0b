import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { AltostratusError } from '../../src/base/errors.ts'
import { seededRandom } from '../../src/base/random.ts'
import { CbcOpener, CbcSealer, createDefaultCipher, simpleChecksum } from '../../src/crypto/cbc-cipher.ts'
import type { CbcSettings } from '../../src/crypto/cbc-cipher.ts'
import { nobleBackend } from '../../src/crypto/noble.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { OPEN_FORGED, OPEN_MALFORMED, OPEN_REPLAYED } from '../../src/crypto/packet-cipher.ts'
import { readSessionId } from '../../src/wire/session-id.ts'
import { BACKENDS, PAIRS } from './backends.ts'
import { flipped, open, plainPacket, seal, unpadded } from './packets.ts'

const KEY = fromHex('000102030405060708090a0b0c0d0e0f')
const MAC_KEY = fromHex('101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f')
const SESSION = 0x8badf00d

const MODES: readonly (readonly [string, CbcSettings])[] = [
  ['checksum', { key: KEY, hmacLength: 0, sequenceNumbers: false }],
  ['checksum and sequence numbers', { key: KEY, hmacLength: 0, sequenceNumbers: true }],
  ['HMAC', { key: KEY, macKey: MAC_KEY, hmacLength: 16, sequenceNumbers: false }],
  ['HMAC and sequence numbers', { key: KEY, macKey: MAC_KEY, hmacLength: 16, sequenceNumbers: true }],
  ['HMAC of 4 bytes', { key: KEY, macKey: MAC_KEY, hmacLength: 4, sequenceNumbers: true }],
  ['HMAC of 32 bytes', { key: KEY, macKey: MAC_KEY, hmacLength: 32, sequenceNumbers: true }],
]

interface VectorFile {
  readonly packets: readonly { readonly datagram: string; readonly sessionID: number; readonly plainPacket: string }[]
}

describe('Default Session Key, RFC 7425 §4.1', () => {
  const folder = new URL('../vectors/', import.meta.url)
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))

  test('there are packets of an independent implementation', () => {
    expect(files.length).toBeGreaterThanOrEqual(6)
  })

  describe.each(BACKENDS.map((backend) => [backend.name, backend] as const))('on %s', (_name, backend) => {
    test.each(files)('opens %s and seals the same bytes', (file) => {
      const { packets } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as VectorFile
      expect(packets.length).toBeGreaterThan(0)
      const { sealer, opener } = createDefaultCipher(backend)
      for (const packet of packets) {
        const datagram = fromHex(packet.datagram)
        expect(readSessionId(datagram)).toBe(packet.sessionID)
        expect(toHex(open(opener, datagram) as Uint8Array)).toBe(packet.plainPacket)
        expect(toHex(seal(sealer, fromHex(packet.plainPacket), packet.sessionID))).toBe(packet.datagram)
      }
    })

    test('is never worn out by its packets, and takes the same packet twice', () => {
      const { sealer, opener } = createDefaultCipher(backend)
      const plain = fromHex('0b00000c')
      const datagram = seal(sealer, plain, 0)
      expect(seal(sealer, plain, 0)).toEqual(datagram)
      expect(unpadded(open(opener, datagram), 4)).toEqual(plain)
      expect(unpadded(open(opener, datagram), 4)).toEqual(plain)
    })
  })
})

describe('simple checksum, RFC 7425 §4.7.3.1', () => {
  test('the example of RFC 1071 §3', () => {
    expect(simpleChecksum(fromHex('0001f203f4f5f6f7'), 0, 8)).toBe(~0xddf2 & 0xffff)
  })

  test('an odd last byte is the lower half of a word', () => {
    expect(simpleChecksum(fromHex('000112'), 0, 3)).toBe(~0x13 & 0xffff)
    expect(simpleChecksum(fromHex('ff12ff'), 1, 2)).toBe(~0x12 & 0xffff)
    expect(simpleChecksum(fromHex(''), 0, 0)).toBe(0xffff)
  })

  test('carries come around, whatever the length', () => {
    expect(simpleChecksum(new Uint8Array(65_536).fill(0xff), 0, 65_536)).toBe(0)
  })
})

describe.each(MODES)('AES-128-CBC with %s, RFC 7425 §4.7', (_mode, settings) => {
  test.each(PAIRS.map((pair) => [pair.names, pair] as const))('any packet from %s', (_names, { near, far }) => {
    const sealer = new CbcSealer(near, settings)
    const twin = new CbcSealer(far, settings)
    const opener = new CbcOpener(far, settings)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 1_500 }), fc.nat(0xffffffff), (plain, sessionId) => {
        const datagram = seal(sealer, plain, sessionId)
        expect(datagram).toEqual(seal(twin, plain, sessionId))
        expect(readSessionId(datagram)).toBe(sessionId)
        expect(unpadded(open(opener, datagram), plain.length)).toEqual(plain)
      }),
      { numRuns: 50 },
    )
  })

  test('every flipped bit behind the session ID is a forgery, and does not disturb what follows', () => {
    const sealer = new CbcSealer(nodeBackend, settings)
    const opener = new CbcOpener(nodeBackend, settings)
    const plain = plainPacket(seededRandom(1), 40)
    const datagram = seal(sealer, plain, SESSION)
    let passed = 0
    for (let bit = 32; bit < datagram.length * 8; bit++) {
      const verdict = open(opener, flipped(datagram, bit))
      // A checksum of 16 bits lets one in 65,536 pass, and these are 400.
      if (verdict !== OPEN_FORGED) passed++
    }
    expect(passed).toBe(0)
    expect(unpadded(open(opener, datagram), plain.length)).toEqual(plain)
  })

  test('truncated and lengthened datagrams', () => {
    const sealer = new CbcSealer(nodeBackend, settings)
    const opener = new CbcOpener(nodeBackend, settings)
    const datagram = seal(sealer, plainPacket(seededRandom(2), 40), SESSION)
    for (let length = 0; length < datagram.length; length++) {
      expect([OPEN_FORGED, OPEN_MALFORMED]).toContain(open(opener, datagram.slice(0, length)))
    }
    for (const extra of [1, 15, 16, 32]) {
      const longer = new Uint8Array(datagram.length + extra)
      longer.set(datagram)
      expect([OPEN_FORGED, OPEN_MALFORMED]).toContain(open(opener, longer))
    }
  })
})

describe('session sequence numbers, RFC 7425 §4.6.6', () => {
  const settings: CbcSettings = { key: KEY, macKey: MAC_KEY, hmacLength: 16, sequenceNumbers: true }

  test('a packet opens once, in whatever order packets come', () => {
    const sealer = new CbcSealer(nodeBackend, settings)
    const opener = new CbcOpener(nobleBackend, settings)
    const datagrams = Array.from({ length: 40 }, (_, i) => seal(sealer, Uint8Array.of(i), SESSION))
    for (const datagram of datagrams.toReversed()) expect(typeof open(opener, datagram)).not.toBe('number')
    for (const datagram of datagrams) expect(open(opener, datagram)).toBe(OPEN_REPLAYED)
  })

  test('a forged packet does not mark its number', () => {
    const sealer = new CbcSealer(nodeBackend, settings)
    const opener = new CbcOpener(nodeBackend, settings)
    const datagram = seal(sealer, Uint8Array.of(1), SESSION)
    expect(open(opener, flipped(datagram, 100))).toBe(OPEN_FORGED)
    expect(typeof open(opener, datagram)).not.toBe('number')
  })

  test('headroom grows with the number, from 0', () => {
    const sealer = new CbcSealer(nodeBackend, settings)
    expect(sealer.headroom).toBe(4 + 1)
    for (let i = 0; i < 128; i++) seal(sealer, Uint8Array.of(1), SESSION)
    expect(sealer.headroom).toBe(4 + 2)
    expect(typeof open(new CbcOpener(nodeBackend, settings), seal(sealer, Uint8Array.of(1), SESSION))).not.toBe('number')
  })

  test('the key refuses to seal more than it may', () => {
    const sealer = new CbcSealer(nodeBackend, { ...settings, packetLimit: 2 })
    seal(sealer, Uint8Array.of(1), SESSION)
    seal(sealer, Uint8Array.of(1), SESSION)
    expect(() => seal(sealer, Uint8Array.of(1), SESSION)).toThrow(AltostratusError)
    expect(() => seal(sealer, Uint8Array.of(1), SESSION)).toThrow(expect.objectContaining({ code: 'KEY_WORN_OUT' }))
  })
})
