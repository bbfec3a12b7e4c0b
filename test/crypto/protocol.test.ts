import { createCipheriv, createHash, hkdfSync } from 'node:crypto'
import type { CipherGCMTypes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { concat, toHex, utf8 } from '../../src/base/bytes.ts'
import type { Random } from '../../src/base/random.ts'
import { AeadOpener, AeadSealer } from '../../src/crypto/aead-cipher.ts'
import { PACKETS_PER_KEY, REPLAY_WINDOW, SUITE_AES_GCM, SUITE_CHACHA20_POLY1305 } from '../../src/crypto/constants.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { InitiatorKeying, respond } from '../../src/crypto/keying.ts'
import { DEFAULT_POLICY } from '../../src/crypto/policy.ts'
import { CERT_SIGNING_KEY, CERT_SUITE, KEYING_SUITE, SIGNATURE_ED25519 } from '../../src/wire/rfc7425.ts'
import { readVectors } from '../docs/vectors.ts'
import { BACKENDS } from './backends.ts'
import { open, seal } from './packets.ts'

/** The vectors of this part of the page: one map for each block of `name = hex` lines. */
const blocks = readVectors('docs/protocol.md').slice(0, 4)

function vector(block: number, name: string): Uint8Array {
  const value = blocks[block]?.get(name)
  if (value === undefined) throw new Error(`no vector "${name}" in block ${block}`)
  return value
}

const peers = (name: string): Uint8Array => vector(0, name)

/** Hands out the given bytes, in order. */
function scripted(...parts: Uint8Array[]): Random {
  return {
    fill(target) {
      const part = parts.shift()
      if (part?.length !== target.length) throw new Error('not in the script')
      target.set(part)
      return target
    },
    uint32() {
      throw new Error('not in the script')
    },
  }
}

test('docs/protocol.md has the vectors', () => {
  expect(blocks.map((block) => block.size)).toEqual([9, 2, 15, 15])
})

test('C1: type codes', () => {
  expect([CERT_SIGNING_KEY, CERT_SUITE, KEYING_SUITE, SIGNATURE_ED25519]).toEqual([0x4001, 0x4002, 0x4002, 0x4001])
})

test('C7, C8: the numbers that the page names', () => {
  expect(PACKETS_PER_KEY).toBe(2 ** 24)
  expect(REPLAY_WINDOW).toBe(4_096)
})

describe.each(BACKENDS.map((backend) => [backend.name, backend] as const))('docs/protocol.md on %s', (_name, backend) => {
  const initiator = createIdentity({ backend, random: scripted(peers('initiator seed')) })
  const responder = createIdentity({ backend, random: scripted(peers('responder seed')) })

  test('C2: certificates and peer IDs', () => {
    for (const [role, identity] of [['initiator', initiator] as const, ['responder', responder] as const]) {
      expect(toHex(identity.certificate.bytes)).toBe(toHex(peers(`${role} certificate`)))
      expect(identity.peerId).toBe(toHex(peers(`${role} peer ID`)))
      expect(identity.certificate.bytes.length).toBe(54)
    }
  })

  test('C3: X25519', () => {
    const key = backend.x25519PublicKey(peers('responder X25519 secret'))
    expect(toHex(backend.x25519(peers('initiator X25519 secret'), key))).toBe(toHex(peers('DH_SECRET')))
  })

  test('C5: signature field', () => {
    expect(toHex(initiator.sign(vector(1, 'signed parameters')))).toBe(toHex(vector(1, 'signature field')))
  })

  test.each([
    ['AES-128-GCM', SUITE_AES_GCM, 2],
    ['ChaCha20-Poly1305', SUITE_CHACHA20_POLY1305, 3],
  ] as const)('C4, C6, C7: components, keys and packets of %s', (_suite, suite, block) => {
    const of = (name: string): Uint8Array => vector(block, name)
    const policy = { ...DEFAULT_POLICY, suites: [suite] }
    const keying = new InitiatorKeying({
      identity: initiator,
      far: responder.certificate,
      policy,
      backend,
      random: scripted(peers('initiator X25519 secret')),
    })
    const random = scripted(peers('responder X25519 secret'))
    const answer = respond({ identity: responder, far: initiator.certificate, policy, backend, random }, keying.component)
    const keys = keying.finish(answer.component)
    expect(toHex(keying.component)).toBe(toHex(of('initiator component')))
    expect(toHex(answer.component)).toBe(toHex(of('responder component')))
    expect(toHex(keys.nearNonce)).toBe(toHex(of('initiator nonce')))
    expect(toHex(keys.farNonce)).toBe(toHex(of('responder nonce')))
    const sessionId = Number.parseInt(toHex(of('session ID')), 16)
    for (const name of ['datagram 0', 'datagram 1']) {
      expect(toHex(seal(keys.sealer, of('plain packet'), sessionId))).toBe(toHex(of(name)))
      expect(open(answer.keys.opener, of(name))).toEqual(of('plain packet'))
    }
    const direct = new AeadSealer(backend, { suite, secret: of('initiator secret') })
    expect(toHex(seal(direct, of('plain packet'), sessionId))).toBe(toHex(of('datagram 0')))
    const back = seal(new AeadSealer(backend, { suite, secret: of('responder secret') }), of('plain packet'), sessionId)
    expect(open(keys.opener, back)).toEqual(of('plain packet'))
  })

  test.each([
    [SUITE_AES_GCM, 2],
    [SUITE_CHACHA20_POLY1305, 3],
  ])('C6: key 1 of suite %d follows key 0 after 2^24 packets', (suite, block) => {
    const settings = { suite, secret: vector(block, 'initiator secret'), firstPacket: PACKETS_PER_KEY - 1 }
    const sealer = new AeadSealer(backend, settings)
    const opener = new AeadOpener(backend, settings)
    const plain = vector(block, 'plain packet')
    for (const e of [0, 1]) {
      const datagram = seal(sealer, plain, 7)
      expect(open(opener, datagram)).toEqual(plain)
      const number = PACKETS_PER_KEY - 1 + e
      expect(toHex(datagram.subarray(8))).toBe(
        toHex(byThePage(suite, vector(block, `key ${e}`), vector(block, `mask ${e}`), number, 7, plain)),
      )
    }
  })
})

/** C7, written down once more: ciphertext and tag. */
function byThePage(
  suite: number,
  key: Uint8Array,
  mask: Uint8Array,
  packetNumber: number,
  sessionId: number,
  plain: Uint8Array,
): Uint8Array {
  const number = new DataView(new ArrayBuffer(12))
  number.setBigUint64(4, BigInt(packetNumber))
  const nonce = mask.map((byte, i) => byte ^ number.getUint8(i))
  const associated = new DataView(new ArrayBuffer(4))
  associated.setUint32(0, sessionId)
  const algorithm = (suite === SUITE_AES_GCM ? 'aes-128-gcm' : 'chacha20-poly1305') as CipherGCMTypes
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: 16 })
  cipher.setAAD(new Uint8Array(associated.buffer), { plaintextLength: plain.length })
  return concat(cipher.update(plain), cipher.final(), cipher.getAuthTag())
}

