import { describe, expect, test } from '@jest/globals'
import { toHex } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import type { Network, PeerPath, Room } from '../../src/entry/main.ts'
import { simulate } from '../../src/entry/testing.ts'
import type { Simulation } from '../../src/entry/testing.ts'
import { encodeResponse } from '../../src/introducer/protocol.ts'
import type { Request, Response } from '../../src/introducer/protocol.ts'
import type { Driver } from '../../src/link/driver.ts'
import type { Introduction } from '../../src/rtmfp/endpoint.ts'
import { PASSWORD_BURST } from '../../src/room/constants.ts'
import { caught } from './caught.ts'

const club = game('test.guarded', { protocol: 1, channels: { log: channel({ n: t.uint16 }) } })
type Club = Room<typeof club>

/** The parts of an introducer by which it tells peers anything. */
interface Teller {
  answer(registration: { readonly peerId: string }, response: Response): void
  introduce(epd: Uint8Array, from: { readonly host: string }): Introduction | undefined
}

/** Everything that the introducer tells, and between which addresses datagrams go. */
class Watch {
  readonly told = new Map<string, string>()
  readonly passed = new Set<string>()
  private readonly net: Simulation

  constructor(net: Simulation) {
    this.net = net
    const { network } = net
    const transmit = network.transmit.bind(network)
    network.transmit = (from, datagram, to) => {
      this.passed.add(`${from.nat?.host ?? from.address.host} ${to.host}`)
      transmit(from, datagram, to)
    }
    this.introducer()
  }

  /** Also one that has started anew. */
  introducer(): void {
    const teller = this.net.introducer as unknown as Teller
    const answer = teller.answer.bind(teller)
    teller.answer = (registration, response) => {
      this.tell(registration.peerId, Buffer.from(encodeResponse(response)).toString('latin1'))
      answer(registration, response)
    }
    const introduce = teller.introduce.bind(teller)
    teller.introduce = (epd, from) => {
      const introduction = introduce(epd, from)
      const told = (addresses: Introduction['replyTo']): string => (addresses ?? []).map(({ address }) => address.key).join(' ')
      if (introduction !== undefined) {
        this.tell(from.host, told(introduction.addresses))
        this.tell(introduction.forwardTo!.farPeerId, told(introduction.replyTo))
      }
      return introduction
    }
  }

  /** Addresses of players, the first of two, that the second was told, or has had a datagram from, or has sent one to. */
  known(of: readonly Network[], to: readonly Network[]): string[] {
    const found: string[] = []
    for (const subject of of) {
      for (const viewer of to) {
        const [a, b] = [subject, viewer].map((network) => this.placesOf(network)) as [string[], string[]]
        const keys = [viewer.peerId, ...b]
        for (const host of a) {
          if (keys.some((key) => this.told.get(key)?.includes(`${host}:`))) found.push(`${host} told`)
          if (b.some((other) => this.passed.has(`${host} ${other}`) || this.passed.has(`${other} ${host}`))) found.push(`${host} seen`)
        }
      }
    }
    return found
  }

  private placesOf(network: Network): string[] {
    const { address, nat } = this.net.linkOf(network)
    return [address.host, ...(nat === undefined ? [] : [nat.host])]
  }

  private tell(whom: string, what: string): void {
    this.told.set(whom, `${this.told.get(whom) ?? ''}\n${what}`)
  }
}

function inside(network: Network): { readonly driver: Driver } {
  return network as unknown as { readonly driver: Driver }
}

/** Says to the introducer what the SDK would not. */
function ask(network: Network, request: Request): Promise<unknown> {
  const { introducer } = network as unknown as { readonly introducer: { request(request: Request): Promise<unknown> } }
  return introducer.request(request)
}

function pathsOf(rooms: readonly Club[]): (PeerPath | undefined)[] {
  return rooms.flatMap((room) => [...room.peers.values()].map(({ path }) => path))
}

