import { AltostratusError } from '../base/errors.ts'
import { Admissions, keyOf } from './admission.ts'
import type { Verdict } from './admission.ts'
import type { Standing } from '../introducer/protocol.ts'
import { EPOCH_GRANTED, EPOCH_TERM } from '../introducer/constants.ts'
import { ADMIT_INTERVAL, APPLICATION_TIME, HAND_OVER_TIME, MAX_APPLICANTS, TELL_INTERVAL } from './constants.ts'
import type { RoomCore } from './core.ts'
import { nextProvisional, nextTerm } from './membership.ts'
import type { RoomRules } from './membership.ts'
import type { ControlMessage } from './messages.ts'
import type { Peer } from './peer.ts'

/** The rules that the introducer has to know of. */
const PUBLISHED = ['properties', 'isLocked', 'bans'] as const

type Application = Extract<ControlMessage, { kind: 'join' | 'proof' }>

/** What the host of a room does for it: lets members in, notices when they are gone, and makes the changes that all others repeat. */
export class Duties {
  readonly admissions: Admissions
  private readonly core: RoomCore
  /** Who was announced by the introducer and has not come yet, and until when it may. */
  private readonly guests = new Map<string, number>()
  /** Whom the introducer shows to the host alone until it has been let in, and when it is told (again) that it has been. */
  private readonly hidden = new Map<string, number>()
  private toldAt = -Infinity
  /** When the introducer is to be told the rules again: a lock that it does not know of keeps no address. */
  private publishAt = Infinity

  constructor(core: RoomCore) {
    this.core = core
    const { network, game, id, self } = core
    this.admissions = new Admissions(network, game, id, self.id, network.clock.now())
  }

  /** Somebody asks to be let in, or back in. */
  apply(peerId: string, message: Application): void {
    const { core } = this
    const { membership } = core
    if (!core.isHost) {
      core.say(peerId, core.standing())
      return
    }
    const now = core.now()
    const verdict =
      message.kind === 'join'
        ? this.admissions.join(peerId, message, membership, now)
        : this.admissions.prove(peerId, message.proof, membership, now)
    if (verdict === undefined) return
    if (verdict.kind === 'seat') this.seat(verdict, message)
    else core.say(peerId, verdict)
  }

  /** The introducer has let somebody know of the room. @param isHidden Whether it has shown nobody's address yet. */
  expect(peerId: string, isHidden: boolean): void {
    // One that was in, and comes back to an introducer that has forgotten why it is not any more.
    if (!isHidden && this.core.membership.rules.bans.includes(peerId)) this.core.network.evict(this.core.id, peerId)
    else if (!this.core.hasSeat(peerId) && this.guests.size < MAX_APPLICANTS) this.guests.set(peerId, this.core.now() + APPLICATION_TIME)
  }

  /** The introducer waits for this host's word before it tells somebody where the members are. It may have come too late for the host before. */
  ask(peerId: string): void {
    this.hidden.set(peerId, 0)
    if (this.core.isHost && this.core.hasSeat(peerId)) this.admit(peerId)
  }

  /** The introducer has lost somebody. */
  forget(peerId: string): void {
    this.hidden.delete(peerId)
  }

  /** Tells the introducer what it has to know of the rules. */
  async publish(): Promise<void> {
    const { core } = this
    this.publishAt = Infinity
    const { rules } = core.membership
    if (!(await core.network.publish(core.id, rules))) this.publishAt = core.now() + ADMIT_INTERVAL
  }

  /** Whether somebody who was announced has still to come. */
  expects(peerId: string): boolean {
    return this.guests.has(peerId)
  }

