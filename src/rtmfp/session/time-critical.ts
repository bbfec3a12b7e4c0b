import { TIME_CRITICAL_MEMORY } from '../constants.ts'

/** Who, among the sessions of one endpoint, has sent or received real-time data of late. RFC 7016 §3.5.2.1, §A.2. */
export class TimeCriticalRecord {
  private sentAt = -Infinity
  private latestReceiver: object | undefined = undefined
  private latestReceivedAt = -Infinity
  /** When any session other than `latestReceiver` last received a time critical packet. */
  private otherReceivedAt = -Infinity

  sent(now: number): void {
    this.sentAt = now
  }

  sentAnywhere(now: number): boolean {
    return now - this.sentAt <= TIME_CRITICAL_MEMORY
  }

  received(session: object, now: number): void {
    if (session !== this.latestReceiver) {
      this.otherReceivedAt = this.latestReceivedAt
      this.latestReceiver = session
    }
    this.latestReceivedAt = now
  }

  /** Whether a session other than this one has received time critical packets: its packets then bear the reverse notification. */
  receivedElsewhere(session: object, now: number): boolean {
    const at = session === this.latestReceiver ? this.otherReceivedAt : this.latestReceivedAt
    return now - at <= TIME_CRITICAL_MEMORY
  }

  /** The session is over and must not be kept alive by this record. */
  forget(session: object): void {
    if (session === this.latestReceiver) this.latestReceiver = undefined
  }
}
