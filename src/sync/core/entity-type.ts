import { AltostratusError, DecodeError } from '../../base/errors.ts'
import type { Field, Fields, Shape } from '../../schema/field.ts'
import { bitsFor } from './bits.ts'
import type { BitReader, BitWriter } from './bits.ts'
import { MAX_ENTITY_BYTES, MAX_FIELDS } from './constants.ts'
import { CHANGE_OVERHEAD } from './delta.ts'
import { Entity, RESERVED } from './entity.ts'
import type { EntityRecord } from './entity.ts'
import { frozen, fromOrderedFloat32, mostBits, orderedFloat32, readWire, writeWire } from './wire-value.ts'

/** One number of a field. */
interface LaneShape {
  readonly kind: 'int' | 'bool' | 'float32'
  readonly least: number
  readonly most: number
}

/** A field of a kind of entities: numbers in lanes, of which differences are sent, or a value that is sent whole. */
export interface FieldPlan {
  readonly name: string
  /** For error messages. */
  readonly path: string
  readonly field: Field<unknown>
  readonly bit: number
  /** First of its lanes. */
  readonly lane: number
  /** How many; 0: it is sent whole. */
  readonly lanes: number
  /** The wire value of one lane is that lane itself. */
  readonly isNumber: boolean
}

/** Who starts as owner, and what becomes of an entity whose owner leaves. */
export interface EntityRules {
  /** `spawner`: whoever spawns it. `host`: the host alone spawns it, and it goes from host to host. */
  readonly owner: 'spawner' | 'host'
  readonly onLeave: 'remove' | 'host'
  /** Who may see it, and which fields, is decided anew for each round. */
  readonly isSelective: boolean
  /** Fields that are shown between two updates, not at the last. */
  readonly smooth: readonly string[]
  /** A change of a smooth field by more than this is a jump, not a movement. In the field's unit. */
  readonly snap: number
}

/** A kind of entities, compiled: what its fields become on the wire, and the class of its objects. */
export class EntityType {
  readonly name: string
  /** Its place among the game's kinds; the same at all peers, who compile the same definition. */
  readonly index: number
  readonly rules: EntityRules
  readonly plans: readonly FieldPlan[]
  readonly laneCount: number
  readonly laneShapes: readonly LaneShape[]
  /** Bits of all fields. */
  readonly allFields: number
  /** Bits of the smooth fields. */
  readonly smoothFields: number
  /** Lanes of an entity of which nothing was said yet. */
  readonly emptyLanes: Float64Array
  readonly emptyValues: readonly unknown[]
  /** Context of each lane's first change. */
  readonly firstContexts: Uint8Array
  readonly objectClass: new (record: EntityRecord) => Entity

  /** @throws AltostratusError `BAD_SCHEMA` */
  constructor(name: string, index: number, fields: Fields, rules: EntityRules) {
    this.name = name
    this.index = index
    this.rules = rules
    const names = Object.keys(fields)
    if (names.length === 0 || names.length > MAX_FIELDS) fail(`${name} has ${names.length} fields; 1 to ${MAX_FIELDS} are allowed.`)
    for (const field of names) if (RESERVED.has(field)) fail(`${name} can't have a field ${field}: every entity has that already.`)
    const laneShapes: LaneShape[] = []
    this.plans = names.map((fieldName, bit) => {
      const field = fields[fieldName] as Field<unknown>
      const flat = flatten(field.shape)
      const lane = laneShapes.length
      laneShapes.push(...(flat ?? []))
      const isNumber = flat?.length === 1 && field.shape.kind !== 'object'
      return { name: fieldName, path: `${name}.${fieldName}`, field, bit, lane, lanes: flat?.length ?? 0, isNumber }
    })
    this.laneShapes = laneShapes
    this.laneCount = laneShapes.length
    const most = this.plans.reduce((bits, plan) => bits + mostBits(plan.field.shape), 0) + this.laneCount * CHANGE_OVERHEAD
    if (most > 8 * MAX_ENTITY_BYTES) {
      fail(
        `${name} can have ${Math.ceil(most / 8)} bytes; ${MAX_ENTITY_BYTES} is what fits into one packet. Make its texts and lists shorter, or its values several entities.`,
      )
    }
    this.allFields = 2 ** names.length - 1
    this.smoothFields = rules.smooth.reduce((mask, field) => mask | (1 << this.planOf(field).bit), 0)
    this.emptyValues = this.plans.map((plan) => plan.field.empty)
    this.emptyLanes = new Float64Array(this.laneCount)
    this.firstContexts = Uint8Array.from(laneShapes, ({ least, most: last }) => Math.max(0, bitsFor(last - least) - 1))
    for (const plan of this.plans) this.toLanes(plan, plan.field.encode(plan.field.empty, plan.path), this.emptyLanes)
    this.objectClass = defineObjects(this)
  }

