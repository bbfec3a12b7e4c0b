import type { Address } from '../base/address.ts'
import { EMPTY } from '../base/bytes.ts'
import type { Reader, Writer } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import type { HeapItem } from '../base/timers.ts'
import type { Certificate } from '../crypto/certificate.ts'
import type { SessionKeys } from '../crypto/keying.ts'
import { readBitmapAck, readRangeAck } from '../wire/ack.ts'
import {
  CHUNK_BITMAP_ACK,
  CHUNK_BUFFER_PROBE,
  CHUNK_CLOSE,
  CHUNK_CLOSE_ACK,
  CHUNK_FIHELLO,
  CHUNK_FLOW_EXCEPTION,
  CHUNK_HEADER_SIZE,
  CHUNK_NEXT_USER_DATA,
  CHUNK_PING,
  CHUNK_PING_REPLY,
  CHUNK_RANGE_ACK,
  CHUNK_USER_DATA,
} from '../wire/chunk.ts'
import { readBufferProbe, readFlowException } from '../wire/control.ts'
import { MODE_INITIATOR, MODE_RESPONDER, writePacketHeader } from '../wire/header.ts'
import type { PacketHeader } from '../wire/header.ts'
import { readNextUserData, readUserData } from '../wire/user-data.ts'
import {
  CLOSE_INTERVAL,
  FAR_CLOSE_LINGER,
  FIRST_PACKET_GRACE,
  FORWARDED_PER_SECOND,
  MAX_CHUNK_ERRORS,
  MAX_PING_MESSAGE,
  NEAR_CLOSE_LIMIT,
  REST_AFTER,
  TIME_CRITICAL_MEMORY,
  TIME_CRITICAL_RESERVE,
} from './constants.ts'
import { FlowSet } from './flow/flow-set.ts'
import type { FlowSetHost, SendFlowOptions } from './flow/flow-set.ts'
import type { EndpointBudget } from './flow/receive-budget.ts'
import type { ReceiveFlow } from './flow/receive-flow.ts'
import type { SendFlow } from './flow/send-flow.ts'
import type { CongestionController } from './session/congestion.ts'
import { createController } from './session/controllers.ts'
import type { CongestionAlgorithm } from './session/controllers.ts'
import { ControlQueue } from './session/control-queue.ts'
import { Liveness } from './session/liveness.ts'
import type { LivenessConfig } from './session/liveness.ts'
import { LossMeter } from './session/meter.ts'
import { CHALLENGE_CHUNK, Mobility, PING_MOBILITY } from './session/mobility.ts'
import type { Opening } from './session/opening.ts'
import { PING_MTU, PathMtu } from './session/path-mtu.ts'
import { Paths } from './session/paths.ts'
import { RttEstimator } from './session/rtt.ts'
import type { TimeCriticalRecord } from './session/time-critical.ts'
import type { WorkSpace } from './work-space.ts'

/** States of a session. RFC 7016 §3.5. */
export type SessionState = 'ihello-sent' | 'keying-sent' | 'open' | 'near-close' | 'far-close-linger' | 'closed' | 'open-failed'

/**
 * Why a session could not be opened. `timeout`: nobody answered in time; `no-common-keying`: the far end offers no key agreement, suite
 * or signature that this end accepts; `keying-failed`: its answer did not combine to keys; `duplicate`: there is a session with that peer
 * already; `cancelled`: this end gave up.
 */
export type OpenFailure = 'timeout' | 'no-common-keying' | 'keying-failed' | 'duplicate' | 'cancelled'

/**
 * Why an open session ended. `near`: this end closed it; `far`: the other did; `dead`: silence; `override`: the peer has started anew;
 * `worn-out`: the keys have sealed all that they may, a new session is needed.
 */
export type CloseReason = 'near' | 'far' | 'dead' | 'override' | 'worn-out'

/** What an endpoint has to tell. */
export type EndpointEvent =
  | { readonly type: 'session-open'; readonly session: Session }
  | { readonly type: 'session-failed'; readonly session: Session; readonly reason: OpenFailure }
  | { readonly type: 'session-closed'; readonly session: Session; readonly reason: CloseReason }
  /** The far end does not answer. The session lives on until `deadAfter`; meanwhile it can be looked for elsewhere, see `Endpoint.open`. */
  | { readonly type: 'session-silent'; readonly session: Session }
  /** It answers again. */
  | { readonly type: 'session-back'; readonly session: Session }
  /** The far end is at another address now: `session.farAddress`. */
  | { readonly type: 'session-moved'; readonly session: Session; readonly before: Address }
  | { readonly type: 'flow-open'; readonly session: Session; readonly flow: ReceiveFlow }
  | { readonly type: 'message'; readonly session: Session; readonly flow: ReceiveFlow; readonly data: Uint8Array; readonly gap: boolean }
  /** All that the far end will ever send on the flow was delivered. `gap`: what came last was abandoned. */
  | { readonly type: 'flow-complete'; readonly session: Session; readonly flow: ReceiveFlow; readonly gap: boolean }
  /** This end has rejected the flow by itself: a message was too long, or an option in it may not be ignored and is not known. */
  | { readonly type: 'flow-refused'; readonly session: Session; readonly flow: ReceiveFlow }
  | { readonly type: 'flow-exception'; readonly session: Session; readonly flow: SendFlow; readonly code: number }
  | { readonly type: 'flow-writable'; readonly session: Session; readonly flow: SendFlow }

