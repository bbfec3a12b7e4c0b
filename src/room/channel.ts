import { AltostratusError, DecodeError } from '../base/errors.ts'
import { pack, unpack } from '../introducer/packing.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { ChannelDefinition } from './definition.ts'
import { SafeEmitter } from './emitter.ts'
import type { Peer } from './peer.ts'
import type { Fields, Message } from '../schema/field.ts'

/** What a channel needs of its room. */
export interface ChannelHost {
  readonly isOpen: boolean
  /** Peers that messages go to when none are named. */
  others(): Iterable<Peer>
  /** The flow of a channel to a peer, `undefined` while the peer can't be sent to. */
  flowTo(peer: Peer, channel: string): SendFlow | undefined
  now(): number
  /** Something was queued. */
  kick(): void
  onError(error: unknown): void
}

/** Counters of a channel. */
export interface ChannelStats {
  sent: number
  received: number
  /** Messages that came and were not what the game's definition allows. */
  malformed: number
}

/** A named stream of messages in a room, of the type that the game defines. */
export class Channel<F extends Fields = Fields> {
  readonly name: string
  readonly stats: ChannelStats = { sent: 0, received: 0, malformed: 0 }
  private readonly definition: ChannelDefinition<F>
  private readonly host: ChannelHost
  private readonly emitter: SafeEmitter<{ message: (message: Message<F>, from: Peer) => void }>
  private waiting: (() => void)[] = []

  /** @internal */
  constructor(name: string, definition: ChannelDefinition<F>, host: ChannelHost) {
    this.name = name
    this.definition = definition
    this.host = host
    this.emitter = new SafeEmitter((error) => host.onError(error))
  }

  /** Calls back for each message that comes. @returns What ends that. */
  on(listener: (message: Message<F>, from: Peer) => void): () => void {
    return this.emitter.on('message', listener)
  }

  /**
   * Sends a message to all others in the room, or to those named.
   * @returns `false` when a queue is full. On a reliable channel nothing was sent then, to nobody; on the others the receivers whose queue
   * is full miss this message. Await {@link Channel.ready} before sending again.
   * @throws AltostratusError `BAD_VALUE` naming the field that is not allowed, `MESSAGE_TOO_LARGE`, `ROOM_CLOSED`
   */
  send(message: Message<F>, to?: Peer | readonly Peer[]): boolean {
    const { definition, host, name } = this
    if (!host.isOpen) throw new AltostratusError('ROOM_CLOSED', 'The room was left: nothing can be sent in it any more.')
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
    const flows = this.flowsTo(to)
    if (isReliable(definition) && !flows.every((flow) => flow.hasRoomFor(bytes.length))) return false
    let all = true
    for (const flow of flows) {
      if (definition.delivery === 'latest') flow.abandonQueued()
      if (!flow.write(bytes, host.now())) all = false
    }
    this.stats.sent++
    host.kick()
    return all
  }

  /** Resolves when the queue that made `send` return `false` has room again. */
  ready(): Promise<void> {
    const full = this.flowsTo().some((flow) => flow.isFull)
    return full ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve()
  }

  /** @internal */
  get delivery(): ChannelDefinition['delivery'] {
    return this.definition.delivery
  }

  /** @internal A queue has room again, or its receiver is gone. */
  writable(): void {
    if (this.waiting.length === 0 || this.flowsTo().some((flow) => flow.isFull)) return
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

  private flowsTo(to?: Peer | readonly Peer[]): SendFlow[] {
    const peers = to === undefined ? this.host.others() : Array.isArray(to) ? (to as readonly Peer[]) : [to as Peer]
    const flows: SendFlow[] = []
    for (const peer of peers) {
      const flow = this.host.flowTo(peer, this.name)
      if (flow !== undefined) flows.push(flow)
    }
    return flows
  }
}

/** Whether no message may be missing. */
export function isReliable({ delivery }: { readonly delivery: ChannelDefinition['delivery'] }): boolean {
  return delivery === 'reliable' || delivery === 'reliable-unordered'
}
