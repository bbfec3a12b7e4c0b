import { AltostratusError } from '../base/errors.ts'
import type { MemberInfo, Properties, Ticket } from '../introducer/protocol.ts'
import { pack } from '../introducer/packing.ts'
import type { Clock, Timer } from '../link/clock.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { CloseReason, Session } from '../rtmfp/session.ts'
import { Channel } from './channel.ts'
import { CHANNEL_FLOW, CONTROL_FLOW, CONTROL_PRIORITY, PACKET_ROOM_GUESS } from './constants.ts'
import { PRIORITY_LEVEL } from './definition.ts'
import type { ChannelDefinition, Channels, Game } from './definition.ts'
import { SafeEmitter } from './emitter.ts'
import type { LeaveReason, PartApi, Parts } from './extension.ts'
import { ExtensionSet } from './extensions.ts'
import type { ExtensionHost } from './extensions.ts'
import type { Network } from './network.ts'
import { Peer } from './peer.ts'
import type { PeerPath } from './peer.ts'
import { isReliable } from './stream.ts'
import type { Stream } from './stream.ts'

/** What happens in a room. */
export interface RoomEvents {
  /** A peer can be sent to from now on. */
  join: (peer: Peer) => void
  leave: (peer: Peer, reason: LeaveReason) => void
  /** Another peer, perhaps this one, is the host now. */
  host: (peer: Peer) => void
  path: (peer: Peer, path: PeerPath) => void
  /** This end has left. */
  closed: () => void
}

/** The channels of a room, each with the type that the game defines. */
export type RoomChannels<C extends Channels> = {
  readonly [K in keyof C]: C[K] extends ChannelDefinition<infer F> ? Channel<F> : never
}

/** The entities of a room, as the layer that brings them gives them to the game. */
export type RoomEntities<E extends Parts> = { readonly [K in keyof E]: PartApi<E[K]> }

/** What is said on a control flow. */
const HELLO = pack('hello')
const LEAVE = pack('leave')

/** A room that this peer is in: who else is, and the channels between them. */
export class Room<G extends Game = Game> implements ExtensionHost {
  /** What others join by. */
  readonly code: string
  readonly self: Peer
  readonly game: G
  readonly capacity: number
  readonly listed: boolean
  readonly channels: RoomChannels<G['channels']>
  readonly entities: RoomEntities<G['entities']>
  /** What the host writes and all read. */
  readonly shared: PartApi<G['shared']>
  /** @internal */
  readonly id: string

  /** @internal */
  readonly network: Network
  private readonly emitter: SafeEmitter<RoomEvents>
  private readonly roster = new Map<string, Peer>()
  private readonly present = new Map<string, Peer>()
  private readonly streams = new Map<string, Stream>()
  private readonly extensions: ExtensionSet
  private currentEpoch = 1
  private sharedClock: (() => number) | undefined = undefined
  private currentHost: Peer
  private open = true
  /** Channel flows that wait until the game has had its turn to listen; `undefined` once it has. */
  private heldFlows: ReceiveFlow[] | undefined = []
  private readonly hostTasks = new Map<(signal: AbortSignal) => void | Promise<void>, AbortController | undefined>()
  private joining:
    | {
        readonly missing: Set<string>
        readonly resolve: () => void
        readonly reject: (error: AltostratusError) => void
        readonly timer: Timer
      }
    | undefined = undefined

  /** @internal Use `Network.create` and `Network.join`. */
  constructor(network: Network, game: G, ticket: Ticket) {
    this.network = network
    this.game = game
    this.id = ticket.roomId
    this.code = ticket.code
    this.capacity = ticket.capacity
    this.listed = ticket.listed
    this.self = new Peer(ticket.self.peerId, ticket.self.profile, ticket.self.order, true)
    this.currentHost = this.self
    this.emitter = new SafeEmitter((error) => network.onError(error))
    const channels = Object.entries(game.channels).map(([name, definition]) => [name, new Channel(name, definition, this)] as const)
    for (const [, stream] of channels) this.addStream(stream)
    this.channels = Object.fromEntries(channels) as RoomChannels<G['channels']>
    this.extensions = new ExtensionSet(this)
    const parts = Object.entries(game.entities).map(([name, part]) => [name, part.attach(this.extensions, name)] as const)
    this.entities = Object.fromEntries(parts) as RoomEntities<G['entities']>
    this.shared = game.shared?.attach(this.extensions, 'shared') as PartApi<G['shared']>
    for (const member of ticket.members) this.seat(member)
    this.currentHost = this.findHost()
  }

