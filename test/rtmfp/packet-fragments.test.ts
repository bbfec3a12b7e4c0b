import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { Reader, Writer } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { RFC7425_POLICY } from '../../src/crypto/policy.ts'
import { MAX_FRAGMENTED_PACKETS, MAX_PACKET_FRAGMENTS } from '../../src/rtmfp/constants.ts'
import { PacketFragments } from '../../src/rtmfp/packet-fragments.ts'
import { MODE_INITIATOR } from '../../src/wire/header.ts'
import { CHUNK_FRAGMENT, CHUNK_IHELLO, beginChunk, endChunk } from '../../src/wire/chunk.ts'
import { readPacketFragment, writeIHello, writePacketFragment } from '../../src/wire/startup.ts'
import { openStartup, sealStartup } from './inspect.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const to = (node: Node): { readonly epd: Uint8Array; readonly candidates: readonly Address[] } => ({
  epd: fingerprintEpd(node.endpoint.identity.fingerprint),
  candidates: [node.address],
})

/** A fragment's payload, as the reader of a chunk gives it. */
function fragment(packetId: number, fragmentNumber: number, moreFragments: boolean, bytes: readonly number[]): Reader {
  const w = Writer.ofSize(200)
  writePacketFragment(w, { packetId, fragmentNumber, moreFragments, fragment: Uint8Array.from(bytes) })
  return new Reader(w.bytes, 3, w.at)
}

