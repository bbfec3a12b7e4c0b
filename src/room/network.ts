import { Address } from '../base/address.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { createIdentity } from '../crypto/identity.ts'
import type { Identity } from '../crypto/identity.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import { IntroducerClient } from '../introducer/client.ts'
import { CODE_ALPHABET, CODE_LENGTH, DEFAULT_CAPACITY, MAX_CAPACITY } from '../introducer/constants.ts'
import { unpack } from '../introducer/packing.ts'
import { asProfile, asProperties } from '../introducer/protocol.ts'
import type { Contact, Profile, Properties, RelayUse, RoomListing } from '../introducer/protocol.ts'
import type { IntroducerUrl } from '../introducer/url.ts'
import { Carrier } from '../link/carrier.ts'
import type { Clock } from '../link/clock.ts'
import { Driver } from '../link/driver.ts'
import type { Link } from '../link/link.ts'
import { DEAD_AFTER } from '../rtmfp/constants.ts'
import { Endpoint } from '../rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { EndpointEvent, Session } from '../rtmfp/session.ts'
import { ANNOUNCEMENT_GRACE, CHANNEL_FLOW, CONTROL_FLOW, JOIN_TIMEOUT, MAX_UNANNOUNCED } from './constants.ts'
import type { Game } from './definition.ts'
import type { Peer } from './peer.ts'
import { Reach } from './reach.ts'
import { Room } from './room.ts'
import type { Stream } from './stream.ts'

/** What a network is made of; `connect` and the simulator put it together. */
export interface NetworkParts {
  /** What carries datagrams; nothing where there is no UDP. */
  readonly link: Link | undefined
  /** Opens a stream to the introducer, such as a WebSocket. */
  readonly openStream?: (() => Promise<Link>) | undefined
  /** Looks up the addresses of the introducer's host, when it is to be found again. */
  readonly lookUp?: (() => Promise<readonly string[]>) | undefined
  readonly clock: Clock
  readonly backend: CryptoBackend
  readonly random: Random
  readonly policy: KeyingPolicy
  readonly url: IntroducerUrl
  /** Numeric addresses of the introducer's host. */
  readonly hosts: readonly string[]
  readonly identity?: Identity | undefined
  /** What ends with it. */
  readonly onClose?: (() => Promise<void>) | undefined
  /** A peer that is silent for this many milliseconds is lost; 5,000 by default. */
  readonly deadAfter?: number | undefined
  /** Whether other players are reached by way of the introducer; `auto` by default. */
  readonly relay?: RelayUse | undefined
  /** Takes what a game's listeners throw; by default it is thrown again where the process sees it. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** How a new room is to be. */
export interface CreateOptions {
  /** Players at most, 1 to 64; 8 by default. */
  readonly capacity?: number
  /** Whether `rooms` names it; not by default: who has the code comes in. */
  readonly listed?: boolean
  /** Public properties, by which others choose. */
  readonly properties?: Properties
  /** What this player tells of themselves; at most 1 KiB. */
  readonly profile?: Profile
}

/** Which room to join, and how. */
export interface JoinOptions {
  /** The room's code, in either case, with or without blanks around. */
  readonly code: string
  readonly profile?: Profile
  /** Give up after so many milliseconds; 10,000 by default. */
  readonly timeout?: number
}

/** Counters of a network. */
export interface NetworkStats {
  readonly rooms: number
  /** Sessions with peers and the introducer, closing ones included. */
  readonly sessions: number
  readonly datagramsSent: number
  readonly datagramsReceived: number
  /** Datagrams that came to nothing, by reason. */
  readonly drops: ReadonlyMap<string, number>
}

/** Keepalive pings are so much more frequent than the time after which a peer is lost. */
const TRIES_BEFORE_LOST = 5

const CODE = new RegExp(`^[${CODE_ALPHABET}]{${CODE_LENGTH}}$`)

/** What hangs on a member's receiving flow. */
interface FlowContext {
  readonly room: Room
  readonly peer: Peer
  /** `undefined`: the control flow. */
  readonly stream: Stream | undefined
}

interface Unannounced {
  readonly session: Session
  readonly flows: { readonly flow: ReceiveFlow; readonly roomId: string; readonly name: string | undefined }[]
}

/** This player's place in the network: one endpoint, one introducer, any number of rooms. */
export class Network {
  /** This player's fingerprint, 64 hexadecimal digits: what others know them by. */
  readonly peerId: string
  /** Keep `identity.export()` to be the same player next time. */
  readonly identity: Identity
  /** @internal */
  readonly clock: Clock
  /** @internal */
  readonly introducer: IntroducerClient
  private readonly driver: Driver
  private readonly carrier: Carrier
  private readonly reach: Reach
  private readonly parts: NetworkParts
  private readonly byId = new Map<string, Room>()
  private readonly sessions = new Map<string, Session>()
  private readonly unannounced = new Map<string, Unannounced>()
  /** Sessions whose far end has yet to show that it holds the keys; they displace nothing until it does. */
  private readonly unconfirmed = new Set<Session>()
  /** Requests to join that wait for their answer. */
  private joins = 0
  private closing: Promise<void> | undefined = undefined

