import { EventEmitter } from 'eventemitter3'
import type { Address } from '../base/address.ts'
import { utf8 } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import { ancillaryEpd, fingerprintEpd } from '../crypto/epd.ts'
import type { Clock, Timer } from '../link/clock.ts'
import type { Endpoint } from '../rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../rtmfp/flow/send-flow.ts'
import type { EndpointEvent, Session } from '../rtmfp/session.ts'
import {
  ABANDON_AFTER,
  CLAIM_LIFETIME,
  CLIENT_DEAD_AFTER,
  CLIENT_KEEPALIVE,
  CONNECT_TIMEOUT,
  MAX_LOCAL_ADDRESSES,
  RECONNECT_FIRST,
  RECONNECT_LAST,
  REQUEST_FLOW,
  REQUEST_TIMEOUT,
  SILENCE_LIMIT,
  STREAM_DELAY,
  URGENT_PAUSE,
  URGENT_TIMEOUT,
} from './constants.ts'
import type { ProbeSource, ProbeTicket } from './probe.ts'
import { asContact, asListings, asProbeTicket, asStanding, asTicket, decodeResponse, encodeRequest, settingsOf } from './protocol.ts'
import type {
  Contact,
  MemberInfo,
  Profile,
  Properties,
  RelayUse,
  Request,
  Response,
  RoomListing,
  RoomSettings,
  Standing,
  Ticket,
  Where,
} from './protocol.ts'
import type { IntroducerUrl } from './url.ts'

/** What a client is made of. */
export interface IntroducerClientOptions {
  readonly url: IntroducerUrl
  /** The addresses that the URL's host has. */
  readonly candidates: readonly Address[]
  /** Addresses of this end, for peers on the same network. */
  readonly localAddresses: readonly Address[]
  readonly endpoint: Endpoint
  readonly clock: Clock
  /** Opens a stream to the introducer, for where UDP does not get through; resolves with the address that it then has. */
  readonly openStream?: (() => Promise<Address>) | undefined
  /** Looks the host's addresses up anew, when the introducer is to be found again: it may have moved. */
  readonly lookUp?: (() => Promise<readonly Address[]>) | undefined
  /** Whether something depends on the introducer: then it is looked for without a pause. */
  readonly isNeeded?: () => boolean
  /** Whether others reach this end by way of the introducer; `auto` by default. */
  readonly relay?: RelayUse
  /** Called after each use of the endpoint. */
  readonly kick: () => void
}

/** Whether the introducer can be reached now. */
export type IntroducerState = 'connecting' | 'connected' | 'reconnecting' | 'closed'

interface Events {
  /** @param isGuest Whether this end, as the host, has still to let it in: see {@link IntroducerClient.admit}. */
  joined: (roomId: string, member: MemberInfo, contact: Contact | undefined, isGuest: boolean) => void
  /** How a member of a room is reached now. */
  contact: (peerId: string, contact: Contact) => void
  left: (roomId: string, peerId: string) => void
  /** Who is the host of a room, as far as the introducer knows: it has changed, or the introducer is back. */
  standing: (roomId: string, standing: Standing) => void
  /** It has found this end elsewhere: what was sent by relay paths lately has been dropped. */
  moved: () => void
  state: (state: IntroducerState) => void
  /** It does not answer. */
  silent: () => void
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: AltostratusError) => void
  readonly timer: Timer
}

/** This peer's half of its relation with an introducer. Comes back by itself when the introducer does; nothing that runs depends on it. */
export class IntroducerClient {
  private readonly options: IntroducerClientOptions
  private url: IntroducerUrl
  private readonly emitter = new EventEmitter<Events>()
  private readonly pending = new Map<number, Pending>()
  /** Places to take up again when the introducer comes back. */
  private readonly tickets = new Map<string, Ticket>()
  /** Properties that this end has set as host. */
  private readonly written = new Map<string, { readonly properties: Properties; readonly guarded?: true }>()
  private currentState: IntroducerState = 'connecting'
  private session: Session | undefined = undefined
  private requests: SendFlow | undefined = undefined
  private nextId = 1
  private retryAfter = RECONNECT_FIRST
  private retryTimer: Timer | undefined = undefined
  private streamTimer: Timer | undefined = undefined
  private streamFailure: string | undefined = undefined
  private candidates: readonly Address[]
  private localAddresses: readonly Address[]
  /** Counts the times that it was looked for. */
  private attempt = 0
  private opened: { readonly resolve: () => void; readonly reject: (error: AltostratusError) => void } | undefined = undefined

