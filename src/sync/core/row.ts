import type { EntityType } from './entity-type.ts'

/** An entity as it was in one datagram, with what the next difference is written by. */
export class Row {
  /** Number of the datagram. */
  sequence = 0
  /** Fields that came in that datagram. */
  mask = 0
  readonly lanes: Float64Array
  /** The change that brought each lane there. */
  readonly deltas: Float64Array
  readonly contexts: Uint8Array
  /** Values of the fields that are sent whole, by field. */
  readonly whole: unknown[]

  constructor(type: EntityType) {
    this.lanes = type.emptyLanes.slice()
    this.deltas = new Float64Array(type.laneCount)
    this.contexts = type.firstContexts.slice()
    this.whole = type.emptyValues.slice()
  }

  /** As before anything was said. */
  reset(type: EntityType): this {
    this.sequence = 0
    this.mask = 0
    this.lanes.set(type.emptyLanes)
    this.deltas.fill(0)
    this.contexts.set(type.firstContexts)
    for (let i = 0; i < this.whole.length; i++) this.whole[i] = type.emptyValues[i]
    return this
  }

  copy(other: Row): this {
    // Typed arrays of a few numbers are copied faster by hand than by their own method.
    for (let i = 0; i < this.lanes.length; i++) {
      this.lanes[i] = other.lanes[i] as number
      this.deltas[i] = other.deltas[i] as number
      this.contexts[i] = other.contexts[i] as number
    }
    for (let i = 0; i < this.whole.length; i++) this.whole[i] = other.whole[i]
    return this
  }
}
