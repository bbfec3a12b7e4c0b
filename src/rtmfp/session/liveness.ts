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

  constructor(config: LivenessConfig, now: number) {
    this.config = config
    this.heardAt = now
    this.pingAt = now + config.keepaliveInterval
  }

  /** A packet that was verified came from the far end. */
  heard(now: number): void {
    this.heardAt = now
    this.pingAt = now + this.config.keepaliveInterval
  }

  get deadline(): number {
    return Math.min(this.pingAt, this.heardAt + this.config.deadAfter)
  }

  isDead(now: number): boolean {
    return now >= this.heardAt + this.config.deadAfter
  }

  /** Whether a keepalive ping is due; if so, the next one is scheduled, not sooner than one measured timeout from now. */
  takePing(now: number, mrto: number): boolean {
    if (now < this.pingAt) return false
    this.pingAt = now + Math.max(this.config.keepaliveInterval, mrto)
    return true
  }
}
