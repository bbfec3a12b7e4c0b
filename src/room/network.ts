import { Address } from '../base/address.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { createIdentity } from '../crypto/identity.ts'
import type { Identity } from '../crypto/identity.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import { IntroducerClient } from '../introducer/client.ts'
import { CODE_ALPHABET, CODE_LENGTH, DEFAULT_CAPACITY, DEFAULT_SPECTATORS, MAX_CAPACITY, MAX_SPECTATORS } from '../introducer/constants.ts'
import { unpack } from '../introducer/packing.ts'
import { asList, asPeerId, asProfile, asProperties, asWhere } from '../introducer/protocol.ts'
import type {
  Condition,
  Contact,
  Profile,
  Properties,
  RelayUse,
  RoomListing,
  RoomSettings,
  Standing,
  Ticket,
  Where,
} from '../introducer/protocol.ts'
import type { IntroducerUrl } from '../introducer/url.ts'
import { Carrier } from '../link/carrier.ts'
import type { Clock, Timer } from '../link/clock.ts'
import { Driver } from '../link/driver.ts'
import type { Link, PortMapping } from '../link/link.ts'
import { Endpoint } from '../rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { CloseReason, EndpointEvent, Session } from '../rtmfp/session.ts'
import { Applicant } from './applicant.ts'
import type { Application } from './applicant.ts'
import { checked } from './checked.ts'
import {
  ADDRESS_CHECK,
  ANNOUNCEMENT_GRACE,
  AWAY_AFTER,
  CHANNEL_FLOW,
  CONTROL_FLOW,
  FORWARDED_FLOW,
  FORWARD_FLOW,
  JOIN_TIMEOUT,
  MAX_GRACE,
  MAX_RESERVED,
  MAX_UNANNOUNCED,
  OPEN_PATIENCE,
  PINGS_BEFORE_AWAY,
  SEAT_GRACE,
} from './constants.ts'
import { RoomCore } from './core.ts'
import type { RoomNetwork } from './core.ts'
import type { Game } from './definition.ts'
import type { RoomRules, TopologyRule } from './membership.ts'
import { Reach } from './reach.ts'
import { Room, makePassword, seatKey } from './room.ts'
import type { RoomFacts } from './room.ts'
import { routerOf } from './router.ts'
import type { FlowAddress } from './router.ts'
import type { Stream } from './stream.ts'

