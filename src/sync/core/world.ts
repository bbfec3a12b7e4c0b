import { AltostratusError } from '../../base/errors.ts'
import { BitWriter } from './bits.ts'
import { MAX_REMEMBERED, MAX_SLOTS, TRACK_LENGTH } from './constants.ts'
import { EntityRecord } from './entity.ts'
import type { RecordHost } from './entity.ts'
import type { EntityType } from './entity-type.ts'
import { PeerLink } from './peer-link.ts'
import type { LinkListener } from './peer-link.ts'
import type { Replica } from './receive-stream.ts'
import type { EndReason } from './record-codec.ts'
import type { Row } from './row.ts'
import type { SlotTable } from './send-stream.ts'
import { Track } from './track.ts'
import { frozen } from './wire-value.ts'

/** An entity's ID is its first owner's order times this, and a number. Orders have 32 bits, whole numbers 53. */
const IDS_PER_MEMBER = 2 ** 21
/** ID of the shared object. */
export const SHARED_ID = 0

/** Why an entity is gone from this peer's world. */
export type RemoveReason = 'despawned' | 'hidden' | 'owner-left'

/** What the world tells of, and asks. */
export interface WorldListener {
  spawned(record: EntityRecord): void
  removed(record: EntityRecord, reason: RemoveReason): void
  updated(record: EntityRecord, fields: number): void
  /** Fields that a member may see of an entity, as bits; 0: it is not to know of it at all. */
  visibleTo(record: EntityRecord, order: number): number
  /** How much a selective entity counts beside others, for a member. */
  relevance(record: EntityRecord, order: number): number
  /** A datagram for a member. */
  emit(order: number, bytes: Uint8Array): void
  timeAsked(): number | undefined
  timeTold(asked: number, told: number): void
}

/** Counters of a world. */
export interface WorldStats {
  /** Writes of peers that were not the owners, as their bookkeeping or their ill will had it. */
  refused: number
}

/** Who is whose source and who may write; the room, as state has to know it. */
export interface Roster {
  readonly self: number
  readonly host: number
  /** State goes by way of the host, who sends each member what all the others write. */
  readonly isStar: boolean
  isMember(order: number): boolean
  /** Members that only look on: what they write does not count. */
  mayWrite(order: number): boolean
}

/**
 * All entities, those of this peer and those of others. Sans-I/O: datagrams go in and out, time is an argument.
 * Who owns what is told from outside ({@link World.setOwner}); the world sees to it that only the owner's writes count.
 */
export class World implements SlotTable, LinkListener {
  readonly types: EntityType[] = []
  readonly records: Map<number, EntityRecord> = new Map()
  /** By kind, in the order of their arrival. */
  readonly byType: Set<EntityRecord>[] = []
  readonly slots: (EntityRecord | undefined)[] = []
  readonly links: Map<number, PeerLink> = new Map()
  readonly stats: WorldStats = { refused: 0 }
  /** Owners that are not the first ones, with how often the ownership has changed. */
  readonly ledger: Map<number, { readonly owner: number; readonly term: number }> = new Map()
  /** Entities that this peer has let go, with the number of its word of that: it does not write them until the host has answered. */
  readonly withheld: Map<number, number> = new Map()
  private readonly host: RecordHost
  private readonly listener: WorldListener
  private readonly roster: Roster
  private readonly freeSlots: number[] = []
  private readonly closing = new Set<number>()
  private readonly written: EntityRecord[] = []
  private readonly despawned = new Set<number>()
  private nextId = 1

  constructor(roster: Roster, listener: WorldListener, host: RecordHost) {
    this.roster = roster
    this.listener = listener
    this.host = host
  }

  get typeCount(): number {
    return this.types.length
  }

  /** All kinds are added before the first peer. */
  addType(type: EntityType): void {
    this.types.push(type)
    this.byType.push(new Set())
  }

  // What this peer does.

  /** A new entity of this peer's. @throws AltostratusError `BAD_VALUE`, `TOO_MANY_ENTITIES` */
  spawn(type: EntityType, values: Readonly<Record<string, unknown>>): EntityRecord {
    const record = this.create(this.freeId(), type, this.roster.self, 0)
    this.fill(record, values)
    this.enter(record)
    return record
  }

  /** The object that all share and the host writes. */
  addShared(type: EntityType): EntityRecord {
    const record = this.create(SHARED_ID, type, this.roster.host, 0)
    this.enter(record)
    return record
  }

