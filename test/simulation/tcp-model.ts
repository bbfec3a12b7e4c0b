import type { Bottleneck } from './bottleneck.ts'

/** How a model of TCP grows and shrinks its window. */
export type TcpKind = 'reno' | 'cubic'

const SEGMENT = 1_460
const HEADER = 40
/** Segments of the initial window. RFC 6928. */
const INITIAL_WINDOW = 10
/** Segments acknowledged beyond one that is not, before that one is lost. RFC 6675 §3. */
const DUPLICATES = 3
const LEAST_RTO = 200
/** RFC 9438 §4.1, §4.6. */
const CUBIC_C = 0.4
const CUBIC_BETA = 0.7

interface Segment {
  readonly number: number
  sentAt: number
  order: number
}

/**
 * A bulk sender as TCP is one, with selective acknowledgements: slow start, congestion avoidance by RFC 5681 or RFC 9438, fast recovery once a
 * window, timeouts. Every second segment is acknowledged. In units of segments.
 */
export class TcpModel {
  /** Payload that has arrived, bytes, each segment once. */
  delivered = 0
  private readonly line: Bottleneck
  private readonly kind: TcpKind
  private window = INITIAL_WINDOW
  private threshold = Infinity
  private nextNumber = 0
  private nextOrder = 0
  private recoverTo = -1
  private readonly inFlight = new Map<number, Segment>()
  private readonly lost: number[] = []
  private srtt = 0
  private rttvar = 0
  private timerAt = Infinity
  private backOff = 1
  private readonly got = new Set<number>()
  private gotAll = 0
  private owed: Segment[] = []
  private wMax = 0
  private epochAt = -1
  private k = 0
  private stopped = false

  constructor(line: Bottleneck, kind: TcpKind) {
    this.line = line
    this.kind = kind
  }

  start(): void {
    this.fill()
  }

  /** Sends nothing more. */
  stop(): void {
    this.stopped = true
  }

  private fill(): void {
    while (!this.stopped && this.inFlight.size < Math.floor(this.window)) {
      const number = this.lost.shift() ?? this.nextNumber++
      const segment = { number, sentAt: this.line.clock.now(), order: this.nextOrder++ }
      this.inFlight.set(number, segment)
      this.line.send(this, SEGMENT + HEADER, () => this.arrived(segment))
    }
    this.arm()
  }

  private arrived(segment: Segment): void {
    const { number } = segment
    const isNew = number >= this.gotAll && !this.got.has(number)
    if (isNew) {
      this.got.add(number)
      this.delivered += SEGMENT
      while (this.got.delete(this.gotAll)) this.gotAll++
    }
    this.owed.push(segment)
    if (this.owed.length < 2 && this.got.size === 0) {
      const count = this.nextOrder
      this.line.clock.at(this.line.clock.now() + 40, () => {
        if (this.owed.length > 0 && count <= this.nextOrder) this.acknowledge()
      })
    } else this.acknowledge()
  }

  private acknowledge(): void {
    const owed = this.owed
    this.owed = []
    if (owed.length > 0) this.line.sendBack(() => this.acknowledged(owed))
  }

  private acknowledged(segments: readonly Segment[]): void {
    const now = this.line.clock.now()
    const wasFull = this.inFlight.size >= Math.floor(this.window) - 1
    let newest = -1
    let count = 0
    for (const segment of segments) {
      newest = Math.max(newest, segment.order)
      if (this.inFlight.get(segment.number) !== segment) continue
      this.inFlight.delete(segment.number)
      this.measure(now - segment.sentAt)
      count++
    }
    if (count > 0) {
      this.backOff = 1
      this.timerAt = Infinity
    }
    let isLoss = false
    for (const each of this.inFlight.values()) {
      if (each.order > newest - DUPLICATES) continue
      this.inFlight.delete(each.number)
      this.lost.push(each.number)
      if (each.order > this.recoverTo) isLoss = true
    }
    if (isLoss) this.reduce()
    else if (wasFull && newest > this.recoverTo) this.grow(count, now)
    this.fill()
  }

  private reduce(): void {
    this.recoverTo = this.nextOrder - 1
    // RFC 9438 §4.7.
    this.wMax = this.window < this.wMax ? (this.window * (1 + CUBIC_BETA)) / 2 : this.window
    this.window = Math.max(2, this.window * (this.kind === 'cubic' ? CUBIC_BETA : 0.5))
    this.threshold = this.window
    this.epochAt = -1
  }

  private grow(count: number, now: number): void {
    if (this.window < this.threshold) {
      this.window += count
      return
    }
    if (this.kind === 'reno') {
      this.window += count / this.window
      return
    }
    if (this.epochAt < 0) {
      this.epochAt = now
      this.k = Math.cbrt((Math.max(this.wMax, this.window) * (1 - CUBIC_BETA)) / CUBIC_C)
    }
    const t = (now - this.epochAt) / 1_000
    const friendly = this.wMax * CUBIC_BETA + ((3 * (1 - CUBIC_BETA)) / (1 + CUBIC_BETA)) * ((now - this.epochAt) / Math.max(this.srtt, 1))
    const target = Math.max(CUBIC_C * (t + this.srtt / 1_000 - this.k) ** 3 + Math.max(this.wMax, 1), friendly)
    if (target > this.window) this.window += (count * Math.min(target - this.window, this.window / 2)) / this.window
  }

  private measure(rtt: number): void {
    if (this.srtt === 0) {
      this.srtt = rtt
      this.rttvar = rtt / 2
      return
    }
    this.rttvar = (3 * this.rttvar + Math.abs(this.srtt - rtt)) / 4
    this.srtt = (7 * this.srtt + rtt) / 8
  }

  /** One timer at a time; when it finds that it is early it is set anew. */
  private arm(): void {
    if (this.timerAt !== Infinity) return
    const at = this.line.clock.now() + Math.max(LEAST_RTO, (this.srtt === 0 ? 1_000 : this.srtt) + 4 * this.rttvar) * this.backOff
    this.timerAt = at
    this.line.clock.at(at, () => {
      if (this.timerAt !== at || this.inFlight.size === 0) return
      this.timerAt = Infinity
      this.backOff = Math.min(this.backOff * 2, 32)
      this.lost.unshift(...[...this.inFlight.keys()].sort((a, b) => a - b))
      this.inFlight.clear()
      this.wMax = this.window
      this.threshold = Math.max(2, this.window / 2)
      this.window = 1
      this.epochAt = -1
      this.recoverTo = this.nextOrder - 1
      this.fill()
    })
  }
}
