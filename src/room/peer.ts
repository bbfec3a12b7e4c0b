import type { Profile, Standing } from '../introducer/protocol.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { Session, SessionStats } from '../rtmfp/session.ts'
import type { Seat } from './membership.ts'
import { Numbering } from './succession.ts'
import type { FlowNumber } from './succession.ts'

/** How a peer is reached: not yet, straight, by way of the introducer, by way of the room's host, or not any more. */
export type PeerPath = 'connecting' | 'direct' | 'relay' | 'host' | 'lost'

/** Bytes of messages, packed, on one connection with a peer. */
export interface ChannelTraffic {
  readonly sent: number
  readonly received: number
}

/** What is known of the network to a peer. */
export interface PeerStats extends SessionStats {
  /** How much has gone to and from the peer on each channel. */
  readonly channels: ReadonlyMap<string, ChannelTraffic>
}

interface FlowContext {
  readonly from: Peer
  readonly stream: { readonly id: string } | undefined
}

/** A member of a room. */
export class Peer {
  /** The peer's fingerprint, 64 hexadecimal digits: the same in every room and on every machine. */
  readonly id: string
  /** What the player tells of themselves. */
  readonly profile: Profile
  /** Receives everything, sends nothing, and takes no player's place. */
  readonly isSpectator: boolean
  readonly isSelf: boolean
  /** @internal */
  session: Session | undefined = undefined
  /** @internal Something has come on the session: the peer knows that this end is in the room. */
  greeted = false
  /** @internal `join` was told to the game. */
  announced = false
  /** @internal */
  away = false
  /** @internal Something that is reliable was lost on the way to it, and it has not been told. */
  hasMissed = false
  /** @internal */
  control: SendFlow | undefined = undefined
  /** @internal Flows to it, by what they carry; see `router.ts`. */
  readonly flows: Map<string, SendFlow> = new Map()
  /** @internal The numbers of this end's flows to it. */
  readonly numbering: Numbering
  /** @internal The numbers of the flows by which this end passes something on to it, by what they carry. */
  readonly passed: Map<string, FlowNumber> = new Map()
  /** @internal Streams of which something went to it by way of the host. */
  readonly forwarded: Set<string> = new Set()
  /** @internal By stream: all of its flows before this number have ended. */
  readonly ended: Map<string, number> = new Map()
  /** @internal */
  currentPath: PeerPath = 'connecting'
  /** @internal Since when there is no session, or was not yet; on the network's clock. */
  unreachedSince: number
  /** @internal When a session was last tried. */
  triedAt: number
  /** @internal There was a session with it once. */
  reached = false
  /** @internal Since when it is away. */
  awaySince = Infinity
  /** @internal Who is the host, as it said last. */
  standing: Standing | undefined = undefined
  /** @internal When it was heard again after a silence. */
  backSince = -Infinity
  /** @internal Since when the session with it is not needed. */
  indirectSince = Infinity
  /** @internal Since when it counts as silent; `Infinity` while it is heard. */
  silentSince = Infinity

  private seatOrder: number

  /** @internal */
  constructor(seat: Seat, isSelf: boolean, now: number, firstNumber = 0) {
    this.numbering = new Numbering(firstNumber)
    this.id = seat.peerId
    this.profile = seat.profile
    this.seatOrder = seat.order
    this.isSpectator = seat.isSpectator
    this.isSelf = isSelf
    this.away = seat.isAway
    if (seat.isAway) this.awaySince = now
    this.unreachedSince = now
    this.triedAt = now
    if (isSelf) this.currentPath = 'direct'
  }

  /** Counts up by joining. The oldest player follows a host that is gone. Who was lost for too long and takes another seat has another one. */
  get order(): number {
    return this.seatOrder
  }

  /** @internal */
  set order(order: number) {
    this.seatOrder = order
  }

  /** How it is reached now. */
  get path(): PeerPath {
    return this.currentPath
  }

  /** Whether it has fallen silent; its seat is kept for a while. */
  get isAway(): boolean {
    return this.away
  }

  /** Smoothed round-trip time in milliseconds; 0 for oneself, −1 while it is not known. */
  get rtt(): number {
    return this.isSelf ? 0 : (this.session?.srtt ?? -1)
  }

  /** What is known of the network to it, and how much has gone each way; `undefined` for oneself, and while there is no connection. */
  get stats(): PeerStats | undefined {
    const { session } = this
    if (session === undefined) return undefined
    const channels = new Map<string, ChannelTraffic>()
    // What is passed on for others, or to them, is theirs.
    for (const [id, { writtenBytes }] of this.flows) if (!/^[<>]/.test(id)) channels.set(id, { sent: writtenBytes, received: 0 })
    for (const flow of session.receivingFlows) {
      const context = flow.context as FlowContext | undefined
      const id = context?.from === this ? context.stream?.id : undefined
      if (id === undefined) continue
      const { sent, received } = channels.get(id) ?? { sent: 0, received: 0 }
      channels.set(id, { sent, received: received + flow.deliveredBytes })
    }
    return { ...session.stats, channels }
  }

  /** @internal Messages can be sent to it straight, and come from it. */
  get isConnected(): boolean {
    return this.session?.state === 'open' && this.greeted
  }

  /** @internal How long nothing was heard of it, milliseconds: since it was last there, when there is no session. */
  silence(now: number): number {
    return this.isConnected ? (this.session as Session).silence(now) : now - this.unreachedSince
  }
}