/** What a network is made of; `connect` and the simulator put it together. */
export interface NetworkParts {
  /** What carries datagrams; nothing where there is no UDP. */
  readonly link: Link | undefined
  /** Opens a stream to the introducer, such as a WebSocket. */
  readonly openStream?: (() => Promise<Link>) | undefined
  /** Has a router lead a port of its own to this end's. */
  readonly mapPort?: ((port: number, onChange: (address: Address) => void) => Promise<PortMapping>) | undefined
  /** Whether the addresses of the link may change. */
  readonly watchesAddresses?: boolean
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
  /** A peer that is silent for this many milliseconds is away; 2,000 by default. */
  readonly deadAfter?: number | undefined
  /** Whether other players are reached by way of the introducer; `auto` by default. */
  readonly relay?: RelayUse | undefined
  /** Takes what a game's listeners throw; by default it is thrown again where the process sees it. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** What has become of the wish for a port of the router (`portMapping`). */
export type PortMappingState =
  /** It was not asked for, or nobody may come straight (`relay: 'always'`). */
  | { readonly state: 'off' }
  | { readonly state: 'asking' }
  /** Who sends to `address` reaches this player. */
  | { readonly state: 'mapped'; readonly protocol: 'PCP' | 'NAT-PMP' | 'UPnP'; readonly address: string }
  /** The error says what became of each protocol. Nothing else suffers. */
  | { readonly state: 'failed'; readonly error: AltostratusError }

/** How a new room is to be. */
export interface CreateOptions {
  /** Players at most, 1 to 64; 8 by default. */
  readonly capacity?: number
  /** Spectators at most, 0 to 32; 8 by default. */
  readonly spectators?: number
  /** Whether `rooms` and `quickMatch` find it; not by default: who has the code comes in. */
  readonly listed?: boolean
  /** Public properties, by which others choose. */
  readonly properties?: Properties
  /** Properties that members alone can read. */
  readonly privateProperties?: Properties
  /** What newcomers have to know, 1 to 128 characters, before they are told any address. It is never sent; the members get what it is checked by. */
  readonly password?: string
  /** Peer IDs for which a seat is kept; see {@link Room.reserve}. */
  readonly reserved?: readonly string[]
  /** `mesh`, `star`, or by the number of members (`auto`, the default): a star above eight. */
  readonly topology?: TopologyRule
  /** How long the seat of a member that has fallen silent is kept, milliseconds; 30,000 by default. */
  readonly grace?: number
  /** What this player tells of themselves; at most 1 KiB. */
  readonly profile?: Profile
}

/** Which room to join, and how. */
export interface JoinOptions {
  /** The room's code, in either case, with or without blanks around. */
  readonly code: string
  readonly profile?: Profile
  /** Receive everything, send nothing, take no player's place. */
  readonly spectator?: boolean
  /** When the room asks for one. */
  readonly password?: string
  /** What {@link Room.reserve} gave. */
  readonly seat?: string
  /** Give up after so many milliseconds; 10,000 by default. */
  readonly timeout?: number
}

/** Which rooms to list. */
export interface RoomsOptions {
  /** Conditions by property. */
  readonly where?: Where
  /** Only rooms that have a place free, no lock and no password. */
  readonly open?: boolean
}

/** How near a number has to be: at first `within`, then ever further, `widen` more each second. */
export interface Near {
  readonly near: number
  readonly within: number
  /** By default it is not widened. */
  readonly widen?: number
}

/** How to find players. */
export interface QuickMatchOptions extends Omit<CreateOptions, 'listed' | 'password'> {
  /** What the room has to be like. A number that is to be near another becomes a property of the room that is made when none is found. */
  readonly where?: Readonly<Record<string, Condition | Near>>
  /** How long to look while the conditions widen, before a room is made; 3,000 ms by default, nothing when none of them does. */
  readonly patience?: number
  /** Give up joining after so many milliseconds; 10,000 by default. */
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

const CODE = new RegExp(`^[${CODE_ALPHABET}]{${CODE_LENGTH}}$`)
/** How often rooms are looked for while the conditions widen; two seekers of one moment must not both make a room. Milliseconds. */
const MATCH_INTERVAL = 500
const MATCH_PATIENCE = 3_000

/** Where what comes from peers goes: a room, or who wants to get into one. */
type Place = RoomCore | Applicant

/** This player's place in the network: one endpoint, one introducer, any number of rooms. */
export class Network implements RoomNetwork {
  /** This player's fingerprint, 64 hexadecimal digits: what others know them by. */
  readonly peerId: string
  /** Keep `identity.export()` to be the same player next time. */
  readonly identity: Identity
  /** @internal */
  readonly clock: Clock
  /** @internal */
  readonly introducer: IntroducerClient
  /** @internal */
  readonly awayAfter: number
  private readonly driver: Driver
  private readonly carrier: Carrier
  private readonly reach: Reach
  private readonly parts: NetworkParts
  private readonly places = new Map<string, Place>()
  private readonly sessions = new Map<string, Session>()
  /** Sessions whose far end has yet to show that it holds the keys; they displace nothing until it does. */
  private readonly unconfirmed = new Set<Session>()
  /** Sessions with peers that have no seat in any room, yet. */
  private readonly strangers = new Set<Session>()
  /** How those are reached who have been announced for a room, and not let in yet. */
  private readonly guests = new Map<string, Contact>()
  /** Requests to join that wait for their answer. */
  private joins = 0
  private mapping: PortMappingState = { state: 'off' }
  private mappedPort: PortMapping | undefined = undefined
  private mappedAddress: Address | undefined = undefined
  /** What the introducer was told. */
  private ownAddresses: readonly Address[] = []
  private addressTimer: Timer | undefined = undefined
  private closing: Promise<void> | undefined = undefined

