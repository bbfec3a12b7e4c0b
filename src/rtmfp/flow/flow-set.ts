import { AltostratusError, assert } from '../../base/errors.ts'
import { EMPTY } from '../../base/bytes.ts'
import type { Reader, Writer } from '../../base/bytes.ts'
import { Queue } from '../../base/queue.ts'
import type { Ack } from '../../wire/ack.ts'
import { CHUNK_HEADER_SIZE } from '../../wire/chunk.ts'
import { MAX_HEADER_SIZE } from '../../wire/header.ts'
import { writeBufferProbe } from '../../wire/control.ts'
import { encodeStartupOptions } from '../../wire/user-data.ts'
import type { UserData } from '../../wire/user-data.ts'
import {
  ACK_DELAY,
  ACK_EVERY_PACKETS,
  ACK_EVERY_RIDDEN_PACKETS,
  BURST_LIMIT,
  BURST_REFILL,
  DEFAULT_PRIORITY,
  FLOW_OVERHEAD,
  MAX_METADATA,
  MAX_QUEUED,
  MAX_RECEIVE_FLOWS,
  MTU_BLACK_HOLE_LOSSES,
  MTU_LONG_SHARE,
  PRIORITY_LEVELS,
  RIDE_AGE,
  RIDE_MAX_BYTES,
  RIDE_PACKET_BYTES,
} from '../constants.ts'
import type { FlowOutput } from './flow-output.ts'
import { LossDetection } from './loss-detection.ts'
import { ReceiveFlow } from './receive-flow.ts'
import type { ReceiveFlowHost } from './receive-flow.ts'
import { SessionBudget } from './receive-budget.ts'
import type { EndpointBudget } from './receive-budget.ts'
import { Riding } from './riding.ts'
import { Scheduler } from './scheduler.ts'
import { InFlight } from './send-queue.ts'
import type { Fragment } from './send-queue.ts'
import { SendFlow } from './send-flow.ts'
import type { SendFlowHost } from './send-flow.ts'

/** How a new sending flow is to behave. */
export interface SendFlowOptions {
  /** User's per-flow metadata: what the flow is for, in the application's own encoding; at most 512 bytes. RFC 7016 §2.3.11.1.1. */
  readonly metadata: Uint8Array
  /** 0 to 7, higher ones are sent first; 3 by default. */
  readonly priority?: number
  /** Marks its packets as real-time data, toward which others yield. RFC 7016 §3.5.2.1. */
  readonly timeCritical?: boolean
  /** The far end's flow that this one answers. RFC 7016 §2.3.11.1.2. */
  readonly returnOf?: ReceiveFlow
  /** Send lost fragments again (the default), or abandon their message. */
  readonly retransmit?: boolean
  /** How long a message is worth sending, milliseconds; for ever by default. */
  readonly lifetime?: number
  /** What `write` queues before it refuses, bytes; 2 MiB by default. */
  readonly maxQueuedBytes?: number
  /** Free for the user of the engine. */
  readonly context?: unknown
}

/** What the flows of a session need from outside. */
export interface FlowSetHost extends FlowOutput {
  readonly maxMessageBytes: number
  /** What all sessions of the endpoint hold of what they have received. */
  readonly received: EndpointBudget
  /** The engine's time, given the application's. */
  timeOf(outside: number): number
  /** Called when there is something to send, or an earlier deadline. */
  wake(): void
}

/** Flow ID, sequence number and forward offset at their longest in a real session, and the chunk's header and flags. Bytes. */
const USER_DATA_OVERHEAD = CHUNK_HEADER_SIZE + 1 + 3 + 8 + 5
/** Flow identifiers are handed out from here on. */
const FIRST_FLOW_ID = 1

/** Flows that were stopped and may go on, one of them: were all of them told so, what the others send would be lost. */
const WOKEN_AT_ONCE = 4

/** What a session without flows has of them; nothing is ever put in. */
const NO_SENDING = new Map<number, SendFlow>()
const NO_RECEIVING = new Map<number, ReceiveFlow>()

/**
 * All flows of one session, with what they share: the order of transmissions, loss detection, the scheduler, and the acknowledgements
 * that are due. Knows nothing of addresses, keys or congestion windows: those are the session's.
 */
export class FlowSet implements SendFlowHost, ReceiveFlowHost {
  readonly output: FlowOutput
  readonly maxMessageBytes: number
  readonly budget: SessionBudget
  readonly inFlight: InFlight = new InFlight()
  readonly loss: LossDetection = new LossDetection(this.inFlight, (fragment) => this.passedOver(fragment))
  /** Largest plain packet, header included. Bytes. */
  maxPlain = 0
  /** Fragments that were taken for lost. */
  fragmentsLost = 0
  /** Some message had to be cut into fragments, or packets' worth of them waited: longer packets would be of use. */
  wantsRoom = false