describe('start-up packets in fragments', () => {
  test.each([500, 400])(
    'RFC 7016 §3.4: with datagrams of at most %d bytes, long certificates still open sessions, in both directions',
    (maxDatagram) => {
      const world = new World(maxDatagram)
      const config = { policy: RFC7425_POLICY, maxDatagram, maxPathDatagram: maxDatagram }
      const old = { suites: [], signing: false }
      const a = world.add(config, { ...old, staticGroups: [14, 5, 2], groups: [] })
      const b = world.add(config, { ...old, groups: [14] })
      const c = world.add(config, { ...old, staticGroups: [14, 5], groups: [] })
      let longest = 0
      let fragments = 0
      world.filter = (datagram) => {
        longest = Math.max(longest, datagram.length)
        if (openStartup(datagram)?.chunks[0]?.type === CHUNK_FRAGMENT) fragments++
        return true
      }
      const session = world.connect(a, b)
      world.run(3_000)
      expect(session.state).toBe('open')
      expect(fragments).toBeGreaterThan(1)
      // Its answer to a hello would be more than three times as long; an introducer's word makes up for that.
      fragments = 0
      const introducer: Node = world.add(
        {
          ...config,
          introduce: () => ({
            addresses: [],
            forwardTo: [...introducer.endpoint.sessions].find((s) => s.farPeerId === c.endpoint.identity.peerId),
          }),
        },
        { ...old, groups: [14] },
      )
      c.endpoint.open({ ...to(introducer), acceptForwarded: true }, world.now)
      world.run(3_000)
      fragments = 0
      const introduced = b.endpoint.open({ ...to(c), candidates: [introducer.address] }, world.now)
      world.run(3_000)
      expect(introduced.state).toBe('open')
      expect(fragments).toBeGreaterThan(1)
      expect(longest).toBeLessThanOrEqual(maxDatagram)
    },
  )

  test('RFC 7016 §3.4: fragments in any order, one of them twice, make the packet', () => {
    const fragments = new PacketFragments()
    const pieces: [number, boolean, number[]][] = [
      [2, false, [5]],
      [0, true, [1, 2]],
      [0, true, [1, 2]],
    ]
    for (const [number, more, bytes] of pieces) expect(fragments.add('x', fragment(7, number, more, bytes), 0)).toBe(undefined)
    expect(fragments.add('other', fragment(7, 1, true, [9]), 0)).toBe(undefined)
    expect(fragments.add('x', fragment(7, 1, true, [3, 4]), 900)).toEqual(Uint8Array.of(1, 2, 3, 4, 5))
    expect(fragments.size).toBe(1)
  })

  test('RFC 7016 §3.4: a packet that makes no progress for a second, or is not complete in 60, makes room', () => {
    const fragments = new PacketFragments()
    for (let i = 0; i < 10; i++) fragments.add('x', fragment(i, 0, true, [1]), 0)
    expect(fragments.deadline).toBe(1_000)
    fragments.add('x', fragment(0, 1, true, [1]), 900)
    fragments.expire(1_500)
    expect([fragments.size, fragments.deadline]).toEqual([1, 1_900])
    for (let now = 1_600; now <= 59_000; now += 700) fragments.add('x', fragment(0, 2 + (now % 13), true, [1]), now)
    fragments.expire(60_000)
    expect([fragments.size, fragments.deadline]).toEqual([0, Infinity])
  })

  test('one packet more than are waited for takes the place of that which has made no progress for the longest time', () => {
    const fragments = new PacketFragments()
    for (let i = 0; i < MAX_FRAGMENTED_PACKETS; i++) fragments.add(`stranger ${i}`, fragment(i, 0, true, [1]), 0)
    fragments.add('friend', fragment(7, 0, true, [1]), 100)
    for (let i = 0; i < MAX_FRAGMENTED_PACKETS - 1; i++) fragments.add(`another ${i}`, fragment(i, 0, true, [1]), 101)
    expect(fragments.size).toBe(MAX_FRAGMENTED_PACKETS)
    expect(fragments.add('friend', fragment(7, 1, false, [2]), 102)).toEqual(Uint8Array.of(1, 2))
  })

  test('what is too long, empty or goes beyond its own end is dropped', () => {
    const fragments = new PacketFragments()
    expect(fragments.add('x', fragment(1, MAX_PACKET_FRAGMENTS, true, [1]), 0)).toBe('fragmented packet too long')
    expect(() => fragments.add('x', fragment(1, 0, true, []), 0)).toThrow('empty')
    fragments.add('x', fragment(1, 3, true, [1]), 0)
    fragments.add('x', fragment(1, 0, true, [1]), 0)
    expect(fragments.add('x', fragment(1, 1, false, [1]), 0)).toBe('fragments beyond the last')
    expect(fragments.size).toBe(0)
  })

  test('RFC 7016 §3.4: a packet put together of another mode than its fragments is dropped; so is one that is no packet', () => {
    const world = new World(5)
    const b = world.add()
    const hello = (mode: number): Uint8Array => {
      const w = Writer.ofSize(200)
      w.uint8(mode)
      writeIHello(w, { epd: fingerprintEpd(b.endpoint.identity.fingerprint), tag: new Uint8Array(16) })
      const start = beginChunk(w, 0xff)
      w.raw(new Uint8Array(60))
      endChunk(w, start)
      return w.taken()
    }
    const receive = (plain: Uint8Array, packetId: number): void => {
      for (const [fragmentNumber, part] of [plain.subarray(0, 50), plain.subarray(50)].entries()) {
        const more = fragmentNumber === 0
        const piece = sealStartup(0, (w) => writePacketFragment(w, { packetId, fragmentNumber, moreFragments: more, fragment: part }))
        b.endpoint.receive(piece, Address.from('192.0.2.1', 1), world.now)
        world.settle()
      }
    }
    receive(hello(MODE_INITIATOR), 1)
    expect(b.endpoint.stats.drops.get('wrong mode')).toBe(1)
    receive(new Uint8Array(60), 2)
    expect(b.endpoint.stats.datagramsSent).toBe(0)
    receive(hello(3), 3)
    expect(b.endpoint.stats.datagramsSent).toBe(1)
  })

  test('random fragments from everywhere throw nothing, and what is held stays bounded', () => {
    const random = seededRandom(6)
    const fragments = new PacketFragments()
    for (let i = 0; i < 20_000; i++) {
      const number = random.uint32() % 20
      fragments.add(`${random.uint32() % 300}`, fragment(random.uint32() % 3, number, random.uint32() % 4 > 0, [i & 255]), i)
      expect(fragments.size).toBeLessThanOrEqual(MAX_FRAGMENTED_PACKETS)
    }
    expect(CHUNK_IHELLO).not.toBe(CHUNK_FRAGMENT)
    expect(readPacketFragment(fragment(1, 2, true, [3]))).toEqual({
      packetId: 1,
      fragmentNumber: 2,
      moreFragments: true,
      fragment: Uint8Array.of(3),
    })
  })
})
