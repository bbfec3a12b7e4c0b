import { describe, expect, test } from '@jest/globals'
import { seededRandom } from '../../src/base/random.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import {
  CLIENT_DEAD_AFTER,
  CONNECT_TIMEOUT,
  GRACE,
  GUESS_BURST,
  MAX_LISTED,
  MAX_PROFILE_BYTES,
  MAX_PROPERTIES,
  MAX_PROPERTY_LENGTH,
  MAX_ROOMS_PER_PEER,
  RECONNECT_LAST,
  REQUEST_BURST,
  REQUEST_TIMEOUT,
} from '../../src/introducer/constants.ts'
import { createServerIdentity } from '../../src/introducer/server.ts'
import { caught } from '../room/caught.ts'
import { World, settings } from './world.ts'
import type { Player } from './world.ts'

const join = (world: World, { client }: Player, code: string) => world.wait(client.join('test.game', 1, code, {}))

describe('connecting', () => {
  test.each([
    ['with the right fingerprint', undefined],
    ['without one', null],
  ])('%s in the URL: connected, registered, and there is a round-trip time', async (_name, fingerprint) => {
    const world = new World()
    const player = await world.connected(fingerprint)
    expect([player.client.state, player.states]).toEqual(['connected', ['connected']])
    expect(player.client.address?.key).toBe(world.link.address.key)
    await world.run(1_000)
    expect(world.server.stats).toMatchObject({ peers: 1, rooms: 0, introductions: 0, refused: 0 })
    expect(player.client.rtt).toBeGreaterThanOrEqual(36)
  })

  test('an introducer with another fingerprint than the URL’s is not taken', async () => {
    const world = new World()
    const other = createServerIdentity(nodeBackend, seededRandom(50))
    const player = world.player(other.peerId)
    const error = await caught(world.wait(player.client.connect()))
    expect(error.code).toBe('INTRODUCER_UNREACHABLE')
    expect([player.client.state, world.server.stats.peers]).toEqual(['closed', 0])
  })

  test('nobody there: an error that says what was tried and what to do, after the time that was given', async () => {
    const world = new World()
    world.link.crash()
    const { client } = world.player(null)
    const before = world.clock.now()
    const error = await caught(world.wait(client.connect()))
    expect(error.message).not.toContain('fingerprint')
    expect(error.code).toBe('INTRODUCER_UNREACHABLE')
    expect(error.message).toContain(`rtmfp://${world.link.address.host}:1935 (tried UDP to ${world.link.address.key})`)
    expect(error.hint).toMatch(/npx altostratus introducer.*host and port.*firewall/)
    expect(world.clock.now() - before).toBe(CONNECT_TIMEOUT)
  })

  test('one that is closed while it connects does not wait for ever', async () => {
    const world = new World()
    const { client } = world.player()
    const connecting = client.connect()
    client.close()
    expect((await caught(world.wait(connecting))).code).toBe('INTRODUCER_LOST')
    await world.run(5_000)
    expect([client.state, world.server.stats.peers]).toEqual(['closed', 0])
  })
})

