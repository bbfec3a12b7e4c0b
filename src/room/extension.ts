import type { Clock } from '../link/clock.ts'
import type { Priority } from './definition.ts'
import type { Peer } from './peer.ts'

/**
 * What a layer above rooms (replicated state, voice) plugs into a room, and what it gets of it. Rooms know nothing of what those layers do:
 * a game's definition brings {@link RoomPart}s along, each of which attaches itself to every room of that game.
 */
export interface RoomPart<Api> {
  /** Called once per room, before it is handed to the game. @returns What the game finds under the part's name. */
  attach(room: RoomAttachment, name: string): Api
  /** Only for the type checker. */
  readonly api?: Api
}

/** What the game finds where it has put a part. */
export type PartApi<P> = P extends RoomPart<infer Api> ? Api : undefined

/** Parts of a definition, by name. */
export type Parts = Readonly<Record<string, RoomPart<unknown>>>

/** Where parts find the extension that they share: all entities of a room use one engine. */
export interface RoomAttachment {
  /** The room's extension of this name, made when it is first asked for. */
  extension<E extends RoomExtension>(name: string, create: (port: RoomPort) => E): E
}

/** Why a seat is given up: its player said so, was lost for longer than the grace time, or was sent away. */
export type LeaveReason = 'left' | 'lost' | 'kicked' | 'banned'

/** Why another peer is the host now. */
export type HostChangeCause =
  /** The one before left, or handed over: it appointed its successor. */
  | 'handed-over'
  /** The one before fell silent. */
  | 'lost'
  /** This end was on the side of a partition that lost: what it did as host, or what its host did, does not count. */
  | 'healed'

/** Another peer is the host, or the same one with a new epoch. */
export interface HostChange {
  readonly host: Peer
  /** `undefined` when it was never known. */
  readonly previous: Peer | undefined
  /** Higher than any before that this end has followed. */
  readonly epoch: number
  readonly previousEpoch: number
  readonly cause: HostChangeCause
  /** What the one before sent along when it handed over: see {@link RoomExtension.handOver}. At the successor only. */
  readonly handedOver: Uint8Array | undefined
  /**
   * When it healed: since when this end was apart from the side that won, milliseconds on the room's clock. What was written in the host's name
   * here since then is void; the new host's state comes by {@link RoomExtension.receiveJoinState}.
   */
  readonly divergedAt: number | undefined
}

/** Calls of a room to an extension; all in the order in which things happen, none of them while another one runs. */
export interface RoomExtension {
  /** A peer can be sent to for the first time; on the joining side, all that are there, before `join` resolves. */
  peerJoined?(peer: Peer): void
  /** A peer has fallen silent; its seat is kept for the grace time. What is reliable is kept for it. */
  peerAway?(peer: Peer): void
  /** A peer that was away is back, in the same seat; it may have been restarted, and know nothing. */
  peerReturned?(peer: Peer): void
  /** Reliable messages between this end and the peer are lost for good. */
  peerMissed?(peer: Peer): void
  /** The peer's seat is free. */
  peerLeft?(peer: Peer, reason: LeaveReason): void
  /** This end was given up for lost, and has taken another seat: to all others it is somebody new. `before`: the order of its seat before. */
  seatChanged?(before: number): void
  /** Another host, or another epoch of the same one. Called before `asHost` functions start, and after those of the one before have been aborted. */
  hostChanged?(change: HostChange): void
  /**
   * On the host: what a peer that joins, returns or has been apart must know; it is delivered before that peer's `join` resolves, and before
   * anything that is sent to it afterwards. At most {@link RoomPort.maxJoinState} bytes, else it is left out.
   */
  joinState?(peer: Peer): Uint8Array | undefined
  /** On that peer. `from` is the host of the epoch that holds now. */
  receiveJoinState?(state: Uint8Array, from: Peer): void
  /** On a host that hands over or leaves: what its successor must have, to go on exactly where this one stops. */
  handOver?(to: Peer): Uint8Array | undefined
  /**
   * A message of the extension of the same name at another peer. Those of spectators come too (they may have to acknowledge): what may
   * not be written by them is for the extension to refuse, see `from.isSpectator`.
   */
  receive?(from: Peer, message: Uint8Array, lane: Lane): void
  /** This end has left the room; nothing is called after it. */
  closed?(): void
}

/** `datagram`: sent once, may be lost or overtaken. `reliable`: each once, in order. */
export type Lane = 'datagram' | 'reliable'

/** What an extension can ask of its room. */
export interface RoomPort {
  readonly clock: Clock
  readonly self: Peer
  /** The host of this side. */
  readonly host: Peer
  readonly isHost: boolean
  /** Counts up with each host; the fencing token of what is written in the host's name. */
  readonly epoch: number
  readonly isOpen: boolean
  /** Others that have a seat, those away included. */
  readonly peers: Iterable<Peer>
  /** `mesh`: everyone is connected to everyone. `star`: messages between two who are not go by way of the host; it should aggregate. */
  readonly topology: 'mesh' | 'star'
  /** Bytes of a {@link RoomExtension.joinState} at most. */
  readonly maxJoinState: number

  /** Whether messages can be sent to the peer now, straight or by way of the host. */
  isReachable(peer: Peer): boolean
  /** Whether what the peer wrote in the host's name in that epoch counts. */
  isCurrentHost(peer: Peer, epoch: number): boolean
  /** Longest datagram for the peer that travels in one packet now. Bytes. */
  datagramRoom(peer: Peer): number
  /** Bytes of this extension's datagrams for the peer that have not left yet: when it grows, the path is the bottleneck. */
  datagramBacklog(peer: Peer): number
  /**
   * Sends without retransmission. The array must not be changed afterwards.
   * @returns `false` when it can't be: the peer is not reachable, its queue is full.
   */
  sendDatagram(peer: Peer, message: Uint8Array, priority?: Priority): boolean
  /**
   * Sends each once, in order; to a peer that is silent, when it answers again. The array must not be changed afterwards.
   * @returns `false` when there is no way to the peer, or its queue is full.
   */
  sendReliable(peer: Peer, message: Uint8Array, priority?: Priority): boolean
  /** Makes `room.now()` the extension's own: a clock that all members share. Milliseconds. */
  provideClock(now: () => number): void
  /** Takes what the game's listeners throw. */
  onError(error: unknown): void
}
