import { AltostratusError, DecodeError } from '../base/errors.ts'
import { pack, unpack } from '../introducer/packing.ts'
import { DROPPABLE_QUEUE, RELIABLE_QUEUE } from './constants.ts'
import type { ChannelDefinition, DeliveryMode, Priority } from './definition.ts'
import { SafeEmitter } from './emitter.ts'
import type { Peer } from './peer.ts'
import type { Fields, Message } from '../schema/field.ts'
import { isReliable } from './stream.ts'
import type { Stream, StreamSender } from './stream.ts'

/** Who is to get a message: one or several peers, everybody else (the default), everybody, this end included, or the host, even if that is this end. */
export type Receivers = Peer | readonly Peer[] | 'others' | 'all' | 'host'

/** Counters of a channel. */
export interface ChannelStats {
  sent: number
  received: number
  /** Messages that came and were not what the game's definition allows. */
  malformed: number
}

/** A named stream of messages in a room, of the type that the game defines. */
export class Channel<F extends Fields = Fields> implements Stream {
  readonly name: string
  readonly stats: ChannelStats = { sent: 0, received: 0, malformed: 0 }
  /** @internal */
  readonly isOpenToSpectators = false
  private readonly definition: ChannelDefinition<F>
  private readonly sender: StreamSender
  private readonly emitter: SafeEmitter<{ message: (message: Message<F>, from: Peer) => void }>
  private waiting: (() => void)[] = []

  /** @internal */
  constructor(name: string, definition: ChannelDefinition<F>, sender: StreamSender) {
    this.name = name
    this.definition = definition
    this.sender = sender
    this.emitter = new SafeEmitter((error) => sender.onError(error))
  }

  /** Calls back for each message that comes. @returns What ends that. */
  on(listener: (message: Message<F>, from: Peer) => void): () => void {
    return this.emitter.on('message', listener)
  }

  /**
   * Sends a message to all others in the room, or to those named. What comes to this end itself does so after this turn.
   * @returns `false` when a queue is full. On a reliable channel nothing was sent then, to nobody; on the others the receivers whose queue
   * is full miss this message. Await {@link Channel.ready} before sending again.
   * @throws AltostratusError `BAD_VALUE` naming the field that is not allowed, `MESSAGE_TOO_LARGE`, `ROOM_CLOSED`
   */
  send(message: Message<F>, to: Receivers = 'others'): boolean {
    const { definition, sender, name } = this
    if (!sender.isOpen) throw new AltostratusError('ROOM_CLOSED', 'The room was left: nothing can be sent in it any more.')
    const bytes = pack(definition.schema.encode(message, name))
    if (bytes.length > definition.maxBytes) {
      throw new AltostratusError(
        'MESSAGE_TOO_LARGE',
        `A message of ${bytes.length} bytes is over channel ${name}'s ${definition.maxBytes}.`,
        {
          hint: 'Send less, or give the channel a larger maxBytes.',
        },
      )
    }
    const { host, self } = sender
    const isToSelf = to === 'all' || (to === 'host' && host === self)
    const isSent =
      to === 'host' ? host === self || sender.send(this, bytes, host) : sender.send(this, bytes, typeof to === 'string' ? undefined : to)
    if (isSent && isToSelf) sender.clock.defer(() => this.receive(bytes, self))
    if (isSent || !isReliable(definition)) this.stats.sent++
    return isSent
  }

  /** Resolves when the queue that made `send` return `false` has room again. */
  ready(): Promise<void> {
    return this.sender.isFull(this) ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve()
  }

  /** @internal */
  get id(): string {
    return this.name
  }

  /** @internal */
  get delivery(): DeliveryMode {
    return this.definition.delivery
  }

  /** @internal */
  get priority(): Priority {
    return this.definition.priority
  }

  /** @internal */
  get lifetime(): number {
    return this.definition.lifetime
  }

  /** @internal */
  get maxQueuedBytes(): number {
    return isReliable(this.definition) ? RELIABLE_QUEUE : DROPPABLE_QUEUE
  }

  /** @internal A queue has room again, or its receiver is gone. */
  writable(): void {
    if (this.waiting.length === 0 || this.sender.isFull(this)) return
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** @internal */
  receive(data: Uint8Array, from: Peer): void {
    let message: Message<F>
    try {
      if (data.length > this.definition.maxBytes) throw new DecodeError('message too long')
      message = this.definition.schema.decode(unpack(data))
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.stats.malformed++
      return
    }
    this.stats.received++
    this.emitter.emit('message', message, from)
  }
}
