import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import { pack } from '../../src/introducer/packing.ts'
import { CLIENT_DEAD_AFTER, GRACE, REQUEST_FLOW, SERVER_DEAD_AFTER } from '../../src/introducer/constants.ts'
import { encodeRequest } from '../../src/introducer/protocol.ts'
import { Driver } from '../../src/link/driver.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import { Endpoint } from '../../src/rtmfp/endpoint.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { Simulation } from '../../src/testing/simulate.ts'
import { openStartup } from '../rtmfp/inspect.ts'
import { CHUNK_REDIRECT, CHUNK_RHELLO } from '../../src/wire/chunk.ts'
import { caught } from '../room/caught.ts'
import { HOSTILE, createWith } from './hostile.ts'

const meeting = game('test.meeting', { protocol: 1, channels: { chat: channel({ text: t.string(80) }) } })

interface Stranger {
  readonly driver: Driver
  readonly link: SimulatedLink
  readonly events: EndpointEvent[]
  /** Opens a session to the introducer. */
  open(): Promise<Session>
}

/** A bare endpoint that says what it likes to the introducer. */
function stranger(net: Simulation, seed = 99): Stranger {
  const link = net.network.createLink()
  const random = seededRandom(seed)
  const parts = { backend: nodeBackend, random }
  const endpoint = new Endpoint({ ...parts, identity: createIdentity(parts) })
  const events: EndpointEvent[] = []
  const driver = new Driver({ endpoint, link, clock: net.clock, onEvent: (event) => events.push(event) })
  return {
    driver,
    link,
    events,
    async open() {
      const epd = fingerprintEpd(net.introducer.identity.fingerprint)
      const session = endpoint.open({ epd, candidates: [Address.from('10.0.0.1', 1935)] }, net.clock.now())
      driver.kick()
      await net.run(500)
      return session
    },
  }
}

describe('strangers', () => {
  test('are no registered peers until they ask for it, and are forgotten when they are silent', async () => {
    const net = simulate()
    const one = stranger(net)
    const session = await one.open()
    expect(session.state).toBe('open')
    expect(net.introducer.stats.peers).toBe(0)
    session
      .openFlow({ metadata: utf8(REQUEST_FLOW) })
      .write(encodeRequest(1, { op: 'list', game: 'g', protocol: 1, where: {} }), net.clock.now())
    one.driver.kick()
    await net.run(500)
    expect(net.introducer.stats.peers).toBe(1)
    expect(one.events.filter((event) => event.type === 'message')).toHaveLength(1)
    one.link.crash()
    await net.run(SERVER_DEAD_AFTER + 1_000)
    expect(net.introducer.stats.peers).toBe(0)
  })

  test('what they say wrongly ends their own session alone', async () => {
    const net = simulate()
    const rooms = await net.players(meeting, 2)
    const nonsense = [
      utf8('GET / HTTP/1.1\r\n\r\n'),
      pack(7),
      pack({ op: 'sudo', id: 1 }),
      pack({ op: 'join', id: 1, code: 'x' }),
      new Uint8Array(60_000),
      ...HOSTILE.map(([, value]) => createWith(value)),
    ]
    for (const [i, bytes] of nonsense.entries()) {
      const one = stranger(net, 200 + i)
      const session = await one.open()
      session.openFlow({ metadata: utf8(REQUEST_FLOW) }).write(bytes, net.clock.now())
      one.driver.kick()
      await net.run(1_000)
      expect(session.state).not.toBe('open')
    }
    expect(net.introducer.stats).toMatchObject({ peers: 2, rooms: 1, refused: nonsense.length })
    expect(rooms[0]!.peers.size).toBe(1)
  })

  test('flows of another kind are rejected', async () => {
    const net = simulate()
    const one = stranger(net)
    const session = await one.open()
    const flow = session.openFlow({ metadata: utf8('something else') })
    flow.write(utf8('hello'), net.clock.now())
    one.driver.kick()
    await net.run(500)
    expect(one.events.some((event) => event.type === 'flow-exception' && event.flow === flow)).toBe(true)
  })

  test('learn no addresses: who is in no room with a peer gets no redirect to it, and the peer hears nothing', async () => {
    const net = simulate()
    const rooms = await net.players(meeting, 2)
    const [ada] = rooms
    const outsider = await net.connect()
    const replies: number[] = []
    const one = stranger(net)
    const toNobody = stranger(net, 100)
    for (const { link } of [one, toNobody]) {
      const receive = link.receive.bind(link)
      link.receive = (datagram, from) => {
        replies.push(openStartup(datagram)?.chunks[0]?.type ?? 0)
        receive(datagram, from)
      }
    }
    const epd = fingerprintEpd(ada!.network.identity.fingerprint)
    const before = net.introducer.stats.introductions
    // One that is not registered, one that is but shares no room.
    await one.open()
    for (const { driver } of [one, toNobody]) {
      driver.endpoint.open({ epd, candidates: [Address.from('10.0.0.1', 1935)], timeout: 5_000 }, net.clock.now())
      driver.kick()
    }
    const { driver } = outsider as unknown as { readonly driver: Driver }
    const failed = driver.endpoint.open({ epd, candidates: [outsider.introducer.address!], timeout: 5_000 }, net.clock.now())
    outsider.kick()
    await net.run(8_000)
    expect(failed.state).toBe('open-failed')
    expect(net.introducer.stats.introductions).toBe(before)
    expect(replies).not.toContain(CHUNK_REDIRECT)
    expect(replies.filter((type) => type === CHUNK_RHELLO).length).toBeLessThanOrEqual(2)
  })

  test('who has left a room is a stranger again: no more introductions to those who are in it', async () => {
    const net = simulate()
    const [ada, ben] = await net.players(meeting, 2)
    const { network } = ben!
    const { driver } = network as unknown as { readonly driver: Driver }
    const epd = fingerprintEpd(ada!.network.identity.fingerprint)
    const reach = async (): Promise<number> => {
      const before = net.introducer.stats.introductions
      driver.endpoint.open({ epd, candidates: [network.introducer.address!], timeout: 2_000 }, net.clock.now())
      network.kick()
      await net.run(3_000)
      return net.introducer.stats.introductions - before
    }
    expect(await reach()).toBeGreaterThan(0)
    await net.wait(ben!.leave())
    expect(await reach()).toBe(0)
  })

  test('who guesses codes is slowed down long before a code is found', async () => {
    const net = simulate()
    await net.players(meeting, 1)
    const guesser = await net.connect()
    const codes: string[] = []
    for (let i = 0; i < 30; i++) {
      const code = `AAA${'BCDEFGHJ'[i >> 3]}${'BCDEFGHJ'[i & 7]}`
      codes.push((await caught(net.wait(guesser.join(meeting, { code })))).code)
      await net.run(100)
    }
    expect(codes.filter((code) => code === 'ROOM_NOT_FOUND').length).toBeLessThanOrEqual(12)
    expect(codes.at(-1)).toBe('RATE_LIMITED')
  })

  test('requests without end are limited, and work again after a while', async () => {
    const net = simulate()
    const eager = await net.connect()
    const results = await net.wait(Promise.allSettled(Array.from({ length: 60 }, () => eager.rooms(meeting))))
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(20)
    expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'RATE_LIMITED' })
    await net.run(10_000)
    expect(await net.wait(eager.rooms(meeting))).toEqual([])
  })
})

