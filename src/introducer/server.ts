import type { Address } from '../base/address.ts'
import { toHex, utf8, equalBytes } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { epdFingerprint } from '../crypto/epd.ts'
import { createIdentity } from '../crypto/identity.ts'
import type { Identity } from '../crypto/identity.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import type { Clock, Timer } from '../link/clock.ts'
import { Driver } from '../link/driver.ts'
import type { Link } from '../link/link.ts'
import { Endpoint } from '../rtmfp/endpoint.ts'
import type { Introduction } from '../rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { CloseReason, EndpointEvent, Session } from '../rtmfp/session.ts'
import { sourceOf } from '../rtmfp/source-count.ts'
import { ORIGIN_LOCAL, ORIGIN_OBSERVED, ORIGIN_REMOTE } from '../wire/address.ts'
import type { WireAddress } from '../wire/address.ts'
import { usableAddresses } from './addresses.ts'
import {
  GUESSES_PER_SECOND,
  GUESS_BURST,
  HELLOS_PER_SECOND,
  HELLO_BURST,
  MAX_INVITING_CERTIFICATE,
  MAX_REPLY_ADDRESSES,
  REQUESTS_PER_SECOND,
  REQUEST_BURST,
  REQUEST_FLOW,
  SERVER_AMPLIFICATION,
  SERVER_DEAD_AFTER,
  SERVER_KEEPALIVE,
  SOURCE_GUESSES_PER_SECOND,
  SOURCE_GUESS_BURST,
} from './constants.ts'
import { Directory } from './directory.ts'
import { ProbeResponder } from './probe.ts'
import type { ProbeLinks, ProbeSource, ProbeTicket } from './probe.ts'
import { decodeRequest, encodeResponse, plainContact, plainTicket, settingsOf } from './protocol.ts'
import type { Contact, RelayUse, Request, Response, Ticket } from './protocol.ts'
import { Relay, RelayingLink } from './relay.ts'
import type { RelayEnd, RelayLimits, RelayStats } from './relay.ts'
import { TokenBucket } from './token-bucket.ts'

/** What an introducer is made of. */
export interface IntroducerParts {
  readonly link: Link
  readonly clock: Clock
  readonly backend: CryptoBackend
  readonly random: Random
  /** Who it is; a fresh identity by default, so that its URL changes with each start. */
  readonly identity?: Identity
  readonly policy?: KeyingPolicy
  /** How much it passes on between players who do not reach each other straight; `false` for nothing. */
  readonly relay?: RelayLimits | false
  /** Further sockets, by which peers find out about their NATs. */
  readonly probes?: ProbeLinks | undefined
  /** Milliseconds since 1970, which peers compare their clocks with. */
  readonly wallTime?: (() => number) | undefined
}

/** Counters of an introducer. */
export interface IntroducerStats {
  /** Peers registered now. */
  readonly peers: number
  /** Rooms held now. */
  readonly rooms: number
  /** Peers introduced to each other since it started. */
  readonly introductions: number
  /** Requests that were malformed or over a limit since it started. */
  readonly refused: number
  /** What it passes on. */
  readonly relay: RelayStats
}

/** A peer that is registered. */
interface Registration {
  readonly peerId: string
  readonly session: Session
  readonly requests: TokenBucket
  /** Of wrong codes; none before there was one. */
  guesses: TokenBucket | undefined
  /** For the hellos that are passed on for it; made with the first. */
  hellos: TokenBucket | undefined
  local: readonly Address[]
  relayUse: RelayUse
  /** What it has handed in for those in the room that it joins. */
  invitation: Uint8Array | undefined
  readonly end: RelayEnd
  answers: SendFlow | undefined
}

/** How often members whose grace may be over are looked for. Milliseconds. */
const EXPIRY_INTERVAL = 1_000
/** How long `close` waits for what it has to say to be sent. Milliseconds. */
const FAREWELL = 100

const REQUEST_METADATA = utf8(REQUEST_FLOW)

/** Creates the identity of a server: it may be opened to by URL. */
export function createServerIdentity(backend: CryptoBackend, random: Random): Identity {
  return createIdentity({ backend, random, acceptsAncillary: true })
}