  private readonly host: FlowSetHost
  private sending: Map<number, SendFlow> = NO_SENDING
  private receiving: Map<number, ReceiveFlow> = NO_RECEIVING
  private readonly scheduler = new Scheduler()
  private readonly unacknowledged = new Queue<ReceiveFlow>()
  private nextFlowId = FIRST_FLOW_ID
  private ackNow = false
  /** Data packets received since the last acknowledgement, those in which something rode along for less. */
  private ackCredit = 0
  private packetHasNew = false
  private packetHasDuplicate = false
  private delayedAckAt = Infinity
  private timeoutAt = Infinity
  /** When all that was sent since the last acknowledgement would have been sent at an even pace. */
  private burstPaidAt = -Infinity
  private flowDeadline = Infinity
  private ackDelayWanted = false
  private packetSerial = 0
  private readonly probing: SendFlow[] = []
  private readonly riding = new Riding()
  /** What was written last into the packet that is being assembled. */
  private lastWritten: Fragment | undefined = undefined

  constructor(host: FlowSetHost) {
    this.host = host
    this.output = host
    this.maxMessageBytes = host.maxMessageBytes
    this.budget = new SessionBudget(host.received)
  }

  /** Flows that the far end sends by. */
  get receivingFlows(): Iterable<ReceiveFlow> {
    return this.receiving.values()
  }

  /** Fragments that have been sent, those that were sent again counted again. */
  get fragmentsSent(): number {
    return this.inFlight.sentCount
  }

  /** Bytes that wait to be sent or acknowledged. */
  get queuedBytes(): number {
    let bytes = 0
    for (const flow of this.sending.values()) bytes += flow.queuedBytes
    return bytes
  }

  get sendFlowCount(): number {
    return this.sending.size
  }

  get receiveFlowCount(): number {
    return this.receiving.size
  }

  /** When {@link FlowSet.runTimers} wants to be called, milliseconds. */
  get deadline(): number {
    return Math.min(this.delayedAckAt, this.timeoutAt, this.flowDeadline, this.loss.deadline)
  }

  open(options: SendFlowOptions): SendFlow {
    const { metadata, priority = DEFAULT_PRIORITY, returnOf } = options
    if (metadata.length > MAX_METADATA) {
      throw new AltostratusError('METADATA_TOO_LARGE', `Flow metadata of ${metadata.length} bytes is over the limit of ${MAX_METADATA}.`)
    }
    if (!Number.isInteger(priority) || priority < 0 || priority >= PRIORITY_LEVELS) {
      throw new AltostratusError('BAD_PRIORITY', `Priority ${priority} is not a whole number from 0 to ${PRIORITY_LEVELS - 1}.`)
    }
    if (returnOf !== undefined && this.receiving.get(returnOf.id) !== returnOf) {
      throw new AltostratusError('BAD_ASSOCIATION', 'The flow to answer does not belong to this session.')
    }
    if (returnOf !== undefined && returnOf.state !== 'open') {
      throw new AltostratusError('BAD_ASSOCIATION', `The flow to answer is ${returnOf.state}; its sender would reject the answer.`)
    }
    const id = this.nextFlowId++
    const flow = new SendFlow(
      {
        id,
        metadata,
        startupOptions: encodeStartupOptions(metadata, returnOf === undefined ? -1 : returnOf.id),
        priority,
        timeCritical: options.timeCritical ?? false,
        retransmit: options.retransmit ?? true,
        lifetime: options.lifetime ?? Infinity,
        maxQueuedBytes: options.maxQueuedBytes ?? MAX_QUEUED,
        context: options.context,
      },
      this,
    )
    if (this.sending === NO_SENDING) this.sending = new Map()
    this.sending.set(id, flow)
    return flow
  }

  // SendFlowHost and ReceiveFlowHost

  fragmentRoom(startupOptions: number): number {
    const room = this.maxPlain - MAX_HEADER_SIZE - USER_DATA_OVERHEAD - startupOptions
    assert(room > 0, 'a fragment has no room in a packet')
    return room
  }

  timeOf(outside: number): number {
    return this.host.timeOf(outside)
  }

  messageCut(): void {
    this.wantsRoom = true
  }

  changed(flow: SendFlow): void {
    this.scheduler.update(flow)
    if (flow.deadline < this.flowDeadline) this.flowDeadline = flow.deadline
    this.host.wake()
  }

