import type { Address } from '../base/address.ts'
import { Reader, atLeast, toHex, utf8 } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import { Queue } from '../base/queue.ts'
import { randomBytes } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import { DeadlineHeap } from '../base/timers.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { createDefaultCipher } from '../crypto/cbc-cipher.ts'
import type { Certificate } from '../crypto/certificate.ts'
import type { Identity } from '../crypto/identity.ts'
import { OPEN_FORGED, OPEN_MALFORMED, OPEN_REPLAYED } from '../crypto/packet-cipher.ts'
import type { PacketOpener } from '../crypto/packet-cipher.ts'
import { DEFAULT_POLICY } from '../crypto/policy.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import type { WireAddress } from '../wire/address.ts'
import { CHUNK_FRAGMENT, ChunkCursor } from '../wire/chunk.ts'
import { MODE_STARTUP, readPacketHeader } from '../wire/header.ts'
import type { PacketHeader } from '../wire/header.ts'
import { readSessionId } from '../wire/session-id.ts'
import { readFIHello } from '../wire/startup.ts'
import {
  AMPLIFICATION_LIMIT,
  DEAD_AFTER,
  IDLE_KEEPALIVE_INTERVAL,
  IDLE_STAGGER,
  KEEPALIVE_INTERVAL,
  MAX_CHUNK_ERRORS,
  MAX_DATAGRAM,
  MAX_INCOMING_SESSIONS,
  MAX_LOOPBACK_DATAGRAM,
  MAX_MESSAGE,
  MAX_PATH_DATAGRAM,
  MAX_RECEIVED_DATAGRAM,
  MAX_SESSIONS_OF_SOURCE,
  MAX_UNCONFIRMED_SESSIONS,
  OPEN_TIMEOUT,
  TAG_LENGTH,
} from './constants.ts'
import { EngineClock } from './engine-clock.ts'
import { Handshake } from './handshake.ts'
import { PacketFragments } from './packet-fragments.ts'
import { EndpointBudget } from './flow/receive-budget.ts'
import type { ReceiveFlow } from './flow/receive-flow.ts'
import { Session } from './session.ts'
import type { EndpointEvent, SessionHost } from './session.ts'
import { SessionIndex } from './session-index.ts'
import { DEFAULT_CONGESTION } from './session/controllers.ts'
import type { CongestionAlgorithm } from './session/controllers.ts'
import { CookieJar } from './session/cookie.ts'
import { Opening } from './session/opening.ts'
import { TimeCriticalRecord } from './session/time-critical.ts'
import { sourceOf } from './source-count.ts'
import { StartupGate } from './startup-gate.ts'
import { StartupPackets } from './startup.ts'
import { WorkSpace } from './work-space.ts'

/** Where a hello that is meant for another endpoint is to go. RFC 7016 §3.5.1.6. */
export interface Introduction {
  /** Addresses to redirect the initiator to; none for no redirect. */
  readonly addresses: readonly WireAddress[]
  /** The session with the endpoint that is meant, to forward the hello through. */
  readonly forwardTo?: Session | undefined
  /** Where the endpoint that is meant is to answer to, all of them; where the hello came from by default. */
  readonly replyTo?: readonly WireAddress[]
  /** That there is a session with who asks, from this address: three times what it sent may be said to it, whatever `amplificationLimit` is. */
  readonly isProved?: boolean
}

