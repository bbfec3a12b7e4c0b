import { IDLE_AFTER, OVERSLEPT } from '../constants.ts'

/** How a session finds out that its far end is gone. RFC 7016 §3.5.4.1. */
export interface LivenessConfig {
  /** Ask after hearing nothing for this long, milliseconds. */
  readonly keepaliveInterval: number
  /** The same while neither end has had anything to say for {@link IDLE_AFTER}, milliseconds; not below `keepaliveInterval`. */
  readonly idleKeepaliveInterval: number
  /** Give up after hearing nothing for this long, milliseconds; while idle, by as much later as is asked later. */
  readonly deadAfter: number
}

/** Keepalive pings of one session, and when to take silence for death. RFC 7016 §3.5.4.1. */
export class Liveness {
  private readonly config: LivenessConfig
  private heardAt: number
  /** From when on silence counts: when something was last heard, or later while little is asked. */
  private silentFrom: number
  private pingAt: number
  /** When user data last came or went. */
  private talkedAt: number
  private unanswered = 0
  /** Before this time silence is not death. */
  excusedUntil: number = -Infinity

  /** @param grace How much longer than usual the first packet of the far end may take, milliseconds. */
  constructor(config: LivenessConfig, grace: number, now: number) {
    this.config = config
    this.heardAt = now + grace
    this.silentFrom = this.heardAt
    this.pingAt = now + config.keepaliveInterval
    this.talkedAt = now
  }

  /** A packet that was verified came from the far end. */
  heard(now: number): void {
    const { keepaliveInterval, idleKeepaliveInterval } = this.config
    this.heardAt = now
    this.silentFrom = now - this.talkedAt < IDLE_AFTER ? now : now + idleKeepaliveInterval - keepaliveInterval
    this.pingAt = this.silentFrom + keepaliveInterval
    this.unanswered = 0
  }

  /** User data came or went: whether the far end is there matters again. */
  talked(now: number): void {
    this.talkedAt = now
    if (this.silentFrom > this.heardAt) this.countFrom(now)
  }

  /** How long silence counts, milliseconds; negative while it does not. */
  silence(now: number): number {
    return now - this.silentFrom
  }

  /** Asks at once, and goes on asking until something is heard. */
  suspect(now: number): void {
    this.pingAt = Math.min(this.pingAt, now)
    this.countFrom(now)
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
    return Math.max(this.silentFrom + this.config.deadAfter, this.excusedUntil)
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
    this.silentFrom = this.heardAt
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

  private countFrom(now: number): void {
    this.silentFrom = Math.min(this.silentFrom, Math.max(this.heardAt, now))
    this.pingAt = Math.min(this.pingAt, this.silentFrom + this.config.keepaliveInterval)
  }
}
