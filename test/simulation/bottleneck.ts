import { Address } from '../../src/base/address.ts'
import { randomUnit, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import type { Clock } from '../../src/link/clock.ts'
import { HEADERS } from '../../src/link/constants.ts'
import type { DatagramHandler, Link, LinkStats } from '../../src/link/link.ts'

/** A line that several senders share, and the queue in front of it. */
export interface BottleneckOptions {
  readonly seed: number
  /** Bits per second. */
  readonly bandwidth: number
  /** Round trip of the empty line, milliseconds. */
  readonly rtt: number
  /** Queue, in units of bandwidth times round trip; two full packets at least, as routers count. */
  readonly queue: number
  /** Share of packets that the line loses, not for want of room. */
  readonly loss?: number
  /**
   * How long at most each sender's machine takes to send a packet, milliseconds, each time another while; none by default. Where several share a line,
   * it is else by how their packets fall in with each other that always the same one finds the queue full, which no real network keeps up.
   * Floyd and Jacobson, "On Traffic Phase Effects in Packet-Switched Gateways", 1992.
   */
  readonly jitter?: number
}

/** Fewest bytes of queue. */
const LEAST_QUEUE = 3_000
/** Most waits that are kept; of more, a part that is chosen evenly. */
const MOST_WAITS = 200_000

/** First come, first served; what finds no room is dropped. The way back is free. */
export class Bottleneck {
  readonly clock: Clock
  readonly rtt: number
  /** Bytes a millisecond. */
  readonly rate: number
  readonly queue: number
  /** How long each packet waited for those before it, milliseconds. */
  waits: number[] = []
  offered = 0
  overflowed = 0
  private readonly loss: number
  private readonly random: Random
  private readonly jitter: number
  private readonly sentAt = new Map<object, number>()
  private freeAt = 0

  constructor(clock: Clock, { seed, bandwidth, rtt, queue, loss = 0, jitter = 0 }: BottleneckOptions) {
    this.clock = clock
    this.rtt = rtt
    this.rate = bandwidth / 8_000
    this.queue = Math.max(LEAST_QUEUE, this.rate * rtt * queue)
    this.loss = loss
    this.jitter = jitter
    this.random = seededRandom(seed)
  }

  /** The way there. What one sender sends stays in order. */
  send(sender: object, bytes: number, deliver: () => void): void {
    if (this.jitter === 0) {
      this.enqueue(bytes, deliver)
      return
    }
    const at = Math.max(this.sentAt.get(sender) ?? 0, this.clock.now() + randomUnit(this.random) * this.jitter)
    this.sentAt.set(sender, at)
    this.clock.at(at, () => this.enqueue(bytes, deliver))
  }

  private enqueue(bytes: number, deliver: () => void): void {
    const now = this.clock.now()
    const wait = Math.max(0, this.freeAt - now)
    this.offered++
    if (wait > 0 && wait * this.rate + bytes > this.queue) {
      this.overflowed++
      return
    }
    if (this.waits.length < MOST_WAITS) this.waits.push(wait)
    this.freeAt = now + wait + bytes / this.rate
    if (this.loss > 0 && randomUnit(this.random) < this.loss) return
    this.clock.at(this.freeAt + this.rtt / 2, deliver)
  }

  /** The way back. */
  sendBack(deliver: () => void): void {
    this.clock.at(this.clock.now() + this.rtt / 2, deliver)
  }

  /** Begins to measure. */
  reset(): void {
    this.waits = []
    this.offered = 0
    this.overflowed = 0
  }
}

/** One end of a pair of endpoints, the first of which sends through the bottleneck. */
export class BottleneckLink implements Link {
  readonly kind = 'simulated'
  readonly maxDatagram = 65_507
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  readonly address: Address
  private readonly pass: (bytes: number, deliver: () => void) => void
  private handler: DatagramHandler = () => {}
  private other: BottleneckLink | undefined = undefined

  private constructor(host: number, pass: (bytes: number, deliver: () => void) => void) {
    this.address = Address.from(`10.1.0.${host}`, 1_935)
    this.pass = pass
  }

  static pair(bottleneck: Bottleneck): readonly [BottleneckLink, BottleneckLink] {
    const near: BottleneckLink = new BottleneckLink(1, (bytes, deliver) => bottleneck.send(near, bytes, deliver))
    const far = new BottleneckLink(2, (_, deliver) => bottleneck.sendBack(deliver))
    near.other = far
    far.other = near
    return [near, far]
  }

  get addresses(): readonly Address[] {
    return [this.address]
  }

  send(datagram: Uint8Array): void {
    const other = this.other as BottleneckLink
    const bytes = datagram.slice()
    this.pass(bytes.length + HEADERS, () => other.handler(bytes, this.address))
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  async close(): Promise<void> {}
}
