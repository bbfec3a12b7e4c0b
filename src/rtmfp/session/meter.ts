import { METER_INTERVAL } from '../constants.ts'

/** Share of packets that are lost, told anew every few seconds. */
export class LossMeter {
  /** 0 to 1; −1 while nothing has been counted. */
  share = -1
  private since = 0
  private sent = 0
  private lost = 0

  /** @param sent How many have been sent in all. @param lost How many of them have been lost. */
  look(sent: number, lost: number, now: number): void {
    if (now - this.since < METER_INTERVAL) return
    if (sent > this.sent) this.share = Math.min(1, Math.max(0, (lost - this.lost) / (sent - this.sent)))
    this.since = now
    this.sent = sent
    this.lost = lost
  }
}