  /** Looks after all members. */
  tick(now: number): void {
    const { core } = this
    let isAnyGone = false
    for (const peer of core.peers.values()) {
      if (core.hasLeft(peer)) core.make({ kind: 'leave', peerId: peer.id, reason: 'left' })
      else if (!peer.away && core.isSilent(peer)) {
        core.make({ kind: 'away', peerId: peer.id })
        if (!peer.isSpectator) isAnyGone = true
      } else if (peer.away && core.hears(peer)) {
        core.make({ kind: 'return', peerId: peer.id })
        this.tellAll(peer)
      } else if (peer.away && now - peer.awaySince >= core.membership.rules.grace && !core.network.isExcused(peer.session)) {
        core.make({ kind: 'leave', peerId: peer.id, reason: 'lost' })
        core.network.evict(core.id, peer.id)
      }
    }
    if (isAnyGone || (core.membership.isProvisional && core.membership.isQuorum(this.live()))) this.renew()
    this.tellIntroducer(now)
    if (now >= this.publishAt && core.hasIntroducer) void this.publish()
    for (const [peerId, at] of this.hidden) if (now >= at && core.hasSeat(peerId)) this.admit(peerId)
    for (const [peerId, until] of this.guests) {
      if (now < until) continue
      this.guests.delete(peerId)
      if (core.hasSeat(peerId)) continue
      this.hidden.delete(peerId)
      core.network.evict(core.id, peerId)
    }
  }

  /** Changes how the room is run. @throws AltostratusError `NOT_HOST` */
  async setRules(changes: Partial<RoomRules>): Promise<void> {
    const { core } = this
    this.check()
    const rules = { ...core.membership.rules, ...changes }
    core.make({ kind: 'rules', rules })
    if (PUBLISHED.some((name) => name in changes)) await this.publish()
  }

  /** Takes a member's seat. @throws AltostratusError `NOT_HOST`, `BAD_RECEIVER` */
  remove(peer: Peer, isBanned: boolean, reason: string): void {
    const { core } = this
    this.check()
    if (peer.isSelf || !core.hasSeat(peer.id))
      throw new AltostratusError('BAD_RECEIVER', 'Only another member of the room can be sent away.')
    core.say(peer, { kind: 'removed', banned: isBanned, reason })
    core.make({ kind: 'leave', peerId: peer.id, reason: isBanned ? 'banned' : 'kicked' })
    if (isBanned) void this.publish()
    core.network.evict(core.id, peer.id)
  }

  /** Makes another player the host. Resolves when it is. @throws AltostratusError `NOT_HOST`, `BAD_RECEIVER`, `HAND_OVER_FAILED` */
  async handOver(to: Peer | undefined = this.successor()): Promise<void> {
    const { core } = this
    this.check()
    if (to === undefined || to.isSelf || to.isSpectator || !core.hears(to)) {
      throw new AltostratusError('BAD_RECEIVER', 'Only another player of the room, who can be reached, can become its host.')
    }
    const confirmed = core.hostConfirmed(HAND_OVER_TIME)
    this.appoint(to, false)
    if (!(await confirmed)) {
      throw new AltostratusError('HAND_OVER_FAILED', `The player that was to become host did not answer in ${HAND_OVER_TIME} ms.`, {
        hint: 'Another one becomes it now.',
      })
    }
  }

  /**
   * The introducer knows another host. When most of the room is on this side, and that host is not, it was granted before it was known that it is
   * they who are cut off: a new term of this host is above it. @returns Whether that has begun.
   */
  outrank({ host, epoch }: Standing): boolean {
    const { core } = this
    const { membership, peers } = core
    const rival = peers.get(host)
    // Only once: in a later term the others have their reasons, too.
    const isOfTerm = membership.epoch % EPOCH_TERM === 0 && epoch === membership.epoch + EPOCH_GRANTED
    if (!core.isHost || !isOfTerm || (rival !== undefined && core.hears(rival))) return false
    if (!membership.isQuorum(this.live())) return false
    this.raise(nextTerm(epoch, false))
    return true
  }

  /** Before this end leaves. */
  appointSuccessor(): void {
    const successor = this.successor()
    if (successor !== undefined) this.appoint(successor, true)
  }

  private appoint(to: Peer, leaving: boolean): void {
    const { core } = this
    const { membership } = core
    const epoch = nextTerm(membership.epoch, false)
    core.listener.deposed()
    const states = core.extensions.collect('handOver', to)
    for (const peer of core.peers.values())
      core.say(peer, { kind: 'appoint', epoch, host: to.id, states: peer === to ? states : {}, leaving })
    core.yield(to.id, epoch, 'handed-over')
  }

