import type { Profile } from '../introducer/protocol.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { Session, SessionStats } from '../rtmfp/session.ts'

/** How a peer is reached: not yet, straight, by way of the introducer, or not any more. */
export type PeerPath = 'connecting' | 'direct' | 'relay' | 'lost'

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
  readonly peer: Peer
  readonly stream: { readonly id: string } | undefined
}

/** A member of a room. */
export class Peer {
  /** The peer's fingerprint, 64 hexadecimal digits: the same in every room and on every machine. */
  readonly id: string
  /** What the player tells of themselves. */
  readonly profile: Profile
  /** Counts up by joining. The lowest of those present is the host. */
  readonly order: number
  readonly isSelf: boolean
  /** @internal */
  session: Session | undefined = undefined
  /** @internal The peer has said that it is in the room. */
  greeted = false
  /** @internal `join` was told to the game. */
  announced = false
  /** @internal */
  control: SendFlow | undefined = undefined
  /** @internal By channel. */
  readonly flows: Map<string, SendFlow> = new Map()
  /** @internal */
  currentPath: PeerPath = 'connecting'

  /** @internal */
  constructor(id: string, profile: Profile, order: number, isSelf: boolean) {
    this.id = id
    this.profile = profile
    this.order = order
    this.isSelf = isSelf
    if (isSelf) this.currentPath = 'direct'
  }

  /** How it is reached now. */
  get path(): PeerPath {
    return this.currentPath
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
    for (const [id, { writtenBytes }] of this.flows) channels.set(id, { sent: writtenBytes, received: 0 })
    for (const flow of session.receivingFlows) {
      const context = flow.context as FlowContext | undefined
      const id = context?.peer === this ? context.stream?.id : undefined
      if (id === undefined) continue
      const { sent, received } = channels.get(id) ?? { sent: 0, received: 0 }
      channels.set(id, { sent, received: received + flow.deliveredBytes })
    }
    return { ...session.stats, channels }
  }

  /** @internal Messages can be sent to it and come from it. */
  get isPresent(): boolean {
    return this.isSelf || (this.session?.state === 'open' && this.greeted)
  }
}
