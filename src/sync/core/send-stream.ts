import type { BitReader, BitWriter } from './bits.ts'
import { bitsFor } from './bits.ts'
import { ASK_FIRST, ASK_MOST, MAX_SLOTS, QUIET_REPEATS, RECORD_GUESS, SEQUENCE_BITS, STREAM_BITS, WINDOW } from './constants.ts'
import { FRESH_CONTEXT, nextContext, writeDelta } from './delta.ts'
import type { EntityRecord } from './entity.ts'
import type { FieldPlan } from './entity-type.ts'
import { END_REASONS, MaskCoder, RECORD_END, RECORD_SPAWN, RECORD_UPDATE, gapParameter, writeGap } from './record-codec.ts'
import type { EndReason } from './record-codec.ts'
import { Row } from './row.ts'
import { writeWire } from './wire-value.ts'

/** What the receiver knows of a slot. */
const UNKNOWN = 0
/** It was told, and has not said that it knows. */
const INTRODUCED = 1
const KNOWN = 2
/** It was told of the end, and has not said that it knows. */
const ENDING = 3

const SEQUENCE_MASK = 2 ** SEQUENCE_BITS - 1
const WINDOW_BITS = bitsFor(WINDOW)
const GAP_BITS = bitsFor(WINDOW - 1)

/** One datagram on its way: what of which entities it carries, to be taken as known or sent again. */
class Flight {
  count = 0
  slots: Uint16Array = new Uint16Array(16)
  masks: Int32Array = new Int32Array(16)
  kinds: Uint8Array = new Uint8Array(16)
  /** Where each record's lanes begin. */
  starts: Int32Array = new Int32Array(17)
  lanes: Float64Array = new Float64Array(64)
  deltas: Float64Array = new Float64Array(64)
  contexts: Uint8Array = new Uint8Array(64)
  bytes = 0

  reset(): void {
    this.count = 0
    this.bytes = 0
    this.starts[0] = 0
  }

  /** Makes room for one more record of so many lanes. */
  reserve(lanes: number): void {
    if (this.count === this.slots.length) {
      this.slots = grown(Uint16Array, this.slots)
      this.masks = grown(Int32Array, this.masks)
      this.kinds = grown(Uint8Array, this.kinds)
      const starts = new Int32Array(2 * this.count + 1)
      starts.set(this.starts)
      this.starts = starts
    }
    while ((this.starts[this.count] as number) + lanes > this.lanes.length) {
      this.lanes = grown(Float64Array, this.lanes)
      this.deltas = grown(Float64Array, this.deltas)
      this.contexts = grown(Uint8Array, this.contexts)
    }
  }
}

function grown<T extends Uint8Array | Uint16Array | Int32Array | Float64Array>(make: new (length: number) => T, old: T): T {
  const bigger = new make(Math.max(16, old.length * 2))
  bigger.set(old)
  return bigger
}

/** Where a stream finds the entities, by slot. */
export interface SlotTable {
  readonly slots: readonly (EntityRecord | undefined)[]
  readonly typeCount: number
}

/**
 * What one peer sends to another of the entities in its slots: each change once, as a difference to what the receiver is known to have, and again
 * only when it was lost and has not changed since.
 */
export class SendStream {
  /** Number of the stream, which the receiver's acknowledgements repeat. */
  readonly id: number
  /** Slots whose end the receiver has acknowledged: nothing of this stream speaks of them any more. */
  readonly ended: number[] = []

  private readonly table: SlotTable
  private phases = new Uint8Array(64)
  private pending = new Int32Array(64)
  private visible = new Int32Array(64).fill(-1)
  private weights = new Float64Array(64)
  private relevances = new Float32Array(64).fill(1)
  private reasons = new Uint8Array(64)
  /** Number of the newest datagram when the slot's entity was added, or its end decided: what was sent till then speaks of something else. */
  private since = new Float64Array(64)
  /** What the receiver is known to have. */
  private readonly known: (Row | undefined)[] = []
  private readonly spare: Row[][]
  /** One past the highest slot in use. */
  private top = 0
  private pendingSlots = 0