  /** The peers that can be sent to, this one aside, by ID. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.present
  }

  /** The member that joined first of those who are in the room. */
  get host(): Peer {
    return this.currentHost
  }

  get isHost(): boolean {
    return this.currentHost === this.self
  }

  /** Whether this end is still in the room. */
  get isOpen(): boolean {
    return this.open
  }

  /** Calls back on an event. @returns What ends that. */
  on<K extends keyof RoomEvents>(event: K, listener: RoomEvents[K]): () => void {
    return this.emitter.on(event, listener)
  }

  /**
   * Runs the function while this peer is the host: now, if it is, or when it becomes it. The signal aborts when it no longer is, or the room is
   * left. @returns What ends it.
   */
  asHost(run: (signal: AbortSignal) => void | Promise<void>): () => void {
    this.hostTasks.set(run, undefined)
    if (this.isHost && this.open) this.startTask(run)
    return () => {
      this.hostTasks.get(run)?.abort()
      this.hostTasks.delete(run)
    }
  }

  /** Changes the public properties of the room, by which others find it. The host alone may. @throws AltostratusError `NOT_HOST`, `INTRODUCER_LOST`, … */
  async setProperties(properties: Properties): Promise<void> {
    await this.network.introducer.update(this.id, properties)
  }

  /** Leaves: the others see it at once. Resolves when the introducer knows too, or can't be told. */
  async leave(): Promise<void> {
    if (!this.open) return
    this.shut()
    await this.network.introducer.leave(this.id).catch(() => {})
  }

  /** Milliseconds on the clock that all members share, or on this machine's while there is none. */
  now(): number {
    return this.sharedClock?.() ?? this.clock.now()
  }

  // ExtensionHost

  /** @internal */
  get clock(): Clock {
    return this.network.clock
  }

  /** @internal */
  get epoch(): number {
    return this.currentEpoch
  }

  /** @internal */
  get seats(): Iterable<Peer> {
    return this.roster.values()
  }

  /** @internal */
  get topology(): 'mesh' | 'star' {
    return 'mesh'
  }

  /** @internal */
  addStream(stream: Stream): void {
    this.streams.set(stream.id, stream)
  }

  /** @internal */
  send(stream: Stream, bytes: Uint8Array, to?: Peer | readonly Peer[]): boolean {
    const flows = this.flowsTo(stream, to)
    if (isReliable(stream) && !flows.every((flow) => flow.hasRoomFor(bytes.length))) return false
    const now = this.clock.now()
    let all = true
    for (const flow of flows) {
      if (stream.delivery === 'latest') flow.abandonQueued()
      if (!flow.write(bytes, now)) all = false
    }
    this.kick()
    return all
  }

  /** @internal */
  isFull(stream: Stream): boolean {
    return this.flowsTo(stream).some((flow) => flow.isFull)
  }

  /** @internal */
  isReachable(peer: Peer): boolean {
    return !peer.isSelf && peer.session?.state === 'open'
  }

  /** @internal */
  isCurrentHost(peer: Peer, epoch: number): boolean {
    return peer === this.currentHost && epoch === this.currentEpoch
  }

  /** @internal */
  datagramRoom(peer: Peer): number {
    for (const [id, flow] of peer.flows) if (id.startsWith('#')) return flow.packetRoom
    return (peer.session?.maxDatagram ?? PACKET_ROOM_GUESS) - PACKET_ROOM_GUESS
  }

  /** @internal */
  backlog(stream: Stream, peer: Peer): number {
    return peer.flows.get(stream.id)?.queuedBytes ?? 0
  }

  /** @internal */
  provideClock(now: () => number): void {
    this.sharedClock = now
  }

  /** @internal */
  flowTo(peer: Peer, stream: Stream): SendFlow | undefined {
    if (peer.isSelf) throw new AltostratusError('BAD_RECEIVER', 'A message to oneself goes nowhere.', { hint: 'Use it right away.' })
    if (peer.session?.state !== 'open') return undefined
    let flow = peer.flows.get(stream.id)
    if (flow === undefined) {
      flow = peer.session.openFlow({
        metadata: pack([CHANNEL_FLOW, this.id, stream.id]),
        priority: PRIORITY_LEVEL[stream.priority],
        timeCritical: stream.priority === 'immediate',
        retransmit: isReliable(stream),
        lifetime: stream.lifetime,
        maxQueuedBytes: stream.maxQueuedBytes,
        context: stream,
      })
      peer.flows.set(stream.id, flow)
    }
    return flow
  }