describe('an introducer that comes and goes', () => {
  test('is reconnected to, and has its rooms back from those who are in them', async () => {
    const net = simulate()
    const rooms = await net.players(meeting, 3, { listed: true, capacity: 3 })
    const states: string[] = []
    rooms[1]!.network.introducer.on('state', (state) => states.push(state))
    await net.closeIntroducer()
    await net.run(5_000)
    expect(states).toEqual(['reconnecting'])
    net.restartIntroducer()
    await net.run(60_000)
    expect(states).toEqual(['reconnecting', 'connected'])
    expect(net.introducer.stats).toMatchObject({ peers: 3, rooms: 1 })
    const late = await net.connect()
    expect(await net.wait(late.rooms(meeting))).toMatchObject([{ code: rooms[0]!.code, members: 3 }])
    expect((await caught(net.wait(late.join(meeting, { code: rooms[0]!.code })))).code).toBe('ROOM_FULL')
    await net.wait(rooms[2]!.leave())
    const joined = await net.wait(late.join(meeting, { code: rooms[0]!.code }))
    expect(joined.host.id).toBe(rooms[0]!.self.id)
    expect(net.errors).toEqual([])
  })

  test('that is cut off without a word is found lost, and the place is kept for the grace time', async () => {
    const net = simulate()
    const rooms = await net.players(meeting, 2)
    net.stopIntroducer()
    await net.run(CLIENT_DEAD_AFTER + 2_000)
    expect(rooms.map((room) => room.network.introducer.state)).toEqual(['reconnecting', 'reconnecting'])
    net.heal()
    await net.run(GRACE)
    expect(rooms.map((room) => room.network.introducer.state)).toEqual(['connected', 'connected'])
    expect(net.introducer.stats).toMatchObject({ peers: 2, rooms: 1 })
    expect(rooms.map((room) => room.peers.size)).toEqual([1, 1])
  })

  test('holds nothing when all have left', async () => {
    const net = simulate()
    const rooms = await net.players(meeting, 4)
    for (const room of rooms) await net.wait(room.network.close())
    await net.run(1_000)
    expect(net.introducer.stats).toMatchObject({ peers: 0, rooms: 0 })
  })
})