/** A room with a password, and so many in it. */
async function locked(net: Simulation, size: number, password: string): Promise<Club[]> {
  const host = await net.connect()
  const rooms = [await net.wait(host.create(club, { password, capacity: 32 }))]
  while (rooms.length < size) {
    const network = await net.connect()
    rooms.push(await net.wait(network.join(club, { code: rooms[0]!.code, password })))
  }
  await net.waitUntil(() => rooms.every((room) => room.peers.size === size - 1))
  return rooms
}

async function everyoneDirect(net: Simulation, rooms: readonly Club[], timeout = 5_000): Promise<void> {
  const pairs = rooms.length * (rooms.length - 1)
  await net.waitUntil(() => pathsOf(rooms).filter((path) => path === 'direct').length === pairs, timeout)
}

describe('who is not let in', () => {
  test.each([
    ['a wrong password', 'password', 'WRONG_PASSWORD'],
    ['no password', 'password', 'PASSWORD_REQUIRED'],
    ['a lock', 'lock', 'ROOM_LOCKED'],
    ['a ban', 'ban', 'BANNED'],
  ] as const)(
    '%s: learns no member’s address, nor any of them its, and nobody sends it a packet straight; whatever it asks the introducer',
    async (what, how, code) => {
      const net = simulate({ seed: 5, rtt: 60, nat: ['cone', 'open', 'port-restricted', 'open'] })
      const watch = new Watch(net)
      const rooms = how === 'password' ? await locked(net, 3, 'secret') : ((await net.players(club, 3)) as Club[])
      if (how === 'lock') await net.wait(rooms[0]!.lock())
      const members = rooms.map(({ network }) => network)
      const thief = await net.connect()
      if (how === 'ban') await net.wait(rooms[0]!.ban(thief.peerId))
      const before = members.map((network) => network.peerId)
      const options = { code: rooms[0]!.code, ...(what === 'a wrong password' ? { password: 'guess' } : {}) }
      expect((await caught(net.wait(thief.join(club, options)))).code).toBe(code)
      const unknown = (): void => {
        expect(watch.known(members, [thief])).toEqual([])
        expect(watch.known([thief], members)).toEqual([])
      }
      unknown()
      // A changed program takes the place again and keeps it, and asks for everything.
      const ticket = await net.wait(thief.introducer.join(club.name, 1, rooms[0]!.code, { name: 'x' }))
      expect(ticket.members.map(({ peerId }) => peerId)).toEqual([before[0], thief.peerId])
      expect([...ticket.contacts!].map(([peerId, { addresses }]) => [peerId, addresses.map(({ kind }) => kind)])).toEqual([
        [before[0], ['relay']],
      ])
      await net.run(1_000)
      const { driver } = inside(thief)
      for (const peerId of before) {
        await net.wait(ask(thief, { op: 'contact', peerId }))
        const epd = fingerprintEpd(Buffer.from(peerId, 'hex'))
        driver.endpoint.open({ epd, candidates: [thief.introducer.address!], timeout: 3_000 }, net.clock.now())
        thief.kick()
        await net.run(1_000)
      }
      const { roomId, order } = { ...ticket, order: ticket.self.order }
      const claim = { roomId, base: 2 ** 40, epoch: 2 ** 41 }
      const rejoin = { ...ticket, ...ticket.self, op: 'rejoin', order: 0, epoch: 2 ** 41, host: thief.peerId } as Request
      const wrongs: Request[] = [
        { op: 'claim', ...claim },
        { op: 'admit', roomId, peerId: thief.peerId },
        { op: 'evict', roomId, peerId: before[1]! },
        { op: 'update', roomId, properties: {} },
      ]
      for (const wrong of wrongs) expect((await caught(net.wait(ask(thief, wrong)))).code).toBe('NOT_HOST')
      expect(await net.wait(ask(thief, rejoin))).toMatchObject({ host: before[0], self: { order } })
      await net.wait(ask(thief, { ...rejoin, key: new Uint8Array(16) } as Request))
      // Relay paths that it does not have.
      const random = seededRandom(9)
      const link = net.linkOf(thief)
      for (let i = 0; i < 200; i++) {
        const probe = new Uint8Array(80)
        random.fill(probe)
        link.send(probe, net.introducerLink.address)
      }
      await net.run(5_000)
      unknown()
      await net.run(15_000)
      unknown()
      // Those of the three members; the host has had its place taken.
      expect(net.introducer.stats.relay.paths).toBe(3)
      expect(rooms.map((room) => room.peers.size)).toEqual([2, 2, 2])
      expect(rooms[0]!.core.membership.size).toBe(3)
      // With what it takes to be let in it is told.
      if (how === 'lock') await net.wait(rooms[0]!.unlock())
      if (how === 'ban') await net.wait(rooms[0]!.unban(thief.peerId))
      const there = await net.wait(thief.join(club, { code: rooms[0]!.code, password: 'secret' }))
      await everyoneDirect(net, [...rooms, there])
      expect(net.errors).toEqual([])
    },
  )

  test('a host hears a guess by the relay path alone, also when it has met the guesser before', async () => {
    const net = simulate({ seed: 6, rtt: 60 })
    const [host, other] = (await net.players(club, 2)) as [Club, Club]
    await everyoneDirect(net, [host, other])
    const { network } = other
    await net.wait(other.leave())
    await net.wait(host.lock())
    await net.run(1_000)
    const watch = new Watch(net)
    expect((await caught(net.wait(network.join(club, { code: host.code })))).code).toBe('ROOM_LOCKED')
    await net.run(10_000)
    expect([...watch.known([host.network], [network]), ...watch.known([network], [host.network])]).toEqual([])
  })
})