  constructor(options: IntroducerClientOptions) {
    this.options = options
    this.url = options.url
    this.candidates = options.candidates
    this.localAddresses = options.localAddresses
  }

  /** Whether it does not answer at present, if it is there at all. */
  get isSilent(): boolean {
    return this.session?.state !== 'open' || this.session.isSilent
  }

  get state(): IntroducerState {
    return this.currentState
  }

  /** Where the introducer was reached; peers are opened to by way of it. */
  get address(): Address | undefined {
    return this.session?.farAddress
  }

  /** Smoothed round-trip time to it in milliseconds, −1 when it is not known. */
  get rtt(): number {
    return this.session?.srtt ?? -1
  }

  /** Calls back on an event. @returns What ends that. */
  on<K extends keyof Events>(event: K, listener: Events[K]): () => void {
    this.emitter.on(event, listener as (...args: unknown[]) => void)
    return () => void this.emitter.off(event, listener as (...args: unknown[]) => void)
  }

  /** Resolves when the introducer has answered. @throws AltostratusError `INTRODUCER_UNREACHABLE` */
  connect(timeout: number = CONNECT_TIMEOUT): Promise<void> {
    return new Promise((resolve, reject) => {
      this.opened = { resolve, reject }
      this.open(timeout)
    })
  }

  /** @throws AltostratusError `TOO_MANY_ROOMS`, `RATE_LIMITED`, or as all requests `INTRODUCER_LOST`, `INTRODUCER_TIMEOUT` */
  async create(settings: RoomSettings, profile: Profile): Promise<Ticket> {
    const ticket = this.keep(asTicket(await this.request({ op: 'create', ...settings, profile })))
    this.written.set(ticket.roomId, { properties: settings.properties })
    return ticket
  }

  /** @throws AltostratusError `ROOM_NOT_FOUND`, `ROOM_FULL`, `GAME_MISMATCH`, `PROTOCOL_MISMATCH`, `TOO_MANY_ROOMS`, `RATE_LIMITED`, … */
  async join(game: string, protocol: number, code: string, profile: Profile, spectator?: true): Promise<Ticket> {
    const mark = spectator === true ? { spectator } : {}
    const invitation = this.invite()
    return this.keep(asTicket(await this.request({ op: 'join', game, protocol, code, profile, invitation, ...mark })))
  }

  /** A place in a room that meets the conditions, or in a new one. @throws AltostratusError `ROOM_NOT_FOUND`, `TOO_MANY_ROOMS`, `RATE_LIMITED`, … */
  async match(game: string, protocol: number, where: Where, profile: Profile, create?: RoomSettings): Promise<Ticket> {
    const settings = create === undefined ? {} : { create }
    const invitation = this.invite()
    return this.keep(asTicket(await this.request({ op: 'match', game, protocol, where, profile, invitation, ...settings })))
  }

  /** Asks to be taken for a room's host. @returns Who is it now. @throws AltostratusError `ROOM_NOT_FOUND`, … */
  async claim(roomId: string, base: number, epoch: number): Promise<Standing> {
    const standing = asStanding(await this.request({ op: 'claim', roomId, base, epoch }, CLAIM_LIFETIME))
    this.amend(roomId, () => standing)
    return standing
  }

  /** What the room's members know better than the introducer: it is told when it has forgotten the room. */
  note(roomId: string, known: Standing & { readonly order: number }): void {
    const { order, ...standing } = known
    this.amend(roomId, ({ self }) => ({ ...standing, self: { ...self, order } }))
  }

