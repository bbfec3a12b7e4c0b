import { Reader, Writer } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import { pack } from '../introducer/packing.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { Session } from '../rtmfp/session.ts'
import { CHANNEL_FLOW, FORWARDED_FLOW, FORWARDED_QUEUE, FORWARD_FLOW, RELIABLE_QUEUE, SUCCESSION_WAIT } from './constants.ts'
import { PRIORITY_LEVEL } from './definition.ts'
import type { Peer, PeerPath } from './peer.ts'
import { isReliable } from './stream.ts'
import type { Stream } from './stream.ts'

/** What the router needs of its room. */
export interface RouterHost {
  readonly id: string
  readonly self: Peer
  readonly host: Peer
  readonly isHost: boolean
  readonly isStar: boolean
  /** Others that have been announced to the game. */
  readonly present: Iterable<Peer>
  peerOfOrder(order: number): Peer | undefined
  /** Whether everyone is connected to it, in a star. */
  isHub(peer: Peer): boolean
  stream(id: string): Stream | undefined
  /** A message for this end. */
  deliver(from: Peer, stream: Stream, data: Uint8Array): void
  now(): number
  after(milliseconds: number, callback: () => void): void
  kick(): void
}

/** What an envelope to the host asks for: pass this on; what follows comes after another flow; nothing more comes by this way. */
const PASS = 0
const FOLLOW = 1
const END = 2
const MAX_TARGETS = 255
const ENVELOPE_HEADER = 2
const ORDER_SIZE = 4

/** A flow from a member that has been accepted. */
interface Incoming {
  readonly router: Router
  readonly flow: ReceiveFlow
  readonly session: Session
  readonly from: Peer
  readonly stream: Stream
  /** How many flows of the stream have to have ended before. */
  readonly generation: number
  /** It is to be passed on. */
  readonly isForward: boolean
}

/**
 * The ways that messages take in a room: straight, or by way of the host, who passes them on. A way may change at any time; a flow that follows
 * another one is held back until that one has ended, so that what was in order stays so.
 */
export class Router {
  private readonly host: RouterHost
  private readonly incoming = new Map<ReceiveFlow, Incoming>()
  private readonly writer = new Writer()
  private readonly reader = new Reader()

  constructor(host: RouterHost) {
    this.host = host
  }

  /** @returns `false` when a queue is full; see `StreamSender.send`. */
  send(stream: Stream, bytes: Uint8Array, to?: Peer | readonly Peer[]): boolean {
    const { host } = this
    const receivers = to === undefined ? host.present : Array.isArray(to) ? (to as readonly Peer[]) : [to as Peer]
    const flows: SendFlow[] = []
    let forwards: Peer[] | undefined
    // In a star, "all others" need not be named one by one.
    let isAll = to === undefined && host.isStar
    for (const peer of receivers) {
      if (peer.isSelf) throw new AltostratusError('BAD_RECEIVER', 'A message to oneself goes nowhere.', { hint: 'Use it right away.' })
      if (isStraight(peer.currentPath)) flows.push(this.flowTo(peer, stream))
      else if (peer.currentPath === 'host') (forwards ??= []).push(peer)
      if (isAll && host.isHub(peer) === (peer.currentPath === 'host')) isAll = false
    }
    if (isReliable(stream) && !flows.every((flow) => flow.hasRoomFor(bytes.length))) return false
    if (forwards !== undefined && !this.forward(stream, bytes, forwards, isAll)) return false
    const now = host.now()
    let all = true
    for (const flow of flows) {
      if (stream.delivery === 'latest') flow.abandonQueued()
      if (!flow.write(bytes, now)) all = false
    }
    host.kick()
    return all
  }

  /** Whether a queue of the stream has refused and still has no room. */
  isFull(stream: Stream): boolean {
    for (const peer of this.host.present) {
      if (isStraight(peer.currentPath) && peer.flows.get(stream.id)?.isFull === true) return true
    }
    for (const [key, flow] of this.host.host.flows) if (key.startsWith(`>${stream.id}@`) && flow.isFull) return true
    return false
  }

  /** Bytes of the stream that wait for the peer. */
  backlog(stream: Stream, peer: Peer): number {
    if (isStraight(peer.currentPath)) return peer.flows.get(stream.id)?.queuedBytes ?? 0
    return peer.currentPath === 'host' ? (this.host.host.flows.get(`>${stream.id}@`)?.queuedBytes ?? 0) : 0
  }

