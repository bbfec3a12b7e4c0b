import { DecodeError } from '../base/errors.ts'
import { MAX_EPOCH, MAX_NAME, ROOM_KEY_BYTES } from '../introducer/constants.ts'
import { pack, unpack } from '../introducer/packing.ts'
import { asInteger, asPeerId, asProfile, asRecord, asText } from '../introducer/protocol.ts'
import type { Profile, Standing } from '../introducer/protocol.ts'
import { MAX_CONTROL_MESSAGE, MAX_JOIN_STATE } from './constants.ts'
import { asChange, asSnapshot } from './membership.ts'
import type { Change, Snapshot } from './membership.ts'

/** What extensions have to say to a peer, by name. */
export type States = Readonly<Record<string, Uint8Array>>

/** What members of a room, and who wants to become one, say on its control flows. `docs/protocol.md`. */
export type ControlMessage =
  /** Who is the host, as far as the sender knows; the first thing that is said in a session. `gap`: the receiver has missed something reliable. */
  | ({ readonly kind: 'hello'; readonly gap?: boolean } & Standing)
  /** Asks for a seat, or for the own one again. */
  | {
      readonly kind: 'join'
      readonly game: string
      readonly protocol: number
      readonly profile: Profile
      readonly spectator: boolean
      /** Hash of the token of a seat that is kept. */
      readonly seat?: string
      /** As in `proof`, when the salt is known already: with no nonce. */
      readonly proof?: Uint8Array
    }
  /** A password is needed: what the proof has to be made of. */
  | { readonly kind: 'challenge'; readonly salt: Uint8Array; readonly nonce: Uint8Array }
  | { readonly kind: 'proof'; readonly proof: Uint8Array }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** `key`: what shows an introducer that the receiver is a member, unless that knew it at once. */
  | { readonly kind: 'admitted'; readonly snapshot: Snapshot; readonly states: States; readonly key?: Uint8Array }
  /** The host's next change of the membership. */
  | { readonly kind: 'change'; readonly epoch: number; readonly version: number; readonly change: Change }
  /** The sender is the host from now on. */
  | { readonly kind: 'host'; readonly snapshot: Snapshot }
  /** The host makes somebody its successor, and may leave with that. */
  | { readonly kind: 'appoint'; readonly epoch: number; readonly host: string; readonly states: States; readonly leaving: boolean }
  /** The host is silent: the sender wants to be it. */
  | { readonly kind: 'claim'; readonly base: number; readonly version: number }
  /** An answer to that; with what the sender knows that the candidate does not. */
  | { readonly kind: 'vote'; readonly base: number; readonly granted: boolean; readonly snapshot?: Snapshot }
  | { readonly kind: 'leave' }
  /** The receiver has lost its seat. */
  | { readonly kind: 'removed'; readonly banned: boolean; readonly reason: string }

/** The bytes of a control message. */
export function encodeControl(message: ControlMessage): Uint8Array {
  return pack(message)
}

const MAX_TEXT = 512
const MAX_BYTES = 64

/** Reads a control message and checks every field of it. @throws DecodeError */
export function decodeControl(bytes: Uint8Array): ControlMessage {
  if (bytes.length > MAX_CONTROL_MESSAGE) throw new DecodeError('control message too long')
  const fields = asRecord(unpack(bytes))
  const kind = asText(fields['kind'], MAX_NAME) as ControlMessage['kind']
  switch (kind) {
    case 'hello':
      return { kind, epoch: asEpoch(fields['epoch']), host: asPeerId(fields['host']), ...(fields['gap'] === true ? { gap: true } : {}) }
    case 'join': {
      const { seat, proof } = fields
      return {
        kind,
        game: asText(fields['game'], MAX_NAME),
        protocol: asInteger(fields['protocol'], 0, Number.MAX_SAFE_INTEGER),
        profile: asProfile(fields['profile']),
        spectator: fields['spectator'] === true,
        ...(seat === undefined ? {} : { seat: asPeerId(seat) }),
        ...(proof === undefined ? {} : { proof: asBytes(proof, MAX_BYTES) }),
      }
    }
    case 'challenge':
      return { kind, salt: asBytes(fields['salt'], MAX_BYTES), nonce: asBytes(fields['nonce'], MAX_BYTES) }
    case 'proof':
      return { kind, proof: asBytes(fields['proof'], MAX_BYTES) }
    case 'refused':
      return { kind, code: asText(fields['code'], MAX_NAME), message: asText(fields['message'], MAX_TEXT) }
    case 'admitted': {
      const { key } = fields
      const known = key === undefined ? {} : { key: asBytes(key, ROOM_KEY_BYTES) }
      return { kind, snapshot: asSnapshot(fields['snapshot']), states: asStates(fields['states']), ...known }
    }
    case 'change':
      return { kind, epoch: asEpoch(fields['epoch']), version: asEpoch(fields['version']), change: asChange(fields['change']) }
    case 'host':
      return { kind, snapshot: asSnapshot(fields['snapshot']) }
    case 'appoint':
      return {
        kind,
        epoch: asEpoch(fields['epoch']),
        host: asPeerId(fields['host']),
        states: asStates(fields['states']),
        leaving: fields['leaving'] === true,
      }
    case 'claim':
      return { kind, base: asEpoch(fields['base']), version: asEpoch(fields['version']) }
    case 'vote': {
      const { snapshot } = fields
      const known = snapshot === undefined ? {} : { snapshot: asSnapshot(snapshot) }
      return { kind, base: asEpoch(fields['base']), granted: fields['granted'] === true, ...known }
    }
    case 'leave':
      return { kind }
    case 'removed':
      return { kind, banned: fields['banned'] === true, reason: asText(fields['reason'], MAX_TEXT) }
    default:
      throw new DecodeError('unknown control message')
  }
}

function asEpoch(value: unknown): number {
  return asInteger(value, 0, MAX_EPOCH)
}

function asBytes(value: unknown, most: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > most) throw new DecodeError('bytes')
  return value
}

function asStates(value: unknown): States {
  const fields = asRecord(value)
  for (const name of Object.keys(fields)) asBytes(fields[name], MAX_JOIN_STATE)
  return fields as States
}
