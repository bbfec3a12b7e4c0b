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
import { ORIGIN_LOCAL, ORIGIN_OBSERVED } from '../wire/address.ts'
import type { WireAddress } from '../wire/address.ts'
import {
  GUESSES_PER_SECOND,
  GUESS_BURST,
  REQUESTS_PER_SECOND,
  REQUEST_BURST,
  REQUEST_FLOW,
  SERVER_DEAD_AFTER,
  SERVER_KEEPALIVE,
} from './constants.ts'
import { Directory } from './directory.ts'
import { decodeRequest, encodeResponse } from './protocol.ts'
import type { Request, Response } from './protocol.ts'
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
}

/** A peer that is registered. */
interface Registration {
  readonly peerId: string
  readonly session: Session
  readonly requests: TokenBucket
  readonly guesses: TokenBucket
  local: readonly Address[]
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

/** Brings peers together by peer ID, and keeps the directory of rooms. Carries nothing of what they tell each other. */
export class IntroducerServer {
  readonly identity: Identity
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly directory: Directory
  private readonly byPeer = new Map<string, Registration>()
  private readonly byAddress = new Map<string, Registration>()
  private timer: Timer
  private introductions = 0
  private refused = 0

  constructor(parts: IntroducerParts) {
    const { link, clock, backend, random } = parts
    this.clock = clock
    this.identity = parts.identity ?? createServerIdentity(backend, random)
    this.directory = new Directory(random)
    const endpoint = new Endpoint({
      identity: this.identity,
      backend,
      random,
      keepaliveInterval: SERVER_KEEPALIVE,
      deadAfter: SERVER_DEAD_AFTER,
      introduce: (epd, from) => this.introduce(epd, from),
      ...(parts.policy === undefined ? {} : { policy: parts.policy }),
    })
    this.driver = new Driver({ endpoint, link, clock, onEvent: (event) => this.handle(event) })
    this.timer = clock.at(clock.now() + EXPIRY_INTERVAL, () => this.expire())
  }

  get stats(): IntroducerStats {
    return { peers: this.byPeer.size, rooms: this.directory.roomCount, introductions: this.introductions, refused: this.refused }
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
    await this.driver.close()
  }

  /** Tells a member of a room where another is, and the other that it is coming. RFC 7016 §3.5.1.6. */
  private introduce(epd: Uint8Array, from: Address): Introduction | undefined {
    const fingerprint = epdFingerprint(epd)
    const asker = this.byAddress.get(from.key)
    const target = fingerprint === undefined ? undefined : this.byPeer.get(toHex(fingerprint))
    if (asker === undefined || target === undefined || !this.directory.share(asker.peerId, target.peerId)) return undefined
    const observed = target.session.farAddress as Address
    const addresses: WireAddress[] = [{ address: observed, origin: ORIGIN_OBSERVED }]
    for (const address of target.local) if (!address.equals(observed)) addresses.push({ address, origin: ORIGIN_LOCAL })
    this.introductions++
    return { addresses, forwardTo: target.session }
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
      guesses: new TokenBucket(GUESS_BURST, GUESSES_PER_SECOND, now),
      local: [],
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
    if (reason === 'far') this.directory.leaveAll(registration.peerId)
    else this.directory.lost(registration.peerId, this.clock.now())
    this.sendNotices()
  }

  /** Who is introduced is known by address. */
  private moved(session: Session, before: Address): void {
    const registration = this.byAddress.get(before.key)
    if (registration?.session !== session) return
    this.byAddress.delete(before.key)
    this.byAddress.set((session.farAddress as Address).key, registration)
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
        registration.local = request.addresses
        return null
      case 'create': {
        const { game, protocol, capacity, listed, properties, profile } = request
        return directory.create(peerId, { game, protocol, capacity, listed, properties }, profile)
      }
      case 'join':
        return this.join(registration, request)
      case 'rejoin': {
        const { game, protocol, capacity, listed, properties, roomId, code, order, profile } = request
        return directory.rejoin(peerId, roomId, code, order, { game, protocol, capacity, listed, properties }, profile)
      }
      case 'leave':
        directory.leave(peerId, request.roomId)
        return null
      case 'evict':
        directory.evict(peerId, request.roomId, request.peerId)
        return null
      case 'list':
        return directory.list(request.game, request.protocol)
      case 'update':
        directory.update(peerId, request.roomId, request.properties)
        return null
    }
  }

  /** Wrong codes are counted on their own, so that codes can't be guessed at the rate of other requests. */
  private join(registration: Registration, request: Extract<Request, { op: 'join' }>): unknown {
    try {
      return this.directory.join(registration.peerId, request.code, request.game, request.protocol, request.profile)
    } catch (error) {
      const unknown = error instanceof AltostratusError && error.code === 'ROOM_NOT_FOUND'
      if (unknown && !registration.guesses.take(this.clock.now())) throw tooFast()
      throw error
    }
  }

  private sendNotices(): void {
    for (const { to, roomId, joined, left } of this.directory.notices.splice(0)) {
      const registration = this.byPeer.get(to)
      if (registration === undefined) continue
      if (joined !== undefined) this.answer(registration, { kind: 'joined', roomId, member: joined })
      if (left !== undefined) this.answer(registration, { kind: 'left', roomId, peerId: left })
    }
  }

  private answer(registration: Registration, response: Response): void {
    const { answers, session } = registration
    // A client that does not take its answers will not miss them: it has to start anew.
    if (answers !== undefined && !answers.write(encodeResponse(response), this.clock.now())) session.close(this.clock.now())
  }

  private expire(): void {
    this.directory.expire(this.clock.now())
    this.sendNotices()
    this.driver.kick()
    this.timer = this.clock.at(this.clock.now() + EXPIRY_INTERVAL, () => this.expire())
  }
}

function tooFast(): AltostratusError {
  return new AltostratusError('RATE_LIMITED', 'Too many requests.', { hint: 'Wait some seconds.' })
}
