import { DecodeError } from '../../base/errors.ts'
import { BitReader, BitWriter, bitsFor } from './bits.ts'
import { COLLECT_TIMEOUT, MAX_ENTITY_BYTES, SWEEP_INTERVAL } from './constants.ts'
import type { EntityRecord } from './entity.ts'
import type { EntityType } from './entity-type.ts'
import { SHARED_ID } from './world.ts'
import type { Roster, World } from './world.ts'

/** What members and the host say to each other of ownership; each once and in order. */
const CLAIM = 0
const DENIED = 1
const RECALL = 2
const RELEASED = 3
const KEPT = 4
const GIVE = 5
const GRANT = 6
const HOLDINGS = 7
const LEDGER = 8
const SETTLED = 9
const DIGEST = 10
const REMOVED = 11

/** What the host says; all else members say to it. */
const HOSTS_KINDS: ReadonlySet<number> = new Set([DENIED, RECALL, GRANT, LEDGER, SETTLED, DIGEST])

const KIND_BITS = 4
const NUMBER_BITS = 32
const ORDER_BITS = 32
const COUNT_BITS = 24
const SERIAL_BITS = 32
/** Bits of an entry of the ledger at most. */
const ENTRY_BITS = 64 + ORDER_BITS + 32 + SERIAL_BITS

/** A room, as ownership has to know it. */
export interface OwnershipHost extends Roster {
  /** Members other than this one, by order. */
  readonly others: Iterable<number>
  /** @returns Whether it will come, unless a gap is told of later. */
  sendReliable(order: number, message: Uint8Array): boolean
  /** Whether that was heard lately by which the member's state comes. */
  hears(order: number): boolean
  /** Whether the member has fallen silent. */
  isAway(order: number): boolean
  /** Whether the kind lets this member have the entity. */
  mayClaim(record: EntityRecord, order: number): boolean
}

/**
 * Who owns what. The host decides, one change after another, and numbers the changes of each entity; an owner has stopped writing before the
 * next one hears that it may. So there is never more than one, whatever is lost, and whoever leaves.
 *
 * A member counts what it says of itself: that it has let something go, that it follows another host. The host repeats the number that it has heard
 * last in all that it says to that member. So what it decided before it heard gives nothing back that was let go, and what it said when it was the
 * host once before does not count.
 */
export class Ownership {
  /** Order of the host before this one. */
  formerHost: number = -1
  private readonly world: World
  private readonly host: OwnershipHost
  private readonly reader = new BitReader()
  /** Claims of this member that are not decided. */
  private readonly claims = new Map<number, ((granted: boolean) => void)[]>()
  /** Number of this member's last word of itself. */
  private said = 0
  /** Number of the word by which it has told its host that it follows it. */
  private followed = 0
  /** What it had said when the host's ledger was last compared. */
  private saidAtDigest = 0
  /** On the host: the number of what was last heard of each member. */
  private readonly heard = new Map<number, number>()
  /** On the host: who is to have an entity that its owner was asked for. */
  private readonly recalls = new Map<number, number>()
  /** On a new host: members that have not said yet what they hold. */
  private readonly missing = new Set<number>()
  /** Members to whom, or from whom, something was lost. */
  private readonly behind = new Set<number>()
  private sweepAt = -Infinity
  /** What was there without its owner at the last sweep. */
  private orphans = new Set<number>()
  /** On the host: counts its decisions. */
  private serial = 0
  /** Of the host's newest decision, or word of everything: what it has said before that, and comes later by another way, does not count. */
  private heardSerial = -1
  private collectUntil = Infinity
  private collecting = false
  /** On a new host: what came before it knew who holds what. */
  private early: { readonly from: number; readonly message: Uint8Array }[] = []
  /** Members that are gone, of whose entities the host has taken what it takes. */
  private readonly settled = new Set<number>()

  constructor(world: World, host: OwnershipHost) {
    this.world = world
    this.host = host
  }

