import type { Fields } from '../schema/field.ts'
import type { EntityRecord } from './core/entity.ts'
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