/** What is known of the network between the ends of a session. */
export interface SessionStats {
  /** Smoothed round-trip time, milliseconds; −1 while it is not known. */
  readonly rtt: number
  /** How much round trips differ from that, milliseconds; −1 while it is not known. */
  readonly jitter: number
  /** Share of what this end sends that is lost, 0 to 1, of the last seconds in which something was sent; −1 while it is not known. */
  readonly lossOut: number
  /** The same of what the far end sends; −1 as well where packets have no numbers. */
  readonly lossIn: number
  /** What the congestion window allows, bits per second: an estimate from below while less is sent than could be. −1 while it is not known. */
  readonly bandwidth: number
  /** Bytes that wait to be sent or acknowledged. */
  readonly queued: number
  /** Bytes of datagrams, since the session began. */
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Largest datagram that is sent now. Bytes. */
  readonly maxDatagram: number
}

/** What a session needs of its endpoint. */
export interface SessionHost {
  readonly maxDatagram: number
  /** Longest datagram that any path is probed for. */
  readonly maxPathDatagram: number
  readonly maxMessageBytes: number
  readonly received: EndpointBudget
  readonly congestion: CongestionAlgorithm
  /** How many times what came from an address that has not proved itself may be sent there. */
  readonly amplification: number
  readonly timeCritical: TimeCriticalRecord
  readonly work: WorkSpace
  /** Where a packet that is to go out is written, with room for one of that length; what is in it stays. */
  packetRoom(length: number): Uint8Array
  /** Longest datagram that the path to this address is probed for, were it IPv4's. */
  pathLimit(to: Address): number
  emit(event: EndpointEvent): void
  /** The engine's time, given the application's. */
  timeOf(outside: number): number
  /** Keyed with a secret of this end's; for what it wants to know again when it comes back. RFC 7016 §3.5.4.2 (MOB_SECRET). */
  secretHash(data: Uint8Array): Uint8Array
  /** The session has something to send, or its deadline has changed. */
  wake(session: Session): void
  /** Who the far end is, or where, is known now or has changed. */
  located(session: Session): void
  /** The far end has shown that it has the keys. */
  confirmed(session: Session): void
  /** A forwarded IHello came through the session. RFC 7016 §3.5.1.5. */
  forwardedHello(session: Session, payload: Reader, now: number): void
}

/** What is known of a session when it begins. */
export interface SessionOptions extends LivenessConfig {
  readonly id: number
  readonly isInitiator: boolean
  /** Whether forwarded IHellos that come through it are answered. */
  readonly acceptForwarded: boolean
  readonly context?: unknown
}

/** The time critical bit of the packet header's first byte. RFC 7016 §2.2.4. */
const TIME_CRITICAL_BIT = 0x80

/** The relationship between this endpoint and one other: where its packets, its keys and its flows meet. RFC 7016 §3.5. */
export class Session implements HeapItem, FlowSetHost {
  /** Receive session ID: what the far end puts on its packets. RFC 7016 §2.2.2. */
  readonly id: number
  /** Whether this end began the session. */
  readonly isInitiator: boolean
  /** Free for the user of the engine. */
  context: unknown
  /** @internal */
  deadline: number = Infinity
  /** @internal */
  heapIndex = -1
  /** @internal Waits in the endpoint's list of sessions with something to send. */
  isReady = false
  /** @internal What is known only while it opens. */
  opening: Opening | undefined = undefined
  /** @internal The tag by which answers find it, until it is no longer opening. */
  tag: Uint8Array | undefined = undefined
  /** @internal IIKeying's component and our answer, for a retransmitted one; until the far end has shown that it has the answer. RFC 7016 §3.5.1.1.2. */
  answered: { readonly component: Uint8Array; readonly datagram: Uint8Array } | undefined = undefined

  /** @internal What this end puts on its packets. */
  farId = 0

  /** @internal Who has opened it, when the far end did. */
  source = ''

  /** @internal What the endpoint finds it by. */
  indexedPeer = ''
  /** @internal */
  indexedAddress = ''
  /** @internal Bytes that may still be sent before the far end has shown that it is where its packets seem to come from. */
  allowance: number = Infinity

  /** @internal When it began, on the cookies' clock: an IIKeying with an older cookie is from before it. Milliseconds. */
  notBefore = 0

  private sessionState: SessionState = 'ihello-sent'
  private readonly host: SessionHost
  private readonly options: SessionOptions
  private readonly rtt = new RttEstimator()
  private readonly congestion: CongestionController
  private flows: FlowSet | undefined = undefined
  private liveness: Liveness | undefined = undefined
  private keys: SessionKeys | undefined = undefined
  private certificate: Certificate | undefined = undefined
  private destination: Address | undefined = undefined
  private timeCriticalSentAt = -Infinity
  private reverseNotifiedAt = -Infinity
  private readonly control = new ControlQueue()
  private readonly mtu: PathMtu
  private mobility: Mobility | undefined = undefined
  private readonly paths = new Paths()
  /** Nothing comes from the far end any more, and it was told. */
  private silent = false
  /** What is sent now may find nobody. */
  private resendWhenHeard = false
  /** What was sent is not acknowledged: when the far end is taken for silent, unless it is heard. */
  private doubtAt = Infinity
  private from: Address | undefined = undefined
  /** Length of the datagram that came last, and what may still be sent to where it came from, when that is not where the far end is known to be. */
  private arrivedBytes = 0
  private elsewhereBytes = 0
  private burstOverAt = Infinity
  private forwardTokens = FORWARDED_PER_SECOND
  private forwardRefillAt = 0
  private meters: { readonly lossIn: LossMeter; readonly lossOut: LossMeter } | undefined = undefined
  private packetsReceived = 0
  private bytesSent = 0
  private bytesReceived = 0
  private confirmed = false
  private closeAt = Infinity
  private closeUntil = Infinity

