import { describe, expect, test } from '@jest/globals'
import { seededRandom } from '../../src/base/random.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import type { Network, Room } from '../../src/entry/main.ts'
import { pack } from '../../src/introducer/packing.ts'
import { Admissions } from '../../src/room/admission.ts'
import { CHANNEL_FLOW, FORWARD_FLOW, PASSWORD_BURST } from '../../src/room/constants.ts'
import { Membership } from '../../src/room/membership.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { Simulation } from '../../src/testing/simulate.ts'
import { caught } from './caught.ts'

const club = game('test.club', {
  protocol: 1,
  channels: { chat: channel({ text: t.string(80) }), place: channel({ n: t.uint16 }, { delivery: 'latest' }) },
})
type Club = Room<typeof club>

async function newcomer(net: Simulation): Promise<Network> {
  return net.connect()
}

describe('a password', () => {
  test('is asked for, checked by the host, never sent, and not known to those who are in', async () => {
    const net = simulate()
    const host = await net.connect()
    const room = await net.wait(host.create(club, { password: 'öpen sesame', listed: true }))
    const one = await newcomer(net)
    expect(await net.wait(one.rooms(club))).toMatchObject([{ password: true, members: 1 }])
    expect(await net.wait(one.rooms(club, { open: true }))).toEqual([])
    expect((await caught(net.wait(one.join(club, { code: room.code })))).code).toBe('PASSWORD_REQUIRED')
    expect((await caught(net.wait(one.join(club, { code: room.code, password: 'open sesame' })))).code).toBe('WRONG_PASSWORD')
    expect(room.peers.size).toBe(0)
    const there = await net.wait(one.join(club, { code: room.code, password: 'o\u0308pen sesame' }))
    expect(room.peers.size).toBe(1)
    const known = JSON.stringify(there.core.membership.snapshot())
    expect(known).not.toContain('sesame')
    // Whoever is host next asks for the same one.
    await net.wait(room.leave())
    await net.run(200)
    expect(there.isHost).toBe(true)
    const two = await newcomer(net)
    expect((await caught(net.wait(two.join(club, { code: room.code, password: 'x' })))).code).toBe('WRONG_PASSWORD')
    expect((await net.wait(two.join(club, { code: room.code, password: 'öpen sesame' }))).host.id).toBe(there.self.id)
    expect(net.errors).toEqual([])
  })

  test('can’t be guessed at leisure, by one or by many', async () => {
    const net = simulate()
    const host = await net.connect()
    const room = await net.wait(host.create(club, { password: 'secret' }))
    const codes: string[] = []
    for (let i = 0; i < 6; i++) {
      const one = await newcomer(net)
      for (let guess = 0; guess < 4; guess++)
        codes.push((await caught(net.wait(one.join(club, { code: room.code, password: `${i} ${guess}` })))).code)
    }
    expect(codes.filter((code) => code === 'WRONG_PASSWORD').length).toBeLessThanOrEqual(PASSWORD_BURST + 2)
    expect(codes.slice(0, 4)).toEqual(['WRONG_PASSWORD', 'WRONG_PASSWORD', 'WRONG_PASSWORD', 'RATE_LIMITED'])
    expect(codes.at(-1)).toBe('RATE_LIMITED')
    await net.run(30_000)
    const late = await newcomer(net)
    expect((await net.wait(late.join(club, { code: room.code, password: 'secret' }))).peers.size).toBe(1)
  })

  test.each(['', 'x'.repeat(129)])('%j is none', async (password) => {
    const net = simulate()
    const host = await net.connect()
    expect((await caught(host.create(club, { password }))).code).toBe('BAD_VALUE')
  })
})