  /** Asks for an entity. @param decided Called once, with whether this member may write now. */
  claim(record: EntityRecord, decided: (granted: boolean) => void): void {
    const waiting = this.claims.get(record.id)
    if (record.isMine) decided(true)
    else if (!record.isAlive || record.id === SHARED_ID) decided(false)
    else if (waiting !== undefined) waiting.push(decided)
    else {
      this.claims.set(record.id, [decided])
      this.toHost(message(CLAIM, (bits) => writeId(bits, record.id)))
    }
  }

  /** Hands an entity of this member's to another. */
  give(record: EntityRecord, to: number): void {
    if (this.isHost && !this.collecting) this.grant(record.id, record.type, to, stateOf(record))
    else {
      this.letGo(record)
      this.toHost(
        message(GIVE, (bits) => {
          writeId(bits, record.id)
          bits.uint(to, ORDER_BITS)
          this.writeState(bits, record)
        }),
      )
    }
  }

  /** An entity is gone: no claim for it can be granted. */
  wasRemoved(id: number): void {
    this.decide(id, false)
    this.world.withheld.delete(id)
    const claimant = this.recalls.get(id)
    this.recalls.delete(id)
    if (claimant !== undefined) this.deny(claimant, id)
  }

  /** All that waits is over. */
  close(): void {
    for (const id of this.claims.keys()) this.decide(id, false)
  }

  /**
   * Takes in a member's word.
   * @throws DecodeError when it is none
   */
  take(from: number, bytes: Uint8Array): void {
    const bits = this.reader.reset(bytes)
    const number = bits.uint(NUMBER_BITS)
    const kind = bits.small(KIND_BITS)
    if (!HOSTS_KINDS.has(kind)) {
      if (this.isHost) this.takeAsHost(kind, from, number, bytes, bits)
      return
    }
    // Whoever was the host before has no say.
    if (from !== this.host.host || this.isHost) return
    if (kind === DIGEST) this.compare(number, bits.uint(SERIAL_BITS))
    else if (number >= this.followed) this.takeFromHost(kind, number, bits)
  }

  /**
   * Takes in what the host says to who joins or comes back. What this member has let go stays so.
   * @throws DecodeError when it is no ledger
   */
  takeJoinState(from: number, bytes: Uint8Array): void {
    const bits = this.reader.reset(bytes)
    if (bits.small(KIND_BITS) !== LEDGER) throw new DecodeError('unknown message')
    if (from === this.host.host && !this.isHost) this.takeLedger(0, bits)
  }

  /** Another host: it is told what this member holds; or it is this member, and asks. */
  hostChanged(previous: number | undefined, local: number): void {
    this.recalls.clear()
    this.early = []
    this.heardSerial = -1
    this.heard.clear()
    this.collecting = this.isHost
    this.missing.clear()
    if (!this.isHost) {
      if (previous === this.host.self) this.stepDown()
      this.followed = ++this.said
      this.toHost(this.holdings())
      this.claimAgain()
      return
    }
    this.heard.set(this.host.self, this.said)
    for (const order of this.host.others) if (!this.host.isAway(order)) this.missing.add(order)
    this.collectUntil = local + COLLECT_TIMEOUT
    this.collectedAll()
  }

  /** This member has another seat: the host knows nothing of it yet. */
  seatChanged(): void {
    this.followed = ++this.said
    this.toHost(this.holdings())
    this.claimAgain()
  }

  /** A member has fallen silent: a new host does not wait for it. */
  memberAway(order: number): void {
    this.missing.delete(order)
    this.collectedAll()
  }

  /** What was a member's is the host's, or gone with it. */
  memberLeft(order: number): void {
    this.missing.delete(order)
    this.behind.delete(order)
    this.heard.delete(order)
    if (this.isHost && !this.collecting) {
      for (const [id, claimant] of this.recalls) if (this.world.ownerOf(id) === order) this.passOn(id, claimant)
      this.takeOver(order)
    } else if (this.settled.delete(order)) for (const record of this.world.ownedBy(order)) this.world.drop(record)
    this.collectedAll()
  }