  /** Removes an entity of this peer's, everywhere. */
  despawn(record: EntityRecord): void {
    this.remove(record.id)
  }

  /** An entity was written to: to be called once before its changes are taken. */
  wasWritten(record: EntityRecord): void {
    this.written.push(record)
  }

  /** Sends to all what there is for them. */
  flush(local: number, time: number, room: (order: number) => number, rate: (order: number) => number): void {
    this.takeChanges()
    for (const link of this.links.values()) {
      this.look(link)
      const bytes = room(link.order)
      if (bytes > 0) link.flush(local, time, bytes, rate(link.order), (datagram) => this.listener.emit(link.order, datagram))
      if (link.send.ended.length > 0) this.freeEnded(link)
    }
  }

  /** A datagram came. @returns What is to be answered at once. */
  take(order: number, bytes: Uint8Array, local: number, time: number): Uint8Array | undefined {
    return this.links.get(order)?.take(bytes, local, time)
  }

  // Members come and go.

  addPeer(order: number): PeerLink {
    const known = this.links.get(order)
    if (known !== undefined) return known
    const link = new PeerLink(order, this, this.types, this, 0)
    this.links.set(order, link)
    this.introduce(link)
    return link
  }

  /** The other end has forgotten all, or never knew: it is told everything anew, and listened to anew. */
  restartPeer(order: number): void {
    const link = this.links.get(order)
    if (link === undefined) return
    for (const replica of link.receive.byId.values()) this.ended(link, replica, 'hidden')
    link.restart(this.types)
    this.introduce(link)
    for (const slot of this.closing) this.freeSlot(slot)
  }

  /** This peer has another seat than before, to which all of its own belonged: to all others who had that is gone. */
  seatChanged(before: number): void {
    for (const record of this.ownedBy(before)) {
      record.isMine = false
      if (record.id === SHARED_ID) continue
      if (record.type.rules.onLeave === 'remove') this.forget(record, 'owner-left', 'passed-on')
      else this.settle(record, 'passed-on')
    }
    this.withheld.clear()
  }

  /** A member is gone: what of it does not stay goes, too. What stays waits for the host to take it. */
  removePeer(order: number): void {
    this.links.delete(order)
    for (const slot of this.closing) this.freeSlot(slot)
    for (const record of this.ownedBy(order))
      if (record.type.rules.onLeave === 'remove' && record.id !== SHARED_ID) this.forget(record, 'owner-left')
  }

  /** The host or the topology is another: who gets what from whom is reckoned anew. */
  rosterChanged(): void {
    const shared = this.records.get(SHARED_ID)
    if (shared !== undefined) this.assign(shared, this.roster.host, shared.term + 1)
    for (const record of this.records.values()) {
      this.settle(record)
      // Who is its source now may have told of it already, or of its end.
      if (!record.isMine && !this.takeRemoval(record.id, this.sourceOf(record.owner))) this.bindFromSource(record.id)
    }
  }

  /** The room was left: nothing is written any more. */
  close(): void {
    for (const record of this.records.values()) record.isMine = false
    this.links.clear()
  }

  /** The link by which an owner's state comes. */
  linkOf(owner: number): PeerLink | undefined {
    return this.links.get(this.sourceOf(owner))
  }

  // Ownership.

  /** Whose writes count, by all that is known here; of entities that are not known here, too. */
  ownerOf(id: number): number {
    if (id === SHARED_ID) return this.roster.host
    return this.ledger.get(id)?.owner ?? creatorOf(id)
  }

  termOf(id: number): number {
    return this.ledger.get(id)?.term ?? 0
  }

  ownedBy(order: number): EntityRecord[] {
    return [...this.records.values()].filter((record) => record.owner === order)
  }

  /** Another member owns an entity. What is older than what is known is ignored. */
  setOwner(id: number, owner: number, term: number): void {
    if (id === SHARED_ID || this.despawned.has(id) || term <= this.termOf(id)) return
    this.ledger.set(id, { owner, term })
    const record = this.records.get(id)
    if (this.takeRemoval(id, owner)) return
    if (record !== undefined) this.assign(record, owner, term)
    else this.bindFromSource(id)
  }