describe('seats', () => {
  test('that are kept: for a peer ID, and for who has the token; others find the room full', async () => {
    const net = simulate()
    const [host, friend, bearer, other] = [await net.connect(), await net.connect(), await net.connect(), await net.connect()]
    const room = await net.wait(host.create(club, { capacity: 3, reserved: [friend.peerId] }))
    const token = await net.wait(room.reserve())
    const full = await caught(net.wait(other.join(club, { code: room.code })))
    expect([full.code, full.message]).toEqual(['ROOM_FULL', expect.stringContaining('kept')])
    expect((await caught(net.wait(other.join(club, { code: room.code, seat: 'x' })))).code).toBe('ROOM_FULL')
    await net.wait(room.lock())
    expect((await caught(net.wait(other.join(club, { code: room.code })))).code).toBe('ROOM_LOCKED')
    await net.wait(friend.join(club, { code: room.code }))
    const third = await net.wait(bearer.join(club, { code: room.code, seat: token }))
    expect(third.peers.size).toBe(2)
    expect(third.core.membership.rules.reserved).toEqual([])
    expect(JSON.stringify(third.core.membership.snapshot())).not.toContain(token)
    await net.wait(third.leave())
    await net.wait(room.unlock())
    expect((await net.wait(other.join(club, { code: room.code }))).peers.size).toBe(2)
  })

  test('a lock keeps newcomers out, and nobody in', async () => {
    const net = simulate()
    const [a, b] = (await net.players(club, 2)) as [Club, Club]
    await net.wait(a.lock())
    const late = await newcomer(net)
    expect((await caught(net.wait(late.join(club, { code: a.code })))).code).toBe('ROOM_LOCKED')
    expect(b.isLocked).toBe(true)
    await expect(b.unlock()).rejects.toMatchObject({ code: 'NOT_HOST' })
    await net.wait(a.unlock())
    await net.run(200)
    expect((await net.wait(late.join(club, { code: a.code }))).peers.size).toBe(2)
  })

  test('who is kicked is told why, and may come back; who is banned may not, whoever is host', async () => {
    const net = simulate()
    const rooms = (await net.players(club, 3)) as [Club, Club, Club]
    const [a, b, c] = rooms
    const told: string[] = []
    c.on('closed', (reason, explanation) => told.push(`${reason}: ${explanation}`))
    b.on('leave', (peer, reason) => told.push(`${peer.order} ${reason}`))
    const of = (room: Club): NonNullable<ReturnType<typeof a.peers.get>> => a.peers.get(room.self.id)!
    expect(() => b.kick(of(c))).toThrow(expect.objectContaining({ code: 'NOT_HOST' }))
    expect(() => a.kick(a.self)).toThrow(expect.objectContaining({ code: 'BAD_RECEIVER' }))
    a.kick(of(c), 'too loud')
    await net.run(1_000)
    expect(told.toSorted()).toEqual(['2 kicked', 'kicked: too loud'])
    expect([c.isOpen, a.peers.size, b.peers.size]).toEqual([false, 1, 1])
    expect(() => c.channels.chat.send({ text: 'still' })).toThrow(expect.objectContaining({ code: 'ROOM_CLOSED' }))
    const again = await net.wait(c.network.join(club, { code: a.code }))
    expect(again.peers.size).toBe(2)
    await net.wait(a.ban(of(c), 'I said'))
    await net.run(1_000)
    expect(again.isOpen).toBe(false)
    expect((await caught(net.wait(c.network.join(club, { code: a.code })))).code).toBe('BANNED')
    await net.wait(a.leave())
    await net.run(500)
    expect((await caught(net.wait(c.network.join(club, { code: a.code })))).code).toBe('BANNED')
    await net.wait(b.unban(c.self.id))
    expect((await net.wait(c.network.join(club, { code: a.code }))).host.id).toBe(b.self.id)
    expect(net.errors).toEqual([])
  })

  test('a host that dies while a newcomer is at the door: its successor lets it in', async () => {
    for (const delay of [0, 20, 60, 120, 250]) {
      const net = simulate({ seed: 6, rtt: 80 })
      const rooms = (await net.players(club, 3)) as Club[]
      const late = await newcomer(net)
      const joining = late.join(club, { code: rooms[0]!.code })
      await net.run(delay)
      net.crash(rooms[0]!)
      const room = await net.wait(joining)
      await net.run(5_000)
      expect([delay, room.host.id]).toEqual([delay, rooms[1]!.self.id])
      expect(rooms[2]!.peers.get(late.peerId)?.path).toBe('direct')
      expect(net.errors).toEqual([])
    }
  })

  test('the host itself asks for game and protocol: not every newcomer comes by an introducer that has', () => {
    const seat = { peerId: '1'.repeat(64), order: 0, profile: {}, isSpectator: false, isAway: false }
    const rules = {
      capacity: 2,
      spectators: 1,
      isLocked: false,
      topology: 'auto',
      grace: 1,
      properties: {},
      privateProperties: {},
      password: undefined,
    } as const
    const snapshot = { epoch: 512, host: seat.peerId, began: 512, version: 0, nextOrder: 1, seats: [seat], electorate: [], isStar: false }
    const membership = new Membership({ ...snapshot, rules: { ...rules, reserved: [], bans: [] } })
    const admissions = new Admissions(
      { backend: nodeBackend, random: seededRandom(1) },
      { name: 'g', protocol: 3 },
      '2'.repeat(32),
      seat.peerId,
      0,
    )
    const ask = (changes: object): unknown =>
      admissions.join('4'.repeat(64), { kind: 'join', game: 'g', protocol: 3, profile: {}, spectator: false, ...changes }, membership, 0)
    expect(ask({})).toMatchObject({ kind: 'seat', isNew: true, seat: { order: 1 } })
    expect(ask({ protocol: 4 })).toMatchObject({ kind: 'refused', code: 'PROTOCOL_MISMATCH', message: expect.stringMatching(/3.*4/) })
    expect(ask({ game: 'other' })).toMatchObject({ kind: 'refused', code: 'GAME_MISMATCH' })
  })
})

