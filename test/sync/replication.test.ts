import { describe, expect, test } from '@jest/globals'
import { t } from '../../src/schema/t.ts'
import type { EntityRecord } from '../../src/sync/core/entity.ts'
import type { World } from '../../src/sync/core/world.ts'
import { UNIT, Worlds, write } from './worlds.ts'

const MIXED = {
  fields: {
    at: t.vec2(t.fixed(-100, 100, 0.1)),
    turn: t.quaternion(),
    heat: t.float32,
    big: t.int(-(2 ** 50), 2 ** 50),
    exact: t.float64,
    note: t.string(40),
    tags: t.array(t.oneOf('red', 'green', 'blue'), 4),
    stock: t.map(t.uint16, 3),
    on: t.bool,
    maybe: t.optional(t.uint8),
    keys: t.flags('a', 'b', 'c'),
  },
}
const angle = (a: number): Record<string, number> => ({ x: Math.sin(a / 2), y: 0, z: 0, w: Math.cos(a / 2) })

/** Does one thing to an entity, or to which there are, at random. */
function act(worlds: Worlds, of: number): void {
  const world = worlds.world(of)
  const mine = world.ownedBy(of)
  const [unit, mixed] = world.types
  const one = mine[worlds.below(mine.length)]
  const dice = worlds.below(100)
  if (mine.length < 4 || dice < 5) {
    const type = worlds.chance(0.5) ? unit : mixed
    world.spawn(type!, type === unit ? { x: worlds.below(100), name: 'new' } : { note: 'new', tags: ['red'] })
  } else if (dice < 10) world.despawn(one!)
  else if (one!.type === unit) write(one!, { x: worlds.below(1_000) / 10, vx: worlds.below(3), hp: worlds.below(200) })
  else {
    const changes: (() => Record<string, unknown>)[] = [
      () => ({ at: { x: worlds.below(100), y: -worlds.below(100) } }),
      () => ({ turn: angle(worlds.below(60) / 10), heat: worlds.below(1_000) / 7 }),
      () => ({ big: worlds.below(2 ** 30) * 2 ** 19 * (worlds.chance(0.5) ? 1 : -1), exact: Math.PI * worlds.below(9) }),
      () => ({ note: 'n'.repeat(worlds.below(40)), tags: ['green', 'blue'].slice(worlds.below(3)) }),
      () => ({ stock: { gold: worlds.below(1_000) }, maybe: worlds.chance(0.5) ? undefined : 7 }),
      () => ({ on: worlds.chance(0.5), keys: { a: worlds.chance(0.5), b: true, c: false } }),
    ]
    write(one!, changes[worlds.below(changes.length)]!())
  }
}

describe('whatever the network does, all hold the same in the end', () => {
  test.each([
    ['nothing', { latency: 20 }],
    ['losing a fifth', { latency: 40, loss: 0.2 }],
    ['reordering', { latency: 20, jitter: 100 }],
    ['all of it', { latency: 60, jitter: 80, loss: 0.3, duplicates: 0.1 }],
  ])('%s', (_what, network) => {
    for (let seed = 1; seed <= 6; seed++) {
      const worlds = new Worlds({ unit: UNIT, mixed: MIXED }, 3, network, seed)
      for (let i = 0; i < 200; i++) {
        for (let of = 0; of < 3; of++) if (worlds.chance(0.5)) act(worlds, of)
        worlds.tick()
      }
      worlds.run(4_000)
      expect({ seed, equal: worlds.areEqual() }).toEqual({ seed, equal: true })
      expect(worlds.world(0).records.size).toBeGreaterThan(5)
      for (const world of worlds.worlds) {
        expect(world.stats.refused).toBe(0)
        for (const link of world.links.values()) {
          expect(link.stats.malformed).toBe(0)
          expect(link.send.isSettled).toBe(true)
        }
      }
    }
  })
})

