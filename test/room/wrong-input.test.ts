import { describe, expect, test } from '@jest/globals'
import { AltostratusError } from '../../src/base/errors.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import { pack } from '../../src/introducer/packing.ts'
import { CHANNEL_FLOW } from '../../src/room/constants.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { Simulation } from '../../src/testing/simulate.ts'
import type { Network } from '../../src/room/network.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import type { Driver } from '../../src/link/driver.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { caught } from './caught.ts'

const channels = {
  move: channel({ x: t.fixed(0, 1, 0.001), kind: t.oneOf('walk', 'run') }),
  note: channel({ text: t.string(20) }),
  blob: channel({ bytes: t.bytes(4_000) }, { maxBytes: 1_000 }),
}
const duel = game('test.duel', { protocol: 3, channels })
const newer = game('test.duel', { protocol: 4, channels })
const other = game('test.other', { protocol: 3, channels })

/** A room with its host, and one more player who is not in it. */
async function hosted(net: Simulation, capacity = 8): Promise<{ readonly code: string; readonly stranger: Network }> {
  const [room] = await net.players(duel, 1, { capacity })
  return { code: room!.code, stranger: await net.connect() }
}

/** Opens a session past the introducer, as a player would who has overheard an address. */
function openDirectly(net: Simulation, from: Network, to: Network): Session {
  const { driver } = from as unknown as { readonly driver: Driver }
  const { address } = (net as unknown as { linkOf(player: Network): SimulatedLink }).linkOf(to)
  const session = driver.endpoint.open({ epd: fingerprintEpd(to.identity.fingerprint), candidates: [address] }, net.clock.now())
  from.kick()
  return session
}

describe('joining', () => {
  test('a code that nobody has: says so, and what codes look like', async () => {
    const net = simulate()
    const player = await net.connect()
    const unknown = await caught(net.wait(player.join(duel, { code: 'ABCDE' })))
    expect([unknown.code, unknown.message]).toEqual(['ROOM_NOT_FOUND', expect.stringContaining('ABCDE')])
    for (const code of ['', 'ABC', 'ABCDEF', '0O1IL', 'rtmfp://x', '💥💥💥💥💥']) {
      const error = await caught(net.wait(player.join(duel, { code })))
      expect(error.code).toBe('ROOM_NOT_FOUND')
      expect(error.message).toContain('5 letters and digits')
    }
  })

  test('a code is read in either case, with blanks around', async () => {
    const net = simulate()
    const { code, stranger } = await hosted(net)
    expect((await net.wait(stranger.join(duel, { code: ` ${code.toLowerCase()}\n` }))).code).toBe(code)
  })

  test('a full room: says how full, and the seat is free again when someone leaves', async () => {
    const net = simulate()
    const [a, b] = await net.players(duel, 2, { capacity: 2 })
    const third = await net.connect()
    const error = await caught(net.wait(third.join(duel, { code: a!.code })))
    expect([error.code, error.message]).toEqual(['ROOM_FULL', expect.stringContaining('full (2)')])
    await net.wait(b!.leave())
    expect((await net.wait(third.join(duel, { code: a!.code }))).peers.size).toBe(1)
  })

  test('another protocol number or another game: each says which', async () => {
    const net = simulate()
    const { code, stranger } = await hosted(net)
    const protocol = await caught(net.wait(stranger.join(newer, { code })))
    expect(protocol.code).toBe('PROTOCOL_MISMATCH')
    expect(protocol.message).toMatch(/3.*4|4.*3/)
    const game = await caught(net.wait(stranger.join(other, { code })))
    expect(game.code).toBe('GAME_MISMATCH')
    expect(net.introducer.stats.rooms).toBe(1)
  })

  test('twice the same room', async () => {
    const net = simulate()
    const { code, stranger } = await hosted(net)
    await net.wait(stranger.join(duel, { code }))
    expect((await caught(net.wait(stranger.join(duel, { code })))).code).toBe('ALREADY_JOINED')
  })

  test('a member who is not reached: says who, and the place is given up', async () => {
    const net = simulate()
    const [host] = await net.players(duel, 1)
    const { code } = host!
    const stranger = await net.connect()
    net.crash(host!)
    const error = await caught(net.wait(stranger.join(duel, { code, timeout: 3_000 })))
    expect(error.code).toBe('PEER_UNREACHABLE')
    expect(error.message).toMatch(/firewall/)
    expect(stranger.stats.rooms).toBe(0)
  })

  test('capacity, properties and profiles that are over a limit are refused on the spot', async () => {
    const net = simulate()
    const player = await net.connect()
    for (const options of [{ capacity: 0 }, { capacity: 65 }, { capacity: 2.5 }, { profile: { name: 'x'.repeat(2_000) } }]) {
      expect((await caught(player.create(duel, options))).code).toBe('BAD_VALUE')
    }
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`p${i}`, i]))
    expect((await caught(player.create(duel, { properties: many }))).message).toContain('properties')
    expect(net.introducer.stats.rooms).toBe(0)
  })
})