  /** @internal Use `Endpoint.open`. */
  constructor(options: SessionOptions, host: SessionHost) {
    this.options = options
    this.host = host
    this.id = options.id
    this.isInitiator = options.isInitiator
    this.context = options.context
    this.confirmed = options.isInitiator
    this.congestion = createController(host.congestion, host.maxDatagram)
    this.mtu = new PathMtu(host.maxDatagram, host.maxDatagram)
  }

  get state(): SessionState {
    return this.sessionState
  }

  /**
   * Whether the far end has shown that it holds the session's keys. A responder's session is open before that, and until then anyone who has
   * overheard the peer's start-up may have opened it in the peer's name.
   */
  get isConfirmed(): boolean {
    return this.confirmed
  }

  /** Whether the far end does not answer at present. */
  get isSilent(): boolean {
    return this.silent
  }

  /** The far end's certificate; `undefined` until it has shown it. */
  get farCertificate(): Certificate | undefined {
    return this.certificate
  }

  /** The far end's peer ID, 64 hexadecimal digits; empty until known. RFC 7425 §4.3.2. */
  get farPeerId(): string {
    return this.certificate?.peerId ?? ''
  }

  /** Where packets are sent to (DESTADDR). `undefined` until an address is selected. */
  get farAddress(): Address | undefined {
    return this.destination
  }

  /** Smoothed round-trip time in milliseconds, −1 before the first measurement. Its grain is 4 ms. */
  get srtt(): number {
    return this.rtt.srtt
  }

  /** How long nothing was heard of the far end, milliseconds; 0 when the session is not open, negative while it need not have begun yet. */
  silence(now: number): number {
    return this.sessionState === 'open' ? (this.liveness as Liveness).silence(now) : 0
  }

  /** Effective retransmission timeout in milliseconds. */
  get erto(): number {
    return this.rtt.erto
  }

  /** Congestion window in bytes. */
  get congestionWindow(): number {
    return this.congestion.window
  }

  /** Largest datagram that is sent, bytes of UDP payload; grows as the path proves to carry more. RFC 7016 §3.5.4.3. */
  get maxDatagram(): number {
    return this.mtu.size
  }

  /** Bytes of user data in flight. */
  get bytesInFlight(): number {
    return this.flows?.inFlight.bytes ?? 0
  }

  /** Flows held, those that linger included. */
  get flowCount(): number {
    return this.flows === undefined ? 0 : this.flows.sendFlowCount + this.flows.receiveFlowCount
  }

  /** Flows that the far end sends by, those that linger included. */
  get receivingFlows(): Iterable<ReceiveFlow> {
    return this.flows?.receivingFlows ?? []
  }

  /** What is known of the network between. */
  get stats(): SessionStats {
    const flows = this.flows
    const now = this.liveness?.lastHeard ?? 0
    const sentCount = this.keys?.opener.sentCount ?? -1
    const { lossIn, lossOut } = (this.meters ??= { lossIn: new LossMeter(), lossOut: new LossMeter() })
    lossIn.look(sentCount, sentCount - this.packetsReceived, now)
    if (flows !== undefined) lossOut.look(flows.fragmentsSent, flows.fragmentsLost, now)
    const { srtt, rttvar } = this.rtt
    return {
      rtt: srtt,
      jitter: srtt < 0 ? -1 : rttvar,
      lossOut: lossOut.share,
      lossIn: lossIn.share,
      bandwidth: srtt > 0 ? (this.congestionWindow * BITS_PER_BYTE * MILLISECONDS) / srtt : -1,
      queued: flows?.queuedBytes ?? 0,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
      maxDatagram: this.mtu.size,
    }
  }

  /** Cipher suite in use, 0 before the session is open. */
  get suite(): number {
    return this.keys?.suite ?? 0
  }

  /** Secret that both ends know: this end's near nonce is the far end's far nonce. RFC 7425 §4.6.5. @throws AltostratusError `NOT_OPEN`. */
  get nearNonce(): Uint8Array {
    return this.openKeys().nearNonce
  }

  /** See {@link Session.nearNonce}. @throws AltostratusError `NOT_OPEN`. */
  get farNonce(): Uint8Array {
    return this.openKeys().farNonce
  }

  /** Opens a sending flow. @throws AltostratusError `NOT_OPEN`, `METADATA_TOO_LARGE`, `BAD_PRIORITY`, `BAD_ASSOCIATION`. RFC 7016 §3.6.2.1. */
  openFlow(options: SendFlowOptions): SendFlow {
    if (this.sessionState !== 'open' || this.flows === undefined) {
      throw new AltostratusError('NOT_OPEN', `A flow needs an open session; this one is ${this.sessionState}.`)
    }
    return this.flows.open(options)
  }

  /** Closes the session in orderly fashion: all flows end at once, the far end is told until it confirms. RFC 7016 §3.5.5. */
  close(now: number): void {
    if (this.sessionState === 'ihello-sent' || this.sessionState === 'keying-sent') {
      this.fail('cancelled')
      return
    }
    if (this.sessionState !== 'open') return
    this.leaveOpen('near-close', 'near')
    this.control.closeWanted = true
    this.closesFrom(this.host.timeOf(now))
    this.host.wake(this)
  }

  private closesFrom(now: number): void {
    this.closeAt = now + CLOSE_INTERVAL
    this.closeUntil = now + NEAR_CLOSE_LIMIT
  }

