import { AltostratusError } from '../../base/errors.ts'
import { EMPTY } from '../../base/bytes.ts'
import type { Writer } from '../../base/bytes.ts'
import type { Ack } from '../../wire/ack.ts'
import {
  FLAG_ABANDON,
  FLAG_FINAL,
  FLAG_OPTIONS,
  FRA_BEGIN,
  FRA_END,
  FRA_MIDDLE,
  FRA_WHOLE,
  fragmentFlags,
  nextUserDataSize,
  userDataSize,
  writeNextUserData,
  writeUserData,
} from '../../wire/user-data.ts'
import {
  BUFFER_BLOCK,
  BUFFER_PROBE_FIRST,
  BUFFER_PROBE_LAST,
  MAX_QUEUE_OVERHEAD,
  RX_BUFFER_INITIAL,
  SEND_FLOW_LINGER,
} from '../constants.ts'
import type { FlowOutput } from './flow-output.ts'
import type { LossDetection } from './loss-detection.ts'
import { Fragment, InFlight, SendQueue } from './send-queue.ts'
import type { FragmentOwner } from './send-queue.ts'

/** States of a sending flow. RFC 7016 §3.6.2. */
export type SendFlowState = 'open' | 'closing' | 'complete-linger' | 'closed'

/** How a sending flow treats its messages; see `Session.openFlow`. */
export interface SendFlowSettings {
  readonly id: number
  readonly metadata: Uint8Array
  readonly startupOptions: Uint8Array
  readonly priority: number
  readonly timeCritical: boolean
  readonly retransmit: boolean
  readonly lifetime: number
  readonly maxQueuedBytes: number
  readonly context: unknown
}

/** What a sending flow needs of the set of flows that it belongs to. */
export interface SendFlowHost {
  readonly output: FlowOutput
  readonly inFlight: InFlight
  readonly loss: LossDetection
  readonly maxMessageBytes: number
  /** Room for the data of one fragment, given its chunk's other parts. Bytes. */
  fragmentRoom(startupOptions: number): number
  /** The engine's time, given the application's. */
  timeOf(outside: number): number
  /** A message did not fit into one packet. */
  messageCut(): void
  /** The flow has something new to send or a new deadline. */
  changed(flow: SendFlow): void
}

/** Unidirectional: carries messages from this end of a session to the other. RFC 7016 §3.6.2. */
export class SendFlow implements FragmentOwner {
  /** Flow identifier, chosen by this end. RFC 7016 §3.6.1.1. */
  readonly id: number
  /** User's per-flow metadata. RFC 7016 §2.3.11.1.1. */
  readonly metadata: Uint8Array
  /** 0 to 7; higher ones are sent first. */
  readonly priority: number
  /** Packets with this flow's data bear the time critical mark. RFC 7016 §2.2.4. */
  readonly timeCritical: boolean
  /** Whether lost fragments are sent again; otherwise a message with a lost fragment is abandoned. */
  readonly retransmit: boolean
  /** Free for the user of the engine. */
  context: unknown
  /** @internal */
  outstandingBytes = 0
  /** @internal Serial number of the packet that last took a chunk of this flow. */
  lastPacket = 0
  /** Bytes of messages that are queued or not yet acknowledged. */
  queuedBytes = 0
  /** Bytes of all messages that were written so far. */
  writtenBytes = 0

  private flowState: SendFlowState = 'open'
  private readonly queue = new SendQueue()
  private readonly host: SendFlowHost
  private readonly lifetime: number
  private readonly maxQueuedBytes: number
  private startupOptions: Uint8Array
  private receiveWindow: number = RX_BUFFER_INITIAL
  private finalNumber = -1
  private exception = false
  /** All entries before this sequence number are known to be not eligible, the first entry aside. */
  private scanFrom = 1
  /** Highest sequence number that was ever sent. */
  private highestSent = 0
  private nextExpiry = Infinity
  private refused = false
  private probeAt = Infinity
  private probePeriod = BUFFER_PROBE_FIRST
  private lingerUntil = Infinity

  /** @internal Use `Session.openFlow`. */
  constructor(settings: SendFlowSettings, host: SendFlowHost) {
    this.host = host
    this.lifetime = settings.lifetime
    this.maxQueuedBytes = settings.maxQueuedBytes
    this.id = settings.id
    this.metadata = settings.metadata
    this.priority = settings.priority
    this.timeCritical = settings.timeCritical
    this.retransmit = settings.retransmit
    this.context = settings.context
    this.startupOptions = settings.startupOptions
  }

