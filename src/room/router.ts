import { AltostratusError } from '../base/errors.ts'
import { pack } from '../introducer/packing.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { Session } from '../rtmfp/session.ts'
import { CHANNEL_FLOW, FORWARDED_FLOW, FORWARD_FLOW } from './constants.ts'
import { PRIORITY_LEVEL } from './definition.ts'
import { END, FOLLOW, PASS, encodeEnvelope, encodeNumber } from './envelope.ts'
import { Forwarder } from './forwarding.ts'
import type { ForwarderHost } from './forwarding.ts'
import type { Peer, PeerPath } from './peer.ts'
import { isReliable } from './stream.ts'
import type { Stream } from './stream.ts'
import { Succession } from './succession.ts'
import type { FlowNumber, Incoming, SuccessionHost } from './succession.ts'

/** What the router needs of its room. */
export interface RouterHost extends ForwarderHost, SuccessionHost {
  readonly host: Peer
  readonly isStar: boolean
  stream(id: string): Stream | undefined
  /** A message for this end. */
  deliver(from: Peer, stream: Stream, data: Uint8Array): void
  /** A member that is silent has missed something that is reliable: the session with it is no good any more. */
  giveUp(peer: Peer): void
}

/** What is known of a flow of a member, and who deals with it. */
interface Accepted extends Incoming {
  readonly router: Router
}

/**
 * The ways that messages take in a room: straight, or by way of the host, who passes them on. A way may change at any time; a flow that follows
 * another one is held back until that one has ended, so that what was in order stays so. What is reliable is kept for a member that is silent,
 * as long as the session with it lives.
 */
export class Router {
  private readonly host: RouterHost
  private readonly succession: Succession<Accepted>
  private readonly forwarder: Forwarder

  constructor(host: RouterHost) {
    this.host = host
    this.succession = new Succession(host)
    this.forwarder = new Forwarder(host, {
      open: (peer, stream, metadata, context, maxQueuedBytes) => this.open(peer, stream, metadata, context, maxQueuedBytes),
      giveUp: (peer) => host.giveUp(peer),
    })
  }

  /** @returns `false` when a queue is full; see `StreamSender.send`. */
  send(stream: Stream, bytes: Uint8Array, to?: Peer | readonly Peer[]): boolean {
    const { host } = this
    const receivers = to === undefined ? host.present : Array.isArray(to) ? (to as readonly Peer[]) : [to as Peer]
    const flows: SendFlow[] = []
    let forwards: Peer[] | undefined
    let missing: Peer[] | undefined
    // In a star, "all others" need not be named one by one.
    let isAll = to === undefined && host.isStar
    for (const peer of receivers) {
      if (peer.isSelf) throw new AltostratusError('BAD_RECEIVER', 'A message to oneself goes nowhere.', { hint: 'Use it right away.' })
      const way = this.wayTo(peer, stream)
      if (isAll && host.isHub(peer) === (way === 'host')) isAll = false
      if (way === 'host') (forwards ??= []).push(peer)
      if (way !== 'straight') continue
      const flow = this.flowTo(peer, stream)
      if (!isReliable(stream) || flow.hasRoomFor(bytes.length)) flows.push(flow)
      else if (host.hears(peer)) return false
      else (missing ??= []).push(peer)
    }
    if (forwards !== undefined && !this.forward(stream, bytes, forwards, isAll)) return false
    const now = host.now()
    let all = true
    for (const flow of flows) {
      if (stream.delivery === 'latest') flow.abandonQueued()
      if (!flow.write(bytes, now)) all = false
    }
    if (missing !== undefined) for (const peer of missing) host.giveUp(peer)
    host.kick()
    return all
  }

  /** Whether a queue of the stream has refused and still has no room. */
  isFull(stream: Stream): boolean {
    const { host } = this
    for (const peer of host.present) {
      if (peer.flows.get(stream.id)?.isFull === true && host.hears(peer)) return true
    }
    if (!host.hears(host.host)) return false
    for (const [key, flow] of host.host.flows) if (key.startsWith(`>${stream.id}@`) && flow.isFull) return true
    return false
  }

  /** Bytes of the stream that wait for the peer. */
  backlog(stream: Stream, peer: Peer): number {
    if (isStraight(peer.currentPath)) return peer.flows.get(stream.id)?.queuedBytes ?? 0
    return peer.currentPath === 'host' ? (this.host.host.flows.get(`>${stream.id}@`)?.queuedBytes ?? 0) : 0
  }

  /** The peer is reached in another way from now on, if in any. To be called before `peer.currentPath` is changed. */
  changePath(peer: Peer, path: PeerPath): void {
    if (peer.currentPath === 'host') this.endForwarding(peer)
    else if (path === 'host') this.leaveStraight(peer)
    else if (path === 'lost') {
      for (const [, flow] of peer.flows) if (!flow.retransmit) flow.abandonQueued()
      this.forwarder.resume()
    }
  }