  /** @internal Use `connect`. */
  constructor(parts: NetworkParts) {
    const { backend, random, clock, link, policy } = parts
    this.parts = parts
    this.clock = clock
    this.identity = parts.identity ?? createIdentity({ backend, random })
    this.peerId = this.identity.peerId
    this.awayAfter = parts.deadAfter ?? AWAY_AFTER
    const { relay = 'auto' } = parts
    this.carrier = new Carrier({ datagrams: link, isHidden: relay === 'always' })
    const endpoint = new Endpoint({
      identity: this.identity,
      backend,
      random,
      policy,
      acceptSession: (peerId) => this.acceptsSession(peerId),
      keepaliveInterval: this.awayAfter / PINGS_BEFORE_AWAY,
      // Who comes back in time finds the session as it was, and all that is reliable in it.
      deadAfter: this.awayAfter + SEAT_GRACE,
    })
    const onEvent = (event: EndpointEvent): void => this.handle(event)
    this.driver = new Driver({ endpoint, link: this.carrier, clock, onEvent, onError: (error) => this.onError(error) })
    this.ownAddresses = this.carrier.addresses
    const { openStream, lookUp } = parts
    const asAddresses = (hosts: readonly string[]): Address[] => {
      const addresses = link === undefined ? [] : hosts.map((host) => Address.from(host, parts.url.port))
      this.carrier.allow(addresses)
      return addresses
    }
    this.introducer = new IntroducerClient({
      url: parts.url,
      candidates: asAddresses(parts.hosts),
      localAddresses: this.ownAddresses,
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
      deadAfter: this.awayAfter,
      sessions: this.sessions,
      isMember: (peerId) => this.isMember(peerId) || this.isWanted(peerId),
      kick: () => this.kick(),
    })
    this.introducer.on('joined', (roomId, { peerId }, contact, isGuest) => this.guestAnnounced(roomId, peerId, contact, isGuest))
    this.introducer.on('left', (roomId, peerId) => this.guestGone(roomId, peerId))
    this.introducer.on('contact', (peerId, contact) => {
      for (const place of this.places.values()) if (place instanceof Applicant) place.contactTold(peerId, contact)
    })
    this.introducer.on('standing', (roomId, standing) => this.places.get(roomId)?.standingTold(standing))
    if (parts.watchesAddresses === true) this.watchAddresses()
    if (parts.mapPort !== undefined && relay !== 'always') this.mapPort(parts.mapPort)
  }

  /** Whether a router has been asked for a port, and what it said. */
  get portMapping(): PortMappingState {
    return this.mapping
  }

  get stats(): NetworkStats {
    const { stats, sessionCount } = this.driver.endpoint
    return {
      rooms: this.places.size,
      sessions: sessionCount,
      datagramsSent: stats.datagramsSent,
      datagramsReceived: stats.datagramsReceived,
      drops: stats.drops,
    }
  }

  /** The rooms of a game that are listed. @throws AltostratusError `BAD_VALUE`, `INTRODUCER_LOST`, `INTRODUCER_TIMEOUT`, `RATE_LIMITED` */
  async rooms(game: Game, { where = {}, open = false }: RoomsOptions = {}): Promise<RoomListing[]> {
    checked('conditions', () => asWhere(where))
    return this.introducer.list(game.name, game.protocol, where, open ? true : undefined)
  }

  /** Makes a room, with this player as its host. @throws AltostratusError `BAD_VALUE`, `TOO_MANY_ROOMS`, `INTRODUCER_LOST`, `INTRODUCER_TIMEOUT`, `RATE_LIMITED` */
  async create<G extends Game>(game: G, options: CreateOptions = {}): Promise<Room<G>> {
    const rules = this.rulesOf(options)
    const { profile = {} } = options
    checked('profile', () => asProfile(profile))
    const ticket = await this.introducer.create(settingsOf(game, rules, options.listed ?? false), profile)
    return this.found(game, ticket, rules)
  }