/** The trace of the benchmark: 64 entities of one peer, of which about 30 % move at each tick. */
function move(worlds: Worlds, units: readonly EntityRecord[]): void {
  for (const unit of units) {
    if (!worlds.chance(0.3)) continue
    const { x, y, vx, vy } = unit.object as unknown as { x: number; y: number; vx: number; vy: number }
    const turn = worlds.chance(0.05)
    write(unit, {
      vx: turn || Math.abs(x + vx / 60) > 512 ? -vx : vx,
      vy: turn || Math.abs(y + vy / 60) > 512 ? -vy : vy,
      x: Math.max(-512, Math.min(512, x + vx / 60)),
      y: Math.max(-512, Math.min(512, y + vy / 60)),
    })
    if (worlds.chance(0.02)) write(unit, { hp: worlds.below(256) })
  }
}

function crowd(worlds: Worlds): EntityRecord[] {
  const speed = (): number => worlds.below(12_000) / 100 - 60
  const [unit] = worlds.world(0).types
  return Array.from({ length: 64 }, (_, i) =>
    worlds
      .world(0)
      .spawn(unit!, { x: worlds.below(900) - 450, y: worlds.below(900) - 450, vx: speed(), vy: speed(), hp: 100, name: `player ${i % 8}` }),
  )
}

test('10 % loss, 80 ms there and back: equal within two round trips of the last change', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const worlds = new Worlds({ unit: UNIT }, 2, { latency: 40, loss: 0.1 }, seed)
    const units = crowd(worlds)
    for (let i = 0; i < 100; i++) {
      worlds.tick()
      move(worlds, units)
    }
    worlds.run(160)
    expect({ seed, equal: worlds.areEqual() }).toEqual({ seed, equal: true })
  }
})

test('what rests costs nothing', () => {
  const worlds = new Worlds({ unit: UNIT }, 2, { latency: 40 })
  crowd(worlds)
  worlds.run(1_000)
  const sent = worlds.sentBytes
  worlds.run(10_000)
  expect(worlds.sentBytes).toBe(sent)
})

test('30 % of 64 entities move at each tick: a hundred bytes are enough', () => {
  const worlds = new Worlds({ unit: UNIT }, 2, { latency: 0 })
  const units = crowd(worlds)
  worlds.run(500)
  const before = worlds.world(0).links.get(1)!.stats.bytesSent
  for (let i = 0; i < 300; i++) {
    move(worlds, units)
    worlds.tick()
  }
  expect((worlds.world(0).links.get(1)!.stats.bytesSent - before) / 300).toBeLessThan(100)
})

test('a path that carries nothing back stops the sender, and when it does again all is said', () => {
  const worlds = new Worlds({ unit: UNIT }, 2, { latency: 10 })
  const units = crowd(worlds)
  worlds.run(500)
  const back = worlds.world(1).links.get(0)!
  const post = worlds.post.bind(worlds)
  worlds.post = (from, to, bytes) => (from === 1 ? undefined : post(from, to, bytes))
  const sent = back.stats.datagramsReceived
  for (let i = 0; i < 300; i++) {
    move(worlds, units)
    worlds.tick()
  }
  expect(back.stats.datagramsReceived - sent).toBeLessThan(64 + 20)
  worlds.post = post
  worlds.run(2_000)
  expect(worlds.areEqual()).toBe(true)
})

