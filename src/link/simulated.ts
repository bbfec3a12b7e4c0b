import { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import { randomUnit, seededRandom } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import type { Clock } from './clock.ts'
import { MAX_UDP_PAYLOAD } from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'

/** What happens to the datagrams on the way from one link to another. */
export interface Conditions {
  /** One way, milliseconds. */
  readonly latency: number
  /** Added to the latency at random, 0 to this many milliseconds; datagrams keep their order. */
  readonly jitter: number
  /** Share of datagrams that are lost, 0 to 1. */
  readonly loss: number
  /** Share of datagrams that come twice, 0 to 1. */
  readonly duplicate: number
  /** Share of datagrams that are overtaken by later ones, 0 to 1. */
  readonly reorder: number
  /** Share of datagrams in which bits are turned or the end is cut off, 0 to 1. */
  readonly corrupt: number
  /** Bits per second; `Infinity` for no limit. */
  readonly bandwidth: number
  /** What may wait for the bandwidth, bytes; what comes on top is lost. */
  readonly queue: number
}

/** A perfect network, but for a millisecond. */
export const PERFECT: Conditions = {
  latency: 1,
  jitter: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  bandwidth: Infinity,
  queue: 65_536,
}

/** How much longer a reordered datagram takes: two to four packets' worth of a fast stream. Milliseconds. */
const REORDER_DELAY = 30
/** Part of the corrupted datagrams that are cut short rather than changed. */
const TRUNCATED_SHARE = 0.25
/** IP and UDP headers, which take bandwidth too. Bytes. */
const HEADERS = 28
const BITS = 8
/** Addresses are dealt from 10.0.0.1 upwards, all with RTMFP's port. */
const FIRST_NETWORK = 10
const PORT = 1935

/** The state of one direction between two links. */
interface Path {
  /** When the line is free again, and when the last datagram arrives, so that jitter alone does not reorder. */
  freeAt: number
  lastArrival: number
}

/** Links in virtual time whose faults all come from one seed: the same seed gives the same run. */
export class SimulatedNetwork {
  /** What holds for all pairs of links that have no conditions of their own. */
  conditions: Conditions
  readonly clock: Clock
  /** Datagrams that were handed over, and that were not. */
  readonly stats: { delivered: number; dropped: number } = { delivered: 0, dropped: 0 }

  private readonly random: Random
  private readonly links = new Map<string, SimulatedLink>()
  private readonly pairs = new Map<string, Partial<Conditions>>()
  private readonly paths = new Map<string, Path>()
  private groups: ReadonlyMap<SimulatedLink, number> | undefined = undefined
  private nextHost = 1
  private nextLink = 1

  constructor(options: { readonly seed: number; readonly clock: Clock; readonly conditions?: Partial<Conditions> }) {
    this.random = seededRandom(options.seed)
    this.clock = options.clock
    this.conditions = { ...PERFECT, ...options.conditions }
  }

  /** A new link, with an address of its own. */
  createLink(): SimulatedLink {
    const link = new SimulatedLink(this, this.newAddress(), this.nextLink++)
    this.links.set(link.address.key, link)
    return link
  }

  /** Sets conditions from one link to another, in that direction; they go on top of the common ones. */
  setConditions(from: SimulatedLink, to: SimulatedLink, conditions: Partial<Conditions>): void {
    this.pairs.set(`${from.id}>${to.id}`, conditions)
  }

  /** Lets only links of the same group reach each other; those that are in no group form one of their own. */
  partition(...groups: readonly (readonly SimulatedLink[])[]): void {
    this.groups = new Map(groups.flatMap((group, i) => group.map((link) => [link, i + 1] as const)))
  }

  /** Ends a partition. */
  heal(): void {
    this.groups = undefined
  }

  /** Gives the link a new address, as when a player changes from Wi-Fi to mobile; the old one leads nowhere from now on. */
  changeAddress(link: SimulatedLink): void {
    this.links.delete(link.address.key)
    link.address = this.newAddress()
    this.links.set(link.address.key, link)
  }

  /** @internal */
  transmit(from: SimulatedLink, datagram: Uint8Array, to: Address): void {
    const target = this.links.get(to.key)
    if (target === undefined || !this.areConnected(from, target)) {
      this.stats.dropped++
      return
    }
    const key = `${from.id}>${target.id}`
    const conditions = { ...this.conditions, ...this.pairs.get(key) }
    const departure = this.departure(key, datagram.length, conditions)
    if (departure === undefined || this.chance(conditions.loss)) {
      this.stats.dropped++
      return
    }
    const source = from.address
    const copies = this.chance(conditions.duplicate) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      const bytes = this.chance(conditions.corrupt) ? this.corrupted(datagram) : datagram.slice()
      this.clock.at(this.arrival(key, departure, conditions), () => this.deliver(from, target, to, bytes, source))
    }
  }

  /** @internal */
  remove(link: SimulatedLink): void {
    this.links.delete(link.address.key)
  }

  private deliver(from: SimulatedLink, target: SimulatedLink, to: Address, bytes: Uint8Array, source: Address): void {
    // The link may have moved, gone, or been cut off while the datagram was on its way.
    if (this.links.get(to.key) !== target || !this.areConnected(from, target)) this.stats.dropped++
    else {
      this.stats.delivered++
      target.receive(bytes, source)
    }
  }

  private newAddress(): Address {
    const host = this.nextHost++
    if (host > 0xffffff) throw new AltostratusError('SIMULATION_FULL', 'A simulated network has room for 16,777,215 addresses.')
    return Address.of(Uint8Array.of(FIRST_NETWORK, host >>> 16, (host >>> 8) & 0xff, host & 0xff), PORT)
  }

  private areConnected(a: SimulatedLink, b: SimulatedLink): boolean {
    return this.groups === undefined || (this.groups.get(a) ?? 0) === (this.groups.get(b) ?? 0)
  }

  private path(key: string): Path {
    let path = this.paths.get(key)
    if (path === undefined) {
      path = { freeAt: 0, lastArrival: 0 }
      this.paths.set(key, path)
    }
    return path
  }

  /** When the last bit has left, `undefined` when the queue is full. */
  private departure(key: string, length: number, { bandwidth, queue }: Conditions): number | undefined {
    const now = this.clock.now()
    if (bandwidth === Infinity) return now
    const path = this.path(key)
    const bytesPerMillisecond = bandwidth / BITS / 1_000
    const waiting = Math.max(0, path.freeAt - now) * bytesPerMillisecond
    if (waiting + length + HEADERS > queue) return undefined
    path.freeAt = Math.max(path.freeAt, now) + (length + HEADERS) / bytesPerMillisecond
    return path.freeAt
  }

  private arrival(key: string, departure: number, { latency, jitter, reorder }: Conditions): number {
    const path = this.path(key)
    const arrival = departure + latency + (jitter > 0 ? randomUnit(this.random) * jitter : 0)
    if (this.chance(reorder)) return arrival + randomUnit(this.random) * REORDER_DELAY
    path.lastArrival = Math.max(path.lastArrival, arrival)
    return path.lastArrival
  }

  private chance(share: number): boolean {
    return share > 0 && randomUnit(this.random) < share
  }

  private corrupted(datagram: Uint8Array): Uint8Array {
    if (this.chance(TRUNCATED_SHARE)) return datagram.slice(0, Math.floor(randomUnit(this.random) * datagram.length))
    const copy = datagram.slice()
    const flips = 1 + Math.floor(randomUnit(this.random) * 3)
    for (let i = 0; i < flips && copy.length > 0; i++) {
      const at = Math.floor(randomUnit(this.random) * copy.length)
      copy[at] = (copy[at] as number) ^ (1 << Math.floor(randomUnit(this.random) * BITS))
    }
    return copy
  }
}

/** One end in a {@link SimulatedNetwork}. */
export class SimulatedLink implements Link {
  readonly kind = 'simulated'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0 }
  /** @internal */
  readonly id: number
  /** Where it can be reached now. */
  address: Address
  private readonly network: SimulatedNetwork
  private handler: DatagramHandler | undefined = undefined
  private closed = false

  /** @internal Use `SimulatedNetwork.createLink`. */
  constructor(network: SimulatedNetwork, address: Address, id: number) {
    this.network = network
    this.address = address
    this.id = id
  }

  get addresses(): readonly Address[] {
    return [this.address]
  }

  send(datagram: Uint8Array, to: Address): void {
    if (this.closed || datagram.length > this.maxDatagram) {
      this.stats.sendErrors++
      return
    }
    this.stats.sent++
    this.network.transmit(this, datagram, to)
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  /** Vanishes without a word, as when the machine loses power. */
  crash(): void {
    this.closed = true
    this.network.remove(this)
  }

  async close(): Promise<void> {
    this.crash()
  }

  /** @internal */
  receive(datagram: Uint8Array, from: Address): void {
    if (this.closed) return
    this.stats.received++
    this.handler?.(datagram, from)
  }
}