  /** Made when first used: in a star most members never send each other anything. */
  private readonly flights: (Flight | undefined)[] = new Array<Flight | undefined>(WINDOW).fill(undefined)
  /** Number of the newest datagram sent. */
  private sequence = 0
  /** Of all up to this one it is known whether they arrived. */
  private resolved = 0
  private unresolvedBytes = 0

  /** Which of the datagrams that an acknowledgement is about have arrived, newest first. */
  private readonly flags = new Uint8Array(2 ** WINDOW_BITS)

  private picked = new Int32Array(64)
  private pickedCount = 0
  private keys = new Float64Array(64)
  private readonly masks: MaskCoder
  private bitsPerRecord = RECORD_GUESS
  /** Rounds in a row without anything new. */
  private quiet = QUIET_REPEATS
  /** After something has moved, a datagram without it says that it has come to rest. */
  private owesRest = false
  private askAt = Infinity
  private askWait = ASK_FIRST

  constructor(id: number, table: SlotTable) {
    this.id = id
    this.table = table
    this.spare = Array.from({ length: table.typeCount }, () => [])
    this.masks = new MaskCoder(table.typeCount)
  }

  /** The receiver knows all, and knows that it is all. */
  get isSettled(): boolean {
    return this.pendingSlots === 0 && this.resolved === this.sequence
  }

  /** The receiver is to know the entity in this slot. */
  add(slot: number, visible: number = -1): void {
    this.growTo(slot)
    this.visible[slot] = visible
    if (this.phases[slot] !== UNKNOWN) return
    this.phases[slot] = INTRODUCED
    this.since[slot] = this.sequence
    this.relevances[slot] = 1
    this.mark(slot, (this.table.slots[slot] as EntityRecord).type.allFields)
  }

  /** Whether the receiver is told of this slot. */
  has(slot: number): boolean {
    const phase = this.phases[slot]
    return phase === INTRODUCED || phase === KNOWN
  }

  /** Whether the slot is known or its end not acknowledged. */
  isBusy(slot: number): boolean {
    return slot < this.phases.length && this.phases[slot] !== UNKNOWN
  }

  /** The receiver is to hear no more of this slot. */
  end(slot: number, reason: EndReason): void {
    if (!this.has(slot)) return
    this.phases[slot] = ENDING
    this.since[slot] = this.sequence
    this.reasons[slot] = END_REASONS.indexOf(reason)
    this.release(slot)
    this.unmark(slot)
    this.mark(slot, 1)
  }

  /** Fields of the entity in this slot were written. */
  changed(slot: number, fields: number): void {
    if (this.phases[slot] === KNOWN) this.mark(slot, fields & (this.visible[slot] as number))
    else if (this.phases[slot] === INTRODUCED) this.mark(slot, (this.table.slots[slot] as EntityRecord).type.allFields)
  }

  /** The fields that the receiver may see; those that it may see from now on are sent. */
  show(slot: number, visible: number): void {
    const before = this.visible[slot] as number
    if (before === visible) return
    this.visible[slot] = visible
    const all = (this.table.slots[slot] as EntityRecord).type.allFields
    // Fields that are hidden from now on go once more, as if nothing had been said of them.
    this.changedVisibility(slot, (before ^ visible) & all)
  }

  /** How much this slot counts beside others when not all of them fit; 1 by default. */
  weigh(slot: number, relevance: number): void {
    this.relevances[slot] = relevance
  }

  /** The number that each datagram's header says; what the receiver acknowledged is behind it. */
  get baseline(): number {
    return this.resolved
  }

  /** Begins a round of datagrams: chooses what goes into them. @param budget Bits for all of them. @param room Bytes of one. */
  pick(budget: number, room: number): void {
    this.pickedCount = 0
    if (this.pendingSlots === 0) {
      this.quiet++
      this.owesRest = this.quiet === 1
      if (this.mayRepeat(room)) this.repeat()
    } else this.quiet = 0
    if (this.pendingSlots * this.bitsPerRecord > budget) this.pickHeaviest(Math.max(1, Math.floor(budget / this.bitsPerRecord)))
    else this.pickAll()
  }