  get state(): SendFlowState {
    return this.flowState
  }

  /**
   * Queues one message.
   * @param message Its bytes; the flow keeps the array until it is acknowledged, so the caller must not change it.
   * @param now Milliseconds on the endpoint's clock.
   * @param lifetime After so many milliseconds the message is abandoned if it has not arrived; by default the flow's.
   * @returns `false` when the queue is full or the flow is no longer open: nothing was queued. When full, a `flow-writable` event follows.
   * @throws AltostratusError `MESSAGE_TOO_LARGE`.
   */
  write(message: Uint8Array, now: number, lifetime: number = this.lifetime): boolean {
    const { maxMessageBytes } = this.host
    if (message.length > maxMessageBytes) {
      throw new AltostratusError('MESSAGE_TOO_LARGE', `A message of ${message.length} bytes is over the limit of ${maxMessageBytes}.`, {
        hint: 'Send it in pieces.',
      })
    }
    if (this.flowState !== 'open' || !this.hasRoomFor(message.length)) return false
    this.enqueue(message, lifetime === Infinity ? Infinity : this.host.timeOf(now) + lifetime)
    this.host.changed(this)
    return true
  }

  /** Whether `write` would queue a message of this many bytes; when not, a `flow-writable` event follows as soon as there is room again. */
  hasRoomFor(length: number): boolean {
    const fits = this.queuedBytes === 0 || this.queuedBytes + length <= this.maxQueuedBytes
    if (fits && this.queue.overhead < MAX_QUEUE_OVERHEAD) return true
    this.refused = true
    return false
  }

  /** Longest message that goes in one packet, as far as the path is known now. Bytes. */
  get packetRoom(): number {
    return this.host.fragmentRoom(this.startupOptions.length)
  }

  /** Whether `write` or `hasRoomFor` has refused and there is still no room. */
  get isFull(): boolean {
    return this.refused
  }

  /** Abandons all messages that have not been acknowledged. RFC 7016 §3.6.2.7. */
  abandonQueued(): void {
    this.abandonUntil(Infinity)
    this.tellRoom()
    this.host.changed(this)
  }

  /** Closes the flow: what is queued is still delivered, nothing more is taken. RFC 7016 §3.6.2.11. */
  close(): void {
    if (this.flowState !== 'open') return
    this.flowState = 'closing'
    const last = this.queue.last
    if (last !== undefined && !last.everSent) this.finalNumber = last.sequenceNumber
    else {
      const final = new Fragment(this, EMPTY)
      final.control = FRA_WHOLE
      final.abandoned = true
      this.queue.push(final)
      final.messageFirst = final.sequenceNumber
      final.messageLast = final.sequenceNumber
      this.finalNumber = final.sequenceNumber
    }
    this.host.changed(this)
  }

  // What follows is for the set of flows.

  /** @internal Whether anything is queued. */
  get isActive(): boolean {
    return this.queue.size > 0
  }

  /** @internal When something is to be done without any packet: expiry, buffer probe, end of the linger. */
  get deadline(): number {
    return Math.min(this.nextExpiry, this.probeAt, this.lingerUntil)
  }

  /** @internal The next fragment that may be sent now, after trimming the queue. RFC 7016 §3.6.2.3. */
  eligible(): Fragment | undefined {
    this.trim()
    const first = this.queue.first
    if (first === undefined || (this.receiveWindow <= this.outstandingBytes && !this.exception)) return undefined
    if (!first.inFlight) return first
    for (let fragment = this.queue.atOrAfter(this.scanFrom); fragment !== undefined; fragment = this.queue.atOrAfter(this.scanFrom)) {
      this.scanFrom = fragment.sequenceNumber
      if (!fragment.inFlight && (!fragment.abandoned || this.scanFrom === this.finalNumber)) return fragment
      this.scanFrom++
    }
    this.scanFrom = this.queue.nextNumber
    return undefined
  }

