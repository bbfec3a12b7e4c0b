import { EMPTY } from '../../base/bytes.ts'
import { RangeSet } from '../../base/ranges.ts'
import type { Writer } from '../../base/bytes.ts'
import { writeAck } from '../../wire/ack.ts'
import { writeFlowException } from '../../wire/control.ts'
import { FRA_WHOLE } from '../../wire/user-data.ts'
import type { UserData } from '../../wire/user-data.ts'
import {
  BUFFER_BLOCK,
  FLOW_OVERHEAD,
  GAP_OVERHEAD,
  MAX_GAPS,
  RECEIVE_CAPACITY,
  RECEIVE_FLOW_LINGER,
  RX_BUFFER_INITIAL,
} from '../constants.ts'
import type { FlowOutput } from './flow-output.ts'
import { ReassemblyBuffer } from './reassembly.ts'
import type { Completed, Delivery } from './reassembly.ts'
import type { SessionBudget } from './receive-budget.ts'
import type { SendFlow } from './send-flow.ts'

/** States of a receiving flow. RFC 7016 §3.6.3. */
export type ReceiveFlowState = 'open' | 'rejected' | 'complete-linger' | 'closed'

/** What a receiving flow needs of the set of flows that it belongs to. */
export interface ReceiveFlowHost {
  readonly output: FlowOutput
  readonly maxMessageBytes: number
  readonly budget: SessionBudget
  /** The flow wants to acknowledge; `soon`: without waiting for the delay. */
  wantsAck(flow: ReceiveFlow, soon: boolean): void
  /** Flows that were stopped may go on. */
  roomAgain(): void
  /** A fragment has come, for the first time or once more. */
  arrived(isNew: boolean): void
}

/** Least room that a window must announce for the far end not to need telling of each change. RFC 7016 §3.6.3.2 step 6. Blocks. */
const SMALL_WINDOW = 2

/** Unidirectional: carries messages from the other end of a session to this one. RFC 7016 §3.6.3. */
export class ReceiveFlow {
  /** Flow identifier, chosen by the far end. */
  readonly id: number
  /** User's per-flow metadata. RFC 7016 §2.3.11.1.1. */
  readonly metadata: Uint8Array
  /** The sending flow of this end that this one is in return to. RFC 7016 §2.3.11.1.2. */
  readonly association: SendFlow | undefined
  /** Free for the user of the engine. */
  context: unknown = undefined
  /** Bytes of all messages that were delivered so far. */
  deliveredBytes = 0
  /** @internal Whether it is in the list of flows to be acknowledged. */
  shouldAck = false

  private capacity: number = RECEIVE_CAPACITY
  private flowState: ReceiveFlowState = 'open'
  private mode: Delivery = 'ordered'
  private readonly host: ReceiveFlowHost
  private readonly seen = new RangeSet()
  private readonly buffer = new ReassemblyBuffer()
  private finalNumber = -1
  private exceptionCode = 0
  private announcedBlocks = -1
  private lastDelivered = 0
  private suspended = false
  /** The user has not yet seen that the flow is there, and may still refuse it or choose another delivery. */
  private unseen = true
  private rejected = false
  private completeTold = false
  private lingerUntil = Infinity
  /** What it counts in the session's budget. Bytes. */
  private counted = 0

  /** @internal */
  constructor(id: number, metadata: Uint8Array, association: SendFlow | undefined, host: ReceiveFlowHost) {
    this.id = id
    this.metadata = metadata
    this.association = association
    this.host = host
    this.seen.add(0)
    this.settle()
  }

  get state(): ReceiveFlowState {
    return this.flowState
  }

  /** Whether this end has refused the flow. */
  get isRejected(): boolean {
    return this.rejected
  }

  /** How messages are handed over; `ordered` until set. To be set when the flow opens. */
  get delivery(): Delivery {
    return this.mode
  }

  set delivery(mode: Delivery) {
    this.mode = mode
    this.deliverHeld()
    this.settle()
  }

  /**
   * Most bytes held for reordering and reassembly, 2 MiB until set; what is free of it, and of what the session and the endpoint may hold together, is
   * announced to the sender. Beyond a megabyte it is what a fast line with a long round trip needs: bandwidth times round trip, twice. To be set when the
   * flow opens.
   */
  get bufferCapacity(): number {
    return this.capacity
  }

  set bufferCapacity(bytes: number) {
    this.capacity = bytes
    this.host.budget.allow(bytes)
  }

  /** Refuses the flow: the sender is told the code and closes it. RFC 7016 §3.6.3.7. @param code Application's code, 0 to 2⁵³ − 1. */
  reject(code = 0): void {
    // One that is complete may still be undelivered.
    const isUndelivered = this.flowState === 'complete-linger' && !this.completeTold
    if (this.flowState !== 'open' && !isUndelivered) return
    if (isUndelivered) this.completeTold = true
    else this.flowState = 'rejected'
    this.rejected = true
    this.exceptionCode = code
    this.buffer.clear()
    this.settle()
    this.host.wantsAck(this, true)
  }