  /**
   * Joins a room. Resolves when messages can be sent to everyone in it.
   * @throws AltostratusError `ROOM_NOT_FOUND`, `ROOM_FULL`, `ROOM_LOCKED`, `BANNED`, `PASSWORD_REQUIRED`, `WRONG_PASSWORD`, `GAME_MISMATCH`,
   * `PROTOCOL_MISMATCH`, `PEER_UNREACHABLE`, `RELAY_REFUSED`, `ALREADY_JOINED`, `TOO_MANY_ROOMS`, `INTRODUCER_LOST`, `INTRODUCER_TIMEOUT`, `RATE_LIMITED`
   */
  async join<G extends Game>(game: G, options: JoinOptions): Promise<Room<G>> {
    const { code, profile = {}, timeout = JOIN_TIMEOUT, spectator = false } = options
    checked('profile', () => asProfile(profile))
    const normal = code.trim().toUpperCase()
    if (!CODE.test(normal)) {
      throw new AltostratusError('ROOM_NOT_FOUND', `No room has the code ${JSON.stringify(code)}.`, {
        hint: `Codes have ${CODE_LENGTH} letters and digits, such as KFQ7B.`,
      })
    }
    const ask = (): Promise<Ticket> => this.introducer.join(game.name, game.protocol, normal, profile, spectator ? true : undefined)
    const ticket = await this.joining(ask())
    if (this.places.has(ticket.roomId)) throw new AltostratusError('ALREADY_JOINED', `This player is in the room ${normal} already.`)
    const { password, seat } = options
    const application = {
      profile,
      spectator,
      password,
      seat: seat === undefined ? undefined : seatKey(this.backend, seat),
      timeout,
    }
    return this.apply(game, ticket, application, ask)
  }

