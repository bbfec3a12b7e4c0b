import { AltostratusError } from '../base/errors.ts'
import { MAX_NAME } from '../introducer/constants.ts'
import { CHANNEL_MESSAGE, MAX_CHANNELS, MAX_CHANNEL_NAME } from './constants.ts'
import { t } from '../schema/t.ts'
import type { Field, Fields, Message } from '../schema/field.ts'
import type { Parts, RoomPart } from './extension.ts'

/**
 * How the messages of a channel travel. `reliable`: each once, in order. `reliable-unordered`: each once, as it arrives. `unreliable`: as
 * it arrives, never sent again. `latest`: only the newest matters; older ones are dropped on both sides.
 */
export type DeliveryMode = 'reliable' | 'reliable-unordered' | 'unreliable' | 'latest'

/** What is sent before what, when the network is the bottleneck; each stands for one of RTMFP's eight levels. */
export type Priority = 'background' | 'low' | 'normal' | 'high' | 'immediate'

/** How a channel is to behave. */
export interface ChannelOptions {
  /** `reliable` by default. */
  readonly delivery?: DeliveryMode
  /** `normal` by default; `immediate` also marks the packets as real-time data, to which other traffic yields. */
  readonly priority?: Priority
  /** After so many milliseconds a message that has not arrived is given up; for ever by default. */
  readonly lifetime?: number
  /** Largest message, packed, bytes; 65,536 by default. */
  readonly maxBytes?: number
}

/** A channel as it was defined. */
export interface ChannelDefinition<F extends Fields = Fields> {
  readonly fields: F
  /** All fields together. */
  readonly schema: Field<Message<F>>
  readonly delivery: DeliveryMode
  readonly priority: Priority
  /** Milliseconds. */
  readonly lifetime: number
  /** Bytes. */
  readonly maxBytes: number
}

/** The channels of a game, by name. */
export type Channels = Readonly<Record<string, ChannelDefinition>>

/** A call that one peer makes to another, as it was defined. */
export interface RpcDefinition<Q extends Fields = Fields, A extends Fields = Fields> {
  readonly request: Field<Message<Q>>
  readonly answer: Field<Message<A>>
}

/** The calls of a game, by name. */
export type Rpcs = Readonly<Record<string, RpcDefinition>>

/** A game as it was defined. Every peer imports the same one. */
export interface Game<
  C extends Channels = Channels,
  R extends Rpcs = Rpcs,
  E extends Parts = Parts,
  S extends RoomPart<unknown> | undefined = RoomPart<unknown> | undefined,
> {
  readonly name: string
  /** Peers with another number never meet. */
  readonly protocol: number
  readonly channels: C
  readonly rpcs: R
  readonly entities: E
  readonly shared: S
}

/** What a game is made of; see {@link game}. */
export interface GameOptions<C extends Channels, R extends Rpcs, E extends Parts, S extends RoomPart<unknown> | undefined> {
  /** Raise it whenever the definition changes: peers with another number never meet. */
  readonly protocol: number
  /** See {@link channel}. */
  readonly channels?: C
  /** See {@link rpc}. */
  readonly rpcs?: R
  /** Kinds of entities. */
  readonly entities?: E
  /** What the host writes and all read. */
  readonly shared?: S
}

/** RTMFP's level of each priority, 0 to 7. */
export const PRIORITY_LEVEL: Readonly<Record<Priority, number>> = { background: 1, low: 2, normal: 3, high: 5, immediate: 6 }

/** Defines a channel: the fields of its messages, and how they travel. */
export function channel<const F extends Fields>(fields: F, options: ChannelOptions = {}): ChannelDefinition<F> {
  const { delivery = 'reliable', priority = 'normal', lifetime = Infinity, maxBytes = CHANNEL_MESSAGE } = options
  if (!(lifetime > 0)) throw new AltostratusError('BAD_SCHEMA', `A lifetime of ${lifetime} ms leaves no time to arrive.`)
  if (!(maxBytes > 0)) throw new AltostratusError('BAD_SCHEMA', `A channel whose messages have at most ${maxBytes} bytes can carry none.`)
  return { fields, schema: t.object(fields), delivery, priority, lifetime, maxBytes }
}

/** Defines a call: the fields of the question, and of the answer. Each is at most 65,536 bytes, packed. */
export function rpc<const Q extends Fields, const A extends Fields>(request: Q, answer: A): RpcDefinition<Q, A> {
  return { request: t.object(request), answer: t.object(answer) }
}

/** Defines a game. @throws AltostratusError `BAD_SCHEMA` */
export function game<
  const C extends Channels = Record<never, never>,
  const R extends Rpcs = Record<never, never>,
  const E extends Parts = Record<never, never>,
  const S extends RoomPart<unknown> | undefined = undefined,
>(name: string, options: GameOptions<C, R, E, S>): Game<C, R, E, S> {
  const { protocol } = options
  if (name.length === 0 || name.length > MAX_NAME)
    throw new AltostratusError('BAD_SCHEMA', `A game's name has 1 to ${MAX_NAME} characters.`)
  if (!Number.isSafeInteger(protocol) || protocol < 0) {
    throw new AltostratusError('BAD_SCHEMA', `A game's protocol is a whole number, not ${protocol}.`)
  }
  const channels = (options.channels ?? {}) as C
  const rpcs = (options.rpcs ?? {}) as R
  const entities = (options.entities ?? {}) as E
  checkNames('channels', channels)
  checkNames('rpcs', rpcs)
  checkNames('kinds of entities', entities)
  return { name, protocol, channels, rpcs, entities, shared: options.shared as S }
}

function checkNames(what: string, named: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(named)
  if (names.length <= MAX_CHANNELS && names.every((n) => n.length > 0 && n.length <= MAX_CHANNEL_NAME)) return
  throw new AltostratusError('BAD_SCHEMA', `A game has at most ${MAX_CHANNELS} ${what}, with names of 1 to ${MAX_CHANNEL_NAME} characters.`)
}
