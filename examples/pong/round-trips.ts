import type { Peer } from 'altostratus'
import type { PongRoom } from './definition.ts'

/** Answers that come later than this many questions after are not waited for. */
const MOST_WAITING = 100

/** Measures how long a message and its answer take, from one game to the other and back; answers the other's questions too. */
export class RoundTrips {
  /** Milliseconds, in the order in which the answers came. */
  readonly measured: number[] = []
  readonly end: () => void
  private readonly ping: PongRoom['channels']['ping']
  private readonly peer: Peer
  private readonly asked = new Map<number, number>()
  private nextId = 0

  constructor(room: PongRoom, peer: Peer) {
    this.ping = room.channels.ping
    this.peer = peer
    this.end = this.ping.on(({ id, isReply }, from) => {
      if (from !== peer) return
      if (!isReply) this.ping.send({ id, isReply: true }, peer)
      else this.answered(id)
    })
  }

  ask(): void {
    this.asked.delete(this.nextId - MOST_WAITING)
    const id = this.nextId++
    this.asked.set(id, performance.now())
    this.ping.send({ id, isReply: false }, this.peer)
  }

  private answered(id: number): void {
    const since = this.asked.get(id)
    if (since === undefined || !this.asked.delete(id)) return
    this.measured.push(performance.now() - since)
  }
}

/** The value that so many per cent of the values do not exceed (nearest rank). `undefined` when there are none. */
export function percentile(values: readonly number[], percent: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]
}