/** What an endpoint is made with. */
export interface EndpointConfig {
  readonly identity: Identity
  readonly backend: CryptoBackend
  readonly random: Random
  /** What is accepted in a keying; X25519 and signatures by default. */
  readonly policy?: KeyingPolicy
  /** Largest datagram to send before the path has proved that it carries more, bytes; 1,280 by default. */
  readonly maxDatagram?: number
  /**
   * Largest datagram to probe the path for, bytes; by default 1,472, which is what Ethernet carries, and 16,336 to an end on the same machine;
   * `maxDatagram` for no path MTU discovery. RFC 7016 §3.5.4.3.
   */
  readonly maxPathDatagram?: number
  /**
   * How many times what came from an unproven address is sent back there at most, in bytes; 3 by default. Initiators that know RFC 7425 alone send
   * hellos of 50 bytes: one that has to answer them with a host name or static keys in its certificate needs more, up to `Infinity`, and can
   * then be made to send others what they did not ask for.
   */
  readonly amplificationLimit?: number
  /** Largest message to send or take, bytes; 1 MiB by default. */
  readonly maxMessageBytes?: number
  /** How sessions decide what may be in flight; `delay-aware` by default. */
  readonly congestion?: CongestionAlgorithm
  /**
   * Ask after silence of this many milliseconds. By default 1,000, and 25,000 while no user data has come or gone for 10 s; one that is given
   * holds all the time.
   */
  readonly keepaliveInterval?: number
  /** Take silence of this many milliseconds for the far end's death; 5,000 by default, and as much later as is asked later. */
  readonly deadAfter?: number
  /** Whether a peer may open a session to this end; anyone by default. */
  readonly acceptSession?: (peerId: string, certificate: Certificate, from: Address) => boolean
  /** Looks up the endpoint that a hello is meant for when it is not this one: makes this end a redirector and forwarder. */
  readonly introduce?: (epd: Uint8Array, from: Address) => Introduction | undefined
}

/** By which a far end lets a session be opened to it in one round trip. An extension of ours: `docs/protocol.md`. */
export interface Invitation {
  /** What {@link Endpoint.invite} gave. */
  readonly cookie: Uint8Array
  /** The far end's certificate. */
  readonly certificate: Uint8Array
}

/** How to open a session. */
export interface OpenOptions {
  /** Names the far end: see `fingerprintEpd`, `hostnameEpd`, `ancillaryEpd`. RFC 7016 §3.2. */
  readonly epd: Uint8Array
  /** Addresses to try, all at once; an introducer's among them. */
  readonly candidates: readonly Address[]
  /** What the far end has sent out for this: then there is no need to ask for it. See {@link Endpoint.invite}. */
  readonly invitation?: Invitation
  /** Give up after so many milliseconds; 95,000 by default. */
  readonly timeout?: number
  readonly keepaliveInterval?: number
  readonly deadAfter?: number
  /** Whether the far end may forward hellos to this one; for introducers. RFC 7016 §3.5.1.5. */
  readonly acceptForwarded?: boolean
  /** Becomes the session's `context`. */
  readonly context?: unknown
}

/** Datagrams and packets that came to nothing, and why. */
export interface EndpointStats {
  datagramsReceived: number
  datagramsSent: number
  /** By reason, in a few stable words. */
  readonly drops: Map<string, number>
}

/** {@link Output.kind}: send `datagram` to `to`. */
export const OUTPUT_TRANSMIT = 1
/** {@link Output.kind}: `event` happened. */
export const OUTPUT_EVENT = 2
/** {@link Output.kind}: nothing more until an input comes, or until the time `until`. */
export const OUTPUT_WAIT = 3

/** What {@link Endpoint.poll} gives; one object, filled anew by each call. */
export interface Output {
  kind: number
  /** A view, valid until the next call. */
  datagram: Uint8Array
  to: Address | undefined
  event: EndpointEvent | undefined
  /** Milliseconds on the clock that is handed in; `Infinity` for no deadline. */
  until: number
}

const NO_DATAGRAM = new Uint8Array(0)
/** Events, and sessions with something to send, whose room is kept when there are none. */
const QUEUE_KEPT = 64
/** Opening adds a verification tag's worth of slack at most. */
const OPEN_SLACK = 64
/** Bytes. RFC 7016 §3.5.4.2 asks for 16. */
const SECRET_LENGTH = 32

/**
 * The protocol engine of one RTMFP endpoint. It has no clock, no socket and no randomness of its own: hand it inputs (`receive`, `open`,
 * what sessions and flows offer) and `poll` it until it says to wait. RFC 7016 §3.
 */
export class Endpoint implements SessionHost {
  readonly identity: Identity
  readonly stats: EndpointStats = { datagramsReceived: 0, datagramsSent: 0, drops: new Map() }
  /** @internal */
  readonly config: EndpointConfig
  /** @internal */
  readonly policy: KeyingPolicy
  /** @internal */
  readonly cookies: CookieJar
  /** @internal */
  readonly startup: StartupPackets
  readonly maxDatagram: number
  readonly maxPathDatagram: number
  readonly maxMessageBytes: number
  /** @internal */
  readonly congestion: CongestionAlgorithm
  /** @internal */
  readonly timeCritical: TimeCriticalRecord = new TimeCriticalRecord()
  /** @internal */
  readonly received: EndpointBudget = new EndpointBudget()
  /** @internal */
  readonly work: WorkSpace = new WorkSpace()

