import { toHex, utf8 } from '../base/bytes.ts'
import { AltostratusError } from '../base/errors.ts'
import { randomBytes } from '../base/random.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { PASSWORD_SALT, passwordVerifier } from '../crypto/password.ts'
import { asPeerId, asProperties } from '../introducer/protocol.ts'
import type { Properties } from '../introducer/protocol.ts'
import { Channel } from './channel.ts'
import { checked } from './checked.ts'
import { MAX_BANS, MAX_PASSWORD, MAX_RESERVED } from './constants.ts'
import { RoomCore } from './core.ts'
import type { ClosedReason, Entry, RoomListener, RoomNetwork } from './core.ts'
import type { ChannelDefinition, Channels, Game } from './definition.ts'
import { SafeEmitter } from './emitter.ts'
import type { LeaveReason, PartApi, Parts } from './extension.ts'
import type { RoomRules, Snapshot, TopologyRule } from './membership.ts'
import type { States } from './messages.ts'
import type { Network } from './network.ts'
import type { Peer } from './peer.ts'
import type { PeerPath } from './peer.ts'
import { Calls } from './rpc.ts'
import type { RoomRpcs } from './rpc.ts'

/** What happens in a room. */
export interface RoomEvents {
  /** A peer can be sent to from now on. */
  join: (peer: Peer) => void
  /** The peer's seat is free. */
  leave: (peer: Peer, reason: LeaveReason) => void
  /** The peer has fallen silent; its seat is kept for the room's grace time. What is reliable waits for it. */
  away: (peer: Peer) => void
  /**
   * Reliable messages between this end and the peer are lost for good: more waited for it while it was silent than a queue holds, or the connection
   * with it was given up after too long a silence. Both are told as soon as they can be. Say again what matters.
   */
  gap: (peer: Peer) => void
  /** A peer that was away is back in its seat. */
  return: (peer: Peer) => void
  /** Another peer, perhaps this one, is the host now. */
  host: (peer: Peer) => void
  path: (peer: Peer, path: PeerPath) => void
  /** The room's properties, lock or reservations have changed. */
  rules: () => void
  /**
   * The network was apart and has healed, and this end was on the side whose host does not count: what was written in the name of `previous` since then,
   * milliseconds on the network's clock, is void.
   */
  superseded: (host: Peer, previous: Peer, since: number) => void
  /** This end has left, or lost its seat; then there is an explanation. */
  closed: (reason: ClosedReason, explanation: string) => void
}

/** The channels of a room, each with the type that the game defines. */
export type RoomChannels<C extends Channels> = {
  readonly [K in keyof C]: C[K] extends ChannelDefinition<infer F> ? Channel<F> : never
}

/** The entities of a room, as the layer that brings them gives them to the game. */
export type RoomEntities<E extends Parts> = { readonly [K in keyof E]: PartApi<E[K]> }

/** What is fixed when a room is made. */
export interface RoomFacts {
  readonly id: string
  readonly code: string
  readonly listed: boolean
}

const TOKEN_LENGTH = 16

/** What the host does; see {@link Room.asHost}. */
export type HostTask = (signal: AbortSignal) => void | Promise<void>

/** A room that this peer is in: who else is, and what goes on between them. */
export class Room<G extends Game = Game> {
  /** What others join by. */
  readonly code: string
  readonly game: G
  /** Whether others find it in the list of rooms. */
  readonly listed: boolean
  readonly channels: RoomChannels<G['channels']>
  readonly rpcs: RoomRpcs<G['rpcs']>
  readonly entities: RoomEntities<G['entities']>
  /** What the host writes and all read. */
  readonly shared: PartApi<G['shared']>
  /** @internal */
  readonly id: string
  /** @internal */
  readonly network: Network
  /** @internal */
  readonly core: RoomCore

  private readonly emitter: SafeEmitter<RoomEvents>
  private readonly calls: Calls
  private readonly hostTasks = new Map<HostTask, AbortController | undefined>()

  /** @internal Use `Network.create` and `Network.join`. */
  constructor(network: Network, game: G, facts: RoomFacts, snapshot: Snapshot, entry?: Entry & { readonly states: States }) {
    this.network = network
    this.game = game
    this.id = facts.id
    this.code = facts.code
    this.listed = facts.listed
    this.emitter = new SafeEmitter((error) => network.onError(error))
    const core = new RoomCore(network, game, facts.id, snapshot, this.listener(), entry)
    this.core = core
    const channels = Object.entries(game.channels).map(([name, definition]) => [name, new Channel(name, definition, core)] as const)
    for (const [, stream] of channels) core.addStream(stream)
    this.channels = Object.fromEntries(channels) as RoomChannels<G['channels']>
    this.calls = new Calls(core, game.rpcs)
    this.rpcs = this.calls.api()
    const parts = Object.entries(game.entities).map(([name, part]) => [name, part.attach(core.extensions, name)] as const)
    this.entities = Object.fromEntries(parts) as RoomEntities<G['entities']>
    this.shared = game.shared?.attach(core.extensions, 'shared') as PartApi<G['shared']>
    if (entry !== undefined) core.extensions.receiveJoinStates(entry.states, core.host)
    for (const peer of core.peers.values()) core.updatePath(peer)
  }

