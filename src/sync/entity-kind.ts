import type { Fields, Message } from '../schema/field.ts'
import type { Entity, EntityRecord } from './core/entity.ts'
import type { RemoveReason } from './core/world.ts'
import type { EntityOf, Initial } from './definition.ts'
import type { Engine, Kind } from './engine.ts'

/** What happens to entities of a kind. */
export interface EntityEvents<F extends Fields> {
  /** One is there, this peer's own included. */
  spawn: (entity: EntityOf<F>) => void
  /** One is gone: it was removed, is not to be seen any more, or its owner has left. */
  remove: (entity: EntityOf<F>, reason: RemoveReason) => void
  /** One of another peer's has been written to. */
  update: (entity: EntityOf<F>) => void
  /** This side of a partition has lost: what it knew of this one does not count, and goes. */
  conflict: (entity: EntityOf<F>) => void
}

/** All entities of one kind in a room. */
export class EntityKind<F extends Fields = Fields> implements Iterable<EntityOf<F>> {
  private readonly engine: Engine
  private readonly kind: Kind

  /** @internal */
  constructor(engine: Engine, kind: Kind) {
    this.engine = engine
    this.kind = kind
  }

  /** How many this peer knows of. */
  get size(): number {
    return this.records.size
  }

  /** A new one. @throws AltostratusError `NOT_HOST`, `BAD_VALUE`, `TOO_MANY_ENTITIES`, `ROOM_CLOSED` */
  spawn(values: Initial<F>): EntityOf<F> {
    return this.engine.spawn(this.kind, values) as unknown as EntityOf<F>
  }

  /** The one with an ID. */
  get(id: number): EntityOf<F> | undefined {
    const record = this.engine.world.records.get(id)
    return record?.type === this.kind.type ? objectOf<F>(record) : undefined
  }

  /** The time whose state is shown of an entity now, on the room's clock: what a player says of when it saw what it aims at. Milliseconds. */
  shownTime(entity: EntityOf<F>): number {
    return entity.isMine ? this.engine.now() : this.engine.shownTime(recordOf(entity).owner)
  }

  /**
   * All that are there as they were at a time on the room's clock, for kinds with a `history`; the earliest that is known, where the time is
   * before that. Smooth fields are what lies between two rounds.
   */
  rewind(time: number): Map<EntityOf<F>, Message<F>> {
    const then = new Map<EntityOf<F>, Message<F>>()
    const { plans, smoothFields } = this.kind.type
    for (const { past, object } of this.records) {
      if (past === undefined) continue
      const fields = plans.map(({ name, bit }) => [
        name,
        (smoothFields & (1 << bit)) === 0 ? past.before(bit, time) : past.at(bit, time, Infinity),
      ])
      then.set(object as unknown as EntityOf<F>, Object.fromEntries(fields) as Message<F>)
    }
    return then
  }

  /** Calls back on an event. @returns What ends that. */
  on<K extends keyof EntityEvents<F>>(event: K, listener: EntityEvents<F>[K]): () => void {
    const listeners = this.kind.listeners[event] as Set<unknown>
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  /** Those that were there when it began. One may be removed, or another spawned, meanwhile. */
  *[Symbol.iterator](): IterableIterator<EntityOf<F>> {
    for (const record of Array.from(this.records)) if (record.isAlive) yield objectOf<F>(record)
  }

  private get records(): ReadonlySet<EntityRecord> {
    return this.engine.world.byType[this.kind.type.index] as Set<EntityRecord>
  }
}

function objectOf<F extends Fields>(record: EntityRecord): EntityOf<F> {
  return record.object as unknown as EntityOf<F>
}

function recordOf(entity: object): EntityRecord {
  return (entity as Entity).$
}