  private readonly byId = new Map<number, Session>()
  private readonly byPeer = new SessionIndex()
  private readonly byAddress = new SessionIndex()
  private readonly byTag = new Map<string, Session>()
  private readonly handshake: Handshake
  private readonly fragments = new PacketFragments()
  /** @internal */
  readonly gate: StartupGate
  private readonly defaultOpener: PacketOpener
  private readonly heap = new DeadlineHeap<Session>()
  private readonly events = new Queue<EndpointEvent>(QUEUE_KEPT)
  /** The flow that the user has just been told of, and will have dealt with at the next call. */
  private begun: ReceiveFlow | undefined = undefined
  private readonly ready = new Queue<Session>(QUEUE_KEPT)
  /** Both grow to what paths carry: a process may hold thousands of players, and few of them ever see a packet of 64 KiB. */
  private sendBuffer: Uint8Array
  private plain: Uint8Array
  private readonly reader = new Reader()
  private readonly cursor = new ChunkCursor()
  private readonly header: PacketHeader = { mode: 0, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }
  private readonly output: Output = { kind: OUTPUT_WAIT, datagram: NO_DATAGRAM, to: undefined, event: undefined, until: Infinity }
  private readonly secret: Uint8Array
  private incoming = 0
  private readonly incomingBySource = new Map<string, number>()
  /** The oldest first. */
  private readonly unconfirmed = new Set<Session>()
  private readonly clock = new EngineClock()

  constructor(config: EndpointConfig) {
    this.config = config
    this.identity = config.identity
    this.policy = config.policy ?? DEFAULT_POLICY
    this.maxDatagram = config.maxDatagram ?? MAX_DATAGRAM
    this.maxPathDatagram = Math.max(this.maxDatagram, config.maxPathDatagram ?? MAX_LOOPBACK_DATAGRAM)
    this.maxMessageBytes = config.maxMessageBytes ?? MAX_MESSAGE
    this.congestion = config.congestion ?? DEFAULT_CONGESTION
    this.secret = randomBytes(config.random, SECRET_LENGTH)
    this.cookies = new CookieJar(config.backend, config.random)
    const cipher = createDefaultCipher(config.backend)
    this.startup = new StartupPackets(cipher, this.maxDatagram)
    this.defaultOpener = cipher.opener
    const seed = new Reader(this.secretHash(utf8('gate'))).uint32()
    this.gate = new StartupGate(seed, (from) => this.atAddress(from).length > 0)
    this.handshake = new Handshake(this)
    this.sendBuffer = new Uint8Array(this.maxDatagram + OPEN_SLACK)
    this.plain = new Uint8Array(this.maxDatagram + OPEN_SLACK)
  }

  /** All sessions, opening and closing ones too. */
  get sessions(): IterableIterator<Session> {
    return this.byId.values()
  }

  get sessionCount(): number {
    return this.byId.size
  }

  /** Begins to open a session. A `session-open` or `session-failed` event follows. RFC 7016 §3.5.1.1.1. */
  open(options: OpenOptions, now: number): Session {
    if (options.candidates.length === 0) {
      throw new AltostratusError('NO_ADDRESS', 'A session needs at least one address to try.')
    }
    const session = this.createSession(true, options)
    const begun = this.clock.at(now)
    const opening = new Opening(options.epd, randomBytes(this.config.random, TAG_LENGTH), begun + (options.timeout ?? OPEN_TIMEOUT))
    for (const address of options.candidates) opening.candidates.add(address, begun)
    session.opening = opening
    session.tag = opening.tag
    this.byTag.set(toHex(opening.tag), session)
    if (options.invitation !== undefined) this.handshake.openInvited(session, opening, options.invitation, now)
    this.wake(session)
    return session
  }