  /**
   * @internal Writes the fragment as a chunk if it fits.
   * @param follows The fragment just written into the same packet was this flow's previous one.
   * @param opened A chunk of this flow is already in the packet, so start-up options need not be repeated.
   * @returns Its size; 0 when it did not fit.
   */
  assemble(fragment: Fragment, w: Writer, follows: boolean, opened: boolean): number {
    const options = opened ? EMPTY : this.startupOptions
    const number = fragment.sequenceNumber
    const from = fragment.abandoned ? 0 : fragment.from
    const to = fragment.abandoned ? 0 : fragment.to
    const flags =
      fragmentFlags(fragment.control) |
      (fragment.abandoned ? FLAG_ABANDON : 0) |
      (number === this.finalNumber ? FLAG_FINAL : 0) |
      (options.length > 0 ? FLAG_OPTIONS : 0)
    let size: number
    if (follows) {
      size = nextUserDataSize(to - from)
      if (size > w.remaining) return 0
      writeNextUserData(w, flags, fragment.message, from, to)
    } else {
      const forward = this.forwardNumber()
      size = userDataSize(this.id, number, forward, options.length, to - from)
      if (size > w.remaining) return 0
      writeUserData(w, flags, this.id, number, forward, options, fragment.message, from, to)
    }
    if (number > this.highestSent) this.highestSent = number
    return size
  }

  /** @internal Whether the far end may not know the flow yet. */
  get isStarting(): boolean {
    return this.startupOptions.length > 0
  }

  /** @internal Removes what the far end acknowledged; returns how many bytes of it were in flight. RFC 7016 §3.6.2.4. */
  acknowledged(ack: Ack, now: number): number {
    const before = this.outstandingBytes
    this.startupOptions = EMPTY
    this.setReceiveWindow(ack.bufferBlocks * BUFFER_BLOCK, now)
    this.removeThrough(this.queue.firstNumber, ack.cumulative, ack.cumulative, now)
    for (let i = 0; i < ack.count; i++) this.removeThrough(ack.froms[i] as number, ack.tos[i] as number, ack.cumulative, now)
    this.tellRoom()
    if (this.flowState === 'closing' && this.queue.size === 0) {
      this.flowState = 'complete-linger'
      this.lingerUntil = now + SEND_FLOW_LINGER
      this.probeAt = Infinity
    }
    return before - this.outstandingBytes
  }

  /** @internal RFC 7016 §3.6.2.10. */
  receiveException(code: number): void {
    if (this.flowState === 'open') {
      this.close()
      this.host.output.flowException(this, code)
    }
    this.exception = true
    this.abandonQueued()
  }

  /** @internal A fragment in flight was lost. */
  lost(fragment: Fragment): void {
    if (!this.retransmit) this.abandonMessage(fragment)
    this.scanFrom = Math.min(this.scanFrom, fragment.sequenceNumber)
  }

  /** @internal Abandons messages whose lifetime is over. RFC 7016 §3.6.2.7. */
  expire(now: number): void {
    if (now < this.nextExpiry) return
    this.nextExpiry = this.abandonUntil(now)
    this.tellRoom()
  }

  /** @internal Whether a buffer probe is due. */
  probeDue(now: number): boolean {
    return now >= this.probeAt
  }

  /** @internal Whether a buffer probe is still due; if so the next one is scheduled. RFC 7016 §3.6.2.9.1. */
  takeProbe(now: number, erto: number): boolean {
    if (!this.probeDue(now)) return false
    this.probePeriod = Math.max(Math.min(this.probePeriod * 2, BUFFER_PROBE_LAST), erto)
    this.probeAt = now + this.probePeriod
    return true
  }

  /** @internal Whether the flow may be forgotten. */
  lingerOver(now: number): boolean {
    return now >= this.lingerUntil
  }

  /** @internal A pause: room that nothing is in is given back. */
  rest(): void {
    this.queue.rest()
  }

  /** @internal The session is over. */
  end(): void {
    this.flowState = 'closed'
  }

  private tellRoom(): void {
    const { queuedBytes, queue, maxQueuedBytes } = this
    if (!this.refused || queuedBytes > maxQueuedBytes / 2 || queue.overhead > MAX_QUEUE_OVERHEAD / 2) return
    this.refused = false
    this.host.output.flowWritable(this)
  }