  /** Asks how a member of a room is reached now; an event tells when the answer comes, here and there. */
  seek(peerId: string): void {
    this.ping()
    this.forgetFailure(
      this.request({ op: 'contact', peerId }).then((value) => {
        if (value !== null) this.emit('contact', peerId, asContact(value))
      }),
    )
  }

  /** Gives the place up; when the introducer can't be reached, it will find out by itself. */
  async leave(roomId: string): Promise<void> {
    this.tickets.delete(roomId)
    this.written.delete(roomId)
    if (this.currentState === 'connected') await this.request({ op: 'leave', roomId })
  }

  /** Tells that a member is gone, so that new ones need not wait for it; the host alone may. @throws AltostratusError `NOT_HOST`, … */
  async evict(roomId: string, peerId: string): Promise<void> {
    await this.request({ op: 'evict', roomId, peerId })
  }

  /** The host has let somebody in: it is told now where the members are, and they where it is. @throws AltostratusError `NOT_HOST`, … */
  async admit(roomId: string, peerId: string): Promise<void> {
    await this.request({ op: 'admit', roomId, peerId })
  }

  /** What shows that this end was let into a room. */
  keyOf(roomId: string): Uint8Array | undefined {
    return this.tickets.get(roomId)?.key
  }

  /** The host has given it with this end's seat. */
  keepKey(roomId: string, key: Uint8Array): void {
    this.amend(roomId, () => ({ key }))
  }

  async list(game: string, protocol: number, where: Where = {}, open?: true): Promise<RoomListing[]> {
    return asListings(await this.request({ op: 'list', game, protocol, where, ...(open === true ? { open } : {}) }))
  }

  /**
   * @param guarded Addresses are shown to those alone whom the host lets in, as in a room with a lock or a password.
   * @throws AltostratusError `NOT_HOST`, `ROOM_NOT_FOUND`, …
   */
  async update(roomId: string, properties: Properties, locked?: true, guarded?: true): Promise<void> {
    const mark = locked === true ? { locked } : {}
    const guard = guarded === true ? { guarded } : {}
    // An introducer that is lost is told when it is back.
    this.written.set(roomId, { properties, ...guard })
    const ticket = this.tickets.get(roomId)
    if (ticket !== undefined) {
      const { locked: before, ...rest } = ticket
      this.tickets.set(roomId, before === mark.locked ? { ...ticket, properties } : { ...rest, properties, ...mark })
    }
    await this.request({ op: 'update', roomId, properties, ...mark, ...guard })
  }

  /** Lets this end probe its NAT. @param send Whence the introducer is to send one datagram unasked */
  async probe(send?: ProbeSource): Promise<ProbeTicket> {
    return asProbeTicket(await this.request({ op: 'probe', ...(send === undefined ? {} : { send }) }))
  }

  /** Another one introduces from now on: places in rooms are taken up again there. */
  relocate(url: IntroducerUrl, candidates: readonly Address[]): void {
    if (this.currentState === 'closed') return
    this.url = url
    this.candidates = candidates
    this.retryTimer?.cancel()
    this.retryAfter = RECONNECT_FIRST
    const before = this.session
    this.session = undefined
    this.requests = undefined
    before?.close(this.options.clock.now())
    this.failPending()
    if (this.opened === undefined) this.setState('reconnecting')
    this.open(CONNECT_TIMEOUT)
  }

  /** Shows the introducer at once where this end is now. */
  ping(): void {
    this.session?.ping(this.options.clock.now())
  }

  /** Ends it for good. */
  close(): void {
    if (this.currentState === 'closed') return
    this.retryTimer?.cancel()
    this.streamTimer?.cancel()
    this.tickets.clear()
    this.written.clear()
    this.failPending()
    this.opened?.reject(lost())
    this.opened = undefined
    this.session?.close(this.options.clock.now())
    this.session = undefined
    this.options.kick()
    this.setState('closed')
  }

