import type { Reader } from '../base/bytes.ts'
import { concat } from '../base/bytes.ts'
import { readPacketFragment } from '../wire/startup.ts'
import { FRAGMENTED_PACKET_LIFETIME, FRAGMENTED_PACKET_PROGRESS, MAX_FRAGMENTED_PACKETS, MAX_PACKET_FRAGMENTS } from './constants.ts'

interface Incomplete {
  readonly fragments: (Uint8Array | undefined)[]
  readonly begunAt: number
  progressAt: number
  /** How many fragments there are; 0 until the last one was seen. */
  count: number
  received: number
}

/**
 * Start-up packets that come in pieces because they are longer than the path carries. What is held is bounded in all, whoever sends it, since
 * an address that has not proved itself may. RFC 7016 §3.4.
 */
export class PacketFragments {
  /** The one that has made no progress for the longest time first. */
  private readonly packets = new Map<string, Incomplete>()
  private earliest = Infinity

  /** Packets that are not complete yet. */
  get size(): number {
    return this.packets.size
  }

  /**
   * Takes a fragment.
   * @param source Where it came from, and for which session.
   * @returns The plain packet, when this was what it still lacked; a reason when the fragment was dropped; else `undefined`.
   * @throws DecodeError when it is malformed.
   */
  add(source: string, payload: Reader, now: number): Uint8Array | string | undefined {
    const { packetId, fragmentNumber, moreFragments, fragment } = readPacketFragment(payload)
    if (fragmentNumber >= MAX_PACKET_FRAGMENTS) return 'fragmented packet too long'
    // Also because one that starts anew counts its packets from 0 again.
    if (now >= this.deadline) this.expire(now)
    const key = `${source} ${packetId}`
    let packet = this.packets.get(key)
    if (packet === undefined) {
      if (this.packets.size >= MAX_FRAGMENTED_PACKETS) this.packets.delete(this.packets.keys().next().value as string)
      packet = { fragments: [], begunAt: now, progressAt: now, count: 0, received: 0 }
    } else if (packet.fragments[fragmentNumber] !== undefined) return undefined
    // The idlest comes first.
    this.packets.delete(key)
    this.packets.set(key, packet)
    packet.fragments[fragmentNumber] = fragment
    packet.received++
    packet.progressAt = now
    this.earliest = Math.min(this.earliest, deadlineOf(packet))
    if (!moreFragments) packet.count = fragmentNumber + 1
    if (packet.count === 0 || packet.received < packet.count) return undefined
    this.packets.delete(key)
    return packet.fragments.length === packet.count ? concat(...(packet.fragments as Uint8Array[])) : 'fragments beyond the last'
  }

  /** When {@link PacketFragments.expire} has something to do at the earliest. */
  get deadline(): number {
    return this.packets.size === 0 ? Infinity : this.earliest
  }

  /** Gives up the packets whose time is over. */
  expire(now: number): void {
    this.earliest = Infinity
    for (const [key, packet] of this.packets) {
      const until = deadlineOf(packet)
      if (now >= until) this.packets.delete(key)
      else if (until < this.earliest) this.earliest = until
    }
  }
}

function deadlineOf({ begunAt, progressAt }: Incomplete): number {
  return Math.min(begunAt + FRAGMENTED_PACKET_LIFETIME, progressAt + FRAGMENTED_PACKET_PROGRESS)
}