  /** Whether another datagram of this round can be written. */
  get canWrite(): boolean {
    return this.sequence - this.resolved < WINDOW && (this.pickedCount > 0 || this.owesRest)
  }

  /** Whether the receiver should be asked what arrived. */
  wantsToAsk(now: number): boolean {
    if (this.resolved === this.sequence || now < this.askAt) return false
    this.askAt = now + this.askWait
    this.askWait = Math.min(2 * this.askWait, ASK_MOST)
    return true
  }

  /** Number of the newest datagram, as on the wire. */
  writeSequence(bits: BitWriter): void {
    bits.small(this.id, STREAM_BITS)
    bits.small(this.sequence & SEQUENCE_MASK, SEQUENCE_BITS)
  }

  /** Writes the head of the next datagram. */
  writeHead(bits: BitWriter): void {
    this.sequence++
    bits.small(this.id, STREAM_BITS)
    bits.small(this.sequence & SEQUENCE_MASK, SEQUENCE_BITS)
    bits.small(this.sequence - this.resolved - 1, GAP_BITS)
  }

  /** Writes as many of the picked entities as fit. @returns How many. */
  writeRecords(bits: BitWriter, now: number): number {
    const flight = (this.flights[this.sequence % WINDOW] ??= new Flight())
    flight.reset()
    this.masks.reset()
    this.owesRest = false
    const { pickedCount, picked } = this
    const k = pickedCount === 0 ? 0 : gapParameter((picked[pickedCount - 1] as number) + 1, pickedCount)
    bits.small(k, 4)
    const started = bits.bitLength
    let before = -1
    let written = 0
    for (; written < pickedCount; written++) {
      const slot = picked[written] as number
      const mark = bits.bitLength
      writeGap(bits, slot - before - 1, k)
      flight.reserve(this.table.slots[slot]?.type.laneCount ?? 0)
      this.writeRecord(bits, flight, slot)
      if (bits.isOver) {
        bits.truncate(mark)
        break
      }
      flight.count++
      before = slot
      this.unmark(slot)
      this.weights[slot] = 0
    }
    if (written > 0) this.bitsPerRecord = (7 * this.bitsPerRecord + (bits.bitLength - started) / written) / 8
    picked.copyWithin(0, written, pickedCount)
    this.pickedCount -= written
    flight.bytes = (bits.bitLength + 7) >>> 3
    this.unresolvedBytes += flight.bytes
    if (this.askAt === Infinity || this.resolved === this.sequence - 1) {
      this.askWait = ASK_FIRST
      this.askAt = now + ASK_FIRST
    }
    return written
  }

  /** Takes in an acknowledgement. `false`: it is not about this stream, or makes no sense. */
  readAck(bits: BitReader, now: number): boolean {
    const id = bits.small(STREAM_BITS)
    const newest = bits.small(SEQUENCE_BITS)
    const count = bits.small(WINDOW_BITS)
    const ahead = (newest - this.resolved) & SEQUENCE_MASK
    const counts = id === this.id && ahead <= this.sequence - this.resolved && count >= ahead
    const last = this.resolved + ahead
    for (let i = 0; i < count; i++) this.flags[i] = bits.small(1)
    if (!counts) return id !== this.id || ahead > SEQUENCE_MASK / 2
    for (let n = this.resolved + 1; n <= last; n++) {
      const flight = this.flights[n % WINDOW] as Flight
      this.unresolvedBytes -= flight.bytes
      if (this.flags[last - n] === 1) this.arrived(flight, n)
      else this.lost(flight, n)
    }
    if (ahead > 0) {
      this.resolved = last
      this.askWait = ASK_FIRST
      this.askAt = now + ASK_FIRST
    }
    return true
  }

  private changedVisibility(slot: number, fields: number): void {
    if (fields !== 0 && this.phases[slot] === KNOWN) this.mark(slot, fields)
    else if (fields !== 0) this.changed(slot, fields)
  }