  /** Takes an event of the endpoint. @returns Whether it was for the introducer's session. */
  handle(event: EndpointEvent): boolean {
    if (event.session.context !== this) return false
    if (event.session !== this.session) return true
    switch (event.type) {
      case 'session-open':
        this.sessionOpened(event.session)
        break
      case 'session-failed':
      case 'session-closed':
        this.sessionLost()
        break
      case 'session-silent':
        this.fellSilent(event.session)
        break
      case 'flow-open':
        this.flowOpened(event.flow)
        break
      case 'message':
        this.receive(event.data)
        break
      case 'flow-exception':
        event.session.close(this.options.clock.now())
        break
      default:
    }
    return true
  }

  private open(timeout: number): void {
    const { clock, openStream } = this.options
    const attempt = ++this.attempt
    this.retryTimer?.cancel()
    if (this.candidates.length > 0) this.session = this.openAt(this.candidates, timeout)
    const { lookUp } = this.options
    if (attempt > 1 && lookUp !== undefined) this.forgetFailure(lookUp().then((addresses) => this.found(addresses, attempt)))
    if (openStream === undefined) return
    const wait = this.session === undefined ? 0 : STREAM_DELAY
    this.streamTimer?.cancel()
    this.streamTimer = clock.at(clock.now() + wait, () => this.tryStream(timeout))
  }

  private openAt(candidates: readonly Address[], timeout: number): Session {
    const { url } = this
    const { endpoint, clock, kick } = this.options
    const session = endpoint.open(
      {
        epd: url.fingerprint === undefined ? ancillaryEpd(url.uri) : fingerprintEpd(url.fingerprint),
        candidates,
        timeout,
        keepaliveInterval: CLIENT_KEEPALIVE,
        deadAfter: CLIENT_DEAD_AFTER,
        acceptForwarded: true,
        context: this,
      },
      clock.now(),
    )
    kick()
    return session
  }

  /** The host has these addresses by now. */
  private found(addresses: readonly Address[], attempt: number): void {
    const { endpoint, clock, kick } = this.options
    if (addresses.length > 0) this.candidates = addresses
    if (this.session === undefined || attempt !== this.attempt) return
    for (const address of addresses) endpoint.addCandidate(this.session, address, clock.now())
    kick()
  }

  /** Where UDP gets no answer, or none any more. */
  private tryStream(timeout: number): void {
    const { openStream } = this.options
    if (openStream === undefined || (this.session?.state === 'open' && !this.session.isSilent)) return
    const { attempt } = this
    openStream().then(
      (address) => this.streamOpened(address, attempt, timeout),
      (error: unknown) => {
        this.streamFailure = error instanceof Error ? error.message : String(error)
        if (attempt === this.attempt && this.session === undefined) this.sessionLost()
      },
    )
  }

  private streamOpened(address: Address, attempt: number, timeout: number): void {
    const { endpoint, clock, kick } = this.options
    const { session } = this
    if (attempt !== this.attempt || this.currentState === 'closed') return
    if (session === undefined) {
      // It was asked for before the session was lost; the try that was to come then is this one.
      this.retryTimer?.cancel()
      this.session = this.openAt([address], timeout)
    } else if (session.state === 'open') session.offerPaths([address, ...this.candidates], clock.now())
    else endpoint.addCandidate(session, address, clock.now())
    kick()
  }

  /** Nothing comes from the introducer any more. */
  private fellSilent(session: Session): void {
    const { clock } = this.options
    this.emit('silent')
    this.tryStream(CONNECT_TIMEOUT)
    // One that has started anew knows nothing of the session, and says nothing either.
    const wait = this.options.isNeeded?.() === true ? ABANDON_AFTER : SILENCE_LIMIT
    clock.at(clock.now() + wait, () => {
      if (this.session !== session || !session.isSilent) return
      session.abandon()
      this.options.kick()
    })
  }

  private sessionOpened(session: Session): void {
    this.requests = session.openFlow({ metadata: utf8(REQUEST_FLOW), context: this })
    this.retryAfter = RECONNECT_FIRST
    this.streamTimer?.cancel()
    if (session.farAddress?.isDirect === false) session.offerPaths([session.farAddress, ...this.candidates], this.options.clock.now())
    this.setState('connected')
    this.register()
    for (const ticket of this.tickets.values()) this.forgetFailure(this.rejoin(ticket))
    this.opened?.resolve()
    this.opened = undefined
  }

