import { toHex } from '../base/bytes.ts'
import { AltostratusError } from '../base/errors.ts'
import { randomBytes } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import {
  CODE_ALPHABET,
  CODE_LENGTH,
  DEFAULT_SPECTATORS,
  EPOCH_GRANTED,
  GRACE,
  MAX_LISTED,
  MAX_ROOMS,
  MAX_ROOMS_PER_PEER,
} from './constants.ts'
import { meets } from './protocol.ts'
import type { MemberInfo, Profile, Properties, RoomListing, RoomSettings, Standing, Ticket, Where } from './protocol.ts'

interface Member extends MemberInfo {
  /** When a member that is lost loses its place; `Infinity` while it is there. */
  graceUntil: number
}

interface Room {
  readonly id: string
  readonly code: string
  readonly settings: RoomSettings
  properties: Properties
  isLocked: boolean
  standing: Standing
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
  readonly standing?: Standing
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
    const standing = { epoch: EPOCH_GRANTED, host: peerId }
    return this.enter(this.newRoom(toHex(randomBytes(this.random, ROOM_ID_LENGTH)), this.newCode(), settings, standing), peerId, profile)
  }

  /** @throws AltostratusError `ROOM_NOT_FOUND`, `GAME_MISMATCH`, `PROTOCOL_MISMATCH`, `ROOM_FULL`, `TOO_MANY_ROOMS` */
  join(peerId: string, code: string, game: string, protocol: number, profile: Profile, spectator?: true): Ticket {
    const room = this.byCode.get(code)
    if (room === undefined) throw new AltostratusError('ROOM_NOT_FOUND', `No room has the code ${code}.`)
    if (room.settings.game !== game) throw new AltostratusError('GAME_MISMATCH', `The room ${code} is of another game.`)
    if (room.settings.protocol !== protocol) {
      throw new AltostratusError(
        'PROTOCOL_MISMATCH',
        `The room ${code} speaks protocol ${room.settings.protocol} of the game, this player ${protocol}.`,
      )
    }
    // A room that is locked may keep a seat for the peer, which its host knows.
    return this.enter(room, peerId, profile, spectator)
  }

  /** A place in the fullest open room that meets the conditions, or in a new one. @throws AltostratusError `ROOM_NOT_FOUND`, `TOO_MANY_ROOMS` */
  match(peerId: string, game: string, protocol: number, where: Where, profile: Profile, settings?: RoomSettings): Ticket {
    let best: Room | undefined
    for (const room of this.byId.values()) {
      if (!isOffered(room, game, protocol, where) || !isOpen(room) || room.members.has(peerId)) continue
      if (best === undefined || playersIn(room) > playersIn(best)) best = room
    }
    if (best !== undefined) return this.enter(best, peerId, profile)
    if (settings === undefined) throw new AltostratusError('ROOM_NOT_FOUND', 'No room meets the conditions now.')
    return this.create(peerId, settings, profile)
  }

  /** Takes a place up again, in a room that is made anew when the introducer has forgotten it. @throws AltostratusError as `join` does */
  rejoin(
    { peerId, order, profile, spectator }: MemberInfo,
    roomId: string,
    code: string,
    settings: RoomSettings,
    standing: Standing,
  ): Ticket {
    let room = this.byId.get(roomId)
    if (room === undefined) {
      if (this.byCode.has(code)) throw new AltostratusError('ROOM_NOT_FOUND', `The code ${code} now belongs to another room.`)
      room = this.newRoom(roomId, code, settings, standing)
      room.isRecovered = true
    }
    if (room.code !== code) throw new AltostratusError('ROOM_NOT_FOUND', 'The room is not there any more.')
    if (room.isRecovered && this.isFree(room, peerId, order, spectator)) {
      this.admit(room, peerId, order, profile, spectator)
      room.nextOrder = Math.max(room.nextOrder, order + 1)
    }
    const ticket = this.enter(room, peerId, profile, spectator)
    if (standing.epoch <= room.standing.epoch || !(room.isRecovered || standing.host === peerId)) return ticket
    this.stand(room, standing)
    return { ...ticket, ...standing }
  }

  private isFree(room: Room, peerId: string, order: number, spectator?: true): boolean {
    if (room.members.has(peerId) || isFull(room, spectator)) return false
    return ![...room.members.values()].some((member) => member.order === order)
  }

  leave(peerId: string, roomId: string): void {
    const room = this.byId.get(roomId)
    if (room !== undefined) this.remove(room, peerId)
  }

  /**
   * Makes the peer the host, if it knows of every epoch that there was: of several that want to be it, the first is.
   * @returns Who is the host now. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` for spectators
   */
  claim(peerId: string, roomId: string, base: number, epoch: number): Standing {
    const room = this.roomOf(peerId, roomId)
    if (room.members.get(peerId)?.spectator === true) throw notHost()
    if (base >= room.standing.epoch && epoch > base) this.stand(room, { epoch, host: peerId })
    return room.standing
  }

  /** Takes a member out that the others have lost, or do not want. The host alone may. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` */
  evict(peerId: string, roomId: string, member: string): void {
    const room = this.roomOf(peerId, roomId)
    if (room.standing.host !== peerId) throw notHost()
    this.remove(room, member)
  }

  /** The host alone may. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` */
  update(peerId: string, roomId: string, properties: Properties, locked = false): void {
    const room = this.roomOf(peerId, roomId)
    if (room.standing.host !== peerId) throw notHost()
    room.properties = properties
    room.isLocked = locked
  }

  /** @param open Only rooms that have a place free, no lock and no password. */
  list(game: string, protocol: number, where: Where = {}, open = false): RoomListing[] {
    const found: RoomListing[] = []
    for (const room of this.byId.values()) {
      if (!isOffered(room, game, protocol, where) || (open && !isOpen(room))) continue
      const { settings, code, properties, isLocked } = room
      found.push({
        code,
        members: playersIn(room),
        capacity: settings.capacity,
        properties,
        ...(settings.password === true ? { password: true } : {}),
        ...(isLocked ? { locked: true } : {}),
      })
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

  private enter(room: Room, peerId: string, profile: Profile, spectator?: true): Ticket {
    let member = room.members.get(peerId)
    if (member === undefined) {
      const { code, settings } = room
      if (isFull(room, spectator)) {
        const places = spectator === true ? `${settings.spectators ?? DEFAULT_SPECTATORS} spectators` : `${settings.capacity}`
        throw new AltostratusError('ROOM_FULL', `The room ${code} is full (${places}).`)
      }
      member = this.admit(room, peerId, room.nextOrder++, profile, spectator)
    }
    member.graceUntil = Infinity
    return {
      ...room.settings,
      ...room.standing,
      properties: room.properties,
      roomId: room.id,
      code: room.code,
      self: infoOf(member),
      members: [...room.members.values()].map(infoOf).sort((a, b) => a.order - b.order),
    }
  }

  private stand(room: Room, standing: Standing): void {
    room.standing = standing
    for (const to of room.members.keys()) this.notices.push({ to, roomId: room.id, standing })
  }

  private admit(room: Room, peerId: string, order: number, profile: Profile, spectator?: true): Member {
    const rooms = this.byPeer.get(peerId) ?? new Set<Room>()
    if (rooms.size >= MAX_ROOMS_PER_PEER) {
      if (room.members.size === 0) this.drop(room)
      throw new AltostratusError('TOO_MANY_ROOMS', `A player can be in ${MAX_ROOMS_PER_PEER} rooms at a time.`)
    }
    rooms.add(room)
    this.byPeer.set(peerId, rooms)
    const member: Member = { peerId, order, profile, graceUntil: Infinity, ...(spectator === true ? { spectator } : {}) }
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

  private newRoom(id: string, code: string, settings: RoomSettings, standing: Standing): Room {
    if (this.byId.size >= MAX_ROOMS) {
      throw new AltostratusError('TOO_MANY_ROOMS', `The introducer holds ${MAX_ROOMS} rooms already.`, { hint: 'Try another one.' })
    }
    const room: Room = {
      id,
      code,
      settings,
      properties: settings.properties,
      isLocked: settings.locked === true,
      standing,
      members: new Map(),
      nextOrder: 0,
      isRecovered: false,
    }
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

function infoOf({ peerId, order, profile, spectator }: Member): MemberInfo {
  return { peerId, order, profile, ...(spectator === true ? { spectator } : {}) }
}

function playersIn({ members }: Room): number {
  let count = 0
  for (const { spectator } of members.values()) if (spectator !== true) count++
  return count
}

function isFull(room: Room, spectator?: true): boolean {
  const players = playersIn(room)
  if (spectator === true) return room.members.size - players >= (room.settings.spectators ?? DEFAULT_SPECTATORS)
  return players >= room.settings.capacity
}

function isOffered({ settings, properties }: Room, game: string, protocol: number, where: Where): boolean {
  return settings.listed && settings.game === game && settings.protocol === protocol && meets(properties, where)
}

/** Whether a stranger gets in just so. */
function isOpen(room: Room): boolean {
  return !room.isLocked && room.settings.password !== true && !isFull(room)
}

function notHost(): AltostratusError {
  return new AltostratusError('NOT_HOST', 'Only the host of a room may do that.')
}
