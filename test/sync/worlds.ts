import { randomUnit, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import type { Fields } from '../../src/schema/field.ts'
import { t } from '../../src/schema/t.ts'
import { EntityType } from '../../src/sync/core/entity-type.ts'
import type { EntityRules } from '../../src/sync/core/entity-type.ts'
import type { EntityRecord } from '../../src/sync/core/entity.ts'
import { World } from '../../src/sync/core/world.ts'

export interface Network {
  /** One way, milliseconds. */
  readonly latency: number
  readonly jitter?: number
  readonly loss?: number
  readonly duplicates?: number
}

export interface Kind {
  readonly fields: Fields
  readonly rules?: Partial<EntityRules>
}

const RULES: EntityRules = { owner: 'spawner', onLeave: 'remove', isSelective: false, smooth: [], snap: Infinity }
export const ROOM = 1_150
export const TICK = 1_000 / 60

/** Worlds of some members, and what lies between them, in virtual time; everything follows from the seed. */
export class Worlds {
  now = 0
  readonly worlds: World[]
  readonly random: Random
  readonly visible: (record: EntityRecord, order: number) => number
  readonly removals: string[] = []
  sentBytes = 0
  host = 0
  /** Members to whom the room is a star. */
  readonly stars = new Set<number>()
  private readonly network: Network
  private readonly onTheWay: { at: number; from: number; to: number; bytes: Uint8Array }[] = []

  constructor(
    kinds: Readonly<Record<string, Kind>>,
    count: number,
    network: Network,
    seed = 1,
    visible: (record: EntityRecord, order: number) => number = () => -1,
  ) {
    this.network = network
    this.random = seededRandom(seed)
    this.visible = visible
    this.worlds = Array.from({ length: count }, (_, self) => this.make(kinds, self, count))
    for (let a = 0; a < count; a++) for (let b = 0; b < count; b++) if (a !== b) this.world(a).addPeer(b)
  }

  world(i: number): World {
    return this.worlds[i] as World
  }

  chance(share: number): boolean {
    return randomUnit(this.random) < share
  }

  below(n: number): number {
    return Math.floor(randomUnit(this.random) * n)
  }

  /** One round of all, and what arrives before the next. */
  tick(rate = 1e9): void {
    for (const world of this.worlds)
      world.flush(
        this.now,
        this.now,
        () => ROOM,
        () => rate,
      )
    const until = this.now + TICK
    for (;;) {
      const next = this.onTheWay.reduce<number>(
        (best, d, i) => (d.at <= until && (best < 0 || d.at < (this.onTheWay[best]?.at ?? 0)) ? i : best),
        -1,
      )
      if (next < 0) break
      const [{ at, from, to, bytes }] = this.onTheWay.splice(next, 1) as [(typeof this.onTheWay)[number]]
      const answer = this.world(to).take(from, bytes, at, at)
      if (answer !== undefined) this.post(to, from, answer)
    }
    this.now = until
  }

  run(milliseconds: number): void {
    for (const end = this.now + milliseconds; this.now < end;) this.tick()
  }

  areEqual(): boolean {
    const [first, ...others] = this.worlds.map((world) => Buffer.from(world.serialise()))
    return others.every((bytes) => bytes.equals(first as Buffer))
  }

  post(from: number, to: number, bytes: Uint8Array): void {
    this.sentBytes += bytes.length
    const { latency, jitter = 0, loss = 0, duplicates = 0 } = this.network
    if (this.chance(loss)) return
    this.onTheWay.push({ at: this.now + latency + jitter * randomUnit(this.random), from, to, bytes })
    if (this.chance(duplicates)) this.onTheWay.push({ at: this.now + latency + jitter * randomUnit(this.random), from, to, bytes })
  }

  private make(kinds: Readonly<Record<string, Kind>>, self: number, count: number): World {
    const types = Object.entries(kinds).map(([name, { fields, rules }], i) => new EntityType(name, i, fields, { ...RULES, ...rules }))
    const { worlds } = { worlds: this }
    const world: World = new World(
      {
        self,
        get host() {
          return worlds.host
        },
        get isStar() {
          return worlds.stars.has(self)
        },
        isMember: (order) => order < count,
        mayWrite: () => true,
      },
      {
        spawned: () => {},
        removed: (record, reason) => this.removals.push(`${self} ${record.id} ${reason}`),
        updated: () => {},
        visibleTo: this.visible,
        relevance: () => 1,
        emit: (to, bytes) => this.post(self, to, bytes),
        timeAsked: () => undefined,
        timeTold: () => {},
      },
      {
        wasWritten: (record) => world.wasWritten(record),
        shownTime: () => this.now,
        heardTime: () => this.now,
        memberOf: () => undefined,
        claim: () => Promise.resolve(false),
        give: () => {},
        despawn: (record) => world.despawn(record),
      },
    )
    for (const type of types) world.addType(type)
    return world
  }
}

/** Writes fields of an entity. */
export function write(record: EntityRecord, values: Readonly<Record<string, unknown>>): void {
  Object.assign(record.object, values)
}

const place = t.fixed(-512, 512, 0.01)
/** What the benchmark moves about, too. */
export const UNIT: Kind = { fields: { x: place, y: place, vx: place, vy: place, hp: t.uint8, name: t.string(16) } }