describe('what a receiver may not know', () => {
  const CARD = { fields: { suit: t.string(10), seat: t.uint8 }, rules: { isSelective: true } }

  test('hidden entities are not sent; what is hidden later is taken away, and comes back', () => {
    let seer = -1
    const worlds = new Worlds({ card: CARD }, 3, { latency: 20, loss: 0.2 }, 3, (_, order) => (order === seer ? -1 : 0))
    const card = worlds.world(0).spawn(worlds.world(0).types[0]!, { suit: 'SECRETSUIT', seat: 1 })
    const seen: string[] = []
    const post = worlds.post.bind(worlds)
    worlds.post = (from, to, bytes) => {
      if (from === 0 && Buffer.from(bytes).length > 25) seen.push(`${to}`)
      post(from, to, bytes)
    }
    worlds.run(1_000)
    expect([worlds.world(1).records.size, worlds.world(2).records.size, seen]).toEqual([0, 0, []])
    for (let i = 0; i < 4; i++) {
      seer = 1 + (i % 2)
      worlds.run(1_000)
      write(card, { suit: `SUIT${i}` })
      worlds.run(1_000)
      expect([1, 2].map((n) => (worlds.world(n).records.get(card.id)?.object as unknown as { suit: string })?.suit)).toEqual(
        seer === 1 ? [`SUIT${i}`, undefined] : [undefined, `SUIT${i}`],
      )
    }
  })

  test('hidden fields are not sent, and are taken back', () => {
    let seer = 1
    // Field 0 is for one member alone, field 1 for all.
    const worlds = new Worlds({ card: CARD }, 3, { latency: 20, loss: 0.2 }, 3, (_, order) => (order === seer ? -1 : 2))
    const card = worlds.world(0).spawn(worlds.world(0).types[0]!, { suit: 'hearts', seat: 7 })
    worlds.run(1_000)
    const seen = (): unknown[] => [1, 2].map((n) => worlds.world(n).records.get(card.id)!.object.latest())
    expect(seen()).toEqual([
      { suit: 'hearts', seat: 7 },
      { suit: '', seat: 7 },
    ])
    seer = 2
    write(card, { seat: 8 })
    worlds.run(1_000)
    expect(seen()).toEqual([
      { suit: '', seat: 8 },
      { suit: 'hearts', seat: 8 },
    ])
  })
})

test('what came, or was removed, before it was known who tells of it is found when that is known (tournament seed 15)', () => {
  const worlds = new Worlds({ unit: UNIT }, 3, { latency: 10 })
  for (const n of [0, 1, 2]) worlds.stars.add(n)
  const [host, one, two] = [0, 1, 2].map((n) => worlds.world(n)) as [World, World, World]
  const kept = one.spawn(one.types[0]!, { x: 1 })
  const gone = one.spawn(one.types[0]!, { x: 1 })
  worlds.run(200)
  const known = (world: World): unknown[] => [...world.records.values()].map(({ object }) => object.latest()['x'])
  expect([host, two].map(known)).toEqual([
    [1, 1],
    [1, 1],
  ])
  // The room is a mesh now; one of them does not know that yet.
  for (const n of [0, 1]) worlds.stars.delete(n)
  for (const world of [host, one]) world.rosterChanged()
  write(kept, { x: 9 })
  worlds.run(200)
  one.despawn(gone)
  worlds.run(200)
  expect([host, two].map(known)).toEqual([[9], [1, 1]])
  worlds.stars.clear()
  two.rosterChanged()
  expect(known(two)).toEqual([9])
})

test('within a budget the important ones come first, and none is forgotten', () => {
  const worlds = new Worlds({ unit: UNIT }, 2, { latency: 10 })
  const units = crowd(worlds)
  worlds.run(1_000)
  const { send, stats } = worlds.world(0).links.get(1)!
  send.weigh(units[5]!.slot, 20)
  const before = stats.bytesSent
  const missing: number[][] = [[], []]
  for (let i = 0; i < 300; i++) {
    for (const unit of units) write(unit, { x: worlds.below(50_000) / 100 })
    // 64 of them would be more than 300 bytes a tick; 9,600 bits a second are 20.
    worlds.tick(9_600)
    for (const [n, unit] of [units[5]!, units[6]!].entries()) {
      const there = worlds.world(1).records.get(unit.id)!
      missing[n]!.push(there.lanes[0] === unit.lanes[0] ? 0 : 1)
    }
  }
  const rate = ((stats.bytesSent - before) * 8) / 5
  expect(rate).toBeLessThan(12_000)
  worlds.run(4_000)
  expect(worlds.areEqual()).toBe(true)
})