  /** @internal Use `connect`. */
  constructor(parts: NetworkParts) {
    const { backend, random, clock, link, policy } = parts
    this.parts = parts
    this.clock = clock
    this.identity = parts.identity ?? createIdentity({ backend, random })
    this.peerId = this.identity.peerId
    const { deadAfter = DEAD_AFTER, relay = 'auto' } = parts
    this.carrier = new Carrier({ datagrams: link, isHidden: relay === 'always' })
    const endpoint = new Endpoint({
      identity: this.identity,
      backend,
      random,
      policy,
      acceptSession: (peerId) => this.acceptsSession(peerId),
      deadAfter,
      keepaliveInterval: deadAfter / TRIES_BEFORE_LOST,
    })
    const onEvent = (event: EndpointEvent): void => this.handle(event)
    this.driver = new Driver({ endpoint, link: this.carrier, clock, onEvent, onError: (error) => this.onError(error) })
    const { openStream, lookUp } = parts
    const asAddresses = (hosts: readonly string[]): Address[] => {
      const addresses = link === undefined ? [] : hosts.map((host) => Address.from(host, parts.url.port))
      this.carrier.allow(addresses)
      return addresses
    }
    this.introducer = new IntroducerClient({
      url: parts.url,
      candidates: asAddresses(parts.hosts),
      localAddresses: this.carrier.addresses,
      openStream: openStream === undefined ? undefined : async () => this.carrier.useStream(await openStream()),
      lookUp: lookUp === undefined ? undefined : async () => asAddresses(await lookUp()),
      isNeeded: () => this.reach.isRelayed,
      endpoint,
      clock,
      relay,
      kick: () => this.driver.kick(),
    })
    this.reach = new Reach({
      endpoint,
      carrier: this.carrier,
      clock,
      introducer: this.introducer,
      deadAfter,
      sessions: this.sessions,
      isMember: (peerId) => this.isMember(peerId),
      kick: () => this.kick(),
    })
    this.introducer.on('joined', (roomId, member, contact) => {
      this.byId.get(roomId)?.addMember(member)
      if (contact !== undefined && this.isMember(member.peerId)) this.reach.welcome(member.peerId, contact)
    })
    this.introducer.on('left', (roomId, peerId) => this.byId.get(roomId)?.memberLeft(peerId))
  }

  get stats(): NetworkStats {
    const { stats, sessionCount } = this.driver.endpoint
    return {
      rooms: this.byId.size,
      sessions: sessionCount,
      datagramsSent: stats.datagramsSent,
      datagramsReceived: stats.datagramsReceived,
      drops: stats.drops,
    }
  }

  /** The rooms of a game that are listed. @throws AltostratusError `INTRODUCER_LOST`, `INTRODUCER_TIMEOUT`, `RATE_LIMITED` */
  rooms(game: Game): Promise<RoomListing[]> {
    return this.introducer.list(game.name, game.protocol)
  }

  /** Makes a room, with this player as its host. @throws AltostratusError `BAD_VALUE`, `TOO_MANY_ROOMS`, `INTRODUCER_LOST`, `INTRODUCER_TIMEOUT`, `RATE_LIMITED` */
  async create<G extends Game>(game: G, options: CreateOptions = {}): Promise<Room<G>> {
    const { capacity = DEFAULT_CAPACITY, listed = false, properties = {}, profile = {} } = options
    checked('capacity', () => {
      if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_CAPACITY) throw new DecodeError(`not from 1 to ${MAX_CAPACITY}`)
    })
    checked('properties', () => asProperties(properties))
    checked('profile', () => asProfile(profile))
    const ticket = await this.introducer.create({ game: game.name, protocol: game.protocol, capacity, listed, properties }, profile)
    const room = this.enter(new Room(this, game, ticket))
    room.deliverSoon()
    return room
  }