  /** Another is the host: what is passed on from now on, it passes on. @param isLost The one before passes on nothing more. */
  hostChanged(previous: Peer, isLost: boolean): void {
    for (const peer of this.host.present) {
      if (isLost) for (const id of peer.forwarded) peer.numbering.renew(id)
      peer.forwarded.clear()
    }
    for (const [key, flow] of previous.flows) {
      if (!key.startsWith('>')) continue
      flow.close()
      previous.flows.delete(key)
    }
  }

  /** A member that was away is back, and may know nothing of what was before. */
  returned(peer: Peer): void {
    peer.numbering.renew()
  }

  /** The session with a member is over. @returns Whether something that is reliable is lost with it. */
  sessionEnded(peer: Peer, session: Session): boolean {
    let isLoss = false
    this.endFlowsOn(session)
    for (const [key, flow] of peer.flows) {
      if (flow.retransmit && flow.queuedBytes > 0) isLoss = true
      if (key.startsWith('>')) for (const other of this.host.present) other.forwarded.delete(streamOf(key))
      else if (!key.startsWith('<')) peer.numbering.renew(key)
    }
    for (const [key, { generation }] of peer.passed) peer.passed.set(key, { generation, since: generation })
    peer.flows.clear()
    this.forwarder.resume()
    return isLoss
  }

  /** Nothing more comes on the session. */
  endFlowsOn(session: Session): void {
    for (const entry of this.succession.incoming.values()) if (entry.session === session) this.ended(entry.flow)
  }

  /** A member has no seat any more. */
  left(peer: Peer): void {
    for (const flow of peer.flows.values()) flow.close()
    // What it says from now on waits: it may have a seat again before it has noticed that it had none.
    for (const entry of this.succession.incoming.values()) if (entry.from === peer && entry.session === peer.session) entry.flow.suspend()
    this.forwarder.resume()
  }

  /** A member has a seat; perhaps again, in the session that there was with it before. */
  seated(peer: Peer): void {
    this.succession.takeOver(peer)
  }

  /** Whether all has arrived that the two have said to each other straight. */
  isQuiet(peer: Peer): boolean {
    for (const flow of peer.flows.values()) if (flow.retransmit && flow.queuedBytes > 0) return false
    return peer.session === undefined || !this.succession.isOpenOn(peer.session)
  }

  /** Takes a flow of a member. @returns Whether it is one that the room knows. */
  accept(from: Peer, session: Session, flow: ReceiveFlow, address: FlowAddress): boolean {
    const { host } = this
    const stream = host.stream(address.stream)
    const origin = address.kind === FORWARDED_FLOW ? host.peerOfOrder(address.origin) : from
    if (stream === undefined || origin === undefined || origin.isSelf) return false
    // Only the host of now, or of before, attests who something is from.
    if (address.kind === FORWARDED_FLOW && from.isSpectator) return false
    if (origin.isSpectator && !stream.isOpenToSpectators) return false
    const isForward = address.kind === FORWARD_FLOW
    const { generation, since } = address
    const entry: Accepted = { router: this, flow, session, from: origin, stream, generation, since, isForward }
    flow.context = entry
    // What is passed on goes out in the order in which it came: it is ordered by the flow that takes it on.
    flow.delivery = stream.delivery === 'reliable' ? 'ordered' : stream.delivery === 'latest' ? 'newest' : 'arrival'
    this.succession.add(entry)
    return true
  }

  /** A flow that was held back before it was accepted goes on, unless it has to wait for another one. */
  resume(flow: ReceiveFlow): void {
    this.succession.resume(flow)
  }

  /** A message on a flow that was accepted. */
  receive(flow: ReceiveFlow, data: Uint8Array): void {
    const entry = this.succession.incoming.get(flow)
    if (entry === undefined) return
    if (entry.isForward) this.forwarder.passOn(entry, data)
    else this.host.deliver(entry.from, entry.stream, data)
  }

  /** All of a flow has been delivered, or nothing more will be. */
  ended(flow: ReceiveFlow): void {
    const entry = this.succession.end(flow)
    if (entry?.isForward === true) this.forwarder.ended(entry)
  }

  // Sending

  private wayTo(peer: Peer, stream: Stream): 'straight' | 'host' | undefined {
    const { currentPath } = peer
    if (isStraight(currentPath)) return 'straight'
    if (!isReliable(stream) || !peer.isConnected) return currentPath === 'host' ? 'host' : undefined
    if (currentPath !== 'host') return 'straight'
    // What has not arrived yet would hold up what goes another way.
    const flow = peer.flows.get(stream.id)
    if (flow?.state === 'open' && flow.queuedBytes > 0) return 'straight'
    this.close(peer, stream.id)
    return 'host'
  }

