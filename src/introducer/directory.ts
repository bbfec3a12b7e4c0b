import { toHex } from '../base/bytes.ts'
import { AltostratusError } from '../base/errors.ts'
import { randomBytes } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import { CODE_ALPHABET, CODE_LENGTH, GRACE, MAX_LISTED, MAX_ROOMS, MAX_ROOMS_PER_PEER } from './constants.ts'
import type { MemberInfo, Profile, Properties, RoomListing, RoomSettings, Ticket } from './protocol.ts'

interface Member extends MemberInfo {
  /** When a member that is lost loses its place; `Infinity` while it is there. */
  graceUntil: number
}

interface Room {
  readonly id: string
  readonly code: string
  readonly settings: RoomSettings
  properties: Properties
  /** By peer ID, in order of joining. */
  readonly members: Map<string, Member>
  nextOrder: number
  /** Made anew from what its members say; only then does who comes back have the place that they name. */
  isRecovered: boolean
}

/** Someone is to be told of a change in a room. */
export interface Notice {
  readonly to: string
  readonly roomId: string
  readonly joined?: MemberInfo
  readonly left?: string
}

const ROOM_ID_LENGTH = 16

/** The rooms of one introducer: who is in which. Holds no sockets and reads no clock; changes come out as notices to be sent. */
export class Directory {
  /** Who is to be told what; the owner takes them out and sends them. */
  readonly notices: Notice[] = []
  private readonly random: Random
  private readonly byCode = new Map<string, Room>()
  private readonly byId = new Map<string, Room>()
  private readonly byPeer = new Map<string, Set<Room>>()

  constructor(random: Random) {
    this.random = random
  }

  get roomCount(): number {
    return this.byId.size
  }

  /** @throws AltostratusError `TOO_MANY_ROOMS` */
  create(peerId: string, settings: RoomSettings, profile: Profile): Ticket {
    return this.enter(this.newRoom(toHex(randomBytes(this.random, ROOM_ID_LENGTH)), this.newCode(), settings), peerId, profile)
  }

  /** @throws AltostratusError `ROOM_NOT_FOUND`, `GAME_MISMATCH`, `PROTOCOL_MISMATCH`, `ROOM_FULL`, `TOO_MANY_ROOMS` */
  join(peerId: string, code: string, game: string, protocol: number, profile: Profile): Ticket {
    const room = this.byCode.get(code)
    if (room === undefined) throw new AltostratusError('ROOM_NOT_FOUND', `No room has the code ${code}.`)
    if (room.settings.game !== game) throw new AltostratusError('GAME_MISMATCH', `The room ${code} is of another game.`)
    if (room.settings.protocol !== protocol) {
      throw new AltostratusError(
        'PROTOCOL_MISMATCH',
        `The room ${code} speaks protocol ${room.settings.protocol} of the game, this player ${protocol}.`,
      )
    }
    return this.enter(room, peerId, profile)
  }

  /** Takes a place up again, in a room that is made anew when the introducer has forgotten it. @throws AltostratusError as `join` does */
  rejoin(peerId: string, roomId: string, code: string, order: number, settings: RoomSettings, profile: Profile): Ticket {
    let room = this.byId.get(roomId)
    if (room === undefined) {
      if (this.byCode.has(code)) throw new AltostratusError('ROOM_NOT_FOUND', `The code ${code} now belongs to another room.`)
      room = this.newRoom(roomId, code, settings)
      room.isRecovered = true
    }
    if (room.code !== code) throw new AltostratusError('ROOM_NOT_FOUND', 'The room is not there any more.')
    if (room.isRecovered && this.isFree(room, peerId, order)) {
      this.admit(room, peerId, order, profile)
      room.nextOrder = Math.max(room.nextOrder, order + 1)
    }
    return this.enter(room, peerId, profile)
  }

  private isFree({ members, settings }: Room, peerId: string, order: number): boolean {
    if (members.has(peerId) || members.size >= settings.capacity) return false
    return ![...members.values()].some((member) => member.order === order)
  }

  leave(peerId: string, roomId: string): void {
    const room = this.byId.get(roomId)
    if (room !== undefined) this.remove(room, peerId)
  }

  /** Takes a member out that the others have lost. The host alone may, or who becomes it. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` */
  evict(peerId: string, roomId: string, member: string): void {
    const room = this.roomOf(peerId, roomId)
    if (hostOf(room, member) !== peerId) throw notHost()
    this.remove(room, member)
  }

  /** The host alone may. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` */
  update(peerId: string, roomId: string, properties: Properties): void {
    const room = this.roomOf(peerId, roomId)
    if (hostOf(room) !== peerId) throw notHost()
    room.properties = properties
  }

  list(game: string, protocol: number): RoomListing[] {
    const found: RoomListing[] = []
    for (const room of this.byId.values()) {
      const { settings, members, code, properties } = room
      if (!settings.listed || settings.game !== game || settings.protocol !== protocol) continue
      found.push({ code, members: members.size, capacity: settings.capacity, properties })
      if (found.length === MAX_LISTED) break
    }
    return found
  }