  /**
   * Joins a room. Resolves when messages can be sent to everyone in it.
   * @throws AltostratusError `ROOM_NOT_FOUND`, `ROOM_FULL`, `GAME_MISMATCH`, `PROTOCOL_MISMATCH`, `PEER_UNREACHABLE`, `ALREADY_JOINED`,
   * `INTRODUCER_LOST`, `INTRODUCER_TIMEOUT`, `RATE_LIMITED`
   */
  async join<G extends Game>(game: G, options: JoinOptions): Promise<Room<G>> {
    const { code, profile = {}, timeout = JOIN_TIMEOUT } = options
    checked('profile', () => asProfile(profile))
    const normal = code.trim().toUpperCase()
    if (!CODE.test(normal)) {
      throw new AltostratusError('ROOM_NOT_FOUND', `No room has the code ${JSON.stringify(code)}.`, {
        hint: `Codes have ${CODE_LENGTH} letters and digits, such as KFQ7B.`,
      })
    }
    const ticket = await this.joining(this.introducer.join(game.name, game.protocol, normal, profile))
    if (this.byId.has(ticket.roomId)) throw new AltostratusError('ALREADY_JOINED', `This player is in the room ${normal} already.`)
    const room = this.enter(new Room(this, game, ticket))
    // Some of them may have opened a session already.
    for (const peer of room.seats) this.memberAdded(room as unknown as Room, peer)
    for (const peer of room.earlierMembers) this.await(peer, ticket.contacts?.get(peer.id), timeout)
    try {
      await room.waitForMembers(timeout)
    } catch (error) {
      await room.leave()
      throw error
    }
    room.deliverSoon()
    return room
  }

  /** Leaves all rooms and ends. May be called again. */
  close(): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  /** @internal Another one introduces from now on. */
  relocate(url: IntroducerUrl, hosts: readonly string[]): void {
    const candidates = hosts.map((host) => Address.from(host, url.port))
    this.carrier.allow(candidates)
    this.introducer.relocate(url, candidates)
  }

  /** @internal */
  kick(): void {
    this.driver.kick()
  }

  /** @internal */
  onError(error: unknown): void {
    if (this.parts.onError !== undefined) this.parts.onError(error)
    else
      this.clock.defer(() => {
        throw error
      })
  }

  /** @internal */
  memberAdded(room: Room, peer: Peer): void {
    const session = this.sessions.get(peer.id)
    const waiting = this.unannounced.get(peer.id)
    this.unannounced.delete(peer.id)
    if (session?.state !== 'open') return
    room.sessionOpened(peer.id, session)
    for (const { flow, roomId, name } of waiting?.flows ?? []) {
      this.routeFlow(peer.id, flow, roomId, name)
    }
    this.kick()
  }

  /** @internal A room has no more use for a session; the last one closes it. */
  releasePeer(room: Room, peer: Peer): void {
    for (const other of this.byId.values()) if (other !== room && other.hasMember(peer.id)) return
    this.reach.forget(peer.id)
    const session = this.sessions.get(peer.id)
    if (session === undefined) return
    this.sessions.delete(peer.id)
    session.close(this.clock.now())
    this.kick()
  }

  /** @internal */
  roomClosed(room: Room): void {
    this.byId.delete(room.id)
  }

  private async shutDown(): Promise<void> {
    for (const room of this.byId.values()) room.shut()
    this.reach.close()
    this.introducer.close()
    await this.driver.close()
    await this.parts.onClose?.()
  }

  private enter<G extends Game>(room: Room<G>): Room<G> {
    this.byId.set(room.id, room as unknown as Room)
    return room
  }

  /** Sees to it that there is a session with a member that was there before this peer. */
  private await(peer: Peer, contact: Contact | undefined, timeout: number): void {
    const existing = this.sessions.get(peer.id)
    if (existing?.state === 'open') for (const room of this.byId.values()) room.sessionOpened(peer.id, existing)
    else this.reach.await(peer.id, contact, timeout)
  }

  /** Members may be faster in opening a session than the introducer's answer. */
  private async joining<T>(ticket: Promise<T>): Promise<T> {
    this.joins++
    try {
      return await ticket
    } finally {
      this.joins--
    }
  }

  private isMember(peerId: string): boolean {
    for (const room of this.byId.values()) if (room.hasMember(peerId)) return true
    return false
  }

  private acceptsSession(peerId: string): boolean {
    return (
      this.isMember(peerId) || ((this.byId.size > 0 || this.joins > 0) && this.unannounced.size + this.unconfirmed.size < MAX_UNANNOUNCED)
    )
  }