  /** Holds complete messages back until {@link ReceiveFlow.resume}; the sender is stopped when the buffer is full. RFC 7016 §3.6.3.3. */
  suspend(): void {
    this.suspended = true
  }

  /** Ends {@link ReceiveFlow.suspend}: what was held back comes now. */
  resume(): void {
    if (!this.suspended) return
    this.suspended = false
    this.deliverHeld()
    this.settle()
    this.tellComplete()
    this.host.wantsAck(this, true)
  }

  // What follows is for the set of flows.

  /** @internal When the flow may be forgotten. */
  get deadline(): number {
    return this.completeTold ? this.lingerUntil : Infinity
  }

  /** @internal The user has been told of the flow: what it brought along comes now. */
  begin(): void {
    this.unseen = false
    this.deliverHeld()
    this.settle()
    this.tellComplete()
    // For the new deadline.
    if (this.completeTold) this.host.wantsAck(this, true)
  }

  /** @internal Keeps its identifier for as long as if it were complete just now. */
  lingerAnew(now: number): void {
    if (this.lingerUntil !== Infinity) this.lingerUntil = now + RECEIVE_FLOW_LINGER
  }

  /** @internal The session is over. */
  end(): void {
    this.flowState = 'closed'
    this.buffer.clear()
    this.settle()
  }

  /** @internal RFC 7016 §3.6.3.6. */
  probed(): void {
    this.host.wantsAck(this, true)
  }

  /**
   * @internal Processes one user data chunk. RFC 7016 §3.6.3.2.
   * @param bytes What `chunk.start` and `chunk.end` point into.
   * @returns `false` when the chunk went over a limit and was treated as if it had been lost.
   */
  receive(chunk: UserData, bytes: Uint8Array, now: number): boolean {
    const number = chunk.sequenceNumber
    const isNew = !this.seen.has(number)
    if (isNew && !this.hasRoomFor(chunk)) {
      // What it says of the numbers before it holds all the same, and may make room.
      this.seen.addRange(0, chunk.forwardSequenceNumber)
      this.passedOver()
      this.checkComplete(now)
      this.settle()
      if (!this.hasRoomFor(chunk)) {
        this.host.wantsAck(this, true)
        return false
      }
    }
    let soon =
      this.flowState !== 'open' ||
      (this.announcedBlocks >= 0 && this.announcedBlocks < SMALL_WINDOW) ||
      chunk.abandon ||
      this.seen.count > 1
    this.host.arrived(isNew)
    if (this.flowState === 'open' && chunk.unknownCriticalOption) this.refuse()
    if (isNew && chunk.final && this.finalNumber < 0) {
      this.finalNumber = number
      soon = true
    }
    const accept = this.flowState === 'open' && isNew && !chunk.abandon
    // The usual packet: the very next fragment, a whole message, nothing held. It need not pass through the buffer.
    const direct =
      accept &&
      chunk.fragmentControl === FRA_WHOLE &&
      !this.isHeld &&
      (this.mode !== 'ordered' || (number === this.seen.contiguous + 1 && this.buffer.isEmpty))
    let index = -1
    if (accept && !direct) index = this.buffer.insert(number, chunk.fragmentControl, bytes.slice(chunk.start, chunk.end))
    this.seen.addRange(0, chunk.forwardSequenceNumber)
    this.seen.add(number)
    if (this.seen.count > 1) soon = true
    if (direct) this.deliver(bytes.slice(chunk.start, chunk.end), number, number)
    if (index >= 0 && this.mode !== 'ordered' && !this.isHeld) this.deliverArrived(index)
    else if (!this.buffer.isEmpty) this.passedOver()
    this.checkComplete(now)
    this.settle()
    this.host.wantsAck(this, soon || this.room < BUFFER_BLOCK)
    return true
  }

  /**
   * @internal Writes the flow's acknowledgement, after an exception report if it was rejected. RFC 7016 §3.6.3.4.3.
   * @param truncate Leave out ranges that do not fit, rather than the whole of it.
   * @returns Whether it fit.
   */
  writeAcknowledgement(w: Writer, truncate: boolean): boolean {
    const start = w.at
    if (this.rejected) {
      if (w.remaining < MAX_EXCEPTION_CHUNK) return false
      writeFlowException(w, this.id, this.exceptionCode)
    }
    const blocks = this.windowBlocks()
    if (!writeAck(w, this.id, blocks, this.seen, truncate)) {
      w.at = start
      return false
    }
    this.announcedBlocks = blocks
    this.shouldAck = false
    return true
  }