  /** This member comes back to a host that may have given away what it owns: until that has said so, it writes nothing. */
  diverged(): void {
    for (const record of this.world.records.values()) if (record.owner === this.host.self && record.id !== SHARED_ID) this.letGo(record)
  }

  /** Something that was said between this member and another is lost. */
  missed(order: number): void {
    this.behind.add(order)
  }

  /** Gives those up that do not answer, and tells those who missed something. */
  tick(local: number): void {
    for (const order of this.behind) this.catchUp(order)
    if (local >= this.sweepAt && !this.collecting) {
      this.sweepAt = local + SWEEP_INTERVAL
      this.sweep()
    }
    if (this.collecting && local >= this.collectUntil) {
      this.missing.clear()
      this.collectedAll()
    }
  }

  /** Everything that a member must know that was not there. */
  ledgerMessage(): Uint8Array {
    const { ledger } = this.world
    return message(
      LEDGER,
      (bits) => {
        bits.uint(this.serial, SERIAL_BITS)
        bits.uint(ledger.size, COUNT_BITS)
        for (const [id, { owner, term }] of ledger) {
          writeId(bits, id)
          bits.uint(owner, ORDER_BITS)
          bits.varuint(term, 4)
        }
      },
      ledger.size,
    )
  }

  /** What a successor needs to go on exactly where this host stops: all that is the host's, and who owns the rest. */
  handOver(): Uint8Array {
    const records = [...this.world.records.values()].filter((record) => record.isMine && isHosts(record))
    const bits = new BitWriter(new Uint8Array(64 + records.length * (MAX_ENTITY_BYTES + 32)))
    bits.uint(records.length, COUNT_BITS)
    for (const record of records) {
      writeId(bits, record.id)
      this.writeState(bits, record)
    }
    return bits.finish()
  }

  /** @throws DecodeError */
  takeHandOver(bytes: Uint8Array): void {
    const bits = new BitReader().reset(bytes)
    for (let count = bits.uint(COUNT_BITS); count > 0; count--) {
      const id = readId(bits)
      const { type, lanes, values } = this.readState(bits)
      this.world.restore(id, type, lanes, values)
    }
  }

  private get isHost(): boolean {
    return this.host.host === this.host.self
  }

  /** @param number What the host had heard of this member when it said that. */
  private takeFromHost(kind: number, number: number, bits: BitReader): void {
    if (kind === LEDGER) {
      this.takeLedger(number, bits)
      return
    }
    if (kind === SETTLED) {
      const order = bits.uint(ORDER_BITS)
      if (this.host.isMember(order)) this.settled.add(order)
      else for (const record of this.world.ownedBy(order)) this.world.drop(record)
      return
    }
    const id = readId(bits)
    if (kind === DENIED) this.decide(id, false)
    else if (kind === RECALL) this.answerRecall(id, bits.uint(ORDER_BITS))
    else {
      const serial = bits.uint(SERIAL_BITS)
      if (serial <= this.heardSerial) return
      this.heardSerial = serial
      const owner = bits.uint(ORDER_BITS)
      const term = bits.varuint(4)
      this.applyGrant(id, owner, term, this.readState(bits), number)
    }
  }

  private takeLedger(number: number, bits: BitReader): void {
    const serial = bits.uint(SERIAL_BITS)
    if (serial < this.heardSerial) {
      this.behind.add(this.host.host)
      return
    }
    this.heardSerial = serial
    const ledger = new Map<number, { readonly owner: number; readonly term: number }>()
    for (let count = bits.uint(COUNT_BITS); count > 0; count--) {
      ledger.set(readId(bits), { owner: bits.uint(ORDER_BITS), term: bits.varuint(4) })
    }
    this.world.replaceLedger(ledger)
    this.regain(number)
    this.world.rebind()
    // What it had before it was apart from this host, and has removed or forgotten then: the host has it.
    let hasForgotten = false
    for (const [id, { owner }] of ledger) {
      if (owner !== this.host.self || this.world.records.has(id)) continue
      if (this.world.isRemoved(id)) this.sayRemoved(id)
      else hasForgotten = true
    }
    if (hasForgotten) this.toHost(this.holdings())
  }

