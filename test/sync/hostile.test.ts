import { expect, test } from '@jest/globals'
import { t } from '../../src/schema/t.ts'
import { UNIT, Worlds, write } from './worlds.ts'

const BASE = { fields: { hp: t.uint8 }, rules: { owner: 'host' as const } }
const LOOSE = { fields: { heat: t.float32, note: t.string(9), list: t.array(t.uint8, 3) } }

test('whatever comes from a peer: nothing is thrown, and what others own stays as it is', () => {
  const worlds = new Worlds({ unit: UNIT, base: BASE, loose: LOOSE }, 2, { latency: 5 }, 11)
  const [host, guest] = [worlds.world(0), worlds.world(1)]
  const unit = host.spawn(host.types[0]!, { x: 5, name: 'mine' })
  const loose = guest.spawn(guest.types[2]!, { heat: 1, note: 'x' })
  worlds.run(300)
  // Datagrams as the guest sends them, to be altered.
  const real: Uint8Array[] = []
  const post = worlds.post.bind(worlds)
  worlds.post = (from, to, bytes) => {
    if (from === 1) real.push(bytes)
    post(from, to, bytes)
  }
  for (let i = 0; i < 60; i++) {
    write(loose, { heat: i, note: `${i}`, list: [i % 3] })
    worlds.tick()
  }
  const link = host.links.get(1)!
  let malformed = 0
  for (let i = 0; i < 30_000; i++) {
    const bytes = worlds.chance(0.2) ? new Uint8Array(worlds.below(40)) : Uint8Array.from(real[worlds.below(real.length)]!)
    for (let n = 1 + worlds.below(6); n > 0; n--) bytes[worlds.below(bytes.length)] = worlds.below(256)
    host.take(1, bytes.subarray(0, worlds.chance(0.3) ? worlds.below(bytes.length + 1) : bytes.length), worlds.now, worlds.now)
    malformed = link.stats.malformed
  }
  expect(malformed).toBeGreaterThan(1_000)
  expect(unit.isAlive).toBe(true)
  expect(unit.object.latest()).toMatchObject({ x: 5, name: 'mine' })
  expect(unit.isMine).toBe(true)
  // All that the peer could do is its own; and what is there is allowed by its kind.
  for (const record of host.records.values()) {
    expect(Math.floor(record.id / 2 ** 21) === 1 || record === unit).toBe(true)
    for (const plan of record.type.plans) expect(() => plan.field.encode(record.values[plan.bit], 'x')).not.toThrow()
    expect(record.type).not.toBe(host.types[1])
  }
  expect(link.receive.replicas.size).toBeLessThanOrEqual(8_192)
})

test('a peer’s word about what it does not own is not taken', () => {
  const worlds = new Worlds({ unit: UNIT, base: BASE }, 3, { latency: 5 })
  const [host, guest, third] = worlds.worlds as [(typeof worlds.worlds)[0], (typeof worlds.worlds)[0], (typeof worlds.worlds)[0]]
  const unit = host.spawn(host.types[0]!, { x: 5 })
  worlds.run(300)
  // The guest acts as if the host's unit was its own, and spawns what only hosts may.
  const stolen = guest.records.get(unit.id)!
  guest.ledger.set(unit.id, { owner: 1, term: 1 })
  guest.rosterChanged()
  stolen.owner = 1
  stolen.isMine = true
  guest.rosterChanged()
  write(stolen, { x: 99 })
  guest.spawn(guest.types[1]!, { hp: 1 })
  worlds.run(500)
  for (const world of [host, third]) {
    expect(world.records.get(unit.id)!.object.latest()['x']).toBe(5)
    expect(world.records.size).toBe(1)
    expect(world.stats.refused).toBeGreaterThan(0)
  }
  guest.despawn(stolen)
  worlds.run(500)
  expect(unit.isAlive).toBe(true)
  expect(third.records.get(unit.id)?.isAlive).toBe(true)
})

test('writing what another owns throws, and says what to do', () => {
  const worlds = new Worlds({ unit: UNIT }, 2, { latency: 5 })
  const unit = worlds.world(0).spawn(worlds.world(0).types[0]!, {})
  worlds.run(200)
  const seen = worlds.world(1).records.get(unit.id)!
  expect(() => write(seen, { x: 1 })).toThrow(expect.objectContaining({ code: 'NOT_OWNER', message: expect.stringContaining('claim') }))
  expect(() => write(unit, { x: 513 })).toThrow(
    expect.objectContaining({ code: 'BAD_VALUE', message: expect.stringContaining('unit.x must be') }),
  )
  worlds.world(0).despawn(unit)
  expect(() => write(unit, { x: 1 })).toThrow('not in the world')
})

test('values with parts can not be changed in place', () => {
  const worlds = new Worlds({ a: { fields: { at: t.vec2(t.int8), list: t.array(t.int8, 4) } } }, 1, { latency: 5 })
  const mine = { x: 1, y: 2 }
  const { object } = worlds.world(0).spawn(worlds.world(0).types[0]!, { at: mine, list: [1] })
  const { at, list } = object as unknown as { at: { x: number }; list: number[] }
  expect(() => (at.x = 3)).toThrow(TypeError)
  expect(() => list.push(2)).toThrow(TypeError)
  mine.x = 7
  expect(at.x).toBe(1)
})