  /**
   * Takes over a host's whole word of who owns what. Grants of a host before it that not everyone has heard of are void where this one does not know
   * of them, and its own numbers may be the same.
   */
  replaceLedger(ledger: ReadonlyMap<number, { readonly owner: number; readonly term: number }>): void {
    // What the host has is there, whoever has removed it elsewhere; but not if that was its owner.
    for (const [id, { owner }] of ledger) if (owner !== this.roster.self) this.despawned.delete(id)
    for (const id of [...this.ledger.keys(), ...ledger.keys()]) {
      const { owner, term } = ledger.get(id) ?? { owner: creatorOf(id), term: 0 }
      if (this.ownerOf(id) === owner && this.termOf(id) === term) continue
      this.ledger.delete(id)
      const record = this.records.get(id)
      if (term > 0) this.setOwner(id, owner, term)
      else if (record !== undefined) this.assign(record, owner, term)
    }
  }

  /** Its owner does not send it, or not yet. */
  lose(record: EntityRecord): void {
    this.forget(record, 'hidden')
  }

  /** Whether the owner's state of it comes. */
  isSent(record: EntityRecord): boolean {
    return this.linkOf(record.owner)?.receive.byId.has(record.id) === true
  }

  /** Takes in again what others still send of, and this peer has forgotten. */
  rebind(): void {
    for (const link of this.links.values()) {
      for (const replica of link.receive.byId.values()) {
        if (!this.records.has(replica.id)) this.updated(link, replica, replica.type.allFields)
      }
    }
  }

  /** Its owner has removed it. */
  remove(id: number): void {
    const record = this.records.get(id)
    if (record !== undefined) this.forget(record, 'despawned')
    this.bury(id)
  }

  /** Whether it was removed, as far as this peer knows. */
  isRemoved(id: number): boolean {
    return this.despawned.has(id)
  }

  /** Puts an entity's whole state where it is, as its owner before left it. */
  restore(id: number, type: EntityType, lanes: Float64Array, values: readonly unknown[]): void {
    if (this.despawned.has(id)) return
    let record = this.records.get(id)
    if (record === undefined) {
      record = this.create(id, type, this.ownerOf(id), this.termOf(id))
      record.lanes.set(lanes)
      for (let i = 0; i < values.length; i++) record.values[i] = values[i]
      this.enter(record)
      return
    }
    record.lanes.set(lanes)
    for (let i = 0; i < values.length; i++) record.values[i] = values[i]
    if (record.slot >= 0) this.spread(record, type.allFields)
    this.listener.updated(record, type.allFields)
  }

  /** It is this peer's after all, with what was written last before it was let go. */
  regain(record: EntityRecord): void {
    record.isMine = true
    this.settle(record)
    this.spread(record, record.type.allFields)
  }

  /**
   * Forgets what others own and what this peer got from others: what counts is what a new host says. Others are not to take that for the end of
   * what this peer has sent them.
   */
  diverge(): void {
    for (const record of this.records.values()) {
      if (record.id === SHARED_ID || (record.owner === this.roster.self && record.term === 0 && record.type.rules.owner === 'spawner'))
        continue
      this.forget(record, 'owner-left', 'passed-on')
    }
    this.ledger.clear()
    this.despawned.clear()
  }

  /** Removes what nobody owns any more and nobody has taken. */
  drop(record: EntityRecord): void {
    this.forget(record, 'owner-left')
  }

  // What other peers send: see LinkListener.

  updated(from: PeerLink, replica: Replica, fields: number): void {
    const owner = this.ownerOf(replica.id)
    if (this.despawned.has(replica.id) || owner === this.roster.self) return
    if (this.sourceOf(owner) !== from.order) return
    const record = this.records.get(replica.id)
    if (record === undefined) {
      if (this.isAllowed(replica, owner)) this.adopt(replica, owner, from)
      else this.stats.refused++
      return
    }
    if (record.type !== replica.type) {
      this.stats.refused++
      return
    }
    this.apply(record, replica.newest, fields)
    record.track?.push(from.incomingAt, record.values, from.heardAt)
    if (record.slot >= 0) this.spread(record, fields)
    this.listener.updated(record, fields)
  }

  ended(from: PeerLink, replica: Replica, reason: EndReason): void {
    const record = this.records.get(replica.id)
    const isSource = this.sourceOf(this.ownerOf(replica.id)) === from.order
    if (isSource && record !== undefined && record.id !== SHARED_ID && reason !== 'passed-on' && !record.isMine) {
      this.forget(record, reason === 'despawned' ? 'despawned' : 'hidden')
    }
    if (reason !== 'despawned') return
    if (isSource) this.bury(replica.id)
    else remember(from.removed, replica.id)
  }

  timeAsked(): number | undefined {
    return this.listener.timeAsked()
  }

