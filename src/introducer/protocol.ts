import { Address } from '../base/address.ts'
import { DecodeError } from '../base/errors.ts'
import {
  CODE_ALPHABET,
  CODE_LENGTH,
  MAX_ALTERNATIVES,
  MAX_CAPACITY,
  MAX_CONTACT_ADDRESSES,
  MAX_EPOCH,
  MAX_INVITATION,
  MAX_INVITING_CERTIFICATE,
  MAX_LOCAL_ADDRESSES,
  MAX_NAME,
  MAX_ORDER,
  MAX_PROFILE_BYTES,
  MAX_PROFILE_DEPTH,
  MAX_PROPERTIES,
  MAX_PROPERTY_LENGTH,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  MAX_SALT,
  MAX_SPECTATORS,
  PROBE_TOKEN_BYTES,
  ROOM_KEY_BYTES,
} from './constants.ts'
import { pack, unpack } from './packing.ts'
import type { ProbeSource, ProbeTicket } from './probe.ts'

/** What a player tells about themselves: plain data (texts, numbers, truth values, bytes, lists and maps of them), at most 1 KiB packed. */
export type Profile = Readonly<Record<string, unknown>>

/** Public properties of a room. */
export type Properties = Readonly<Record<string, string | number | boolean>>

/** What a property of a room has to be, to be found: a value, one of several, or a number of a range (both ends included). */
export type Condition =
  string | number | boolean | readonly (string | number | boolean)[] | { readonly min?: number; readonly max?: number }

/** Conditions by property; all of them have to hold, and a room without the property does not meet them. */
export type Where = Readonly<Record<string, Condition>>

/** A member of a room. */
export interface MemberInfo {
  readonly peerId: string
  /** Counts up by joining. */
  readonly order: number
  readonly profile: Profile
  /** Takes none of the room's places. */
  readonly spectator?: true
}

/** What a room is made with. */
export interface RoomSettings {
  readonly game: string
  readonly protocol: number
  readonly capacity: number
  readonly listed: boolean
  readonly properties: Properties
  /** The host asks newcomers for one. */
  readonly password?: true
  /** What proofs that one knows it are made with, so that a newcomer need not ask. */
  readonly salt?: Uint8Array
  /** Nobody new gets in. */
  readonly locked?: true
  /** Spectators at most; 8 when not given. */
  readonly spectators?: number
}

/** Who is the host of a room. */
export interface Standing {
  /** Counts up with each host: of two that say that they are it, the one with the higher epoch is. */
  readonly epoch: number
  readonly host: string
}

/** Whether others reach a peer by way of the introducer: when it must be, always (so that they do not see its addresses), or never. */
export type RelayUse = 'auto' | 'always' | 'never'

/** How a peer is reached. */
export interface Contact {
  /** Its Internet addresses, and the relay path to it. */
  readonly addresses: readonly Address[]
  /** A cookie of its own and its certificate, by which a session to it opens in one round trip. */
  readonly invitation?: { readonly cookie: Uint8Array; readonly certificate: Uint8Array } | undefined
}

/** A place in a room. */
export interface Ticket extends RoomSettings, Standing {
  readonly roomId: string
  readonly code: string
  readonly self: MemberInfo
  /** All members, this one included, by order; the host and this one alone for who has still to be let in. */
  readonly members: readonly MemberInfo[]
  /** How the other members are reached, by peer ID. */
  readonly contacts?: ReadonlyMap<string, Contact>
  /** For who was let in: shows an introducer that has forgotten the room that this peer was. */
  readonly key?: Uint8Array
}

/** A room as others see it in a list. */
export interface RoomListing {
  readonly code: string
  /** Players, spectators aside. */
  readonly members: number
  readonly capacity: number
  readonly properties: Properties
  readonly password?: true
  readonly locked?: true
}

