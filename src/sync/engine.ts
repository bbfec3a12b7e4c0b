import { AltostratusError, DecodeError } from '../base/errors.ts'
import type { Timer } from '../link/clock.ts'
import type { HostChange, Lane, RoomExtension, RoomPort } from '../room/extension.ts'
import type { Peer } from '../room/peer.ts'
import type { Fields } from '../schema/field.ts'
import {
  CLOCK_FAST,
  CLOCK_FIRST,
  CLOCK_IN_STAR,
  CLOCK_PATIENCE,
  CLOCK_SLOW,
  DATAGRAM_OVERHEAD,
  RATE_PER_RECEIVER,
  UPDATE_RATE,
  UPLINK,
} from './constants.ts'
import { SWEEP_INTERVAL } from './core/constants.ts'
import type { Entity, EntityRecord, RecordHost } from './core/entity.ts'
import type { EntityType } from './core/entity-type.ts'
import { Ownership } from './core/ownership.ts'
import type { OwnershipHost } from './core/ownership.ts'
import { SessionClock } from './core/session-clock.ts'
import { Track } from './core/track.ts'
import { World } from './core/world.ts'
import type { RemoveReason, WorldListener } from './core/world.ts'
import type { EntityOptions } from './definition.ts'
import { Interest } from './interest.ts'

/** A kind of entities in one room. */
export interface Kind {
  readonly type: EntityType
  readonly options: EntityOptions<Fields>
  readonly listeners: Readonly<Record<'spawn' | 'remove' | 'update' | 'conflict', Set<(entity: Entity, reason?: RemoveReason) => void>>>
}

/** First byte of a reliable message: greeting, or ownership. */
const HELLO = 0
const OWNERSHIP = 1
/** A greeting has two numbers: which life of this end it is, and which of the other's it knows. */
const HELLO_BYTES = 17

/** State in a room: ties the world and who owns what in it to the room's members, host and clock. */
export class Engine implements RoomExtension, WorldListener, RecordHost, OwnershipHost {
  readonly world: World
  readonly clock: SessionClock = new SessionClock()
  readonly kinds: Kind[] = []
  /** Malformed messages on the reliable lane. */
  malformed = 0
  private readonly port: RoomPort
  private readonly ownership: Ownership
  private readonly interest: Interest
  private readonly members = new Map<number, Peer>()
  /** What each member said of itself when it greeted. */
  private readonly greetings = new Map<number, number>()
  private readonly ungreeted = new Set<number>()
  /** Those who have heard this end's greeting: what they are sent of state they take for what it is. */
  private readonly greeted = new Set<number>()
  private timer: Timer | undefined = undefined
  private nextRound = 0
  private hostOrder: number
  private wasStar = false
  private isClosed = false
  /** How often a member was met of whom nothing was known, and which time that was of each. */
  private meetings = 0
  private readonly met = new Map<number, number>()
  /** Members who were there before this end. */
  private readonly initial: ReadonlySet<number>
  private startedAt = 0
  private clockAskAt = 0
  private clockAsked = 0
  private rate = UPDATE_RATE
  private uplink = UPLINK

  constructor(port: RoomPort) {
    this.port = port
    this.hostOrder = port.self.order
    this.world = new World(this, this, this)
    this.ownership = new Ownership(this.world, this)
    this.interest = new Interest(this)
    this.startedAt = port.clock.now()
    this.initial = new Set([...port.peers].map(({ order }) => order))
    port.provideClock(() => this.now())
    port.clock.defer(() => this.start())
  }

  get kindCount(): number {
    return this.kinds.length
  }

  addKind(type: EntityType, options: EntityOptions<Fields>): Kind {
    const kind = { type, options, listeners: { spawn: new Set(), remove: new Set(), update: new Set(), conflict: new Set() } } as Kind
    this.kinds.push(kind)
    this.world.addType(type)
    this.rate = Math.max(this.rate, options.rate ?? UPDATE_RATE)
    this.uplink = Math.min(this.uplink, options.uplink ?? this.uplink)
    return kind
  }

  addShared(type: EntityType): Entity {
    this.addKind(type, {})
    return this.world.addShared(type).object
  }