  private sayRemoved(id: number): void {
    this.toHost(message(REMOVED, (bits) => writeId(bits, id)))
  }

  /** The host knows something else, or has not heard for a whole interval what this member has said. */
  private compare(number: number, digest: number): void {
    if (number < this.saidAtDigest || digest !== this.digest()) this.behind.add(this.host.host)
    this.saidAtDigest = this.said
  }

  private takeAsHost(kind: number, from: number, number: number, bytes: Uint8Array, bits: BitReader): void {
    if (this.collecting && (kind !== HOLDINGS || this.early.some((one) => one.from === from))) {
      this.early.push({ from, message: bytes })
      return
    }
    this.heard.set(from, number)
    if (kind === HOLDINGS) {
      const held = new Set<number>()
      for (let count = bits.uint(COUNT_BITS); count > 0; count--) {
        const id = readId(bits)
        const term = bits.varuint(4)
        held.add(id)
        if (this.collecting) this.world.setOwner(id, from, term)
        else this.correct(id, from, term)
      }
      this.missing.delete(from)
      if (this.collecting) {
        this.collectedAll()
        return
      }
      this.returnTo(from, held)
      this.tell(from, this.ledgerMessage())
      // It has not heard what was asked of it before.
      for (const [id, claimant] of this.recalls) if (this.world.ownerOf(id) === from) this.recall(id, from, claimant)
      return
    }
    const id = readId(bits)
    if (kind === CLAIM) this.takeClaim(from, id)
    else if (kind === KEPT) this.takeKept(from, id)
    else if (kind === REMOVED) {
      if (this.world.ownerOf(id) === from && id !== SHARED_ID) this.world.remove(id)
    } else if (kind === RELEASED || kind === GIVE) {
      const to = kind === GIVE ? bits.uint(ORDER_BITS) : (this.recalls.get(id) ?? from)
      const state = this.readState(bits)
      if (this.world.ownerOf(id) !== from || id === SHARED_ID) return
      if (kind === RELEASED) this.recalls.delete(id)
      this.grant(id, state.type, this.canOwn(to) ? to : from, state)
    } else throw new DecodeError('unknown message')
  }

  /** What a member does not hold that is its own: it has forgotten it, or not heard of it yet. */
  private returnTo(from: number, held: ReadonlySet<number>): void {
    const { ledger, records } = this.world
    for (const [id, { owner }] of ledger) if (owner === from && !held.has(id) && !records.has(id)) ledger.delete(id)
    for (const record of this.world.ownedBy(from)) {
      if (record.id === SHARED_ID || held.has(record.id) || (record.term === 0 && this.world.isSent(record))) continue
      this.grant(record.id, record.type, from, stateOf(record))
    }
  }

  /** A member that was not heard in time believes that it holds what has been given to another. */
  private correct(id: number, from: number, term: number): void {
    const record = this.world.records.get(id)
    const owner = this.world.ownerOf(id)
    if (record !== undefined && owner !== from && term >= this.world.termOf(id))
      this.grant(id, record.type, owner, stateOf(record), term + 1)
  }

  private takeClaim(from: number, id: number): void {
    const record = this.world.records.get(id)
    const owner = this.world.ownerOf(id)
    // It asks again; the owner has yet to answer.
    if (this.recalls.get(id) === from) return
    if (record === undefined || id === SHARED_ID || !this.canOwn(from) || this.recalls.has(id) || !this.host.mayClaim(record, from))
      this.deny(from, id)
    else if (owner === from || owner === this.host.self || !this.host.isMember(owner)) this.grant(id, record.type, from, stateOf(record))
    else {
      this.recalls.set(id, from)
      this.recall(id, owner, from)
    }
  }

