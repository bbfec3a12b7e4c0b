import { MTU_BASE, MTU_BLACK_HOLE, MTU_CANDIDATES, MTU_LEAST, MTU_PROBES, MTU_RAISE_INTERVAL } from '../constants.ts'

/** First byte of a ping that stands at the end of a padded probe: ASCII `P`, and the probe's size in two bytes. */
export const PING_MTU = 0x50

/**
 * How large a datagram the path carries: probed with padded pings from the largest size down, as soon as there is something that would gain by
 * it. RFC 7016 §3.5.4.3, RFC 4821, RFC 8899.
 */
export class PathMtu {
  /** Largest datagram to be sent now, bytes of UDP payload. */
  size: number
  private readonly base: number
  private ceiling: number
  private target = 0
  private probes = 0
  private probeAt = Infinity
  private asked = false
  private timeouts = 0

  /**
   * @param base What is sent before anything is known, bytes.
   * @param ceiling The most that is probed for, bytes; not above `base` for no discovery.
   */
  constructor(base: number, ceiling: number) {
    this.base = base
    this.size = base
    this.ceiling = ceiling
  }

  get deadline(): number {
    return this.probeAt
  }

  /** Something was queued that did not fit into one packet. */
  wanted(now: number): void {
    if (this.asked) return
    this.asked = true
    this.search(now)
  }

  /** The size to probe now; 0 for none. The next one is scheduled. */
  takeProbe(now: number, erto: number): number {
    if (now < this.probeAt) return 0
    if (this.target === 0) this.search(now)
    else if (this.probes >= MTU_PROBES) this.next(this.target - 1, now)
    if (this.target === 0) return 0
    this.probes++
    this.probeAt = now + erto
    return this.target
  }

  /** A probe of this size was answered. */
  passed(size: number, now: number): void {
    // With nothing probed for, a reply that says 0 would leave room for nothing at all.
    if (size === 0 || size !== this.target) return
    this.size = size
    this.target = 0
    this.probeAt = size === this.best ? Infinity : now + MTU_RAISE_INTERVAL
  }

  /** Something of the far end's that this end sent was acknowledged. */
  acknowledged(): void {
    this.timeouts = 0
  }

  /** Everything in flight was lost: when that happens again and again, the path may have begun to swallow long packets. RFC 8899 §4.3. */
  timedOut(now: number): void {
    if (++this.timeouts >= MTU_BLACK_HOLE) this.swallowed(now)
  }

  /** The path swallows long packets, it seems. RFC 8899 §4.3. */
  swallowed(now: number): void {
    this.timeouts = 0
    this.size = this.size > MTU_BASE ? MTU_BASE : Math.min(this.size, MTU_LEAST)
    this.target = 0
    this.probeAt = now + MTU_RAISE_INTERVAL
  }

  /** The far end is reached by another path, of which nothing is known. @param ceiling See the constructor. */
  pathChanged(ceiling: number): void {
    this.ceiling = ceiling
    this.size = this.base
    this.target = 0
    this.probeAt = Infinity
    this.asked = false
    this.timeouts = 0
  }

  private get best(): number | undefined {
    return MTU_CANDIDATES.find((size) => size <= this.ceiling)
  }

  private search(now: number): void {
    this.next(this.ceiling, now)
  }

  /** Goes on with the largest size that is not above `most`, or ends the search. */
  private next(most: number, now: number): void {
    this.probes = 0
    this.target = MTU_CANDIDATES.find((size) => size <= most && size > this.size) ?? 0
    this.probeAt = this.target === 0 ? now + MTU_RAISE_INTERVAL : now
  }
}
