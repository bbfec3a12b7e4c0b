import type { Clock } from '../link/clock.ts'
import type { DeliveryMode, Priority } from './definition.ts'
import type { Peer } from './peer.ts'

/** Messages of one kind between the members of a room: a game's channel, the calls, what an extension says. One flow per receiver. */
export interface Stream {
  /** Unique in the room, and the same at every member. Those that are not a game's channels begin with `#`. */
  readonly id: string
  readonly delivery: DeliveryMode
  readonly priority: Priority
  /** After so many milliseconds what has not arrived is given up. */
  readonly lifetime: number
  /** What is queued for one receiver before more is refused. Bytes. */
  readonly maxQueuedBytes: number
  /** Whether what spectators send on it is taken. */
  readonly isOpenToSpectators: boolean
  receive(data: Uint8Array, from: Peer): void
  /** A queue has room again, or its receiver is gone. */
  writable(): void
}

/** How streams are sent on. */
export interface StreamSender {
  readonly isOpen: boolean
  readonly clock: Clock
  readonly self: Peer
  readonly host: Peer
  /**
   * Sends to those named, or to all others.
   * @returns `false` when a queue is full: of a reliable stream nothing was sent then, of the others those whose queue is full miss it.
   */
  send(stream: Stream, bytes: Uint8Array, to?: Peer | readonly Peer[]): boolean
  /** Whether a queue of the stream has refused and still has no room. */
  isFull(stream: Stream): boolean
  onError(error: unknown): void
}

/** Whether no message may be missing. */
export function isReliable({ delivery }: { readonly delivery: DeliveryMode }): boolean {
  return delivery === 'reliable' || delivery === 'reliable-unordered'
}
