import { describe, expect, test } from '@jest/globals'
import { toHex } from '../../src/base/bytes.ts'
import { decodeLanMessage, encodeLanMessage, LAN_MESSAGE_BYTES } from '../../src/introducer/lan-protocol.ts'
import { channel, game } from '../../src/room/definition.ts'
import { t } from '../../src/schema/t.ts'
import type { Network } from '../../src/room/network.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { Simulation } from '../../src/testing/simulate.ts'
import { readVectors } from '../docs/vectors.ts'

const duel = game('test.lan', { protocol: 1, channels: { chat: channel({ text: t.string(64) }) } })

/** One more on the local network. */
async function joiner(net: Simulation): Promise<Network> {
  return (await net.lanPlayers(1))[0]!
}

/** Vectors of the page's section about local networks. */
const vectors = readVectors('docs/protocol.md').find((block) => block.has('seeking'))!

describe('N1: rooms on a local network, in virtual time', () => {
  test('players find each other’s rooms with no introducer, and talk', async () => {
    const net = simulate({ seed: 1 })
    net.stopIntroducer()
    const ada = await joiner(net)
    const ben = await joiner(net)
    const room = await net.wait(ada.create(duel, { listed: true, properties: { map: 'dust' }, profile: { name: 'Ada' } }))
    expect(await net.wait(ben.rooms(duel))).toEqual([{ code: room.code, members: 1, capacity: 8, properties: { map: 'dust' } }])
    const heard: string[] = []
    room.channels.chat.on(({ text }) => heard.push(text))
    const there = await net.wait(ben.join(duel, { code: room.code }))
    expect(there.host.profile).toEqual({ name: 'Ada' })
    there.channels.chat.send({ text: 'hello' })
    await net.run(500)
    expect(heard).toEqual(['hello'])
    expect(net.errors).toEqual([])
  })

  test.each(['close', 'crash'] as const)(
    'when who introduces is gone (%s), another does, and the room can be joined as before',
    async (how) => {
      const net = simulate({ seed: 2 })
      const ada = await joiner(net)
      const [ben, eva] = [await joiner(net), await joiner(net)]
      const room = await net.wait(ben.create(duel, { listed: true }))
      const second = await net.wait(eva.join(duel, { code: room.code }))
      // Ada came first: it is she who introduces, though she plays nowhere.
      if (how === 'close') await net.wait(ada.close())
      else net.crash(ada)
      await net.run(12_000)
      const dan = await joiner(net)
      expect(await net.wait(dan.rooms(duel))).toMatchObject([{ code: room.code, members: 2 }])
      const third = await net.wait(dan.join(duel, { code: room.code }))
      expect(third.peers.size).toBe(2)
      expect([room.peers.size, second.peers.size]).toEqual([2, 2])
      expect(net.errors).toEqual([])
    },
  )

  test('a game goes on while who introduces changes', async () => {
    const net = simulate({ seed: 3 })
    const ada = await joiner(net)
    const ben = await joiner(net)
    const room = await net.wait(ada.create(duel))
    const there = await net.wait(ben.join(duel, { code: room.code }))
    const left: string[] = []
    there.on('leave', (peer, reason) => left.push(`${peer.id === ada.peerId} ${reason}`))
    const eva = await joiner(net)
    await net.wait((await net.wait(eva.create(duel))).leave())
    await net.wait(eva.close())
    await net.run(10_000)
    expect([left, room.peers.size, there.peers.size]).toEqual([[], 1, 1])
  })

  test.each([11, 12, 13, 14, 15, 16])('those who begin at the same moment agree on one (seed %d)', async (seed) => {
    const net = simulate({ seed, rtt: 2 })
    const all = await net.lanPlayers(4)
    await net.run(5_000)
    const room = await net.wait(all[0]!.create(duel, { listed: true }))
    for (const each of all.slice(1)) {
      expect(await net.wait(each.rooms(duel))).toMatchObject([{ code: room.code }])
    }
  })

  test('what is said in the group and is not ours changes nothing', async () => {
    const net = simulate({ seed: 4 })
    const ada = await joiner(net)
    const noise = net.network.createLink()
    const members = [...net.network.addresses()].filter(({ port }) => port === 21_935)
    expect(members).toHaveLength(1)
    const wrong = vectors.get('offering')!.slice()
    wrong[7] = 9
    for (const bytes of [new Uint8Array(0), new Uint8Array(LAN_MESSAGE_BYTES), wrong, new Uint8Array(512).fill(0x61)]) {
      noise.send(bytes, members[0]!)
    }
    await net.run(10)
    const room = await net.wait(ada.create(duel))
    expect(room.code).toHaveLength(5)
    expect(net.errors).toEqual([])
  })

  test('one who offers and does not answer is passed over', async () => {
    const net = simulate({ seed: 5 })
    const ada = await joiner(net)
    const liar = net.network.createLink()
    const offer = encodeLanMessage({ kind: 'offer', fingerprint: new Uint8Array(32), port: 9 })
    const member = [...net.network.addresses()].find(({ port }) => port === 21_935)!
    for (let i = 0; i < 20; i++) {
      liar.send(offer, member)
      await net.run(500)
    }
    const room = await net.wait(ada.create(duel))
    const ben = await joiner(net)
    expect((await net.wait(ben.join(duel, { code: room.code }))).peers.size).toBe(1)
  })
})

describe('N1: messages', () => {
  const fingerprint = new Uint8Array(32).fill(0x11)
  test.each([
    ['seeking', { kind: 'seek', fingerprint, port: 0 }],
    ['offering', { kind: 'offer', fingerprint, port: 50_000 }],
    ['ending', { kind: 'end', fingerprint, port: 50_000 }],
  ] as const)('%s', (name, message) => {
    expect(toHex(encodeLanMessage(message))).toBe(toHex(vectors.get(name)!))
    expect(decodeLanMessage(vectors.get(name)!)).toEqual(message)
  })

  test.each([
    ['too short', (bytes: Uint8Array) => bytes.subarray(1), 'length'],
    ['another program’s', (bytes: Uint8Array) => bytes.with(0, 0x62), 'not ours'],
    ['another version', (bytes: Uint8Array) => bytes.with(7, 2), 'version'],
    ['an unknown kind', (bytes: Uint8Array) => bytes.with(8, 3), 'kind'],
    ['no port', (bytes: Uint8Array) => bytes.with(10, 0).with(11, 0), 'port'],
  ])('%s', (_name, change, reason) => {
    expect(() => decodeLanMessage(change(vectors.get('offering')!))).toThrow(reason)
  })
})