  /** @throws AltostratusError */
  spawn(kind: Kind, values: Readonly<Record<string, unknown>>): Entity {
    this.follow()
    if (this.isClosed) throw new AltostratusError('ROOM_CLOSED', 'The room was left: nothing can be spawned in it any more.')
    if (kind.type.rules.owner === 'host' && this.host !== this.self) {
      throw new AltostratusError('NOT_HOST', `Only the host spawns ${kind.type.name}.`, {
        hint: 'Do it in room.asHost, or define the kind with another owner.',
      })
    }
    return this.world.spawn(kind.type, values).object
  }

  /** Time of the session, milliseconds. */
  now(): number {
    return this.clock.now(this.port.clock.now())
  }

  // Of the room: RoomExtension.

  peerJoined(peer: Peer): void {
    this.follow()
    this.meet(peer)
    this.start()
  }

  peerReturned(peer: Peer): void {
    this.follow()
    this.meet(peer)
  }

  peerAway(peer: Peer): void {
    this.ownership.memberAway(peer.order)
  }

  peerMissed(peer: Peer): void {
    this.ownership.missed(peer.order)
    this.ungreeted.add(peer.order)
  }

  seatChanged(before: number): void {
    this.world.seatChanged(before)
    if (this.host !== this.self) this.ownership.seatChanged()
  }

  peerLeft(peer: Peer): void {
    this.follow()
    this.members.delete(peer.order)
    this.greetings.delete(peer.order)
    this.ungreeted.delete(peer.order)
    this.greeted.delete(peer.order)
    this.world.removePeer(peer.order)
    this.ownership.memberLeft(peer.order)
  }

  hostChanged(change: HostChange): void {
    if (change.cause === 'healed') this.diverge()
    if (change.handedOver !== undefined) this.guard(() => this.ownership.takeHandOver(change.handedOver as Uint8Array))
    this.followHost(change.host.order, change.cause === 'healed')
  }

  joinState(): Uint8Array {
    return this.ownership.ledgerMessage()
  }

  receiveJoinState(state: Uint8Array, from: Peer): void {
    this.follow()
    this.guard(() => this.ownership.takeJoinState(from.order, state))
  }

  handOver(): Uint8Array {
    return this.ownership.handOver()
  }

  receive(from: Peer, message: Uint8Array, lane: Lane): void {
    this.follow()
    const local = this.port.clock.now()
    if (lane === 'datagram') {
      // Who has not heard this end's greeting still speaks to who was here before (tournament seed 249).
      if (!this.greeted.has(from.order)) return
      const answer = this.world.take(from.order, message, local, this.now())
      if (answer !== undefined) this.port.sendDatagram(from, answer, 'immediate')
    } else if (message[0] === OWNERSHIP) this.guard(() => this.ownership.take(from.order, message.subarray(1)))
    else if (message[0] === HELLO && message.length === HELLO_BYTES) this.takeGreeting(from, message)
    else this.malformed++
  }

  closed(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.ownership.close()
    this.world.close()
  }

  // Of the world: Roster, RecordHost, WorldListener, OwnershipHost.

  get self(): number {
    return this.port.self.order
  }

  get host(): number {
    return this.hostOrder
  }

  get isStar(): boolean {
    return this.wasStar
  }

  get others(): Iterable<number> {
    return this.members.keys()
  }

  isMember(order: number): boolean {
    return order === this.self || this.members.has(order)
  }

  mayWrite(order: number): boolean {
    const member = this.memberOf(order)
    return member !== undefined && (member as { readonly isSpectator?: boolean }).isSpectator !== true
  }

  memberOf(order: number): Peer | undefined {
    return order === this.self ? this.port.self : this.members.get(order)
  }

  wasWritten(record: EntityRecord): void {
    this.world.wasWritten(record)
  }

  shownTime(owner: number): number {
    const link = this.world.linkOf(owner)
    return this.now() - (link?.jitter.delay ?? 0)
  }

  heardTime(owner: number): number {
    return this.world.linkOf(owner)?.heardAt ?? -Infinity
  }

  claim(record: EntityRecord): Promise<boolean> {
    this.follow()
    return new Promise((resolve) => this.ownership.claim(record, resolve))
  }