  /** The peer is reached in another way from now on, if in any. To be called before `peer.currentPath` is changed. */
  leavePath(peer: Peer): void {
    if (isStraight(peer.currentPath)) {
      for (const [key, flow] of peer.flows) {
        if (key.startsWith('<')) continue
        flow.close()
        peer.flows.delete(key)
        if (!key.startsWith('>')) peer.generations.set(key, (peer.generations.get(key) ?? 0) + 1)
      }
    } else if (peer.currentPath === 'host') {
      for (const id of peer.forwarded) {
        peer.generations.set(id, (peer.generations.get(id) ?? 0) + 1)
        for (const key of [`>${id}@`, `>${id}@${peer.order}`]) {
          this.host.host.flows.get(key)?.write(this.envelope(END, [peer], EMPTY), this.host.now())
        }
      }
      peer.forwarded.clear()
    }
  }

  /** The peer has begun anew: it does not wait for what was before. */
  forget(peer: Peer): void {
    peer.generations.clear()
    peer.forwarded.clear()
    peer.flows.clear()
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
    const { generation } = address
    const entry: Incoming = { router: this, flow, session, from: origin, stream, generation, isForward }
    this.incoming.set(flow, entry)
    flow.context = entry
    // What is passed on goes out in the order in which it came: it is ordered by the flow that takes it on.
    flow.delivery = stream.delivery === 'reliable' ? 'ordered' : stream.delivery === 'latest' && !isForward ? 'newest' : 'arrival'
    if (isForward && stream.delivery === 'latest') flow.delivery = 'newest'
    if (this.mustWait(entry)) this.hold(entry)
    return true
  }

  /** A flow that was held back before it was accepted goes on, unless it has to wait for another one. */
  resume(flow: ReceiveFlow): void {
    const entry = this.incoming.get(flow)
    if (entry !== undefined && !this.mustWait(entry)) flow.resume()
  }

  /** A message on a flow that was accepted. */
  receive(flow: ReceiveFlow, data: Uint8Array): void {
    const entry = this.incoming.get(flow)
    if (entry === undefined) return
    if (entry.isForward) this.passOn(entry, data)
    else this.host.deliver(entry.from, entry.stream, data)
  }

  /** All of a flow has been delivered, or nothing more will be. */
  ended(flow: ReceiveFlow): void {
    const entry = this.incoming.get(flow)
    if (entry === undefined) return
    this.incoming.delete(flow)
    if (entry.isForward) this.endForwarded(entry)
    else this.countEnd(entry.from, entry.stream.id)
  }

  sessionEnded(session: Session): void {
    for (const entry of this.incoming.values()) if (entry.session === session) this.ended(entry.flow)
  }

  // Sending

