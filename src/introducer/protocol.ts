import { Address } from '../base/address.ts'
import { DecodeError } from '../base/errors.ts'
import {
  CODE_ALPHABET,
  CODE_LENGTH,
  MAX_CAPACITY,
  MAX_CONTACT_ADDRESSES,
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
  PROBE_TOKEN_BYTES,
} from './constants.ts'
import { pack, unpack } from './packing.ts'
import type { ProbeSource, ProbeTicket } from './probe.ts'

/** What a player tells about themselves: plain data (texts, numbers, truth values, bytes, lists and maps of them), at most 1 KiB packed. */
export type Profile = Readonly<Record<string, unknown>>

/** Public properties of a room. */
export type Properties = Readonly<Record<string, string | number | boolean>>

/** A member of a room. */
export interface MemberInfo {
  readonly peerId: string
  /** Counts up by joining; the lowest of those present is the host. */
  readonly order: number
  readonly profile: Profile
}

/** What a room is made with. */
export interface RoomSettings {
  readonly game: string
  readonly protocol: number
  readonly capacity: number
  readonly listed: boolean
  readonly properties: Properties
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
export interface Ticket extends RoomSettings {
  readonly roomId: string
  readonly code: string
  readonly self: MemberInfo
  /** All members, this one included, by order. */
  readonly members: readonly MemberInfo[]
  /** How the other members are reached, by peer ID. */
  readonly contacts?: ReadonlyMap<string, Contact>
}

/** A room as others see it in a list. */
export interface RoomListing {
  readonly code: string
  readonly members: number
  readonly capacity: number
  readonly properties: Properties
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
    }
  | ({
      readonly op: 'rejoin'
      readonly roomId: string
      readonly code: string
      readonly order: number
      readonly profile: Profile
      readonly invitation?: Uint8Array | undefined
    } & RoomSettings)
  | { readonly op: 'leave'; readonly roomId: string }
  /** The host has lost a member. */
  | { readonly op: 'evict'; readonly roomId: string; readonly peerId: string }
  | { readonly op: 'list'; readonly game: string; readonly protocol: number }
  /** Lets the peer find out about its NAT. */
  | { readonly op: 'probe'; readonly send?: ProbeSource | undefined }
  | { readonly op: 'update'; readonly roomId: string; readonly properties: Properties }

/** What a server says. */
export type Response =
  | { readonly kind: 'ok'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly kind: 'joined'; readonly roomId: string; readonly member: MemberInfo; readonly contact?: Contact | undefined }
  /** A companion is reached otherwise now. */
  | { readonly kind: 'contact'; readonly peerId: string; readonly contact: Contact }
  | { readonly kind: 'left'; readonly roomId: string; readonly peerId: string }
  | { readonly kind: 'closing' }

const PEER_ID = /^[0-9a-f]{64}$/
const ROOM_ID = /^[0-9a-f]{32}$/
const CODE = new RegExp(`^[${CODE_ALPHABET}]{${CODE_LENGTH}}$`)
const MAX_ERROR_TEXT = 512
const MAX_PORT = 0xffff

/** The bytes of a request. */
export function encodeRequest(id: number, request: Request): Uint8Array {
  return pack(
    request.op === 'register' ? { ...request, id, addresses: request.addresses.map((a) => a.key) } : withoutNothing({ ...request, id }),
  )
}

/** The bytes of a response. */
export function encodeResponse(response: Response): Uint8Array {
  const contact = 'contact' in response && response.contact !== undefined ? plainContact(response.contact) : undefined
  return pack(withoutNothing('contact' in response ? { ...response, contact } : response))
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
      }
    case 'leave':
      return { op, roomId: asRoomId(fields['roomId']) }
    case 'evict':
      return { op, roomId: asRoomId(fields['roomId']), peerId: asPeerId(fields['peerId']) }
    case 'list':
      return { op, ...asGame(fields) }
    case 'probe':
      return { op, send: asProbeSource(fields['send']) }
    case 'update':
      return { op, roomId: asRoomId(fields['roomId']), properties: asProperties(fields['properties']) }
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
      }
    case 'contact':
      return { kind, peerId: asPeerId(fields['peerId']), contact: asContact(fields['contact']) }
    case 'left':
      return { kind, roomId: asRoomId(fields['roomId']), peerId: asPeerId(fields['peerId']) }
    case 'closing':
      return { kind }
    default:
      throw new DecodeError('unknown response')
  }
}

/** Checks the value of an answer that is a ticket. @throws DecodeError */
export function asTicket(value: unknown): Ticket {
  const fields = asRecord(value)
  const members = asList(fields['members'], MAX_CAPACITY).map(asMember)
  const self = asMember(fields['self'])
  if (!members.some((member) => member.peerId === self.peerId)) throw new DecodeError('not a member of the room')
  const contacts = fields['contacts'] === undefined ? {} : { contacts: asContacts(fields['contacts']) }
  return { ...asSettings(fields), roomId: asRoomId(fields['roomId']), code: asCode(fields['code']), self, members, ...contacts }
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
  if (entries.length > MAX_CAPACITY) throw new DecodeError('list')
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

/** Checks the value of an answer that is a list of rooms. @throws DecodeError */
export function asListings(value: unknown): RoomListing[] {
  return asList(value, Number.MAX_SAFE_INTEGER).map((entry) => {
    const fields = asRecord(entry)
    return {
      code: asCode(fields['code']),
      members: asInteger(fields['members'], 0, MAX_CAPACITY),
      capacity: asInteger(fields['capacity'], 1, MAX_CAPACITY),
      properties: asProperties(fields['properties']),
    }
  })
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
    const property = fields[name]
    if (name.length > MAX_PROPERTY_LENGTH) throw new DecodeError('property name too long')
    if (typeof property === 'string') properties[name] = asText(property, MAX_PROPERTY_LENGTH)
    else if (typeof property === 'boolean' || (typeof property === 'number' && Number.isFinite(property))) properties[name] = property
    else throw new DecodeError('property type')
  }
  return properties
}

function asSettings(fields: Readonly<Record<string, unknown>>): RoomSettings {
  return {
    ...asGame(fields),
    capacity: asInteger(fields['capacity'], 1, MAX_CAPACITY),
    listed: fields['listed'] === true,
    properties: asProperties(fields['properties']),
  }
}

function asGame(fields: Readonly<Record<string, unknown>>): { readonly game: string; readonly protocol: number } {
  return { game: asText(fields['game'], MAX_NAME), protocol: asInteger(fields['protocol'], 0, Number.MAX_SAFE_INTEGER) }
}

function asMember(value: unknown): MemberInfo {
  const fields = asRecord(value)
  return {
    peerId: asPeerId(fields['peerId']),
    order: asInteger(fields['order'], 0, MAX_ORDER),
    profile: asProfile(fields['profile']),
  }
}

function asPeerId(value: unknown): string {
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

function asText(value: unknown, longest: number): string {
  if (typeof value !== 'string' || value.length > longest) throw new DecodeError('text')
  return value
}

function asInteger(value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw new DecodeError('number')
  return value
}

function asList(value: unknown, most: number): unknown[] {
  if (!Array.isArray(value) || value.length > most) throw new DecodeError('list')
  return value as unknown[]
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new DecodeError('record')
  return value
}

/** Whether it is an object like `{}`, of whatever realm: no list, no bytes, no `Date`. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]'
}