  /** This end has other addresses of its own now: those in rooms with it are told. */
  announce(addresses: readonly Address[]): void {
    this.localAddresses = addresses
    if (this.currentState === 'connected') this.register()
  }

  private register(): void {
    const addresses = this.localAddresses.slice(0, MAX_LOCAL_ADDRESSES)
    this.forgetFailure(this.request({ op: 'register', addresses, relay: this.options.relay ?? 'auto' }))
  }

  /** Takes up a place again that others have had taken away. */
  retake(roomId: string): void {
    const ticket = this.tickets.get(roomId)
    if (ticket !== undefined) this.forgetFailure(this.rejoin(ticket))
  }

  /** Takes the place up again, and reports what has changed in the meantime. */
  private async rejoin(ticket: Ticket): Promise<void> {
    const { roomId, code, epoch, host, self, members, key } = ticket
    const standing = { epoch, host }
    const invitation = this.invite()
    const fresh = asTicket(
      await this.request({
        op: 'rejoin',
        ...settingsOf(ticket),
        ...standing,
        roomId,
        code,
        ...self,
        invitation,
        ...(key === undefined ? {} : { key }),
      }),
    )
    if (!this.tickets.has(roomId)) return
    this.keep(fresh)
    for (const member of fresh.members) {
      if (member.peerId !== self.peerId && !members.some((known) => known.peerId === member.peerId)) {
        this.emit('joined', roomId, member, fresh.contacts?.get(member.peerId), false)
      }
    }
    for (const [peerId, contact] of fresh.contacts ?? []) this.emit('contact', peerId, contact)
    // A guest that was back sooner may have made the room anew with what it knew.
    this.emit('standing', roomId, { epoch: fresh.epoch, host: fresh.host })
    const own = this.written.get(roomId)
    if (own !== undefined && fresh.host === self.peerId) await this.update(roomId, own.properties, ticket.locked, own.guarded)
  }

  private sessionLost(): void {
    this.session = undefined
    this.requests = undefined
    this.failPending()
    if (this.currentState === 'closed') return
    if (this.opened !== undefined) {
      this.opened.reject(this.unreachable())
      this.opened = undefined
      this.setState('closed')
      return
    }
    this.setState('reconnecting')
    this.retryTimer?.cancel()
    const { clock, isNeeded } = this.options
    const isUrgent = isNeeded?.() === true
    const wait = isUrgent ? URGENT_PAUSE : this.retryAfter
    this.retryTimer = clock.at(clock.now() + wait, () => this.open(isUrgent ? URGENT_TIMEOUT : CONNECT_TIMEOUT))
    this.retryAfter = Math.min(this.retryAfter * 2, RECONNECT_LAST)
  }

  private invite(): Uint8Array {
    const { endpoint, clock } = this.options
    return endpoint.invite(clock.now())
  }

  private unreachable(): AltostratusError {
    const { url } = this
    const { openStream } = this.options
    const udp = this.candidates.map((address) => address.key).join(', ')
    const ways = [...(udp === '' ? [] : [`UDP to ${udp}`]), ...(openStream === undefined ? [] : [this.streamTried()])]
    const tried = ways.join(', and ')
    const pinned = url.fingerprint === undefined ? '' : ', that the fingerprint in the URL is its own'
    return new AltostratusError('INTRODUCER_UNREACHABLE', `No answer from the introducer ${url.uri} (tried ${tried}).`, {
      hint: `Check that it runs (npx altostratus introducer), that host and port are right${pinned}, and that no firewall blocks UDP to it.`,
    })
  }

  private streamTried(): string {
    return this.streamFailure === undefined ? 'a WebSocket' : `a WebSocket: ${this.streamFailure}`
  }

  private flowOpened(flow: ReceiveFlow): void {
    if (flow.association !== this.requests) flow.reject()
  }