  get self(): Peer {
    return this.core.self
  }

  /** The others in the room that have been reached, by ID; those that are away for a while too. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.core.announced
  }

  /** Who decides: at first who made the room, later who follows. */
  get host(): Peer {
    return this.core.host
  }

  get isHost(): boolean {
    return this.core.isHost && this.core.isOpen
  }

  /** Counts up with each host. */
  get epoch(): number {
    return this.core.epoch
  }

  /** Whether this side was cut off from most of the room: when the network heals, the other one may count. */
  get isProvisional(): boolean {
    return this.core.membership.isProvisional
  }

  /** Whether this end is still in the room. */
  get isOpen(): boolean {
    return this.core.isOpen
  }

  /** Players at most. */
  get capacity(): number {
    return this.core.membership.rules.capacity
  }

  /** Public properties, by which others find the room. */
  get properties(): Properties {
    return this.core.membership.rules.properties
  }

  /** Properties that members alone can read. */
  get privateProperties(): Properties {
    return this.core.membership.rules.privateProperties
  }

  get isLocked(): boolean {
    return this.core.membership.rules.isLocked
  }

  /** `mesh`: everyone is connected to everyone. `star`: to the host and who would follow it. */
  get topology(): 'mesh' | 'star' {
    return this.core.topology
  }

  /** Messages that came from spectators, or made no sense, and were dropped. */
  get refused(): number {
    return this.core.refused
  }

  /** Milliseconds on the clock that all members share, or on this machine's while there is none. */
  now(): number {
    return this.core.sharedNow()
  }

  /** Calls back on an event. @returns What ends that. */
  on<K extends keyof RoomEvents>(event: K, listener: RoomEvents[K]): () => void {
    return this.emitter.on(event, listener)
  }

  /**
   * Runs the function while this peer is the host: now, if it is, or when it becomes it. The signal aborts when it no longer is, or the room is
   * left. @returns What ends it.
   */
  asHost(run: HostTask): () => void {
    this.hostTasks.set(run, undefined)
    if (this.isHost) this.startTask(run)
    return () => {
      this.hostTasks.get(run)?.abort()
      this.hostTasks.delete(run)
    }
  }

  // What the host may do

  /** Makes another player the host, the oldest one by default. Resolves when it is. @throws AltostratusError `NOT_HOST`, `BAD_RECEIVER`, `HAND_OVER_FAILED` */
  handOver(to?: Peer): Promise<void> {
    return this.core.duties.handOver(to)
  }

  /** Changes the public properties of the room, by which others find it. @throws AltostratusError `NOT_HOST`, `BAD_VALUE` */
  async setProperties(properties: Properties): Promise<void> {
    checked('properties', () => asProperties(properties))
    await this.core.duties.setRules({ properties })
  }

  /** Changes the properties that only members see. @throws AltostratusError `NOT_HOST`, `BAD_VALUE` */
  async setPrivateProperties(privateProperties: Properties): Promise<void> {
    checked('private properties', () => asProperties(privateProperties))
    await this.core.duties.setRules({ privateProperties })
  }

  /** How members are connected: `auto` by how many there are. @throws AltostratusError `NOT_HOST` */
  setTopology(topology: TopologyRule): Promise<void> {
    return this.core.duties.setRules({ topology })
  }

  /** Lets nobody new in, those aside for whom a seat is kept; nobody who is not let in is told a member's address. @throws AltostratusError `NOT_HOST` */
  lock(): Promise<void> {
    return this.core.duties.setRules({ isLocked: true })
  }

  /** @throws AltostratusError `NOT_HOST` */
  unlock(): Promise<void> {
    return this.core.duties.setRules({ isLocked: false })
  }

  /** Sends a member away; it may come back. @param reason For the player. @throws AltostratusError `NOT_HOST`, `BAD_RECEIVER` */
  kick(peer: Peer, reason = ''): void {
    this.core.duties.remove(peer, false, reason.slice(0, MAX_BANS))
  }

