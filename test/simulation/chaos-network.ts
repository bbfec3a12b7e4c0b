import type { Address } from '../../src/base/address.ts'
import { randomUnit } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { DeadlineHeap } from '../../src/base/timers.ts'
import type { HeapItem } from '../../src/base/timers.ts'

/** A datagram under way. */
export class Packet implements HeapItem {
  deadline = Infinity
  heapIndex = -1
  readonly datagram: Uint8Array
  readonly from: Address
  readonly to: Address

  constructor(datagram: Uint8Array, from: Address, to: Address) {
    this.datagram = datagram
    this.from = from
    this.to = to
  }
}

/** What a run's network does to datagrams, chosen once. */
export interface Weather {
  /** One way, milliseconds, and what is added at random. */
  readonly latency: number
  readonly jitter: number
  /** Shares, 0 to 1. */
  readonly loss: number
  readonly duplicate: number
  readonly corrupt: number
  /** Of packets that are overtaken by those of the next 200 ms. */
  readonly reorder: number
  /** How often nearly everything is lost for a while: shares of the packets that begin and end such a spell. */
  readonly burst: { readonly begins: number; readonly ends: number }
  /** What a path carries in a second, and what waits for it at most; none for no limit. Bytes. */
  readonly bottleneck: { readonly rate: number; readonly queue: number } | undefined
}

export const FAIR: Weather = {
  latency: 30,
  jitter: 0,
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  burst: { begins: 0, ends: 1 },
  bottleneck: undefined,
}
/** Of packets in a bad spell. */
const BURST_LOSS = 0.9
const REORDER_DELAY = 200

/** One direction between two players. */
interface Path {
  isBad: boolean
  /** When what waits in its bottleneck has gone. */
  busyUntil: number
  /** Longer datagrams vanish. */
  mtu: number
  isCut: boolean
}

/** Everything that networks do to datagrams. */
export class ChaosNetwork {
  now = 0
  /** All faults are off. */
  isCalm = false
  readonly weather: Weather
  private readonly random: Random
  private readonly paths = new Map<string, Path>()
  private readonly transit = new DeadlineHeap<Packet>()

  constructor(random: Random, weather: Weather) {
    this.random = random
    this.weather = weather
  }

  get inTransit(): number {
    return this.transit.size
  }

  /** When the next datagram arrives. */
  get next(): number {
    return this.transit.first?.deadline ?? Infinity
  }

  /** Takes a datagram that has arrived by now. */
  take(): Packet | undefined {
    const first = this.transit.first
    if (first === undefined || first.deadline > this.now) return undefined
    this.transit.remove(first)
    return first
  }

  /** Nothing comes through from one to the other any more, or does again. */
  cut(from: number, to: number, isCut: boolean): void {
    this.path(from, to).isCut = isCut
  }

  /** From one to the other nothing longer comes through, and nobody says so. */
  narrow(from: number, to: number, mtu: number): void {
    this.path(from, to).mtu = mtu
  }

  /** All is well from now on. */
  heal(): void {
    this.isCalm = true
    this.paths.clear()
  }

  /** @param players Between whom it goes, by number. */
  send(datagram: Uint8Array, from: Address, to: Address, players: readonly [number, number]): void {
    const { weather } = this
    const path = this.path(...players)
    if (path.isCut || datagram.length > path.mtu) return
    const copies = this.chance(weather.duplicate) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (!this.isCalm && this.isLost(path)) continue
      const queued = this.isCalm ? 0 : this.queue(path, datagram.length)
      if (queued === Infinity) continue
      const copy = datagram.slice()
      if (!this.isCalm && this.chance(weather.corrupt)) copy[this.random.uint32() % copy.length]! ^= 1 << (this.random.uint32() % 8)
      const late = this.chance(weather.reorder) ? randomUnit(this.random) * REORDER_DELAY : 0
      this.put(copy, from, to, queued + weather.latency + randomUnit(this.random) * weather.jitter + late)
    }
  }

  /** Past all faults. */
  put(datagram: Uint8Array, from: Address, to: Address, delay: number): void {
    this.transit.set(new Packet(datagram, from, to), this.now + delay)
  }

  private isLost(path: Path): boolean {
    const { burst, loss } = this.weather
    if (this.chance(path.isBad ? burst.ends : burst.begins)) path.isBad = !path.isBad
    return this.chance(path.isBad ? BURST_LOSS : loss)
  }

  /** @returns How long it waits, `Infinity` when there is no room. */
  private queue(path: Path, length: number): number {
    const { bottleneck } = this.weather
    if (bottleneck === undefined) return 0
    const wait = Math.max(path.busyUntil - this.now, 0)
    if ((wait / 1_000) * bottleneck.rate + length > bottleneck.queue) return Infinity
    path.busyUntil = this.now + wait + (length / bottleneck.rate) * 1_000
    return path.busyUntil - this.now
  }

  private path(from: number, to: number): Path {
    const key = `${from} ${to}`
    let path = this.paths.get(key)
    if (path === undefined) {
      path = { isBad: false, busyUntil: 0, mtu: Infinity, isCut: false }
      this.paths.set(key, path)
    }
    return path
  }

  private chance(share: number): boolean {
    return share > 0 && randomUnit(this.random) < share
  }
}
