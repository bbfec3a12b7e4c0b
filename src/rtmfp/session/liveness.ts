import { OVERSLEPT } from '../constants.ts'

/** How a session finds out that its far end is gone. RFC 7016 §3.5.4.1. */
export interface LivenessConfig {
  /** Ask after hearing nothing for this long, milliseconds. */
  readonly keepaliveInterval: number
  /** Give up after hearing nothing for this long, milliseconds. */
  readonly deadAfter: number
}

/** Keepalive pings of one session, and when to take silence for death. RFC 7016 §3.5.4.1. */
export class Liveness {
  private readonly config: LivenessConfig
  private heardAt: number
  private pingAt: number
  private unanswered = 0
  /** Before this time silence is not death. */
  excusedUntil: number = -Infinity

  /** @param grace How much longer than usual the first packet of the far end may take, milliseconds. */
  constructor(config: LivenessConfig, grace: number, now: number) {
    this.config = config
    this.heardAt = now + grace
    this.pingAt = now + config.keepaliveInterval
  }

  /** A packet that was verified came from the far end. */
  heard(now: number): void {
    this.heardAt = now
    this.pingAt = now + this.config.keepaliveInterval
    this.unanswered = 0
  }

  /** Asks at once, and goes on asking until something is heard. */
  suspect(now: number): void {
    this.pingAt = Math.min(this.pingAt, now)
  }

  /** Whether the ping that was just taken follows one that nobody answered. */
  get isUnanswered(): boolean {
    return this.unanswered >= 2
  }

  /** When something was last heard; in the future while the first packet may take longer. */
  get lastHeard(): number {
    return this.heardAt
  }

  get deadline(): number {
    return Math.min(this.pingAt, this.deadAt)
  }

  private get deadAt(): number {
    return Math.max(this.heardAt + this.config.deadAfter, this.excusedUntil)
  }

  isDead(now: number): boolean {
    return now >= this.deadAt
  }

  /**
   * Whether death was found so late that this process must have slept, or its clock have leapt: what the far end said meanwhile has not been read
   * yet. It is asked once more then.
   */
  overslept(now: number): boolean {
    if (now - this.deadAt < OVERSLEPT) return false
    this.heardAt = now - this.config.deadAfter + OVERSLEPT
    this.pingAt = now
    return true
  }

  /**
   * Whether a keepalive ping is due; if so, the next one is scheduled. The first comes after the keepalive interval; the further ones as soon as
   * one can be taken for lost, so that a network that loses every fourth packet is not taken for a dead peer.
   */
  takePing(now: number, erto: number): boolean {
    if (now < this.pingAt) return false
    this.pingAt = now + Math.min(this.config.keepaliveInterval, erto)
    this.unanswered++
    return true
  }
}