  private flowTo(peer: Peer, stream: Stream): SendFlow {
    let flow = peer.flows.get(stream.id)
    if (flow === undefined || flow.state !== 'open') {
      flow = this.open(peer, stream, pack([CHANNEL_FLOW, this.host.id, stream.id, peer.generations.get(stream.id) ?? 0]), stream)
      peer.flows.set(stream.id, flow)
    }
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

  /** @param isAll The targets are all members that are no hubs. */
  private forward(stream: Stream, bytes: Uint8Array, targets: readonly Peer[], isAll: boolean): boolean {
    const { host } = this
    const now = host.now()
    const hub = host.host
    // Of `latest` a message to one must not overtake, and so drop, one to another.
    const batches = stream.delivery === 'latest' && !isAll ? targets.map((peer) => [peer]) : [targets]
    const sends: [SendFlow, Uint8Array][] = []
    for (const batch of batches) {
      const suffix = stream.delivery === 'latest' && !isAll ? `${(batch[0] as Peer).order}` : ''
      const key = `>${stream.id}@${suffix}`
      let flow = hub.flows.get(key)
      if (flow === undefined || flow.state !== 'open') {
        flow = this.open(hub, stream, pack([FORWARD_FLOW, host.id, stream.id, 0]), stream)
        hub.flows.set(key, flow)
      }
      const envelope = this.envelope(PASS, isAll ? [] : batch, bytes)
      if (isReliable(stream) && !flow.hasRoomFor(envelope.length)) return false
      sends.push([flow, envelope])
      for (const peer of batch) {
        const generation = peer.generations.get(stream.id) ?? 0
        if (!peer.forwarded.has(stream.id) && generation > 0) flow.write(this.envelope(FOLLOW, [peer], u32(generation)), now)
        peer.forwarded.add(stream.id)
      }
    }
    let all = true
    for (const [flow, envelope] of sends) {
      if (stream.delivery === 'latest') flow.abandonQueued()
      if (!flow.write(envelope, now)) all = false
    }
    return all
  }

  private envelope(kind: number, targets: readonly Peer[], payload: Uint8Array): Uint8Array {
    const named = targets.slice(0, MAX_TARGETS)
    const size = ENVELOPE_HEADER + named.length * ORDER_SIZE + payload.length
    const w = this.writer.reset(new Uint8Array(size), 0, size)
    w.uint8(kind)
    w.uint8(named.length)
    for (const peer of named) w.uint32(peer.order)
    w.raw(payload)
    return w.bytes
  }

  // Passing on

  private passOn(entry: Incoming, data: Uint8Array): void {
    const { host } = this
    if (!host.isHost || entry.from.isSpectator) return
    const r = this.reader.reset(data, 0, data.length)
    try {
      const kind = r.uint8()
      const named = r.uint8()
      const targets: Peer[] = []
      if (named === 0) for (const peer of host.present) if (peer !== entry.from && peer.isConnected && !host.isHub(peer)) targets.push(peer)
      for (let count = named; count > 0; count--) {
        const peer = host.peerOfOrder(r.uint32())
        if (peer !== undefined && !peer.isSelf && peer !== entry.from && peer.isConnected) targets.push(peer)
      }
      const key = `<${entry.from.order}/${entry.stream.id}`
      if (kind === PASS) this.passTo(entry, key, targets, r.rest())
      else if (kind === FOLLOW) {
        const generation = r.uint32()
        for (const peer of targets) peer.generations.set(key, generation)
      } else if (kind === END) for (const peer of targets) this.endOne(peer, key)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      entry.flow.reject()
    }
  }

  private passTo(entry: Incoming, key: string, targets: readonly Peer[], payload: Uint8Array): void {
    const { stream, from } = entry
    const now = this.host.now()
    const bytes = payload.slice()
    for (const peer of targets) {
      let flow = peer.flows.get(key)
      if (flow === undefined || flow.state !== 'open') {
        const metadata = pack([FORWARDED_FLOW, this.host.id, stream.id, peer.generations.get(key) ?? 0, from.order])
        flow = this.open(
          peer,
          stream,
          metadata,
          { writable: () => this.resumeForward(entry, key) },
          isReliable(stream) ? FORWARDED_QUEUE : undefined,
        )
        peer.flows.set(key, flow)
      }
      if (stream.delivery === 'latest') flow.abandonQueued()
      flow.write(bytes, now)
      // The slowest receiver sets the pace of what must not be lost.
      if (isReliable(stream) && !flow.hasRoomFor(FORWARDED_QUEUE - RELIABLE_QUEUE)) entry.flow.suspend()
    }
    this.host.kick()
  }

  private resumeForward(entry: Incoming, key: string): void {
    for (const peer of this.host.present) if (peer.flows.get(key)?.isFull === true) return
    entry.flow.resume()
    this.host.kick()
  }

  private endForwarded({ from, stream }: Incoming): void {
    for (const peer of this.host.present) this.endOne(peer, `<${from.order}/${stream.id}`)
  }

  private endOne(peer: Peer, key: string): void {
    peer.flows.get(key)?.close()
    peer.flows.delete(key)
  }

  // Receiving

  private mustWait({ from, stream, generation, isForward }: Incoming): boolean {
    if (isForward || (stream.delivery !== 'reliable' && stream.delivery !== 'latest')) return false
    return (from.ended.get(stream.id) ?? 0) < generation
  }

  private hold(entry: Incoming): void {
    entry.flow.suspend()
    this.host.after(SUCCESSION_WAIT, () => {
      if (!this.incoming.has(entry.flow) || !this.mustWait(entry)) return
      // Its predecessor will not come, or not end.
      entry.from.ended.set(entry.stream.id, entry.generation)
      this.release(entry.from, entry.stream.id)
    })
  }

  private countEnd(from: Peer, id: string): void {
    from.ended.set(id, (from.ended.get(id) ?? 0) + 1)
    this.release(from, id)
  }

  private release(from: Peer, id: string): void {
    for (const entry of this.incoming.values()) {
      if (entry.from === from && entry.stream.id === id && entry.generation > 0 && !this.mustWait(entry)) entry.flow.resume()
    }
    this.host.kick()
  }
}

/** The router that has accepted a flow. */
export function routerOf({ context }: ReceiveFlow): Router | undefined {
  return typeof context === 'object' && context !== null && 'router' in context ? (context as Incoming).router : undefined
}

/** Whether a peer is sent to in a session with it. */
export function isStraight(path: PeerPath): boolean {
  return path === 'direct' || path === 'relay'
}

/** What a flow's metadata says. `docs/protocol.md`. */
export interface FlowAddress {
  readonly kind: string
  readonly roomId: string
  readonly stream: string
  readonly generation: number
  /** Order of the member that a message is from, when the host passes it on. */
  readonly origin: number
}

const EMPTY = new Uint8Array(0)

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}
