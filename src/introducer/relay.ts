import { Address } from '../base/address.ts'
import { randomBytes } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import { word } from '../link/carrier.ts'
import { RELAY_HEADER } from '../link/constants.ts'
import type { DatagramHandler, Link, LinkStats } from '../link/link.ts'
import {
  MAX_PATHS_OF_PEER,
  MAX_RELAY_PATHS,
  RELAY_BURST,
  RELAY_IDLE,
  RELAY_PEER_BYTES,
  RELAY_PEER_PACKETS,
  RELAY_ROOM_BYTES,
  RELAY_ROOM_PACKETS,
} from './constants.ts'
import { TokenBucket } from './token-bucket.ts'

/** How much an introducer passes on. All of it is a rate: of each second, a burst of two seconds' worth allowed. */
export interface RelayLimits {
  /** Packets of one peer a second; 2,000 by default. */
  readonly peerPackets?: number
  /** Bytes of one peer a second; 512 KiB by default. */
  readonly peerBytes?: number
  /** Packets of one room a second; 16,000 by default. */
  readonly roomPackets?: number
  /** Bytes of one room a second; 4 MiB by default. */
  readonly roomBytes?: number
  /** Paths that are held at a time; 100,000 by default. */
  readonly paths?: number
}

/** Counters of a relay. */
export interface RelayStats {
  /** Paths held now. */
  readonly paths: number
  /** Packets passed on. */
  readonly packets: number
  /** Bytes passed on, those in front of each packet included. */
  readonly bytes: number
  /** Packets dropped because a peer or a room was over its limit. */
  readonly limited: number
  /** Packets on a path of somebody else's. */
  readonly foreign: number
}

/** One end of relay paths. */
export interface RelayEnd {
  readonly peerId: string
  /** Where it is now; `undefined` while that is not known. */
  address: Address | undefined
  /** Made when it is needed first, as few peers are relayed. */
  budget: RelayBudget | undefined
  /** By the other end; none before there is one. */
  paths: Map<RelayEnd, RelayPath> | undefined
  /** From where else packets in its name come, and what has come from there since it was last asked there. */
  stray: { readonly from: Address; bytes: number } | undefined
}

interface RelayBudget {
  readonly packets: TokenBucket
  readonly bytes: TokenBucket
}

interface RelayRoom {
  readonly budget: RelayBudget
  paths: number
}

interface RelayPath {
  /** By which `a` knows it, and `b`: they differ in the last bit. */
  readonly address: Address
  readonly back: Address
  readonly first: number
  readonly second: number
  readonly a: RelayEnd
  readonly b: RelayEnd
  readonly roomId: string
  readonly room: RelayRoom
  usedAt: number
}

/**
 * Passes packets on between two peers of a room, without being able to read them. A path belongs to two peers, and to the addresses where they are.
 * Its ID says by the last bit which of the two has sent a packet, so that it is known who may have moved.
 */
export class Relay {
  private readonly random: Random
  private readonly limits: Required<RelayLimits>
  private readonly byId = new Map<number, RelayPath>()
  private readonly rooms = new Map<string, RelayRoom>()
  private readonly ends = new Map<string, RelayEnd>()
  private packets = 0
  private bytes = 0
  private limited = 0
  private foreign = 0

  constructor(random: Random, limits: RelayLimits) {
    this.random = random
    this.limits = {
      peerPackets: RELAY_PEER_PACKETS,
      peerBytes: RELAY_PEER_BYTES,
      roomPackets: RELAY_ROOM_PACKETS,
      roomBytes: RELAY_ROOM_BYTES,
      paths: MAX_RELAY_PATHS,
      ...limits,
    }
  }

  get stats(): RelayStats {
    const { packets, bytes, limited, foreign } = this
    return { paths: this.byId.size, packets, bytes, limited, foreign }
  }

  /** A peer is there, or is back: then its paths are as they were. */
  end(peerId: string, address: Address): RelayEnd {
    const end = this.ends.get(peerId) ?? { peerId, address, budget: undefined, paths: undefined, stray: undefined }
    end.address = address
    this.ends.set(peerId, end)
    return end
  }

  /** A peer is gone, perhaps to come back. */
  lost(end: RelayEnd): void {
    end.address = undefined
    this.forget(end)
  }

  /** The path between two members of a room, made if there is none, as the first knows it; `undefined` when there are too many. */
  path(one: RelayEnd, other: RelayEnd, roomId: string, now: number): Address | undefined {
    const existing = one.paths?.get(other)
    if (existing !== undefined) {
      existing.usedAt = now
      return existing.a === one ? existing.address : existing.back
    }
    if (this.byId.size >= this.limits.paths || isBusy(one) || isBusy(other)) return undefined
    const id = this.newId()
    const room = this.room(roomId, now)
    const address = Address.relay(id)
    const [first, second] = [word(id, 0), word(id, 4)]
    id[END_AT] = (id[END_AT] as number) | END_BIT
    const path: RelayPath = { address, back: Address.relay(id), first, second, a: one, b: other, roomId, room, usedAt: now }
    this.byId.set(path.first, path)
    ;(one.paths ??= new Map()).set(other, path)
    ;(other.paths ??= new Map()).set(one, path)
    room.paths++
    return address
  }