  /** @internal */
  kick(): void {
    this.network.kick()
  }

  /** @internal */
  onError(error: unknown): void {
    this.network.onError(error)
  }

  // What follows is for the network.

  /** @internal Resolves when every member that was there has been reached. */
  waitForMembers(timeout: number): Promise<void> {
    const missing = new Set([...this.roster.values()].filter((peer) => !peer.isPresent).map((peer) => peer.id))
    if (missing.size === 0) return Promise.resolve()
    const { clock } = this.network
    return new Promise((resolve, reject) => {
      const timer = clock.at(clock.now() + timeout, () => {
        const names = [...missing].map((id) => id.slice(0, 8)).join(', ')
        this.joining?.reject(
          new AltostratusError(
            'PEER_UNREACHABLE',
            `The room ${this.code} was found, but not reached: no answer from ${names} in ${timeout} ms.`,
            {
              hint: 'A firewall between the two may block UDP, or the other player has just gone. Try again.',
            },
          ),
        )
        this.joining = undefined
      })
      this.joining = { missing, resolve, reject, timer }
    })
  }

  /** @internal */
  hasMember(peerId: string): boolean {
    return this.roster.has(peerId)
  }

  /** @internal Members that this end has to open a session to: those who were there before it. */
  get earlierMembers(): readonly Peer[] {
    return [...this.roster.values()].filter((peer) => peer.order < this.self.order)
  }

  /** @internal */
  addMember(member: MemberInfo): void {
    const peer = this.open ? this.seat(member) : undefined
    if (peer !== undefined) this.network.memberAdded(this, peer)
  }

  private seat({ peerId, profile, order }: MemberInfo): Peer | undefined {
    if (peerId === this.self.id || this.roster.has(peerId)) return undefined
    const peer = new Peer(peerId, profile, order, false)
    this.roster.set(peer.id, peer)
    return peer
  }

  /** @internal The introducer says that a member is gone; a session that works knows better. */
  memberLeft(peerId: string): void {
    const peer = this.roster.get(peerId)
    if (peer !== undefined && peer.session?.state !== 'open') this.removePeer(peer, 'left')
  }

  /** @internal */
  sessionOpened(peerId: string, session: Session): void {
    const peer = this.roster.get(peerId)
    if (peer === undefined || !this.open || peer.session === session) return
    peer.session = session
    peer.flows.clear()
    peer.control = session.openFlow({ metadata: pack([CONTROL_FLOW, this.id]), priority: CONTROL_PRIORITY })
    if (this.isHost) peer.control.write(pack(['state', this.extensions.collect('joinState', peer)]), this.clock.now())
    peer.control.write(HELLO, this.clock.now())
    this.kick()
  }

  /** @internal */
  sessionMoved(session: Session): void {
    const peer = [...this.roster.values()].find((p) => p.session === session)
    if (peer?.announced === true) this.setPath(peer, pathOf(peer))
  }

  /** @internal */
  sessionEnded(session: Session, reason: CloseReason): void {
    const peer = [...this.roster.values()].find((p) => p.session === session)
    if (peer === undefined) return
    this.removePeer(peer, reason === 'dead' ? 'lost' : 'left')
    // New players need not wait for one that is gone.
    if (reason === 'dead' && this.isHost) this.network.introducer.evict(this.id, peer.id).catch(() => {})
  }

  /** @internal A member's flow has begun. @returns Whether it is one of the room's. */
  acceptFlow(peerId: string, flow: ReceiveFlow, name: string | undefined): boolean {
    const peer = this.roster.get(peerId)
    if (peer === undefined) return false
    if (name === undefined) {
      flow.context = { room: this, peer, stream: undefined }
      flow.resume()
      return true
    }
    const found = this.streams.get(name)
    if (found === undefined) return false
    flow.context = { room: this, peer, stream: found }
    flow.delivery = found.delivery === 'reliable' ? 'ordered' : found.delivery === 'latest' ? 'newest' : 'arrival'
    if (this.heldFlows === undefined) flow.resume()
    else {
      flow.suspend()
      this.heldFlows.push(flow)
    }
    return true
  }

  /** @internal The game has been given the room: after its turn, in which it adds its listeners, messages are delivered. */
  deliverSoon(): void {
    const { clock } = this.network
    clock.at(clock.now(), () => {
      const held = this.heldFlows ?? []
      this.heldFlows = undefined
      if (!this.open) return
      for (const flow of held) flow.resume()
      this.kick()
    })
  }