  wantsAck(flow: ReceiveFlow, soon: boolean): void {
    if (!flow.shouldAck) {
      flow.shouldAck = true
      this.unacknowledged.push(flow)
    }
    if (soon) this.ackNow = true
    else this.ackDelayWanted = true
    if (flow.deadline < this.flowDeadline) this.flowDeadline = flow.deadline
    this.host.wake()
  }

  roomAgain(): void {
    let woken = 0
    for (const flow of this.receiving.values()) {
      if (!flow.isStopped || ++woken > WOKEN_AT_ONCE) continue
      this.wantsAck(flow, true)
    }
  }

  arrived(isNew: boolean): void {
    if (isNew) this.packetHasNew = true
    else this.packetHasDuplicate = true
  }

  // Receiving

  /** Processes a user data chunk. @returns A reason when it was dropped. RFC 7016 §3.6.3.1, §3.6.3.2. */
  receiveUserData(chunk: UserData, reader: Reader, now: number): string | undefined {
    let flow = this.receiving.get(chunk.flowId)
    if (flow === undefined) {
      if (this.receiving.size >= MAX_RECEIVE_FLOWS || this.budget.roomFor(0) < FLOW_OVERHEAD) return 'too many flows'
      flow = this.startReceiving(chunk)
    }
    return flow.receive(chunk, reader.bytes, now) ? undefined : 'flow limit'
  }

  /** @returns Bytes in flight that it acknowledged. RFC 7016 §3.6.2.4. */
  receiveAck(ack: Ack, now: number, erto: number): number {
    this.burstPaidAt = -Infinity
    if (this.timeoutAt !== Infinity) this.timeoutAt = now + erto
    const flow = this.sending.get(ack.flowId)
    if (flow === undefined) return 0
    this.inFlight.longFrom = this.maxPlain * MTU_LONG_SHARE
    const bytes = flow.acknowledged(ack, now)
    if (this.inFlight.oldest === undefined) this.timeoutAt = Infinity
    this.scheduler.update(flow)
    if (flow.deadline < this.flowDeadline) this.flowDeadline = flow.deadline
    return bytes
  }

  receiveException(flowId: number, code: number): void {
    this.sending.get(flowId)?.receiveException(code)
  }

  receiveProbe(flowId: number): void {
    this.receiving.get(flowId)?.probed()
  }

  /** After all chunks of a packet that held user data. RFC 7016 §3.6.3.2. */
  dataPacketProcessed(now: number): void {
    // What came before and came alone: the far end has not seen the acknowledgement. What rode along was sent again in any case.
    if (this.packetHasDuplicate && !this.packetHasNew) this.ackNow = true
    this.ackCredit += this.packetHasDuplicate ? 1 / ACK_EVERY_RIDDEN_PACKETS : 1 / ACK_EVERY_PACKETS
    if (this.ackCredit >= 1) this.ackNow = true
    this.packetHasNew = false
    this.packetHasDuplicate = false
    if (this.ackDelayWanted && !this.ackNow && this.delayedAckAt === Infinity) this.delayedAckAt = now + ACK_DELAY
    this.ackDelayWanted = false
  }

  /** Whether long packets seem to be swallowed while short ones pass. Asked again, it takes as many once more. RFC 8899 §4.3. */
  takeBlackHole(): boolean {
    if (this.inFlight.longLost < MTU_BLACK_HOLE_LOSSES) return false
    this.inFlight.longLost = 0
    return true
  }

  /** After all acknowledgements of a packet: who was passed over. @returns 0: none, 1: negative acknowledgements, 2: loss. RFC 7016 §3.6.2.5. */
  detectLoss(now: number, srtt: number): 0 | 1 | 2 {
    const found = this.loss.acknowledged(now, srtt)
    this.riding.roundTrip(srtt)
    if (found === 2) this.lossFound(now)
    return found
  }

  // Sending

  get mustAckNow(): boolean {
    return this.ackNow && this.unacknowledged.size > 0
  }

  get hasAcks(): boolean {
    return this.unacknowledged.size > 0
  }

  /** From when on the burst limit lets another packet with user data go. RFC 7016 §3.5.2.3. */
  get burstOverAt(): number {
    return this.burstPaidAt - (BURST_LIMIT - 1) * BURST_REFILL
  }

  /**
   * Whether some flow has something that may be sent now.
   * @param window What may be in flight.
   * @param reserved What of it is for time critical flows alone.
   */
  hasUserData(window: number, reserved: number): boolean {
    const flow = this.scheduler.next()
    return flow !== undefined && this.inFlight.bytes < window - (flow.timeCritical ? 0 : reserved)
  }