  /**
   * Passes a datagram on if it is one for that, with the ID by which the other end knows the path.
   * @param stray Called when it has not come from where its sender is known to be, who may have moved, and enough has come from there to ask.
   * @returns Whether it was one for a relay path.
   */
  forward(datagram: Uint8Array, from: Address, link: Link, now: number, stray: (end: RelayEnd, from: Address) => void): boolean {
    if (datagram.length < RELAY_HEADER) return false
    const path = this.byId.get(word(datagram, 0))
    if (path === undefined) return false
    const end = word(datagram, 4) ^ path.second
    if (end !== 0 && end !== END_BIT) return false
    const { a, b, room } = path
    const sender = end === 0 ? a : b
    if (!isAt(sender, from)) {
      this.foreign++
      if (paysForCheck(sender, from, datagram.length)) stray(sender, from)
      return true
    }
    const to = (sender === a ? b : a).address
    if (to === undefined) return true
    const { length } = datagram
    const { peerPackets, peerBytes } = this.limits
    sender.budget ??= budget(peerPackets, peerBytes, now)
    if (!take(sender.budget, length, now) || !take(room.budget, length, now)) {
      this.limited++
      return true
    }
    path.usedAt = now
    this.packets++
    this.bytes += length
    datagram[END_AT] = (datagram[END_AT] as number) ^ END_BIT
    link.send(datagram, to)
    return true
  }

  /** Frees what is not used, and whose ends may not have it any more. @param mayHave Whether two peers are still in a room together. */
  expire(now: number, mayHave: (a: string, b: string) => boolean): void {
    for (const path of this.byId.values()) {
      if (now - path.usedAt > RELAY_IDLE || !mayHave(path.a.peerId, path.b.peerId)) this.free(path)
    }
  }

  /** Frees all paths of a peer that may not have them any more. */
  prune(peerId: string, mayHave: (a: string, b: string) => boolean): void {
    for (const path of this.byId.values()) {
      if ((path.a.peerId === peerId || path.b.peerId === peerId) && !mayHave(path.a.peerId, path.b.peerId)) this.free(path)
    }
  }

  private free(path: RelayPath): void {
    this.byId.delete(path.first)
    const { a, b } = path
    a.paths?.delete(b)
    b.paths?.delete(a)
    this.forget(a)
    this.forget(b)
    if (--path.room.paths === 0) this.rooms.delete(path.roomId)
  }

  private forget(end: RelayEnd): void {
    if (end.address === undefined && (end.paths?.size ?? 0) === 0 && this.ends.get(end.peerId) === end) this.ends.delete(end.peerId)
  }

  private room(roomId: string, now: number): RelayRoom {
    let room = this.rooms.get(roomId)
    if (room === undefined) {
      room = { budget: budget(this.limits.roomPackets, this.limits.roomBytes, now), paths: 0 }
      this.rooms.set(roomId, room)
    }
    return room
  }

  private newId(): Uint8Array {
    let id: Uint8Array
    do {
      id = randomBytes(this.random, RELAY_HEADER)
      id[END_AT] = (id[END_AT] as number) & ~END_BIT
    } while (this.byId.has(word(id, 0)))
    return id
  }
}

/** A link that hands what is for a relay path to the relay, and everything else to its user. */
export class RelayingLink implements Link {
  readonly kind: Link['kind']
  private readonly link: Link
  private readonly forward: (datagram: Uint8Array, from: Address, link: Link) => boolean

  constructor(link: Link, forward: (datagram: Uint8Array, from: Address, link: Link) => boolean) {
    this.link = link
    this.kind = link.kind
    this.forward = forward
  }

  get maxDatagram(): number {
    return this.link.maxDatagram
  }

  get stats(): Readonly<LinkStats> {
    return this.link.stats
  }

  get addresses(): readonly Address[] {
    return this.link.addresses
  }

  send(datagram: Uint8Array, to: Address): void {
    this.link.send(datagram, to)
  }

  start(handler: DatagramHandler): void {
    const { link, forward } = this
    link.start((datagram, from) => {
      if (!forward(datagram, from, link)) handler(datagram, from)
    })
  }

  close(): Promise<void> {
    return this.link.close()
  }
}

/** Where a path's ID says which of its ends has sent a packet, and by which bit. */
const END_AT: number = RELAY_HEADER - 1
const END_BIT = 1
/** What a check of where a sender is takes: no more may be sent to where nobody has proved to be than has come from there. Bytes. */
const CHECK_BYTES = 66

function isBusy({ paths }: RelayEnd): boolean {
  return paths !== undefined && paths.size >= MAX_PATHS_OF_PEER
}

function isAt({ address }: RelayEnd, from: Address): boolean {
  return address !== undefined && (address === from || address.key === from.key)
}

/** Whether as much has come from an address as asking there takes: many games' packets are shorter than the question. */
function paysForCheck(end: RelayEnd, from: Address, length: number): boolean {
  if (end.stray?.from.equals(from) !== true) end.stray = { from, bytes: 0 }
  end.stray.bytes += length
  if (end.stray.bytes < CHECK_BYTES) return false
  end.stray.bytes = 0
  return true
}

function budget(packets: number, bytes: number, now: number): RelayBudget {
  return { packets: new TokenBucket(packets * RELAY_BURST, packets, now), bytes: new TokenBucket(bytes * RELAY_BURST, bytes, now) }
}

function take({ packets, bytes }: RelayBudget, length: number, now: number): boolean {
  return packets.take(now) && bytes.take(now, length)
}