  /** The oldest other player that is there. */
  private successor(): Peer | undefined {
    const { core } = this
    for (const { peerId } of core.membership.succession) {
      const peer = core.peers.get(peerId)
      if (peer !== undefined && core.hears(peer)) return peer
    }
    return undefined
  }

  private seat({ seat, isNew }: Extract<Verdict, { kind: 'seat' }>, message: Application): void {
    const { core } = this
    const { peerId } = seat
    this.guests.delete(peerId)
    if (isNew) {
      core.make({ kind: 'join', seat })
      this.useReservation(peerId, message)
    }
    const peer = core.peers.get(peerId) as Peer
    if (peer.away) core.make({ kind: 'return', peerId })
    this.tellAll(peer)
    core.greet(peer)
    if (this.hidden.has(peerId)) this.admit(peerId)
  }

  /** Until the introducer has heard it, as with many newcomers at once it may not have time for all. */
  private admit(peerId: string): void {
    const { network, id } = this.core
    this.hidden.set(peerId, this.core.now() + ADMIT_INTERVAL)
    void network.admit(id, peerId).then((isSettled) => isSettled && this.hidden.delete(peerId))
  }

  private useReservation(peerId: string, message: Application): void {
    const { rules } = this.core.membership
    const key = message.kind === 'join' ? keyOf(peerId, message, rules.reserved) : undefined
    if (key === undefined) return
    this.core.make({ kind: 'rules', rules: { ...rules, reserved: rules.reserved.filter((other) => other !== key) } })
  }

  private tellAll(peer: Peer): void {
    const { core } = this
    const key = this.hidden.has(peer.id) ? core.network.keyOf(core.id) : undefined
    const states = core.extensions.collect('joinState', peer)
    core.say(peer, { kind: 'admitted', snapshot: core.membership.snapshot(), states, ...(key === undefined ? {} : { key }) })
  }

  /**
   * Members are gone: it may be this end that is cut off. A new epoch makes sure that what most of the room stands behind is above what a few
   * find elsewhere, and the other way round.
   */
  private renew(): void {
    const { core } = this
    const { membership, self } = core
    const isQuorum = membership.isQuorum(this.live())
    const base = membership.epoch
    this.raise(isQuorum ? nextTerm(base, false) : nextProvisional(base))
    if (isQuorum) void core.tellIntroducer()
    else if (core.hasIntroducer) {
      void core.claim(base, nextTerm(base, true)).then((standing) => {
        if (standing === undefined || !core.isOpen) return
        if (standing.host === self.id && core.isHost && standing.epoch > membership.epoch) this.raise(standing.epoch)
        else core.follow(standing)
      })
    }
  }

  /** Players that certainly are there: of several that fall silent together, one is the first to be noticed. */
  private live(): ReadonlySet<string> {
    const { core } = this
    const { awayAfter } = core.network
    const now = core.now()
    // Who was apart may follow another host by now, and not have said so yet.
    const isLive = (peer: Peer): boolean =>
      peer.isConnected && !peer.away && peer.silence(now) < awayAfter / 2 && now - peer.backSince >= awayAfter && !core.followsBetter(peer)
    return new Set([core.self.id, ...[...core.peers.values()].filter(isLive).map((peer) => peer.id)])
  }

  /** Until it has heard, or says who is the host instead. */
  private tellIntroducer(now: number): void {
    const { core } = this
    if (core.toldEpoch === core.epoch || !core.hasIntroducer || now < this.toldAt + TELL_INTERVAL) return
    this.toldAt = now
    void core.tellIntroducer()
  }

  private raise(epoch: number): void {
    const { core } = this
    const before = core.epoch
    if (epoch <= before) return
    core.make({ kind: 'epoch', epoch })
    core.hostChanged(core.self, before, 'lost', undefined, undefined)
  }

  private check(): void {
    if (!this.core.isHost)
      throw new AltostratusError('NOT_HOST', 'Only the host of a room may do that.', { hint: 'Look at room.isHost first.' })
  }
}
