import { DecodeError } from '../../base/errors.ts'
import { bitsFor } from './bits.ts'
import type { BitReader, BitWriter } from './bits.ts'
import { MAX_SLOTS, SEQUENCE_BITS, STREAM_BITS, TIME_BITS, WINDOW } from './constants.ts'
import { FRESH_CONTEXT, nextContext, readDelta } from './delta.ts'
import type { EntityType, FieldPlan } from './entity-type.ts'
import { END_REASONS, MaskCoder, RECORD_UPDATE, readGap } from './record-codec.ts'
import type { EndReason } from './record-codec.ts'
import { Row } from './row.ts'

const SEQUENCE_SPAN = 2 ** SEQUENCE_BITS
const SEQUENCE_MASK = SEQUENCE_SPAN - 1
const WINDOW_BITS = bitsFor(WINDOW)
const GAP_BITS = bitsFor(WINDOW - 1)
/** Datagrams of which is kept whether they have arrived. */
const RING = 2 * WINDOW
/** Rows of no entity that are kept for the next ones. */
const MAX_SPARE = 64

/** An entity as another peer sends it. */
export class Replica {
  readonly slot: number
  readonly id: number
  readonly type: EntityType
  /** What came, oldest first; the first may be what the sender takes differences to. */
  readonly rows: Row[] = []
  /** Number of the datagram that ended it; 0 while it has not. */
  endedBy = 0

  constructor(slot: number, id: number, type: EntityType) {
    this.slot = slot
    this.id = id
    this.type = type
  }

  get newest(): Row {
    return this.rows[this.rows.length - 1] as Row
  }
}

/** What a receiving stream tells of. */
export interface ReplicaListener {
  /** An entity is new here, or was written: these fields have other values than before. */
  updated(replica: Replica, fields: number): void
  ended(replica: Replica, reason: EndReason): void
}

/** What became of a datagram: taken in, too late or a second time, or not what it may be. */
export type Reception = 'accepted' | 'late' | 'malformed'

/** The entities that one peer sends: takes in its datagrams, all of each or nothing, and says which arrived. */
export class ReceiveStream {
  /** Entities by the sender's slots. */
  readonly replicas: Map<number, Replica> = new Map()
  /** Those that have not ended, by ID. */
  readonly byId: Map<number, Replica> = new Map()
  /** Sender's time of the newest datagram, and of the one before it. Wire units. */
  time = -1
  previousTime = -1
  /** An acknowledgement is due. */
  owesAck = false

  private readonly types: readonly EntityType[]
  private readonly listener: ReplicaListener
  private readonly masks: MaskCoder
  private readonly spare: Row[][]
  private streamId = -1
  private newest = 0
  /** Of all up to this one the sender may know whether they arrived: what comes later has not. */
  private reported = 0
  /** The sender has said that it knows of all up to this one; nothing older is the base of a difference. */
  private base = 0
  private readonly arrived = new Uint8Array(RING)

  private readonly touched: (Replica | undefined)[] = []
  private readonly touchedRows: (Row | undefined)[] = []
  private readonly touchedEnds: number[] = []
  private readonly touchedSlots: number[] = []
  /** Number of the datagram that ended the last entity in a slot. */
  private readonly endedAt = new Map<number, number>()
  private touchedCount = 0

  constructor(types: readonly EntityType[], listener: ReplicaListener) {
    this.types = types
    this.listener = listener
    this.masks = new MaskCoder(types.length)
    this.spare = types.map(() => [])
  }

  /** Whether anything has come. */
  get hasBegun(): boolean {
    return this.streamId >= 0
  }

  /**
   * Reads a datagram from its stream number on. @param time What its header said, wire units.
   * @returns What became of it. Nothing of a malformed one is left.
   */
  read(bits: BitReader, time: number): Reception {
    const id = bits.small(STREAM_BITS)
    if (!this.follow(id)) return 'late'
    const sequence = this.expand(bits.small(SEQUENCE_BITS))
    const base = sequence - bits.small(GAP_BITS) - 1
    if (sequence <= this.reported || base < this.base || (sequence <= this.newest && this.arrived[sequence % RING] === 1)) return 'late'
    if (base > this.reported || base < 0) return 'malformed'
    try {
      this.readRecords(bits, sequence, base)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.discard()
      return 'malformed'
    }
    this.advance(sequence)
    this.arrived[sequence % RING] = 1
    this.base = base
    if (time !== this.time && sequence === this.newest) {
      this.previousTime = this.time
      this.time = time
    }
    this.owesAck = true
    this.commit(sequence)
    return 'accepted'
  }

  /** The sender asks what has arrived of all up to this datagram. */
  readQuestion(bits: BitReader): void {
    const id = bits.small(STREAM_BITS)
    if (!this.follow(id)) return
    const sequence = this.expand(bits.small(SEQUENCE_BITS))
    if (sequence > this.base + WINDOW || sequence < this.newest) return
    this.advance(sequence)
    this.owesAck = true
  }