  give(record: EntityRecord, to: unknown): void {
    this.checkMine(record, 'given away')
    const peer = to as Peer | undefined
    if (peer === undefined || this.memberOf(peer.order) !== peer || !this.mayWrite(peer.order)) {
      throw new AltostratusError('BAD_RECEIVER', 'An entity can only be given to a player in the room.', {
        hint: 'Take one of room.peers.',
      })
    }
    if (peer.order !== this.self) this.ownership.give(record, peer.order)
  }

  despawn(record: EntityRecord): void {
    this.checkMine(record, 'removed')
    this.world.despawn(record)
  }

  spawned(record: EntityRecord): void {
    this.tell(record, 'spawn')
  }

  removed(record: EntityRecord, reason: RemoveReason): void {
    this.ownership.wasRemoved(record.id)
    this.tell(record, 'remove', reason)
  }

  updated(record: EntityRecord): void {
    this.tell(record, 'update')
  }

  visibleTo(record: EntityRecord, order: number): number {
    return this.interest.fieldsFor(record, order)
  }

  relevance(record: EntityRecord, order: number): number {
    return this.interest.relevance(record, order)
  }

  hears(order: number): boolean {
    const peer = this.members.get(this.isStar && this.self !== this.host ? this.host : order)
    return peer !== undefined && this.port.isReachable(peer) && peer.silence(this.port.clock.now()) < SWEEP_INTERVAL
  }

  isAway(order: number): boolean {
    return this.members.get(order)?.isAway === true
  }

  mayClaim(record: EntityRecord, order: number): boolean {
    const { options, type } = this.kinds[record.type.index] as Kind
    const { claim = type.rules.owner === 'host' } = options
    const peer = this.memberOf(order)
    return typeof claim === 'boolean' ? claim : peer !== undefined && claim(record.object as never, peer)
  }

  emit(order: number, bytes: Uint8Array): void {
    const peer = this.members.get(order)
    if (peer !== undefined) this.port.sendDatagram(peer, bytes)
  }

  timeAsked(): number | undefined {
    return this.host === this.self ? this.now() : undefined
  }

  timeTold(asked: number, told: number): void {
    if (this.host !== this.self) this.clock.sample(asked, told, this.port.clock.now())
  }

  sendReliable(order: number, message: Uint8Array): boolean {
    const peer = this.members.get(order)
    const framed = new Uint8Array(message.length + 1)
    framed[0] = OWNERSHIP
    framed.set(message, 1)
    return peer !== undefined && this.port.sendReliable(peer, framed)
  }

  private start(): void {
    if (this.timer !== undefined || this.isClosed) return
    this.follow()
    if (this.host === this.self) this.clock.lead(this.port.clock.now())
    this.nextRound = this.port.clock.now()
    this.arm()
  }

  private arm(): void {
    this.timer = this.port.clock.at(this.nextRound, () => {
      const now = this.port.clock.now()
      // Rounds keep their pace; those that a sleeping machine has missed are not made up for.
      this.nextRound = Math.max(this.nextRound + 1_000 / this.rate, now)
      this.round(now)
      if (!this.isClosed) this.arm()
    })
  }

  private round(local: number): void {
    this.follow()
    for (const order of this.ungreeted) this.greet(order)
    this.ownership.tick(local)
    this.askTime(local)
    if (!this.clock.isSynchronised && local - this.startedAt < CLOCK_PATIENCE) return
    this.remember(this.clock.now(local))
    this.interest.prepare()
    const count = Math.max(1, this.members.size)
    const share = Math.min(RATE_PER_RECEIVER, this.uplink / count)
    // What surrounds the datagrams is spent, whatever is in them.
    const rate = Math.max(share / 4, share - this.rate * DATAGRAM_OVERHEAD * 8)
    this.world.flush(
      local,
      this.clock.now(local),
      (order) => this.roomFor(order),
      () => rate,
    )
  }

  /** Keeps what kinds with a history are now. */
  private remember(time: number): void {
    for (const { type, options } of this.kinds) {
      const { history = 0 } = options
      if (history === 0) continue
      for (const record of this.world.byType[type.index] ?? []) {
        record.past ??= new Track(type, Math.ceil((history / 1_000) * this.rate) + 2)
        record.past.push(time, record.values, -Infinity)
      }
    }
  }

