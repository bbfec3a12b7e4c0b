/** Lets through a burst, then so many a second. */
export class TokenBucket {
  private readonly burst: number
  private readonly perSecond: number
  private tokens: number
  private filledAt: number

  constructor(burst: number, perSecond: number, now: number) {
    this.burst = burst
    this.perSecond = perSecond
    this.tokens = burst
    this.filledAt = now
  }

  /** Whether it is as it was when it was made. */
  isFull(now: number): boolean {
    return this.tokens + ((now - this.filledAt) / 1_000) * this.perSecond >= this.burst
  }

  /** Takes so many tokens if they are there. */
  take(now: number, tokens = 1): boolean {
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.filledAt) / 1_000) * this.perSecond)
    this.filledAt = now
    if (this.tokens < tokens) return false
    this.tokens -= tokens
    return true
  }

  /** Gives one back that was taken for nothing. */
  giveBack(): void {
    this.tokens = Math.min(this.burst, this.tokens + 1)
  }
}
