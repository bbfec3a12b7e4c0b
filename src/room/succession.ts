import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { Session } from '../rtmfp/session.ts'
import { SUCCESSION_WAIT } from './constants.ts'
import type { Peer } from './peer.ts'
import type { Stream } from './stream.ts'

/** Which flow of a stream to one receiver this is, and the first of those before it that are waited for. `docs/protocol.md`, R1. */
export interface FlowNumber {
  readonly generation: number
  readonly since: number
}

/** Numbers that a life of a member may use up before it would come to those of its next one. */
const NUMBERS_OF_LIFE = 1_024
/** Changes of an epoch that are told apart. */
const VERSIONS_OF_EPOCH = 1_024
const EPOCHS = 2 ** 31

/** The first number of a member that has come into the room, or back, in this epoch and version: above all that it used in a life before. */
export function firstNumber({ epoch, version }: { readonly epoch: number; readonly version: number }): number {
  return ((epoch % EPOCHS) * VERSIONS_OF_EPOCH + Math.min(version, VERSIONS_OF_EPOCH - 1)) * NUMBERS_OF_LIFE
}

/** The numbers that the flows to one receiver get, stream by stream. */
export class Numbering {
  private readonly first: number
  private readonly next = new Map<string, { generation: number; since: number }>()

  constructor(first: number) {
    this.first = first
  }

  /** For the flow, or the way by another member, that begins now. */
  take(stream: string): FlowNumber {
    const { first } = this
    const next = this.next.get(stream) ?? { generation: first, since: first }
    this.next.set(stream, { generation: next.generation + 1, since: next.since })
    return next
  }

  /** Nothing will come any more on the flows there were of this stream, or of any: the next one does not wait for them. */
  renew(stream?: string): void {
    if (stream === undefined) for (const id of this.next.keys()) this.renew(id)
    const next = stream === undefined ? undefined : this.next.get(stream)
    if (next !== undefined) next.since = next.generation
  }
}

/** A flow from a member that has been accepted. */
export interface Incoming extends FlowNumber {
  readonly flow: ReceiveFlow
  readonly session: Session
  /** Whose messages they are. */
  from: Peer
  readonly stream: Stream
  /** It is to be passed on. */
  readonly isForward: boolean
}

/** What it needs of its room. */
export interface SuccessionHost {
  /** Whether nothing was heard on the session for so long that its peer counts as silent. */
  isSilentOn(session: Session): boolean
  after(milliseconds: number, callback: () => void): void
  kick(): void
}

/** The flows that members send by. One that follows another is held back until that one has ended: so what was in order stays so when its way changes. */
export class Succession<T extends Incoming> {
  readonly incoming: Map<ReceiveFlow, T> = new Map()
  private readonly host: SuccessionHost
  private readonly waiting = new Set<T>()

  constructor(host: SuccessionHost) {
    this.host = host
  }

  add(entry: T): void {
    this.incoming.set(entry.flow, entry)
    if (!this.mustWait(entry)) return
    entry.flow.suspend()
    this.waiting.add(entry)
    this.watch(entry)
  }

  /** A flow that was held back before it was accepted goes on, unless it has to wait for another one. */
  resume(flow: ReceiveFlow): void {
    const entry = this.incoming.get(flow)
    if (entry !== undefined && !this.waiting.has(entry)) flow.resume()
  }

  /** What comes from somebody who had a seat before, and has one again, is that member's. */
  takeOver(peer: Peer): void {
    for (const entry of this.incoming.values()) {
      const { from, flow } = entry
      if (from === peer || from.id !== peer.id) continue
      for (const [stream, number] of from.ended) peer.ended.set(stream, Math.max(peer.ended.get(stream) ?? 0, number))
      entry.from = peer
      this.resume(flow)
    }
  }

  /** Nothing more comes on the flow. @returns What is known of it. */
  end(flow: ReceiveFlow): T | undefined {
    const entry = this.incoming.get(flow)
    if (entry === undefined) return undefined
    this.incoming.delete(flow)
    this.waiting.delete(entry)
    if (entry.isForward) return entry
    const { from, stream, generation } = entry
    from.ended.set(stream.id, Math.max(from.ended.get(stream.id) ?? 0, generation + 1))
    this.release()
    return entry
  }

  /** Whether flows of the session have yet to end. */
  isOpenOn(session: Session): boolean {
    for (const entry of this.incoming.values()) if (entry.session === session) return true
    return false
  }

  private mustWait(entry: T): boolean {
    const { from, stream, generation, since, isForward } = entry
    if (isForward || (stream.delivery !== 'reliable' && stream.delivery !== 'latest')) return false
    if (this.predecessor(entry) !== undefined) return true
    return Math.max(from.ended.get(stream.id) ?? 0, since) < generation
  }

  private predecessor({ from, stream, generation }: T): T | undefined {
    for (const other of this.incoming.values()) {
      if (other.from !== from || other.stream !== stream || other.generation >= generation || other.isForward) continue
      if (!this.host.isSilentOn(other.session)) return other
    }
    return undefined
  }

  private watch(entry: T): void {
    this.host.after(SUCCESSION_WAIT, () => {
      if (!this.waiting.has(entry)) return
      // As long as something may still come it is waited for; of `latest`, only what may overtake.
      if (entry.stream.delivery === 'reliable' && this.predecessor(entry) !== undefined) this.watch(entry)
      else {
        this.waiting.delete(entry)
        entry.flow.resume()
        this.host.kick()
      }
    })
  }

  private release(): void {
    for (const entry of this.waiting) {
      if (this.mustWait(entry)) continue
      this.waiting.delete(entry)
      entry.flow.resume()
    }
    this.host.kick()
  }
}
