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
  private readonly packets = new Map<string, Incomplete>()

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
    this.expire(now)
    const key = `${source} ${packetId}`
    let packet = this.packets.get(key)
    if (packet === undefined) {
      if (this.packets.size >= MAX_FRAGMENTED_PACKETS) return 'too many fragmented packets'
      packet = { fragments: [], begunAt: now, progressAt: now, count: 0, received: 0 }
      this.packets.set(key, packet)
    }
    if (packet.fragments[fragmentNumber] !== undefined) return undefined
    packet.fragments[fragmentNumber] = fragment
    packet.received++
    packet.progressAt = now
    if (!moreFragments) packet.count = fragmentNumber + 1
    if (packet.count === 0 || packet.received < packet.count) return undefined
    this.packets.delete(key)
    return packet.fragments.length === packet.count ? concat(...(packet.fragments as Uint8Array[])) : 'fragments beyond the last'
  }

  private expire(now: number): void {
    for (const [key, { begunAt, progressAt }] of this.packets) {
      if (now - begunAt > FRAGMENTED_PACKET_LIFETIME || now - progressAt > FRAGMENTED_PACKET_PROGRESS) this.packets.delete(key)
    }
  }
}