describe('spectators', () => {
  test('take no place, receive everything, and send nothing', async () => {
    const net = simulate()
    const [a, b] = (await net.players(club, 2, { capacity: 2, spectators: 1 })) as [Club, Club]
    const fan = await net.connect()
    const room = await net.wait(fan.join(club, { code: a.code, spectator: true }))
    expect(a.peers.get(fan.peerId)!.isSpectator).toBe(true)
    const heard: string[] = []
    room.channels.chat.on(({ text }, from) => heard.push(`${from.order} ${text}`))
    a.channels.chat.send({ text: 'hello' })
    b.channels.chat.send({ text: 'hi' })
    await net.run(500)
    expect(heard.toSorted()).toEqual(['0 hello', '1 hi'])
    expect(() => room.channels.chat.send({ text: 'me too' })).toThrow(expect.objectContaining({ code: 'SPECTATOR' }))
    const second = await net.connect()
    expect((await caught(net.wait(second.join(club, { code: a.code, spectator: true })))).code).toBe('ROOM_FULL')
    // Nobody but a player becomes host.
    await net.wait(a.leave())
    net.crash(b)
    await net.run(6_000)
    expect(room.isHost).toBe(false)
    expect(room.host.isAway || room.host.path === 'lost').toBe(true)
  })

  test.each(['mesh', 'star'] as const)('whose program was changed to send all the same are not heard, in a %s', async (topology) => {
    const net = simulate()
    const rooms = (await net.players(club, 4, { topology })) as Club[]
    const fan = await net.connect()
    const room = await net.wait(fan.join(club, { code: rooms[0]!.code, spectator: true }))
    await net.run(5_000)
    const heard: string[] = []
    for (const other of rooms) other.channels.chat.on(({ text }) => heard.push(text))
    for (const peer of room.peers.values()) {
      if (peer.session === undefined) continue
      for (const metadata of [pack([CHANNEL_FLOW, room.id, 'chat', 0, 0]), pack([CHANNEL_FLOW, room.id, '#call', 0, 0])]) {
        peer.session.openFlow({ metadata }).write(pack(['cheat']), net.clock.now())
      }
      // To the host, to be passed on to all.
      const forward = peer.session.openFlow({ metadata: pack([FORWARD_FLOW, room.id, 'chat']) })
      forward.write(Uint8Array.of(0, 0, ...pack(['cheat'])), net.clock.now())
      // As if it were the host, for somebody else.
      peer.session
        .openFlow({ metadata: pack(['altostratus.forwarded/2', room.id, 'chat', 0, 0, 1]) })
        .write(pack(['cheat']), net.clock.now())
    }
    for (const peer of room.peers.values()) {
      // And as if it decided who is in the room.
      room.core.say(peer, { kind: 'host', snapshot: { ...room.core.membership.snapshot(), host: rooms[1]!.self.id, epoch: 1_000_000 } })
      room.core.say(peer, {
        kind: 'change',
        epoch: room.epoch,
        version: room.core.membership.version + 1,
        change: { kind: 'leave', peerId: rooms[2]!.self.id, reason: 'banned' },
      })
      room.core.say(peer, { kind: 'claim', base: room.epoch, version: 0 })
    }
    fan.kick()
    await net.run(2_000)
    expect(heard).toEqual([])
    expect(rooms.map((other) => other.host.id)).toEqual(rooms.map(() => rooms[0]!.self.id))
    expect(rooms.map((other) => other.peers.size)).toEqual([4, 4, 4, 4])
    expect(net.errors).toEqual([])
  })
})