/** Brings peers together by peer ID, and keeps the directory of rooms. What they tell each other passes through it only where there is no other way, and it can't read it. */
export class IntroducerServer {
  readonly identity: Identity
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly directory: Directory
  private readonly byPeer = new Map<string, Registration>()
  private readonly byAddress = new Map<string, Registration>()
  private readonly guessesBySource = new Map<string, TokenBucket>()
  private readonly relay: Relay
  private readonly relays: boolean
  private readonly mayRelay = (a: string, b: string): boolean => this.directory.bond(a, b) !== undefined
  private readonly strayed = (end: RelayEnd, from: Address): void => {
    this.byPeer.get(end.peerId)?.session.tryAddress(from, this.clock.now())
    this.driver.kick()
  }
  private timer: Timer
  private readonly probes: ProbeResponder | undefined
  private introductions = 0
  private refused = 0

  constructor(parts: IntroducerParts) {
    const { link, clock, backend, random } = parts
    this.clock = clock
    this.identity = parts.identity ?? createServerIdentity(backend, random)
    this.directory = new Directory(random, {
      sha256: (data) => backend.sha256(data),
      refusal: (peerId, hostId) => this.refusal(peerId, hostId),
    })
    this.relays = parts.relay !== false
    this.relay = new Relay(random, parts.relay === false ? {} : (parts.relay ?? {}))
    const endpoint = new Endpoint({
      identity: this.identity,
      backend,
      random,
      keepaliveInterval: SERVER_KEEPALIVE,
      deadAfter: SERVER_DEAD_AFTER,
      amplificationLimit: SERVER_AMPLIFICATION,
      introduce: (epd, from) => this.introduce(epd, from),
      ...(parts.policy === undefined ? {} : { policy: parts.policy }),
    })
    const relaying = new RelayingLink(link, (datagram, from, out) =>
      this.relay.forward(datagram, from, out, this.clock.now(), this.strayed),
    )
    this.driver = new Driver({ endpoint, link: relaying, clock, onEvent: (event) => this.handle(event) })
    const { probes, wallTime } = parts
    this.probes = probes === undefined ? undefined : new ProbeResponder({ ...probes, random, now: () => clock.now(), wallTime })
    this.timer = clock.at(clock.now() + EXPIRY_INTERVAL, () => this.expire())
  }

  get stats(): IntroducerStats {
    const { introductions, refused } = this
    return { peers: this.byPeer.size, rooms: this.directory.roomCount, introductions, refused, relay: this.relay.stats }
  }

  /** What its endpoint has dropped, by reason. */
  get drops(): ReadonlyMap<string, number> {
    return this.driver.endpoint.stats.drops
  }

  /** Tells all peers that it ends, then ends. */
  async close(): Promise<void> {
    this.timer.cancel()
    for (const registration of this.byPeer.values()) this.answer(registration, { kind: 'closing' })
    this.driver.kick()
    if (this.byPeer.size > 0) await new Promise<void>((resolve) => this.clock.at(this.clock.now() + FAREWELL, resolve))
    await Promise.all([this.driver.close(), this.probes?.close()])
  }

  /** Tells a member of a room where another is, and the other that it is coming. RFC 7016 §3.5.1.6. */
  private introduce(epd: Uint8Array, from: Address): Introduction | undefined {
    const fingerprint = epdFingerprint(epd)
    const asker = this.byAddress.get(from.key)
    const target = fingerprint === undefined ? undefined : this.byPeer.get(toHex(fingerprint))
    if (asker === undefined || target === undefined || this.directory.bond(asker.peerId, target.peerId) === undefined) return undefined
    const now = this.clock.now()
    asker.hellos ??= new TokenBucket(HELLO_BURST, HELLOS_PER_SECOND, now)
    if (!asker.hellos.take(now)) return undefined
    const contact = this.contactOf(asker, target)
    const back = this.contactOf(target, asker)
    if (contact === undefined || back === undefined) return undefined
    this.introductions++
    this.answer(target, { kind: 'contact', peerId: asker.peerId, contact: back })
    const replyTo = wireAddresses(back, asker).slice(0, MAX_REPLY_ADDRESSES)
    return { addresses: wireAddresses(contact, target), forwardTo: target.session, replyTo, isProved: true }
  }