  /** Ends the session at once; the far end is told one time. RFC 7016 §3.5.5. */
  abort(): void {
    if (this.sessionState === 'ihello-sent' || this.sessionState === 'keying-sent') {
      this.fail('cancelled')
      return
    }
    if (this.sessionState === 'closed' || this.sessionState === 'open-failed') return
    this.control.closeAckWanted = true
    this.leaveOpen('closed', 'near')
    this.host.wake(this)
  }

  /** Ends the session at once and tells nobody: for one whose far end is known to have forgotten it. */
  abandon(): void {
    if (this.sessionState === 'open') this.leaveOpen('closed', 'near')
    this.host.wake(this)
  }

  /** Does not take silence for the far end's death before this time: it is known that nothing could come through. */
  excuse(until: number): void {
    if (this.liveness !== undefined) this.liveness.excusedUntil = this.host.timeOf(until)
    this.host.wake(this)
  }

  /** Whether its silence is excused at present. */
  isExcused(now: number): boolean {
    return this.sessionState === 'open' && (this.liveness as Liveness).excusedUntil > this.host.timeOf(now)
  }

  /**
   * Tells the far end where this one is now; to be called when this end's own address has changed or may have. The session goes on with what
   * it knows of the new path: nothing. RFC 7016 §3.5.4.1.
   */
  nearAddressChanged(now: number): void {
    if (this.sessionState !== 'open') return
    this.pathChanged()
    this.resendWhenHeard = true
    this.ping(now)
  }

  /** Asks the far end at once whether it is there; which also shows it where this end is. RFC 7016 §3.5.4.1. */
  ping(now: number): void {
    if (this.sessionState === 'open') this.suspect(this.host.timeOf(now))
  }

  /** Looks whether the far end is reached at this address, too; when it is, the session moves there. RFC 7016 §3.5.4.2. */
  tryAddress(address: Address, now: number): void {
    this.look(address, this.host.timeOf(now))
  }

  /**
   * Says where else the far end may be. While it is reached by way of someone else, those addresses that lead straight to it are tried, and when
   * it falls silent all of them; the session moves to the first that answers, nothing is lost. Replaces what was said before.
   */
  offerPaths(addresses: readonly Address[], now: number): void {
    this.knowPaths(addresses, this.host.timeOf(now))
  }

  /** Sends again, at once, what is on its way by someone else who passes it on, if it is: that one did not know where this end is, and does now. */
  resend(now: number): void {
    if (this.sessionState !== 'open') return
    this.resendIndirect(this.host.timeOf(now))
    this.host.wake(this)
  }

  // What follows is for the endpoint.

  /** @internal See {@link Session.offerPaths}. */
  knowPaths(addresses: readonly Address[], now: number): void {
    const change = this.paths.set(addresses, this.destination, now)
    if (this.sessionState === 'open') {
      // Whoever is not where it was any more need not fall silent first.
      if (this.silent || change === 'withdrawn') this.lookEverywhere(now)
      // Who passes things on has found again where to.
      if (change === 'changed') this.resendIndirect(now)
    }
    this.host.wake(this)
  }

  /** @internal See {@link Session.tryAddress}. */
  look(address: Address, now: number): void {
    if (this.sessionState !== 'open' || this.destination?.equals(address) === true) return
    this.challenge(address, now)
    this.host.wake(this)
  }

  /** @internal The initiator has selected a responder; at which address, if that is known. RFC 7016 §3.5.1.1.1. */
  select(certificate: Certificate, address: Address | undefined): void {
    this.certificate = certificate
    this.destination = address
    this.sessionState = 'keying-sent'
    this.host.located(this)
  }

  /** @internal Keys are agreed: the session is open. @param startedAt When this end sent what the last packet answers. */
  established(certificate: Certificate, address: Address, keys: SessionKeys, farId: number, startedAt: number, now: number): void {
    this.certificate = certificate
    this.destination = address
    this.keys = keys
    this.farId = farId
    this.opening = undefined
    this.liveness = new Liveness(this.options, this.isInitiator ? 0 : FIRST_PACKET_GRACE, now)
    this.flows = new FlowSet(this)
    this.pathChanged()
    this.rtt.seed(now - startedAt)
    this.notBefore = this.isInitiator ? Math.floor(now) : startedAt
    this.sessionState = 'open'
    this.host.located(this)
    this.host.emit({ type: 'session-open', session: this })
    this.host.wake(this)
  }

  /** @internal */
  fail(reason: OpenFailure): void {
    this.sessionState = 'open-failed'
    this.opening = undefined
    this.host.emit({ type: 'session-failed', session: this, reason })
    this.host.wake(this)
  }

  /** @internal The same identity has opened another session. RFC 7016 §3.5.1.1.2. */
  overridden(): void {
    this.leaveOpen('closed', 'override')
    this.host.wake(this)
  }

  /** @internal Somebody else is where the far end is known to be: asks whether that is there as well. See {@link Session.ping}. */
  suspect(now: number): void {
    ;(this.liveness as Liveness).suspect(now)
    this.host.wake(this)
  }

  /** @internal It was not. */
  displaced(): void {
    this.leaveOpen('closed', 'dead')
    this.host.wake(this)
  }

  /** @internal Nothing is left to do: the endpoint may forget it. */
  get isOver(): boolean {
    return (this.sessionState === 'closed' && !this.control.closeAckWanted) || this.sessionState === 'open-failed'
  }

  /** @internal Passes an initiator's hello on to the far end. @returns Whether there was room. RFC 7016 §3.5.1.5. */
  forward(chunk: Uint8Array): boolean {
    if (this.sessionState !== 'open' || !this.control.forward(chunk)) return false
    this.host.wake(this)
    return true
  }