describe('rooms', () => {
  test('create, list, join, leave: everybody is told, and nothing is left in the end', async () => {
    const world = new World()
    const [a, b, c] = [await world.connected(), await world.connected(), await world.connected()]
    const ticket = await world.wait(a.client.create(settings({ properties: { map: 'dust' } }), { name: 'Ada' }))
    expect(ticket.members).toEqual([{ peerId: a.peerId, order: 0, profile: { name: 'Ada' } }])
    expect((await join(world, b, ticket.code)).members.map(({ peerId }) => peerId)).toEqual([a.peerId, b.peerId])
    await world.run(100)
    expect(a.told).toEqual([`joined 1 ${b.peerId}`])
    const listed = { code: ticket.code, members: 2, capacity: 4, properties: { map: 'dust' } }
    expect(await world.wait(c.client.list('test.game', 1))).toEqual([listed])
    expect(await world.wait(c.client.list('test.game', 2))).toEqual([])
    await world.wait(b.client.leave(ticket.roomId))
    await world.run(100)
    expect(a.told.slice(1)).toEqual([`left ${b.peerId}`])
    expect([b.told, c.told]).toEqual([[], []])
    await world.wait(a.client.leave(ticket.roomId))
    for (const { client } of [a, b, c]) client.close()
    await world.run(1_000)
    expect(world.server.stats).toMatchObject({ peers: 0, rooms: 0, introductions: 1, refused: 0 })
  })

  test('each refusal has its code', async () => {
    const world = new World()
    const [a, b] = [await world.connected(), await world.connected()]
    const { code, roomId } = await world.wait(a.client.create(settings({ capacity: 1 }), {}))
    const refusals: [Promise<unknown>, string][] = [
      [b.client.join('test.game', 1, 'AAAAA', {}), 'ROOM_NOT_FOUND'],
      [b.client.join('test.other', 1, code, {}), 'GAME_MISMATCH'],
      [b.client.join('test.game', 2, code, {}), 'PROTOCOL_MISMATCH'],
      [b.client.join('test.game', 1, code, {}), 'ROOM_FULL'],
      [b.client.update(roomId, {}), 'ROOM_NOT_FOUND'],
      [b.client.evict(roomId, a.peerId), 'ROOM_NOT_FOUND'],
    ]
    for (const [promise, expected] of refusals) expect((await caught(world.wait(promise))).code).toBe(expected)
    expect(world.server.stats).toMatchObject({ peers: 2, refused: refusals.length })
  })

  test('properties are the host’s to change', async () => {
    const world = new World()
    const [a, b] = [await world.connected(), await world.connected()]
    const { code, roomId } = await world.wait(a.client.create(settings(), {}))
    await join(world, b, code)
    expect((await caught(world.wait(b.client.update(roomId, { map: 'mine' })))).code).toBe('NOT_HOST')
    await world.wait(a.client.update(roomId, { map: 'snow' }))
    expect((await world.wait(b.client.list('test.game', 1)))[0]!.properties).toEqual({ map: 'snow' })
  })

  test('a client that ends frees its place at once, one that vanishes after the grace time', async () => {
    const world = new World()
    const [a, b, c] = [await world.connected(), await world.connected(), await world.connected()]
    const { code } = await world.wait(a.client.create(settings(), {}))
    for (const player of [b, c]) await join(world, player, code)
    await world.run(100)
    a.told.length = 0
    b.client.close()
    await world.run(200)
    expect(a.told).toEqual([`left ${b.peerId}`])
    c.link.crash()
    await world.run(GRACE)
    expect(a.told).toHaveLength(1)
    await world.run(60_000)
    expect(a.told.slice(1)).toEqual([`left ${c.peerId}`])
    expect(world.server.stats).toMatchObject({ peers: 1, rooms: 1 })
  })

  test('the largest profiles of a full room fit into one ticket', async () => {
    const world = new World()
    const host = await world.connected()
    const profile = { name: 'x'.repeat(MAX_PROFILE_BYTES - 20) }
    const { code } = await world.wait(host.client.create(settings({ capacity: 64 }), profile))
    for (let i = 1; i < 64; i++) {
      const { client } = await world.connected()
      const { members } = await world.wait(client.join('test.game', 1, code, profile))
      expect(members).toHaveLength(i + 1)
    }
    expect(host.told).toHaveLength(63)
  })
})

describe('limits', () => {
  test('a list of as many rooms as it names, each with the longest properties, arrives', async () => {
    const world = new World()
    const properties = Object.fromEntries(Array.from({ length: MAX_PROPERTIES }, (_, i) => [`p${i}`, '€'.repeat(MAX_PROPERTY_LENGTH)]))
    for (let i = 0; i < MAX_LISTED;) {
      const { client } = await world.connected()
      for (let j = 0; j < MAX_ROOMS_PER_PEER; j++, i++) await world.wait(client.create(settings({ properties }), {}))
    }
    const reader = await world.connected()
    const rooms = await world.wait(reader.client.list('test.game', 1))
    expect(rooms).toHaveLength(MAX_LISTED)
    expect(rooms.at(-1)!.properties).toEqual(properties)
    expect(reader.states).toEqual(['connected'])
  })

  test('who asks too often is refused, gets through again after a moment, and others are not held up', async () => {
    const world = new World()
    const [busy, other] = [await world.connected(), await world.connected()]
    const answers = Array.from({ length: REQUEST_BURST + 10 }, () => busy.client.list('test.game', 1).then(() => 'ok', codeOf))
    const all = await world.wait(Promise.all(answers))
    // Registering was a request, too, and a token or so has come back.
    expect(all.filter((answer) => answer === 'ok').length).toBeGreaterThanOrEqual(REQUEST_BURST - 1)
    expect(all.filter((answer) => answer === 'RATE_LIMITED').length).toBeGreaterThanOrEqual(5)
    expect(await world.wait(other.client.list('test.game', 1))).toEqual([])
    await world.run(1_000)
    expect(await world.wait(busy.client.list('test.game', 1))).toEqual([])
  })

  test('who guesses codes is stopped sooner, and need not be told whether the next one was right', async () => {
    const world = new World()
    const [host, guesser] = [await world.connected(), await world.connected()]
    const { code } = await world.wait(host.client.create(settings(), {}))
    const guess = (letter: string) => caught(world.wait(guesser.client.join('test.game', 1, letter.repeat(5), {})))
    const codes: string[] = []
    // One a second, so that the limit on requests does not come first.
    for (const letter of 'ABCDEFGHJKMNPQR') {
      codes.push((await guess(letter)).code)
      await world.run(1_000)
    }
    expect(codes.slice(0, GUESS_BURST)).toEqual(new Array(GUESS_BURST).fill('ROOM_NOT_FOUND'))
    expect(codes.at(-1)).toBe('RATE_LIMITED')
    // The limit is on wrong codes: who has been told the right one comes in.
    expect((await join(world, guesser, code)).code).toBe(code)
  })
})