describe('who is let in', () => {
  test('is told where all are, and they where it is; all pairs are straight within two seconds', async () => {
    const net = simulate({ seed: 7, rtt: 100 })
    const rooms = await locked(net, 5, 'secret')
    await everyoneDirect(net, rooms, 2_000)
    expect(net.introducer.stats.refused).toBe(0)
    expect(net.errors).toEqual([])
  })

  test('who is hidden from members, too, stays so', async () => {
    const net = simulate({ seed: 21, rtt: 60 })
    const watch = new Watch(net)
    const [host, guest, other] = [await net.connect({ relay: 'always' }), await net.connect(), await net.connect({ relay: 'always' })]
    const rooms = [await net.wait(host.create(club, { password: 'secret' }))]
    for (const network of [guest, other]) rooms.push(await net.wait(network.join(club, { code: rooms[0]!.code, password: 'secret' })))
    await net.run(5_000)
    expect(pathsOf(rooms)).toEqual(Array.from({ length: 6 }, () => 'relay'))
    expect([...watch.known([host, other], [guest]), ...watch.known([host], [other])]).toEqual([])
  })

  test('a spectator is let in by the host as well', async () => {
    const net = simulate({ seed: 22, rtt: 60 })
    const rooms = await locked(net, 3, 'secret')
    const one = await net.connect()
    expect((await caught(net.wait(one.join(club, { code: rooms[0]!.code, spectator: true })))).code).toBe('PASSWORD_REQUIRED')
    const there = await net.wait(one.join(club, { code: rooms[0]!.code, spectator: true, password: 'secret' }))
    await everyoneDirect(net, [...rooms, there])
  })

  test('a right password costs no guess: more at once than may guess all come in', async () => {
    const net = simulate({ seed: 17, rtt: 60 })
    const host = await net.connect()
    const room = await net.wait(host.create(club, { password: 'secret', capacity: 32 }))
    const joins: Promise<Club>[] = []
    for (let i = 0; i < PASSWORD_BURST + 3; i++) joins.push((await net.connect()).join(club, { code: room.code, password: 'secret' }))
    expect(await net.wait(Promise.all(joins))).toHaveLength(PASSWORD_BURST + 3)
  })

  test('many at once, more than the introducer hears of in one moment: all are told in the end', async () => {
    const net = simulate({ seed: 8, rtt: 60 })
    const host = await net.connect()
    const room = await net.wait(host.create(club, { capacity: 64, topology: 'star' }))
    await net.wait(room.ban('7'.repeat(64)))
    const networks: Network[] = []
    for (let i = 0; i < 34; i++) networks.push(await net.connect())
    const joins = networks.map((network) => network.join(club, { code: room.code }))
    const rooms = await net.wait(Promise.all(joins))
    await net.run(6_000)
    for (const { id, network } of rooms) expect(network.introducer.keyOf(id)).toBeDefined()
    for (const { network } of rooms) {
      const ticket = await net.wait(network.introducer.join(club.name, 1, room.code, {}))
      expect(ticket.key).toBeDefined()
    }
    expect([...room.peers.values()].every(({ path }) => path === 'direct')).toBe(true)
    expect(net.errors).toEqual([])
  })

  test('when the host’s word of it is lost with its line for a while, it hears later', async () => {
    const net = simulate({ seed: 9, rtt: 60 })
    const rooms = await locked(net, 2, 'secret')
    const guest = await net.connect()
    // From the host to the introducer nothing gets through any more, as soon as it has let the newcomer in.
    const [hostLink, { introducerLink }] = [net.linkOf(rooms[0]!), net]
    const joining = guest.join(club, { code: rooms[0]!.code, password: 'secret', timeout: 30_000 })
    await net.waitUntil(() => rooms[0]!.core.membership.size === 3)
    net.network.setConditions(hostLink, introducerLink, { loss: 1 })
    await net.run(1_500)
    net.network.setConditions(hostLink, introducerLink, { loss: 0 })
    const there = await net.wait(joining)
    await everyoneDirect(net, [...rooms, there], 15_000)
    expect(net.errors).toEqual([])
  })

  test.each(['crashes', 'leaves', 'hands over'] as const)('by the next host, when the one that it asked %s', async (how) => {
    const net = simulate({ seed: 10, rtt: 100 })
    const rooms = await locked(net, 3, 'secret')
    const guest = await net.connect()
    const joining = guest.join(club, { code: rooms[0]!.code, password: 'secret', timeout: 30_000 })
    await net.run(120)
    if (how === 'crashes') net.crash(rooms[0]!)
    else if (how === 'leaves') void rooms[0]!.leave()
    else void rooms[0]!.handOver([...rooms[0]!.peers.values()][1])
    const there = await net.wait(joining)
    const left = [...(how === 'hands over' ? rooms : rooms.slice(1)), there]
    await net.run(8_000)
    await everyoneDirect(net, left)
    expect(net.errors).toEqual([])
  })

  test.each([300, 320, 340, 400])('whatever the host was about to say when it dies, %i ms after somebody has asked', async (after) => {
    const net = simulate({ seed: 11, rtt: 100 })
    const rooms = await locked(net, 3, 'secret')
    const guest = await net.connect()
    const joining = guest.join(club, { code: rooms[0]!.code, password: 'secret', timeout: 30_000 })
    await net.run(after)
    net.crash(rooms[0]!)
    const there = await net.wait(joining)
    await net.run(8_000)
    await everyoneDirect(net, [rooms[1]!, rooms[2]!, there])
    expect(guest.introducer.keyOf(there.id)).toBeDefined()
    // The introducer knows as much.
    expect((await net.wait(there.network.introducer.join(club.name, 1, there.code, {}))).key).toBeDefined()
    expect(net.errors).toEqual([])
  })
})