  /** Whether both are members of a room: then one may learn the other's addresses. */
  share(a: string, b: string): boolean {
    return this.sharedRoom(a, b) !== undefined
  }

  /** The ID of a room that both are members of. */
  sharedRoom(a: string, b: string): string | undefined {
    for (const room of this.byPeer.get(a) ?? []) if (room.members.has(b)) return room.id
    return undefined
  }

  /** All who are in a room with a peer. */
  companions(peerId: string): Set<string> {
    const found = new Set<string>()
    for (const room of this.byPeer.get(peerId) ?? []) for (const other of room.members.keys()) if (other !== peerId) found.add(other)
    return found
  }

  /** A peer has said that it ends: all its places are free. */
  leaveAll(peerId: string): void {
    for (const room of this.byPeer.get(peerId) ?? []) this.remove(room, peerId)
  }

  /** A peer's session is lost: it keeps its places for the grace time. */
  lost(peerId: string, now: number): void {
    for (const room of this.byPeer.get(peerId) ?? []) (room.members.get(peerId) as Member).graceUntil = now + GRACE
  }

  /** A peer's session is back. */
  found(peerId: string): void {
    for (const room of this.byPeer.get(peerId) ?? []) (room.members.get(peerId) as Member).graceUntil = Infinity
  }

  /** Removes members whose grace is over. */
  expire(now: number): void {
    for (const room of this.byId.values()) {
      for (const member of room.members.values()) if (now >= member.graceUntil) this.remove(room, member.peerId)
    }
  }

  private roomOf(peerId: string, roomId: string): Room {
    const room = this.byId.get(roomId)
    if (room === undefined || !room.members.has(peerId)) throw new AltostratusError('ROOM_NOT_FOUND', 'The room is not there any more.')
    return room
  }

  private enter(room: Room, peerId: string, profile: Profile): Ticket {
    let member = room.members.get(peerId)
    if (member === undefined) {
      const { code, settings } = room
      if (room.members.size >= settings.capacity)
        throw new AltostratusError('ROOM_FULL', `The room ${code} is full (${settings.capacity}).`)
      member = this.admit(room, peerId, room.nextOrder++, profile)
    }
    member.graceUntil = Infinity
    return {
      ...room.settings,
      properties: room.properties,
      roomId: room.id,
      code: room.code,
      self: infoOf(member),
      members: [...room.members.values()].map(infoOf).sort((a, b) => a.order - b.order),
    }
  }

  private admit(room: Room, peerId: string, order: number, profile: Profile): Member {
    const rooms = this.byPeer.get(peerId) ?? new Set<Room>()
    if (rooms.size >= MAX_ROOMS_PER_PEER) {
      if (room.members.size === 0) this.drop(room)
      throw new AltostratusError('TOO_MANY_ROOMS', `A player can be in ${MAX_ROOMS_PER_PEER} rooms at a time.`)
    }
    rooms.add(room)
    this.byPeer.set(peerId, rooms)
    const member: Member = { peerId, order, profile, graceUntil: Infinity }
    for (const other of room.members.keys()) this.notices.push({ to: other, roomId: room.id, joined: infoOf(member) })
    room.members.set(peerId, member)
    return member
  }

  private remove(room: Room, peerId: string): void {
    if (!room.members.delete(peerId)) return
    const rooms = this.byPeer.get(peerId)
    rooms?.delete(room)
    if (rooms?.size === 0) this.byPeer.delete(peerId)
    for (const other of room.members.keys()) this.notices.push({ to: other, roomId: room.id, left: peerId })
    if (room.members.size === 0) this.drop(room)
  }

  private drop(room: Room): void {
    this.byId.delete(room.id)
    this.byCode.delete(room.code)
  }

  private newRoom(id: string, code: string, settings: RoomSettings): Room {
    if (this.byId.size >= MAX_ROOMS) {
      throw new AltostratusError('TOO_MANY_ROOMS', `The introducer holds ${MAX_ROOMS} rooms already.`, { hint: 'Try another one.' })
    }
    const room: Room = { id, code, settings, properties: settings.properties, members: new Map(), nextOrder: 0, isRecovered: false }
    this.byId.set(id, room)
    this.byCode.set(code, room)
    return room
  }

  private newCode(): string {
    for (;;) {
      let code = ''
      for (let i = 0; i < CODE_LENGTH; i++) code += CODE_ALPHABET[this.random.uint32() % CODE_ALPHABET.length] as string
      if (!this.byCode.has(code)) return code
    }
  }
}

function infoOf({ peerId, order, profile }: Member): MemberInfo {
  return { peerId, order, profile }
}

/** The member that joined first, one aside. */
function hostOf(room: Room, except?: string): string | undefined {
  let host: Member | undefined
  for (const member of room.members.values()) {
    if (member.peerId !== except && (host === undefined || member.order < host.order)) host = member
  }
  return host?.peerId
}

function notHost(): AltostratusError {
  return new AltostratusError('NOT_HOST', 'Only the host of a room may do that.')
}
