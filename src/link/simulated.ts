import { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import { randomUnit, seededRandom } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import type { Clock } from './clock.ts'
import { checkConditions, PERFECT } from './conditions.ts'
import type { Conditions } from './conditions.ts'
import { HEADERS, MAX_UDP_PAYLOAD, REORDER_DELAY, SIMULATED_PORT, TRUNCATED_SHARE } from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'
import { SimulatedNat } from './simulated-nat.ts'
import type { NatKind } from './simulated-nat.ts'

export { PERFECT } from './conditions.ts'
export type { BurstLoss, Conditions } from './conditions.ts'

/** What a simulated network did: `sent + duplicated = delivered + dropped +` what is still on its way. */
export interface NetworkStats {
  sent: number
  delivered: number
  /** By loss, by a full queue, by a partition, or because nobody is at the address. */
  dropped: number
  duplicated: number
  corrupted: number
}

/** What a simulated link is made with. */
export interface SimulatedLinkOptions {
  /** Its address; one of its own from 10.0.0.1 upwards by default. */
  readonly address?: Address
  /** Holds for all that it sends and is sent, on top of the network's conditions. */
  readonly conditions?: Partial<Conditions>
  /** The router that it is behind, made by {@link SimulatedNetwork.createNat}; then its address is one inside. */
  readonly nat?: SimulatedNat<SimulatedLink> | undefined
}

/** Bits in a byte, and milliseconds in a second. */
const BITS = 8
const SECOND = 1_000
/** Addresses are dealt from 10.0.0.1 upwards. RFC 1918. */
const FIRST_NETWORK = 10
const LAST_HOST = 0xff_ffff

/** The state of one direction between two links. */
interface Path {
  readonly from: SimulatedLink
  readonly to: SimulatedLink
  own: Partial<Conditions>
  /** All conditions together, worked out from `common`; anew when the network has others. */
  conditions: Conditions
  common: Conditions | undefined
  inBurst: boolean
  /** When the line is free again, and when the last datagram arrives, so that jitter alone does not reorder. */
  freeAt: number
  lastArrival: number
}

/** Links in virtual time whose faults all come from one seed: the same seed gives the same run. */
export class SimulatedNetwork {
  readonly clock: Clock
  readonly stats: Readonly<NetworkStats>

  private readonly counts: NetworkStats = { sent: 0, delivered: 0, dropped: 0, duplicated: 0, corrupted: 0 }
  private readonly random: Random
  private readonly links = new Map<string, SimulatedLink>()
  private readonly paths = new Map<SimulatedLink, Map<SimulatedLink, Path>>()
  private common: Conditions
  private groups: ReadonlyMap<SimulatedLink, number> | undefined = undefined
  private nextHost = 1
  private readonly nats = new Map<string, SimulatedNat<SimulatedLink>>()

  /** @throws AltostratusError `CONDITIONS_INVALID` */
  constructor(options: { readonly seed: number; readonly clock: Clock; readonly conditions?: Partial<Conditions> }) {
    this.random = seededRandom(options.seed)
    this.clock = options.clock
    this.stats = this.counts
    checkConditions(options.conditions ?? {})
    this.common = { ...PERFECT, ...options.conditions }
  }

  /** What holds for all pairs of links that have no conditions of their own. @throws AltostratusError `CONDITIONS_INVALID` when set to wrong ones. */
  get conditions(): Conditions {
    return this.common
  }

  set conditions(conditions: Conditions) {
    checkConditions(conditions)
    this.common = conditions
  }

  /** A new link. @throws AltostratusError `ADDRESS_IN_USE`, `CONDITIONS_INVALID` */
  createLink(options: SimulatedLinkOptions = {}): SimulatedLink {
    checkConditions(options.conditions ?? {})
    const { nat } = options
    const address = nat === undefined ? this.freeAddress(options.address) : (options.address ?? addressInside(nat))
    const link = new SimulatedLink(this, address, options.conditions ?? {}, nat)
    this.place(link)
    return link
  }

  /** A new router; links made with it are behind it. @param hairpin Whether they reach each other by its outer address; not by default. */
  createNat(kind: NatKind, hairpin = false): SimulatedNat<SimulatedLink> {
    const index = this.nats.size
    const nat = new SimulatedNat<SimulatedLink>(kind, hairpin, `198.18.${index >>> 8}.${index & 0xff}`)
    this.nats.set(nat.host, nat)
    return nat
  }

  /**
   * Sets conditions from one link to another, in that direction. They go on top of those of the receiving link, which go on top of the
   * sending link's, which go on top of the network's. @throws AltostratusError `CONDITIONS_INVALID`
   */
  setConditions(from: SimulatedLink, to: SimulatedLink, conditions: Partial<Conditions>): void {
    checkConditions(conditions)
    const path = this.path(from, to)
    path.own = conditions
    path.common = undefined
  }

  /** Lets only links of the same group reach each other; those that are in no group form one of their own. Ends an earlier partition. */
  partition(...groups: readonly (readonly SimulatedLink[])[]): void {
    this.groups = new Map(groups.flatMap((group, i) => group.map((link) => [link, i + 1] as const)))
  }

  /** Where its links are now. */
  addresses(): Address[] {
    return [...this.links.values()].map(({ address }) => address)
  }

  /** Ends a partition. */
  heal(): void {
    this.groups = undefined
  }

  /**
   * Gives the link a new address, as when a player changes from Wi-Fi to mobile; the old one leads nowhere from now on. A link behind a NAT is then
   * behind another one of its kind.
   * @throws AltostratusError `ADDRESS_IN_USE`, or `LINK_CLOSED` when the link is no more.
   */
  changeAddress(link: SimulatedLink, address?: Address): void {
    if (!this.isPlaced(link)) throw new AltostratusError('LINK_CLOSED', 'A closed link has no address to change.')
    const { nat } = link
    const next = nat === undefined ? this.freeAddress(address) : undefined
    this.unplace(link)
    if (nat !== undefined) link.nat = this.createNat(nat.kind, nat.hairpin)
    link.address = next ?? addressInside(link.nat as SimulatedNat<SimulatedLink>)
    this.place(link)
  }

  /** @internal */
  transmit(from: SimulatedLink, datagram: Uint8Array, to: Address): void {
    this.counts.sent++
    const source = from.nat === undefined || this.isInside(from, to) ? from.address : from.nat.outbound(from.address, to, this.clock.now())
    const target = this.targetOf(from, to)
    if (source === undefined || target === undefined || !this.areConnected(from, target)) {
      this.counts.dropped++
      return
    }
    const path = this.path(from, target)
    const conditions = this.conditionsOf(path)
    const departure = this.departure(path, datagram.length, conditions)
    if (departure === undefined || this.isLost(path, conditions)) {
      this.counts.dropped++
      return
    }
    const copies = this.chance(conditions.duplicate) ? 2 : 1
    this.counts.duplicated += copies - 1
    for (let i = 0; i < copies; i++) {
      const bytes = this.chance(conditions.corrupt) ? this.corrupted(datagram) : new Uint8Array(datagram)
      this.clock.at(this.arrival(path, departure, conditions), () => this.deliver(path, to, bytes, source))
    }
  }

  /** @internal */
  remove(link: SimulatedLink): void {
    if (!this.isPlaced(link)) return
    this.unplace(link)
    this.paths.delete(link)
    for (const paths of this.paths.values()) paths.delete(link)
  }

  private deliver({ from, to: target }: Path, to: Address, bytes: Uint8Array, source: Address): void {
    // The link may have moved, gone, or been cut off while the datagram was on its way.
    const isThere = this.targetOf(from, to) === target && this.areConnected(from, target)
    const isAdmitted = target.nat === undefined || this.isInside(from, to) || target.nat.admits(to.port, source, this.clock.now())
    if (!isThere || !isAdmitted) this.counts.dropped++
    else {
      this.counts.delivered++
      target.receive(bytes, source)
    }
  }

  /** @internal When what goes by a stream between two machines arrives, after all that went before; `undefined` when it does not. */
  streamArrival(from: SimulatedLink, to: SimulatedLink, length: number): number | undefined {
    if (!this.isPlaced(from) || !this.isPlaced(to) || !this.areConnected(from, to)) return undefined
    const path = this.path(from, to)
    const conditions = this.conditionsOf(path)
    const departure = this.departure(path, length, { ...conditions, queue: Infinity }) as number
    return this.arrival(path, departure, { ...conditions, reorder: 0 })
  }

  private isInside(from: SimulatedLink, to: Address): boolean {
    return from.nat?.machines.has(to.key) === true
  }

  /** Who a datagram to this address would come to. */
  private targetOf(from: SimulatedLink, to: Address): SimulatedLink | undefined {
    const inside = from.nat?.machines.get(to.key)
    if (inside !== undefined) return inside
    const nat = this.nats.get(to.host)
    if (nat === undefined) return this.links.get(to.key)
    return nat === from.nat && !nat.hairpin ? undefined : nat.machineAt(to.port)
  }

  private placesOf(link: SimulatedLink): Map<string, SimulatedLink> {
    return link.nat?.machines ?? this.links
  }

  private isPlaced(link: SimulatedLink): boolean {
    return this.placesOf(link).get(link.address.key) === link
  }

  private place(link: SimulatedLink): void {
    this.placesOf(link).set(link.address.key, link)
  }

  private unplace(link: SimulatedLink): void {
    this.placesOf(link).delete(link.address.key)
  }

  private freeAddress(wanted: Address | undefined): Address {
    if (wanted !== undefined) {
      if (this.links.has(wanted.key)) throw new AltostratusError('ADDRESS_IN_USE', `Another simulated link has the address ${wanted.key}.`)
      return wanted
    }
    for (;;) {
      const host = this.nextHost++
      if (host > LAST_HOST) throw new AltostratusError('SIMULATION_FULL', `A simulated network has room for ${LAST_HOST} addresses.`)
      const address = Address.of(Uint8Array.of(FIRST_NETWORK, host >>> 16, (host >>> 8) & 0xff, host & 0xff), SIMULATED_PORT)
      if (!this.links.has(address.key)) return address
    }
  }

  private areConnected(a: SimulatedLink, b: SimulatedLink): boolean {
    return this.groups === undefined || (this.groups.get(a) ?? 0) === (this.groups.get(b) ?? 0)
  }

  private path(from: SimulatedLink, to: SimulatedLink): Path {
    let paths = this.paths.get(from)
    if (paths === undefined) {
      paths = new Map()
      this.paths.set(from, paths)
    }
    let path = paths.get(to)
    if (path === undefined) {
      path = { from, to, own: {}, conditions: PERFECT, common: undefined, inBurst: false, freeAt: 0, lastArrival: 0 }
      paths.set(to, path)
    }
    return path
  }

  private conditionsOf(path: Path): Conditions {
    if (path.common !== this.common) {
      path.common = this.common
      path.conditions = { ...this.common, ...path.from.conditions, ...path.to.conditions, ...path.own }
    }
    return path.conditions
  }

  /** When the last bit has left, `undefined` when the queue is full. */
  private departure(path: Path, length: number, { bandwidth, queue }: Conditions): number | undefined {
    const now = this.clock.now()
    if (bandwidth === Infinity) return now
    const bytesPerMillisecond = bandwidth / BITS / SECOND
    const waiting = Math.max(0, path.freeAt - now) * bytesPerMillisecond
    // A line that is free takes a datagram whatever the queue: it need not wait.
    if (waiting > 0 && waiting + length + HEADERS > queue) return undefined
    path.freeAt = Math.max(path.freeAt, now) + (length + HEADERS) / bytesPerMillisecond
    return path.freeAt
  }

  private isLost(path: Path, { loss, bursts }: Conditions): boolean {
    if (this.chance(loss)) return true
    if (bursts === undefined) return false
    if (this.chance(path.inBurst ? bursts.end : bursts.begin)) path.inBurst = !path.inBurst
    return path.inBurst && this.chance(bursts.loss)
  }

  private arrival(path: Path, departure: number, { latency, jitter, reorder }: Conditions): number {
    const arrival = departure + latency + (jitter > 0 ? randomUnit(this.random) * jitter : 0)
    if (this.chance(reorder)) return arrival + randomUnit(this.random) * REORDER_DELAY
    path.lastArrival = Math.max(path.lastArrival, arrival)
    return path.lastArrival
  }

  private chance(share: number): boolean {
    return share > 0 && randomUnit(this.random) < share
  }

  private corrupted(datagram: Uint8Array): Uint8Array {
    this.counts.corrupted++
    if (this.chance(TRUNCATED_SHARE)) return new Uint8Array(datagram.subarray(0, Math.floor(randomUnit(this.random) * datagram.length)))
    const copy = new Uint8Array(datagram)
    // An odd number of turned bits never comes to no change.
    const flips = randomUnit(this.random) < 0.5 ? 1 : 3
    for (let i = 0; i < flips && copy.length > 0; i++) {
      const at = Math.floor(randomUnit(this.random) * copy.length)
      copy[at] = (copy[at] as number) ^ (1 << Math.floor(randomUnit(this.random) * BITS))
    }
    return copy
  }
}

/** Homes all have the same addresses inside. */
function addressInside({ machines }: SimulatedNat<SimulatedLink>): Address {
  for (let host = 2; ; host++) {
    const address = Address.from(`192.168.0.${host}`, SIMULATED_PORT)
    if (!machines.has(address.key)) return address
  }
}

/** One end in a {@link SimulatedNetwork}. */
export class SimulatedLink implements Link {
  readonly kind = 'simulated'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  /** Where it can be reached now; see {@link SimulatedNetwork.changeAddress}. */
  address: Address
  /** @internal */
  readonly conditions: Partial<Conditions>
  /** Its machine is asleep: what comes is lost. */
  isAsleep = false
  /** The router that it is behind. */
  nat: SimulatedNat<SimulatedLink> | undefined
  private readonly network: SimulatedNetwork
  private handler: DatagramHandler | undefined = undefined
  private closed = false

  /** @internal Use `SimulatedNetwork.createLink`. */
  constructor(network: SimulatedNetwork, address: Address, conditions: Partial<Conditions>, nat: SimulatedNat<SimulatedLink> | undefined) {
    this.network = network
    this.address = address
    this.conditions = conditions
    this.nat = nat
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
    if (this.closed || this.isAsleep) return
    this.stats.received++
    try {
      this.handler?.(datagram, from)
    } catch {
      this.stats.handlerErrors++
    }
  }
}