describe('C6, written down once more', () => {
  const field = (bytes: Uint8Array): Uint8Array => concat(Uint8Array.of(0, 0, bytes.length >>> 8, bytes.length), bytes)
  const hkdf = (secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): string =>
    toHex(new Uint8Array(hkdfSync('sha256', secret, salt, info, length)))

  test.each([
    [2, 16],
    [3, 32],
  ])('suite %d', (block, keyLength) => {
    const of = (name: string): Uint8Array => vector(block, name)
    const transcript = createHash('sha256')
      .update('altostratus 1 transcript')
      .update(field(peers('initiator certificate')))
      .update(field(peers('responder certificate')))
      .update(field(of('initiator component')))
      .update(field(of('responder component')))
      .digest('hex')
    expect(transcript).toBe(toHex(of('transcript')))
    for (const label of ['initiator secret', 'responder secret', 'initiator nonce', 'responder nonce']) {
      expect(hkdf(peers('DH_SECRET'), of('transcript'), utf8(`altostratus 1 ${label}`), 32)).toBe(toHex(of(label)))
    }
    for (const e of [0, 1]) {
      const info = concat(utf8('altostratus 1 packets'), Uint8Array.of(0, 0, 0, e))
      const expected = toHex(of(`key ${e}`)) + toHex(of(`mask ${e}`))
      expect(hkdf(of('initiator secret'), new Uint8Array(0), info, keyLength + 12)).toBe(expected)
    }
  })
})
