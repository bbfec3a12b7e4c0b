import { Reader, Writer } from '../../src/base/bytes.ts'
import type { Address } from '../../src/base/address.ts'
import { MAX_DATAGRAM } from '../../src/rtmfp/constants.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { Delivery } from '../../src/rtmfp/flow/reassembly.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'
import { MODE_INITIATOR, MODE_RESPONDER } from '../../src/wire/header.ts'
import { encodeStartupOptions, fragmentFlags, FLAG_ABANDON, FLAG_FINAL, FLAG_OPTIONS, writeUserData } from '../../src/wire/user-data.ts'
import { inspect } from './inspect.ts'
import type { SeenPacket } from './inspect.ts'
import { World } from './world.ts'
import type { Conditions, Node } from './world.ts'

/** One direction of a session, its keys off. */
export interface Tap {
  /** Every packet that came, those among them that were then lost. */
  readonly packets: SeenPacket[]
  /** Decides which packets are lost, knowing what is in them. */
  loses: (packet: SeenPacket) => boolean
}

/** A session between two ends, and what goes either way in it. */
export interface Ends {
  readonly world: World
  readonly a: Node
  readonly b: Node
  /** The session at `a`, which began it. */
  readonly near: Session
  /** The same at `b`. */
  readonly far: Session
  readonly toFar: Tap
  readonly toNear: Tap
}

/** Neither asks nor gives up in silence, and sends no probes of the path: all packets have to do with flows. */
const QUIET: Partial<EndpointConfig> = { keepaliveInterval: 1e9, deadAfter: 1e9, maxPathDatagram: MAX_DATAGRAM }

/** Opens a session over a network without faults, and then lets the conditions hold. */
export function ends(seed: number, conditions: Partial<Conditions> = {}, config: Partial<EndpointConfig> = {}): Ends {
  const world = new World(seed)
  const a = world.add({ ...QUIET, ...config })
  const b = world.add({ ...QUIET, ...config })
  const near = world.connect(a, b)
  world.runUntil(() => near.state === 'open' && eventsOf(b, 'session-open').length === 1)
  const far = eventsOf(b, 'session-open')[0]!.session
  world.run(100)
  Object.assign(world.conditions, conditions)
  return { world, a, b, near, far, toFar: tap(world, far), toNear: tap(world, near) }
}

/** Looks at what comes to a session. */
export function tap(world: World, session: Session): Tap {
  const receive = session.receive.bind(session)
  session.receive = (header, plain, from, now) => {
    const packet = result.packets.at(-1) as SeenPacket
    return result.loses(packet) ? 'lost on purpose' : receive(header, plain, from, now)
  }
  const result: Tap = { packets: inspect(world, session), loses: () => false }
  return result
}

/** What a node has told of one kind. */
export function eventsOf<T extends EndpointEvent['type']>(node: Node, type: T): Extract<EndpointEvent, { type: T }>[] {
  return node.events.filter((event): event is Extract<EndpointEvent, { type: T }> => event.type === type)
}

/** The messages that a node was given. */
export function messagesOf(node: Node): Uint8Array[] {
  return eventsOf(node, 'message').map((event) => event.data)
}

/** The first bytes of the messages that a node was given. */
export function numbersOf(node: Node): number[] {
  return messagesOf(node).map((data) => data[0]!)
}

/** Sets the delivery of all flows that open at a node. */
export function deliver(node: Node, delivery: Delivery): void {
  node.onEvent = (event) => {
    if (event.type === 'flow-open') event.flow.delivery = delivery
  }
}

/** Lets a session receive a packet that no engine has assembled, as if its far end had sent it. */
export function feed(world: World, session: Session, write: (w: Writer) => void): void {
  const w = new Writer(new Uint8Array(60_000))
  write(w)
  const header = {
    mode: session.isInitiator ? MODE_RESPONDER : MODE_INITIATOR,
    timeCritical: false,
    timeCriticalReverse: false,
    timestamp: -1,
    timestampEcho: -1,
  }
  session.receive(header, new Reader(w.bytes, 0, w.at), session.farAddress as Address, world.now)
  world.settle()
}

/** One User Data chunk as a test wants it. */
export interface Crafted {
  readonly flow?: number
  readonly number: number
  /** Forward sequence number; 0 unless told. */
  readonly fsn?: number
  readonly control?: number
  readonly abandon?: boolean
  readonly final?: boolean
  /** With its Marker; a metadata option by default in the chunk with sequence number 1. */
  readonly options?: Uint8Array
  readonly data?: Uint8Array
}

const METADATA = encodeStartupOptions(Uint8Array.of(1), -1)
const NONE = new Uint8Array(0)

/** Writes a User Data chunk. Its data, unless told otherwise, is its sequence number's low byte. */
export function craft(w: Writer, chunk: Crafted): void {
  const { flow = 1, number, fsn = 0, control = 0, abandon = false, final = false } = chunk
  const options = chunk.options ?? (number === 1 ? METADATA : NONE)
  const data = chunk.data ?? (abandon ? NONE : Uint8Array.of(number))
  const flags = fragmentFlags(control) | (abandon ? FLAG_ABANDON : 0) | (final ? FLAG_FINAL : 0) | (options.length > 0 ? FLAG_OPTIONS : 0)
  writeUserData(w, flags, flow, number, fsn, options, data, 0, data.length)
}

/** Lets a session receive one packet with these chunks. */
export function feedData(world: World, session: Session, ...chunks: readonly Crafted[]): void {
  feed(world, session, (w) => {
    for (const chunk of chunks) craft(w, chunk)
  })
}