  /** Writes due acknowledgements while they fit. @param obligatory The first is truncated rather than left out. RFC 7016 §3.6.3.4.5. */
  writeAcks(w: Writer, obligatory: boolean): void {
    const { unacknowledged } = this
    let truncate = obligatory
    for (let flow = unacknowledged.first; flow !== undefined; flow = unacknowledged.first) {
      if (!flow.writeAcknowledgement(w, truncate)) return
      unacknowledged.shift()
      truncate = false
    }
    this.ackNow = false
    this.ackCredit = 0
    this.delayedAckAt = Infinity
  }

  /**
   * Fills a packet with user data, highest priority first, while the window allows; see {@link FlowSet.hasUserData}. RFC 7016 §3.6.2.3.
   * @returns 0: nothing was written, 1: data, 2: data of a time critical flow among it.
   */
  writeUserData(w: Writer, window: number, reserved: number, now: number): 0 | 1 | 2 {
    const { scheduler } = this
    this.packetSerial++
    this.lastWritten = undefined
    let last: SendFlow | undefined
    let written: 0 | 1 | 2 = 0
    while (this.hasUserData(window, reserved)) {
      const flow = scheduler.flow as SendFlow
      const fragment = scheduler.fragment as Fragment
      if (last === undefined && this.writeRiders(w, fragment, window, now)) written = 2
      const size = this.writeFragment(w, flow, fragment)
      if (size === 0) {
        if (flow.queuedBytes - flow.outstandingBytes > 2 * this.maxPlain) this.wantsRoom = true
        break
      }
      this.inFlight.sent(fragment, size, now)
      last = flow
      if (flow.timeCritical) written = 2
      else if (written === 0) written = 1
    }
    if (last !== undefined) scheduler.rotate(last)
    this.lastWritten = undefined
    return written
  }

  /** A packet with user data is on its way. RFC 7016 §3.5.2.3, §3.6.2.6. */
  dataPacketSent(now: number, erto: number): void {
    this.burstPaidAt = Math.max(this.burstPaidAt, now) + BURST_REFILL
    // Not set anew by each packet, or a steady stream would never time out. RFC 6298 §5.1.
    if (this.timeoutAt === Infinity) this.timeoutAt = now + erto
  }

  /** Writes buffer probes that are due. RFC 7016 §3.6.2.9.1. @returns Whether any was. */
  writeProbes(w: Writer, now: number, erto: number): boolean {
    let any = false
    for (const flow of this.probing) {
      if (w.remaining < MAX_PROBE_CHUNK) break
      if (!flow.takeProbe(now, erto)) continue
      writeBufferProbe(w, flow.id)
      any = true
    }
    this.probing.length = 0
    this.refreshDeadline()
    return any
  }

  get hasProbes(): boolean {
    return this.probing.length > 0
  }

  // Time

  /** Runs what is due. @returns 0: no retransmission timeout, 1: one without loss, 2: one with loss, 3: none, but loss all the same. */
  runTimers(now: number): 0 | 1 | 2 | 3 {
    if (now >= this.delayedAckAt) {
      this.delayedAckAt = Infinity
      this.ackNow = true
    }
    if (now >= this.flowDeadline) this.runFlowTimers(now)
    if (now >= this.timeoutAt) return this.timedOut()
    if (!this.loss.timePassed(now)) return 0
    this.lossFound(now)
    return 3
  }

  /** A pause: what makes messages cheap that come often is given back. */
  rest(): void {
    this.unacknowledged.rest()
    this.scheduler.rest()
    for (const flow of this.sending.values()) flow.rest()
  }

  /** This process slept, or its clock leapt: no time has passed in which the far end could have sent anything again. */
  overslept(now: number): void {
    for (const flow of this.receiving.values()) flow.lingerAnew(now)
  }

  /** The far end has moved: what is on its way to where it was is sent again, at once; so are acknowledgements, or it would wait for a time-out. */
  pathChanged(): void {
    this.timedOut()
    this.loss.pathChanged()
    for (const flow of this.receiving.values()) this.wantsAck(flow, true)
  }

  /** The session is over: nothing of any flow is left. RFC 7016 §3.5.5. */
  end(): void {
    for (const flow of this.sending.values()) flow.end()
    for (const flow of this.receiving.values()) flow.end()
    this.sending = NO_SENDING
    this.receiving = NO_RECEIVING
    this.unacknowledged.clear()
    this.probing.length = 0
    this.delayedAckAt = Infinity
    this.timeoutAt = Infinity
    this.flowDeadline = Infinity
    this.loss.deadline = Infinity
  }