  private recall(id: number, owner: number, claimant: number): void {
    this.tell(
      owner,
      message(RECALL, (bits) => {
        writeId(bits, id)
        bits.uint(claimant, ORDER_BITS)
      }),
    )
  }

  private takeKept(from: number, id: number): void {
    const claimant = this.recalls.get(id)
    if (claimant === undefined || this.world.ownerOf(id) !== from) return
    this.recalls.delete(id)
    this.deny(claimant, id)
  }

  /** The owner is gone while another waits. */
  private passOn(id: number, claimant: number): void {
    this.recalls.delete(id)
    const record = this.world.records.get(id)
    if (record === undefined || !this.canOwn(claimant)) this.deny(claimant, id)
    else this.grant(id, record.type, claimant, stateOf(record))
  }

  private canOwn(order: number): boolean {
    return (order === this.host.self || this.host.isMember(order)) && this.host.mayWrite(order)
  }

  private deny(claimant: number, id: number): void {
    if (claimant === this.host.self) this.decide(id, false)
    else
      this.tell(
        claimant,
        message(DENIED, (bits) => writeId(bits, id)),
      )
  }

  /** The host's decision: all are told in the same order. Who has it already is told again, which changes nothing. */
  private grant(id: number, type: EntityType, owner: number, state: State, atLeast = 0): void {
    const isOwner = this.world.ownerOf(id) === owner
    const term = Math.max(this.world.termOf(id) + (isOwner ? 0 : 1), atLeast)
    const serial = ++this.serial
    const claimant = isOwner ? undefined : this.recalls.get(id)
    if (claimant !== undefined) {
      this.recalls.delete(id)
      if (claimant !== owner) this.deny(claimant, id)
    }
    const told = message(GRANT, (bits) => {
      writeId(bits, id)
      bits.uint(serial, SERIAL_BITS)
      bits.uint(owner, ORDER_BITS)
      bits.varuint(term, 4)
      this.writeAll(bits, type, state)
    })
    this.applyGrant(id, owner, term, state, Infinity)
    for (const order of this.host.others) this.tell(order, told)
  }

  /** @param number What the host had heard of this member when it decided. */
  private applyGrant(id: number, owner: number, term: number, state: State, number: number): void {
    const { world } = this
    const { self } = this.host
    if (owner === self && world.isRemoved(id)) {
      this.sayRemoved(id)
      return
    }
    const isNews = term > world.termOf(id)
    const isMine = owner === self && term >= world.termOf(id)
    // What was let go after that is still let go.
    if (isMine ? (world.withheld.get(id) ?? 0) <= number : isNews) world.withheld.delete(id)
    if (isNews) world.setOwner(id, owner, term)
    if (isMine && world.ownerOf(id) === self && !world.withheld.has(id)) {
      const record = world.records.get(id)
      if (isNews || record === undefined) world.restore(id, state.type, state.lanes, state.values)
      else if (!record.isMine) world.regain(record)
    }
    if (owner === self && !world.withheld.has(id)) this.decide(id, world.records.get(id)?.isMine === true)
    // It was granted to one who has left meanwhile.
    if (this.isHost && !this.collecting && owner !== self && !this.host.isMember(owner)) this.takeOver(owner)
  }

  private decide(id: number, granted: boolean): void {
    const waiting = this.claims.get(id)
    this.claims.delete(id)
    for (const resolve of waiting ?? []) resolve(granted)
  }

  private answerRecall(id: number, claimant: number): void {
    const record = this.world.records.get(id)
    if (record === undefined || !record.isMine || !this.host.mayClaim(record, claimant)) {
      this.toHost(message(KEPT, (bits) => writeId(bits, id)))
      return
    }
    this.letGo(record)
    this.toHost(
      message(RELEASED, (bits) => {
        writeId(bits, id)
        this.writeState(bits, record)
      }),
    )
  }