  /** @internal Takes one of the forwarded hellos that may be answered at this time. */
  takeForwardToken(now: number): boolean {
    if (!this.options.acceptForwarded) return false
    if (now >= this.forwardRefillAt) {
      this.forwardTokens = FORWARDED_PER_SECOND
      this.forwardRefillAt = now + 1_000
    }
    return this.forwardTokens-- > 0
  }

  /** @internal Verifies and opens a packet into `out`. @returns Length of the plain packet, which begins at `plainStart`, or a negative failure. */
  openPacket(datagram: Uint8Array, out: Uint8Array, now: number): number {
    const { keys, liveness } = this
    if (keys === undefined || liveness === undefined) return -1
    if (now - liveness.lastHeard >= REST_AFTER) {
      keys.opener.rest()
      keys.sealer.rest()
      this.flows?.rest()
    }
    this.arrivedBytes = datagram.length
    return keys.opener.open(datagram, out)
  }

  /** @internal */
  get plainStart(): number {
    return this.keys?.opener.plainStart ?? 0
  }

  /**
   * @internal Processes a verified packet, its header already read.
   * @returns A reason when it, or a chunk of it, was dropped.
   */
  receive(header: PacketHeader, plain: Reader, from: Address, now: number): string | undefined {
    // RFC 7016 §2.2.4: a packet with our own mark is a reflection.
    if (header.mode !== (this.isInitiator ? MODE_RESPONDER : MODE_INITIATOR)) return 'wrong mode'
    this.liveness?.heard(now)
    this.doubtAt = Infinity
    this.packetsReceived++
    if (!this.confirmed) this.host.confirmed(this)
    this.confirmed = true
    this.answered = undefined
    this.allowance = Infinity
    if (this.sessionState === 'open') {
      if (this.resendWhenHeard) this.heardAgain()
      this.rtt.receive(header.timestamp, header.timestampEcho, now)
      if (header.timeCritical) this.host.timeCritical.received(this, now)
      if (header.timeCriticalReverse) this.reverseNotifiedAt = now
    }
    this.host.wake(this)
    this.from = from
    const isExpected = this.destination?.equals(from) === true
    if (isExpected) this.paths.heard(now)
    this.elsewhereBytes = this.host.amplification * this.arrivedBytes - CHALLENGE_PACKET
    const paysForCheck = this.elsewhereBytes >= 0
    const dropped = this.receiveChunks(plain, now)
    if (!isExpected && paysForCheck) this.heardElsewhere(from, now)
    return dropped
  }

  /** @internal Runs what is due. */
  runTimers(now: number): void {
    if (this.sessionState === 'open') this.runOpenTimers(now)
    else if (this.sessionState === 'near-close') {
      if (now >= this.closeUntil) this.sessionState = 'closed'
      else if (now >= this.closeAt) {
        this.control.closeWanted = true
        this.closeAt = now + CLOSE_INTERVAL
      }
    } else if (this.sessionState === 'far-close-linger' && now >= this.closeUntil) this.sessionState = 'closed'
  }

  /** @internal The earliest time at which `runTimers` has something to do. */
  get nextDeadline(): number {
    switch (this.sessionState) {
      case 'ihello-sent':
      case 'keying-sent':
        return this.opening?.deadline ?? Infinity
      case 'open':
        return Math.min(
          (this.liveness as Liveness).deadline,
          (this.flows as FlowSet).deadline,
          this.mtu.deadline,
          this.burstOverAt,
          this.paths.deadline,
          this.doubtAt,
        )
      case 'near-close':
        return Math.min(this.closeAt, this.closeUntil)
      case 'far-close-linger':
        return this.closeUntil
      default:
        return Infinity
    }
  }

  /** @internal Where the packet that was assembled last is to go. */
  packetTo: Address | undefined = undefined

  /** @internal Assembles the next packet into `buffer`. @returns The datagram's length, 0 when there is nothing to send. */
  assemble(now: number): number {
    if (this.keys === undefined) return 0
    // The application's call may have been by a clock that was set back right after.
    if (this.sessionState === 'near-close' && this.closeAt - now > CLOSE_INTERVAL) this.closesFrom(now)
    if (this.allowance < LEAST_PACKET) {
      // Not even a farewell.
      if (this.sessionState === 'closed') this.control.closeAckWanted = false
      return 0
    }
    const { control } = this
    const flows = this.flows as FlowSet
    const isOpen = this.sessionState === 'open'
    const hasData = isOpen && flows.hasUserData(this.congestion.window, this.reserve(now))
    const mayHaveData = hasData && now >= flows.burstOverAt
    this.burstOverAt = hasData && !mayHaveData ? flows.burstOverAt : Infinity
    const isUsual = !control.isEmpty || mayHaveData || (isOpen && (flows.mustAckNow || flows.hasProbes))
    if (!isUsual && !control.hasAsides && control.probeSize === 0) return 0
    const { sealer } = this.keys
    const isProbe = !isUsual && !control.hasAsides
    const size = isProbe ? control.probeSize : Math.min(this.mtu.size, this.allowance)
    const w = this.host.work.writer.reset(this.host.packetRoom(size), sealer.headroom, size - sealer.tailroom)
    this.writeHeader(w, now)
    const empty = w.at
    this.packetTo = this.destination
    if (isProbe) control.writeProbe(w)
    else if (control.hasAsides) this.packetTo = control.writeAside(w)
    else {
      // Introducers send no more than they were sent to where nobody has proved to be; and they have to follow who has moved.
      const leastPing = this.options.acceptForwarded ? LONG_PING - sealer.tailroom : 0
      control.write(w, leastPing)
      if (isOpen) this.writeFlows(w, flows, mayHaveData, now, empty)
    }
    if (w.at === empty) return 0
    const length = this.seal(w.bytes, w.at)
    this.allowance -= length
    this.bytesSent += length
    return length
  }