/** What a client asks for. */
export type Request =
  | { readonly op: 'register'; readonly addresses: readonly Address[]; readonly relay: RelayUse }
  /** How a companion is reached now; it is told the same of this end. */
  | { readonly op: 'contact'; readonly peerId: string }
  | ({ readonly op: 'create'; readonly profile: Profile } & RoomSettings)
  | {
      readonly op: 'join'
      readonly game: string
      readonly protocol: number
      readonly code: string
      readonly profile: Profile
      readonly invitation?: Uint8Array | undefined
      readonly spectator?: true
    }
  | ({
      readonly op: 'rejoin'
      readonly roomId: string
      readonly code: string
      readonly order: number
      readonly profile: Profile
      readonly invitation?: Uint8Array | undefined
      readonly spectator?: true
      readonly key?: Uint8Array
    } & RoomSettings &
      Standing)
  | { readonly op: 'leave'; readonly roomId: string }
  /** The host has lost a member. */
  | { readonly op: 'evict'; readonly roomId: string; readonly peerId: string }
  /** The host has let somebody in. */
  | { readonly op: 'admit'; readonly roomId: string; readonly peerId: string }
  /** The peer is the host from now on, if nobody else has become it since the epoch `base`. */
  | { readonly op: 'claim'; readonly roomId: string; readonly base: number; readonly epoch: number }
  | { readonly op: 'list'; readonly game: string; readonly protocol: number; readonly where: Where; readonly open?: true }
  /** A place in the fullest open room that meets the conditions, or else in a new one, if it says how that is to be. */
  | {
      readonly op: 'match'
      readonly game: string
      readonly protocol: number
      readonly where: Where
      readonly profile: Profile
      readonly invitation?: Uint8Array | undefined
      readonly create?: RoomSettings
    }
  /** Lets the peer find out about its NAT. */
  | { readonly op: 'probe'; readonly send?: ProbeSource | undefined }
  /** `guarded`: addresses are shown to those alone whom the host has let in, as in a room with a lock or a password. */
  | { readonly op: 'update'; readonly roomId: string; readonly properties: Properties; readonly locked?: true; readonly guarded?: true }

/** What a server says. */
export type Response =
  | { readonly kind: 'ok'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly code: string; readonly message: string }
  /** `guest`: to the host, that somebody asks to be let in. */
  | {
      readonly kind: 'joined'
      readonly roomId: string
      readonly member: MemberInfo
      readonly contact?: Contact | undefined
      readonly guest?: true
    }
  /** A companion is reached otherwise now. */
  | { readonly kind: 'contact'; readonly peerId: string; readonly contact: Contact }
  | { readonly kind: 'left'; readonly roomId: string; readonly peerId: string }
  | ({ readonly kind: 'host'; readonly roomId: string } & Standing)
  /** This peer is elsewhere now: what it sent by relay paths lately has been dropped. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'closing' }

const PEER_ID = /^[0-9a-f]{64}$/
const ROOM_ID = /^[0-9a-f]{32}$/
const CODE = new RegExp(`^[${CODE_ALPHABET}]{${CODE_LENGTH}}$`)
const MAX_ERROR_TEXT = 512
const MAX_PORT = 0xffff

/** What a room was made with, and nothing else. */
export function settingsOf(settings: RoomSettings): RoomSettings {
  const { game, protocol, capacity, listed, properties, password, salt, locked, spectators } = settings
  return {
    game,
    protocol,
    capacity,
    listed,
    properties,
    ...(password === undefined ? {} : { password }),
    ...(salt === undefined ? {} : { salt }),
    ...(locked === undefined ? {} : { locked }),
    ...(spectators === undefined ? {} : { spectators }),
  }
}

/** The bytes of a request. */
export function encodeRequest(id: number, request: Request): Uint8Array {
  return pack(
    request.op === 'register' ? { ...request, id, addresses: request.addresses.map((a) => a.key) } : withoutNothing({ ...request, id }),
  )
}

/** The bytes of a response. */
export function encodeResponse(response: Response): Uint8Array {
  const contact = 'contact' in response && response.contact !== undefined ? plainContact(response.contact) : undefined
  return pack(withoutNothing('contact' in response ? { ...response, contact } : { ...response }))
}

/** What a contact is on the wire. */
export function plainContact({ addresses, invitation }: Contact): Readonly<Record<string, unknown>> {
  return withoutNothing({ addresses: addresses.map(({ key }) => key), ...invitation })
}

/** The value of an answer that is a ticket. */
export function plainTicket(ticket: Ticket): Readonly<Record<string, unknown>> {
  const contacts = [...(ticket.contacts ?? [])].map(([peerId, contact]) => [peerId, plainContact(contact)])
  return { ...ticket, contacts: Object.fromEntries(contacts) as unknown }
}

