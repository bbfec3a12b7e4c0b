import { DecodeError } from '../base/errors.ts'
import { EPOCH_GRANTED, EPOCH_TERM, MAX_CAPACITY, MAX_EPOCH, MAX_ORDER, MAX_SPECTATORS } from '../introducer/constants.ts'
import { asInteger, asList, asMember, asPeerId, asProperties, asRecord, asText } from '../introducer/protocol.ts'
import type { Profile, Properties } from '../introducer/protocol.ts'
import { MAX_BANS, MAX_GRACE, MAX_RESERVED, MESH_LIMIT, STAR_HYSTERESIS } from './constants.ts'
import type { LeaveReason } from './extension.ts'

/** A member's place. */
export interface Seat {
  readonly peerId: string
  /** Counts up by joining, and is never used again. */
  readonly order: number
  readonly profile: Profile
  readonly isSpectator: boolean
  /** It is silent; the place is kept for it. */
  readonly isAway: boolean
}

/** How members are connected; `auto`: by how many there are. */
export type TopologyRule = 'auto' | 'mesh' | 'star'

/** How a room is run; the host may change it. */
export interface RoomRules {
  /** Players at most. */
  readonly capacity: number
  readonly spectators: number
  readonly isLocked: boolean
  readonly topology: TopologyRule
  /** How long the seat of a silent member is kept, milliseconds. */
  readonly grace: number
  /** Public properties, by which others find the room. */
  readonly properties: Properties
  /** For members alone. */
  readonly privateProperties: Properties
  /** See `crypto/password.ts`. */
  readonly password: { readonly salt: Uint8Array; readonly verifier: Uint8Array } | undefined
  /** Who has a place kept: peer IDs, and hashes of the tokens by which others show that they are meant. */
  readonly reserved: readonly string[]
  /** Peer IDs that do not get in. */
  readonly bans: readonly string[]
}

/** One step from a state of the membership to the next: made by the host, repeated by all others. */
export type Change =
  | { readonly kind: 'join'; readonly seat: Seat }
  | { readonly kind: 'leave'; readonly peerId: string; readonly reason: LeaveReason }
  | { readonly kind: 'away' | 'return'; readonly peerId: string }
  | { readonly kind: 'rules'; readonly rules: RoomRules }
  /** The same host, in a new epoch. */
  | { readonly kind: 'epoch'; readonly epoch: number }

/** All of it at one time, as it goes over the wire. */
export interface Snapshot {
  readonly epoch: number
  readonly host: string
  /** The epoch in which it has become the host. */
  readonly began: number
  readonly version: number
  readonly nextOrder: number
  readonly seats: readonly Seat[]
  readonly rules: RoomRules
  readonly electorate: readonly string[]
  readonly isStar: boolean
}

/**
 * Who is in a room, and how it is run: the same at every member, because all of them make the host's changes in the host's order. It holds no
 * sessions and reads no clock.
 */
export class Membership {
  private state: Snapshot
  private readonly byId = new Map<string, Seat>()
  /** Worked out when it is asked for, anew after each change: large rooms ask for it often. */
  private inOrder: readonly Seat[] | undefined = undefined

  constructor(snapshot: Snapshot) {
    this.state = snapshot
    this.restore(snapshot)
  }

  get epoch(): number {
    return this.state.epoch
  }

  get hostId(): string {
    return this.state.host
  }

  /** The epoch in which the host has become it; it may have been the host before, and another one between. */
  get began(): number {
    return this.state.began
  }

  /** Counts the changes of an epoch. */
  get version(): number {
    return this.state.version
  }

  get rules(): RoomRules {
    return this.state.rules
  }

  get isStar(): boolean {
    return this.state.isStar
  }

  get nextOrder(): number {
    return this.state.nextOrder
  }

  /** Whether those who stand behind the epoch may be outvoted: few, that were cut off. */
  get isProvisional(): boolean {
    return this.epoch % EPOCH_GRANTED !== 0
  }

  get seats(): Iterable<Seat> {
    return this.byId.values()
  }

  get size(): number {
    return this.byId.size
  }