  /** Says which datagrams have arrived. From now on those that have not are lost. */
  writeAck(bits: BitWriter): void {
    const count = Math.min(this.newest - this.base, WINDOW)
    bits.small(this.streamId, STREAM_BITS)
    bits.small(this.newest & SEQUENCE_MASK, SEQUENCE_BITS)
    bits.small(count, WINDOW_BITS)
    for (let n = this.newest; n > this.newest - count; n--) bits.small(this.arrived[n % RING] as number, 1)
    this.reported = this.newest
    this.owesAck = false
  }

  /** A stream that begins anew has the next number; what still comes of one before it is late. */
  private follow(id: number): boolean {
    if (id === this.streamId) return true
    const span = 2 ** STREAM_BITS
    if (this.streamId >= 0 && (id - this.streamId + span) % span >= span / 2) return false
    this.restart()
    this.streamId = id
    return true
  }

  private restart(): void {
    for (const replica of this.byId.values()) this.listener.ended(replica, 'hidden')
    this.replicas.clear()
    this.endedAt.clear()
    this.byId.clear()
    this.newest = 0
    this.reported = 0
    this.base = 0
    this.arrived.fill(0)
    this.time = -1
    this.previousTime = -1
  }

  private expand(low: number): number {
    const ahead = (low - this.newest) & SEQUENCE_MASK
    return this.newest + (ahead < SEQUENCE_SPAN / 2 ? ahead : ahead - SEQUENCE_SPAN)
  }

  private advance(sequence: number): void {
    for (let n = this.newest + 1; n <= sequence; n++) this.arrived[n % RING] = 0
    this.newest = Math.max(this.newest, sequence)
  }

  private readRecords(bits: BitReader, sequence: number, base: number): void {
    this.touchedCount = 0
    this.masks.reset()
    const k = bits.small(4)
    let slot = -1
    for (;;) {
      const gap = readGap(bits, k)
      if (gap < 0) return
      slot += gap + 1
      if (slot >= MAX_SLOTS) throw new DecodeError('slot')
      if (bits.small(1) === RECORD_UPDATE) this.readUpdate(bits, slot, sequence, base)
      else if (bits.small(1) === 0) this.readSpawn(bits, slot, sequence)
      else this.readEnd(bits, slot)
    }
  }

  private readUpdate(bits: BitReader, slot: number, sequence: number, base: number): void {
    const replica = this.replicas.get(slot)
    if (replica === undefined) throw new DecodeError('unknown slot')
    const from = rowAt(replica, base)
    if (from === undefined) throw new DecodeError('unknown base')
    const { type } = replica
    const mask = this.masks.read(bits, type.index, type.plans.length)
    const row = this.newRow(type)
    const { newest } = replica
    row.copy(newest.sequence <= sequence ? newest : (rowAt(replica, sequence) as Row))
    this.touch(replica, row, 0)
    row.sequence = sequence
    row.mask = mask
    this.readFields(bits, type, row, mask, from)
  }

  private readSpawn(bits: BitReader, slot: number, sequence: number): void {
    const type = this.types[bits.uint(bitsFor(this.types.length - 1))]
    if (type === undefined) throw new DecodeError('unknown kind')
    const id = bits.varuint(7)
    const known = this.replicas.get(slot)
    const isSame = known !== undefined && known.id === id && known.type === type
    // It may come after the word of its end.
    const isLate = (this.endedAt.get(slot) ?? 0) > sequence
    if (known !== undefined && !isSame && known.endedBy === 0) throw new DecodeError('slot in use')
    const row = this.newRow(type).reset(type)
    this.touch(isSame && (known.endedBy === 0 || isLate) ? known : new Replica(slot, id, type), row, 0)
    row.sequence = sequence
    row.mask = type.allFields
    this.readFields(bits, type, row, type.allFields, undefined)
  }

  private readEnd(bits: BitReader, slot: number): void {
    const reason = bits.small(2)
    if (reason >= END_REASONS.length) throw new DecodeError('reason')
    this.touch(this.replicas.get(slot), undefined, reason + 1, slot)
  }

  /** @param from What differences are taken to; `undefined`: nothing. */
  private readFields(bits: BitReader, type: EntityType, row: Row, mask: number, from: Row | undefined): void {
    const { plans } = type
    for (let bit = 0; bit < plans.length; bit++) {
      if ((mask & (1 << bit)) === 0) continue
      const plan = plans[bit] as FieldPlan
      if (plan.lanes === 0) {
        row.whole[bit] = type.readWhole(bits, plan)
        continue
      }
      for (let i = plan.lane; i < plan.lane + plan.lanes; i++) {
        const last = from === undefined ? 0 : (from.deltas[i] as number)
        const delta = readDelta(bits, last, (from === undefined ? type.firstContexts[i] : from.contexts[i]) as number)
        const value = ((from === undefined ? type.emptyLanes[i] : from.lanes[i]) as number) + delta
        const shape = type.laneShapes[i] as { readonly least: number; readonly most: number }
        if (!(value >= shape.least && value <= shape.most)) throw new DecodeError('value')
        row.lanes[i] = value
        row.deltas[i] = from === undefined ? 0 : delta
        row.contexts[i] = from === undefined ? FRESH_CONTEXT : nextContext(delta, last)
      }
      // Values that numbers of the range do not stand for (a float that is none) are found here, before anything is taken in.
      if (plan.field.shape.kind !== 'int') type.fromLanes(plan, row.lanes)
    }
  }