describe('sending', () => {
  test('a value that is not allowed: the error names channel and field, and says what is', async () => {
    const net = simulate()
    const [a, b] = await net.players(duel, 2)
    const { move, note } = a!.channels
    const cases: [() => unknown, RegExp][] = [
      [() => move.send({ x: 1.5, kind: 'run' }), /move\.x must be a number from 0 to 1, not 1\.5/],
      [() => move.send({ x: NaN, kind: 'run' }), /move\.x must be/],
      [() => move.send({ x: 0, kind: 'fly' } as never), /move\.kind must be one of "walk", "run", not "fly"/],
      [() => move.send({ x: 0 } as never), /move\.kind must be/],
      [() => move.send({ x: 0, kind: 'run', y: 1 } as never), /move has no field y/],
      [() => note.send({ text: 'x'.repeat(21) }), /note\.text must be/],
      [() => note.send('hello' as never), /note must be/],
    ]
    for (const [send, message] of cases) {
      expect(send).toThrow(AltostratusError)
      expect(send).toThrow(message)
    }
    await net.run(1_000)
    expect(b!.channels.move.stats).toEqual({ sent: 0, received: 0, malformed: 0 })
  })

  test('a message that is larger than its channel allows', async () => {
    const net = simulate()
    const [a] = await net.players(duel, 2)
    const send = (): unknown => a!.channels.blob.send({ bytes: new Uint8Array(1_001) })
    expect(send).toThrow(/over channel blob's 1000.*maxBytes/s)
    expect(a!.channels.blob.send({ bytes: new Uint8Array(900) })).toBe(true)
  })

  test('after leaving, and to oneself', async () => {
    const net = simulate()
    const [a, b] = await net.players(duel, 2)
    expect(() => a!.channels.note.send({ text: 'me' }, a!.self)).toThrow(/oneself/)
    await net.wait(b!.leave())
    await net.wait(b!.leave())
    expect(() => b!.channels.note.send({ text: 'late' })).toThrow(/The room was left/)
  })

  test('a queue that is full refuses, tells when there is room again, and loses nothing', async () => {
    const net = simulate({ bandwidth: 2_000_000 })
    const flood = game('test.flood', { protocol: 1, channels: { bulk: channel({ n: t.uint32, bytes: t.bytes(10_000) }) } })
    const [a, b] = await net.players(flood, 2)
    const got: number[] = []
    b!.channels.bulk.on(({ n }) => got.push(n))
    const { bulk } = a!.channels
    let n = 0
    let refusals = 0
    const pump = async (): Promise<void> => {
      while (n < 120) {
        if (bulk.send({ n, bytes: new Uint8Array(9_000) })) n++
        else {
          refusals++
          await bulk.ready()
        }
      }
    }
    await net.wait(pump(), 120_000)
    await net.run(10_000)
    expect(refusals).toBeGreaterThan(1)
    expect(got).toEqual(Array.from({ length: 120 }, (_, i) => i))
  })
})

describe('what peers send', () => {
  test('messages that are not of the definition are dropped and counted, and the next one is heard', async () => {
    const net = simulate()
    const [a, b] = await net.players(duel, 2)
    const heard: string[] = []
    b!.channels.note.on(({ text }) => heard.push(text))
    const flow = [...a!.peers.values()][0]!.session!.openFlow({ metadata: pack([CHANNEL_FLOW, a!.id, 'note', 0, 0]) })
    const wrong = [utf8('not packed'), pack(null), pack(['x'.repeat(21)]), pack([1, 2, 3]), pack({ text: 'x' }), new Uint8Array(0)]
    for (const bytes of wrong) flow.write(bytes, net.clock.now())
    flow.close()
    a!.channels.note.send({ text: 'right' })
    await net.run(1_000)
    expect(heard).toEqual(['right'])
    expect(b!.channels.note.stats.malformed).toBe(wrong.length)
    expect(net.errors).toEqual([])
  })

  test('flows for rooms and channels that are not there are refused, and the room goes on', async () => {
    const net = simulate()
    const [a, b] = await net.players(duel, 2)
    const peer = [...a!.peers.values()][0]!
    const names = [
      pack([CHANNEL_FLOW, a!.id, 'nosuch', 0, 0]),
      pack([CHANNEL_FLOW, 'nosuch', 'note', 0, 0]),
      pack(7),
      utf8('\xc1'),
      new Uint8Array(0),
    ]
    const flows = names.map((metadata) => peer.session!.openFlow({ metadata }))
    for (const flow of flows) flow.write(Uint8Array.of(1), net.clock.now())
    a!.network.kick()
    await net.run(1_000)
    expect(flows.map((flow) => flow.state).filter((state) => state === 'open')).toEqual([])
    const heard: string[] = []
    b!.channels.note.on(({ text }) => heard.push(text))
    a!.channels.note.send({ text: 'still here' })
    await net.run(200)
    expect(heard).toEqual(['still here'])
    expect(net.errors).toEqual([])
  })

  test('a peer that the introducer never announced gets nothing delivered, and is sent away', async () => {
    const net = simulate()
    const [a] = await net.players(duel, 1)
    const stranger = await net.connect()
    const heard: string[] = []
    a!.channels.note.on(({ text }) => heard.push(text))
    const joined: string[] = []
    a!.on('join', (peer) => joined.push(peer.id))
    const session = openDirectly(net, stranger, a!.network)
    await net.run(500)
    expect(session.state).toBe('open')
    session.openFlow({ metadata: pack([CHANNEL_FLOW, a!.id, 'note', 0, 0]) }).write(pack(['let me in']), net.clock.now())
    stranger.kick()
    await net.run(8_000)
    expect(heard).toEqual([])
    expect(joined).toEqual([])
    expect(session.state).not.toBe('open')
  })
})

describe('losing others', () => {
  test('an introducer that is not there: says where it was looked for', async () => {
    const net = simulate()
    net.stopIntroducer()
    const error = await caught(net.connect())
    expect(error.code).toBe('INTRODUCER_UNREACHABLE')
    expect(error.message).toMatch(/tried UDP to 10\.0\.0\.1:1935/)
    expect(error.hint).toMatch(/\w+/)
  })

  test('when the introducer is gone the room goes on; what needs it says so', async () => {
    const net = simulate()
    const [a, b] = await net.players(duel, 2)
    await net.closeIntroducer()
    await net.run(60_000)
    const heard: string[] = []
    b!.channels.note.on(({ text }) => heard.push(text))
    a!.channels.note.send({ text: 'on we go' })
    await net.run(200)
    expect(heard).toEqual(['on we go'])
    expect((await caught(net.wait(a!.network.create(duel)))).code).toBe('INTRODUCER_LOST')
    expect((await caught(net.wait(a!.network.rooms(duel)))).code).toBe('INTRODUCER_LOST')
  })

  test.each([
    [undefined, 2_000],
    [1_000, 1_000],
  ])('with deadAfter %p a peer that dies without a word is noticed within %d ms, and its seat is kept', async (deadAfter, within) => {
    const net = simulate(deadAfter === undefined ? {} : { deadAfter })
    const [a, b] = await net.players(duel, 2)
    const told: [string, string, number][] = []
    b!.on('away', (peer) => told.push([peer.id, 'away', net.clock.now()]))
    b!.on('leave', (peer, reason) => told.push([peer.id, reason, net.clock.now()]))
    const hosts: [string, number][] = []
    b!.on('host', (peer) => hosts.push([peer.id, net.clock.now()]))
    await net.run(3_000)
    const at = net.clock.now()
    net.crash(a!)
    await net.run(20_000)
    expect(hosts.map(([id]) => id)).toEqual([b!.self.id])
    expect(hosts[0]![1] - at).toBeLessThanOrEqual(within + 1_000)
    expect(told.map(([id, what]) => [id, what])).toEqual([[a!.self.id, 'away']])
    expect(b!.peers.get(a!.self.id)!.isAway).toBe(true)
    await net.run(20_000)
    expect(told.map(([, what]) => what)).toEqual(['away', 'lost'])
    expect(b!.peers.size).toBe(0)
  })

  test('one that leaves is noticed at once, by all', async () => {
    const net = simulate({ rtt: 100 })
    const [a, b, c] = await net.players(duel, 3)
    const left: [string, number][] = []
    for (const room of [b!, c!]) room.on('leave', (_peer, reason) => left.push([reason, net.clock.now()]))
    const at = net.clock.now()
    void a!.leave()
    await net.run(5_000)
    expect(left.map(([reason]) => reason)).toEqual(['left', 'left'])
    for (const [, when] of left) expect(when - at).toBeLessThan(100)
    expect([b!.isHost, c!.isHost]).toEqual([true, false])
  })

  test('asHost runs on the host alone, moves with it, and its signal ends it', async () => {
    const net = simulate()
    const rooms = await net.players(duel, 3)
    const log: string[] = []
    for (const [i, room] of rooms.entries()) {
      room.asHost((signal) => {
        log.push(`start ${i}`)
        signal.addEventListener('abort', () => log.push(`stop ${i}`))
      })
    }
    expect(log).toEqual(['start 0'])
    await net.wait(rooms[0]!.leave())
    await net.run(500)
    expect(log).toEqual(['start 0', 'stop 0', 'start 1'])
    net.crash(rooms[1]!)
    await net.run(8_000)
    expect(log).toEqual(['start 0', 'stop 0', 'start 1', 'start 2'])
  })
})