  private roomFor(order: number): number {
    const peer = this.members.get(order)
    return peer !== undefined && this.greeted.has(order) && this.port.isReachable(peer) ? this.port.datagramRoom(peer) : 0
  }

  private askTime(local: number): void {
    const host = this.members.get(this.host)
    const link = this.world.links.get(this.host)
    if (host === undefined || link === undefined || local < this.clockAskAt) return
    this.clockAskAt = local + (this.clockAsked++ < CLOCK_FIRST ? CLOCK_FAST : this.isStar ? CLOCK_IN_STAR : CLOCK_SLOW)
    this.port.sendDatagram(host, link.askTime(local), 'immediate')
  }

  /** The room may have found its host, or become a star, without a word. */
  private follow(): void {
    if (this.port.host.order !== this.hostOrder) this.followHost(this.port.host.order)
    const isStar = this.port.topology === 'star'
    if (isStar === this.wasStar) return
    this.wasStar = isStar
    this.world.rosterChanged()
  }

  /** @param anew It was the host before, and another one between. */
  private followHost(order: number, anew = false): void {
    if (order === this.hostOrder && !anew) return
    const local = this.port.clock.now()
    const previous = this.hostOrder
    this.hostOrder = order
    this.ownership.formerHost = previous
    this.world.rosterChanged()
    this.ownership.hostChanged(previous, local)
    this.clockAsked = 0
    if (order === this.self) this.clock.lead(local)
    else this.clock.follow()
  }

  private meet(peer: Peer): void {
    this.members.set(peer.order, peer)
    if (!this.world.links.has(peer.order)) {
      // One of the two is new in the room, and has no memory of the other that could be mistaken.
      if (!this.met.has(peer.order) && (!this.initial.has(peer.order) || peer.order < this.self)) this.greeted.add(peer.order)
      this.met.set(peer.order, this.meetings++)
    }
    this.world.addPeer(peer.order)
    this.ungreeted.add(peer.order)
    this.greet(peer.order)
  }

  /** Tells a member which of possibly several lives of this end it talks to: one in which nothing was known of it is another one. */
  private greet(order: number): void {
    const peer = this.members.get(order)
    if (peer === undefined || !this.isLinked(order)) return
    const message = new Uint8Array(HELLO_BYTES)
    const view = new DataView(message.buffer)
    message[0] = HELLO
    view.setFloat64(1, this.life(order))
    view.setFloat64(9, this.greetings.get(order) ?? -1)
    if (this.port.sendReliable(peer, message)) this.ungreeted.delete(order)
  }

  /** Whether the two send each other state; others greet each other when they have to. */
  private isLinked(order: number): boolean {
    return !this.isStar || this.self === this.host || order === this.host
  }

  private life(order: number): number {
    return this.startedAt + (this.met.get(order) ?? 0)
  }

  private takeGreeting(from: Peer, message: Uint8Array): void {
    const { order } = from
    const view = new DataView(message.buffer, message.byteOffset)
    const life = view.getFloat64(1)
    if (!Number.isFinite(life)) {
      this.malformed++
      return
    }
    const before = this.greetings.get(order)
    this.greetings.set(order, life)
    if (before !== undefined && before !== life) this.world.restartPeer(order)
    const isHeard = view.getFloat64(9) === this.life(order)
    if (isHeard) this.greeted.add(order)
    if (isHeard && before === life) return
    this.ungreeted.add(order)
    this.greet(order)
  }

  /** What this side knew in its host's name does not count any more. */
  private diverge(): void {
    for (const record of this.world.records.values()) if (record.isMine && record.type.rules.owner === 'host') this.tell(record, 'conflict')
    this.world.diverge()
    this.ownership.diverged()
  }

  private tell(record: EntityRecord, event: keyof Kind['listeners'], reason?: RemoveReason): void {
    const { listeners } = this.kinds[record.type.index] as Kind
    for (const listener of listeners[event]) {
      try {
        listener(record.object, reason)
      } catch (error) {
        this.port.onError(error)
      }
    }
  }

  private checkMine(record: EntityRecord, what: string): void {
    if (record.isMine) return
    throw new AltostratusError('NOT_OWNER', `${record.type.name} ${record.id} can't be ${what}: another player owns it.`, {
      hint: 'Await entity.claim() first.',
    })
  }

  private guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.malformed++
    }
  }
}