test('when a host dies that had nobody else, and before the introducer has heard whom it let in, that one has the room in the end', async () => {
  const net = simulate({ seed: 19, rtt: 60 })
  const [host] = (await locked(net, 1, 'secret')) as [Club]
  host.core.network.admit = () => Promise.resolve(false)
  const guest = await net.connect()
  const there = await net.wait(guest.join(club, { code: host.code, password: 'secret' }))
  net.crash(host)
  await net.run(60_000)
  expect(there.isHost).toBe(true)
  const late = await net.connect()
  const next = await net.wait(late.join(club, { code: host.code, password: 'secret' }))
  await everyoneDirect(net, [there, next])
  expect(net.errors).toEqual([])
})

describe('a guard that comes in mid-game', () => {
  test('disturbs no member: nothing is lost, no path changes; and it goes again', async () => {
    const net = simulate({ seed: 12, rtt: 60 })
    const rooms = (await net.players(club, 4)) as Club[]
    await everyoneDirect(net, rooms)
    const heard = rooms.map(() => 0)
    const changes: string[] = []
    for (const [i, room] of rooms.entries()) {
      room.channels.log.on(() => (heard[i] = heard[i]! + 1))
      for (const event of ['path', 'away', 'leave'] as const) room.on(event, () => changes.push(event))
    }
    for (let n = 0; n < 200; n++) {
      if (n === 20) void rooms[0]!.lock()
      if (n === 60) void rooms[0]!.ban('7'.repeat(64))
      if (n === 100) void rooms[0]!.unlock()
      for (const room of rooms) room.channels.log.send({ n })
      await net.run(20)
    }
    await net.run(500)
    expect(heard).toEqual([600, 600, 600, 600])
    expect(changes).toEqual([])
    // One of them moves: it is found again as before.
    net.move(rooms[2]!)
    await net.run(5_000)
    await everyoneDirect(net, rooms)
    expect(net.errors).toEqual([])
  })
})