  timeTold(asked: number, told: number): void {
    this.listener.timeTold(asked, told)
  }

  /** All state as bytes: equal bytes are equal worlds. */
  serialise(): Uint8Array {
    const bits = new BitWriter(new Uint8Array(64 + 2_048 * this.records.size))
    for (const record of [...this.records.values()].sort((a, b) => a.id - b.id)) {
      bits.uint(record.id, 53)
      bits.uint(record.type.index, 8)
      bits.uint(record.owner, 32)
      record.type.writeAll(bits, record.lanes, record.values)
    }
    return bits.finish()
  }

  /** Whether it has been removed already by who turns out to be its owner, or to tell of it. */
  private takeRemoval(id: number, by: number): boolean {
    if (this.links.get(by)?.removed.delete(id) !== true) return false
    this.remove(id)
    return true
  }

  private create(id: number, type: EntityType, owner: number, term: number): EntityRecord {
    const record = new EntityRecord(id, type, owner, term, this.host)
    record.isMine = owner === this.roster.self && !this.withheld.has(record.id)
    if (type.smoothFields !== 0) record.track = new Track(type, TRACK_LENGTH)
    return record
  }

  private fill(record: EntityRecord, values: Readonly<Record<string, unknown>>): void {
    const { type } = record
    for (const name of Object.keys(values)) {
      if (type.plans.every((plan) => plan.name !== name)) throw new AltostratusError('BAD_VALUE', `${type.name} has no field ${name}.`)
    }
    for (const plan of type.plans) {
      const value = values[plan.name]
      record.put(plan, value === undefined ? plan.field.empty : value)
    }
  }

  /** The entity is in the world from now on. */
  private enter(record: EntityRecord): void {
    this.records.set(record.id, record)
    this.byType[record.type.index]?.add(record)
    this.settle(record)
    this.listener.spawned(record)
  }

  private adopt(replica: Replica, owner: number, from: PeerLink): void {
    const record = this.create(replica.id, replica.type, owner, this.termOf(replica.id))
    this.apply(record, replica.newest, replica.type.allFields)
    record.track?.push(from.incomingAt, record.values, from.heardAt)
    this.enter(record)
  }

  /** A kind that belongs to the host is spawned by hosts alone. */
  private isAllowed(replica: Replica, owner: number): boolean {
    if (replica.id === SHARED_ID || !this.roster.mayWrite(owner)) return false
    return replica.type.rules.owner !== 'host' || owner === this.roster.host || this.termOf(replica.id) > 0
  }

  private apply(record: EntityRecord, row: Row, fields: number): void {
    const { type } = record
    for (const plan of type.plans) {
      if ((fields & (1 << plan.bit)) === 0) continue
      if (plan.lanes === 0) record.values[plan.bit] = row.whole[plan.bit]
      else {
        for (let i = plan.lane; i < plan.lane + plan.lanes; i++) record.lanes[i] = row.lanes[i] as number
        record.values[plan.bit] = frozen(type.fromLanes(plan, row.lanes))
      }
    }
  }

  private assign(record: EntityRecord, owner: number, term: number): void {
    record.owner = owner
    record.term = term
    record.isMine = owner === this.roster.self && !this.withheld.has(record.id)
    if (!record.isMine) record.dirty = 0
    this.settle(record)
    if (!record.isMine) this.bindFromSource(record.id)
  }

  /** Takes what the source has sent of an entity before it was known to be the source. */
  private bindFromSource(id: number): void {
    const link = this.links.get(this.sourceOf(this.ownerOf(id)))
    const replica = link?.receive.byId.get(id)
    if (link !== undefined && replica !== undefined) this.updated(link, replica, replica.type.allFields)
  }

  /** Whose stream tells of what this member owns. */
  private sourceOf(owner: number): number {
    return this.roster.isStar && this.roster.self !== this.roster.host ? this.roster.host : owner
  }

  /** Sees to it that those who are to have the entity from this peer get it, and no others. */
  private settle(record: EntityRecord, ending: EndReason = 'despawned'): void {
    const { self, host, isStar } = this.roster
    const isSent = record.isAlive && (record.isMine || (isStar && self === host))
    if (isSent && record.slot < 0) this.takeSlot(record)
    if (record.slot < 0) return
    for (const link of this.links.values()) this.settleFor(record, link, ending)
    if (!isSent) {
      this.closing.add(record.slot)
      this.freeSlot(record.slot)
    } else this.closing.delete(record.slot)
  }

