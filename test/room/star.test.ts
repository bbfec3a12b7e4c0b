import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import type { Simulation } from '../../src/testing/simulate.ts'

const crowd = game('test.crowd', {
  protocol: 1,
  channels: {
    log: channel({ n: t.uint16 }),
    place: channel({ n: t.uint16 }, { delivery: 'latest', priority: 'immediate' }),
    spark: channel({ n: t.uint16 }, { delivery: 'unreliable' }),
    bulk: channel({ n: t.uint16, bytes: t.bytes(20_000) }),
  },
})
type Crowd = Room<typeof crowd>

/** Messages by receiver and sender. */
function listen(rooms: readonly Crowd[], name: 'log' | 'place' | 'spark'): Map<number, number[]>[] {
  return rooms.map((room) => {
    const log = new Map<number, number[]>()
    room.channels[name].on(({ n }, from) => log.set(from.order, [...(log.get(from.order) ?? []), n]))
    return log
  })
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

function sessionsOf(room: Crowd): number {
  return [...room.core.peers.values()].filter((peer) => peer.session?.state === 'open').length
}

async function add(net: Simulation, rooms: Crowd[]): Promise<void> {
  const network = await net.connect()
  rooms.push(await net.wait(network.join(crowd, { code: rooms[0]!.code })))
}

describe('a large room', () => {
  test('is a star: messages go by way of the host, who says truly whom they are from', async () => {
    const net = simulate({ seed: 3, rtt: 60, loss: 0.02 })
    const rooms = (await net.players(crowd, 12, { capacity: 16 })) as Crowd[]
    await net.run(8_000)
    expect(rooms.map((room) => room.topology)).toEqual(rooms.map(() => 'star'))
    // The host and two who would follow it are connected to all, the others to these three.
    expect(rooms.map(sessionsOf)).toEqual([11, 11, 11, ...Array.from({ length: 9 }, () => 3)])
    expect(rooms[5]!.peers.get(rooms[7]!.self.id)!.path).toBe('host')
    expect(rooms[5]!.peers.get(rooms[1]!.self.id)!.path).toBe('direct')
    const logs = listen(rooms, 'log')
    const places = listen(rooms, 'place')
    const sparks = listen(rooms, 'spark')
    for (let n = 0; n < 30; n++) {
      rooms[4]!.channels.log.send({ n })
      rooms[9]!.channels.log.send({ n }, rooms[9]!.peers.get(rooms[4]!.self.id)!)
      rooms[6]!.channels.place.send({ n })
      rooms[6]!.channels.spark.send({ n })
      await net.run(30)
    }
    await net.run(2_000)
    for (const [i, log] of logs.entries()) expect([i, log.get(4)]).toEqual([i, i === 4 ? undefined : upTo(30)])
    expect(logs.map((log) => log.get(9))).toEqual(rooms.map((_, i) => (i === 4 ? upTo(30) : undefined)))
    for (const [i, log] of places.entries()) {
      const got = log.get(6) ?? []
      expect(got).toEqual(got.toSorted((a, b) => a - b))
      expect([i, got.length > 15, got.at(-1)]).toEqual(i === 6 ? [i, false, undefined] : [i, true, 29])
    }
    for (const [i, log] of sparks.entries()) expect((log.get(6) ?? []).length > 20).toBe(i !== 6)
    expect(net.errors).toEqual([])
  })

  test('grows from a mesh and shrinks to one again, while everybody talks: nothing is lost, doubled or out of order', async () => {
    const net = simulate({ seed: 3, rtt: 60, jitter: 30, loss: 0.05 })
    const rooms = (await net.players(crowd, 6, { capacity: 16 })) as Crowd[]
    const talkers = rooms.slice(0, 6)
    const networks = [await net.connect(), await net.connect(), await net.connect()]
    const logs = listen(talkers, 'log')
    let n = 0
    const talk = async (count: number): Promise<void> => {
      for (const end = n + count; n < end; n++) {
        for (const room of talkers)
          room.channels.log.send(
            { n },
            talkers.filter((other) => other !== room).map((other) => room.peers.get(other.self.id)!),
          )
        await net.run(25)
      }
    }
    await talk(40)
    const joining = Promise.all(networks.map((network) => network.join(crowd, { code: rooms[0]!.code })))
    await talk(200)
    const late = await net.wait(joining)
    expect(rooms.map((room) => room.topology)).toEqual(rooms.map(() => 'star'))
    await talk(150)
    for (const room of late) void room.leave()
    await talk(240)
    expect(talkers.map((room) => room.topology)).toEqual(talkers.map(() => 'mesh'))
    await net.run(4_000)
    const all = upTo(n)
    for (const [i, log] of logs.entries()) {
      for (const [j] of talkers.entries()) if (i !== j) expect([i, j, log.get(j)]).toEqual([i, j, all])
    }
    expect(net.errors).toEqual([])
  })

  test('a star by choice becomes a mesh by choice, and back, with messages under way', async () => {
    const net = simulate({ seed: 8, rtt: 80, loss: 0.05 })
    const rooms = (await net.players(crowd, 6, { topology: 'star' })) as Crowd[]
    const logs = listen(rooms, 'log')
    let n = 0
    const talk = async (count: number): Promise<void> => {
      for (const end = n + count; n < end; n++) {
        for (const room of rooms) room.channels.log.send({ n })
        await net.run(20)
      }
    }
    await talk(50)
    for (const topology of ['mesh', 'star', 'mesh'] as const) {
      await net.wait(rooms[0]!.setTopology(topology))
      await talk(300)
      expect(rooms.map((room) => room.topology)).toEqual(rooms.map(() => topology))
    }
    expect(rooms.map(sessionsOf)).toEqual([5, 5, 5, 5, 5, 5])
    await net.run(3_000)
    for (const [i, log] of logs.entries()) {
      for (const [j] of rooms.entries()) if (i !== j) expect([i, j, log.get(j)]).toEqual([i, j, upTo(n)])
    }
    expect(net.errors).toEqual([])
  })

  test('survives its host: a standby is connected to everybody already', async () => {
    for (const isAlone of [false, true]) {
      const net = simulate({ seed: 5, rtt: 60 })
      const rooms = (await net.players(crowd, 12, { capacity: 16 })) as Crowd[]
      await net.run(6_000)
      if (isAlone) await net.closeIntroducer()
      net.crash(rooms[0]!)
      await net.run(3_300)
      const others = rooms.slice(1)
      expect(others.map((room) => room.host.order)).toEqual(others.map(() => 1))
      const logs = listen(others, 'log')
      others[9]!.channels.log.send({ n: 1 })
      await net.run(1_000)
      expect(logs.map((log) => log.get(10))).toEqual(others.map((_, i) => (i === 9 ? undefined : [1])))
      expect(net.errors).toEqual([])
    }
  })

  test('whose host leaves goes on: nobody waits for what the one who is gone would have passed on', async () => {
    const net = simulate({ seed: 4, rtt: 60 })
    const rooms = (await net.players(crowd, 7, { topology: 'star' })) as Crowd[]
    await net.run(5_000)
    const logs = listen(rooms, 'log')
    rooms[5]!.channels.log.send({ n: 1 })
    await net.run(500)
    for (let gone = 0; gone < 2; gone++) {
      await net.wait(rooms[gone]!.leave())
      await net.run(1_000)
      rooms[5]!.channels.log.send({ n: 2 + gone })
      await net.run(1_000)
    }
    expect(logs.map((log) => log.get(5))).toEqual([[1], [1, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3], undefined, [1, 2, 3]])
    expect(net.errors).toEqual([])
  })

  test('a slow receiver slows down who sends to it by way of the host, and nothing that is reliable is lost', async () => {
    const net = simulate({ seed: 2, rtt: 40 })
    const rooms = (await net.players(crowd, 5, { topology: 'star' })) as Crowd[]
    await net.run(5_000)
    const lab = net as unknown as { linkOf(room: Crowd): SimulatedLink }
    net.network.setConditions(lab.linkOf(rooms[0]!), lab.linkOf(rooms[4]!), { bandwidth: 1_000_000 })
    const got: number[] = []
    rooms[4]!.channels.bulk.on(({ n }) => got.push(n))
    const to = rooms[3]!.peers.get(rooms[4]!.self.id)!
    expect(to.path).toBe('host')
    let refusals = 0
    let most = 0
    const { bulk } = rooms[3]!.channels
    const pump = async (): Promise<void> => {
      for (let n = 0; n < 80;) {
        const queued = [...rooms[0]!.core.peers.get(rooms[4]!.self.id)!.flows.values()].reduce((sum, flow) => sum + flow.queuedBytes, 0)
        most = Math.max(most, queued)
        if (bulk.send({ n, bytes: new Uint8Array(18_000) }, to)) n++
        else {
          refusals++
          await bulk.ready()
        }
        await new Promise<void>((resolve) => net.clock.at(net.clock.now() + 1, resolve))
      }
    }
    await net.wait(pump(), 120_000)
    await net.run(60_000)
    expect(got).toEqual(upTo(80))
    expect(refusals).toBeGreaterThan(0)
    expect(most).toBeLessThan(1_200_000)
  })

  test('of 32 works', async () => {
    const net = simulate({ seed: 1, rtt: 60, loss: 0.01 })
    const rooms = (await net.players(crowd, 1, { capacity: 32 })) as Crowd[]
    for (let i = 1; i < 32; i++) await add(net, rooms)
    await net.run(1_000)
    expect(rooms.map((room) => room.peers.size)).toEqual(rooms.map(() => 31))
    const logs = listen(rooms, 'log')
    for (const i of [0, 1, 20, 31]) rooms[i]!.channels.log.send({ n: i })
    await net.run(1_500)
    for (const [i, log] of logs.entries())
      expect([...log].toSorted(([a], [b]) => a - b)).toEqual([0, 1, 20, 31].filter((j) => j !== i).map((j) => [j, [j]]))
    net.crash(rooms[0]!)
    await net.run(4_000)
    expect(new Set(rooms.slice(1).map((room) => room.host.order))).toEqual(new Set([1]))
    expect(net.errors).toEqual([])
  }, 60_000)
})