describe('an introducer that is gone', () => {
  test('cut off: reconnecting, requests fail at once with what to do, then it is back by itself and the place is kept', async () => {
    const world = new World()
    const [a, b] = [await world.connected(), await world.connected()]
    const ticket = await world.wait(a.client.create(settings(), {}))
    await join(world, b, ticket.code)
    world.network.partition([b.link])
    await world.run(CLIENT_DEAD_AFTER + 1_000)
    expect([b.client.state, b.client.address]).toEqual(['reconnecting', undefined])
    const error = await caught(world.wait(b.client.list('test.game', 1)))
    expect([error.code, error.hint]).toEqual(['INTRODUCER_LOST', expect.stringContaining('try again')])
    world.network.heal()
    await world.run(10_000)
    expect(b.states).toEqual(['connected', 'reconnecting', 'connected'])
    await world.run(2 * GRACE)
    expect([a.told.filter((line) => line.startsWith('left')), b.told]).toEqual([[], []])
    expect((await world.wait(a.client.list('test.game', 1)))[0]!.members).toBe(2)
  })

  test('restarted with its identity: the room is made anew with code, members and host', async () => {
    const world = new World()
    const [a, b, c] = [await world.connected(), await world.connected(), await world.connected()]
    const ticket = await world.wait(a.client.create(settings(), { name: 'Ada' }))
    await join(world, b, ticket.code)
    world.restart()
    await world.run(CLIENT_DEAD_AFTER + 10_000)
    expect(world.server.stats).toMatchObject({ peers: 3, rooms: 1 })
    const joined = await join(world, c, ticket.code)
    expect([joined.roomId, joined.members.map(({ peerId, order, profile }) => [peerId, order, profile])]).toEqual([
      ticket.roomId,
      [
        [a.peerId, 0, { name: 'Ada' }],
        [b.peerId, 1, {}],
        [c.peerId, 2, {}],
      ],
    ])
    await world.wait(a.client.update(ticket.roomId, { still: 'the host' }))
  })

  test('restarted: the room has the properties that its host set last', async () => {
    const world = new World()
    const a = await world.connected()
    const { roomId } = await world.wait(a.client.create(settings({ properties: { map: 'dust' } }), {}))
    await world.wait(a.client.update(roomId, { map: 'snow' }))
    world.restart()
    await world.run(CLIENT_DEAD_AFTER + 10_000)
    expect((await world.wait(a.client.list('test.game', 1)))[0]!.properties).toEqual({ map: 'snow' })
  })

  test('restarted: a guest that is back sooner does not undo what the host has set', async () => {
    const world = new World()
    const [a, b] = [await world.connected(), await world.connected()]
    const { code, roomId } = await world.wait(a.client.create(settings({ properties: { map: 'dust' } }), {}))
    await join(world, b, code)
    await world.wait(a.client.update(roomId, { map: 'snow' }))
    world.network.partition([a.link])
    await world.run(1_000)
    world.restart()
    await world.run(CLIENT_DEAD_AFTER + 10_000)
    expect([a.client.state, b.client.state]).toEqual(['reconnecting', 'connected'])
    world.network.heal()
    await world.run(CONNECT_TIMEOUT + RECONNECT_LAST)
    expect(a.client.state).toBe('connected')
    expect((await world.wait(b.client.list('test.game', 1)))[0]).toMatchObject({ members: 2, properties: { map: 'snow' } })
  })

  test('a room that was left is not joined again', async () => {
    const world = new World()
    const a = await world.connected()
    const { roomId } = await world.wait(a.client.create(settings(), {}))
    await world.wait(a.client.leave(roomId))
    world.restart()
    await world.run(CLIENT_DEAD_AFTER + 10_000)
    expect(world.server.stats).toMatchObject({ peers: 1, rooms: 0 })
  })

  test('left while it was gone: no request, and not joined again either', async () => {
    const world = new World()
    const a = await world.connected()
    const { roomId } = await world.wait(a.client.create(settings(), {}))
    world.link.crash()
    await world.run(CLIENT_DEAD_AFTER + 1_000)
    await world.wait(a.client.leave(roomId))
    world.restart()
    await world.run(RECONNECT_LAST + CONNECT_TIMEOUT)
    expect(world.server.stats).toMatchObject({ peers: 1, rooms: 0 })
  })

  test.each([
    ['for the first time', false],
    ['that had left before', true],
  ])('who joined %s while a member was cut off is told of when it is back', async (_name, before) => {
    const world = new World()
    const [a, b, c] = [await world.connected(), await world.connected(), await world.connected()]
    const { code, roomId } = await world.wait(a.client.create(settings(), {}))
    await join(world, b, code)
    if (before) {
      await join(world, c, code)
      await world.wait(c.client.leave(roomId))
      await world.run(200)
    }
    b.told.length = 0
    world.network.partition([b.link])
    await world.run(1_000)
    await join(world, c, code)
    await world.run(CLIENT_DEAD_AFTER)
    world.network.heal()
    await world.run(10_000)
    expect(b.client.state).toBe('connected')
    expect(b.told).toEqual([`joined ${before ? 3 : 2} ${c.peerId}`])
  })

  test('restarted as somebody else: a pinned client does not take it, one that is not pinned does', async () => {
    const world = new World()
    const [pinned, free] = [await world.connected(), await world.connected(null)]
    world.restart(createServerIdentity(nodeBackend, seededRandom(60)))
    await world.run(CLIENT_DEAD_AFTER + 20_000)
    expect([pinned.client.state, free.client.state]).toEqual(['reconnecting', 'connected'])
    expect(world.server.stats.peers).toBe(1)
  })

  test('it says that it is closing: clients know at once, and come back when there is one again', async () => {
    const world = new World()
    const players = [await world.connected(), await world.connected()]
    await world.run(100)
    await world.wait(world.server.close())
    expect(players.map(({ client }) => client.state)).toEqual(['reconnecting', 'reconnecting'])
    await world.run(3_000)
    world.restart()
    await world.run(RECONNECT_LAST + CONNECT_TIMEOUT)
    expect(players.map(({ client }) => client.state)).toEqual(['connected', 'connected'])
  })

  test('it is tried again and again, ever more seldom, and not after the end', async () => {
    const world = new World()
    const { client, link } = await world.connected()
    world.link.crash()
    await world.run(CLIENT_DEAD_AFTER + 600_000)
    const { sent } = link.stats
    await world.run(70_000)
    const tries = link.stats.sent - sent
    expect(tries).toBeGreaterThan(0)
    expect(tries).toBeLessThan(40)
    client.close()
    await world.run(100)
    const atEnd = link.stats.sent
    await world.run(600_000)
    expect(link.stats.sent).toBe(atEnd)
    expect(client.state).toBe('closed')
  })

  test('a request that is not answered in time fails as that; what is asked when it can be heard again is answered', async () => {
    const world = new World()
    const { client } = await world.connected()
    world.network.partition([world.link])
    const before = world.clock.now()
    const error = await caught(world.wait(client.list('test.game', 1)))
    expect([error.code, world.clock.now() - before]).toEqual(['INTRODUCER_TIMEOUT', REQUEST_TIMEOUT])
    expect(client.state).toBe('connected')
    world.network.heal()
    expect(await world.wait(client.list('test.game', 1))).toEqual([])
  })

  test('a place in a room whose ticket comes too late is given back, unless the room has been asked for again', async () => {
    for (const again of [false, true]) {
      const world = new World()
      const [a, b] = [await world.connected(), await world.connected()]
      const { code } = await world.wait(a.client.create(settings(), {}))
      await world.run(500)
      world.network.partition([b.link])
      expect((await caught(join(world, b, code))).code).toBe('INTRODUCER_TIMEOUT')
      const second = again ? join(world, b, code) : undefined
      world.network.heal()
      await second
      await world.run(10_000)
      expect(b.states).toEqual(['connected'])
      expect((await world.wait(a.client.list('test.game', 1)))[0]!.members).toBe(again ? 2 : 1)
      expect(a.told.length).toBe(again ? 1 : 2)
    }
  })

  test('what was asked when it is found to be gone, or when the client ends, fails as lost', async () => {
    const world = new World()
    const { client } = await world.connected()
    const asked = client.list('test.game', 1)
    client.close()
    expect((await caught(world.wait(asked))).code).toBe('INTRODUCER_LOST')
    const other = await world.connected()
    world.network.partition([world.link])
    await world.run(CLIENT_DEAD_AFTER - 3_000)
    const late = other.client.list('test.game', 1)
    expect((await caught(world.wait(late))).code).toBe('INTRODUCER_LOST')
  })
})

function codeOf(error: unknown): string {
  return (error as { readonly code: string }).code
}