  // FlowSetHost

  /** @internal */
  get maxMessageBytes(): number {
    return this.host.maxMessageBytes
  }

  /** @internal */
  get received(): EndpointBudget {
    return this.host.received
  }

  /** @internal */
  timeOf(outside: number): number {
    return this.host.timeOf(outside)
  }

  /** @internal */
  wake(): void {
    this.host.wake(this)
  }

  /** @internal */
  flowOpened(flow: ReceiveFlow): void {
    this.host.emit({ type: 'flow-open', session: this, flow })
  }

  /** @internal */
  message(flow: ReceiveFlow, data: Uint8Array, gap: boolean): void {
    this.host.emit({ type: 'message', session: this, flow, data, gap })
  }

  /** @internal */
  flowComplete(flow: ReceiveFlow, gap: boolean): void {
    this.host.emit({ type: 'flow-complete', session: this, flow, gap })
  }

  /** @internal */
  flowRefused(flow: ReceiveFlow): void {
    this.host.emit({ type: 'flow-refused', session: this, flow })
  }

  /** @internal */
  flowException(flow: SendFlow, code: number): void {
    this.host.emit({ type: 'flow-exception', session: this, flow, code })
  }

  /** @internal */
  flowWritable(flow: SendFlow): void {
    this.host.emit({ type: 'flow-writable', session: this, flow })
  }

  private openKeys(): SessionKeys {
    if (this.keys === undefined) throw new AltostratusError('NOT_OPEN', 'A session has nonces once it is open.')
    return this.keys
  }

  private leaveOpen(state: SessionState, reason: CloseReason): void {
    const wasOpen = this.sessionState === 'open'
    this.sessionState = state
    this.flows?.end()
    this.control.clear()
    this.host.timeCritical.forget(this)
    if (wasOpen) this.host.emit({ type: 'session-closed', session: this, reason })
  }

  private runOpenTimers(now: number): void {
    const liveness = this.liveness as Liveness
    const flows = this.flows as FlowSet
    if (liveness.isDead(now)) {
      if (!liveness.overslept(now)) {
        // One last word, in case it is only the other direction that is broken.
        this.control.closeAckWanted = true
        this.leaveOpen('closed', 'dead')
        return
      }
      flows.overslept(now)
    }
    if (liveness.takePing(now, this.rtt.erto)) {
      this.control.pingWanted = true
      if (liveness.isUnanswered) this.fallSilent(now)
    }
    if (now >= this.doubtAt) {
      this.doubtAt = Infinity
      this.fallSilent(now)
    }
    if (this.paths.takeDue(this.destination as Address, now)) this.tryDirect(now)
    this.control.probeSize = this.mtu.takeProbe(now, this.rtt.erto)
    const outstanding = flows.inFlight.bytes
    const timeout = flows.runTimers(now)
    if (timeout === 0) return
    if (timeout === 3) {
      this.lossByTime(outstanding, now)
      return
    }
    if (timeout === 2) {
      // What is heard may be only the other direction.
      this.doubtAt = liveness.lastHeard + this.rtt.erto
      this.rtt.backOff()
      this.mtu.timedOut(now)
      this.datagramChanged()
    }
    this.congestion.timedOut(timeout === 2)
  }

  /** A ping that only an answer from this very address satisfies. RFC 7016 §3.5.4.2. */
  private challenge(address: Address, now: number): void {
    this.mobility ??= new Mobility(this.id, (data) => this.host.secretHash(data))
    const message = this.mobility.challenge(address, now)
    if (message !== undefined) this.control.aside(message, false, address)
  }

  /** A packet came from another address than packets go to. */
  private heardElsewhere(from: Address, now: number): void {
    const { destination } = this
    if (this.sessionState !== 'open' || destination === undefined || destination.equals(from)) return
    if (this.paths.follows(destination, from, now)) this.challenge(from, now)
  }

  private heardAgain(): void {
    this.resendWhenHeard = false
    // The timeout that is to find out that it found nobody has backed off.
    ;(this.flows as FlowSet).pathChanged()
    if (!this.silent) return
    this.silent = false
    this.host.emit({ type: 'session-back', session: this })
  }

  /** Looks for the far end everywhere, and lets others know. */
  private fallSilent(now: number): void {
    if (!this.silent) {
      this.silent = true
      this.resendWhenHeard = true
      this.host.emit({ type: 'session-silent', session: this })
    }
    this.lookEverywhere(now)
  }

  private resendIndirect(now: number): void {
    if (this.destination?.isDirect !== false) return
    ;(this.flows as FlowSet).pathChanged()
    // There may be nothing to be sent again.
    if (this.silent) (this.liveness as Liveness).suspect(now)
  }

  private lookEverywhere(now: number): void {
    for (const address of this.paths.all) this.probe(address, now)
  }

  /** While it is reached indirectly. Both ends send, which opens both NATs; the initiator asks, so that both do not choose, and choose differently. */
  private tryDirect(now: number): void {
    for (const address of this.paths.all) {
      if (!address.isDirect) continue
      if (this.isInitiator) this.probe(address, now)
      else this.control.aside(EMPTY, false, address)
    }
  }

  private probe(address: Address, now: number): void {
    if (this.destination?.equals(address) === true) return
    this.mobility ??= new Mobility(this.id, (data) => this.host.secretHash(data))
    this.control.aside(this.mobility.probe(address, now), false, address)
  }