  private mark(slot: number, fields: number): void {
    if (fields === 0) return
    if (this.pending[slot] === 0) this.pendingSlots++
    this.pending[slot] = (this.pending[slot] as number) | fields
  }

  private unmark(slot: number): void {
    if (this.pending[slot] !== 0) this.pendingSlots--
    this.pending[slot] = 0
  }

  private pickAll(): void {
    const { pending, top } = this
    let count = 0
    for (let slot = 0; slot < top; slot++) if (pending[slot] !== 0) this.picked[count++] = slot
    this.pickedCount = count
  }

  /** The ones that have waited longest, by how much they count. */
  private pickHeaviest(most: number): void {
    const { pending, weights, relevances, keys, top } = this
    let count = 0
    for (let slot = 0; slot < top; slot++) {
      if (pending[slot] === 0) continue
      weights[slot] = Math.min(1e6, (weights[slot] as number) + (this.phases[slot] === ENDING ? 100 : (relevances[slot] as number)))
      // Weight and slot in one number, which sorts without a function.
      keys[count++] = -Math.round((weights[slot] as number) * 1_000) * MAX_SLOTS - slot
    }
    keys.subarray(0, count).sort()
    this.pickedCount = Math.min(count, most)
    for (let i = 0; i < this.pickedCount; i++) this.picked[i] = -(keys[i] as number) % MAX_SLOTS
    this.picked.subarray(0, this.pickedCount).sort()
  }

  /** What is not acknowledged goes again while there is nothing else, if it is little: so a loss costs no round trip. */
  private mayRepeat(room: number): boolean {
    return this.resolved < this.sequence && this.quiet <= QUIET_REPEATS && this.unresolvedBytes <= room
  }

  private repeat(): void {
    for (let n = this.resolved + 1; n <= this.sequence; n++) {
      const flight = this.flights[n % WINDOW] as Flight
      for (let i = 0; i < flight.count; i++) this.sendAgain(flight, n, i, flight.masks[i] as number)
    }
  }

  private sendAgain(flight: Flight, n: number, i: number, fields: number): void {
    const slot = flight.slots[i] as number
    if (n <= (this.since[slot] as number) || this.phases[slot] === UNKNOWN) return
    if (flight.kinds[i] === RECORD_END) this.mark(slot, 1)
    else this.changed(slot, fields)
  }

  private arrived(flight: Flight, n: number): void {
    for (let i = 0; i < flight.count; i++) {
      const slot = flight.slots[i] as number
      const phase = this.phases[slot]
      if (n <= (this.since[slot] as number)) continue
      if (flight.kinds[i] === RECORD_END) {
        if (phase !== ENDING) continue
        this.phases[slot] = UNKNOWN
        this.unmark(slot)
        this.ended.push(slot)
        continue
      }
      if (phase !== INTRODUCED && phase !== KNOWN) continue
      const { type } = this.table.slots[slot] as EntityRecord
      if (phase === INTRODUCED) {
        this.phases[slot] = KNOWN
        this.known[slot] = this.spare[type.index]?.pop()?.reset(type) ?? new Row(type)
      }
      this.learn(this.known[slot] as Row, type.plans, flight, i)
    }
  }

  /** What a record carried is what the receiver has. */
  private learn(row: Row, plans: readonly FieldPlan[], flight: Flight, i: number): void {
    const mask = flight.masks[i] as number
    let from = flight.starts[i] as number
    for (let bit = 0; bit < plans.length; bit++) {
      if ((mask & (1 << bit)) === 0) continue
      const { lane, lanes } = plans[bit] as FieldPlan
      for (let j = lane; j < lane + lanes; j++, from++) {
        row.lanes[j] = flight.lanes[from] as number
        row.deltas[j] = flight.deltas[from] as number
        row.contexts[j] = flight.contexts[from] as number
      }
    }
  }

