import { describe, expect, test } from '@jest/globals'
import { seededRandom, randomBytes } from '../../src/base/random.ts'
import { nobleBackend } from '../../src/crypto/noble.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { SHORT_TEXT } from '../../src/crypto/short-gcm.ts'

const TAG = 16
const HEAD = 5

describe('AES-GCM of Node for short and long texts', () => {
  const random = seededRandom(2007)
  const key = randomBytes(random, 16)
  const node = nodeBackend.aesGcm(key)
  const noble = nobleBackend.aesGcm(key)

  test('every length around the change from one way to the other gives the bytes of the other backend, and opens', () => {
    for (let length = 0; length <= SHORT_TEXT + 40; length++) {
      const nonce = randomBytes(random, 12)
      const aad = randomBytes(random, length % 21)
      const text = randomBytes(random, length)
      const ours = new Uint8Array(HEAD + length + TAG)
      ours.set(text, HEAD)
      const theirs = ours.slice()
      node.seal(nonce, aad, ours, HEAD, HEAD + length)
      noble.seal(nonce, aad, theirs, HEAD, HEAD + length)
      expect(ours).toEqual(theirs)
      const out = new Uint8Array(length)
      expect(node.open(nonce, aad, ours, HEAD, ours.length, out)).toBe(true)
      expect(out).toEqual(text)
    }
  })

  test('one wrong bit in text, tag, nonce or additional data is noticed, and nothing is given out', () => {
    for (const length of [0, 1, 16, 100, SHORT_TEXT, SHORT_TEXT + 1]) {
      const nonce = randomBytes(random, 12)
      const aad = randomBytes(random, 4)
      const sealed = new Uint8Array(length + TAG)
      node.seal(nonce, aad, sealed, 0, length)
      const out = new Uint8Array(length).fill(0xa5)
      for (const part of [nonce, aad, sealed]) {
        for (let bit = 0; bit < part.length * 8; bit += 7) {
          part[bit >> 3]! ^= 1 << (bit & 7)
          expect(node.open(nonce, aad, sealed, 0, sealed.length, out)).toBe(false)
          part[bit >> 3]! ^= 1 << (bit & 7)
        }
      }
      expect(out).toEqual(new Uint8Array(length).fill(0xa5))
      expect(node.open(nonce, aad, sealed, 0, sealed.length, out)).toBe(true)
    }
  })

  test('a pause changes nothing of what comes out, however many packets there are between two', () => {
    for (let packets = 0; packets < 12; packets++) {
      const nonce = randomBytes(random, 12)
      const text = randomBytes(random, 40)
      for (let i = 0; i < packets; i++) node.seal(nonce, text, new Uint8Array(56), 0, 40)
      const ours = new Uint8Array(40 + TAG)
      ours.set(text)
      const theirs = ours.slice()
      node.seal(nonce, nonce, ours, 0, 40)
      noble.seal(nonce, nonce, theirs, 0, 40)
      expect(ours).toEqual(theirs)
      node.rest()
      noble.rest()
    }
  })

  test('packets that are counted up, of all lengths, in and out of turn, give the bytes of the other backend', () => {
    const base = randomBytes(random, 12)
    for (const number of [0, 1, 2, 3, 8, 7, 6, 9, 15, 16, 0x7f, 0x80, 0xffff, 0x1_0000, 0x7fff_fff8, 0x8000_0000, 0xffff_ffff, 5]) {
      const nonce = base.slice()
      for (let i = 0; i < 4; i++) nonce[11 - i]! ^= (number / 2 ** (8 * i)) & 0xff
      for (const length of [0, 7, 40, SHORT_TEXT]) {
        const ours = new Uint8Array(length + TAG).fill(number)
        const theirs = ours.slice()
        node.seal(nonce, base, ours, 0, length)
        noble.seal(nonce, base, theirs, 0, length)
        expect(ours).toEqual(theirs)
        expect(node.open(nonce, base, ours, 0, ours.length, new Uint8Array(length))).toBe(true)
      }
    }
  })

  test('what is shorter than a tag is not opened', () => {
    expect(node.open(new Uint8Array(12), new Uint8Array(4), new Uint8Array(TAG - 1), 0, TAG - 1, new Uint8Array(0))).toBe(false)
  })
})