function withoutNothing(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Reads a request and checks every field of it. @throws DecodeError */
export function decodeRequest(bytes: Uint8Array): { readonly id: number; readonly request: Request } {
  if (bytes.length > MAX_REQUEST_BYTES) throw new DecodeError('request too long')
  const fields = asRecord(unpack(bytes))
  const id = asInteger(fields['id'], 0, Number.MAX_SAFE_INTEGER)
  return { id, request: requestOf(asText(fields['op'], MAX_NAME), fields) }
}

function requestOf(op: string, fields: Readonly<Record<string, unknown>>): Request {
  switch (op) {
    case 'register':
      return { op, addresses: asList(fields['addresses'], MAX_LOCAL_ADDRESSES).map(asAddress), relay: asRelayUse(fields['relay']) }
    case 'contact':
      return { op, peerId: asPeerId(fields['peerId']) }
    case 'create':
      return { op, ...asSettings(fields), profile: asProfile(fields['profile']) }
    case 'join':
      return {
        op,
        ...asGame(fields),
        code: asCode(fields['code']),
        profile: asProfile(fields['profile']),
        invitation: asOptionalBytes(fields['invitation'], MAX_INVITATION),
        ...asMark(fields, 'spectator'),
      }
    case 'rejoin':
      return {
        op,
        ...asSettings(fields),
        roomId: asRoomId(fields['roomId']),
        code: asCode(fields['code']),
        order: asInteger(fields['order'], 0, MAX_ORDER),
        profile: asProfile(fields['profile']),
        invitation: asOptionalBytes(fields['invitation'], MAX_INVITATION),
        ...asMark(fields, 'spectator'),
        ...asStanding(fields),
        ...asKey(fields),
      }
    case 'leave':
      return { op, roomId: asRoomId(fields['roomId']) }
    case 'evict':
    case 'admit':
      return { op, roomId: asRoomId(fields['roomId']), peerId: asPeerId(fields['peerId']) }
    case 'claim':
      return { op, roomId: asRoomId(fields['roomId']), base: asEpoch(fields['base']), epoch: asEpoch(fields['epoch']) }
    case 'list':
      return { op, ...asGame(fields), where: asWhere(fields['where']), ...asMark(fields, 'open') }
    case 'match': {
      const { create } = fields
      const settings = create === undefined ? {} : { create: { ...asSettings(asRecord(create)), ...asGame(fields) } }
      const invitation = asOptionalBytes(fields['invitation'], MAX_INVITATION)
      return { op, ...asGame(fields), where: asWhere(fields['where']), profile: asProfile(fields['profile']), invitation, ...settings }
    }
    case 'probe':
      return { op, send: asProbeSource(fields['send']) }
    case 'update':
      return {
        op,
        roomId: asRoomId(fields['roomId']),
        properties: asProperties(fields['properties']),
        ...asMark(fields, 'locked'),
        ...asMark(fields, 'guarded'),
      }
    default:
      throw new DecodeError('unknown request')
  }
}

/** Reads a response and checks every field of it but an answer's value, which depends on the question. @throws DecodeError */
export function decodeResponse(bytes: Uint8Array): Response {
  if (bytes.length > MAX_RESPONSE_BYTES) throw new DecodeError('response too long')
  const fields = asRecord(unpack(bytes))
  const kind = asText(fields['kind'], MAX_NAME)
  switch (kind) {
    case 'ok':
      return { kind, id: asInteger(fields['id'], 0, Number.MAX_SAFE_INTEGER), value: fields['value'] }
    case 'error':
      return {
        kind,
        id: asInteger(fields['id'], 0, Number.MAX_SAFE_INTEGER),
        code: asText(fields['code'], MAX_NAME),
        message: asText(fields['message'], MAX_ERROR_TEXT),
      }
    case 'joined':
      return {
        kind,
        roomId: asRoomId(fields['roomId']),
        member: asMember(fields['member']),
        contact: fields['contact'] === undefined ? undefined : asContact(fields['contact']),
        ...asMark(fields, 'guest'),
      }
    case 'contact':
      return { kind, peerId: asPeerId(fields['peerId']), contact: asContact(fields['contact']) }
    case 'left':
      return { kind, roomId: asRoomId(fields['roomId']), peerId: asPeerId(fields['peerId']) }
    case 'host':
      return { kind, roomId: asRoomId(fields['roomId']), ...asStanding(fields) }
    case 'moved':
    case 'closing':
      return { kind }
    default:
      throw new DecodeError('unknown response')
  }
}

/** Checks the value of an answer that is a ticket. @throws DecodeError */
export function asTicket(value: unknown): Ticket {
  const fields = asRecord(value)
  const members = asList(fields['members'], MAX_CAPACITY + MAX_SPECTATORS).map(asMember)
  const self = asMember(fields['self'])
  if (!members.some((member) => member.peerId === self.peerId)) throw new DecodeError('not a member of the room')
  const contacts = fields['contacts'] === undefined ? {} : { contacts: asContacts(fields['contacts']) }
  const names = { roomId: asRoomId(fields['roomId']), code: asCode(fields['code']) }
  return { ...asSettings(fields), ...asStanding(fields), ...names, self, members, ...contacts, ...asKey(fields) }
}

/** Checks a contact. @throws DecodeError */
export function asContact(value: unknown): Contact {
  const fields = asRecord(value)
  const addresses = asList(fields['addresses'], MAX_CONTACT_ADDRESSES).map(asAddress)
  const cookie = asOptionalBytes(fields['cookie'], MAX_INVITATION)
  const certificate = asOptionalBytes(fields['certificate'], MAX_INVITING_CERTIFICATE)
  return { addresses, invitation: cookie === undefined || certificate === undefined ? undefined : { cookie, certificate } }
}

function asContacts(value: unknown): ReadonlyMap<string, Contact> {
  const entries = Object.entries(asRecord(value))
  if (entries.length > MAX_CAPACITY + MAX_SPECTATORS) throw new DecodeError('list')
  return new Map(entries.map(([peerId, contact]) => [asPeerId(peerId), asContact(contact)]))
}

/** Checks the value of an answer to `probe`. @throws DecodeError */
export function asProbeTicket(value: unknown): ProbeTicket {
  const { token, observed, port, address, time } = asRecord(value)
  if (!(token instanceof Uint8Array) || token.length !== PROBE_TOKEN_BYTES) throw new DecodeError('token')
  return {
    token,
    observed: asAddress(observed).key,
    port: asInteger(port, 1, MAX_PORT),
    address: address === undefined || address === null ? undefined : asAddress(address).key,
    time: typeof time === 'number' && Number.isFinite(time) ? time : undefined,
  }
}

function asProbeSource(value: unknown): ProbeSource | undefined {
  if (value === undefined || value === null) return undefined
  if (value !== 'port' && value !== 'address') throw new DecodeError('probe source')
  return value
}

/** Checks the value of an answer that says who is the host. @throws DecodeError */
export function asStanding(value: unknown): Standing {
  const fields = asRecord(value)
  return { epoch: asEpoch(fields['epoch']), host: asPeerId(fields['host']) }
}

/** Checks the value of an answer that is a list of rooms. @throws DecodeError */
export function asListings(value: unknown): RoomListing[] {
  return asList(value, Number.MAX_SAFE_INTEGER).map((entry) => {
    const fields = asRecord(entry)
    return {
      code: asCode(fields['code']),
      members: asInteger(fields['members'], 0, MAX_CAPACITY),
      capacity: asInteger(fields['capacity'], 1, MAX_CAPACITY),
      properties: asProperties(fields['properties']),
      ...asMark(fields, 'password'),
      ...asMark(fields, 'locked'),
    }
  })
}

/** Checks the conditions of a search. @throws DecodeError */
export function asWhere(value: unknown): Where {
  const fields = asRecord(value)
  const names = Object.keys(fields)
  if (names.length > MAX_PROPERTIES || names.some((name) => name.length > MAX_PROPERTY_LENGTH)) throw new DecodeError('conditions')
  return Object.fromEntries(names.map((name) => [name, asCondition(fields[name])]))
}

/** Whether a room's properties meet the conditions of a search. */
export function meets(properties: Properties, where: Where): boolean {
  return Object.entries(where).every(([name, condition]) => {
    const value = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (typeof condition !== 'object') return value === condition
    if (isAlternatives(condition)) return value !== undefined && condition.includes(value)
    const { min = -Infinity, max = Infinity } = condition
    return typeof value === 'number' && value >= min && value <= max
  })
}

function isAlternatives(condition: Condition): condition is readonly (string | number | boolean)[] {
  return Array.isArray(condition)
}

/** Checks a player's profile. @throws DecodeError */
export function asProfile(value: unknown): Profile {
  const profile = asRecord(value)
  if (!isPlain(profile, MAX_PROFILE_DEPTH)) throw new DecodeError('profile is not plain data, or nested too deep')
  if (packedLength(profile) > MAX_PROFILE_BYTES) throw new DecodeError('profile too long')
  return profile
}

/** Whether a value can be packed again wherever it is put. What msgpackr makes of its own extensions can not. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true
  if (depth === 0) return false
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth - 1))
  return isRecord(value) && Object.values(value).every((item) => isPlain(item, depth - 1))
}

function packedLength(value: unknown): number {
  try {
    return pack(value).length
  } catch {
    throw new DecodeError('can not be packed')
  }
}

/** Checks a room's public properties. @throws DecodeError */
export function asProperties(value: unknown): Properties {
  const fields = asRecord(value)
  const names = Object.keys(fields)
  if (names.length > MAX_PROPERTIES) throw new DecodeError('too many properties')
  const properties: Record<string, string | number | boolean> = {}
  for (const name of names) {
    if (name.length > MAX_PROPERTY_LENGTH) throw new DecodeError('property name too long')
    properties[name] = asProperty(fields[name])
  }
  return properties
}

function asCondition(value: unknown): Condition {
  if (Array.isArray(value)) return asList(value, MAX_ALTERNATIVES).map(asProperty)
  if (!isRecord(value)) return asProperty(value)
  const { min, max } = value
  for (const end of [min, max]) if (end !== undefined && (typeof end !== 'number' || Number.isNaN(end))) throw new DecodeError('range')
  return { ...(min === undefined ? {} : { min: min as number }), ...(max === undefined ? {} : { max: max as number }) }
}

function asProperty(value: unknown): string | number | boolean {
  if (typeof value === 'string') return asText(value, MAX_PROPERTY_LENGTH)
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value
  throw new DecodeError('property type')
}

function asSettings(fields: Readonly<Record<string, unknown>>): RoomSettings {
  return {
    ...asGame(fields),
    capacity: asInteger(fields['capacity'], 1, MAX_CAPACITY),
    listed: fields['listed'] === true,
    properties: asProperties(fields['properties']),
    ...asMark(fields, 'password'),
    ...asSalt(fields['salt']),
    ...asMark(fields, 'locked'),
    ...(fields['spectators'] === undefined ? {} : { spectators: asInteger(fields['spectators'], 0, MAX_SPECTATORS) }),
  }
}

function asSalt(value: unknown): { readonly salt?: Uint8Array } {
  const salt = asOptionalBytes(value, MAX_SALT)
  return salt === undefined ? {} : { salt }
}

function asKey(fields: Readonly<Record<string, unknown>>): { readonly key?: Uint8Array } {
  const key = asOptionalBytes(fields['key'], ROOM_KEY_BYTES)
  return key === undefined ? {} : { key }
}

/** The mark, if it is there. */
function asMark<K extends string>(fields: Readonly<Record<string, unknown>>, name: K): { readonly [P in K]?: true } {
  return (fields[name] === true ? { [name]: true } : {}) as { readonly [P in K]?: true }
}

function asEpoch(value: unknown): number {
  return asInteger(value, 0, MAX_EPOCH)
}

function asGame(fields: Readonly<Record<string, unknown>>): { readonly game: string; readonly protocol: number } {
  return { game: asText(fields['game'], MAX_NAME), protocol: asInteger(fields['protocol'], 0, Number.MAX_SAFE_INTEGER) }
}

/** Checks what is told of a member. @throws DecodeError */
export function asMember(value: unknown): MemberInfo {
  const fields = asRecord(value)
  return {
    peerId: asPeerId(fields['peerId']),
    order: asInteger(fields['order'], 0, MAX_ORDER),
    profile: asProfile(fields['profile']),
    ...asMark(fields, 'spectator'),
  }
}

/** @throws DecodeError */
export function asPeerId(value: unknown): string {
  return matching(value, PEER_ID, 'peer ID')
}

function asRoomId(value: unknown): string {
  return matching(value, ROOM_ID, 'room ID')
}

function asCode(value: unknown): string {
  return matching(value, CODE, 'room code')
}

function matching(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new DecodeError(what)
  return value
}

function asAddress(value: unknown): Address {
  if (typeof value !== 'string' || value.length > MAX_PROPERTY_LENGTH) throw new DecodeError('address')
  return Address.parse(value)
}

function asRelayUse(value: unknown): RelayUse {
  if (value === undefined) return 'auto'
  if (value !== 'auto' && value !== 'always' && value !== 'never') throw new DecodeError('use of the relay')
  return value
}

function asOptionalBytes(value: unknown, longest: number): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined
  if (!(value instanceof Uint8Array) || value.length > longest) throw new DecodeError('bytes')
  return value
}

/** @throws DecodeError */
export function asText(value: unknown, longest: number): string {
  if (typeof value !== 'string' || value.length > longest) throw new DecodeError('text')
  return value
}

/** @throws DecodeError */
export function asInteger(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw new DecodeError('number')
  return value
}

/** @throws DecodeError */
export function asList(value: unknown, most: number): unknown[] {
  if (!Array.isArray(value) || value.length > most) throw new DecodeError('list')
  return value as unknown[]
}

/** @throws DecodeError */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new DecodeError('record')
  return value
}

/** Whether it is an object like `{}`, of whatever realm: no list, no bytes, no `Date`. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]'
}
