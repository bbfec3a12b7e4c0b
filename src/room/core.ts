import { AltostratusError, DecodeError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { pack } from '../introducer/packing.ts'
import type { Contact, Standing } from '../introducer/protocol.ts'
import type { Clock, Timer } from '../link/clock.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { CloseReason, Session } from '../rtmfp/session.ts'
import {
  ANNOUNCEMENT_GRACE,
  CONTROL_FLOW,
  CONTROL_PRIORITY,
  LEAVE_LINGER,
  MAX_HELD_FLOWS,
  MESH_PATIENCE,
  PACKET_ROOM_GUESS,
  REACH_GRACE,
  REACH_INTERVAL,
  REJOIN_TIME,
  ROOM_TICK,
  STANDBYS,
  STAR_LINGER,
} from './constants.ts'
import type { Game } from './definition.ts'
import { Duties } from './duties.ts'
import { Election } from './election.ts'
import type { ElectionHost } from './election.ts'
import type { HostChangeCause, LeaveReason } from './extension.ts'
import { ExtensionSet } from './extensions.ts'
import type { ExtensionHost } from './extensions.ts'
import { Membership } from './membership.ts'
import type { Change, RoomRules, Seat, Snapshot } from './membership.ts'
import { decodeControl, encodeControl } from './messages.ts'
import type { ControlMessage, States } from './messages.ts'
import { Peer } from './peer.ts'
import type { PeerPath } from './peer.ts'
import { Router, isStraight } from './router.ts'
import type { FlowAddress, RouterHost } from './router.ts'
import type { Stream } from './stream.ts'
import { firstNumber } from './succession.ts'

/** Why a room is closed: it was left, or this player's seat is gone. */
export type ClosedReason = 'left' | 'kicked' | 'banned' | 'lost'

/** What a room needs of its network. */
export interface RoomNetwork {
  readonly peerId: string
  readonly clock: Clock
  readonly backend: CryptoBackend
  readonly random: Random
  /** A member that is silent for so long is away, milliseconds. */
  readonly awayAfter: number
  readonly hasIntroducer: boolean
  sessionWith(peerId: string): Session | undefined
  /** Opens a session by way of the introducer, unless there is one. */
  connectTo(peerId: string): void
  /** Sees to it that there is a session with a peer that is about to open one, or does so itself. */
  awaitSession(peerId: string, contact: Contact | undefined): void
  /** A member was let in. */
  welcome(peerId: string): void
  /** Whether it is no wonder that the peer of a session is silent: what lies between does not answer. */
  isExcused(session: Session | undefined): boolean
  /** A session is no good any more; the far end does not answer. */
  giveUp(session: Session): void
  /** A room has no more use for the session with a peer. */
  releasePeer(room: RoomCore, peerId: string, isUnheard?: boolean): void
  claim(roomId: string, base: number, epoch: number): Promise<Standing | undefined>
  note(roomId: string, standing: Standing, order: number): void
  /** The host tells what others find the room by, and whether it is guarded. @returns Whether that is settled. */
  publish(roomId: string, rules: RoomRules): Promise<boolean>
  evict(roomId: string, peerId: string): void
  /** The host has let in whom the introducer shows nothing before. @returns Whether that is settled. */
  admit(roomId: string, peerId: string): Promise<boolean>
  /** What shows an introducer that its holder is a member of the room. */
  keyOf(roomId: string): Uint8Array | undefined
  roomClosed(room: RoomCore): void
  kick(): void
  onError(error: unknown): void
}

/** What is to be told to the game. All of it while nothing else is being dealt with. */
export interface RoomListener {
  joined(peer: Peer): void
  left(peer: Peer, reason: LeaveReason): void
  away(peer: Peer): void
  returned(peer: Peer): void
  path(peer: Peer, path: PeerPath): void
  /** Something that is reliable is lost between the two. */
  gap(peer: Peer): void
  /** This end is not the host any more. Before anybody is told who is. */
  deposed(): void
  host(host: Peer): void
  superseded(host: Peer, previous: Peer, since: number): void
  rules(): void
  closed(reason: ClosedReason, explanation: string): void
}

/** A flow from somebody who has no seat yet, or before the game has had its turn to listen. */
interface Held {
  readonly peerId: string
  readonly session: Session
  readonly flow: ReceiveFlow
  readonly address: FlowAddress
}

/** A control flow of this end. */
export interface Control {
  readonly session: Session
  readonly flow: SendFlow
}

/** The session by which this end was let in, on which the host has been spoken with already. */
export interface Entry extends Control {
  readonly peerId: string
}

/** What goes on inside of a room: its members, their sessions, who is the host. `Room` is what the game sees of it. */
export class RoomCore implements RouterHost, ExtensionHost, ElectionHost {
  readonly network: RoomNetwork
  readonly game: Game
  readonly id: string
  readonly self: Peer
  readonly membership: Membership
  /** All others that have a seat. */
  readonly peers: Map<string, Peer> = new Map()
  /** Those of them that the game has been told of. */
  readonly announced: Map<string, Peer> = new Map()
  readonly extensions: ExtensionSet
  readonly duties: Duties
  readonly listener: RoomListener
  followedHost: Peer
  /** What was dropped because its sender may not send. */
  refused = 0
  /** The epoch in which the introducer knows this end for the host. */
  toldEpoch: number

  private readonly router: Router
  /** Where the numbers of this end's flows begin. */
  private readonly firstNumber: number
  private readonly election: Election
  private readonly streams = new Map<string, Stream>()
  private readonly controls = new Map<string, Control>()
  /** Sessions on which something was said in the room. */
  private readonly greetings = new WeakSet<Session>()
  private held: Held[] = []
  private isDelivering = false
  /** Who was the host when this end left. */
  private lastHost: Peer | undefined = undefined
  private open = true
  private timer: Timer
  private sharedClock: (() => number) | undefined = undefined
  /** Since when the host of now is, and since when it need not have been heard. */
  private hostSince: number
  private pursuing: { readonly standing: Standing; readonly until: number; said: Session | undefined; saidAt: number } | undefined =
    undefined
  private farewells = new Map<string, number>()
  private waiting: (() => void)[] = []
  private confirmations: ((isConfirmed: boolean) => void)[] = []

  /** @param entry How this end was let in; nothing when it has made the room. */
  constructor(network: RoomNetwork, game: Game, id: string, snapshot: Snapshot, listener: RoomListener, entry?: Entry) {
    this.network = network
    this.game = game
    this.id = id
    this.listener = listener
    this.membership = new Membership(snapshot)
    const now = network.clock.now()
    this.hostSince = now
    this.toldEpoch = snapshot.epoch
    this.self = new Peer(this.membership.seat(network.peerId) as Seat, true, now)
    this.firstNumber = firstNumber(snapshot)
    this.router = new Router(this)
    this.election = new Election(this)
    this.duties = new Duties(this)
    this.extensions = new ExtensionSet(this)
    for (const seat of snapshot.seats) if (seat.peerId !== entry?.peerId) this.addPeer(seat)
    if (entry !== undefined) this.enter(entry)
    this.followedHost = this.host
    this.timer = network.clock.at(now + ROOM_TICK, () => this.tick())
  }

  get isOpen(): boolean {
    return this.open
  }

  get host(): Peer {
    const { hostId } = this.membership
    return hostId === this.self.id ? this.self : ((this.peers.get(hostId) ?? this.lastHost) as Peer)
  }

  get isHost(): boolean {
    return this.membership.hostId === this.self.id
  }

  get isStar(): boolean {
    return this.membership.isStar
  }

  get present(): Iterable<Peer> {
    return this.announced.values()
  }

  get hasIntroducer(): boolean {
    return this.network.hasIntroducer
  }

  now(): number {
    return this.network.clock.now()
  }

  /** Milliseconds on the clock that all members share, or on this machine's while there is none. */
  sharedNow(): number {
    return this.sharedClock?.() ?? this.now()
  }

  after(milliseconds: number, callback: () => void): void {
    this.clock.at(this.now() + milliseconds, callback)
  }

  kick(): void {
    this.network.kick()
  }

  onError(error: unknown): void {
    this.network.onError(error)
  }

  // StreamSender and ExtensionHost

  get clock(): Clock {
    return this.network.clock
  }

  get epoch(): number {
    return this.membership.epoch
  }

  get topology(): 'mesh' | 'star' {
    return this.isStar ? 'star' : 'mesh'
  }

  get seats(): Iterable<Peer> {
    return this.peers.values()
  }

  addStream(stream: Stream): void {
    this.streams.set(stream.id, stream)
  }

  stream(id: string): Stream | undefined {
    return this.streams.get(id)
  }

  send(stream: Stream, bytes: Uint8Array, to?: Peer | readonly Peer[]): boolean {
    if (this.self.isSpectator && !stream.isOpenToSpectators) {
      throw new AltostratusError('SPECTATOR', 'Spectators receive, and send nothing.', { hint: 'Join as a player.' })
    }
    return this.router.send(stream, bytes, to)
  }

  isFull(stream: Stream): boolean {
    return this.open && this.router.isFull(stream)
  }

  isReachable(peer: Peer): boolean {
    return this.peers.get(peer.id) === peer && (isStraight(peer.currentPath) || peer.currentPath === 'host')
  }

  isKept(peer: Peer): boolean {
    return this.isReachable(peer) || (this.peers.get(peer.id) === peer && peer.isConnected)
  }

  isCurrentHost(peer: Peer, epoch: number): boolean {
    return peer.id === this.membership.hostId && epoch === this.membership.epoch
  }

  datagramRoom(peer: Peer): number {
    const session = (peer.currentPath === 'host' ? this.host : peer).session
    return (session?.maxDatagram ?? PACKET_ROOM_GUESS) - PACKET_ROOM_GUESS
  }

  backlog(stream: Stream, peer: Peer): number {
    return this.router.backlog(stream, peer)
  }

  provideClock(now: () => number): void {
    this.sharedClock = now
  }

  // RouterHost

  isSilentOn(session: Session): boolean {
    return session.silence(this.now()) >= this.network.awayAfter
  }

  isHub(peer: Peer): boolean {
    return this.membership.isHub(peer.id, STANDBYS)
  }

  peerOfOrder(order: number): Peer | undefined {
    if (order === this.self.order) return this.self
    for (const peer of this.peers.values()) if (peer.order === order) return peer
    return undefined
  }

  deliver(from: Peer, stream: Stream, data: Uint8Array): void {
    if (!this.open || this.peers.get(from.id) !== from) return
    if (from.isSpectator && !stream.isOpenToSpectators) this.refused++
    else stream.receive(data, from)
  }

  // Sessions and flows, from the network

  hasSeat(peerId: string): boolean {
    return this.peers.has(peerId)
  }

  /** Whether a session with the peer is of use, though it has no seat. */
  isWanted(peerId: string): boolean {
    return this.duties.expects(peerId) || this.duties.admissions.isApplicant(peerId) || this.pursuing?.standing.host === peerId
  }

  sessionOpened(peerId: string, session: Session): void {
    if (!this.open) return
    this.farewells.delete(peerId)
    const peer = this.peers.get(peerId)
    if (peer !== undefined && peer.session !== session) {
      if (peer.session !== undefined) this.dropSession(peer, peer.session)
      peer.session = session
      this.sayStanding(peer)
      if (peer.id === this.membership.hostId) this.askForSeat(peer.id)
      if (this.greetings.has(session)) this.greet(peer)
    }
    if (this.pursuing?.standing.host === peerId) this.pursue()
  }

  /** The session leads another way. */
  sessionMoved(peerId: string): void {
    const peer = this.peers.get(peerId)
    if (peer !== undefined) this.updatePath(peer)
  }

  /** The far end has said before that it knows of this one. */
  greetedOn(session: Session): void {
    this.greetings.add(session)
    for (const peer of this.peers.values()) if (peer.session === session) this.greet(peer)
  }

  sessionEnded(peerId: string, session: Session, reason: CloseReason): void {
    this.held = this.held.filter((held) => held.session !== session)
    if (this.controls.get(peerId)?.session === session) this.controls.delete(peerId)
    this.duties.admissions.forget(peerId)
    const peer = this.peers.get(peerId)
    if (peer === undefined || peer.session !== session) {
      // Of a host that has left, by which others were heard: what they say by the next one does not wait for more of it.
      this.router.endFlowsOn(session)
      return
    }
    this.dropSession(peer, session)
    const now = this.now()
    if (reason === 'dead') peer.unreachedSince = now - this.network.awayAfter
    // It may only have been replaced, which shows in a moment; or not be needed any more.
    if (reason === 'far' && !this.isIndirect(peer)) this.farewells.set(peerId, now + ROOM_TICK)
    this.updatePath(peer)
  }

  private dropSession(peer: Peer, session: Session): void {
    const isLoss = this.router.sessionEnded(peer, session)
    peer.session = undefined
    peer.greeted = false
    peer.unreachedSince = this.now()
    this.updatePath(peer)
    if (isLoss && peer.announced && this.open) {
      peer.hasMissed = true
      this.tellGap(peer)
    }
  }

  private tellGap(peer: Peer): void {
    this.extensions.tell('peerMissed', peer)
    this.listener.gap(peer)
  }

  /** A silent member has missed something that is reliable, since more of it waits than is kept: it has to come back by a new session. */
  giveUp(peer: Peer): void {
    if (peer.session !== undefined) this.network.giveUp(peer.session)
  }

  /** A flow has begun. @returns Whether it is one that the room knows, or will look at later. */
  flowOpened(peerId: string, session: Session, flow: ReceiveFlow, address: FlowAddress): boolean {
    const peer = this.peers.get(peerId)
    if (peer !== undefined && peer.session === session && this.isDelivering) {
      const isKnown = this.router.accept(peer, session, flow, address)
      if (isKnown || address.origin < 0) return isKnown
    }
    // The host's word of a newcomer, and its own first message, race.
    if (this.held.filter((held) => held.session === session).length >= MAX_HELD_FLOWS) return false
    flow.suspend()
    const held = { peerId, session, flow, address }
    this.held.push(held)
    this.after(ANNOUNCEMENT_GRACE, () => {
      if (!this.held.includes(held)) return
      this.held = this.held.filter((other) => other !== held)
      flow.reject()
      this.kick()
    })
    return true
  }

  /** The game has been given the room: after its turn, in which it adds its listeners, messages are delivered. */
  deliverSoon(): void {
    this.after(0, () => {
      this.isDelivering = true
      this.retryHeld()
    })
  }

  /** Resolves when all members can be sent to, those aside that are away. */
  whenReachable(): Promise<void> {
    if (this.areAllReached()) return Promise.resolve()
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  // Control messages

  receiveControl(peerId: string, session: Session, data: Uint8Array): void {
    if (!this.open) return
    let message: ControlMessage
    try {
      message = decodeControl(data)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.refused++
      return
    }
    const peer = this.peers.get(peerId)
    this.greetings.add(session)
    if (peer !== undefined && peer.session === session && !peer.greeted) this.greet(peer)
    if (message.kind === 'join' || message.kind === 'proof') this.duties.apply(peerId, message)
    else if (message.kind === 'admitted') this.admitted(peerId, message)
    else if (message.kind === 'refused') this.seatRefused(peerId, message)
    else if (peer !== undefined) this.handle(peer, message)
    // Somebody who was given up for lost in a later epoch, and does not know.
    else if (message.kind === 'hello' && message.epoch < this.epoch) this.say(peerId, this.standing())
    this.kick()
  }

  /** The peer knows that this end is in the room. */
  greet(peer: Peer): void {
    peer.greeted = true
    peer.reached = true
    this.updatePath(peer)
  }

  say(to: Peer | string, message: ControlMessage): void {
    const peerId = typeof to === 'string' ? to : to.id
    const session = this.network.sessionWith(peerId)
    if (session?.state !== 'open') return
    let control = this.controls.get(peerId)
    if (control?.session !== session || control.flow.state !== 'open') {
      control = { session, flow: session.openFlow({ metadata: pack([CONTROL_FLOW, this.id]), priority: CONTROL_PRIORITY }) }
      this.controls.set(peerId, control)
    }
    control.flow.write(encodeControl(message), this.now())
    this.kick()
  }

  sayAll(message: ControlMessage): void {
    for (const peer of this.peers.values()) this.say(peer, message)
  }

  private handle(peer: Peer, message: ControlMessage): void {
    const isHost = peer.id === this.membership.hostId
    // Spectators decide nothing: all that they may say is that they are here, or gone.
    if (peer.isSpectator && message.kind !== 'leave') return
    switch (message.kind) {
      case 'hello':
        if (message.gap === true && peer.announced) this.tellGap(peer)
        peer.standing = message
        this.compare(peer, message)
        break
      case 'change':
        if (isHost && message.epoch === this.epoch) this.repeat(peer, message.version, message.change)
        else if (message.epoch < this.epoch) this.sayStanding(peer)
        break
      case 'host':
        if (message.snapshot.host === peer.id) this.takenOver(peer, message.snapshot)
        break
      case 'appoint':
        if (isHost && message.epoch > this.epoch) this.appointed(peer, message)
        break
      case 'claim':
        this.election.claimed(peer, message, this.now())
        break
      case 'vote':
        this.election.voted(peer, message, this.now())
        break
      case 'leave':
        this.farewells.set(peer.id, this.now())
        if (this.isHost) this.duties.tick(this.now())
        break
      case 'removed':
        if (isHost) this.shut(message.banned ? 'banned' : 'kicked', message.reason)
        break
      default:
    }
  }

  // Who is the host

  hears(peer: Peer): boolean {
    return peer.isConnected && peer.silence(this.now()) < this.network.awayAfter
  }

  /** Whether the peer has said that it is gone, or its process has ended in order. */
  hasLeft(peer: Peer): boolean {
    return this.now() >= (this.farewells.get(peer.id) ?? Infinity)
  }

  /** Whether nothing was heard of a member for so long that it counts as away. */
  isSilent(peer: Peer): boolean {
    if (peer.isConnected) return peer.silence(this.now()) >= this.network.awayAfter
    // Since this host stands, or longer if there never was a session, somebody may still be on the way.
    const isNew = !peer.reached || peer.unreachedSince < this.hostSince
    return this.now() - Math.max(peer.unreachedSince, this.hostSince) >= (isNew ? REACH_GRACE : this.network.awayAfter)
  }

  get isHostLost(): boolean {
    const { host } = this
    return !host.isSelf && (this.hasLeft(host) || this.isSilent(host))
  }

  async claim(base: number, epoch: number): Promise<Standing | undefined> {
    return this.network.claim(this.id, base, epoch)
  }

  /** This end has been found to be the next host. */
  stand(epoch: number): void {
    const previous = this.host
    const hasLeft = this.hasLeft(previous)
    this.become(epoch, 'lost', undefined, previous.id)
    this.make(hasLeft ? { kind: 'leave', peerId: previous.id, reason: 'left' } : { kind: 'away', peerId: previous.id })
  }

  /** Another host stands elsewhere, in a higher epoch: this end asks to be taken back by it. */
  follow(standing: Standing): void {
    if (!this.isBetter(standing)) return
    if (standing.host === this.self.id) {
      this.become(standing.epoch, 'lost', undefined)
      return
    }
    if (this.pursuing !== undefined && this.pursuing.standing.epoch >= standing.epoch) return
    if (this.peers.get(standing.host)?.isSpectator === true) return
    this.pursuing = { standing, until: this.now() + REJOIN_TIME, said: undefined, saidAt: 0 }
    this.election.reset()
    this.pursue()
  }

  learn(snapshot: Snapshot): void {
    if (snapshot.epoch === this.epoch && snapshot.version > this.membership.version) this.restore(snapshot)
  }

  /** The introducer has told who is the host. */
  standingTold(standing: Standing): void {
    if (this.isBetter(standing) && !this.duties.outrank(standing)) this.follow(standing)
    else if (this.isHost && standing.epoch < this.epoch) void this.tellIntroducer()
  }

  /** Makes it known outside that this end is the host. */
  async tellIntroducer(): Promise<void> {
    const standing = await this.claim(this.epoch - 1, this.epoch)
    if (standing === undefined || !this.open) return
    if (this.isBetter(standing)) this.standingTold(standing)
    else if (this.isHost && standing.host === this.self.id) {
      this.toldEpoch = standing.epoch
      await this.duties.publish()
    }
  }

  /** This end is the host from now on. */
  become(epoch: number, cause: HostChangeCause, states: States | undefined, without?: string): void {
    const previous = this.host
    const previousEpoch = this.epoch
    this.membership.begin(this.self.id, epoch, without)
    this.sayAll({ kind: 'host', snapshot: this.membership.snapshot() })
    this.hostChanged(previous, previousEpoch, cause, states, undefined)
    void this.tellIntroducer()
  }

  /** Another is the host from now on, as far as this end knows. */
  yield(hostId: string, epoch: number, cause: HostChangeCause, divergedAt?: number): void {
    const previous = this.host
    const previousEpoch = this.epoch
    this.membership.begin(hostId, epoch)
    this.hostChanged(previous, previousEpoch, cause, undefined, divergedAt)
  }

  hostChanged(
    previous: Peer,
    previousEpoch: number,
    cause: HostChangeCause,
    states: States | undefined,
    divergedAt: number | undefined,
  ): void {
    const { host, epoch } = this
    this.election.reset()
    this.pursuing = undefined
    if (previous !== host) {
      this.hostSince = this.now()
      if (previous.isSelf) this.listener.deposed()
    }
    this.network.note(this.id, { epoch, host: host.id }, this.self.order)
    if (previous !== host) this.router.hostChanged(previous, cause !== 'handed-over')
    for (const peer of this.peers.values()) this.updatePath(peer)
    this.followedHost = host
    this.extensions.tellEach('hostChanged', (name) => [
      { host, previous, epoch, previousEpoch, cause, handedOver: states?.[name], divergedAt },
    ])
    if (previous !== host) this.listener.host(host)
    if (divergedAt !== undefined) this.listener.superseded(host, previous, divergedAt)
  }

  /** Whether another host says within so many milliseconds that it is it. */
  hostConfirmed(timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.confirmations.push(resolve)
      this.after(timeout, () => resolve(false))
    })
  }

  private appointed(by: Peer, { host, epoch, states, leaving }: Extract<ControlMessage, { kind: 'appoint' }>): void {
    if (host !== this.self.id && !this.peers.has(host)) return
    if (leaving) this.membership.apply({ kind: 'leave', peerId: by.id, reason: 'left' })
    if (host === this.self.id) this.become(epoch, 'handed-over', states)
    else this.yield(host, epoch, 'handed-over')
    if (leaving) this.removePeer(by.id, 'left')
  }

  private takenOver(peer: Peer, snapshot: Snapshot): void {
    if (snapshot.epoch === this.epoch && peer.id === this.membership.hostId) {
      this.restore(snapshot)
      for (const resolve of this.confirmations.splice(0)) resolve(true)
      return
    }
    if (!this.isBetter(snapshot)) {
      this.sayStanding(peer)
      return
    }
    if (!snapshot.seats.some((seat) => seat.peerId === this.self.id)) {
      this.follow(snapshot)
      return
    }
    const wasApart = this.isHost || peer.id === this.membership.hostId || this.hears(this.host)
    this.adopt(peer.id, snapshot, wasApart && !this.isFollowed(snapshot) ? 'healed' : 'lost')
  }

  /** Whether that is the host whom this end has followed all the time, in a new epoch: neither has been apart from the other. */
  private isFollowed({ host, began }: Snapshot): boolean {
    return host === this.membership.hostId && began <= this.epoch
  }

  private admitted(peerId: string, { snapshot, states }: Extract<ControlMessage, { kind: 'admitted' }>): void {
    // From who was asked, that is.
    if (peerId !== this.membership.hostId && peerId !== this.pursuing?.standing.host) return
    if (snapshot.host !== peerId || !snapshot.seats.some((seat) => seat.peerId === this.self.id)) return
    if (snapshot.epoch === this.epoch && peerId === this.membership.hostId) this.restore(snapshot)
    else if (this.isBetter(snapshot)) this.adopt(peerId, snapshot, this.isFollowed(snapshot) ? 'lost' : 'healed')
    else return
    this.extensions.receiveJoinStates(states, this.host)
  }

  private adopt(hostId: string, snapshot: Snapshot, cause: HostChangeCause): void {
    const previous = this.host
    const previousEpoch = this.epoch
    const known = this.peers.get(hostId)
    const apartSince = Math.min(known?.silentSince ?? Infinity, this.hostSince)
    if (this.isHost) this.listener.deposed()
    this.restore(snapshot)
    const divergedAt = cause === 'healed' ? Math.min(apartSince, this.now()) : undefined
    this.hostChanged(previous, previousEpoch, cause, undefined, divergedAt)
  }

  /** Of two hosts that both are, the one of the higher epoch is; of two of the same one, that of the lower ID, as both sides find. */
  private isBetter({ epoch, host }: Standing): boolean {
    return epoch > this.epoch || (epoch === this.epoch && host < this.membership.hostId)
  }

  /** Whether a member has said that it follows a host that this end has yet to find. */
  followsBetter(peer: Peer): boolean {
    return peer.standing !== undefined && this.isBetter(peer.standing)
  }

  private compare(peer: Peer, standing: Standing): void {
    if (this.isBetter(standing)) this.follow(standing)
    else if (standing.epoch < this.epoch || standing.host !== this.membership.hostId) this.sayStanding(peer)
  }

  private sayStanding(peer: Peer): void {
    this.say(peer, { ...this.standing(), ...(peer.hasMissed ? { gap: true } : {}) })
    if (peer.session !== undefined) peer.hasMissed = false
  }

  /** Who is the host, as far as this end knows. */
  standing(): Extract<ControlMessage, { kind: 'hello' }> {
    return { kind: 'hello', epoch: this.epoch, host: this.membership.hostId }
  }

  private pursue(): void {
    const { pursuing } = this
    if (pursuing === undefined) return
    const { host } = pursuing.standing
    const session = this.network.sessionWith(host)
    if (session?.state !== 'open') this.network.connectTo(host)
    else if (pursuing.said !== session) {
      pursuing.said = session
      pursuing.saidAt = this.now()
      this.askForSeat(host)
    } else if (session.isSilent && this.now() - pursuing.saidAt >= REACH_INTERVAL) {
      // The other end may have given this one up, and forgotten the session.
      this.network.giveUp(session)
      this.network.connectTo(host)
    }
  }

  private askForSeat(hostId: string): void {
    const { profile, isSpectator } = this.self
    this.say(hostId, { kind: 'join', game: this.game.name, protocol: this.game.protocol, profile, spectator: isSpectator })
  }

  private seatRefused(peerId: string, { message }: Extract<ControlMessage, { kind: 'refused' }>): void {
    if (peerId === this.membership.hostId || peerId === this.pursuing?.standing.host) this.shut('lost', message)
  }

  // Membership

  /** As the host: makes a change, which all others repeat. */
  make(change: Change): void {
    const { epoch } = this
    this.membership.apply(change)
    this.sayAll({ kind: 'change', epoch, version: this.membership.version, change })
    this.changed(change)
  }

  private repeat(host: Peer, version: number, change: Change): void {
    // One that is missing came with a session that is no more: ask for all of it.
    if (version !== this.membership.version + 1) {
      if (version > this.membership.version) this.askForSeat(host.id)
      return
    }
    const previousEpoch = this.epoch
    this.membership.apply(change)
    this.changed(change)
    if (change.kind === 'epoch') this.hostChanged(this.host, previousEpoch, 'lost', undefined, undefined)
  }

  private changed(change: Change): void {
    switch (change.kind) {
      case 'join':
        this.addPeer(change.seat)
        this.retryHeld()
        break
      case 'leave':
        if (change.peerId === this.self.id) this.seatLost(change.reason)
        else this.removePeer(change.peerId, change.reason)
        break
      case 'away':
      case 'return':
        this.setAway(change.peerId, change.kind === 'away')
        break
      case 'rules':
        this.listener.rules()
        break
      case 'epoch':
    }
    for (const peer of this.peers.values()) this.updatePath(peer)
  }

  private seatLost(reason: LeaveReason): void {
    if (reason === 'kicked' || reason === 'banned') this.shut(reason, '')
    // Given up for lost, and yet here: asks for another one.
    else this.askForSeat(this.membership.hostId)
  }

  private restore(snapshot: Snapshot): void {
    const rules = this.membership.rules
    this.membership.restore(snapshot)
    this.takeSeat(this.membership.seat(this.self.id))
    for (const seat of snapshot.seats) {
      const known = this.peers.get(seat.peerId)
      // Somebody may have lost the seat and taken another.
      if (known !== undefined && known.order !== seat.order) this.removePeer(known.id, 'lost')
      this.addPeer(seat)
      this.setAway(seat.peerId, seat.isAway)
    }
    for (const peerId of this.peers.keys()) if (this.membership.seat(peerId) === undefined) this.removePeer(peerId, 'lost')
    this.retryHeld()
    for (const peer of this.peers.values()) this.updatePath(peer)
    if (rules !== this.membership.rules) this.listener.rules()
  }

  /** @param seat Nothing when this end was given up for lost; then it asks for another one when it is told so. */
  private takeSeat(seat: Seat | undefined): void {
    const before = this.self.order
    if (seat === undefined || seat.order === before) return
    const { order } = seat
    this.self.order = order
    this.network.note(this.id, { epoch: this.epoch, host: this.membership.hostId }, order)
    this.extensions.tell('seatChanged', before)
  }

  private enter({ peerId, session, flow }: Entry): void {
    const peer = new Peer(this.membership.seat(peerId) as Seat, false, this.now(), this.firstNumber)
    this.peers.set(peerId, peer)
    this.controls.set(peerId, { session, flow })
    peer.session = session
    peer.greeted = true
  }

  private addPeer(seat: Seat): void {
    if (this.peers.has(seat.peerId) || seat.peerId === this.self.id) return
    const peer = new Peer(seat, false, this.now(), this.firstNumber)
    this.peers.set(peer.id, peer)
    const session = this.network.sessionWith(peer.id)
    if (session?.state === 'open') this.sessionOpened(peer.id, session)
    else if (!this.isIndirect(peer)) this.network.welcome(peer.id)
    this.router.seated(peer)
  }

  private removePeer(peerId: string, reason: LeaveReason): void {
    const peer = this.peers.get(peerId)
    if (peer === undefined) return
    const isUnheard = reason === 'lost' && !this.hears(peer)
    this.setPath(peer, 'lost')
    this.router.left(peer)
    this.peers.delete(peerId)
    this.announced.delete(peerId)
    this.farewells.delete(peerId)
    if (peer.announced) {
      this.extensions.tell('peerLeft', peer, reason)
      this.listener.left(peer, reason)
    }
    for (const stream of this.streams.values()) stream.writable()
    this.checkReached()
    this.after(LEAVE_LINGER, () => {
      if (!this.peers.has(peerId) && this.open) this.network.releasePeer(this, peerId, isUnheard)
    })
  }

  private setAway(peerId: string, isAway: boolean): void {
    const peer = this.peers.get(peerId)
    if (peer === undefined || peer.away === isAway) return
    peer.away = isAway
    peer.awaySince = this.now()
    if (!isAway) this.router.returned(peer)
    this.updatePath(peer)
    if (!peer.announced) return
    this.extensions.tell(isAway ? 'peerAway' : 'peerReturned', peer)
    if (isAway) this.listener.away(peer)
    else this.listener.returned(peer)
    if (isAway) for (const stream of this.streams.values()) stream.writable()
  }

  private retryHeld(): void {
    if (!this.isDelivering) return
    for (const held of this.held.splice(0)) {
      const { peerId, session, flow, address } = held
      const peer = this.peers.get(peerId)
      if (peer === undefined || peer.session !== session) this.held.push(held)
      else if (!this.router.accept(peer, session, flow, address)) flow.reject()
      else this.router.resume(flow)
    }
    this.kick()
  }

  // Paths

  updatePath(peer: Peer): void {
    this.setPath(peer, this.pathTo(peer))
  }

  private pathTo(peer: Peer): PeerPath {
    if (this.peers.get(peer.id) !== peer) return 'lost'
    const isHeard = this.hears(peer)
    const { host } = this
    const byHost = !host.isSelf && peer !== host && !peer.away && this.hears(host)
    if (byHost && this.isIndirect(peer)) return 'host'
    if (isHeard) return peer.session?.farAddress?.isDirect === false ? 'relay' : 'direct'
    const waited = this.now() - peer.unreachedSince
    if (byHost && (this.isStar || peer.announced || waited >= MESH_PATIENCE)) return 'host'
    return peer.announced || peer.away ? 'lost' : 'connecting'
  }

  /** Whether the two need no session, because the room is a star. */
  private isIndirect(peer: Peer): boolean {
    return this.isStar && !this.isHub(peer) && !this.isHub(this.self)
  }

  private setPath(peer: Peer, path: PeerPath): void {
    if (peer.currentPath === path) return
    this.router.changePath(peer, path)
    peer.currentPath = path
    const isUsable = isStraight(path) || path === 'host'
    if (isUsable && !peer.announced) this.announce(peer)
    else if (peer.announced) this.listener.path(peer, path)
    if (!isUsable) for (const stream of this.streams.values()) stream.writable()
  }

  private announce(peer: Peer): void {
    peer.announced = true
    this.announced.set(peer.id, peer)
    this.listener.path(peer, peer.currentPath)
    this.extensions.tell('peerJoined', peer)
    if (this.isDelivering || this.isHost) this.listener.joined(peer)
    this.checkReached()
  }

  private areAllReached(): boolean {
    return [...this.peers.values()].every((peer) => peer.announced || peer.away)
  }

  private checkReached(): void {
    if (this.waiting.length === 0 || !this.areAllReached()) return
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  // Time

  private tick(): void {
    const now = this.now()
    this.timer = this.clock.at(now + ROOM_TICK, () => this.tick())
    for (const peer of this.peers.values()) this.watch(peer, now)
    if (this.isHost) this.duties.tick(now)
    else if (this.pursuing === undefined) this.election.tick(now)
    if (this.pursuing !== undefined) {
      if (now > this.pursuing.until) this.pursuing = undefined
      else this.pursue()
    } else for (const peer of this.peers.values()) if (this.followsBetter(peer) && this.hears(peer)) this.follow(peer.standing as Standing)
    this.checkReached()
    this.kick()
  }

  private watch(peer: Peer, now: number): void {
    const isHeard = this.hears(peer)
    if (isHeard && peer.silentSince !== Infinity) {
      // Who was apart may have another host by now.
      peer.silentSince = Infinity
      peer.backSince = now
      this.sayStanding(peer)
    } else if (!isHeard && peer.silentSince === Infinity && peer.announced) peer.silentSince = now - this.network.awayAfter
    this.updatePath(peer)
    if (peer.session === undefined) peer.indirectSince = now
    else if (!this.isIndirect(peer) || peer.currentPath !== 'host') peer.indirectSince = now
    else if (now - peer.indirectSince >= STAR_LINGER && this.router.isQuiet(peer)) this.network.releasePeer(this, peer.id)
    if (peer.session === undefined && this.wantsSession(peer) && now >= peer.triedAt + REACH_INTERVAL) {
      peer.triedAt = now
      this.network.connectTo(peer.id)
    }
  }

  /** The younger one opens the session; after a while, either does. */
  private wantsSession(peer: Peer): boolean {
    if (this.isIndirect(peer)) return false
    return this.self.order > peer.order || this.now() - peer.unreachedSince > REACH_INTERVAL
  }

  // The end

  /** This end leaves, or has lost its seat. */
  shut(reason: ClosedReason, explanation = ''): void {
    if (!this.open) return
    if (reason === 'left') {
      if (this.isHost) this.duties.appointSuccessor()
      this.sayAll({ kind: 'leave' })
    }
    this.open = false
    this.timer.cancel()
    this.listener.deposed()
    for (const stream of this.streams.values()) stream.writable()
    for (const resolve of this.waiting.splice(0)) resolve()
    this.lastHost = this.host
    const peerIds = [...this.peers.keys()]
    this.peers.clear()
    this.announced.clear()
    this.network.roomClosed(this)
    this.after(LEAVE_LINGER, () => {
      for (const peerId of peerIds) this.network.releasePeer(this, peerId)
    })
    this.kick()
    this.extensions.tell('closed')
    this.listener.closed(reason, explanation)
  }
}