  private receivePong(message: Uint8Array, now: number): void {
    if (message[0] === PING_MTU && message.length === 3) {
      this.mtu.passed(((message[1] as number) << 8) | (message[2] as number), now)
      this.datagramChanged()
    } else if (message[0] === PING_MOBILITY) {
      const from = this.from as Address
      const before = this.destination as Address
      if (this.mobility?.verify(message, from, now) !== true || before.equals(from)) return
      if (!this.paths.prefers(before, from, this.mobility.verifiedAt)) return
      this.destination = from
      this.host.located(this)
      this.paths.moved(now)
      this.pathChanged()
      ;(this.flows as FlowSet).pathChanged()
      this.host.emit({ type: 'session-moved', session: this, before })
    }
  }

  /** RFC 7016 leaves this open; RFC 9000 §9.4 says why. */
  private pathChanged(): void {
    this.congestion.pathChanged()
    this.rtt.pathChanged()
    const destination = this.destination as Address
    const extra = !destination.isDirect ? RELAY_EXTRA : destination.isIpv4 || destination.isLoopback ? 0 : IPV6_EXTRA
    this.mtu.pathChanged(this.host.pathLimit(destination) - extra)
    this.datagramChanged()
  }

  private datagramChanged(): void {
    const { sealer } = this.openKeys()
    const flows = this.flows as FlowSet
    flows.maxPlain = this.mtu.size - sealer.headroom - HEADROOM_GROWTH - sealer.tailroom
    this.congestion.segment = this.mtu.size
  }

  private seal(buffer: Uint8Array, plainEnd: number): number {
    try {
      return this.openKeys().sealer.seal(buffer, plainEnd, this.farId)
    } catch (error) {
      if (!(error instanceof AltostratusError) || error.code !== 'KEY_WORN_OUT') throw error
      this.leaveOpen('closed', 'worn-out')
      this.control.closeAckWanted = false
      return 0
    }
  }

  private receiveChunks(plain: Reader, now: number): string | undefined {
    const { cursor, summary } = this.host.work
    const flows = this.flows as FlowSet
    cursor.reset(plain.bytes, plain.at, plain.end)
    summary.outstandingBefore = flows.inFlight.bytes
    summary.ackedBytes = 0
    summary.anyAcks = false
    this.host.work.dataChunks = 0
    let dropped: string | undefined
    let errors = 0
    while (cursor.next()) {
      try {
        dropped = this.receiveChunk(cursor.type, cursor.payload, flows, now) ?? dropped
      } catch (error) {
        // RFC 7016 §2.3: a chunk with an error is as if it were not there; the next ones count.
        if (!(error instanceof DecodeError)) throw error
        dropped = error.reason
        if (++errors >= MAX_CHUNK_ERRORS) break
      }
    }
    if (this.sessionState === 'open') {
      if (this.host.work.dataChunks > 0) {
        flows.dataPacketProcessed(now)
        this.liveness?.talked(now)
      }
      if (summary.anyAcks) this.acksProcessed(flows, now)
    }
    return dropped
  }

  private receiveChunk(type: number, payload: Reader, flows: FlowSet, now: number): string | undefined {
    const { work } = this.host
    const { summary, userData } = work
    if (type === CHUNK_CLOSE || type === CHUNK_CLOSE_ACK) this.receiveClose(type, now)
    else if (this.sessionState !== 'open') return undefined
    else if (type === CHUNK_USER_DATA || type === CHUNK_NEXT_USER_DATA) {
      if (type === CHUNK_USER_DATA) readUserData(payload, userData)
      else if (work.dataChunks === 0) return 'next user data without user data'
      else readNextUserData(payload, userData)
      work.dataChunks++
      return flows.receiveUserData(userData, payload, now)
    } else if (type === CHUNK_RANGE_ACK || type === CHUNK_BITMAP_ACK) {
      if (type === CHUNK_RANGE_ACK) readRangeAck(payload, work.ack)
      else readBitmapAck(payload, work.ack)
      summary.anyAcks = true
      summary.ackedBytes += flows.receiveAck(work.ack, now, this.rtt.erto)
    } else this.receiveControl(type, payload, flows, now)
    return undefined
  }

  private acksProcessed(flows: FlowSet, now: number): void {
    const { summary } = this.host.work
    if (summary.ackedBytes > 0) this.mtu.acknowledged()
    const loss = flows.detectLoss(now, this.rtt.srtt)
    summary.anyNaks = loss > 0
    summary.anyLoss = loss === 2
    this.tellCongestion(now)
  }

  /** A fragment that was passed over has been waited for in vain. */
  private lossByTime(outstanding: number, now: number): void {
    const { summary } = this.host.work
    summary.outstandingBefore = outstanding
    summary.ackedBytes = 0
    summary.anyAcks = false
    summary.anyNaks = true
    summary.anyLoss = true
    this.tellCongestion(now)
  }

  private tellCongestion(now: number): void {
    const { summary, critical } = this.host.work
    const { inFlight, loss } = this.flows as FlowSet
    summary.now = now
    summary.lostSentAt = loss.lostSentAt
    summary.lostBytes = summary.outstandingBefore - summary.ackedBytes - inFlight.bytes
    this.rtt.sample(inFlight.takeRoundTrip(now), now)
    if (summary.anyLoss && (this.flows as FlowSet).takeBlackHole()) {
      this.mtu.swallowed(now)
      this.datagramChanged()
    }
    summary.queueDelay = this.rtt.queueDelay
    summary.srtt = this.rtt.srtt
    summary.reserved = this.reserve(now)
    critical.sentHere = now - this.timeCriticalSentAt <= TIME_CRITICAL_MEMORY
    critical.elsewhere = now - this.reverseNotifiedAt <= TIME_CRITICAL_MEMORY || this.host.timeCritical.sentAnywhere(now)
    this.congestion.packetProcessed(summary, critical)
  }