  /** @param ending What those are told who had it, when it is not there any more. */
  private settleFor(record: EntityRecord, link: PeerLink, ending: EndReason = 'despawned'): void {
    const visible = this.isFor(record, link.order) ? this.listener.visibleTo(record, link.order) : 0
    const { send } = link
    if (visible === 0) {
      if (!send.has(record.slot)) return
      send.end(record.slot, !record.isAlive ? ending : this.isFor(record, link.order) ? 'hidden' : 'passed-on')
    } else if (send.has(record.slot)) send.show(record.slot, visible)
    else send.add(record.slot, visible)
  }

  /** Whether a member gets the entity from this peer, if it may see it. */
  private isFor(record: EntityRecord, order: number): boolean {
    if (!record.isAlive) return false
    const { self, host, isStar } = this.roster
    if (!isStar) return record.isMine
    return self === host ? record.owner !== order : order === host && record.isMine
  }

  private introduce(link: PeerLink): void {
    for (const record of this.records.values()) if (record.slot >= 0) this.settleFor(record, link)
  }

  /** Fields of an entity that this peer sends have changed. */
  private spread(record: EntityRecord, fields: number): void {
    for (const link of this.links.values()) if (link.send.has(record.slot)) link.send.changed(record.slot, fields)
  }

  private takeChanges(): void {
    for (let i = 0; i < this.written.length; i++) {
      const record = this.written[i] as EntityRecord
      const { dirty } = record
      record.dirty = 0
      if (record.isAlive && record.isMine && record.slot >= 0 && dirty !== 0) this.spread(record, dirty)
    }
    this.written.length = 0
  }

  /** Kinds whose visibility is the game's to decide are looked at before each round. */
  private look(link: PeerLink): void {
    for (const type of this.types) {
      if (!type.rules.isSelective) continue
      for (const record of this.byType[type.index] as Set<EntityRecord>) {
        if (record.slot < 0) continue
        this.settleFor(record, link)
        if (link.send.has(record.slot)) link.send.weigh(record.slot, this.listener.relevance(record, link.order))
      }
    }
  }

  private forget(record: EntityRecord, reason: RemoveReason, ending: EndReason = reason === 'hidden' ? 'hidden' : 'despawned'): void {
    if (!record.isAlive) return
    record.isAlive = false
    this.records.delete(record.id)
    this.byType[record.type.index]?.delete(record)
    this.settle(record, ending)
    record.isMine = false
    if (reason === 'owner-left') this.ledger.delete(record.id)
    this.listener.removed(record, reason)
  }

  /** It never comes back. */
  private bury(id: number): void {
    this.ledger.delete(id)
    remember(this.despawned, id)
  }

  private takeSlot(record: EntityRecord): void {
    const slot = this.freeSlots.length > 0 ? (this.freeSlots.pop() as number) : this.slots.length
    if (slot >= MAX_SLOTS) {
      throw new AltostratusError('TOO_MANY_ENTITIES', `This player has ${MAX_SLOTS} entities; that is the most.`, { hint: 'Despawn some.' })
    }
    this.slots[slot] = record
    record.slot = slot
  }

  private freeEnded(link: PeerLink): void {
    for (const slot of link.send.ended.splice(0)) {
      const record = this.slots[slot]
      if (record === undefined) continue
      if (record.isAlive) this.settleFor(record, link)
      this.freeSlot(slot)
    }
  }

  /** A slot is used again when nobody can confuse its next entity with the one before. */
  private freeSlot(slot: number): void {
    if (!this.closing.has(slot)) return
    for (const link of this.links.values()) if (link.send.isBusy(slot)) return
    this.closing.delete(slot)
    const record = this.slots[slot]
    if (record !== undefined) record.slot = -1
    this.slots[slot] = undefined
    this.freeSlots.push(slot)
  }

  private freeId(): number {
    const first = this.roster.self * IDS_PER_MEMBER
    for (;;) {
      const id = first + this.nextId
      this.nextId = (this.nextId % (IDS_PER_MEMBER - 1)) + 1
      if (!this.records.has(id) && !this.ledger.has(id) && !this.despawned.has(id)) return id
    }
  }
}

function creatorOf(id: number): number {
  return Math.floor(id / IDS_PER_MEMBER)
}

/** Adds to a set that keeps the newest so many. */
function remember(set: Set<number>, id: number): void {
  set.add(id)
  if (set.size > MAX_REMEMBERED)
    for (const oldest of set) {
      set.delete(oldest)
      break
    }
}
