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
  ROOM_KEY_BYTES,
} from './constants.ts'
import { meets } from './protocol.ts'
import type { MemberInfo, Profile, Properties, RoomListing, RoomSettings, Standing, Ticket, Where } from './protocol.ts'

interface Member extends MemberInfo {
  /** When a member that is lost loses its place; `Infinity` while it is there. */
  graceUntil: number
  /** Has asked for a place in a guarded room, and was not let in yet: the host alone knows of it, and it of the host alone. */
  isGuest: boolean
}

interface Room {
  readonly id: string
  readonly code: string
  /** What its ID is a hash of: those who were let in have it, and show with it that they were when the introducer has forgotten them. */
  readonly key: Uint8Array
  readonly settings: RoomSettings
  properties: Properties
  isLocked: boolean
  /** The host looks at who comes, for other reasons than a password or a lock: it has banned somebody. */
  isWatched: boolean
  standing: Standing
  /** By peer ID, in order of joining. */
  readonly members: Map<string, Member>
  nextOrder: number
  /** Made anew from what its members say; only then does who comes back have the place that they name. */
  isRecovered: boolean
}

/** What two peers of a room may know of each other. */
export interface Bond {
  readonly roomId: string
  /** One of them is the host, the other asks to be let in: no addresses, only the relay path. */
  readonly isHidden: boolean
}

/** Someone is to be told of a change in a room. */
export interface Notice {
  readonly to: string
  readonly roomId: string
  readonly joined?: MemberInfo
  /** Who has joined has still to be let in. */
  readonly guest?: true
  readonly left?: string
  readonly standing?: Standing
}

const ROOM_ID_LENGTH = 16

/** What a directory asks its owner. */
export interface DirectoryHost {
  sha256(data: Uint8Array): Uint8Array
  /** Why a peer can't ask a host to be let in without being told where it is; nothing when it can. */
  refusal(peerId: string, hostId: string): string | undefined
}

/** The rooms of one introducer: who is in which. Holds no sockets and reads no clock; changes come out as notices to be sent. */
export class Directory {
  /** Who is to be told what; the owner takes them out and sends them. */
  readonly notices: Notice[] = []
  private readonly random: Random
  private readonly host: DirectoryHost
  private readonly byCode = new Map<string, Room>()
  private readonly byId = new Map<string, Room>()
  private readonly byPeer = new Map<string, Set<Room>>()

  constructor(random: Random, host: DirectoryHost) {
    this.random = random
    this.host = host
  }

  get roomCount(): number {
    return this.byId.size
  }

  /** @throws AltostratusError `TOO_MANY_ROOMS` */
  create(peerId: string, settings: RoomSettings, profile: Profile): Ticket {
    const standing = { epoch: EPOCH_GRANTED, host: peerId }
    return this.enter(this.newRoom(randomBytes(this.random, ROOM_KEY_BYTES), this.newCode(), settings, standing), peerId, profile)
  }