  /** Receive window to announce. RFC 7016 §3.6.3.5. */
  private windowBlocks(): number {
    const blocks = Math.ceil(this.room / BUFFER_BLOCK)
    const { budget } = this.host
    if (budget.hasBorrowed(this)) return Math.max(blocks, RX_BUFFER_INITIAL / BUFFER_BLOCK)
    return blocks === 0 && this.capacity > 0 && !this.suspended && budget.mayBorrow(this, BUFFER_BLOCK) ? 1 : blocks
  }

  /** @internal Whether the sender was told to stop, for want of room. */
  get isStopped(): boolean {
    return this.announcedBlocks === 0 && !this.suspended
  }

  private get isHeld(): boolean {
    return this.suspended || this.unseen
  }

  /** Bounds what a sender that ignores the window can make this end hold. */
  private hasRoomFor(chunk: UserData): boolean {
    const number = chunk.sequenceNumber
    const makesGap = number > this.seen.highest + 1
    if (makesGap && (this.seen.count > MAX_GAPS || this.room < GAP_OVERHEAD)) return false
    if (chunk.abandon) return true
    const length = chunk.end - chunk.start
    if (length <= this.room) return true
    // What comes next has a place all the same, or no message that is longer than what is free would ever be complete.
    if (number > this.seen.contiguous + 1 || this.buffer.size + length > this.capacity + this.host.maxMessageBytes) return false
    // A sender goes beyond what was announced by one fragment at most. RFC 7016 §3.6.2.3.
    return this.budgetRoom > 0 || (!this.isHeld && this.host.budget.borrow(this, length))
  }

  /** Bytes that may still come, in whatever order. */
  private get room(): number {
    return Math.max(0, Math.min(this.capacity - this.buffer.size, this.budgetRoom))
  }

  private get budgetRoom(): number {
    return this.host.budget.roomFor(this.counted)
  }

  private repay(): void {
    if (this.host.budget.repaid(this)) this.host.roomAgain()
  }

  /** Counts in the session's budget what is held now. */
  private settle(): void {
    const isOver = this.flowState === 'closed'
    const held = isOver ? 0 : FLOW_OVERHEAD + this.metadata.length + this.buffer.size + (this.seen.count - 1) * GAP_OVERHEAD
    if (held !== this.counted) {
      this.host.budget.add(held - this.counted)
      this.counted = held
    }
    if (this.buffer.isEmpty) this.repay()
  }

  /** The cumulative number may have moved. */
  private passedOver(): void {
    if (this.mode === 'ordered') this.deliverHeld()
    else if (!this.isHeld) this.buffer.dropAbandoned(this.seen.contiguous)
  }

  private deliverHeld(): void {
    if (this.isHeld || this.flowState === 'closed') return
    const contiguous = this.seen.contiguous
    for (;;) {
      const message = this.mode === 'ordered' ? this.buffer.nextOrdered(contiguous) : this.buffer.nextComplete()
      if (message === undefined) break
      this.deliverCompleted(message)
    }
    if (this.mode !== 'ordered') this.buffer.dropAbandoned(contiguous)
  }

  private deliverArrived(index: number): void {
    const message = this.buffer.completedAt(index)
    if (message !== undefined) this.deliverCompleted(message)
    this.buffer.dropAbandoned(this.seen.contiguous)
  }

  private deliverCompleted(message: Completed): void {
    this.deliver(message.data, message.first, message.last)
  }

  private deliver(data: Uint8Array, first: number, last: number): void {
    if (data.length > this.host.maxMessageBytes) {
      this.refuse()
      return
    }
    if (this.mode === 'newest' && first < this.lastDelivered) return
    const gap = first > this.lastDelivered + 1
    if (last > this.lastDelivered) this.lastDelivered = last
    this.deliveredBytes += data.length
    this.repay()
    this.host.output.message(this, data.length === 0 ? EMPTY : data, gap)
  }

  /** The far end has broken the rules of a flow that the user knows. RFC 7016 §3.6.3.2 step 4. */
  private refuse(): void {
    if (this.rejected) return
    this.reject(0)
    this.host.output.flowRefused(this)
  }

  private checkComplete(now: number): void {
    if (this.finalNumber < 0 || this.seen.contiguous < this.finalNumber) return
    if (this.flowState === 'open' || this.flowState === 'rejected') {
      const wasOpen = this.flowState === 'open'
      this.flowState = 'complete-linger'
      this.lingerUntil = now + RECEIVE_FLOW_LINGER
      this.host.wantsAck(this, true)
      if (!wasOpen) this.completeTold = true
    }
    this.tellComplete()
  }

  private tellComplete(): void {
    if (this.completeTold || this.flowState !== 'complete-linger' || this.isHeld || !this.buffer.isEmpty) return
    this.completeTold = true
    // The last number may be the end's alone.
    this.host.output.flowComplete(this, this.lastDelivered + 1 < this.finalNumber)
  }
}

/** Header, flow ID and code at their longest. */
const MAX_EXCEPTION_CHUNK = 3 + 8 + 8
