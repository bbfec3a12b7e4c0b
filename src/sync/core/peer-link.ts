import { DecodeError } from '../../base/errors.ts'
import { BitReader, BitWriter } from './bits.ts'
import { STREAM_BITS, TIME_BITS, TIME_SCALE } from './constants.ts'
import type { EntityType } from './entity-type.ts'
import { JitterBuffer } from './jitter-buffer.ts'
import { ReceiveStream, expandTime } from './receive-stream.ts'
import type { Reception, Replica } from './receive-stream.ts'
import type { EndReason } from './record-codec.ts'
import { SendStream } from './send-stream.ts'
import type { SlotTable } from './send-stream.ts'

/** First bits of a datagram. */
const STATE = 0
const ACK = 1
const QUESTION = 2
const CLOCK = 3

/** What a link tells the world of. */
export interface LinkListener {
  updated(from: PeerLink, replica: Replica, fields: number): void
  ended(from: PeerLink, replica: Replica, reason: EndReason): void
  /** The other end asks for the time. @returns The session's, or nothing while it is not known. */
  timeAsked(): number | undefined
  timeTold(asked: number, told: number): void
}

/** Counters of what came from one peer. */
export interface LinkStats {
  datagramsSent: number
  bytesSent: number
  datagramsReceived: number
  late: number
  malformed: number
}

/** Where a link writes its datagrams, one at a time. */
const SCRATCH_BYTES = 4_096

/** State between this peer and one other, both ways. */
export class PeerLink {
  /** Order of the other. */
  readonly order: number
  readonly stats: LinkStats = { datagramsSent: 0, bytesSent: 0, datagramsReceived: 0, late: 0, malformed: 0 }
  readonly jitter: JitterBuffer = new JitterBuffer()
  receive: ReceiveStream
  send: SendStream
  /** Entities that the other has removed; its word that they are its own may come later. */
  readonly removed: Set<number> = new Set()
  /** The other's time when it was heard last, session's milliseconds. */
  heardAt: number = -Infinity
  /** The other's time of the datagram that is being taken in. */
  incomingAt: number = -Infinity
  /** Bits that may be sent, and when that was reckoned. */
  private allowance = 0
  private allowedAt = -Infinity

  private readonly table: SlotTable
  private readonly listener: LinkListener
  private readonly writer = new BitWriter(new Uint8Array(SCRATCH_BYTES))
  private readonly reader = new BitReader()

  constructor(order: number, table: SlotTable, types: readonly EntityType[], listener: LinkListener, streamId: number) {
    this.order = order
    this.table = table
    this.listener = listener
    this.send = new SendStream(streamId, table)
    this.receive = this.newReceiver(types)
  }

  /** Begins anew in both directions: the other end knows nothing of what was before. */
  restart(types: readonly EntityType[]): void {
    this.send = new SendStream((this.send.id + 1) % 2 ** STREAM_BITS, this.table)
    this.receive = this.newReceiver(types)
    this.removed.clear()
  }

  /**
   * Sends what there is to send.
   * @param local Local milliseconds. @param time Session's milliseconds. @param room Bytes of one datagram.
   * @param rate Bits a second at most, over time.
   */
  flush(local: number, time: number, room: number, rate: number, emit: (bytes: Uint8Array) => void): void {
    this.allowance = Math.min(rate / 4, this.allowance + Math.max(0, local - this.allowedAt) * (rate / 1_000))
    if (this.allowedAt === -Infinity) this.allowance = rate / 4
    this.allowedAt = local
    const { send, writer } = this
    send.pick(Math.max(0, this.allowance), room)
    const out = (): void => {
      const bytes = writer.finish()
      this.allowance -= 8 * bytes.length
      this.stats.datagramsSent++
      this.stats.bytesSent += bytes.length
      emit(bytes)
    }
    while (send.canWrite && this.allowance > 0) {
      this.begin(STATE, room)
      writer.uint(stampOf(time), TIME_BITS)
      send.writeHead(writer)
      if (send.writeRecords(writer, local) === 0 && send.canWrite) {
        out()
        break
      }
      out()
    }
    if (send.wantsToAsk(local)) {
      this.begin(QUESTION, room)
      send.writeSequence(writer)
      out()
    } else if (this.receive.owesAck) {
      this.begin(ACK, room)
      out()
    }
  }

  /** Asks the other end for the time. @returns The datagram. */
  askTime(local: number): Uint8Array {
    this.writer.reset()
    this.writer.small(CLOCK, 2)
    this.writer.bool(false)
    this.writer.float64(local)
    return this.writer.finish()
  }

  /** Takes in a datagram. @param local Local milliseconds. @param time Session's. @returns What is to be answered at once. */
  take(bytes: Uint8Array, local: number, time: number): Uint8Array | undefined {
    this.stats.datagramsReceived++
    try {
      return this.read(this.reader.reset(bytes), local, time)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.stats.malformed++
      return undefined
    }
  }

  private newReceiver(types: readonly EntityType[]): ReceiveStream {
    return new ReceiveStream(types, {
      updated: (replica, fields) => this.listener.updated(this, replica, fields),
      ended: (replica, reason) => this.listener.ended(this, replica, reason),
    })
  }

  private begin(kind: number, room: number): void {
    const { writer, receive } = this
    writer.reset(room)
    writer.small(kind, 2)
    const hasAck = receive.owesAck
    writer.bool(hasAck)
    if (hasAck) receive.writeAck(writer)
  }

  private read(bits: BitReader, local: number, time: number): Uint8Array | undefined {
    const kind = bits.small(2)
    const flag = bits.bool()
    if (kind === CLOCK) return this.readClock(bits, flag)
    if (flag && !this.send.readAck(bits, local)) throw new DecodeError('acknowledgement')
    if (kind === QUESTION) this.receive.readQuestion(bits)
    if (kind === STATE) {
      const stamp = bits.uint(TIME_BITS)
      const at = expandTime(stamp, time, TIME_SCALE)
      this.incomingAt = at
      this.count(this.receive.read(bits, stamp), at, time)
    }
    return undefined
  }

  private count(reception: Reception, at: number, time: number): void {
    if (reception === 'malformed') this.stats.malformed++
    else if (reception === 'late') this.stats.late++
    else if (at > this.heardAt) {
      if (this.heardAt !== -Infinity) this.jitter.add(time - at, at - this.heardAt)
      this.heardAt = at
    }
  }

  private readClock(bits: BitReader, isAnswer: boolean): Uint8Array | undefined {
    const asked = bits.float64()
    if (!isAnswer) {
      const now = this.listener.timeAsked()
      if (now === undefined) return undefined
      this.writer.reset()
      this.writer.small(CLOCK, 2)
      this.writer.bool(true)
      this.writer.float64(asked)
      this.writer.float64(now)
      return this.writer.finish()
    }
    const told = bits.float64()
    if (!Number.isFinite(asked) || !Number.isFinite(told)) throw new DecodeError('time')
    this.listener.timeTold(asked, told)
    return undefined
  }
}

function stampOf(time: number): number {
  const span = 2 ** TIME_BITS
  return ((Math.round(time * TIME_SCALE) % span) + span) % span
}