describe('finding rooms', () => {
  test('public properties are for all, private ones for members; the list takes conditions', async () => {
    const net = simulate()
    const make = async (properties: Record<string, string | number | boolean>): Promise<Club> => {
      const network = await net.connect()
      return net.wait(network.create(club, { listed: true, properties, privateProperties: { key: 'k' } }))
    }
    const ffa = await make({ mode: 'ffa', skill: 10 })
    const duel = await make({ mode: 'duel', skill: 30 })
    const seeker = await net.connect()
    const codes = async (where: Parameters<typeof seeker.rooms>[1]): Promise<string[]> =>
      (await net.wait(seeker.rooms(club, where))).map(({ code }) => code)
    expect(await codes({ where: { mode: 'ffa' } })).toEqual([ffa.code])
    expect(await codes({ where: { mode: ['ffa', 'duel'], skill: { min: 20 } } })).toEqual([duel.code])
    expect(await codes({ where: { skill: { min: 10, max: 30 } } })).toHaveLength(2)
    expect(await codes({ where: { level: 1 } })).toEqual([])
    expect((await caught(seeker.rooms(club, { where: { x: { min: NaN } } }))).code).toBe('BAD_VALUE')
    expect(JSON.stringify(await net.wait(seeker.rooms(club)))).not.toContain('"key"')
    const there = await net.wait(seeker.join(club, { code: ffa.code }))
    expect(there.privateProperties).toEqual({ key: 'k' })
    let told = 0
    there.on('rules', () => told++)
    await net.wait(ffa.setProperties({ mode: 'duel' }))
    await net.wait(ffa.setPrivateProperties({ key: 'l' }))
    await net.run(200)
    expect([there.properties, there.privateProperties, told]).toEqual([{ mode: 'duel' }, { key: 'l' }, 2])
    expect((await caught(there.setProperties({}))).code).toBe('NOT_HOST')
    expect(await codes({ where: { mode: 'ffa' } })).toEqual([])
  })

  test('a quick match: the fullest room that fits, else a new one, which the next one finds', async () => {
    const net = simulate()
    const networks = [await net.connect(), await net.connect(), await net.connect(), await net.connect()]
    const wanted = { where: { mode: 'ffa' }, capacity: 2 }
    const rooms: Club[] = []
    for (const network of networks) rooms.push(await net.wait(network.quickMatch(club, wanted)))
    expect(rooms.map((room) => room.isHost)).toEqual([true, false, true, false])
    expect(rooms[1]!.code).toBe(rooms[0]!.code)
    expect(rooms[3]!.code).toBe(rooms[2]!.code)
    const other = await net.connect()
    expect((await net.wait(other.quickMatch(club, { where: { mode: 'duel' } }))).isHost).toBe(true)
  })

  test('two that look at the same moment meet', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const net = simulate({ seed, rtt: 80, jitter: 40 })
      const [one, two] = [await net.connect(), await net.connect()]
      const rooms = await net.wait(Promise.all([one.quickMatch(club), two.quickMatch(club)]))
      expect(rooms[0]!.code).toBe(rooms[1]!.code)
    }
  })

  test('numbers that have to be near: sought ever further, until patience is over', async () => {
    const net = simulate()
    const networks = [await net.connect(), await net.connect(), await net.connect()]
    const search = (skill: number): Parameters<Network['quickMatch']>[1] => ({
      where: { skill: { near: skill, within: 5, widen: 10 } },
      patience: 4_000,
    })
    const first = await net.wait(networks[0]!.quickMatch(club, search(100)))
    expect(first.properties).toEqual({ skill: 100 })
    const at = net.clock.now()
    // 25 away: found after two seconds.
    const second = await net.wait(networks[1]!.quickMatch(club, search(125)))
    expect(second.code).toBe(first.code)
    expect(net.clock.now() - at).toBeGreaterThan(1_900)
    expect(net.clock.now() - at).toBeLessThan(3_200)
    const third = await net.wait(networks[2]!.quickMatch(club, search(300)))
    expect([third.isHost, third.properties]).toEqual([true, { skill: 300 }])
  })
})