  /** This member writes it no more; until the host has said who does, nobody does. */
  private letGo(record: EntityRecord): void {
    record.isMine = false
    record.dirty = 0
    this.world.withheld.set(record.id, ++this.said)
  }

  /** What this member had let go, and is still its own by the word of a host that has heard so much of it. */
  private regain(number: number): void {
    const { world } = this
    for (const [id, said] of world.withheld) {
      if (said > number) continue
      world.withheld.delete(id)
      const record = world.records.get(id)
      if (record !== undefined && world.ownerOf(id) === this.host.self) world.regain(record)
    }
  }

  /** What is the host's goes to the next one. */
  private stepDown(): void {
    for (const record of this.world.records.values()) if (record.isMine && isHosts(record)) this.letGo(record)
  }

  private holdings(): Uint8Array {
    const { self } = this.host
    const mine = [...this.world.ledger].filter(([id, { owner }]) => {
      const record = this.world.records.get(id)
      return owner === self && record !== undefined && !(this.world.withheld.has(id) && isHosts(record))
    })
    return message(
      HOLDINGS,
      (bits) => {
        bits.uint(mine.length, COUNT_BITS)
        for (const [id, { term }] of mine) {
          writeId(bits, id)
          bits.varuint(term, 4)
        }
      },
      mine.length,
    )
  }

  /** On a new host that has heard of all: it takes what is the host's and what nobody owns, and says who owns what. */
  private collectedAll(): void {
    if (!this.collecting || this.missing.size > 0) return
    this.collecting = false
    this.collectUntil = Infinity
    for (const record of this.world.records.values()) {
      if (record.id === SHARED_ID || record.owner === this.host.self) continue
      const isGone = !this.host.isMember(record.owner)
      if (isGone && record.type.rules.onLeave === 'remove') this.world.drop(record)
      else if (isGone || this.isFormerHosts(record)) this.grant(record.id, record.type, this.host.self, stateOf(record))
    }
    this.regain(this.heard.get(this.host.self) ?? 0)
    const ledger = this.ledgerMessage()
    for (const order of this.host.others) this.tell(order, ledger)
    for (const { from, message: bytes } of this.early.splice(0)) this.take(from, bytes)
    for (const id of this.claims.keys()) this.takeClaim(this.host.self, id)
  }

  /** A kind that belongs to hosts, which nobody has claimed from the one before. */
  private isFormerHosts(record: EntityRecord): boolean {
    return isHosts(record) && record.owner === this.formerHost
  }

  /** On the host: what a member that is gone leaves to it. */
  private takeOver(order: number): void {
    for (const record of this.world.ownedBy(order)) {
      if (record.type.rules.onLeave === 'remove') this.world.drop(record)
      else this.grant(record.id, record.type, this.host.self, stateOf(record))
    }
    const told = message(SETTLED, (bits) => bits.uint(order, ORDER_BITS))
    for (const other of this.host.others) this.tell(other, told)
  }

  /** @returns Whether it will come. */
  private send(order: number, bytes: Uint8Array): boolean {
    return this.host.sendReliable(order, numbered(this.isHost ? (this.heard.get(order) ?? 0) : this.said, bytes))
  }

  private tell(order: number, bytes: Uint8Array): void {
    if (!this.send(order, bytes)) this.behind.add(order)
  }

  /** Member and host say all that they know to each other, in place of what was lost between them. */
  private catchUp(order: number): void {
    if (!this.isHost && order !== this.host.host) this.behind.delete(order)
    else if (this.isHost ? !this.collecting : true) {
      const isSent = this.send(order, this.isHost ? this.ledgerMessage() : this.holdings())
      if (!isSent) return
      this.behind.delete(order)
      if (!this.isHost) this.claimAgain()
    }
  }