  private receiveControl(type: number, payload: Reader, flows: FlowSet, now: number): void {
    switch (type) {
      case CHUNK_PING:
        this.receivePing(payload)
        break
      case CHUNK_PING_REPLY:
        if (payload.remaining <= MAX_PING_MESSAGE) this.receivePong(payload.rest(), now)
        break
      case CHUNK_FLOW_EXCEPTION: {
        const { flowId, code } = readFlowException(payload)
        flows.receiveException(flowId, code)
        break
      }
      case CHUNK_BUFFER_PROBE:
        flows.receiveProbe(readBufferProbe(payload))
        break
      case CHUNK_FIHELLO:
        this.host.forwardedHello(this, payload, now)
        break
      default:
      // Chunks that are not known are skipped by their length. RFC 7016 §2.3.
    }
  }

  /** The answer goes where the question came from: this may be a question about just that. RFC 7016 §3.5.4. */
  private receivePing(payload: Reader): void {
    if (payload.remaining > MAX_PING_MESSAGE) return
    const from = this.from as Address
    if (this.destination?.equals(from) === true) {
      this.control.pong(payload.rest())
      return
    }
    // Whoever has the session's keys may say that it comes from anywhere.
    this.elsewhereBytes -= CHUNK_HEADER_SIZE + payload.remaining
    if (this.elsewhereBytes >= 0) this.control.aside(payload.rest(), true, from)
  }

  /** RFC 7016 §3.5.5. */
  private receiveClose(type: number, now: number): void {
    if (this.sessionState === 'closed') return
    if (type === CHUNK_CLOSE_ACK) {
      this.control.closeAckWanted = false
      this.control.closeWanted = false
      this.leaveOpen('closed', 'far')
      return
    }
    this.control.closeAckWanted = true
    if (this.sessionState === 'open') {
      this.leaveOpen('far-close-linger', 'far')
      this.closeUntil = now + FAR_CLOSE_LINGER
    }
  }

  private writeHeader(w: Writer, now: number): void {
    const { header } = this.host.work
    header.mode = this.isInitiator ? MODE_INITIATOR : MODE_RESPONDER
    header.timestamp = this.rtt.timestamp(now)
    header.timestampEcho = this.rtt.echo(now)
    header.timeCriticalReverse = this.host.timeCritical.receivedElsewhere(this, now)
    writePacketHeader(w, header)
  }

  private writeFlows(w: Writer, flows: FlowSet, mayHaveData: boolean, now: number, empty: number): void {
    const { erto } = this.rtt
    const headerAt = (this.keys as SessionKeys).sealer.headroom
    if (flows.mustAckNow) flows.writeAcks(w, true)
    if (flows.hasProbes) flows.writeProbes(w, now, erto)
    if (!mayHaveData) return
    const written = this.writeUserData(w, flows, w.at === empty, now)
    if (written === 0) return
    if (flows.wantsRoom) this.mtu.wanted(now)
    this.liveness?.talked(now)
    flows.dataPacketSent(now, erto)
    if (written === 2) {
      w.bytes[headerAt] = (w.bytes[headerAt] as number) | TIME_CRITICAL_BIT
      this.timeCriticalSentAt = now
      this.host.timeCritical.sent(now)
    }
    if (flows.hasAcks) flows.writeAcks(w, false)
  }

  /** A fragment that was cut while the path carried more has to go as it is, alone: then the system, or a router, cuts its packet up. */
  private writeUserData(w: Writer, flows: FlowSet, alone: boolean, now: number): 0 | 1 | 2 {
    const reserved = this.reserve(now)
    const written = flows.writeUserData(w, this.congestion.window, reserved, now)
    if (written !== 0 || !alone || this.mtu.size >= this.host.maxPathDatagram || this.allowance !== Infinity) return written
    w.bytes = this.host.packetRoom(this.host.maxPathDatagram)
    w.end = this.host.maxPathDatagram - (this.keys as SessionKeys).sealer.tailroom
    return flows.writeUserData(w, this.congestion.window, reserved, now)
  }

  private reserve(now: number): number {
    return now - this.timeCriticalSentAt <= TIME_CRITICAL_MEMORY ? TIME_CRITICAL_RESERVE : 0
  }
}

/** What a packet with the smallest useful content takes, under any suite. Bytes. */
const LEAST_PACKET = 80
/** A packet that asks whether the far end is at an address, under AES-GCM: session ID, number, header, the question and a tag. Bytes. */
const CHALLENGE_PACKET: number = 4 + 4 + 5 + CHALLENGE_CHUNK + 16
/** How long what a ping is in is made, its answer with it, so that the far end may ask that of where it comes from, and answer. Bytes. */
const LONG_PING: number = CHALLENGE_PACKET + 2 * CHUNK_HEADER_SIZE
/** How much longer an IPv6 header is than an IPv4 one. Bytes. */
const IPV6_EXTRA = 20
/** What a relay puts in front of a packet, which it may send by IPv6. Bytes. */
const RELAY_EXTRA: number = IPV6_EXTRA + 8
/** How much longer a session sequence number may get than it is at the start. RFC 7425 §4.6.6. Bytes. */
const HEADROOM_GROWTH = 7
const BITS_PER_BYTE = 8
const MILLISECONDS = 1_000
