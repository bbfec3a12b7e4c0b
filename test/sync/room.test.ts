import { describe, expect, test } from '@jest/globals'
import { entities, game, shared, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import { simulate } from '../../src/testing/simulate.ts'

const place = t.fixed(-512, 512, 0.01)
const tanks = game('test.tanks', {
  protocol: 1,
  entities: {
    tank: entities({ x: place, y: place, hp: t.uint8 }, { smooth: ['x', 'y'] }),
    crate: entities({ x: t.float32, what: t.string(20) }, { owner: 'host' }),
    flag: entities({ x: place }, { onLeave: 'host', claim: true }),
  },
  shared: shared({ phase: t.oneOf('lobby', 'play', 'over'), clock: t.uint16 }),
})
type Tanks = Room<typeof tanks>
const byNumber = (a: number, b: number): number => a - b
const first = <T>(things: Iterable<T>): T => [...things][0]!

describe('entities in a room', () => {
  test('are spawned, written, read, and go', async () => {
    const net = simulate({ seed: 3, rtt: 80, jitter: 20, loss: 0.1 })
    const [a, b, c] = (await net.players(tanks, 3)) as [Tanks, Tanks, Tanks]
    const seen: string[] = []
    b.entities.tank.on('spawn', (tank) => seen.push(`spawn ${tank.hp} of ${tank.owner?.order}`))
    b.entities.tank.on('remove', (_, reason) => seen.push(`remove ${reason}`))
    const mine = a.entities.tank.spawn({ x: 1, y: 2, hp: 100 })
    expect([mine.isMine, mine.owner, mine.x]).toEqual([true, a.self, 1])
    await net.run(500)
    expect(seen).toEqual(['spawn 100 of 0'])
    for (const room of [b, c]) {
      const tank = first(room.entities.tank)
      expect([tank.id, tank.x, tank.y, tank.hp, tank.isMine]).toEqual([mine.id, 1, 2, 100, false])
      expect(tank.owner?.order).toBe(0)
      expect(() => (tank.x = 3)).toThrow(expect.objectContaining({ code: 'NOT_OWNER' }))
    }
    mine.x += 4
    mine.hp = 7
    a.shared.phase = 'play'
    await net.run(500)
    expect(first(c.entities.tank).latest()).toEqual({ x: 5, y: 2, hp: 7 })
    expect(c.shared.latest()).toEqual({ phase: 'play', clock: 0 })
    expect(() => (c.shared.clock = 3)).toThrow('shared.clock')
    mine.despawn()
    await net.run(500)
    expect([b.entities.tank.size, c.entities.tank.size]).toEqual([0, 0])
    expect(seen).toEqual(['spawn 100 of 0', 'remove despawned'])
    expect(() => (mine.x = 1)).toThrow('not in the world')
    expect(net.errors).toEqual([])
  })

  test('a late joiner gets all of it by the same way', async () => {
    const net = simulate({ rtt: 60, loss: 0.1, seed: 9 })
    const [a, b] = (await net.players(tanks, 2)) as [Tanks, Tanks]
    for (let i = 0; i < 100; i++) a.entities.crate.spawn({ x: i, what: `crate ${i}` })
    b.entities.tank.spawn({ x: 7 })
    a.shared.clock = 99
    await net.run(500)
    const late = await net.connect()
    const c = await net.wait(late.join(tanks, { code: a.code }))
    await net.run(600)
    expect([c.entities.crate.size, first(c.entities.tank).x, c.shared.clock]).toEqual([100, 7, 99])
    expect([...c.entities.crate].map((crate) => crate.what).sort()).toEqual([...a.entities.crate].map((crate) => crate.what).sort())
  })

  test('what only the host may, and what may not be said of them', async () => {
    const net = simulate()
    const [a, b] = (await net.players(tanks, 2)) as [Tanks, Tanks]
    expect(() => b.entities.crate.spawn({})).toThrow(expect.objectContaining({ code: 'NOT_HOST' }))
    expect(() => a.entities.tank.spawn({ x: 600 })).toThrow('tank.x must be a number from -512 to 512')
    expect(() => a.entities.tank.spawn({ z: 1 } as never)).toThrow('no field z')
    const tank = a.entities.tank.spawn({})
    expect(() => tank.give(undefined as never)).toThrow(expect.objectContaining({ code: 'BAD_RECEIVER' }))
    await net.wait(a.leave())
    expect(() => a.entities.tank.spawn({})).toThrow(expect.objectContaining({ code: 'ROOM_CLOSED' }))
    expect(() => (tank.x = 1)).toThrow(expect.objectContaining({ code: 'NOT_OWNER' }))
  })

  test.each([
    ['a name that entities have', () => entities({ owner: t.uint8 }), /has that already/],
    ['32 fields', () => entities(Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`f${i}`, t.bool]))), /1 to 31/],
    ['none', () => entities({}), /1 to 31/],
    ['what fits into no packet', () => entities({ text: t.string(5_000) }), /one packet/],
    ['a smooth field that is not there', () => entities({ a: t.bool }, { smooth: ['b' as 'a'] }), /no field b/],
    ['a secret field that is not there', () => entities({ a: t.bool }, { secret: { b: () => true } as never }), /no field b/],
    ['a host’s that is removed', () => entities({ a: t.bool }, { owner: 'host', onLeave: 'remove' }), /from host to host/],
    ['a rate of 0', () => entities({ a: t.bool }, { rate: 0 }), /1 to 120/],
  ])('%s is no definition', (_what, define, message) => {
    expect(define).toThrow(expect.objectContaining({ code: 'BAD_SCHEMA', message: expect.stringMatching(message) }))
  })
})