  seat(peerId: string): Seat | undefined {
    return this.byId.get(peerId)
  }

  /** Seats that count, taken. */
  get players(): number {
    let count = 0
    for (const seat of this.byId.values()) if (!seat.isSpectator) count++
    return count
  }

  /** Players, oldest first. */
  get succession(): readonly Seat[] {
    this.inOrder ??= [...this.byId.values()].filter((seat) => !seat.isSpectator).sort((a, b) => a.order - b.order)
    return this.inOrder
  }

  /** Those that have to stay connected to everybody in a star: the host, and who would be it next. */
  isHub(peerId: string, standbys: number): boolean {
    if (peerId === this.hostId) return true
    let before = 0
    for (const seat of this.succession) {
      if (seat.peerId === this.hostId) continue
      if (before++ === standbys) return false
      if (seat.peerId === peerId) return true
    }
    return false
  }

  snapshot(): Snapshot {
    return { ...this.state, seats: [...this.byId.values()] }
  }

  restore(snapshot: Snapshot): void {
    this.state = snapshot
    this.inOrder = undefined
    this.byId.clear()
    for (const seat of snapshot.seats) this.byId.set(seat.peerId, seat)
  }

  /** Makes a change. One that does not apply changes nothing but the version, at every member alike. */
  apply(change: Change): void {
    this.state = { ...this.state, version: this.version + 1 }
    this.inOrder = undefined
    switch (change.kind) {
      case 'join':
        this.join(change.seat)
        break
      case 'leave':
        this.leave(change.peerId, change.reason)
        break
      case 'away':
      case 'return': {
        const seat = this.byId.get(change.peerId)
        if (seat !== undefined) this.byId.set(seat.peerId, { ...seat, isAway: change.kind === 'away' })
        break
      }
      case 'rules':
        this.state = { ...this.state, rules: change.rules }
        break
      case 'epoch':
        this.begin(this.hostId, change.epoch)
    }
    this.state = { ...this.state, isStar: this.wantsStar() }
  }

  /** A new epoch begins, perhaps with another host. @param without A player that is not there, though it does not count as away yet. */
  begin(host: string, epoch: number, without?: string): void {
    this.state = { ...this.state, epoch, ...(host === this.hostId ? {} : { host, began: epoch, version: 0 }) }
    if (!this.isProvisional) this.state = { ...this.state, electorate: this.livePlayers().filter((peerId) => peerId !== without) }
  }

  /** Whether these are enough to speak for the room: more than half of those who were in it when that was last certain, or half with the oldest. */
  isQuorum(live: ReadonlySet<string>): boolean {
    const { electorate } = this.state
    const here = electorate.filter((peerId) => live.has(peerId)).length
    if (here * 2 !== electorate.length) return here * 2 > electorate.length
    const oldest = this.succession.find((seat) => electorate.includes(seat.peerId))
    return oldest !== undefined && live.has(oldest.peerId)
  }

  private join(seat: Seat): void {
    if (this.byId.has(seat.peerId)) return
    this.byId.set(seat.peerId, seat)
    const electorate = seat.isSpectator ? this.state.electorate : [...this.state.electorate, seat.peerId]
    this.state = { ...this.state, electorate, nextOrder: Math.max(this.state.nextOrder, seat.order + 1) }
  }

  private leave(peerId: string, reason: LeaveReason): void {
    if (!this.byId.delete(peerId)) return
    const { electorate, rules } = this.state
    // Who is lost to a few that were cut off is not lost to the room.
    if (reason !== 'lost' || !this.isProvisional) {
      this.state = { ...this.state, electorate: electorate.filter((id) => id !== peerId) }
    }
    if (reason === 'banned' && !rules.bans.includes(peerId)) {
      this.state = { ...this.state, rules: { ...rules, bans: [...rules.bans, peerId].slice(-MAX_BANS) } }
    }
  }

  private livePlayers(): string[] {
    return this.succession.filter((seat) => !seat.isAway).map((seat) => seat.peerId)
  }

  private wantsStar(): boolean {
    const { topology } = this.rules
    if (topology !== 'auto') return topology === 'star'
    // A player that comes and goes must not turn the room inside out each time.
    return this.byId.size > (this.isStar ? MESH_LIMIT - STAR_HYSTERESIS : MESH_LIMIT)
  }
}