  /** Before the rest, so that the far end sees no gap where one is filled. @returns Whether anything of a time critical flow rides. */
  private writeRiders(w: Writer, first: Fragment, window: number, now: number): boolean {
    let timeCritical = false
    if (w.remaining < RIDE_PACKET_BYTES + RIDE_MAX_BYTES + 2 * USER_DATA_OVERHEAD) return timeCritical
    const end = w.at + RIDE_PACKET_BYTES
    for (let each = this.riding.oldestOf(this.inFlight, first, window, now); each !== undefined; each = each.next) {
      if (w.at + each.to - each.from > end || now - each.sentAt < RIDE_AGE) break
      each.rideTaken = true
      const flow = each.owner as SendFlow
      if (!flow.retransmit || flow.isStarting || !this.riding.takes(each, now)) continue
      this.writeFragment(w, flow, each)
      each.rodeAt = now
      if (flow.timeCritical) timeCritical = true
    }
    return timeCritical
  }

  private writeFragment(w: Writer, flow: SendFlow, fragment: Fragment): number {
    const previous = this.lastWritten
    const follows = previous !== undefined && previous.owner === flow && fragment.sequenceNumber === previous.sequenceNumber + 1
    const size = flow.assemble(fragment, w, follows, flow.lastPacket === this.packetSerial)
    if (size > 0) {
      flow.lastPacket = this.packetSerial
      this.lastWritten = fragment
    }
    return size
  }

  private runFlowTimers(now: number): void {
    for (const flow of this.sending.values()) {
      flow.expire(now)
      if (flow.probeDue(now) && !this.probing.includes(flow)) this.probing.push(flow)
      if (flow.lingerOver(now)) {
        flow.end()
        this.sending.delete(flow.id)
      }
      this.scheduler.update(flow)
    }
    for (const flow of this.receiving.values()) {
      if (now < flow.deadline) continue
      flow.end()
      this.receiving.delete(flow.id)
    }
    this.refreshDeadline()
  }

  private refreshDeadline(): void {
    let earliest = Infinity
    for (const flow of this.sending.values()) if (flow.deadline < earliest) earliest = flow.deadline
    for (const flow of this.receiving.values()) if (flow.deadline < earliest) earliest = flow.deadline
    this.flowDeadline = earliest
  }

  /** The retransmission timeout: nothing is in flight any more. RFC 7016 §3.6.2.6. */
  private timedOut(): 1 | 2 {
    this.timeoutAt = Infinity
    this.burstPaidAt = -Infinity
    const wasLoss = this.inFlight.oldest !== undefined
    for (let fragment = this.inFlight.oldest; fragment !== undefined; fragment = this.inFlight.oldest) this.lose(fragment)
    this.loss.deadline = Infinity
    return wasLoss ? 2 : 1
  }

  /**
   * One packet, and another when something is acknowledged, or time has passed: what was lost and what may be sent besides, sent together, would
   * be lost together where the queue is short, and so for ever. RFC 6937 §3.
   */
  private lossFound(now: number): void {
    this.burstPaidAt = now + (BURST_LIMIT - 1) * BURST_REFILL
    this.riding.lost(now)
  }

  private passedOver(fragment: Fragment): void {
    if (fragment.transmitSize > this.inFlight.longFrom) this.inFlight.longLost++
    this.lose(fragment)
  }

  private lose(fragment: Fragment): void {
    this.fragmentsLost++
    this.inFlight.remove(fragment)
    fragment.owner.lost(fragment)
  }

  /** A flow that was not there before. RFC 7016 §3.6.3.1. */
  private startReceiving(chunk: UserData): ReceiveFlow {
    const association = chunk.returnFlowId < 0 ? undefined : this.sending.get(chunk.returnFlowId)
    const flow = new ReceiveFlow(chunk.flowId, chunk.metadata ?? EMPTY, association, this)
    if (this.receiving === NO_RECEIVING) this.receiving = new Map()
    this.receiving.set(chunk.flowId, flow)
    const acceptable =
      chunk.metadata !== undefined && (chunk.returnFlowId < 0 || association?.state === 'open') && !chunk.unknownCriticalOption
    if (acceptable) this.output.flowOpened(flow)
    else flow.reject(0)
    this.ackNow = true
    return flow
  }
}

/** Header and flow ID at their longest. Bytes. */
const MAX_PROBE_CHUNK = CHUNK_HEADER_SIZE + 8
