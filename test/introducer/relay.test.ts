import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { concat, toHex, utf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import { simulate } from '../../src/entry/testing.ts'
import type { Simulation } from '../../src/entry/testing.ts'
import { usableAddresses } from '../../src/introducer/addresses.ts'
import { RELAY_IDLE } from '../../src/introducer/constants.ts'
import { Relay } from '../../src/introducer/relay.ts'
import type { RelayEnd, RelayLimits } from '../../src/introducer/relay.ts'
import type { Link } from '../../src/link/link.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'

const at = (text: string): Address => Address.parse(text)

/** A relay with two ends, and what it has sent. */
function setUp(limits: RelayLimits = {}) {
  const relay = new Relay(seededRandom(1), limits)
  const sent: string[] = []
  const ids: string[] = []
  const send = (datagram: Uint8Array, to: Address): void => {
    sent.push(to.key)
    ids.push(toHex(datagram.subarray(0, 8)))
  }
  const link = { send } as Link
  const a = relay.end('a', at('192.0.2.1:1000'))
  const b = relay.end('b', at('192.0.2.2:2000'))
  const path = relay.path(a, b, 'room', 0)!
  const back = relay.path(b, a, 'room', 0)!
  const strays: RelayEnd[] = []
  /** By default from the first end, or where it is taken for the second, from that. */
  const forward = (from: string, now = 0, length = 200, by = from === '192.0.2.2:2000' ? back : path): boolean =>
    relay.forward(concat(by.relayId, new Uint8Array(length - 8)), at(from), link, now, (end) => strays.push(end))
  return { relay, sent, ids, a, b, path, back, strays, forward }
}

describe('relay paths', () => {
  test('lead from each of the two peers to the other, who knows them by an ID that differs in the last bit', () => {
    const { relay, a, b, sent, ids, path, back, forward } = setUp()
    expect(forward('192.0.2.1:1000')).toBe(true)
    expect(forward('192.0.2.2:2000')).toBe(true)
    expect(sent).toEqual(['192.0.2.2:2000', '192.0.2.1:1000'])
    expect(ids).toEqual([toHex(back.relayId), toHex(path.relayId)])
    expect(back.relayId).toEqual(path.relayId.map((byte, i) => (i === 7 ? byte ^ 1 : byte)))
    expect([relay.path(a, b, 'room', 0), relay.path(b, a, 'room', 0)]).toEqual([path, back])
    expect(relay.stats).toEqual({ paths: 1, packets: 2, bytes: 400, limited: 0, foreign: 0 })
  })

  test('what does not begin with the ID of a path is none of its business', () => {
    const { relay, path, forward } = setUp()
    expect(forward('192.0.2.1:1000', 0, 200, Address.relay(path.relayId.map((byte, i) => (i === 7 ? byte ^ 2 : byte))))).toBe(false)
    expect(forward('192.0.2.1:1000', 0, 200, Address.relay(path.relayId.map((byte, i) => (i === 0 ? byte ^ 1 : byte))))).toBe(false)
    expect(forward('192.0.2.1:1000', 0, 200, Address.relay(new Uint8Array(8)))).toBe(false)
    expect(relay.stats.packets).toBe(0)
  })

  test('nobody else can use one: not with the ID, nor from the address of a peer of another path', () => {
    const { relay, sent, path, forward } = setUp()
    relay.path(relay.end('c', at('192.0.2.3:3000')), relay.end('d', at('192.0.2.4:4000')), 'other', 0)
    expect(forward('192.0.2.9:9000')).toBe(true)
    expect(forward('192.0.2.3:3000')).toBe(true)
    // Not even one of its ends in the other's name.
    expect(forward('192.0.2.2:2000', 0, 200, path)).toBe(true)
    expect(sent).toEqual([])
    expect(relay.stats).toMatchObject({ packets: 0, foreign: 3 })
  })

  test('packets that come from elsewhere ask whether their sender is there, once as many bytes have come as that takes', () => {
    const { strays, path, back, forward } = setUp()
    forward('192.0.2.9:9000', 0, 65, path)
    // Of another address they do not count.
    forward('192.0.2.8:8000', 0, 65, path)
    expect(strays).toEqual([])
    forward('192.0.2.8:8000', 0, 8, path)
    forward('192.0.2.9:9000', 0, 66, back)
    expect(strays.map(({ peerId }) => peerId)).toEqual(['a', 'b'])
    // What has paid for one question does not pay for the next.
    forward('192.0.2.8:8000', 0, 40, path)
    expect(strays).toHaveLength(2)
  })

  test('a peer that is gone is sent nothing; when it is back, its paths are as before', () => {
    const { relay, a, back, sent, forward } = setUp()
    relay.lost(a)
    forward('192.0.2.2:2000')
    expect(sent).toEqual([])
    const again = relay.end('a', at('192.0.2.7:7000'))
    forward('192.0.2.2:2000')
    expect(sent).toEqual(['192.0.2.7:7000'])
    expect(relay.path(relay.end('b', at('192.0.2.2:2000')), again, 'room', 5)).toBe(back)
  })

  test.each([
    ['packets of a peer', { peerPackets: 10 }, 20],
    ['bytes of a peer', { peerBytes: 2_000 }, 20],
    ['packets of a room', { roomPackets: 5 }, 10],
    ['bytes of a room', { roomBytes: 1_000 }, 10],
  ])('%s are limited: two seconds’ worth at once, then a second’s worth a second', (_what, limits, burst) => {
    const { relay, sent, forward } = setUp(limits)
    for (let i = 0; i < 100; i++) forward('192.0.2.1:1000')
    expect(sent).toHaveLength(burst)
    for (let i = 0; i < 100; i++) forward('192.0.2.1:1000', 1_000)
    expect(sent).toHaveLength(burst * 1.5)
    expect(relay.stats.limited).toBe(200 - burst * 1.5)
  })

  test('what is not used is freed, and what the two have no right to any more; their number is bounded', () => {
    const { relay, a, b, forward } = setUp({ paths: 2 })
    const c = relay.end('c', at('192.0.2.3:3000'))
    expect(relay.path(a, c, 'room', 0)).toBeDefined()
    expect(relay.path(b, c, 'room', 0)).toBeUndefined()
    forward('192.0.2.1:1000', RELAY_IDLE)
    relay.expire(RELAY_IDLE + 1, () => true)
    expect(relay.stats.paths).toBe(1)
    relay.prune('b', () => false)
    expect(relay.stats.paths).toBe(0)
    expect(forward('192.0.2.1:1000', RELAY_IDLE)).toBe(false)
    expect([a, b, c].map(({ paths }) => paths?.size)).toEqual([0, 0, 0])
  })
})

describe('addresses that a peer reports of itself', () => {
  const observed = at('203.0.113.5:40000')
  const usable = (...texts: string[]): string[] => usableAddresses(texts.map(at), observed).map(({ key }) => key)

  test('private ones, its own public one and two of IPv6 are handed on', () => {
    const good = ['192.168.1.7:1935', '10.0.0.3:1935', '172.20.1.1:5', '100.64.3.3:5', '203.0.113.5:1935', '[fd00:0:0:0:0:0:0:1]:5']
    expect(usable(...good)).toEqual(good)
    const six = ['[2001:db8:0:0:0:0:0:1]:5', '[2001:db8:0:0:0:0:0:2]:5', '[2001:db8:0:0:0:0:0:3]:5']
    expect(usable(...six)).toEqual(six.slice(0, 2))
  })

  test('not those of third parties, of this very machine, of many, of nobody, nor such as are no addresses', () => {
    const bad = [
      '198.51.100.1:53',
      '8.8.8.8:53',
      '127.0.0.1:22',
      '169.254.1.1:5',
      '224.0.0.1:5',
      '255.255.255.255:5',
      '0.0.0.0:5',
      '172.32.0.1:5',
    ]
    expect(usable(...bad.slice(0, 8))).toEqual([])
    expect(usable('[ff02:0:0:0:0:0:0:1]:5', '[0:0:0:0:0:0:0:1]:5', '[fe80:0:0:0:0:0:0:1]:5', '192.168.1.7:0')).toEqual([])
    expect(usableAddresses([Address.relay(new Uint8Array(8)), Address.stream(1)], observed)).toEqual([])
  })
})

const secret = game('test.secret', { protocol: 1, channels: { chat: channel({ text: t.string(200) }) } })

describe('against those who mean harm', () => {
  /** All datagrams that the introducer's machine takes and sends. */
  function tap(net: Simulation): {
    readonly taken: { readonly bytes: Uint8Array; readonly from: Address }[]
    readonly sentTo: Map<string, number>
  } {
    const link: SimulatedLink = net.introducerLink
    const taken: { readonly bytes: Uint8Array; readonly from: Address }[] = []
    const sentTo = new Map<string, number>()
    const receive = link.receive.bind(link)
    link.receive = (bytes, from) => {
      taken.push({ bytes: new Uint8Array(bytes), from })
      receive(bytes, from)
    }
    const send = link.send.bind(link)
    link.send = (datagram, to) => {
      sentTo.set(to.key, (sentTo.get(to.key) ?? 0) + datagram.length)
      send(datagram, to)
    }
    return { taken, sentTo }
  }

  test('what is captured at the introducer has nothing in it of what the players say', async () => {
    const net = simulate({ seed: 4, nat: ['symmetric'] })
    const { taken } = tap(net)
    const [a, b] = await net.players(secret, 2)
    const heard: string[] = []
    b!.channels.chat.on(({ text }) => heard.push(text))
    const text = 'the treasure is under the old oak tree'
    for (let i = 0; i < 50; i++) {
      a!.channels.chat.send({ text })
      await net.run(20)
    }
    await net.run(500)
    expect(heard).toHaveLength(50)
    expect([...b!.peers.values()][0]!.path).toBe('relay')
    const all = Buffer.concat(taken.map(({ bytes }) => bytes))
    expect(taken.length).toBeGreaterThan(80)
    for (const piece of [text, 'treasure', 'old oak']) expect(all.includes(Buffer.from(utf8(piece)))).toBe(false)
  })

  test('who sends what others have sent, from an address of his own, moves nobody, and is sent no more than he has sent', async () => {
    const net = simulate({ seed: 5, nat: ['symmetric'] })
    const { taken, sentTo } = tap(net)
    const [a, b] = await net.players(secret, 2)
    const heard: string[] = []
    b!.channels.chat.on(({ text }) => heard.push(text))
    const thief = net.network.createLink()
    let stolen = 0
    let sent = 0
    thief.start(() => stolen++)
    for (let i = 0; i < 100; i++) {
      a!.channels.chat.send({ text: `${i}` })
      const before = taken.length
      await net.run(20)
      for (const { bytes, from } of taken.slice(before)) {
        if (from.equals(thief.address)) continue
        thief.send(bytes, net.introducerLink.address)
        sent += bytes.length
      }
    }
    await net.run(2_000)
    expect(sent).toBeGreaterThan(1_000)
    expect(sentTo.get(thief.address.key) ?? 0).toBeLessThanOrEqual(sent)
    expect(stolen).toBeLessThan(10)
    expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
    expect([...b!.peers.values()][0]!.path).toBe('relay')
    expect(net.introducer.stats.relay.foreign).toBeGreaterThan(50)
  })

  test.each([['open'], ['symmetric']] as const)(
    'whatever is sent to the introducer again from elsewhere, by %s players, no more than its length comes back there',
    async (nat) => {
      const net = simulate({ seed: 7, nat: [nat] })
      const { sentTo } = tap(net)
      const spoofed = new Map<string, number>()
      const link = net.introducerLink
      const receive = link.receive.bind(link)
      link.receive = (bytes, from) => {
        receive(bytes, from)
        if (spoofed.has(from.key)) return
        const copy = net.network.createLink()
        spoofed.set(copy.address.key, bytes.length)
        copy.send(bytes, link.address)
      }
      const rooms = await net.players(secret, 2)
      await net.run(500)
      for (const room of rooms) net.move(room)
      for (let i = 0; i < 60; i++) {
        for (const room of rooms) room.channels.chat.send({ text: `${i}` })
        await net.run(20)
      }
      await net.run(2_000)
      const answered = [...spoofed].filter(([address]) => sentTo.has(address))
      expect(spoofed.size).toBeGreaterThan(15)
      expect(answered.length).toBeGreaterThan(1)
      for (const [address, length] of answered) expect(sentTo.get(address)).toBeLessThanOrEqual(length)
      expect([...rooms[1]!.peers.values()][0]!.path).toBe(nat === 'open' ? 'direct' : 'relay')
    },
  )

  test('who is in no room with a peer is told nothing of where it is, and gets no path to it', async () => {
    const net = simulate({ seed: 6 })
    await net.players(secret, 2)
    const stranger = await net.connect()
    const target = net.introducer
    const before = target.stats
    const contacts: string[] = []
    stranger.introducer.on('contact', (peerId) => contacts.push(peerId))
    const others = [await net.connect(), await net.connect()]
    for (const { peerId } of others) stranger.introducer.seek(peerId)
    await net.run(1_000)
    expect(contacts).toEqual([])
    expect(target.stats.relay.paths).toBe(before.relay.paths)
    expect(target.stats.introductions).toBe(before.introductions)
  })
})
