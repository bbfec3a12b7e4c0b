import { expect } from '@jest/globals'
import type { Random } from '../../src/base/random.ts'
import { randomBytes } from '../../src/base/random.ts'
import type { PacketOpener, PacketSealer } from '../../src/crypto/packet-cipher.ts'

/** Room that openers ask for beyond the datagram. */
const SLACK = 64

/** The datagram that a sealer makes of a plain packet. */
export function seal(sealer: PacketSealer, plain: Uint8Array, sessionId: number): Uint8Array {
  const { headroom, tailroom } = sealer
  const plainEnd = headroom + plain.length
  const buffer = new Uint8Array(plainEnd + tailroom)
  buffer.set(plain, headroom)
  const end = sealer.seal(buffer, plainEnd, sessionId)
  expect(end).toBeLessThanOrEqual(buffer.length)
  return buffer.slice(0, end)
}

/** The code that opening ends with, or the plain packet. */
export function open(opener: PacketOpener, datagram: Uint8Array): Uint8Array | number {
  const out = new Uint8Array(datagram.length + SLACK)
  const before = datagram.slice()
  const end = opener.open(datagram, out)
  expect(datagram).toEqual(before)
  return end < 0 ? end : out.slice(opener.plainStart, end)
}

/** The plain packet without the padding of block ciphers. */
export function unpadded(packet: Uint8Array | number, length: number): Uint8Array {
  if (typeof packet === 'number') throw new Error(`not opened: ${packet}`)
  expect(packet.length - length).toBeLessThan(16)
  expect(packet.subarray(length).every((byte) => byte === 0xff)).toBe(true)
  return packet.slice(0, length)
}

/** A copy with one bit changed. */
export function flipped(datagram: Uint8Array, bit: number): Uint8Array {
  const copy = datagram.slice()
  const at = Math.floor(bit / 8)
  copy[at] = (copy[at] as number) ^ (1 << (bit % 8))
  return copy
}

/** A plain packet of random bytes. */
export function plainPacket(random: Random, length: number): Uint8Array {
  return randomBytes(random, length)
}