  private receive(data: Uint8Array): void {
    let response: Response
    try {
      response = decodeResponse(data)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.session?.close(this.options.clock.now())
      return
    }
    switch (response.kind) {
      case 'ok': {
        const pending = this.settle(response.id)
        if (pending === undefined) this.giveBack(response.value)
        else pending.resolve(response.value)
        break
      }
      case 'error':
        this.settle(response.id)?.reject(new AltostratusError(response.code, response.message))
        break
      case 'joined':
        this.joined(response)
        break
      case 'contact':
        this.emit('contact', response.peerId, response.contact)
        break
      case 'left':
        this.amend(response.roomId, ({ members }) => ({ members: members.filter(({ peerId }) => peerId !== response.peerId) }))
        this.emit('left', response.roomId, response.peerId)
        break
      case 'host': {
        const { roomId, epoch, host } = response
        this.amend(roomId, () => ({ epoch, host }))
        this.emit('standing', roomId, { epoch, host })
        break
      }
      case 'moved':
        this.emit('moved')
        break
      case 'closing':
        this.session?.close(this.options.clock.now())
    }
  }

  private joined({ roomId, member, contact, guest }: Extract<Response, { kind: 'joined' }>): void {
    if (guest !== true)
      this.amend(roomId, ({ members }) => ({ members: [...members.filter(({ peerId }) => peerId !== member.peerId), member] }))
    this.emit('joined', roomId, member, contact, guest === true)
  }

  /** What changes in a room goes into its ticket: it is what a forgetful introducer makes the room from. */
  private amend(roomId: string, change: (ticket: Ticket) => Partial<Ticket>): void {
    const ticket = this.tickets.get(roomId)
    if (ticket !== undefined) this.tickets.set(roomId, { ...ticket, ...change(ticket) })
  }

  private keep(ticket: Ticket): Ticket {
    const { roomId } = ticket
    const key = ticket.key ?? this.keyOf(roomId)
    this.tickets.set(roomId, key === undefined ? ticket : { ...ticket, key })
    return ticket
  }

  /** @param lifetime How long the question is worth sending, milliseconds: an answer to an old one may do harm. */
  private request(request: Request, lifetime = Infinity): Promise<unknown> {
    const { clock, kick } = this.options
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      if (this.requests === undefined || !this.requests.write(encodeRequest(id, request), clock.now(), lifetime)) {
        reject(lost())
        return
      }
      const timer = clock.at(clock.now() + REQUEST_TIMEOUT, () => {
        this.pending.delete(id)
        reject(new AltostratusError('INTRODUCER_TIMEOUT', 'The introducer did not answer in time.', { hint: 'Try again.' }))
      })
      this.pending.set(id, { resolve, reject, timer })
      kick()
    })
  }

  /** An answer that came too late may hold a place that nobody here knows of; but what is asked now may be for the same room. */
  private giveBack(value: unknown): void {
    const roomId = roomIdOf(value)
    if (roomId !== undefined && !this.tickets.has(roomId) && this.pending.size === 0)
      this.forgetFailure(this.request({ op: 'leave', roomId }))
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id)
    pending?.timer.cancel()
    this.pending.delete(id)
    return pending
  }

  private failPending(): void {
    for (const { reject, timer } of this.pending.values()) {
      timer.cancel()
      reject(lost())
    }
    this.pending.clear()
  }

  /** What is asked on the side may fail: the next connection asks again. */
  private forgetFailure(promise: Promise<unknown>): void {
    promise.catch(() => {})
  }

  private setState(state: IntroducerState): void {
    if (state === this.currentState) return
    this.currentState = state
    this.emit('state', state)
  }

  private emit<K extends keyof Events>(event: K, ...args: Parameters<Events[K]>): void {
    this.emitter.emit(event, ...(args as never))
  }
}

/** The room of an answer's value, if that is a ticket. */
function roomIdOf(value: unknown): string | undefined {
  try {
    return asTicket(value).roomId
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function lost(): AltostratusError {
  return new AltostratusError('INTRODUCER_LOST', 'The introducer can not be reached at the moment.', {
    hint: 'Games that run go on without it; try again in a moment.',
  })
}