  /** Adds an address to try to a session that is opening; none to others. */
  addCandidate(session: Session, address: Address, now: number): void {
    if (session.state !== 'ihello-sent') return
    session.opening?.candidates.add(address, now)
    this.wake(session)
  }

  /**
   * A cookie for those whom this end wants to hear from, for 95 seconds: with it, and this end's certificate, they open a session from any address.
   * To be handed on in secret.
   */
  invite(now: number): Uint8Array {
    return this.cookies.makeInvitation(now)
  }

  /** Sends a packet that says nothing, so that a NAT in front of this end lets in what comes from that address. */
  punch(address: Address, now: number): void {
    this.startup.send(this.startup.punch(now), address)
  }

  /** To be called when this machine's own address has changed, or may have: the far ends are told. RFC 7016 §3.5.4.1. */
  nearAddressChanged(now: number): void {
    for (const session of this.byId.values()) session.nearAddressChanged(now)
  }

  /** Closes all sessions in orderly fashion. */
  closeAll(now: number): void {
    for (const session of this.byId.values()) session.close(now)
  }

  /** Ends all sessions at once; each far end is told one time. */
  abortAll(): void {
    for (const session of this.byId.values()) session.abort()
  }

  /** Takes a datagram from the network. Whatever is in it, nothing is thrown; what is wrong is counted in `stats.drops`. */
  receive(datagram: Uint8Array, from: Address, now: number): void {
    this.stats.datagramsReceived++
    const reason = this.process(datagram, from, this.clock.advance(now))
    if (reason !== undefined) this.drop(reason)
  }

  /** Gives the next thing to do; to be called until it says to wait, after every input. */
  poll(now: number): Output {
    const { output } = this
    const inside = this.clock.advance(now)
    for (;;) {
      this.runTimers(inside)
      if (this.pollEvent(output)) return output
      if (this.pollDatagram(output, inside)) return output
      if (this.heap.first === undefined || this.heap.first.deadline > inside) break
    }
    output.kind = OUTPUT_WAIT
    output.event = undefined
    output.until = this.clock.outside(
      Math.min(this.heap.first?.deadline ?? Infinity, this.fragments.deadline, this.startup.deadline, this.gate.deadline),
    )
    return output
  }

  // What follows is for sessions and the handshake.

  /** @internal */
  get amplification(): number {
    return this.config.amplificationLimit ?? AMPLIFICATION_LIMIT
  }

  /** @internal */
  pathLimit(to: Address): number {
    if (this.config.maxPathDatagram === undefined && !to.isLoopback) return Math.max(this.maxDatagram, MAX_PATH_DATAGRAM)
    return this.maxPathDatagram
  }

  /** @internal */
  emit(event: EndpointEvent): void {
    this.events.push(event)
  }

  /** @internal */
  timeOf(outside: number): number {
    return this.clock.at(outside)
  }

  /** @internal */
  secretHash(data: Uint8Array): Uint8Array {
    return this.config.backend.hmacSha256(this.secret, data)
  }

  /** @internal */
  wake(session: Session): void {
    if (session.isReady) return
    session.isReady = true
    this.ready.push(session)
  }

  /** @internal */
  forwardedHello(session: Session, payload: Reader, now: number): void {
    if (!session.takeForwardToken(now)) this.drop('forwarded hello not accepted')
    else this.handshake.forwardedHello(readFIHello(payload), now)
  }

  /** @internal */
  drop(reason: string): void {
    this.stats.drops.set(reason, (this.stats.drops.get(reason) ?? 0) + 1)
  }

  /** @internal A new session that its initiator has keyed; `undefined` when there are too many, of all or of that source. */
  createIncoming(from: Address): Session | undefined {
    if (this.incoming >= MAX_INCOMING_SESSIONS) return undefined
    const source = from.isLoopback ? '' : sourceOf(from)
    const ofSource = this.incomingBySource.get(source) ?? 0
    if (source !== '' && ofSource >= MAX_SESSIONS_OF_SOURCE) return undefined
    this.incoming++
    this.incomingBySource.set(source, ofSource + 1)
    const session = this.createSession(false, {})
    session.source = source
    return session
  }