  private handle(event: EndpointEvent): void {
    if (this.introducer.handle(event)) {
      this.carrier.introducer = this.introducer.address ?? this.carrier.introducer
      return
    }
    if (event.session.isConfirmed && this.unconfirmed.delete(event.session) && event.session.state === 'open')
      this.sessionOpened(event.session)
    switch (event.type) {
      case 'session-open':
        if (!event.session.isConfirmed) this.unconfirmed.add(event.session)
        if (event.session.isConfirmed || this.isFirst(event.session)) this.sessionOpened(event.session)
        break
      case 'session-failed':
        this.sessionFailed(event.session)
        break
      case 'session-silent':
        this.reach.silent(event.session)
        break
      case 'session-moved':
        for (const room of this.byId.values()) room.sessionMoved(event.session)
        break
      case 'session-closed':
        this.forgetSession(event.session)
        for (const room of this.byId.values()) room.sessionEnded(event.session, event.reason)
        break
      case 'flow-open':
        this.flowOpened(event.session, event.flow)
        break
      case 'message':
        this.receive(event.flow, event.data)
        break
      case 'flow-writable':
        if (event.flow.context !== this.introducer) (event.flow.context as Stream | undefined)?.writable()
        break
      default:
    }
  }

  private sessionOpened(session: Session): void {
    const peerId = session.farPeerId
    const before = this.sessions.get(peerId)
    this.sessions.set(peerId, session)
    if (before !== undefined && before !== session) before.close(this.clock.now())
    this.reach.opened(session)
    if (this.isMember(peerId)) for (const room of this.byId.values()) room.sessionOpened(peerId, session)
    else this.holdUnannounced(peerId, session)
  }

  /** A member whose session is the only one with it is greeted before it has shown that it holds the keys: what is sent can only be read with them. */
  private isFirst({ farPeerId }: Session): boolean {
    return this.isMember(farPeerId) && this.sessions.get(farPeerId)?.state !== 'open'
  }

  /** The peer may have been faster than the introducer's word of it; it has a moment, and nothing of what it sends is delivered. */
  private holdUnannounced(peerId: string, session: Session): void {
    this.unannounced.set(peerId, { session, flows: [] })
    this.clock.at(this.clock.now() + ANNOUNCEMENT_GRACE, () => {
      if (this.unannounced.get(peerId)?.session !== session) return
      this.unannounced.delete(peerId)
      if (this.sessions.get(peerId) === session) this.sessions.delete(peerId)
      session.close(this.clock.now())
      this.kick()
    })
  }

  private sessionFailed(session: Session): void {
    for (const [peerId, known] of this.sessions) if (known === session) this.sessions.delete(peerId)
  }

  private forgetSession(session: Session): void {
    this.unconfirmed.delete(session)
    const peerId = session.farPeerId
    if (this.sessions.get(peerId) === session) this.sessions.delete(peerId)
    if (this.unannounced.get(peerId)?.session === session) this.unannounced.delete(peerId)
  }

  private flowOpened(session: Session, flow: ReceiveFlow): void {
    const address = addressOf(flow.metadata)
    if (address === undefined) {
      flow.reject()
      return
    }
    const { roomId, name } = address
    const waiting = this.unannounced.get(session.farPeerId)
    const room = this.byId.get(roomId)
    if (waiting !== undefined || (room !== undefined && !room.hasMember(session.farPeerId))) {
      // Held back until the introducer has announced the peer for that room.
      flow.suspend()
      const held = waiting ?? { session, flows: [] }
      if (held.flows.length >= MAX_UNANNOUNCED) flow.reject()
      else held.flows.push({ flow, roomId, name })
      if (waiting === undefined) this.unannounced.set(session.farPeerId, held)
      return
    }
    this.routeFlow(session.farPeerId, flow, roomId, name)
  }

  private routeFlow(peerId: string, flow: ReceiveFlow, roomId: string, name: string | undefined): void {
    if (this.byId.get(roomId)?.acceptFlow(peerId, flow, name) !== true) flow.reject()
  }

  private receive(flow: ReceiveFlow, data: Uint8Array): void {
    const context = flow.context as FlowContext | undefined
    if (context === undefined) return
    if (context.stream !== undefined) {
      context.room.receiveMessage(context.peer, context.stream, data)
      return
    }
    try {
      context.room.receiveControl(context.peer, unpack(data))
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      flow.reject()
    }
  }
}

/** The room and channel that a flow's metadata names; no channel for the control flow. `docs/protocol.md`. */
function addressOf(metadata: Uint8Array): { readonly roomId: string; readonly name: string | undefined } | undefined {
  let fields: unknown
  try {
    fields = unpack(metadata)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
  if (!Array.isArray(fields)) return undefined
  const [kind, roomId, name] = fields as unknown[]
  if (typeof roomId !== 'string') return undefined
  if (kind === CONTROL_FLOW && fields.length === 2) return { roomId, name: undefined }
  if (kind === CHANNEL_FLOW && fields.length === 3 && typeof name === 'string') return { roomId, name }
  return undefined
}

/** Turns a decoder's complaint about the application's own value into an error that names it. */
function checked(what: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw new AltostratusError('BAD_VALUE', `The ${what} can not be used: ${error.reason}.`)
  }
}
