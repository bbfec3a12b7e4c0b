import { AltostratusError } from '../base/errors.ts'
import type { Fields, Infer, Message } from '../schema/field.ts'
import type { RoomAttachment, RoomPart } from '../room/extension.ts'
import type { Peer } from '../room/peer.ts'
import { MAX_HISTORY, MAX_UPDATE_RATE } from './constants.ts'
import { EntityType } from './core/entity-type.ts'
import { Engine } from './engine.ts'
import { EntityKind } from './entity-kind.ts'

/** What every entity has beside its fields. */
export interface EntityBase<F extends Fields> {
  /** The same at every peer. */
  readonly id: number
  /** The member whose writes count; `undefined` when it has just left. */
  readonly owner: Peer | undefined
  /** Whether this peer may write. */
  readonly isMine: boolean
  /** Whether it is still in the world, as this peer sees it. */
  readonly isAlive: boolean
  /** Asks for the ownership. Resolves when it has been decided: to `true` when this peer may write now. */
  claim(): Promise<boolean>
  /** Hands the ownership to another member. From now on this peer can't write. @throws AltostratusError `NOT_OWNER`, `BAD_RECEIVER` */
  give(to: Peer): void
  /** Removes it, everywhere. @throws AltostratusError `NOT_OWNER` */
  despawn(): void
  /** All fields as they came last, where a smooth field's property shows what lies between two updates. */
  latest(): Message<F>
}

/** An entity: its fields, read by anyone and written by its owner, and what it has beside. Values with parts are replaced, not changed in place. */
export type EntityOf<F extends Fields> = EntityBase<F> & { -readonly [K in keyof F]: Infer<F[K]> }

/** The fields that an entity starts with; those left out are empty. */
export type Initial<F extends Fields> = { readonly [K in keyof F]?: Infer<F[K]> | undefined }

/** How entities of a kind behave. Functions are called for each entity and receiver in each round, by whoever sends the entity: keep them short. */
export interface EntityOptions<F extends Fields> {
  /** `spawner` (default): whoever spawns one owns it. `host`: the host alone spawns them, and they go from host to host. */
  readonly owner?: 'spawner' | 'host'
  /** What becomes of one whose owner leaves: it is removed (default), or the host has it (default for `owner: 'host'`). */
  readonly onLeave?: 'remove' | 'host'
  /** Who may get one by `claim`: nobody (default), all (default for `owner: 'host'`), or whom the function says. */
  readonly claim?: boolean | ((entity: EntityOf<F>, by: Peer) => boolean)
  /** Numbers, vectors and quaternions whose properties show what lies between two updates, a little later, so that they move smoothly. */
  readonly smooth?: readonly (keyof F & string)[]
  /** A smooth field that changes by more between two updates jumps. In its unit; without limit by default. */
  readonly snap?: number
  /** Whether a member knows of it. Who does not is sent nothing of it. */
  readonly visibleTo?: (entity: EntityOf<F>, to: Peer) => boolean
  /** Fields that only some may know; to others they are empty, and nothing of them is sent. */
  readonly secret?: { readonly [K in keyof F]?: (entity: EntityOf<F>, to: Peer) => boolean }
  /** How much it counts for a member, when not everything fits into the budget; 1 by default. */
  readonly relevance?: (entity: EntityOf<F>, to: Peer) => number
  /**
   * Members know only of what is within `radius` of something that they own of a kind with an area. `axes` are the fields with the place.
   * Near ones count more.
   */
  readonly area?: { readonly axes: readonly (keyof F & string)[]; readonly radius: number }
  /** For so many milliseconds is kept what entities were, for `rewind`; not at all by default, 5,000 at most. */
  readonly history?: number
  /** Rounds a second, 1 to 120; 20 by default. A room sends as often as that kind of its game that asks for most. */
  readonly rate?: number
  /** Bits a second that this member sends of state at most, to all others together, headers included; 4,000,000 by default. The smallest of a game's kinds counts. */
  readonly uplink?: number
}

/** A kind of entities as it was defined. */
export interface EntityDefinition<F extends Fields = Fields> extends RoomPart<EntityKind<F>> {
  readonly fields: F
  readonly options: EntityOptions<F>
}

/** An object that the host writes and all read. */
export interface SharedDefinition<F extends Fields = Fields> extends RoomPart<Shared<F>> {
  readonly fields: F
}

/** The shared object of a room: its fields, and whether this peer, as the host, may write them. */
export type Shared<F extends Fields> = Pick<EntityBase<F>, 'isMine' | 'latest'> & { -readonly [K in keyof F]: Infer<F[K]> }

/** Defines a kind of entities: its fields, and who owns and sees them. @throws AltostratusError `BAD_SCHEMA` */
export function entities<const F extends Fields>(fields: F, options: EntityOptions<F> = {}): EntityDefinition<F> {
  const { owner = 'spawner', smooth = [], snap = Infinity, rate = 1, uplink = 1, history = 0 } = options
  const { onLeave = owner === 'host' ? 'host' : 'remove' } = options
  const { visibleTo, secret, relevance, area } = options
  if (!(rate > 0 && rate <= MAX_UPDATE_RATE)) {
    throw new AltostratusError('BAD_SCHEMA', `A rate of ${rate} is not from 1 to ${MAX_UPDATE_RATE} updates a second.`)
  }
  if (!(history >= 0 && history <= MAX_HISTORY)) {
    throw new AltostratusError('BAD_SCHEMA', `A history of ${history} ms is not from 0 to ${MAX_HISTORY}.`)
  }
  if (!(uplink > 0)) throw new AltostratusError('BAD_SCHEMA', `An uplink of ${uplink} bits a second carries nothing.`)
  if (owner === 'host' && onLeave === 'remove') {
    throw new AltostratusError('BAD_SCHEMA', 'What belongs to the host goes from host to host: it is not removed when one leaves.')
  }
  const isSelective = visibleTo !== undefined || secret !== undefined || relevance !== undefined || area !== undefined
  const rules = { owner, onLeave, isSelective, smooth, snap }
  const compile = compiler(fields, rules)
  // What is wrong with a definition is said where it is made.
  const type = compile('entity', 0)
  for (const name of [...Object.keys(secret ?? {}), ...(area?.axes ?? [])]) type.planOf(name)
  return {
    fields,
    options,
    attach(room: RoomAttachment, name: string) {
      const engine = room.extension('sync', (port) => new Engine(port))
      const kind = engine.addKind(compile(name, engine.kindCount), options as unknown as EntityOptions<Fields>)
      return new EntityKind<F>(engine, kind)
    },
  }
}

/** Defines what the host writes and all read, also its next host. @throws AltostratusError `BAD_SCHEMA` */
export function shared<const F extends Fields>(fields: F): SharedDefinition<F> {
  const compile = compiler(fields, { owner: 'host', onLeave: 'host', isSelective: false, smooth: [], snap: Infinity })
  compile('shared', 0)
  return {
    fields,
    attach(room: RoomAttachment, name: string) {
      const engine = room.extension('sync', (port) => new Engine(port))
      return engine.addShared(compile(name, engine.kindCount)) as unknown as Shared<F>
    },
  }
}

/** A definition is compiled once for each place that it has in a game, not for each room. */
function compiler(fields: Fields, rules: ConstructorParameters<typeof EntityType>[3]): (name: string, index: number) => EntityType {
  const made = new Map<string, EntityType>()
  return (name, index) => {
    const key = `${index} ${name}`
    const type = made.get(key) ?? new EntityType(name, index, fields, rules)
    made.set(key, type)
    return type
  }
}
