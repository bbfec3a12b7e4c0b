import { AltostratusError, DecodeError } from '../base/errors.ts'
import { pack, unpack } from '../introducer/packing.ts'
import { asInteger, asList, asText } from '../introducer/protocol.ts'
import type { Clock, Timer } from '../link/clock.ts'
import type { Fields, Message } from '../schema/field.ts'
import { CALL_MESSAGE, CALL_TIMEOUT, MAX_ANSWERING, MAX_CALLS, MAX_CALL_ERROR, RELIABLE_QUEUE } from './constants.ts'
import type { RpcDefinition, Rpcs } from './definition.ts'
import type { Peer } from './peer.ts'
import type { Stream, StreamSender } from './stream.ts'

/** How a call is made. */
export interface CallOptions {
  /** Give up after so many milliseconds; 5,000 by default. */
  readonly timeout?: number
}

/** What calls need of their room. */
export interface CallHost extends StreamSender {
  readonly clock: Clock
  readonly self: Peer
  addStream(stream: Stream): void
  isReachable(peer: Peer): boolean
}

/** The type of a definition's questions, and of its answers. */
export type RequestOf<D> = D extends RpcDefinition<infer Q, Fields> ? Message<Q> : never
export type AnswerOf<D> = D extends RpcDefinition<Fields, infer A> ? Message<A> : never

/** One kind of call that a game defines. */
export interface Rpc<Q, A> {
  /**
   * Calls it at a peer, or at this one itself.
   * @throws AltostratusError `CALL_TIMEOUT`, `PEER_LOST`, `CALL_FAILED` when the other end's handler threw, `NO_HANDLER`, `TOO_MANY_CALLS`, `BAD_VALUE`,
   * `MESSAGE_TOO_LARGE`; or, when the handler threw an AltostratusError, one with its code and message
   */
  call(peer: Peer, request: Q, options?: CallOptions): Promise<A>
  /** Answers calls; one function at a time. @returns What ends that. */
  handle(handler: (request: Q, from: Peer) => A | Promise<A>): () => void
}

/** The calls of a room, each with the types that the game defines. */
export type RoomRpcs<R extends Rpcs> = { readonly [K in keyof R]: Rpc<RequestOf<R[K]>, AnswerOf<R[K]>> }

interface Pending {
  readonly peer: Peer
  readonly definition: RpcDefinition
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: AltostratusError) => void
  readonly timer: Timer
}

type Handler = (request: unknown, from: Peer) => unknown

/** Kinds of messages: `[0, id, name, request]`, `[1, id, answer]`, `[2, id, code, message]`. */
const QUESTION = 0
const ANSWER = 1
const FAILURE = 2
const MAX_CODE = 64
const MAX_ID = 0xffff_ffff
const CODE_PATTERN = /^[A-Z][A-Z0-9_]*$/

/** All calls of one room. They travel on a stream of their own, each once, none behind another. */
export class Calls implements Stream {
  readonly id = '#call'
  readonly delivery = 'reliable-unordered'
  readonly priority = 'normal'
  readonly lifetime: number = Infinity
  readonly maxQueuedBytes: number = RELIABLE_QUEUE
  readonly isOpenToSpectators = false
  /** Answers that came when nobody waited for them any more, and what was no call at all. */
  readonly stats: { late: number; malformed: number } = { late: 0, malformed: 0 }

  private readonly host: CallHost
  private readonly definitions: Rpcs
  private readonly handlers = new Map<string, Handler>()
  private readonly pending = new Map<number, Pending>()
  private readonly answering = new Map<Peer, number>()
  private nextId = 0

  constructor(host: CallHost, definitions: Rpcs) {
    this.host = host
    this.definitions = definitions
    host.addStream(this)
  }

  /** What the game gets. */
  api<R extends Rpcs>(): RoomRpcs<R> {
    const entries = Object.keys(this.definitions).map((name): [string, Rpc<unknown, unknown>] => [
      name,
      {
        call: (peer, request, options) => this.call(name, peer, request, options),
        handle: (handler) => this.handle(name, handler),
      },
    ])
    return Object.fromEntries(entries) as unknown as RoomRpcs<R>
  }

  /** Nothing will be answered by the peer any more. */
  peerLost(peer: Peer): void {
    this.answering.delete(peer)
    for (const [id, pending] of this.pending) {
      if (pending.peer !== peer) continue
      this.settle(id)?.reject(
        new AltostratusError('PEER_LOST', 'The player who was called is gone, or away.', { hint: 'Call again when it is back.' }),
      )
    }
  }

  /** The room is left. */
  close(): void {
    for (const id of this.pending.keys()) this.settle(id)?.reject(roomClosed())
    this.handlers.clear()
  }

  writable(): void {}

  receive(data: Uint8Array, from: Peer): void {
    try {
      if (data.length > CALL_MESSAGE) throw new DecodeError('call too long')
      const [kind, id, a, b] = asList(unpack(data), 4)
      const number = asInteger(id, 0, MAX_ID)
      if (kind === QUESTION) this.asked(from, number, asText(a, MAX_CODE), b)
      else if (kind === ANSWER || kind === FAILURE) this.answered(from, number, kind, a, b)
      else throw new DecodeError('call')
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.stats.malformed++
    }
  }