  private lost(flight: Flight, n: number): void {
    for (let i = 0; i < flight.count; i++) {
      const slot = flight.slots[i] as number
      let fields = flight.masks[i] as number
      // Not what was sent once more, or has changed and was sent, since.
      for (let m = n + 1; m <= this.sequence && fields !== 0; m++) {
        const later = this.flights[m % WINDOW] as Flight
        for (let j = 0; j < later.count; j++) if (later.slots[j] === slot) fields &= ~(later.masks[j] as number)
      }
      if (fields !== 0) this.sendAgain(flight, n, i, fields)
    }
  }

  private writeRecord(bits: BitWriter, flight: Flight, slot: number): void {
    const at = flight.count
    const phase = this.phases[slot]
    flight.slots[at] = slot
    flight.starts[at + 1] = flight.starts[at] as number
    if (phase === ENDING) {
      flight.kinds[at] = RECORD_END
      flight.masks[at] = 1
      bits.small(3, 2)
      bits.small(this.reasons[slot] as number, 2)
      return
    }
    const record = this.table.slots[slot] as EntityRecord
    const { type } = record
    if (phase === INTRODUCED) {
      flight.kinds[at] = RECORD_SPAWN
      flight.masks[at] = type.allFields
      bits.small(1, 2)
      bits.uint(type.index, bitsFor(this.table.typeCount - 1))
      bits.varuint(record.id, 7)
      this.writeFields(bits, flight, record, type.allFields, undefined)
      return
    }
    const mask = this.pending[slot] as number
    flight.kinds[at] = RECORD_UPDATE
    flight.masks[at] = mask
    bits.small(0, 1)
    this.masks.write(bits, type.index, type.plans.length, mask)
    this.writeFields(bits, flight, record, mask, this.known[slot] as Row)
  }

  /** @param row What the receiver has; `undefined`: nothing. */
  private writeFields(bits: BitWriter, flight: Flight, record: EntityRecord, mask: number, row: Row | undefined): void {
    const { type } = record
    const { plans } = type
    const visible = this.visible[record.slot] as number
    let to = flight.starts[flight.count] as number
    for (let bit = 0; bit < plans.length; bit++) {
      if ((mask & (1 << bit)) === 0) continue
      const plan = plans[bit] as FieldPlan
      const isShown = (visible & (1 << bit)) !== 0
      if (plan.lanes === 0) {
        const value = isShown ? record.values[bit] : plan.field.empty
        writeWire(bits, plan.field.shape, plan.field.encode(value, plan.path))
        continue
      }
      const lanes = isShown ? record.lanes : type.emptyLanes
      for (let i = plan.lane; i < plan.lane + plan.lanes; i++, to++) {
        const value = lanes[i] as number
        const last = row === undefined ? 0 : (row.deltas[i] as number)
        const delta = value - ((row === undefined ? type.emptyLanes[i] : row.lanes[i]) as number)
        writeDelta(bits, delta, last, (row === undefined ? type.firstContexts[i] : row.contexts[i]) as number)
        flight.lanes[to] = value
        flight.deltas[to] = row === undefined ? 0 : delta
        flight.contexts[to] = row === undefined ? FRESH_CONTEXT : nextContext(delta, last)
      }
    }
    flight.starts[flight.count + 1] = to
  }

  private release(slot: number): void {
    const row = this.known[slot]
    const type = this.table.slots[slot]?.type
    if (row !== undefined && type !== undefined) this.spare[type.index]?.push(row)
    this.known[slot] = undefined
  }

  private growTo(slot: number): void {
    this.top = Math.max(this.top, slot + 1)
    while (slot >= this.phases.length) {
      const { length } = this.phases
      this.phases = grown(Uint8Array, this.phases)
      this.pending = grown(Int32Array, this.pending)
      this.visible = grown(Int32Array, this.visible)
      this.weights = grown(Float64Array, this.weights)
      this.reasons = grown(Uint8Array, this.reasons)
      this.since = grown(Float64Array, this.since)
      this.picked = grown(Int32Array, this.picked)
      this.keys = grown(Float64Array, this.keys)
      const relevances = new Float32Array(2 * length).fill(1)
      relevances.set(this.relevances)
      this.relevances = relevances
    }
  }
}