  planOf(field: string): FieldPlan {
    const plan = this.plans.find((p) => p.name === field)
    if (plan === undefined) return fail(`${this.name} has no field ${field}.`)
    return plan
  }

  /** Puts a field's wire value into its lanes. */
  toLanes(plan: FieldPlan, raw: unknown, lanes: Float64Array): void {
    if (plan.lanes > 0) fill(plan.field.shape, raw, lanes, plan.lane)
  }

  /** The value that lanes stand for. @throws DecodeError */
  fromLanes(plan: FieldPlan, lanes: Float64Array): unknown {
    const { field, lane } = plan
    if (field.shape.kind === 'int' && plan.lanes === 1) return field.decode(lanes[lane])
    return frozen(field.decode(gather(field.shape, lanes, { at: lane })))
  }

  /** All of an entity's state. */
  writeAll(bits: BitWriter, lanes: Float64Array, values: readonly unknown[]): void {
    for (const plan of this.plans) {
      if (plan.lanes === 0) writeWire(bits, plan.field.shape, plan.field.encode(values[plan.bit], plan.path))
      else {
        for (let i = plan.lane; i < plan.lane + plan.lanes; i++) {
          const { least, most } = this.laneShapes[i] as LaneShape
          bits.uint((lanes[i] as number) - least, bitsFor(most - least))
        }
      }
    }
  }

  /** What {@link EntityType.writeAll} has written, into lanes and values. @throws DecodeError */
  readAll(bits: BitReader, lanes: Float64Array, values: unknown[]): void {
    for (const plan of this.plans) {
      if (plan.lanes === 0) values[plan.bit] = this.readWhole(bits, plan)
      else {
        for (let i = plan.lane; i < plan.lane + plan.lanes; i++) {
          const { least, most } = this.laneShapes[i] as LaneShape
          lanes[i] = least + bits.uint(bitsFor(most - least))
        }
        values[plan.bit] = this.fromLanes(plan, lanes)
      }
    }
  }

  /** A field that is sent whole. @throws DecodeError */
  readWhole(bits: BitReader, plan: FieldPlan): unknown {
    return frozen(plan.field.decode(readWire(bits, plan.field.shape)))
  }
}

function fail(message: string): never {
  throw new AltostratusError('BAD_SCHEMA', message)
}

/** Range of a lane at most: the difference of two differences must still be exact. */
const WIDEST_LANE = 2 ** 50

/** The numbers that a value of the shape consists of, always the same ones; `undefined` when there are no such. */
function flatten(shape: Shape): LaneShape[] | undefined {
  switch (shape.kind) {
    case 'int':
      return shape.most - shape.least <= WIDEST_LANE ? [shape as LaneShape] : undefined
    case 'bool':
      return [{ kind: 'bool', least: 0, most: 1 }]
    case 'float32':
      return [{ kind: 'float32', least: -0x8000_0000, most: 0x7fff_ffff }]
    case 'object': {
      const parts = shape.parts.map(flatten)
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined
    }
    default:
      return undefined
  }
}

/** Puts a wire value into lanes from `at` on. @returns Where the next lane is. */
function fill(shape: Shape, raw: unknown, lanes: Float64Array, at: number): number {
  if (shape.kind !== 'object') {
    lanes[at] = shape.kind === 'float32' ? orderedFloat32(raw as number) : Number(raw)
    return at + 1
  }
  let next = at
  for (let i = 0; i < shape.parts.length; i++) next = fill(shape.parts[i] as Shape, (raw as unknown[])[i], lanes, next)
  return next
}

/** The wire value of the lanes from the place on. */
function gather(shape: Shape, lanes: Float64Array, place: { at: number }): unknown {
  if (shape.kind === 'object') return shape.parts.map((part) => gather(part, lanes, place))
  const lane = lanes[place.at++] as number
  if (shape.kind === 'float32') return fromOrderedFloat32(lane)
  if (shape.kind !== 'bool') return lane
  if (lane !== 0 && lane !== 1) throw new DecodeError('field')
  return lane === 1
}

/** The class of a kind's objects: one accessor a field, made once. */
function defineObjects(type: EntityType): new (record: EntityRecord) => Entity {
  class Typed extends Entity {}
  for (const plan of type.plans) {
    const { bit } = plan
    const isSmooth = (type.smoothFields & (1 << bit)) !== 0
    Object.defineProperty(Typed.prototype, plan.name, {
      enumerable: true,
      get: isSmooth
        ? function (this: Entity): unknown {
            return this.$.shown(bit)
          }
        : function (this: Entity): unknown {
            return this.$.values[bit]
          },
      set(this: Entity, value: unknown) {
        this.$.write(plan, value)
      },
    })
  }
  return Typed
}