  private handle(name: string, handler: Handler): () => void {
    this.handlers.set(name, handler)
    return () => {
      if (this.handlers.get(name) === handler) this.handlers.delete(name)
    }
  }

  private async call(name: string, peer: Peer, request: unknown, { timeout = CALL_TIMEOUT }: CallOptions = {}): Promise<unknown> {
    const { host } = this
    const definition = this.definitions[name] as RpcDefinition
    if (!host.isOpen) throw roomClosed()
    const encoded = definition.request.encode(request, name)
    if (!(timeout > 0)) throw new AltostratusError('BAD_VALUE', `A call can not be answered within ${timeout} ms.`)
    if (peer.isSelf)
      return definition.answer.decode(definition.answer.encode(await this.run(name, definition.request.decode(encoded), peer), name))
    if (!host.isReachable(peer)) throw new AltostratusError('PEER_LOST', 'The player who is to be called can not be reached now.')
    const id = this.nextId
    this.nextId = id === MAX_ID ? 0 : id + 1
    const bytes = pack([QUESTION, id, name, encoded])
    if (bytes.length > CALL_MESSAGE) {
      throw new AltostratusError('MESSAGE_TOO_LARGE', `A call of ${bytes.length} bytes is over the limit of ${CALL_MESSAGE}.`)
    }
    let waiting = 0
    for (const pending of this.pending.values()) if (pending.peer === peer) waiting++
    if (waiting >= MAX_CALLS || this.pending.has(id) || !host.send(this, bytes, peer)) {
      throw new AltostratusError('TOO_MANY_CALLS', `${waiting} calls wait for answers of this player already.`, {
        hint: 'Await some of them first.',
      })
    }
    return new Promise((resolve, reject) => {
      const timer = host.clock.at(host.clock.now() + timeout, () => {
        this.pending.delete(id)
        reject(
          new AltostratusError('CALL_TIMEOUT', `${name} was not answered in ${timeout} ms.`, {
            hint: 'The other end may still have acted on it.',
          }),
        )
      })
      this.pending.set(id, { peer, definition, resolve, reject, timer })
    })
  }

  private asked(from: Peer, id: number, name: string, raw: unknown): void {
    const definition = Object.hasOwn(this.definitions, name) ? this.definitions[name] : undefined
    if (definition === undefined) throw new DecodeError('unknown call')
    const request = definition.request.decode(raw)
    const count = this.answering.get(from) ?? 0
    if (count >= MAX_ANSWERING) {
      this.fail(from, id, new AltostratusError('TOO_MANY_CALLS', 'The other end has too many calls to answer.'))
      return
    }
    this.answering.set(from, count + 1)
    void this.answer(from, id, name, definition, request)
  }

  private async answer(from: Peer, id: number, name: string, definition: RpcDefinition, request: unknown): Promise<void> {
    try {
      const answer = await this.run(name, request, from)
      const bytes = pack([ANSWER, id, definition.answer.encode(answer, `the answer of ${name}`)])
      if (bytes.length > CALL_MESSAGE) throw new AltostratusError('MESSAGE_TOO_LARGE', `The answer of ${name} has ${bytes.length} bytes.`)
      if (this.host.isOpen) this.host.send(this, bytes, from)
    } catch (error) {
      // What a handler throws on purpose is the caller's to know; what it throws by mistake is this end's.
      if (!(error instanceof AltostratusError)) this.host.onError(error)
      this.fail(from, id, error)
    } finally {
      const count = this.answering.get(from)
      if (count !== undefined) this.answering.set(from, count - 1)
    }
  }

  private async run(name: string, request: unknown, from: Peer): Promise<unknown> {
    const handler = this.handlers.get(name)
    if (handler === undefined)
      throw new AltostratusError('NO_HANDLER', `Nobody answers ${name} there.`, { hint: `room.rpcs.${name}.handle(…) does.` })
    return handler(request, from)
  }

  private fail(to: Peer, id: number, error: unknown): void {
    if (!this.host.isOpen) return
    const { code, message } =
      error instanceof AltostratusError ? error : { code: 'CALL_FAILED', message: 'The other end could not answer.' }
    this.host.send(this, pack([FAILURE, id, code.slice(0, MAX_CODE), message.slice(0, MAX_CALL_ERROR)]), to)
  }

  private answered(from: Peer, id: number, kind: unknown, a: unknown, b: unknown): void {
    const pending = this.pending.get(id)
    if (pending === undefined || pending.peer !== from) {
      this.stats.late++
      return
    }
    if (kind === FAILURE) {
      const code = asText(a, MAX_CODE)
      const message = asText(b, MAX_CALL_ERROR)
      if (!CODE_PATTERN.test(code)) throw new DecodeError('code')
      this.settle(id)?.reject(new AltostratusError(code, message))
      return
    }
    const answer = pending.definition.answer.decode(a)
    this.settle(id)?.resolve(answer)
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id)
    pending?.timer.cancel()
    this.pending.delete(id)
    return pending
  }
}

function roomClosed(): AltostratusError {
  return new AltostratusError('ROOM_CLOSED', 'The room was left: nothing can be called in it any more.')
}