  private enqueue(message: Uint8Array, deadline: number): void {
    const room = this.host.fragmentRoom(this.startupOptions.length)
    const count = Math.max(1, Math.ceil(message.length / room))
    if (count > 1) this.host.messageCut()
    const first = this.queue.nextNumber
    for (let i = 0; i < count; i++) {
      const fragment = new Fragment(this, message)
      fragment.from = i * room
      fragment.to = Math.min(message.length, fragment.from + room)
      fragment.control = count === 1 ? FRA_WHOLE : i === 0 ? FRA_BEGIN : i === count - 1 ? FRA_END : FRA_MIDDLE
      fragment.messageFirst = first
      fragment.messageLast = first + count - 1
      fragment.deadline = deadline
      this.queue.push(fragment)
    }
    this.queuedBytes += message.length
    this.writtenBytes += message.length
    if (deadline < this.nextExpiry) this.nextExpiry = deadline
  }

  /**
   * Abandons what was to arrive by `time`. Of neighbours that have been abandoned and will not be sent again only the last stays, to lead the far
   * end past them all: behind a fragment that is never acknowledged they would pile up.
   * @returns The earliest time by which something that is left is to arrive.
   */
  private abandonUntil(time: number): number {
    const { queue } = this
    let next = Infinity
    let idle: Fragment | undefined
    for (let fragment = queue.atOrAfter(0); fragment !== undefined; fragment = queue.atOrAfter(fragment.sequenceNumber + 1)) {
      if (fragment.deadline <= time) this.abandonFragment(fragment)
      if (!fragment.abandoned) next = Math.min(next, fragment.deadline)
      const isIdle = fragment.abandoned && !fragment.inFlight
      if (isIdle && idle !== undefined) {
        queue.remove(idle)
        fragment.endsGap = true
      }
      idle = isIdle ? fragment : undefined
    }
    return next
  }

  private abandonMessage(fragment: Fragment): void {
    for (let n = fragment.messageFirst; n <= fragment.messageLast; n++) {
      const part = this.queue.get(n)
      if (part !== undefined) this.abandonFragment(part)
    }
  }

  private abandonFragment(fragment: Fragment): void {
    if (fragment.abandoned) return
    fragment.abandoned = true
    this.queuedBytes -= fragment.to - fragment.from
    fragment.message = EMPTY
  }

  /** Drops abandoned entries from the front. RFC 7016 §3.6.2.3 step 1. */
  private trim(): void {
    for (;;) {
      const first = this.queue.first
      if (first === undefined || this.queue.size < 2 || first.inFlight || !first.abandoned) return
      this.queue.remove(first)
    }
  }

  /** The forward sequence number. RFC 7016 §3.6.2.3 steps 2 to 4. */
  private forwardNumber(): number {
    const first = this.queue.first as Fragment
    if (!first.abandoned) return first.sequenceNumber - 1
    if (first.inFlight && !first.sentAbandoned) return first.sequenceNumber - 1
    return first.sequenceNumber
  }

  private removeThrough(from: number, to: number, cumulative: number, now: number): void {
    // One that was given up for lost but came after all is not sent again; one never sent can't have been received.
    const last = Math.min(to, this.highestSent)
    for (let fragment = this.queue.atOrAfter(from); fragment !== undefined; fragment = this.queue.atOrAfter(fragment.sequenceNumber + 1)) {
      const n = fragment.sequenceNumber
      if (n > last) break
      if (!fragment.everSent) continue
      if (fragment.passedOver) this.host.loss.cameAfterAll(fragment, now)
      if (fragment.inFlight) this.host.inFlight.acknowledged(fragment)
      // The last one behind gaps that will not be filled stays, to lead the far end past them. RFC 7016 §3.6.2.7.1.
      const isUpdate = n > cumulative && (fragment.endsGap || this.queue.size === 1)
      this.abandonFragment(fragment)
      if (!isUpdate) this.queue.remove(fragment)
    }
  }

  private setReceiveWindow(bytes: number, now: number): void {
    // Also with nothing queued: what is queued later waits for the same news, which may have been lost.
    const suspended = bytes === 0 && !this.exception && this.flowState !== 'complete-linger'
    if (suspended && this.probeAt === Infinity) {
      this.probePeriod = BUFFER_PROBE_FIRST
      this.probeAt = now + this.probePeriod
    } else if (!suspended) this.probeAt = Infinity
    this.receiveWindow = bytes
  }
}