  /** How one peer is to reach another; `undefined` when that is none of its business. The relay path is the first of the addresses. */
  private contactOf(viewer: Registration, subject: Registration): Contact | undefined {
    const bond = this.directory.bond(viewer.peerId, subject.peerId)
    if (bond === undefined) return undefined
    const uses = [viewer.relayUse, subject.relayUse]
    const addresses: Address[] = []
    if (this.relays && !uses.includes('never')) {
      const path = this.relay.path(viewer.end, subject.end, bond.roomId, this.clock.now())
      if (path !== undefined) addresses.push(path)
    }
    if (bond.isHidden || uses.includes('always')) return { addresses }
    const observed = subject.session.farAddress as Address
    if (observed.isDirect) addresses.push(observed)
    for (const address of subject.local) if (!address.equals(observed)) addresses.push(address)
    return { addresses }
  }

  /** A contact, and what it needs to open a session at once. */
  private invitingContact(viewer: Registration, subject: Registration): Contact | undefined {
    const contact = this.contactOf(viewer, subject)
    const cookie = subject.invitation
    const certificate = subject.session.farCertificate?.bytes
    const isInviting = cookie !== undefined && certificate !== undefined && certificate.length <= MAX_INVITING_CERTIFICATE
    return contact === undefined || !isInviting ? contact : { ...contact, invitation: { cookie, certificate } }
  }

  private handle(event: EndpointEvent): void {
    switch (event.type) {
      case 'session-moved':
        this.moved(event.session, event.before)
        break
      case 'session-closed':
        this.unregister(event.session, event.reason)
        break
      case 'flow-open':
        this.acceptFlow(event.session, event.flow)
        break
      case 'message':
        this.receive(event.session, event.data)
        break
      default:
    }
  }

  private register(session: Session): void {
    const peerId = session.farPeerId
    const now = this.clock.now()
    const before = this.byPeer.get(peerId)
    const registration: Registration = {
      peerId,
      session,
      requests: new TokenBucket(REQUEST_BURST, REQUESTS_PER_SECOND, now),
      guesses: undefined,
      hellos: undefined,
      local: [],
      relayUse: 'auto',
      invitation: undefined,
      end: this.relay.end(peerId, session.farAddress as Address),
      answers: undefined,
    }
    this.byPeer.set(peerId, registration)
    this.byAddress.set((session.farAddress as Address).key, registration)
    // The same identity from elsewhere: it has moved, or restarted.
    before?.session.abort()
    this.directory.found(peerId)
  }

  private unregister(session: Session, reason: CloseReason): void {
    const registration = this.byPeer.get(session.farPeerId)
    const address = session.farAddress?.key
    if (address !== undefined && this.byAddress.get(address)?.session === session) this.byAddress.delete(address)
    if (registration?.session !== session) return
    this.byPeer.delete(registration.peerId)
    this.relay.lost(registration.end)
    if (reason === 'far') this.directory.leaveAll(registration.peerId)
    else this.directory.lost(registration.peerId, this.clock.now())
    this.sendNotices()
  }

  /** Who is introduced is known by address, and those who are in a room with it are to know where it is now; itself it may not have noticed. */
  private moved(session: Session, before: Address): void {
    const registration = this.byAddress.get(before.key)
    if (registration?.session !== session) return
    const address = session.farAddress as Address
    this.byAddress.delete(before.key)
    this.byAddress.set(address.key, registration)
    registration.end.address = address
    this.tellCompanions(registration)
    this.answer(registration, { kind: 'moved' })
  }

  private tellCompanions(registration: Registration): void {
    for (const peerId of this.directory.companions(registration.peerId)) {
      const companion = this.byPeer.get(peerId)
      const contact = companion === undefined ? undefined : this.contactOf(companion, registration)
      if (companion !== undefined && contact !== undefined)
        this.answer(companion, { kind: 'contact', peerId: registration.peerId, contact })
    }
  }