  /**
   * Finds a room with players who look for the same, or makes one. While conditions widen it looks again and again.
   * @throws AltostratusError as `join` and `create` do
   */
  async quickMatch<G extends Game>(game: G, options: QuickMatchOptions = {}): Promise<Room<G>> {
    const { where = {}, profile = {}, timeout = JOIN_TIMEOUT } = options
    const conditions = Object.entries(where)
    const nears = conditions.filter((entry): entry is [string, Near] => isNear(entry[1]))
    const sought = Object.fromEntries(nears.map(([name, { near }]) => [name, near]))
    const equal = conditions.filter((entry): entry is [string, string | number | boolean] => typeof entry[1] !== 'object')
    const rules = this.rulesOf({ ...options, properties: { ...Object.fromEntries(equal), ...sought, ...options.properties } })
    checked('profile', () => asProfile(profile))
    const widens = nears.some(([, { widen = 0 }]) => widen > 0)
    const patience = options.patience ?? (widens ? MATCH_PATIENCE : 0)
    const began = this.clock.now()
    for (;;) {
      const waited = this.clock.now() - began
      const isLast = waited >= patience
      const now = Object.fromEntries(conditions.map(([name, condition]) => [name, conditionAfter(condition, waited)]))
      checked('conditions', () => asWhere(now))
      try {
        const settings = isLast ? settingsOf(game, rules, true) : undefined
        const ticket = await this.joining(this.introducer.match(game.name, game.protocol, now, profile, settings))
        if (ticket.host === this.peerId && ticket.members.length === 1) return this.found(game, ticket, rules)
        const application = { profile, spectator: false, password: undefined, seat: undefined, timeout }
        return await this.apply(game, ticket, application, () => Promise.resolve(ticket))
      } catch (error) {
        if (!(error instanceof AltostratusError) || !PASSING.has(error.code) || (isLast && waited >= patience + timeout)) throw error
      }
      await new Promise<void>((resolve) => this.clock.at(this.clock.now() + MATCH_INTERVAL, resolve))
    }
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

  // RoomNetwork

  /** @internal */
  get backend(): CryptoBackend {
    return this.parts.backend
  }

  /** @internal */
  get random(): Random {
    return this.parts.random
  }

  /** @internal */
  get hasIntroducer(): boolean {
    return this.introducer.state === 'connected'
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
  sessionWith(peerId: string): Session | undefined {
    return this.sessions.get(peerId)
  }

  /** @internal Opens a session, unless there is one. */
  connectTo(peerId: string): void {
    if (peerId !== this.peerId) this.awaitSession(peerId, undefined)
  }

  /** @internal */
  awaitSession(peerId: string, contact: Contact | undefined): void {
    // It may have been faster than the introducer's word that it would.
    for (const session of this.unconfirmed) {
      if (session.farPeerId !== peerId || session.state !== 'open' || !this.isFirst(session)) continue
      this.sessionOpened(session)
      return
    }
    this.reach.await(peerId, contact, OPEN_PATIENCE)
  }

  /** @internal A member was let in: it is opened to by the invitation that it has handed in. */
  welcome(peerId: string): void {
    const contact = this.guests.get(peerId)
    this.guests.delete(peerId)
    if (contact !== undefined) this.reach.welcome(peerId, contact)
  }

  /** @internal */
  giveUp(session: Session): void {
    const peerId = session.farPeerId
    if (this.sessions.get(peerId) === session) this.sessions.delete(peerId)
    for (const place of this.places.values()) place.sessionEnded(peerId, session, 'dead')
    session.abandon()
    this.kick()
  }

  /** @internal A room has no more use for a session; the last one closes it. */
  releasePeer(room: RoomCore, peerId: string, isUnheard = false): void {
    for (const place of this.places.values()) if (place !== room && place.hasSeat(peerId)) return
    if (!room.hasSeat(peerId)) this.reach.forget(peerId)
    const session = this.sessions.get(peerId)
    if (session === undefined) return
    this.sessions.delete(peerId)
    // Who can't be heard, and hears, would take it for a farewell.
    if (isUnheard) session.abandon()
    else session.close(this.clock.now())
    for (const place of this.places.values()) place.sessionEnded(peerId, session, 'near')
    this.kick()
  }

  /** @internal */
  isExcused(session: Session | undefined): boolean {
    return session !== undefined && this.reach.isExcused(session)
  }

  /** @internal */
  async claim(roomId: string, base: number, epoch: number): Promise<Standing | undefined> {
    if (!this.hasIntroducer) return undefined
    try {
      return await this.introducer.claim(roomId, base, epoch)
    } catch (error) {
      // The other side of a partition has given this end up for lost, and said so: it has to get in again. So has one whose host died before it could say that it was in.
      if (error instanceof AltostratusError && OUTSIDE.has(error.code)) this.introducer.retake(roomId)
      return undefined
    }
  }

  /** @internal */
  note(roomId: string, standing: Standing, order: number): void {
    this.introducer.note(roomId, { ...standing, order })
  }

  /** @internal What members have agreed does not depend on the introducer: it hears of it when it can. */
  publish(roomId: string, { properties, isLocked, bans }: RoomRules): Promise<boolean> {
    return settled(this.introducer.update(roomId, properties, isLocked ? true : undefined, bans.length > 0 ? true : undefined))
  }

  /** @internal */
  admit(roomId: string, peerId: string): Promise<boolean> {
    return settled(this.introducer.admit(roomId, peerId))
  }

  /** @internal */
  keyOf(roomId: string): Uint8Array | undefined {
    return this.introducer.keyOf(roomId)
  }

  /** @internal */
  evict(roomId: string, peerId: string): void {
    this.introducer.evict(roomId, peerId).catch(() => {})
  }

  /** @internal */
  async leave(roomId: string): Promise<void> {
    await this.introducer.leave(roomId).catch(() => {})
  }

  /** @internal */
  roomClosed(room: RoomCore): void {
    this.places.delete(room.id)
    void this.leave(room.id)
  }

  private async shutDown(): Promise<void> {
    for (const place of this.places.values()) place.shut('left')
    this.addressTimer?.cancel()
    this.reach.close()
    this.introducer.close()
    // What was said in parting goes out first.
    await new Promise<void>((resolve) => this.clock.defer(resolve))
    await Promise.all([this.driver.close(), this.mappedPort?.close()])
    await this.parts.onClose?.()
  }

  private mapPort(open: NonNullable<NetworkParts['mapPort']>): void {
    const port = this.carrier.addresses[0]?.port
    if (port === undefined) return
    this.mapping = { state: 'asking' }
    const mapped = ({ protocol }: PortMapping, address: Address): void => {
      this.mapping = { state: 'mapped', protocol, address: address.key }
      this.mappedAddress = address
      this.addressesChanged()
    }
    open(port, (address) => {
      if (this.mappedPort !== undefined) mapped(this.mappedPort, address)
    }).then(
      (mapping) => {
        // It came too late.
        if (this.closing !== undefined) void mapping.close()
        else {
          this.mappedPort = mapping
          mapped(mapping, mapping.address)
        }
      },
      (error: unknown) => {
        if (!(error instanceof AltostratusError)) this.onError(error)
        else this.mapping = { state: 'failed', error }
      },
    )
  }

  /** A cable is plugged in, another Wi-Fi is joined: the system does not tell. */
  private watchAddresses(): void {
    this.addressTimer = this.clock.at(this.clock.now() + ADDRESS_CHECK, () => {
      this.addressesChanged()
      this.watchAddresses()
    })
  }

  private addressesChanged(): void {
    const before = this.ownAddresses
    const mapped = this.mappedAddress === undefined ? [] : [this.mappedAddress]
    const now = [...mapped, ...this.carrier.addresses]
    if (now.length === before.length && now.every((address, i) => address.equals(before[i] as Address))) return
    this.ownAddresses = now
    this.introducer.announce(now)
    // Sessions that went out by an address that is gone are seen elsewhere at once, not when they fall silent.
    if (before.some((address) => !now.some((other) => other.equals(address)))) this.driver.endpoint.nearAddressChanged(this.clock.now())
    this.kick()
  }

  private rulesOf(options: CreateOptions): RoomRules {
    const { capacity = DEFAULT_CAPACITY, spectators = DEFAULT_SPECTATORS, properties = {}, privateProperties = {} } = options
    const { topology = 'auto', grace = SEAT_GRACE, reserved = [] } = options
    const whole = (what: string, value: number, least: number, most: number): void =>
      checked(what, () => {
        if (!Number.isInteger(value) || value < least || value > most) throw new DecodeError(`not a whole number from ${least} to ${most}`)
      })
    whole('capacity', capacity, 1, MAX_CAPACITY)
    whole('number of spectators', spectators, 0, MAX_SPECTATORS)
    whole('grace time', grace, 0, MAX_GRACE)
    checked('properties', () => asProperties(properties))
    checked('private properties', () => asProperties(privateProperties))
    checked('reserved seats', () => asList(reserved, MAX_RESERVED).forEach(asPeerId))
    const password = makePassword(this, options.password)
    return { capacity, spectators, isLocked: false, topology, grace, properties, privateProperties, password, reserved, bans: [] }
  }

  /** A room that was just made, with this end alone in it. */
  private found<G extends Game>(game: G, ticket: Ticket, rules: RoomRules): Room<G> {
    const { epoch, host, self } = ticket
    const seat = { peerId: self.peerId, order: self.order, profile: self.profile, isSpectator: false, isAway: false }
    const isStar = rules.topology === 'star'
    const snapshot = {
      epoch,
      host,
      began: epoch,
      version: 0,
      nextOrder: self.order + 1,
      seats: [seat],
      rules,
      electorate: [self.peerId],
      isStar,
    }
    const room = new Room(this, game, factsOf(ticket), snapshot)
    this.places.set(room.id, room.core)
    room.core.deliverSoon()
    return room
  }

  private async apply<G extends Game>(game: G, ticket: Ticket, application: Application, refresh: () => Promise<Ticket>): Promise<Room<G>> {
    const applicant = new Applicant(this, game, ticket, application, refresh)
    const { roomId } = ticket
    this.places.set(roomId, applicant)
    try {
      const { snapshot, states, entry, key } = await applicant.ask()
      if (key !== undefined) this.introducer.keepKey(roomId, key)
      const room = new Room(this, game, factsOf(ticket), snapshot, { ...entry, states })
      this.places.set(roomId, room.core)
      this.note(roomId, snapshot, room.self.order)
      for (const peer of room.core.peers.values()) {
        // Who came as a stranger is told in a moment where they are, and they where it is.
        const contact = applicant.contacts.get(peer.id) ?? (ticket.key === undefined ? NOWHERE : undefined)
        if (peer.session === undefined) this.awaitSession(peer.id, contact)
      }
      for (const session of applicant.greetings) room.core.greetedOn(session)
      for (const { peerId, session, flow, address } of applicant.takeFlows()) {
        if (!room.core.flowOpened(peerId, session, flow, address)) flow.reject()
      }
      await room.core.whenReachable()
      if (!room.isOpen) throw new AltostratusError('ROOM_CLOSED', 'The room was left before it was joined.')
      room.core.deliverSoon()
      return room
    } catch (error) {
      if (this.places.get(roomId) === applicant) {
        this.places.delete(roomId)
        if (ticket.key === undefined) this.turnedAway(applicant)
      }
      await this.leave(roomId)
      throw error
    }
  }

  /** The relay path to the host ends with the place: who tries again at once must not wait for a session on it. */
  private turnedAway({ hostId }: Applicant): void {
    const session = this.sessions.get(hostId)
    if (this.isMember(hostId) || session === undefined) return
    this.reach.forget(hostId)
    this.sessions.delete(hostId)
    session.close(this.clock.now())
    this.kick()
  }

  /** Somebody has the room's code. The host opens to it, to be asked for a seat; the others when the host has let it in. */
  private guestAnnounced(roomId: string, peerId: string, contact: Contact | undefined, isHidden: boolean): void {
    const place = this.places.get(roomId)
    if (!(place instanceof RoomCore)) return
    if (isHidden) place.duties.ask(peerId)
    if (place.isHost) place.duties.expect(peerId, isHidden)
    if (contact === undefined) return
    const [oldest] = this.guests.keys()
    if (this.guests.size >= MAX_UNANNOUNCED) this.guests.delete(oldest as string)
    this.guests.set(peerId, contact)
    if (place.isHost || place.hasSeat(peerId)) this.welcome(peerId)
  }

  private guestGone(roomId: string, peerId: string): void {
    this.guests.delete(peerId)
    const place = this.places.get(roomId)
    if (place instanceof RoomCore) place.duties.forget(peerId)
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

  /** A peer whose session is the only one with it is greeted before it has shown that it holds the keys: what is sent can only be read with them. */
  private isFirst({ farPeerId }: Session): boolean {
    return (this.isMember(farPeerId) || this.isWanted(farPeerId)) && this.sessions.get(farPeerId)?.state !== 'open'
  }

  private isWanted(peerId: string): boolean {
    for (const place of this.places.values()) if (place.isWanted(peerId)) return true
    return false
  }

  private isMember(peerId: string): boolean {
    for (const place of this.places.values()) if (place.hasSeat(peerId)) return true
    return false
  }

  private acceptsSession(peerId: string): boolean {
    const expects = this.places.size > 0 || this.joins > 0
    return this.isMember(peerId) || (expects && this.strangers.size + this.unconfirmed.size < MAX_UNANNOUNCED)
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
        if (this.addressTimer !== undefined) this.addressesChanged()
        this.reach.silent(event.session)
        break
      case 'session-moved':
        for (const place of this.places.values()) place.sessionMoved(event.session.farPeerId)
        break
      case 'session-closed':
        this.sessionClosed(event.session, event.reason)
        break
      case 'flow-open':
        this.flowOpened(event.session, event.flow)
        break
      case 'message':
        this.receive(event.session, event.flow, event.data)
        break
      case 'flow-complete':
      case 'flow-refused':
        routerOf(event.flow)?.ended(event.flow)
        break
      case 'flow-writable':
        if (event.flow.context !== this.introducer) (event.flow.context as Pick<Stream, 'writable'> | undefined)?.writable()
        break
      default:
    }
  }

  private sessionOpened(session: Session): void {
    const peerId = session.farPeerId
    const before = this.sessions.get(peerId)
    this.sessions.set(peerId, session)
    if (before !== session) before?.close(this.clock.now())
    this.reach.opened(session)
    for (const place of this.places.values()) if (place.hasSeat(peerId) || place.isWanted(peerId)) place.sessionOpened(peerId, session)
    if (!this.isMember(peerId)) this.watchStranger(peerId, session)
  }

  /** Somebody who has a seat nowhere: has a moment to ask for one, or until the host's word of it is here. */
  private watchStranger(peerId: string, session: Session): void {
    this.strangers.add(session)
    this.clock.at(this.clock.now() + ANNOUNCEMENT_GRACE, () => {
      if (!this.strangers.delete(session) || this.isMember(peerId)) return
      for (const place of this.places.values()) {
        if (!place.isWanted(peerId)) continue
        this.watchStranger(peerId, session)
        return
      }
      if (this.sessions.get(peerId) === session) this.sessions.delete(peerId)
      session.close(this.clock.now())
      this.kick()
    })
  }

  private sessionFailed(session: Session): void {
    for (const [peerId, known] of this.sessions) if (known === session) this.sessions.delete(peerId)
  }

  private sessionClosed(session: Session, reason: CloseReason): void {
    this.unconfirmed.delete(session)
    this.strangers.delete(session)
    const peerId = session.farPeerId
    if (this.sessions.get(peerId) === session) this.sessions.delete(peerId)
    for (const place of this.places.values()) place.sessionEnded(peerId, session, reason)
  }

  private flowOpened(session: Session, flow: ReceiveFlow): void {
    const address = addressOf(flow.metadata)
    const place = address === undefined ? undefined : this.places.get(address.roomId)
    if (address === undefined || place === undefined) flow.reject()
    else if (address.kind === CONTROL_FLOW) flow.context = address.roomId
    else if (this.sessions.get(session.farPeerId) !== session || !place.flowOpened(session.farPeerId, session, flow, address)) flow.reject()
  }

  private receive(session: Session, flow: ReceiveFlow, data: Uint8Array): void {
    const { context } = flow
    // The room's own flow is known by the room's ID; who is there under it may change from one message to the next.
    if (typeof context === 'string') this.places.get(context)?.receiveControl(session.farPeerId, session, data)
    else routerOf(flow)?.receive(flow, data)
  }
}

/** What the introducer says to who is no member of a room, or was not let in as far as it knows. */
const OUTSIDE: ReadonlySet<string> = new Set(['ROOM_NOT_FOUND', 'NOT_HOST'])

/** Why the introducer has not done yet what it was told. */
const PENDING: ReadonlySet<string> = new Set(['RATE_LIMITED', 'INTRODUCER_LOST', 'INTRODUCER_TIMEOUT'])

/** Whether the introducer has done what it was told, or never will: when it is another's business, or nobody's, it says anew what it needs to know. */
async function settled(told: Promise<void>): Promise<boolean> {
  try {
    await told
    return true
  } catch (error) {
    if (error instanceof AltostratusError) return !PENDING.has(error.code)
    throw error
  }
}

/** How one is reached of whom it is not known yet. */
const NOWHERE: Contact = { addresses: [] }

/** What may be over in a moment, and is no reason to end a search. */
const PASSING: ReadonlySet<string> = new Set([
  'ROOM_NOT_FOUND',
  'ROOM_FULL',
  'ROOM_LOCKED',
  'BANNED',
  'PASSWORD_REQUIRED',
  'PEER_UNREACHABLE',
])

function isNear(condition: Condition | Near): condition is Near {
  return typeof condition === 'object' && 'near' in condition
}

/** What is looked for after so many milliseconds. */
function conditionAfter(condition: Condition | Near, waited: number): Condition {
  if (!isNear(condition)) return condition
  const { near, within, widen = 0 } = condition
  const far = within + (widen * waited) / 1_000
  return { min: near - far, max: near + far }
}

function factsOf({ roomId, code, listed }: Ticket): RoomFacts {
  return { id: roomId, code, listed }
}

function settingsOf(game: Game, { capacity, spectators, properties, password }: RoomRules, listed: boolean): RoomSettings {
  const { name, protocol } = game
  return {
    game: name,
    protocol,
    capacity,
    spectators,
    listed,
    properties,
    ...(password === undefined ? {} : { password: true, salt: password.salt }),
  }
}

/** What a flow's metadata says. `docs/protocol.md`. */
function addressOf(metadata: Uint8Array): FlowAddress | undefined {
  let fields: unknown
  try {
    fields = unpack(metadata)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
  if (!Array.isArray(fields)) return undefined
  const [kind, roomId, stream = '', generation = 0, since = 0, origin = -1] = fields as unknown[]
  const length = FLOW_FIELDS.get(kind)
  if (length !== fields.length || typeof kind !== 'string' || typeof roomId !== 'string' || typeof stream !== 'string') return undefined
  if (!Number.isSafeInteger(generation) || !Number.isSafeInteger(since) || !Number.isSafeInteger(origin)) return undefined
  return { kind, roomId, stream, generation: generation as number, since: since as number, origin: origin as number }
}

const FLOW_FIELDS: ReadonlyMap<unknown, number> = new Map([
  [CONTROL_FLOW, 2],
  [CHANNEL_FLOW, 5],
  [FORWARD_FLOW, 3],
  [FORWARDED_FLOW, 6],
])