  private touch(replica: Replica | undefined, row: Row | undefined, end: number, slot: number = 0): void {
    const i = this.touchedCount++
    this.touchedSlots[i] = slot
    this.touched[i] = replica
    this.touchedRows[i] = row
    this.touchedEnds[i] = end
  }

  private discard(): void {
    for (let i = 0; i < this.touchedCount; i++) {
      const row = this.touchedRows[i]
      if (row !== undefined) this.recycle((this.touched[i] as Replica).type, row)
    }
    this.touchedCount = 0
  }

  private commit(sequence: number): void {
    for (let i = 0; i < this.touchedCount; i++) {
      const replica = this.touched[i]
      const row = this.touchedRows[i]
      if (row !== undefined) this.insert(replica as Replica, row)
      else {
        const slot = this.touchedSlots[i] as number
        this.endedAt.set(slot, Math.max(sequence, this.endedAt.get(slot) ?? 0))
        if (replica !== undefined) this.finish(replica, sequence, END_REASONS[(this.touchedEnds[i] as number) - 1] as EndReason)
      }
    }
  }

  private insert(replica: Replica, row: Row): void {
    const { rows } = replica
    if (this.replicas.get(replica.slot) !== replica) {
      // The sender has it in a new slot, and its word of the end of the one before is late or lost.
      this.replicas.set(replica.slot, replica)
      const endedBy = this.endedAt.get(replica.slot) ?? 0
      if (endedBy > row.sequence) replica.endedBy = endedBy
      else {
        const before = this.byId.get(replica.id)
        if (before !== undefined) before.endedBy = row.sequence
        this.byId.set(replica.id, replica)
      }
    }
    while (rows.length > 1 && (rows[1] as Row).sequence <= this.base) this.recycle(replica.type, rows.shift() as Row)
    let fresh = row.mask
    if (rows.length === 0 || replica.newest.sequence <= row.sequence) rows.push(row)
    else fresh = insertBefore(replica, row)
    if (fresh !== 0 && replica.endedBy === 0) this.listener.updated(replica, fresh)
  }

  private finish(replica: Replica, sequence: number, reason: EndReason): void {
    if (replica.endedBy !== 0 || (replica.rows[0]?.sequence ?? 0) > sequence) return
    replica.endedBy = sequence
    if (this.byId.get(replica.id) === replica) this.byId.delete(replica.id)
    this.listener.ended(replica, reason)
  }

  private newRow(type: EntityType): Row {
    return this.spare[type.index]?.pop() ?? new Row(type)
  }

  private recycle(type: EntityType, row: Row): void {
    const spare = this.spare[type.index] as Row[]
    if (spare.length < MAX_SPARE) spare.push(row)
  }
}

/** Puts a row where it belongs among later ones. @returns The fields that are news. */
function insertBefore(replica: Replica, row: Row): number {
  const { rows, type } = replica
  let at = rows.length
  while (at > 0 && (rows[at - 1] as Row).sequence > row.sequence) at--
  rows.splice(at, 0, row)
  let fresh = row.mask
  // What came later stands, where it came earlier than this.
  for (let i = at + 1; i < rows.length && fresh !== 0; i++) {
    const later = rows[i] as Row
    fresh &= ~later.mask
    carry(type, row, later, fresh)
  }
  return fresh
}

/** The newest row up to a datagram. */
function rowAt(replica: Replica, sequence: number): Row | undefined {
  for (let i = replica.rows.length - 1; i >= 0; i--) {
    const row = replica.rows[i] as Row
    if (row.sequence <= sequence) return row
  }
  return undefined
}

/** Takes fields over into a later row. */
function carry(type: EntityType, from: Row, to: Row, fields: number): void {
  for (const { bit, lane, lanes } of type.plans) {
    if ((fields & (1 << bit)) === 0) continue
    if (lanes === 0) to.whole[bit] = from.whole[bit]
    for (let i = lane; i < lane + lanes; i++) {
      to.lanes[i] = from.lanes[i] as number
      to.deltas[i] = from.deltas[i] as number
      to.contexts[i] = from.contexts[i] as number
    }
  }
}

/** Time stamp of the wire as milliseconds near a time on this end. */
export function expandTime(stamp: number, near: number, scale: number): number {
  const span = 2 ** TIME_BITS
  const low = ((Math.round(near * scale) % span) + span) % span
  let ahead = (stamp - low + span) % span
  if (ahead >= span / 2) ahead -= span
  return (Math.round(near * scale) + ahead) / scale
}