  /** @throws AltostratusError `ROOM_NOT_FOUND`, `GAME_MISMATCH`, `PROTOCOL_MISMATCH`, `ROOM_FULL`, `TOO_MANY_ROOMS`, `RELAY_REFUSED` */
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
      if (isGuarded(room) && this.host.refusal(peerId, room.standing.host) !== undefined) continue
      if (best === undefined || playersIn(room) > playersIn(best)) best = room
    }
    if (best !== undefined) return this.enter(best, peerId, profile)
    if (settings === undefined) throw new AltostratusError('ROOM_NOT_FOUND', 'No room meets the conditions now.')
    return this.create(peerId, settings, profile)
  }

  /**
   * Takes a place up again, in a room that is made anew when the introducer has forgotten it, by one who shows with its key that it was in it.
   * @throws AltostratusError as `join` does
   */
  rejoin(
    { peerId, order, profile, spectator }: MemberInfo,
    roomId: string,
    code: string,
    settings: RoomSettings,
    standing: Standing,
    key?: Uint8Array,
  ): Ticket {
    const hasKey = key !== undefined && this.idOf(key) === roomId
    let room = this.byId.get(roomId)
    if (room === undefined) {
      if (this.byCode.has(code)) throw new AltostratusError('ROOM_NOT_FOUND', `The code ${code} now belongs to another room.`)
      if (!hasKey) throw gone()
      room = this.newRoom(key, code, settings, standing)
      room.isRecovered = true
      // What its host knows is not known before it says so.
      room.isWatched = true
    }
    if (room.code !== code) throw gone()
    // Who was sent away has the key, too: where there is somebody to ask, the host is asked.
    const isTrusted = hasKey && (room.isRecovered || isForsaken(room))
    if (isTrusted && this.isFree(room, peerId, order, spectator)) {
      this.add(room, { peerId, order, profile, ...(spectator === true ? { spectator } : {}) }, false)
      room.nextOrder = Math.max(room.nextOrder, order + 1)
    }
    const ticket = this.enter(room, peerId, profile, spectator, isTrusted ? 'trusted' : 'back')
    const { isGuest } = room.members.get(peerId) as Member
    if (isGuest || standing.epoch <= room.standing.epoch || !(room.isRecovered || standing.host === peerId)) return ticket
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
   * @returns Who is the host now. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` for spectators, and for who was not let in
   */
  claim(peerId: string, roomId: string, base: number, epoch: number): Standing {
    const room = this.roomOf(peerId, roomId)
    const member = room.members.get(peerId)
    if (member?.spectator === true || member?.isGuest === true) throw notHost()
    if (base >= room.standing.epoch && epoch > base) this.stand(room, { epoch, host: peerId })
    return room.standing
  }

  /** Takes a member out that the others have lost, or do not want. The host alone may. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` */
  evict(peerId: string, roomId: string, member: string): void {
    const room = this.roomOf(peerId, roomId)
    if (room.standing.host !== peerId) throw notHost()
    this.remove(room, member)
  }

  /** The host has let somebody in. The host alone may. @returns Whether that is new. @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST` */
  admit(peerId: string, roomId: string, guest: string): boolean {
    const room = this.roomOf(peerId, roomId)
    if (room.standing.host !== peerId) throw notHost()
    const member = room.members.get(guest)
    if (member?.isGuest !== true) return false
    this.letIn(room, member)
    return true
  }

  /**
   * The host alone may.
   * @param guarded Newcomers are to be told where members are, and members where they are, only when the host has let them in: as with a lock or a password.
   * @throws AltostratusError `ROOM_NOT_FOUND`, `NOT_HOST`
   */
  update(peerId: string, roomId: string, properties: Properties, locked = false, guarded = false): void {
    const room = this.roomOf(peerId, roomId)
    if (room.standing.host !== peerId) throw notHost()
    room.properties = properties
    room.isLocked = locked
    room.isWatched = guarded
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
    return this.bond(a, b)?.isHidden === false
  }

  /** What two peers have to do with each other; `undefined` for nothing. */
  bond(a: string, b: string): Bond | undefined {
    let hidden: Bond | undefined = undefined
    for (const room of this.byPeer.get(a) ?? []) {
      const [one, other] = [room.members.get(a) as Member, room.members.get(b)]
      if (other === undefined || (one.isGuest && other.isGuest)) continue
      if (!one.isGuest && !other.isGuest) return { roomId: room.id, isHidden: false }
      if (room.standing.host === (one.isGuest ? b : a)) hidden = { roomId: room.id, isHidden: true }
    }
    return hidden
  }

  /** The members of a room who were let in. */
  insiders(roomId: string): string[] {
    return insidersOf(this.byId.get(roomId)?.members ?? new Map<string, Member>())
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
    if (room === undefined || !room.members.has(peerId)) throw gone()
    return room
  }

  private enter(room: Room, peerId: string, profile: Profile, spectator?: true, as: 'new' | 'back' | 'trusted' = 'new'): Ticket {
    const { code, settings, standing } = room
    let member = room.members.get(peerId)
    if (member === undefined) {
      if (isFull(room, spectator)) {
        const places = spectator === true ? `${settings.spectators ?? DEFAULT_SPECTATORS} spectators` : `${settings.capacity}`
        throw new AltostratusError('ROOM_FULL', `The room ${code} is full (${places}).`)
      }
      // Who made the room, and who is still its host, has nobody to ask.
      const isGuest = isGuarded(room) && as !== 'trusted' && room.members.size > 0 && peerId !== standing.host
      // Who is back has a seat, and need not ask by the relay path.
      const refusal = isGuest && as === 'new' ? this.host.refusal(peerId, standing.host) : undefined
      if (refusal !== undefined) throw relayRefused(code, refusal)
      member = this.add(room, { peerId, order: room.nextOrder++, profile, ...(spectator === true ? { spectator } : {}) }, isGuest)
    } else if (as === 'trusted' && member.isGuest) this.letIn(room, member)
    member.graceUntil = Infinity
    if (peerId === standing.host) this.showGuests(room)
    const { isGuest } = member
    const shown = [...room.members.values()].filter(
      (other) => other === member || (isGuest ? other.peerId === standing.host : !other.isGuest),
    )
    return {
      ...settings,
      ...standing,
      properties: room.properties,
      roomId: room.id,
      code,
      self: infoOf(member),
      members: shown.map(infoOf).sort((a, b) => a.order - b.order),
      ...(isGuest ? {} : { key: room.key }),
    }
  }

  private stand(room: Room, standing: Standing): void {
    room.standing = standing
    for (const to of room.members.keys()) this.notices.push({ to, roomId: room.id, standing })
    this.showGuests(room)
  }

  /** Who is the host now may let them in. */
  private showGuests(room: Room): void {
    for (const member of room.members.values()) if (member.isGuest) this.show(room, member)
  }

  private show({ id, members, standing: { host } }: Room, guest: Member): void {
    if (members.has(host)) this.notices.push({ to: host, roomId: id, joined: infoOf(guest), guest: true })
  }

  private add(room: Room, info: MemberInfo, isGuest: boolean): Member {
    const { peerId } = info
    const rooms = this.byPeer.get(peerId) ?? new Set<Room>()
    if (rooms.size >= MAX_ROOMS_PER_PEER) {
      if (room.members.size === 0) this.drop(room)
      throw new AltostratusError('TOO_MANY_ROOMS', `A player can be in ${MAX_ROOMS_PER_PEER} rooms at a time.`)
    }
    rooms.add(room)
    this.byPeer.set(peerId, rooms)
    const member: Member = { ...info, graceUntil: Infinity, isGuest }
    if (!isGuest) this.announce(room, member)
    room.members.set(peerId, member)
    if (isGuest) this.show(room, member)
    return member
  }

  private letIn(room: Room, member: Member): void {
    this.announce(room, member)
    member.isGuest = false
  }

  private announce({ id, members }: Room, member: Member): void {
    for (const to of insidersOf(members)) this.notices.push({ to, roomId: id, joined: infoOf(member) })
  }

  private remove(room: Room, peerId: string): void {
    const { members, standing } = room
    const member = members.get(peerId)
    if (member === undefined) return
    this.forget(room, peerId)
    const insiders = insidersOf(members)
    for (const to of member.isGuest ? insiders.filter((other) => other === standing.host) : insiders)
      this.notices.push({ to, roomId: room.id, left: peerId })
    if (insiders.length > 0) return
    // There is nobody left who could let them in.
    for (const guest of members.keys()) this.forget(room, guest)
    this.drop(room)
  }

  private forget(room: Room, peerId: string): void {
    room.members.delete(peerId)
    const rooms = this.byPeer.get(peerId)
    rooms?.delete(room)
    if (rooms?.size === 0) this.byPeer.delete(peerId)
  }

  private drop(room: Room): void {
    this.byId.delete(room.id)
    this.byCode.delete(room.code)
  }

  private newRoom(key: Uint8Array, code: string, settings: RoomSettings, standing: Standing): Room {
    if (this.byId.size >= MAX_ROOMS) {
      throw new AltostratusError('TOO_MANY_ROOMS', `The introducer holds ${MAX_ROOMS} rooms already.`, { hint: 'Try another one.' })
    }
    const id = this.idOf(key)
    const room: Room = {
      id,
      code,
      key,
      settings,
      properties: settings.properties,
      isLocked: settings.locked === true,
      isWatched: false,
      standing,
      members: new Map(),
      nextOrder: 0,
      isRecovered: false,
    }
    this.byId.set(id, room)
    this.byCode.set(code, room)
    return room
  }

  private idOf(key: Uint8Array): string {
    return toHex(this.host.sha256(key).subarray(0, ROOM_ID_LENGTH))
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

/** Whether its host looks at newcomers before they are shown anything. */
function isGuarded({ settings, isLocked, isWatched }: Room): boolean {
  return settings.password === true || isLocked || isWatched
}

function insidersOf(members: ReadonlyMap<string, Member>): string[] {
  return [...members.values()].filter(({ isGuest }) => !isGuest).map(({ peerId }) => peerId)
}

/** Whether nobody is there who was let in. */
function isForsaken({ members }: Room): boolean {
  return ![...members.values()].some(({ isGuest, graceUntil }) => !isGuest && graceUntil === Infinity)
}

function gone(): AltostratusError {
  return new AltostratusError('ROOM_NOT_FOUND', 'The room is not there any more.')
}

function relayRefused(code: string, refusal: string): AltostratusError {
  return new AltostratusError(
    'RELAY_REFUSED',
    `The room ${code} has a password, a lock or bans: addresses are shown to its members alone, and newcomers ask its host by the relay path, which ${refusal}.`,
    { hint: 'The relay has to be allowed at both ends, if only for asking.' },
  )
}

function notHost(): AltostratusError {
  return new AltostratusError('NOT_HOST', 'Only the host of a room may do that.')
}
