import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DecodeError } from '../../src/base/errors.ts'
import { pack } from '../../src/introducer/packing.ts'
import { MAX_ORDER, MAX_PROFILE_BYTES, MAX_PROPERTIES, MAX_REQUEST_BYTES } from '../../src/introducer/constants.ts'
import { asListings, asTicket, decodeRequest, decodeResponse } from '../../src/introducer/protocol.ts'
import { TokenBucket } from '../../src/introducer/token-bucket.ts'
import { introducerUrl, parseIntroducerUrl } from '../../src/introducer/url.ts'

const roomId = '2'.repeat(32)
const peerId = '1'.repeat(64)
const game = { game: 'g', protocol: 1 }
const whole = {
  ...game,
  capacity: 4,
  listed: false,
  properties: {},
  profile: {},
  roomId,
  code: 'KFQ7B',
  order: 0,
  addresses: [],
  peerId,
  host: peerId,
  epoch: 512,
  base: 3,
  where: {},
  key: new Uint8Array(16),
  salt: new Uint8Array(16),
}

/** Decodes; anything but a value or a DecodeError is a failure. */
function attempt(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}

const ops = ['register', 'create', 'join', 'rejoin', 'leave', 'evict', 'list', 'match', 'claim', 'update', 'admit']
const accepts = (op: string, changes: object = {}): boolean => attempt(() => decodeRequest(pack({ op, id: 1, ...whole, ...changes })))

describe('what comes from the other end', () => {
  test.each(ops)('%s: right fields are taken, each wrong one is refused', (op) => {
    expect(accepts(op)).toBe(true)
    const wrong: Record<string, unknown[]> = {
      id: [-1, 1.5, '1', null],
      game: [7, 'x'.repeat(65), null],
      protocol: [-1, 0.5, '1'],
      code: ['kfq7b', 'KFQ7', 'KFQ7BB', 'KFQ7O', 7],
      roomId: ['2'.repeat(31), 'X'.repeat(32), 7, null],
      peerId: ['1'.repeat(63), 'G'.repeat(64), null],
      order: [-1, MAX_ORDER + 1, 0.5, '0'],
      capacity: [0, 65, 1.5, '4'],
      addresses: ['x', [7], ['nonsense'], ['1.2.3.4:99999'], Array.from({ length: 9 }, () => '1.2.3.4:5')],
      profile: [null, [], 7, { name: 'x'.repeat(MAX_PROFILE_BYTES) }],
      host: ['1'.repeat(63), null],
      epoch: [-1, 0.5, 2 ** 50, '1'],
      base: [-1, null],
      where: [
        null,
        { a: null },
        { a: {}, b: { min: 'x' } },
        { a: [{}] },
        { a: Array.from({ length: 17 }, () => 1) },
        { ['x'.repeat(65)]: 1 },
      ],
      create: [7, { capacity: 0 }],
      key: ['x', new Uint8Array(17), 7],
      salt: ['x', new Uint8Array(65), []],
      properties: [
        null,
        { a: null },
        { a: {} },
        { ['x'.repeat(65)]: 1 },
        { a: 'x'.repeat(65) },
        Object.fromEntries(Array.from({ length: MAX_PROPERTIES + 1 }, (_, i) => [`p${i}`, i])),
      ],
    }
    const used: Record<string, string[]> = {
      register: ['addresses'],
      create: ['game', 'protocol', 'capacity', 'properties', 'profile', 'salt'],
      join: ['game', 'protocol', 'code', 'profile'],
      rejoin: ['game', 'protocol', 'capacity', 'properties', 'profile', 'roomId', 'code', 'order', 'host', 'epoch', 'key', 'salt'],
      leave: ['roomId'],
      evict: ['roomId', 'peerId'],
      list: ['game', 'protocol', 'where'],
      match: ['game', 'protocol', 'where', 'profile', 'create'],
      claim: ['roomId', 'base', 'epoch'],
      update: ['roomId', 'properties'],
      admit: ['roomId', 'peerId'],
    }
    for (const name of ['id', ...used[op]!]) {
      for (const value of wrong[name]!) expect([name, value, accepts(op, { [name]: value })]).toEqual([name, value, false])
    }
  })

  test('any bytes and any value give a message or a DecodeError', () => {
    const seen = { taken: 0 }
    const value = fc.oneof(fc.anything({ maxDepth: 3 }), fc.record({ op: fc.constantFrom(...ops), id: fc.nat(), kind: fc.string() }))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), value, (bytes, anything) => {
        let packed: Uint8Array = bytes
        try {
          packed = pack(anything)
        } catch {
          // Not everything can be packed; the bytes will do.
        }
        for (const input of [bytes, packed]) {
          for (const decode of [decodeRequest, decodeResponse]) if (attempt(() => decode(input))) seen.taken++
        }
        attempt(() => asTicket(anything))
        attempt(() => asListings(anything))
      }),
      { numRuns: 3_000 },
    )
    expect(seen.taken).toBeLessThan(3_000)
  })

  test('a request that is too long is not even looked at', () => {
    expect(accepts('list', { padding: 'x'.repeat(MAX_REQUEST_BYTES) })).toBe(false)
    expect(accepts('list', { padding: 'x' })).toBe(true)
  })

  test('a ticket in which one is not a member oneself is refused', () => {
    const member = { peerId, order: 0, profile: {} }
    expect(attempt(() => asTicket({ ...whole, self: member, members: [member] }))).toBe(true)
    expect(attempt(() => asTicket({ ...whole, self: member, members: [] }))).toBe(false)
  })
})

describe('token bucket', () => {
  test('so many at once, then so many a second, and never more saved up than the burst', () => {
    const bucket = new TokenBucket(3, 2, 0)
    const take = (now: number): number => {
      let taken = 0
      while (bucket.take(now)) taken++
      return taken
    }
    expect([take(0), take(0), take(500), take(1_500), take(100_000)]).toEqual([3, 0, 1, 2, 3])
  })
})

describe('URLs', () => {
  const fingerprint = 'ab'.repeat(32)

  test.each([
    ['rtmfp://play.example.com', 'play.example.com', 1935],
    ['rtmfp://192.0.2.1:7000/', '192.0.2.1', 7000],
    ['rtmfp://[2001:db8::1]:7000', '2001:db8::1', 7000],
  ])('%s', (url, host, port) => {
    expect(parseIntroducerUrl(url)).toMatchObject({ host, port, fingerprint: undefined })
    const pinned = introducerUrl(host, port, fingerprint)
    expect(parseIntroducerUrl(pinned)).toMatchObject({ host, port, fingerprint: new Uint8Array(32).fill(0xab) })
    // The fingerprint is no part of what the server is asked for.
    expect(parseIntroducerUrl(pinned).uri).toBe(parseIntroducerUrl(url).uri)
  })

  test.each([
    '',
    'play.example.com',
    'rtmp://x',
    'rtmfp://',
    'rtmfp://a b',
    'rtmfp://x:0',
    'rtmfp://x:65536',
    'rtmfp://x/#12',
    'rtmfp://user@x',
    'rtmfp://x/app',
  ])('%s is none', (url) => {
    expect(() => parseIntroducerUrl(url)).toThrow(expect.objectContaining({ code: 'BAD_URL', hint: expect.stringContaining('rtmfp://') }))
  })
})
