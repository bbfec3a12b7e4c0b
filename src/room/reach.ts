import type { Address } from '../base/address.ts'
import { fromHex } from '../base/bytes.ts'
import { fingerprintEpd } from '../crypto/epd.ts'
import type { IntroducerClient } from '../introducer/client.ts'
import type { Contact } from '../introducer/protocol.ts'
import type { Carrier } from '../link/carrier.ts'
import type { Clock, Timer } from '../link/clock.ts'
import type { Endpoint } from '../rtmfp/endpoint.ts'
import type { Session } from '../rtmfp/session.ts'
import { INVITED_TIMEOUT, OUTAGE_GRACE, REACH_DELAY, SEEKS_AT_ONCE, SEEK_INTERVAL } from './constants.ts'

/** What it needs of a network. */
export interface ReachHost {
  readonly endpoint: Endpoint
  readonly carrier: Carrier
  readonly clock: Clock
  readonly introducer: IntroducerClient
  readonly deadAfter: number
  /** The session with each peer, one that is still opening included. */
  readonly sessions: Map<string, Session>
  isMember(peerId: string): boolean
  kick(): void
}

/** How members of rooms are reached: whom to ask where they are, where to try, and what to do when they fall silent. `docs/protocol.md`, P2. */
export class Reach {
  private readonly host: ReachHost
  private readonly contacts = new Map<string, readonly Address[]>()
  /** Who is about to open a session to this end. */
  private readonly awaited = new Set<string>()
  private seekTimer: Timer | undefined = undefined
  private closed = false
  /** The introducer has fallen silent, and was not found to be back. */
  private isOut = false

  constructor(host: ReachHost) {
    this.host = host
    host.introducer.on('contact', (peerId, contact) => this.learn(peerId, contact))
    host.introducer.on('moved', () => this.resend())
    host.introducer.on('silent', () => this.introducerGone())
    host.introducer.on('state', (state) => {
      if (state === 'connected') this.introducerBack()
      else if (state === 'reconnecting') this.introducerGone()
    })
  }

  /** A peer has joined a room that this one is in, and is waiting to be opened to. */
  welcome(peerId: string, contact: Contact): void {
    this.learn(peerId, contact)
    const { sessions, endpoint, clock } = this.host
    const candidates = this.contacts.get(peerId) ?? []
    const { invitation } = contact
    if (invitation === undefined || candidates.length === 0 || sessions.get(peerId)?.state === 'open') return
    sessions.get(peerId)?.close(clock.now())
    const epd = fingerprintEpd(fromHex(peerId))
    sessions.set(peerId, endpoint.open({ epd, candidates, invitation, timeout: INVITED_TIMEOUT }, clock.now()))
    this.host.kick()
  }

  /** A member of a room that was there before this peer: it opens the session, this end sees to it that it gets through, and opens itself if not. */
  await(peerId: string, contact: Contact | undefined, timeout: number): void {
    const { clock } = this.host
    if (contact === undefined) {
      this.open(peerId, timeout)
      return
    }
    this.awaited.add(peerId)
    this.learn(peerId, contact)
    clock.at(clock.now() + REACH_DELAY, () => {
      this.awaited.delete(peerId)
      if (!this.closed && this.host.isMember(peerId)) this.open(peerId, timeout)
    })
  }

  /** Gives the session with a peer what is known of where it is. */
  opened(session: Session): void {
    const addresses = this.contacts.get(session.farPeerId)
    if (addresses !== undefined) session.offerPaths(addresses, this.host.clock.now())
  }

  /** The peer of a session does not answer. */
  silent(session: Session): void {
    if (this.isReached(session) && this.seekTimer === undefined) this.seekSoon(0)
  }

  /** Whether any peer is reached by way of the introducer. */
  get isRelayed(): boolean {
    return [...this.relayed()].length > 0
  }

  /** Whether nothing can be heard of a peer, since it is reached by way of the introducer, and that does not answer, or has not for long. */
  isExcused(session: Session): boolean {
    if (this.isOut && !this.host.introducer.isSilent) this.introducerBack()
    return session.farAddress?.isDirect === false && session.isExcused(this.host.clock.now())
  }

  forget(peerId: string): void {
    this.contacts.delete(peerId)
  }

  close(): void {
    this.closed = true
    this.seekTimer?.cancel()
  }

  /** Opens a session by way of the introducer, unless there is one or it is being opened. RFC 7016 §3.5.1.6. */
  private open(peerId: string, timeout: number): void {
    const { sessions, endpoint, clock, introducer } = this.host
    const known = this.contacts.get(peerId) ?? []
    const candidates = introducer.address === undefined ? known : [introducer.address, ...known]
    if (sessions.has(peerId) || candidates.length === 0) return
    const epd = fingerprintEpd(fromHex(peerId))
    sessions.set(peerId, endpoint.open({ epd, candidates, timeout }, clock.now()))
    this.host.kick()
  }

  private learn(peerId: string, { addresses }: Contact): void {
    const { carrier, sessions, clock, endpoint } = this.host
    if (!this.host.isMember(peerId)) return
    this.contacts.set(peerId, addresses)
    for (const address of addresses) {
      if (address.kind === 'relay') carrier.expect(address)
      else if (this.awaited.has(peerId) && address.isDirect) endpoint.punch(address, clock.now())
    }
    const session = sessions.get(peerId)
    if (session?.state === 'open') session.offerPaths(addresses, clock.now())
    this.host.kick()
  }

  /** The introducer passes on what comes from here again. */
  private resend(): void {
    const { clock } = this.host
    for (const session of this.relayed()) session.resend(clock.now())
    this.host.kick()
  }

  private seekSoon(wait: number): void {
    const { clock } = this.host
    this.seekTimer = clock.at(clock.now() + wait, () => this.seek())
  }

  /** Asks the introducer, which neither end has moved away from, where those are who do not answer; and shows it where this end is. */
  private seek(): void {
    const { sessions, introducer } = this.host
    this.seekTimer = undefined
    const lost = [...sessions.values()].filter((session) => session.state === 'open' && session.isSilent)
    if (lost.length === 0 || this.closed) return
    // When all are silent it is this end that has lost its network; then the introducer's answer is the same for all.
    for (const session of lost.slice(0, SEEKS_AT_ONCE)) introducer.seek(session.farPeerId)
    this.seekSoon(SEEK_INTERVAL)
  }

  private isReached(session: Session): boolean {
    return this.host.sessions.get(session.farPeerId) === session && session.state === 'open'
  }

  /** Who is reached by way of the introducer can't answer while it is gone; that is no reason to give them up. */
  private introducerGone(): void {
    const { clock } = this.host
    this.isOut = true
    for (const session of this.relayed()) session.excuse(clock.now() + OUTAGE_GRACE)
  }

  private introducerBack(): void {
    const { clock, deadAfter, sessions } = this.host
    const now = clock.now()
    this.isOut = false
    // Those that lead straight by now, too: there is nothing to wait for any more.
    for (const session of sessions.values()) if (session.isExcused(now)) session.excuse(now + deadAfter)
  }

  private *relayed(): Iterable<Session> {
    for (const session of this.host.sessions.values()) {
      if (session.state === 'open' && session.farAddress?.isDirect === false) yield session
    }
  }
}