describe('ownership', () => {
  test('a claim is granted once, to one of those who ask at the same time', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const net = simulate({ seed, rtt: 80, jitter: 30, loss: 0.15 })
      const rooms = (await net.players(tanks, 4)) as Tanks[]
      const crate = rooms[0]!.entities.crate.spawn({ x: 1, what: 'gold' })
      await net.run(1_500)
      crate.x = 2
      const claims = rooms.slice(1).map((room) => room.entities.crate.get(crate.id)!.claim())
      const granted = await net.wait(Promise.all(claims))
      expect(granted.some((g) => g)).toBe(true)
      await net.run(3_000)
      const owners = rooms.map((room) => room.entities.crate.get(crate.id)!).filter((c) => c.isMine)
      expect(owners).toHaveLength(1)
      expect(owners[0]!.latest()).toEqual({ x: 2, what: 'gold' })
      owners[0]!.x = 55
      await net.run(1_500)
      expect(rooms.map((room) => room.entities.crate.get(crate.id)!.x)).toEqual([55, 55, 55, 55])
      expect(net.errors).toEqual([])
    }
  })

  test('what may not be claimed is not; what is given is the other’s', async () => {
    const net = simulate({ rtt: 60, loss: 0.1, seed: 4 })
    const [a, b, c] = (await net.players(tanks, 3)) as [Tanks, Tanks, Tanks]
    const tank = b.entities.tank.spawn({ x: 5 })
    await net.run(1_000)
    expect(await net.wait(c.entities.tank.get(tank.id)!.claim())).toBe(false)
    tank.x = 6
    tank.give([...b.peers.values()].find((peer) => peer.order === c.self.order)!)
    expect(tank.isMine).toBe(false)
    await net.run(1_000)
    const given = c.entities.tank.get(tank.id)!
    expect([given.isMine, given.x]).toEqual([true, 6])
    given.x = 8
    await net.run(1_000)
    expect([a, b, c].map((room) => room.entities.tank.get(tank.id)!.x)).toEqual([8, 8, 8])
    given.despawn()
    await net.run(1_000)
    expect([a, b, c].map((room) => room.entities.tank.size)).toEqual([0, 0, 0])
  })
})