  /** @internal A session is open for which its far end has not shown yet that it has the keys. */
  awaitFirstPacket(session: Session): void {
    this.unconfirmed.add(session)
    if (this.unconfirmed.size <= MAX_UNCONFIRMED_SESSIONS) return
    const oldest = this.unconfirmed.values().next().value as Session
    this.unconfirmed.delete(oldest)
    oldest.abandon()
  }

  /** @internal Its first packet has come. */
  confirmed(session: Session): void {
    this.unconfirmed.delete(session)
  }

  /** @internal The session that is opening with this tag. */
  byTagEcho(tag: Uint8Array): Session | undefined {
    return tag.length === TAG_LENGTH ? this.byTag.get(toHex(tag)) : undefined
  }

  /** @internal The sessions with the far end of this peer ID; valid until the next call. */
  withPeer(peerId: string): readonly Session[] {
    return this.byPeer.get(peerId)
  }

  /** @internal The sessions whose packets go to this address; valid until the next call. */
  atAddress(address: Address): readonly Session[] {
    return this.byAddress.get(address.key)
  }

  /** @internal */
  located(session: Session): void {
    const peerId = session.farPeerId
    const address = session.farAddress?.key ?? ''
    if (peerId !== session.indexedPeer) {
      this.byPeer.remove(session.indexedPeer, session)
      this.byPeer.add(peerId, session)
      session.indexedPeer = peerId
    }
    if (address !== session.indexedAddress) {
      this.byAddress.remove(session.indexedAddress, session)
      this.byAddress.add(address, session)
      session.indexedAddress = address
    }
  }

  private createSession(isInitiator: boolean, options: Partial<OpenOptions>): Session {
    let id: number
    do id = this.config.random.uint32()
    while (id === 0 || this.byId.has(id))
    const given = options.keepaliveInterval ?? this.config.keepaliveInterval
    const session = new Session(
      {
        id,
        isInitiator,
        keepaliveInterval: given ?? KEEPALIVE_INTERVAL,
        idleKeepaliveInterval: given ?? IDLE_KEEPALIVE_INTERVAL + (isInitiator ? 0 : IDLE_STAGGER),
        deadAfter: options.deadAfter ?? this.config.deadAfter ?? DEAD_AFTER,
        acceptForwarded: options.acceptForwarded ?? false,
        context: options.context,
      },
      this,
    )
    this.byId.set(id, session)
    return session
  }

  private forget(session: Session): void {
    this.byId.delete(session.id)
    this.unconfirmed.delete(session)
    this.byPeer.remove(session.indexedPeer, session)
    this.byAddress.remove(session.indexedAddress, session)
    this.heap.remove(session)
    if (session.isInitiator) return
    this.incoming--
    const left = (this.incomingBySource.get(session.source) as number) - 1
    if (left > 0) this.incomingBySource.set(session.source, left)
    else this.incomingBySource.delete(session.source)
  }

  /** @returns Why the datagram, or part of it, was dropped. */
  private process(datagram: Uint8Array, from: Address, now: number): string | undefined {
    if (datagram.length > MAX_RECEIVED_DATAGRAM) return 'datagram too long'
    this.plain = atLeast(this.plain, datagram.length + OPEN_SLACK)
    try {
      const id = readSessionId(datagram)
      if (id === 0) return this.gate.passes(from, now) ? this.processStartup(datagram, undefined, from, now) : 'too many start-up packets'
      const session = this.byId.get(id)
      if (session === undefined) return 'unknown session'
      if (session.state === 'ihello-sent' || session.state === 'keying-sent') return this.processStartup(datagram, session, from, now)
      const end = session.openPacket(datagram, this.plain, now)
      if (end < 0) return OPEN_REASONS.get(end)
      const r = this.reader.reset(this.plain, session.plainStart, end)
      readPacketHeader(r, this.header)
      return session.receive(this.header, r, from, now)
    } catch (error) {
      if (error instanceof DecodeError) return error.reason
      throw error
    }
  }