/** The first epoch of the next term; `granted` by the introducer. */
export function nextTerm(epoch: number, granted: boolean): number {
  return (Math.floor(epoch / EPOCH_TERM) + 1) * EPOCH_TERM + (granted ? EPOCH_GRANTED : 0)
}

/** The next epoch of those who do not speak for the room. */
export function nextProvisional(epoch: number): number {
  return epoch % EPOCH_GRANTED === EPOCH_GRANTED - 1 ? epoch : epoch + 1
}

/** Checks a snapshot that came from the network. @throws DecodeError */
export function asSnapshot(value: unknown): Snapshot {
  const fields = asRecord(value)
  const seats = asList(fields['seats'], MAX_CAPACITY + MAX_SPECTATORS).map(asSeat)
  const host = asPeerId(fields['host'])
  if (!seats.some((seat) => seat.peerId === host && !seat.isSpectator)) throw new DecodeError('host without a seat')
  return {
    epoch: asInteger(fields['epoch'], 0, MAX_EPOCH),
    host,
    began: asInteger(fields['began'], 0, MAX_EPOCH),
    version: asInteger(fields['version'], 0, MAX_EPOCH),
    nextOrder: asInteger(fields['nextOrder'], 0, MAX_ORDER),
    seats,
    rules: asRules(fields['rules']),
    electorate: asList(fields['electorate'], MAX_CAPACITY).map(asPeerId),
    isStar: fields['isStar'] === true,
  }
}

/** Checks a change that came from the network. @throws DecodeError */
export function asChange(value: unknown): Change {
  const fields = asRecord(value)
  const { kind } = fields
  switch (kind) {
    case 'join':
      return { kind, seat: asSeat(fields['seat']) }
    case 'leave':
      return { kind, peerId: asPeerId(fields['peerId']), reason: asReason(fields['reason']) }
    case 'away':
    case 'return':
      return { kind, peerId: asPeerId(fields['peerId']) }
    case 'rules':
      return { kind, rules: asRules(fields['rules']) }
    case 'epoch':
      return { kind, epoch: asInteger(fields['epoch'], 0, MAX_EPOCH) }
    default:
      throw new DecodeError('change')
  }
}

function asSeat(value: unknown): Seat {
  const fields = asRecord(value)
  const { peerId, order, profile } = asMember(value)
  return { peerId, order, profile, isSpectator: fields['isSpectator'] === true, isAway: fields['isAway'] === true }
}

const REASONS: readonly LeaveReason[] = ['left', 'lost', 'kicked', 'banned']

function asReason(value: unknown): LeaveReason {
  const reason = REASONS.find((known) => known === value)
  if (reason === undefined) throw new DecodeError('reason')
  return reason
}

function asRules(value: unknown): RoomRules {
  const fields = asRecord(value)
  const topology = asText(fields['topology'], 4)
  if (topology !== 'auto' && topology !== 'mesh' && topology !== 'star') throw new DecodeError('topology')
  return {
    capacity: asInteger(fields['capacity'], 1, MAX_CAPACITY),
    spectators: asInteger(fields['spectators'], 0, MAX_SPECTATORS),
    isLocked: fields['isLocked'] === true,
    topology,
    grace: asInteger(fields['grace'], 0, MAX_GRACE),
    properties: asProperties(fields['properties']),
    privateProperties: asProperties(fields['privateProperties']),
    password: asPassword(fields['password']),
    reserved: asList(fields['reserved'], MAX_RESERVED).map(asPeerId),
    bans: asList(fields['bans'], MAX_BANS).map(asPeerId),
  }
}

function asPassword(value: unknown): RoomRules['password'] {
  if (value === undefined || value === null) return undefined
  const { salt, verifier } = asRecord(value)
  if (!(salt instanceof Uint8Array) || !(verifier instanceof Uint8Array)) throw new DecodeError('password')
  if (salt.length > 64 || verifier.length > 64) throw new DecodeError('password')
  return { salt, verifier }
}