  /** Somebody was let in, and is told now where the members are. */
  private tellInsiders(roomId: string, peerId: string): void {
    const newcomer = this.byPeer.get(peerId)
    if (newcomer === undefined) return
    for (const insider of this.directory.insiders(roomId)) {
      const member = insider === peerId ? undefined : this.byPeer.get(insider)
      const contact = member === undefined ? undefined : this.contactOf(newcomer, member)
      if (contact === undefined) continue
      this.introductions++
      this.answer(newcomer, { kind: 'contact', peerId: insider, contact })
    }
  }

  private refusal(peerId: string, hostId: string): string | undefined {
    if (!this.relays) return 'this introducer does not have (--no-relay)'
    if (this.byPeer.get(peerId)?.relayUse === 'never') return "this player refuses (relay: 'never')"
    if (this.byPeer.get(hostId)?.relayUse === 'never') return "its host refuses (relay: 'never')"
    return undefined
  }

  private acceptFlow(session: Session, flow: ReceiveFlow): void {
    // Not before: a session is open as soon as someone has repeated what the peer once signed, a flow takes the session's keys.
    if (this.byPeer.get(session.farPeerId)?.session !== session) this.register(session)
    const registration = this.byPeer.get(session.farPeerId)
    const isRequests = flow.state === 'open' && equalBytes(flow.metadata, REQUEST_METADATA)
    if (registration?.session !== session || registration.answers !== undefined || !isRequests) flow.reject()
    else registration.answers = session.openFlow({ metadata: REQUEST_METADATA, returnOf: flow })
  }

  private receive(session: Session, data: Uint8Array): void {
    const registration = this.byPeer.get(session.farPeerId)
    if (registration?.session !== session) return
    let id: number
    let request: Request
    try {
      ;({ id, request } = decodeRequest(data))
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.refused++
      session.close(this.clock.now())
      return
    }
    try {
      if (!registration.requests.take(this.clock.now())) throw tooFast()
      this.answer(registration, { kind: 'ok', id, value: this.perform(registration, request) })
    } catch (error) {
      if (!(error instanceof AltostratusError)) throw error
      this.refused++
      this.answer(registration, { kind: 'error', id, code: error.code, message: error.message })
    }
    this.sendNotices()
  }

  private perform(registration: Registration, request: Request): unknown {
    const { directory } = this
    const { peerId } = registration
    switch (request.op) {
      case 'register':
        registration.local = usableAddresses(request.addresses, registration.session.farAddress as Address)
        registration.relayUse = request.relay
        this.tellCompanions(registration)
        return null
      case 'contact': {
        const target = this.byPeer.get(request.peerId)
        const contact = target === undefined ? undefined : this.contactOf(registration, target)
        const back = target === undefined ? undefined : this.contactOf(target, registration)
        if (target === undefined || contact === undefined || back === undefined) return null
        this.introductions++
        this.answer(target, { kind: 'contact', peerId, contact: back })
        return plainContact(contact)
      }
      case 'create':
        return directory.create(peerId, settingsOf(request), request.profile)
      case 'join':
        return this.ticketFor(registration, this.join(registration, request), request.invitation)
      case 'rejoin': {
        const { roomId, code, epoch, host, order, profile, spectator, invitation, key } = request
        const member = { peerId, order, profile, ...(spectator === true ? { spectator } : {}) }
        const ticket = directory.rejoin(member, roomId, code, settingsOf(request), { epoch, host }, key)
        return this.ticketFor(registration, ticket, invitation)
      }
      case 'claim':
        return directory.claim(peerId, request.roomId, request.base, request.epoch)
      case 'match': {
        const { game, protocol, where, profile, create, invitation } = request
        return this.ticketFor(registration, directory.match(peerId, game, protocol, where, profile, create), invitation)
      }
      case 'leave':
        directory.leave(peerId, request.roomId)
        return null
      case 'evict':
        directory.evict(peerId, request.roomId, request.peerId)
        return null
      case 'admit':
        if (directory.admit(peerId, request.roomId, request.peerId)) this.tellInsiders(request.roomId, request.peerId)
        return null
      case 'list':
        return directory.list(request.game, request.protocol, request.where, request.open)
      case 'probe':
        return this.probe(registration, request.send)
      case 'update':
        directory.update(peerId, request.roomId, request.properties, request.locked, request.guarded)
        return null
    }
  }

