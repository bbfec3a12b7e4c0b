import type { Address } from '../../base/address.ts'
import { EMPTY } from '../../base/bytes.ts'
import type { Writer } from '../../base/bytes.ts'
import { CHUNK_HEADER_SIZE, CHUNK_PADDING_FF, beginChunk, endChunk } from '../../wire/chunk.ts'
import { writeClose, writeCloseAck, writePing, writePingReply } from '../../wire/control.ts'
import { FORWARDED_PER_SECOND, MAX_FORWARDED_HELLO, MAX_PENDING_ASIDES, MAX_PENDING_PONGS } from '../constants.ts'
import { PING_MTU } from './path-mtu.ts'

/** A ping or its reply that has to go to, or from, an address of its own. */
interface Aside {
  readonly message: Uint8Array
  readonly isReply: boolean
  readonly to: Address
}

/** A keepalive ping's message is empty. RFC 7016 §3.5.4.1. */
const NO_MESSAGE = EMPTY
/** Type, size: what a padded probe's ping says. Bytes. */
const PROBE_MESSAGE = 3

/** What a session has to send beside its flows' data and acknowledgements. */
export class ControlQueue {
  closeWanted = false
  closeAckWanted = false
  pingWanted = false
  /** Size of the padded probe to send, bytes; 0 for none. */
  probeSize = 0
  private readonly pongs: Uint8Array[] = []
  private readonly asides: Aside[] = []
  private readonly forwards: Uint8Array[] = []

  /** Whether nothing waits for a packet to the far end's usual address. */
  get isEmpty(): boolean {
    return !this.closeWanted && !this.closeAckWanted && !this.pingWanted && this.pongs.length === 0 && this.forwards.length === 0
  }

  get hasAsides(): boolean {
    return this.asides.length > 0
  }

  /** Answers a ping; beyond {@link MAX_PENDING_PONGS} waiting ones it goes unanswered. */
  pong(message: Uint8Array): void {
    if (this.pongs.length < MAX_PENDING_PONGS) this.pongs.push(message)
  }

  /** A ping, or the answer to one, to an address that is not the session's. */
  aside(message: Uint8Array, isReply: boolean, to: Address): void {
    if (this.asides.length < MAX_PENDING_ASIDES) this.asides.push({ message, isReply, to })
  }

  /** @returns Whether there was room, and it was short enough. */
  forward(chunk: Uint8Array): boolean {
    if (this.forwards.length >= FORWARDED_PER_SECOND || chunk.length > MAX_FORWARDED_HELLO) return false
    this.forwards.push(chunk)
    return true
  }

  /** The session is no longer open: closing it is all that is left to say. */
  clear(): void {
    this.pongs.length = 0
    this.asides.length = 0
    this.forwards.length = 0
    this.pingWanted = false
    this.probeSize = 0
  }

  /** Writes what fits. @param leastPing How far a packet with a ping is filled at least, bytes from its beginning */
  write(w: Writer, leastPing: number): void {
    if (this.closeAckWanted && w.remaining >= CHUNK_HEADER_SIZE) {
      writeCloseAck(w)
      this.closeAckWanted = false
    }
    if (this.closeWanted && w.remaining >= CHUNK_HEADER_SIZE) {
      writeClose(w)
      this.closeWanted = false
    }
    for (let pong = this.pongs[0]; pong !== undefined && w.remaining >= CHUNK_HEADER_SIZE + pong.length; pong = this.pongs[0]) {
      writePingReply(w, pong)
      this.pongs.shift()
    }
    if (this.pingWanted && w.remaining >= CHUNK_HEADER_SIZE) {
      writePing(w, NO_MESSAGE)
      this.pingWanted = false
      if (leastPing - w.at >= CHUNK_HEADER_SIZE) writePadding(w, leastPing)
    }
    for (let chunk = this.forwards[0]; chunk !== undefined && w.remaining >= chunk.length; chunk = this.forwards[0]) {
      w.raw(chunk)
      this.forwards.shift()
    }
  }

  /** Writes a packet that goes elsewhere: what waits first, and what follows it to the same address. @returns Where to. */
  writeAside(w: Writer): Address {
    const { to } = this.asides[0] as Aside
    for (let next = this.asides[0]; next !== undefined && next.to.equals(to); next = this.asides[0]) {
      if (w.remaining < CHUNK_HEADER_SIZE + next.message.length) break
      if (next.isReply) writePingReply(w, next.message)
      else writePing(w, next.message)
      this.asides.shift()
    }
    return to
  }

  /** Fills the packet with padding and a ping at its end, so that one cut short is not answered. RFC 7016 §3.5.4.3. */
  writeProbe(w: Writer): void {
    const size = this.probeSize
    this.probeSize = 0
    writePadding(w, w.end - CHUNK_HEADER_SIZE - PROBE_MESSAGE)
    writePing(w, Uint8Array.of(PING_MTU, size >>> 8, size))
  }
}

function writePadding(w: Writer, end: number): void {
  const start = beginChunk(w, CHUNK_PADDING_FF)
  w.bytes.fill(0, w.at, end)
  w.at = end
  endChunk(w, start)
}