describe('who leaves', () => {
  test('takes along what goes with them, and leaves the rest to the host', async () => {
    const net = simulate({ rtt: 60, loss: 0.1, seed: 5 })
    const [a, b, c] = (await net.players(tanks, 3)) as [Tanks, Tanks, Tanks]
    b.entities.tank.spawn({ x: 1 })
    const flag = b.entities.flag.spawn({ x: 2 })
    const crate = a.entities.crate.spawn({ x: 3 })
    await net.run(1_000)
    expect(await net.wait(b.entities.crate.get(crate.id)!.claim())).toBe(true)
    await net.wait(b.leave())
    await net.run(2_000)
    for (const room of [a, c]) {
      expect([
        room.entities.tank.size,
        room.entities.flag.get(flag.id)?.owner?.order,
        room.entities.crate.get(crate.id)?.owner?.order,
      ]).toEqual([0, 0, 0])
    }
  })

  test.each(['leaves', 'crashes'])('the host %s: the next one has what was the host’s, and goes on with it', async (how) => {
    for (let seed = 1; seed <= 2; seed++) {
      const net = simulate({ rtt: 60, loss: 0.1, seed, deadAfter: 2_000 })
      const [a, b, c] = (await net.players(tanks, 3)) as [Tanks, Tanks, Tanks]
      const crates = Array.from({ length: 10 }, (_, i) => a.entities.crate.spawn({ x: i, what: `${i}` }))
      const flag = c.entities.flag.spawn({ x: 9 })
      a.shared.phase = 'over'
      await net.run(1_000)
      expect(await net.wait(c.entities.crate.get(crates[3]!.id)!.claim())).toBe(true)
      if (how === 'leaves') await net.wait(a.leave())
      else net.crash(a)
      await net.run(9_000)
      for (const room of [b, c]) {
        expect(room.host.order).toBe(1)
        expect(room.entities.crate.size).toBe(10)
        expect([...room.entities.crate].map((crate) => crate.owner?.order ?? -1).toSorted(byNumber)).toEqual([
          ...new Array<number>(9).fill(1),
          2,
        ])
        expect(room.entities.flag.get(flag.id)?.owner?.order).toBe(2)
      }
      b.shared.clock = 5
      for (const crate of b.entities.crate) if (crate.isMine) crate.x = 100
      c.entities.crate.get(crates[3]!.id)!.x = 33
      await net.run(1_000)
      expect(c.shared.latest()).toEqual({ phase: 'over', clock: 5 })
      expect([...b.entities.crate].map((crate) => crate.x).toSorted(byNumber)).toEqual([33, ...new Array<number>(9).fill(100)])
      expect([...c.entities.crate].map((crate) => crate.x).toSorted(byNumber)).toEqual([33, ...new Array<number>(9).fill(100)])
      expect(net.errors).toEqual([])
    }
  })

  test('half of the players die, the host among them: whoever is host next, in whatever epoch, nobody loses what they hold', async () => {
    const net = simulate({ rtt: 60, seed: 4 })
    const [a, b, c, d] = (await net.players(tanks, 4)) as [Tanks, Tanks, Tanks, Tanks]
    const crates = Array.from({ length: 4 }, (_, i) => a.entities.crate.spawn({ x: i }))
    await net.run(1_000)
    expect(await net.wait(d.entities.crate.get(crates[2]!.id)!.claim())).toBe(true)
    expect(await net.wait(b.entities.crate.get(crates[3]!.id)!.claim())).toBe(true)
    await net.run(500)
    const lines: string[] = []
    for (const room of [c, d]) {
      room.on('superseded', () => lines.push('superseded'))
      room.entities.crate.on('remove', (crate, reason) => lines.push(`${crate.id} ${reason}`))
    }
    net.crash(a)
    net.crash(b)
    await net.run(45_000)
    expect(lines).toEqual([])
    for (const room of [c, d]) expect([...room.entities.crate].map((crate) => crate.owner?.order)).toEqual([2, 2, 3, 2])
    expect(net.errors).toEqual([])
  })

  test('a side that was cut off comes back: what was claimed there before is there still, and its owner’s', async () => {
    const net = simulate({ rtt: 60, seed: 6 })
    const rooms = (await net.players(tanks, 5)) as Tanks[]
    const [a, b, c, d, e] = rooms as [Tanks, Tanks, Tanks, Tanks, Tanks]
    const crate = a.entities.crate.spawn({ x: 1, what: 'gold' })
    await net.run(500)
    expect(await net.wait(e.entities.crate.get(crate.id)!.claim())).toBe(true)
    await net.run(500)
    net.partition([a, b, c], [d, e])
    await net.run(6_000)
    net.heal()
    await net.run(8_000)
    for (const room of rooms) {
      const there = room.entities.crate.get(crate.id)
      expect([there?.what, there?.owner?.order]).toEqual(['gold', 4])
    }
    e.entities.crate.get(crate.id)!.what = 'lead'
    await net.run(500)
    for (const room of rooms) expect(room.entities.crate.get(crate.id)?.what).toBe('lead')
    expect(net.errors).toEqual([])
  })

  test('a host that followed another meanwhile is another one: who knows it from before begins anew with it (tournament seed 170)', async () => {
    const net = simulate({ rtt: 60, seed: 6 })
    const rooms = (await net.players(tanks, 5)) as Tanks[]
    const [a, b, c, d, e] = rooms as [Tanks, Tanks, Tanks, Tanks, Tanks]
    const crate = a.entities.crate.spawn({ x: 1 })
    await net.run(500)
    net.partition([a, b, c], [d, e])
    await net.run(4_000)
    expect([d.isHost, e.host.order]).toEqual([true, 3])
    expect(await net.wait(e.entities.crate.get(crate.id)!.claim())).toBe(true)
    e.entities.crate.get(crate.id)!.x = 99
    const conflicts: number[] = []
    e.entities.crate.on('conflict', ({ id }) => conflicts.push(id))
    e.on('superseded', (host, previous) => conflicts.push(host.order, previous.order))
    // One comes back to the others and is made their host, before the other has heard of that.
    net.partition([a, b, c, d], [e])
    await net.run(900)
    expect(d.host.order).toBe(0)
    await net.wait(a.handOver([...a.peers.values()].find(({ order }) => order === 3)))
    await net.run(200)
    expect([d.isHost, e.host.order, e.entities.crate.get(crate.id)!.isMine]).toEqual([true, 3, true])
    net.heal()
    await net.run(4_000)
    expect(conflicts).toEqual([crate.id, 3, 3])
    for (const room of rooms) {
      const there = room.entities.crate.get(crate.id)
      expect([room.host.order, there?.x, there?.owner?.order]).toEqual([3, 1, 3])
    }
    expect(net.errors).toEqual([])
  })

  test('who was given up for lost and comes back is somebody new: with another order, without what it had (tournament seed 699)', async () => {
    const net = simulate({ rtt: 60, seed: 6 })
    const rooms = (await net.players(tanks, 4, { grace: 1_000 })) as Tanks[]
    const [a, b, c, d] = rooms as [Tanks, Tanks, Tanks, Tanks]
    const old = d.entities.tank.spawn({ x: 5 })
    const flag = d.entities.flag.spawn({ x: 6 })
    const crate = a.entities.crate.spawn({ x: 7 })
    await net.run(500)
    expect(await net.wait(d.entities.crate.get(crate.id)!.claim())).toBe(true)
    const removed: string[] = []
    d.entities.tank.on('remove', ({ id }, reason) => removed.push(`${id} ${reason}`))
    net.partition([a, b, c], [d])
    await net.run(8_000)
    net.heal()
    await net.run(6_000)
    expect(d.self.order).toBe(4)
    expect([a, b, c].map((room) => room.peers.get(d.self.id)?.order)).toEqual([4, 4, 4])
    expect([old.isAlive, old.isMine, removed]).toEqual([false, false, [`${old.id} owner-left`]])
    const fresh = d.entities.tank.spawn({ x: 8 })
    await net.run(1_000)
    for (const room of rooms) {
      expect([...room.entities.tank].map(({ id, owner }) => [id, owner?.order])).toEqual([[fresh.id, 4]])
      expect([room.entities.flag.get(flag.id)?.owner?.order, room.entities.crate.get(crate.id)?.owner?.order]).toEqual([0, 0])
    }
    expect(await net.wait(d.entities.crate.get(crate.id)!.claim())).toBe(true)
    d.entities.crate.get(crate.id)!.x = 70
    await net.run(1_000)
    for (const room of rooms)
      expect([room.entities.crate.get(crate.id)!.x, room.entities.crate.get(crate.id)!.owner?.order]).toEqual([70, 4])
    expect(net.errors).toEqual([])
  })

  test.each([0, 1_000])(
    'who hears nobody for %d ms after it has given up the others, and is heard, keeps its place, and is told everything anew (tournament seed 295)',
    async (longer) => {
      const net = simulate({ rtt: 60, seed: 6 })
      const [a, b, c, d] = (await net.players(tanks, 4, { grace: 1_000 })) as [Tanks, Tanks, Tanks, Tanks]
      for (const room of [a, b, c]) room.entities.tank.spawn({ x: room.self.order })
      await net.run(500)
      const lab = net as unknown as { linkOf(room: Tanks): SimulatedLink }
      const deafen = (loss: number): void => {
        for (const link of [lab.linkOf(a), lab.linkOf(b), net.introducerLink]) net.network.setConditions(link, lab.linkOf(c), { loss })
      }
      // c hears nothing, and is heard. The others have lost one more, and so a higher epoch than c comes to by itself.
      deafen(1)
      net.crash(d)
      while (c.peers.size > 0) await net.run(50)
      expect([a.isHost, c.isHost, c.peers.size, a.peers.has(c.self.id)]).toEqual([true, true, 0, true])
      await net.run(longer)
      deafen(0)
      await net.run(6_000)
      for (const room of [a, b, c]) for (const tank of room.entities.tank) if (tank.isMine) tank.x += 10
      await net.run(1_000)
      for (const room of [a, b, c]) expect([...room.entities.tank].map(({ x }) => x).toSorted(byNumber)).toEqual([10, 11, 12])
      expect(net.errors).toEqual([])
    },
  )
})