  /** @internal */
  receiveControl(peer: Peer, said: unknown): void {
    if (Array.isArray(said) && said[0] === 'state') this.extensions.receiveJoinStates(said[1] as Record<string, Uint8Array>, peer)
    if (said === 'leave') this.removePeer(peer, 'left')
    if (said !== 'hello') return
    peer.greeted = true
    this.announce(peer)
  }

  /** @internal A message of a member. What comes before its greeting proves as well that it is there. */
  receiveMessage(peer: Peer, stream: Stream, data: Uint8Array): void {
    if (!this.open || this.roster.get(peer.id) !== peer) return
    if (!peer.greeted) this.receiveControl(peer, 'hello')
    stream.receive(data, peer)
  }

  /** @internal The network is closing, or the room is left. */
  shut(): void {
    if (!this.open) return
    this.open = false
    this.joining?.timer.cancel()
    this.joining?.reject(new AltostratusError('ROOM_CLOSED', 'The room was left before it was joined.'))
    this.joining = undefined
    for (const controller of this.hostTasks.values()) controller?.abort()
    this.hostTasks.clear()
    for (const peer of this.roster.values()) {
      peer.control?.write(LEAVE, this.clock.now())
      this.network.releasePeer(this, peer)
    }
    this.present.clear()
    this.roster.clear()
    for (const stream of this.streams.values()) stream.writable()
    this.network.roomClosed(this)
    this.kick()
    this.extensions.tell('closed')
    this.emitter.emit('closed')
  }

  private announce(peer: Peer): void {
    if (peer.announced || !peer.isPresent) return
    peer.announced = true
    this.present.set(peer.id, peer)
    this.setPath(peer, pathOf(peer))
    this.extensions.tell('peerJoined', peer)
    if (this.joining === undefined) this.emitter.emit('join', peer)
    else this.reached(peer)
  }

  /** One member less to wait for. */
  private reached(peer: Peer): void {
    const { joining } = this
    if (joining === undefined || !joining.missing.delete(peer.id)) {
      this.emitter.emit('join', peer)
      return
    }
    if (joining.missing.size > 0) return
    joining.timer.cancel()
    this.joining = undefined
    joining.resolve()
  }

  private removePeer(peer: Peer, reason: LeaveReason): void {
    if (!this.roster.delete(peer.id)) return
    this.present.delete(peer.id)
    this.setPath(peer, 'lost')
    this.network.releasePeer(this, peer)
    for (const stream of this.streams.values()) stream.writable()
    if (peer.announced) this.extensions.tell('peerLeft', peer, reason)
    if (peer.announced) this.emitter.emit('leave', peer, reason)
    if (this.joining?.missing.has(peer.id) === true) this.reached(peer)
    this.updateHost()
  }

  private setPath(peer: Peer, path: PeerPath): void {
    if (peer.currentPath === path) return
    peer.currentPath = path
    this.emitter.emit('path', peer, path)
  }

  private flowsTo(stream: Stream, to?: Peer | readonly Peer[]): SendFlow[] {
    const peers = to === undefined ? this.present.values() : Array.isArray(to) ? (to as readonly Peer[]) : [to as Peer]
    const flows: SendFlow[] = []
    for (const peer of peers) {
      const flow = this.flowTo(peer, stream)
      if (flow !== undefined) flows.push(flow)
    }
    return flows
  }

  private findHost(): Peer {
    let host = this.self
    for (const peer of this.roster.values()) if (peer.order < host.order) host = peer
    return host
  }

  private updateHost(): void {
    const host = this.findHost()
    if (host === this.currentHost) return
    const previous = this.currentHost
    this.currentHost = host
    const previousEpoch = this.currentEpoch++
    const change = {
      host,
      previous,
      epoch: this.currentEpoch,
      previousEpoch,
      cause: 'lost',
      handedOver: undefined,
      divergedAt: undefined,
    } as const
    this.extensions.tell('hostChanged', change)
    this.emitter.emit('host', host)
    if (this.isHost) for (const run of this.hostTasks.keys()) this.startTask(run)
  }

  private startTask(run: (signal: AbortSignal) => void | Promise<void>): void {
    const controller = new AbortController()
    this.hostTasks.set(run, controller)
    try {
      Promise.resolve(run(controller.signal)).catch((error: unknown) => {
        if (!controller.signal.aborted) this.onError(error)
      })
    } catch (error) {
      this.onError(error)
    }
  }
}

function pathOf({ session }: Peer): PeerPath {
  return session?.farAddress?.isDirect === false ? 'relay' : 'direct'
}