  /** Sends a member away for good, or keeps a peer ID out. From then on newcomers are told addresses only when they are in. @throws AltostratusError `NOT_HOST`, `BAD_RECEIVER` */
  async ban(peer: Peer | string, reason = ''): Promise<void> {
    const member = typeof peer === 'string' ? this.core.peers.get(peer) : peer
    if (member !== undefined) this.core.duties.remove(member, true, reason.slice(0, MAX_BANS))
    else {
      const { bans } = this.core.membership.rules
      await this.core.duties.setRules({ bans: [...bans.filter((id) => id !== peer), peer as string].slice(-MAX_BANS) })
    }
  }

  /** @throws AltostratusError `NOT_HOST` */
  async unban(peerId: string): Promise<void> {
    await this.core.duties.setRules({ bans: this.core.membership.rules.bans.filter((id) => id !== peerId) })
  }

  /**
   * Keeps a seat: for a peer ID, or for who has the text that this gives, and joins with it as `seat`.
   * @throws AltostratusError `NOT_HOST`, `BAD_VALUE` when as many are kept as there may be
   */
  async reserve(peerId?: string): Promise<string> {
    const { reserved } = this.core.membership.rules
    if (reserved.length >= MAX_RESERVED) throw new AltostratusError('BAD_VALUE', `A room keeps at most ${MAX_RESERVED} seats.`)
    if (peerId !== undefined) checked('peer ID', () => asPeerId(peerId))
    const { random, backend } = this.core.network
    const token = peerId ?? toHex(randomBytes(random, TOKEN_LENGTH))
    const key = peerId ?? seatKey(backend, token)
    await this.core.duties.setRules({ reserved: [...reserved.filter((other) => other !== key), key] })
    return token
  }

  /** Gives a seat free that was kept. @param seat The peer ID, or what `reserve` gave. @throws AltostratusError `NOT_HOST` */
  async release(seat: string): Promise<void> {
    const key = seatKey(this.core.network.backend, seat)
    await this.core.duties.setRules({ reserved: this.core.membership.rules.reserved.filter((other) => other !== seat && other !== key) })
  }

  /** Leaves: the others see it at once, and if this is the host another one is it. Resolves when the introducer knows too, or can't be told. */
  async leave(): Promise<void> {
    if (!this.core.isOpen) return
    this.core.shut('left')
    await this.network.leave(this.id)
  }

  private listener(): RoomListener {
    const { emitter } = this
    return {
      joined: (peer) => emitter.emit('join', peer),
      left: (peer, reason) => {
        this.calls.peerLost(peer)
        emitter.emit('leave', peer, reason)
      },
      away: (peer) => {
        this.calls.peerLost(peer)
        emitter.emit('away', peer)
      },
      returned: (peer) => emitter.emit('return', peer),
      path: (peer, path) => emitter.emit('path', peer, path),
      gap: (peer) => emitter.emit('gap', peer),
      deposed: () => this.stopTasks(),
      host: (host) => {
        emitter.emit('host', host)
        if (this.isHost) for (const run of this.hostTasks.keys()) this.startTask(run)
      },
      superseded: (host, previous, since) => emitter.emit('superseded', host, previous, since),
      rules: () => emitter.emit('rules'),
      closed: (reason, explanation) => {
        this.hostTasks.clear()
        this.calls.close()
        emitter.emit('closed', reason, explanation)
      },
    }
  }

  private stopTasks(): void {
    for (const [run, controller] of this.hostTasks) {
      controller?.abort()
      this.hostTasks.set(run, undefined)
    }
  }

  private startTask(run: HostTask): void {
    const controller = new AbortController()
    this.hostTasks.set(run, controller)
    try {
      Promise.resolve(run(controller.signal)).catch((error: unknown) => {
        if (!controller.signal.aborted) this.core.onError(error)
      })
    } catch (error) {
      this.core.onError(error)
    }
  }
}

/** How a kept seat is known to all members, who must not be able to take it themselves. */
export function seatKey(backend: CryptoBackend, token: string): string {
  return toHex(backend.sha256(utf8(`altostratus seat ${token}`)))
}

/** What a room asks newcomers for. @throws AltostratusError `BAD_VALUE` */
export function makePassword({ random }: Pick<RoomNetwork, 'random'>, password: string | undefined): RoomRules['password'] {
  if (password === undefined) return undefined
  if (password.length === 0 || password.length > MAX_PASSWORD)
    throw new AltostratusError('BAD_VALUE', `A password has 1 to ${MAX_PASSWORD} characters.`)
  const salt = randomBytes(random, PASSWORD_SALT)
  return { salt, verifier: passwordVerifier(password, salt) }
}