  /** Wrong codes are counted on their own, so that codes can't be guessed at the rate of other requests. */
  private join(registration: Registration, request: Extract<Request, { op: 'join' }>): Ticket {
    try {
      return this.directory.join(registration.peerId, request.code, request.game, request.protocol, request.profile, request.spectator)
    } catch (error) {
      const unknown = error instanceof AltostratusError && error.code === 'ROOM_NOT_FOUND'
      if (unknown && !this.mayGuess(registration)) throw tooFast()
      throw error
    }
  }

  private mayGuess(registration: Registration): boolean {
    const now = this.clock.now()
    registration.guesses ??= new TokenBucket(GUESS_BURST, GUESSES_PER_SECOND, now)
    const source = sourceOf(registration.session.farAddress as Address)
    let ofSource = this.guessesBySource.get(source)
    if (ofSource === undefined) {
      ofSource = new TokenBucket(SOURCE_GUESS_BURST, SOURCE_GUESSES_PER_SECOND, now)
      this.guessesBySource.set(source, ofSource)
    }
    return registration.guesses.take(now) && ofSource.take(now)
  }

  private ticketFor(registration: Registration, ticket: Ticket, invitation: Uint8Array | undefined): unknown {
    registration.invitation = invitation
    const contacts = new Map<string, Contact>()
    for (const { peerId } of ticket.members) {
      const member = peerId === registration.peerId ? undefined : this.byPeer.get(peerId)
      const contact = member === undefined ? undefined : this.contactOf(registration, member)
      if (contact !== undefined) contacts.set(peerId, contact)
    }
    this.introductions += contacts.size
    return plainTicket({ ...ticket, contacts })
  }

  private probe({ peerId, session }: Registration, send: ProbeSource | undefined): ProbeTicket {
    if (this.probes === undefined) {
      throw new AltostratusError('NO_PROBES', 'This introducer can not probe NATs.', { hint: 'It runs without a second port.' })
    }
    const address = session.farAddress
    if (address?.kind !== 'ip') {
      throw new AltostratusError('NO_PROBES', 'NATs are probed over UDP alone.', { hint: 'Connect over UDP.' })
    }
    return this.probes.grant(peerId, address, send)
  }

  private sendNotices(): void {
    for (const { to, roomId, joined, guest, left, standing } of this.directory.notices.splice(0)) {
      const registration = this.byPeer.get(to)
      if (registration === undefined) continue
      if (joined !== undefined) {
        const newcomer = this.byPeer.get(joined.peerId)
        const contact = newcomer === undefined ? undefined : this.invitingContact(registration, newcomer)
        this.answer(registration, { kind: 'joined', roomId, member: joined, contact, ...(guest === true ? { guest } : {}) })
      }
      if (left !== undefined) {
        this.answer(registration, { kind: 'left', roomId, peerId: left })
        this.relay.prune(left, this.mayRelay)
      }
      if (standing !== undefined) this.answer(registration, { kind: 'host', roomId, ...standing })
    }
  }

  private answer(registration: Registration, response: Response): void {
    const { answers, session } = registration
    // A client that does not take its answers will not miss them: it has to start anew.
    if (answers !== undefined && !answers.write(encodeResponse(response), this.clock.now())) session.close(this.clock.now())
  }

  private expire(): void {
    this.directory.expire(this.clock.now())
    this.relay.expire(this.clock.now(), this.mayRelay)
    for (const [source, guesses] of this.guessesBySource) if (guesses.isFull(this.clock.now())) this.guessesBySource.delete(source)
    this.sendNotices()
    this.driver.kick()
    this.timer = this.clock.at(this.clock.now() + EXPIRY_INTERVAL, () => this.expire())
  }
}

function wireAddresses({ addresses }: Contact, { session }: Registration): WireAddress[] {
  return addresses.map((address) => ({
    address,
    origin: !address.isDirect ? ORIGIN_REMOTE : session.farAddress?.equals(address) === true ? ORIGIN_OBSERVED : ORIGIN_LOCAL,
  }))
}

function tooFast(): AltostratusError {
  return new AltostratusError('RATE_LIMITED', 'Too many requests.', { hint: 'Wait some seconds.' })
}
