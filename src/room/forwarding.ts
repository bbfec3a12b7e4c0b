import { DecodeError } from '../base/errors.ts'
import { pack } from '../introducer/packing.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import { FORWARDED_FLOW, FORWARDED_QUEUE, RELIABLE_QUEUE } from './constants.ts'
import { END, FOLLOW, PASS, decodeEnvelope, decodeNumber } from './envelope.ts'
import type { Peer } from './peer.ts'
import { isReliable } from './stream.ts'
import type { Stream } from './stream.ts'
import type { Incoming } from './succession.ts'

/** What it needs of its room. */
export interface ForwarderHost {
  readonly id: string
  /** Others that have been announced to the game. */
  readonly present: Iterable<Peer>
  peerOfOrder(order: number): Peer | undefined
  /** Whether everyone is connected to it, in a star. */
  isHub(peer: Peer): boolean
  /** Whether it was heard of lately. */
  hears(peer: Peer): boolean
  now(): number
  kick(): void
}

/** How flows are opened, and members given up that have missed something. */
export interface ForwarderFlows {
  open(peer: Peer, stream: Stream, metadata: Uint8Array, context: unknown, maxQueuedBytes?: number): SendFlow
  giveUp(peer: Peer): void
}

/** What the host of a room does for members that have no session with each other: it passes on what they send. `docs/protocol.md`, R6. */
export class Forwarder {
  private readonly host: ForwarderHost
  private readonly flows: ForwarderFlows
  /** Flows from members that wait until a receiver has room, and what they carry. */
  private readonly stopped = new Map<ReceiveFlow, string>()

  constructor(host: ForwarderHost, flows: ForwarderFlows) {
    this.host = host
    this.flows = flows
  }

  /** An envelope has come. */
  passOn(entry: Incoming, data: Uint8Array): void {
    const { host } = this
    if (entry.from.isSpectator) return
    try {
      const { kind, targets, payload } = decodeEnvelope(data)
      const receivers: Peer[] = []
      if (targets.length === 0) {
        for (const peer of host.present) if (peer !== entry.from && peer.isConnected && !host.isHub(peer)) receivers.push(peer)
      }
      for (const order of targets) {
        const peer = host.peerOfOrder(order)
        if (peer !== undefined && !peer.isSelf && peer !== entry.from && peer.isConnected) receivers.push(peer)
      }
      const key = keyOf(entry)
      if (kind === PASS) this.passTo(entry, key, receivers, payload)
      else if (kind === END) for (const peer of receivers) this.endOne(peer, key)
      else if (kind === FOLLOW) {
        const number = decodeNumber(payload)
        for (const peer of receivers) peer.passed.set(key, number)
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      entry.flow.reject()
    }
  }

  /** Nothing more comes to be passed on by this flow. */
  ended(entry: Incoming): void {
    this.stopped.delete(entry.flow)
    for (const peer of this.host.present) this.endOne(peer, keyOf(entry))
  }

  /** A receiver has room, or does not count any more. */
  resume(): void {
    for (const [flow, key] of this.stopped) {
      if (this.isAnyFull(key)) continue
      this.stopped.delete(flow)
      flow.resume()
    }
    this.host.kick()
  }

  private passTo(entry: Incoming, key: string, receivers: readonly Peer[], payload: Uint8Array): void {
    const { host } = this
    const { stream } = entry
    const now = host.now()
    const bytes = payload.slice()
    for (const peer of receivers) {
      const isHeard = host.hears(peer)
      if (!isHeard && !isReliable(stream)) continue
      const flow = this.flowTo(peer, key, entry)
      if (stream.delivery === 'latest') flow.abandonQueued()
      const isQueued = flow.write(bytes, now)
      if (!isReliable(stream)) continue
      // The slowest receiver sets the pace of what must not be lost; one that is silent does not: what it has no room for, it misses for good.
      if (!isQueued && !isHeard) this.flows.giveUp(peer)
      else if (isHeard && isFull(flow)) {
        this.stopped.set(entry.flow, key)
        entry.flow.suspend()
      }
    }
    host.kick()
  }

  private flowTo(peer: Peer, key: string, { stream, from }: Incoming): SendFlow {
    const known = peer.flows.get(key)
    if (known?.state === 'open') return known
    const { generation, since } = peer.passed.get(key) ?? { generation: 0, since: 0 }
    const metadata = pack([FORWARDED_FLOW, this.host.id, stream.id, generation, since, from.order])
    const context = { writable: () => this.resume() }
    const flow = this.flows.open(peer, stream, metadata, context, isReliable(stream) ? FORWARDED_QUEUE : undefined)
    peer.flows.set(key, flow)
    return flow
  }

  private isAnyFull(key: string): boolean {
    for (const peer of this.host.present) {
      const flow = peer.flows.get(key)
      if (flow !== undefined && this.host.hears(peer) && isFull(flow)) return true
    }
    return false
  }

  private endOne(peer: Peer, key: string): void {
    peer.flows.get(key)?.close()
    peer.flows.delete(key)
  }
}

/** Under what the flow is kept that passes something on to a member. */
function keyOf({ from, stream }: Incoming): string {
  return `<${from.order}/${stream.id}`
}

/** It holds as much as who sends may have queued. */
function isFull(flow: SendFlow): boolean {
  return !flow.hasRoomFor(FORWARDED_QUEUE - RELIABLE_QUEUE)
}