  /** What has come apart in spite of all, after losses and partitions, comes together again. */
  private sweep(): void {
    const { world, host } = this
    world.rebind()
    const before = this.orphans
    this.orphans = new Set()
    for (const record of world.records.values()) {
      if (record.id === SHARED_ID || record.isMine || record.owner === host.self) continue
      const isGone = !host.isMember(record.owner)
      // Of who is gone the host takes what it has. An owner that has died since it was granted is the host's to find out.
      if (isGone ? !this.isHost && this.heardSerial < 0 : world.isSent(record) || !host.hears(record.owner)) continue
      if (!before.has(record.id)) this.orphans.add(record.id)
      else if (isGone && this.isHost) this.takeOver(record.owner)
      else if (isGone) world.drop(record)
      else if (this.isHost) this.grant(record.id, record.type, record.owner, stateOf(record))
      else world.lose(record)
    }
    if (!this.isHost) return
    const digest = this.digest()
    const told = message(DIGEST, (bits) => bits.uint(digest, SERIAL_BITS))
    for (const order of host.others) this.tell(order, told)
  }

  /** The same where the same is known of who owns what. */
  private digest(): number {
    let digest = 0
    for (const [id, { owner, term }] of this.world.ledger) {
      let hash = Math.imul(id ^ Math.floor(id / 0x1_0000_0000), 0x9e37_79b1) ^ Math.imul(owner + 1, 0x85eb_ca6b)
      hash = Math.imul(hash ^ (hash >>> 15) ^ term, 0xc2b2_ae35)
      digest = (digest + (hash ^ (hash >>> 13))) >>> 0
    }
    return digest
  }

  private claimAgain(): void {
    for (const id of this.claims.keys()) this.toHost(message(CLAIM, (bits) => writeId(bits, id)))
  }

  private toHost(bytes: Uint8Array): void {
    if (this.isHost) this.take(this.host.self, numbered(this.said, bytes))
    else this.tell(this.host.host, bytes)
  }

  private writeState(bits: BitWriter, record: EntityRecord): void {
    this.writeAll(bits, record.type, record)
  }

  private writeAll(bits: BitWriter, type: EntityType, { lanes, values }: Omit<State, 'type'>): void {
    bits.uint(type.index, bitsFor(this.world.types.length - 1))
    type.writeAll(bits, lanes, values)
  }

  private readState(bits: BitReader): State {
    const type = this.world.types[bits.uint(bitsFor(this.world.types.length - 1))]
    if (type === undefined) throw new DecodeError('unknown kind')
    const state = { type, lanes: type.emptyLanes.slice(), values: type.emptyValues.slice() }
    type.readAll(bits, state.lanes, state.values)
    return state
  }
}

/** All of an entity's fields. */
interface State {
  readonly type: EntityType
  readonly lanes: Float64Array
  readonly values: unknown[]
}

function stateOf({ type, lanes, values }: EntityRecord): State {
  return { type, lanes: lanes.slice(), values: values.slice() }
}

/** Whether it goes from host to host while nobody claims it. */
function isHosts(record: EntityRecord): boolean {
  return record.id === SHARED_ID || record.type.rules.owner === 'host'
}

function message(kind: number, write: (bits: BitWriter) => void, entries = 0): Uint8Array {
  const bits = new BitWriter(new Uint8Array(2 * MAX_ENTITY_BYTES + Math.ceil((entries * ENTRY_BITS) / 8)))
  bits.small(kind, KIND_BITS)
  write(bits)
  return bits.finish()
}

/** A message with the number that stands before each. */
function numbered(number: number, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(NUMBER_BITS / 8 + bytes.length)
  new DataView(whole.buffer).setUint32(0, number, true)
  whole.set(bytes, NUMBER_BITS / 8)
  return whole
}

function writeId(bits: BitWriter, id: number): void {
  bits.varuint(id, 7)
}

function readId(bits: BitReader): number {
  return bits.varuint(7)
}
