import { AltostratusError } from '../../base/errors.ts'
import type { EntityType, FieldPlan } from './entity-type.ts'
import type { Track } from './track.ts'
import { frozen, orderedFloat32 } from './wire-value.ts'

/** Names that a game's fields can't have: every entity has them already. */
export const RESERVED: ReadonlySet<string> = new Set([
  '$',
  'id',
  'owner',
  'isMine',
  'isAlive',
  'claim',
  'give',
  'despawn',
  'latest',
  'constructor',
  'toString',
  'valueOf',
  'toJSON',
  'hasOwnProperty',
  '__proto__',
])

/** What an entity needs of the world that it is in. */
export interface RecordHost {
  /** An entity of this peer was written to for the first time since its changes were sent. */
  wasWritten(record: EntityRecord): void
  /** The time whose state is shown of what comes from this owner, milliseconds on the session's clock. */
  shownTime(owner: number): number
  /** When what this owner writes was heard of last, on its side. */
  heardTime(owner: number): number
  /** A member as the game knows it. */
  memberOf(order: number): unknown
  claim(record: EntityRecord): Promise<boolean>
  give(record: EntityRecord, to: unknown): void
  despawn(record: EntityRecord): void
}

/** What the game sees of an entity; a class of each kind adds its fields. */
export class Entity {
  /** @internal */
  readonly $: EntityRecord

  /** @internal */
  constructor(record: EntityRecord) {
    // Not enumerable, so that a game that prints an entity sees its fields.
    Object.defineProperty(this, '$', { value: record })
    this.$ = record
  }

  /** The same at every peer. */
  get id(): number {
    return this.$.id
  }

  /** The member whose writes count; `undefined` when it has just left. */
  get owner(): unknown {
    return this.$.host.memberOf(this.$.owner)
  }

  /** Whether this peer may write. */
  get isMine(): boolean {
    return this.$.isMine
  }

  /** Whether it is still in the world. */
  get isAlive(): boolean {
    return this.$.isAlive
  }

  /** Asks for the ownership. Resolves when it has been decided: to `true` when this peer may write now. */
  claim(): Promise<boolean> {
    return this.$.host.claim(this.$)
  }

  /** Hands the ownership to another member. From now on this peer can't write. @throws AltostratusError `NOT_OWNER` */
  give(to: unknown): void {
    this.$.host.give(this.$, to)
  }

  /** Removes it, everywhere. @throws AltostratusError `NOT_OWNER` */
  despawn(): void {
    this.$.host.despawn(this.$)
  }

  /** All fields as they last came, where a smooth field's property shows what lies between two updates. */
  latest(): Record<string, unknown> {
    const { type, values } = this.$
    return Object.fromEntries(type.plans.map((plan) => [plan.name, values[plan.bit]]))
  }
}

/** All about one entity. */
export class EntityRecord {
  readonly id: number
  readonly type: EntityType
  readonly host: RecordHost
  readonly object: Entity
  /** Whole numbers, of which differences are sent. */
  readonly lanes: Float64Array
  /** By field. */
  readonly values: unknown[]
  /** Order of the member whose writes count. */
  owner: number
  /** How often the ownership has changed. */
  term: number
  isMine = false
  isAlive = true
  /** Its place among what this peer sends; −1 when it sends nothing of it. */
  slot = -1
  /** Fields written since the changes were last taken. */
  dirty = 0
  /** Of an entity of others that has smooth fields: what came, and when. */
  track: Track | undefined = undefined
  /** What it was, for kinds with a history. */
  past: Track | undefined = undefined

  constructor(id: number, type: EntityType, owner: number, term: number, host: RecordHost) {
    this.id = id
    this.type = type
    this.owner = owner
    this.term = term
    this.host = host
    this.lanes = type.emptyLanes.slice()
    this.values = type.emptyValues.slice()
    this.object = new type.objectClass(this)
  }

  /** A smooth field as it is to be shown. */
  shown(bit: number): unknown {
    if (this.isMine || this.track === undefined) return this.values[bit]
    return this.track.at(bit, this.host.shownTime(this.owner), this.host.heardTime(this.owner))
  }

  /** @throws AltostratusError `NOT_OWNER`, `BAD_VALUE` */
  write(plan: FieldPlan, value: unknown): void {
    if (!this.isMine) this.refuse(plan)
    this.put(plan, value)
  }

  /** As {@link EntityRecord.write}, whoever owns it. */
  put(plan: FieldPlan, value: unknown): void {
    const { bit, lane } = plan
    // What is the same again, texts above all, costs nothing. A first −0 after 0 is the same, too.
    if (value === this.values[bit]) return
    const raw = plan.field.encode(value, plan.path)
    if (plan.isNumber) {
      const number = plan.field.shape.kind === 'float32' ? orderedFloat32(raw as number) : Number(raw)
      // As exact as it was written, so that steps finer than the field's own add up.
      this.values[bit] = isPlain(value) ? value : frozen(plan.field.decode(raw))
      if (this.lanes[lane] === number) return
      this.lanes[lane] = number
    } else {
      this.type.toLanes(plan, raw, this.lanes)
      this.values[bit] = frozen(plan.field.decode(raw))
    }
    if (this.dirty === 0) this.host.wasWritten(this)
    this.dirty |= 1 << bit
  }

  private refuse(plan: FieldPlan): never {
    const why = this.isAlive ? 'another player owns it' : 'it is not in the world any more'
    throw new AltostratusError('NOT_OWNER', `${plan.path} of entity ${this.id} can't be written: ${why}.`, {
      hint: this.isAlive ? 'Await entity.claim(), or send its owner a message.' : '',
    })
  }
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object'
}