  private flowTo(peer: Peer, stream: Stream): SendFlow {
    const known = peer.flows.get(stream.id)
    if (known?.state === 'open') return known
    // One that was refused leads nowhere.
    if (known !== undefined) peer.numbering.renew(stream.id)
    const { generation, since } = peer.numbering.take(stream.id)
    const flow = this.open(peer, stream, pack([CHANNEL_FLOW, this.host.id, stream.id, generation, since]), stream)
    peer.flows.set(stream.id, flow)
    return flow
  }

  private open(peer: Peer, stream: Stream, metadata: Uint8Array, context: unknown, maxQueuedBytes = stream.maxQueuedBytes): SendFlow {
    return (peer.session as Session).openFlow({
      metadata,
      priority: PRIORITY_LEVEL[stream.priority],
      timeCritical: stream.priority === 'immediate',
      retransmit: isReliable(stream),
      lifetime: stream.lifetime,
      maxQueuedBytes,
      context,
    })
  }

  private close(peer: Peer, key: string): void {
    peer.flows.get(key)?.close()
    peer.flows.delete(key)
  }

  private leaveStraight(peer: Peer): void {
    for (const [key, flow] of peer.flows) {
      if (/^[<>]/.test(key)) continue
      // To who is silent, what is reliable comes when it answers again, or never: what is said after it must not overtake it.
      if (flow.retransmit && flow.queuedBytes > 0 && !this.host.hears(peer)) continue
      this.close(peer, key)
    }
  }

  private endForwarding(peer: Peer): void {
    for (const id of peer.forwarded) {
      for (const key of [`>${id}@`, `>${id}@${peer.order}`]) {
        this.host.host.flows.get(key)?.write(encodeEnvelope(END, [peer]), this.host.now())
      }
    }
    peer.forwarded.clear()
  }

  /** @param isAll The targets are all members that are no hubs. */
  private forward(stream: Stream, bytes: Uint8Array, targets: readonly Peer[], isAll: boolean): boolean {
    const { host } = this
    const now = host.now()
    // Of `latest` a message to one must not overtake, and so drop, one to another.
    const batches = stream.delivery === 'latest' && !isAll ? targets.map((peer) => [peer]) : [targets]
    const sends: [SendFlow, Uint8Array][] = []
    for (const batch of batches) {
      const suffix = stream.delivery === 'latest' && !isAll ? `${(batch[0] as Peer).order}` : ''
      const flow = this.flowToHost(`>${stream.id}@${suffix}`, stream)
      const envelope = encodeEnvelope(PASS, isAll ? [] : batch, bytes)
      const fresh = batch.filter((peer) => !peer.forwarded.has(stream.id))
      if (isReliable(stream) && !flow.hasRoomFor(envelope.length + fresh.length * MAX_FOLLOW)) return false
      sends.push([flow, envelope])
      for (const peer of fresh) {
        peer.forwarded.add(stream.id)
        flow.write(encodeEnvelope(FOLLOW, [peer], encodeNumber(peer.numbering.take(stream.id))), now)
      }
    }
    let all = true
    for (const [flow, envelope] of sends) {
      if (stream.delivery === 'latest') flow.abandonQueued()
      if (!flow.write(envelope, now)) all = false
    }
    return all
  }

  private flowToHost(key: string, stream: Stream): SendFlow {
    const hub = this.host.host
    let flow = hub.flows.get(key)
    if (flow === undefined || flow.state !== 'open') {
      flow = this.open(hub, stream, pack([FORWARD_FLOW, this.host.id, stream.id]), stream)
      hub.flows.set(key, flow)
    }
    return flow
  }
}

/** The router that has accepted a flow. */
export function routerOf({ context }: ReceiveFlow): Router | undefined {
  return typeof context === 'object' && context !== null && 'router' in context ? (context as Accepted).router : undefined
}

/** Whether a peer is sent to in a session with it. */
export function isStraight(path: PeerPath): boolean {
  return path === 'direct' || path === 'relay'
}

/** What a flow's metadata says. `docs/protocol.md`. */
export interface FlowAddress extends FlowNumber {
  readonly kind: string
  readonly roomId: string
  readonly stream: string
  /** Order of the member that a message is from, when the host passes it on. */
  readonly origin: number
}

/** Longest envelope that says a number: header, order, and MessagePack's list of two. Bytes. */
const MAX_FOLLOW = 2 + 4 + 1 + 9 + 9

/** Of the key of a flow to the host. */
function streamOf(key: string): string {
  return key.slice(1, key.lastIndexOf('@'))
}