  /** A packet under the Default Session Key. RFC 7016 §2.2.3. */
  private processStartup(datagram: Uint8Array, session: Session | undefined, from: Address, now: number): string | undefined {
    const end = this.defaultOpener.open(datagram, this.plain)
    if (end < 0) {
      if (session?.opening !== undefined) this.handshake.unreadable(session, session.opening, from, now)
      return OPEN_REASONS.get(end)
    }
    const r = this.reader.reset(this.plain, this.defaultOpener.plainStart, end)
    readPacketHeader(r, this.header)
    if (this.header.mode !== MODE_STARTUP) return 'wrong mode'
    this.handshake.begin()
    const cursor = this.cursor.reset(r.bytes, r.at, r.end)
    let whole: Uint8Array | undefined
    let dropped: string | undefined
    let errors = 0
    while (cursor.next()) {
      try {
        if (cursor.type === CHUNK_FRAGMENT) {
          const result = this.fragments.add(`${from.key} ${session?.id ?? 0}`, cursor.payload, now)
          if (typeof result === 'string') dropped = result
          else whole = result ?? whole
        } else dropped = this.handshake.receive(cursor.type, cursor.payload, session, from, datagram.length, now) ?? dropped
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
        dropped = error.reason
        if (++errors >= MAX_CHUNK_ERRORS) break
      }
    }
    return whole === undefined ? dropped : this.processWhole(whole, session, from, now)
  }

  /** A start-up packet that came in fragments. RFC 7016 §3.4. */
  private processWhole(plain: Uint8Array, session: Session | undefined, from: Address, now: number): string | undefined {
    const r = this.reader.reset(plain, 0, plain.length)
    readPacketHeader(r, this.header)
    if (this.header.mode !== MODE_STARTUP) return 'wrong mode'
    const cursor = this.cursor.reset(r.bytes, r.at, r.end)
    let dropped: string | undefined
    let errors = 0
    while (cursor.next()) {
      try {
        dropped = this.handshake.receive(cursor.type, cursor.payload, session, from, plain.length, now) ?? dropped
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
        dropped = error.reason
        if (++errors >= MAX_CHUNK_ERRORS) break
      }
    }
    return dropped
  }

  private runTimers(now: number): void {
    if (now >= this.fragments.deadline) this.fragments.expire(now)
    if (now >= this.gate.deadline) this.gate.age(now)
    for (let session = this.heap.first; session !== undefined && session.deadline <= now; session = this.heap.first) {
      this.heap.remove(session)
      if (session.opening === undefined) session.runTimers(now)
      else this.handshake.runTimers(session, session.opening, now)
      this.wake(session)
    }
  }

  private pollEvent(output: Output): boolean {
    const { events } = this
    this.begun?.begin()
    this.begun = undefined
    for (let event = events.shift(); event !== undefined; event = events.shift()) {
      if (event.type === 'message' && event.flow.isRejected) continue
      if (event.type === 'flow-open') this.begun = event.flow
      output.kind = OUTPUT_EVENT
      output.event = event
      return true
    }
    return false
  }

  private pollDatagram(output: Output, now: number): boolean {
    const outgoing = this.startup.take(now)
    if (outgoing !== undefined) return this.transmit(output, outgoing.datagram, outgoing.to)
    for (let session = this.ready.first; session !== undefined; session = this.ready.first) {
      const length = session.assemble(now)
      if (length > 0) return this.transmit(output, this.sendBuffer.subarray(0, length), session.packetTo as Address)
      this.ready.shift()
      session.isReady = false
      if (session.state !== 'ihello-sent' && session.state !== 'keying-sent') this.forgetTag(session)
      if (session.isOver) this.forget(session)
      else this.heap.set(session, session.nextDeadline)
    }
    return false
  }

  /** @internal */
  packetRoom(length: number): Uint8Array {
    this.sendBuffer = atLeast(this.sendBuffer, length + OPEN_SLACK)
    return this.sendBuffer
  }

  private forgetTag(session: Session): void {
    if (session.tag === undefined) return
    this.byTag.delete(toHex(session.tag))
    session.tag = undefined
  }

  private transmit(output: Output, datagram: Uint8Array, to: Address): boolean {
    this.stats.datagramsSent++
    output.kind = OUTPUT_TRANSMIT
    output.datagram = datagram
    output.to = to
    return true
  }
}

const OPEN_REASONS: ReadonlyMap<number, string> = new Map([
  [OPEN_FORGED, 'forged packet'],
  [OPEN_REPLAYED, 'replayed packet'],
  [OPEN_MALFORMED, 'malformed packet'],
])