describe('a lock', () => {
  test('that the introducer has no time for, or is not there for, holds as soon as it is told', async () => {
    const net = simulate({ seed: 18, rtt: 60 })
    const watch = new Watch(net)
    const rooms = (await net.players(club, 2)) as Club[]
    const members = rooms.map(({ network }) => network)
    const guest = await net.connect()
    // Its requests are used up.
    await net.wait(Promise.allSettled(Array.from({ length: 40 }, () => members[0]!.rooms(club))))
    await net.wait(rooms[0]!.lock())
    await net.run(4_000)
    expect((await caught(net.wait(guest.join(club, { code: rooms[0]!.code })))).code).toBe('ROOM_LOCKED')
    await net.wait(rooms[0]!.unlock())
    net.stopIntroducer()
    await net.run(60_000)
    await net.wait(rooms[0]!.ban('7'.repeat(64)))
    net.heal()
    await net.run(40_000)
    expect((await net.wait(guest.introducer.join(club.name, 1, rooms[0]!.code, {}))).key).toBeUndefined()
    await net.run(1_000)
    expect([...watch.known(members, [guest]), ...watch.known([guest], members)]).toEqual([])
  })
})

describe('an introducer that has forgotten everything', () => {
  test.each([false, true])('has the guard again from those who are in the room (at another address: %s)', async (elsewhere) => {
    const net = simulate({ seed: 13, rtt: 60 })
    const rooms = await locked(net, 3, 'secret')
    const thief = await net.connect()
    const spy = await net.wait(thief.introducer.join(club.name, 1, rooms[0]!.code, {}))
    net.restartIntroducer(elsewhere)
    const watch = new Watch(net)
    // It is back before the members are, and says that it is one.
    await net.waitUntil(() => net.introducer.stats.rooms === 1, 60_000)
    await net.run(10_000)
    const members = rooms.map(({ network }) => network)
    const again = await net.wait(thief.introducer.join(club.name, 1, rooms[0]!.code, {}))
    expect([again.roomId, again.key, again.password]).toEqual([spy.roomId, undefined, true])
    expect(again.members).toHaveLength(2)
    await net.run(3_000)
    expect([...watch.known(members, [thief]), ...watch.known([thief], members)]).toEqual([])
    await net.wait(thief.introducer.leave(spy.roomId))
    expect((await caught(net.wait(thief.join(club, { code: rooms[0]!.code, password: 'x' })))).code).toBe('WRONG_PASSWORD')
    // No member is cut off from the others: who moves is found, with both of a pair at once, which needs the introducer.
    net.move(rooms[1]!)
    net.move(rooms[2]!)
    await net.run(5_000)
    await everyoneDirect(net, rooms)
    const late = await net.connect()
    const there = await net.wait(late.join(club, { code: rooms[0]!.code, password: 'secret' }))
    await everyoneDirect(net, [...rooms, there])
    expect(net.errors).toEqual([])
  })

  test('and comes back with the key of a room that has banned it: the host has its place taken at once', async () => {
    const net = simulate({ seed: 20, rtt: 60 })
    const rooms = await locked(net, 3, 'secret')
    const banned = rooms[2]!.network
    const { key, ...ticket } = await net.wait(banned.introducer.join(club.name, 1, rooms[0]!.code, {}))
    await net.wait(rooms[0]!.ban(banned.peerId))
    net.restartIntroducer()
    await net.waitUntil(() => net.introducer.stats.rooms === 1, 60_000)
    await net.waitUntil(() => banned.introducer.state === 'connected')
    const back = await net.wait(ask(banned, { ...ticket, ...ticket.self, op: 'rejoin', key: key! } as Request))
    expect(back).toMatchObject({ key })
    await net.run(10_000)
    const again = await net.wait(banned.introducer.join(club.name, 1, rooms[0]!.code, {}))
    expect(again.key).toBeUndefined()
    expect(again.members.map(({ peerId }) => peerId)).toEqual([rooms[0]!.self.id, banned.peerId])
    expect(net.errors).toEqual([])
  })

  test('and a host that is not there: who has its key takes the room up, and lets others in when it stands', async () => {
    const net = simulate({ seed: 14, rtt: 60 })
    const rooms = await locked(net, 2, 'secret')
    net.restartIntroducer()
    net.crash(rooms[0]!)
    await net.run(60_000)
    expect(rooms[1]!.isHost).toBe(true)
    const late = await net.connect()
    expect((await caught(net.wait(late.join(club, { code: rooms[0]!.code, password: 'x' })))).code).toBe('WRONG_PASSWORD')
    const there = await net.wait(late.join(club, { code: rooms[0]!.code, password: 'secret' }))
    await everyoneDirect(net, [rooms[1]!, there])
    expect(net.errors).toEqual([])
  })
})

