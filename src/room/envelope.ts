import { Reader, Writer } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { pack, unpack } from '../introducer/packing.ts'
import { asInteger, asList } from '../introducer/protocol.ts'
import type { FlowNumber } from './succession.ts'

/** What an envelope to the host asks for: pass this on; what follows is the flow with this number; nothing more comes by this way. */
export const PASS = 0
export const FOLLOW = 1
export const END = 2

/** A message to members that the host is to pass on. `docs/protocol.md`, R6. */
export interface Envelope {
  readonly kind: number
  /** The receivers' orders; none for all that are no hubs. */
  readonly targets: readonly number[]
  readonly payload: Uint8Array
}

const MAX_TARGETS = 255
const HEADER = 2
const ORDER_SIZE = 4
const EMPTY = new Uint8Array(0)

const writer = new Writer()
const reader = new Reader()

export function encodeEnvelope(kind: number, targets: readonly { readonly order: number }[], payload: Uint8Array = EMPTY): Uint8Array {
  const named = targets.slice(0, MAX_TARGETS)
  const size = HEADER + named.length * ORDER_SIZE + payload.length
  const w = writer.reset(new Uint8Array(size), 0, size)
  w.uint8(kind)
  w.uint8(named.length)
  for (const { order } of named) w.uint32(order)
  w.raw(payload)
  return w.bytes
}

/** @throws DecodeError */
export function decodeEnvelope(data: Uint8Array): Envelope {
  const r = reader.reset(data, 0, data.length)
  const kind = r.uint8()
  const targets: number[] = []
  for (let count = r.uint8(); count > 0; count--) targets.push(r.uint32())
  if (kind > END) throw new DecodeError('envelope')
  return { kind, targets, payload: r.rest() }
}

export function encodeNumber({ generation, since }: FlowNumber): Uint8Array {
  return pack([generation, since])
}

/** @throws DecodeError */
export function decodeNumber(payload: Uint8Array): FlowNumber {
  const [generation, since] = asList(unpack(payload), 2)
  return asFlowNumber(generation, since)
}

/** @throws DecodeError */
export function asFlowNumber(generation: unknown, since: unknown): FlowNumber {
  const number = asInteger(generation, 0, Number.MAX_SAFE_INTEGER)
  return { generation: number, since: asInteger(since, 0, number) }
}