describe('who refuses the relay path', () => {
  test.each(['guest', 'host', 'introducer'] as const)('(%s) can’t ask without being shown, and is told so', async (who) => {
    const net = simulate({ seed: 15, ...(who === 'introducer' ? { relay: false } : {}) })
    const watch = new Watch(net)
    const host = await net.connect(who === 'host' ? { relay: 'never' } : {})
    const guest = await net.connect(who === 'guest' ? { relay: 'never' } : {})
    const room = await net.wait(host.create(club, { password: 'secret' }))
    const error = await caught(net.wait(guest.join(club, { code: room.code, password: 'secret' })))
    expect(error.code).toBe('RELAY_REFUSED')
    expect(error.message).toContain({ guest: 'this player refuses', host: 'its host refuses', introducer: 'this introducer' }[who])
    await net.run(1_000)
    expect([...watch.known([host], [guest]), ...watch.known([guest], [host])]).toEqual([])
    expect(net.introducer.stats).toMatchObject({ rooms: 1 })
    // Open rooms are as before, and who is in one when it is closed stays.
    const open = await net.wait(host.create(club))
    const there = await net.wait(guest.join(club, { code: open.code }))
    await net.wait(open.lock())
    await everyoneDirect(net, [open, there])
    expect(net.errors).toEqual([])
  })
})

test('on a local network it is the same, by whoever introduces there', async () => {
  const net = simulate({ seed: 16 })
  net.stopIntroducer()
  const [ada, ben, eve] = (await net.lanPlayers(3)) as [Network, Network, Network]
  const room = await net.wait(ada.create(club, { password: 'secret' }))
  expect((await caught(net.wait(ben.join(club, { code: room.code, password: 'x' })))).code).toBe('WRONG_PASSWORD')
  const rooms = [room, await net.wait(ben.join(club, { code: room.code, password: 'secret' }))]
  rooms.push(await net.wait(eve.join(club, { code: room.code, password: 'secret' })))
  await everyoneDirect(net, rooms)
  expect(toHex(ada.introducer.keyOf(room.id)!)).toBe(toHex(eve.introducer.keyOf(room.id)!))
})
