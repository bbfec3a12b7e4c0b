import type { Standing } from '../introducer/protocol.ts'
import { CAMPAIGN_PAUSE, CANDIDATE_TURN, CLAIM_TIME, FIRST_CAMPAIGN_PAUSE, VOTE_TIME } from './constants.ts'
import { nextProvisional, nextTerm } from './membership.ts'
import type { Membership, Snapshot } from './membership.ts'
import type { ControlMessage } from './messages.ts'
import type { Peer } from './peer.ts'

type Claim = Extract<ControlMessage, { kind: 'claim' }>
type Vote = Extract<ControlMessage, { kind: 'vote' }>

/** What an election needs of its room. */
export interface ElectionHost {
  readonly self: Peer
  readonly host: Peer
  readonly membership: Membership
  readonly peers: ReadonlyMap<string, Peer>
  /** Whether the member has been heard of lately. */
  hears(peer: Peer): boolean
  /** Whether nothing has been heard of the host for so long that it counts as lost. */
  readonly isHostLost: boolean
  /** Who is the host, as far as this end knows. */
  standing(): ControlMessage
  say(peer: Peer, message: ControlMessage): void
  /** Asks the introducer. @returns Who is the host, `undefined` when it does not answer. */
  claim(base: number, epoch: number): Promise<Standing | undefined>
  readonly hasIntroducer: boolean
  /** This end is the host from now on. */
  stand(epoch: number): void
  follow(standing: Standing): void
  /** A member knows of later changes than this end. */
  learn(snapshot: Snapshot): void
}

interface Campaign {
  readonly base: number
  readonly beganAt: number
  /** Those that agree, this end included. */
  readonly granted: Set<string>
  /** Those that have not answered. */
  readonly asked: Set<string>
  isDenied: boolean
  /** When the introducer was asked; it is only once the others have not objected. */
  claimedAt: number
  /** It has answered, or is not there to be asked. */
  claimDone: boolean
}

/**
 * How a new host is found when the one before is silent. The oldest player that is there asks the others, then the introducer; it stands when the
 * introducer grants it, or else when most of the room agrees, or else, cut off from most of it, for those who are on its side alone: with an epoch
 * that any of the other kinds outdoes. Nobody agrees to a candidate while it hears the host itself, or an older player.
 */
export class Election {
  private readonly room: ElectionHost
  private lostAt = Infinity
  private notBefore = -Infinity
  private pause = FIRST_CAMPAIGN_PAUSE
  private campaign: Campaign | undefined = undefined

  constructor(room: ElectionHost) {
    this.room = room
  }

  /** To be called at short intervals while this end is not the host. */
  tick(now: number): void {
    const { room } = this
    if (!room.isHostLost) {
      this.reset()
      return
    }
    this.lostAt = Math.min(this.lostAt, now)
    if (this.campaign !== undefined) this.decide(this.campaign, now)
    else if (!room.self.isSpectator && now >= this.lostAt + this.rank() * CANDIDATE_TURN && now >= this.notBefore) this.begin(now)
  }

  /** There is a host again. */
  reset(): void {
    this.lostAt = Infinity
    this.notBefore = -Infinity
    this.pause = FIRST_CAMPAIGN_PAUSE
    this.campaign = undefined
  }

  /** A member wants to be the host. */
  claimed(from: Peer, { base, version }: Claim, now: number): void {
    const { room } = this
    const { membership, self } = room
    if (base < membership.epoch) {
      room.say(from, { kind: 'vote', base, granted: false })
      room.say(from, room.standing())
      return
    }
    const isBehind = base > membership.epoch
    const seesHost = !isBehind && (room.host.isSelf || (room.hears(room.host) && !room.isHostLost))
    const seesOlder = membership.succession.some((seat) => {
      if (seat.order >= from.order || seat.peerId === membership.hostId) return false
      const peer = room.peers.get(seat.peerId)
      return seat.peerId === self.id || (peer !== undefined && room.hears(peer))
    })
    const granted = !from.isSpectator && !seesHost && !seesOlder
    const knowsMore = granted && !isBehind && membership.version > version
    room.say(from, { kind: 'vote', base, granted, ...(knowsMore ? { snapshot: membership.snapshot() } : {}) })
    // The candidate has its turn first.
    if (granted) this.notBefore = Math.max(this.notBefore, now + VOTE_TIME + CLAIM_TIME)
  }

  voted(from: Peer, { base, granted, snapshot }: Vote, now: number): void {
    const { campaign } = this
    if (campaign === undefined || campaign.base !== base || !campaign.asked.delete(from.id)) return
    if (granted) campaign.granted.add(from.id)
    else campaign.isDenied = true
    if (granted && snapshot !== undefined) this.room.learn(snapshot)
    this.decide(campaign, now)
  }

  private begin(now: number): void {
    const { room } = this
    const { membership, self } = room
    const base = membership.epoch
    const campaign: Campaign = {
      base,
      beganAt: now,
      granted: new Set([self.id]),
      asked: new Set(),
      isDenied: false,
      claimedAt: Infinity,
      claimDone: !room.hasIntroducer,
    }
    this.campaign = campaign
    for (const peer of room.peers.values()) {
      if (peer === room.host || peer.isSpectator || !room.hears(peer)) continue
      campaign.asked.add(peer.id)
      room.say(peer, { kind: 'claim', base, version: membership.version })
    }
    this.decide(campaign, now)
  }

  private async ask(campaign: Campaign): Promise<void> {
    const { room } = this
    const standing = await room.claim(campaign.base, nextTerm(campaign.base, true))
    campaign.claimDone = true
    if (this.campaign !== campaign) return
    if (standing === undefined || standing.epoch <= campaign.base) {
      this.decide(campaign, Infinity)
      return
    }
    if (standing.host === room.self.id) this.win(standing.epoch)
    else {
      this.campaign = undefined
      room.follow(standing)
    }
  }

  private decide(campaign: Campaign, now: number): void {
    if (campaign.isDenied) {
      // Others hear the host, or someone who comes before this end: it is this end that has to find its way.
      this.campaign = undefined
      this.notBefore = now + this.pause
      this.pause = Math.min(2 * this.pause, CAMPAIGN_PAUSE)
      return
    }
    if (campaign.asked.size > 0 && now < campaign.beganAt + VOTE_TIME) return
    if (!campaign.claimDone) {
      if (campaign.claimedAt === Infinity) {
        campaign.claimedAt = now
        void this.ask(campaign)
      }
      if (now < campaign.claimedAt + CLAIM_TIME) return
    }
    const { base, granted } = campaign
    this.win(this.room.membership.isQuorum(granted) ? nextTerm(base, false) : nextProvisional(base))
  }

  private win(epoch: number): void {
    this.campaign = undefined
    this.room.stand(epoch)
  }

  /** How many come before this end. */
  private rank(): number {
    const { membership, self, peers } = this.room
    let rank = 0
    for (const seat of membership.succession) {
      if (seat.order >= self.order || seat.peerId === membership.hostId) continue
      const peer = peers.get(seat.peerId)
      if (peer !== undefined && !seat.isAway && (this.room.hears(peer) || !peer.isConnected)) rank++
    }
    return rank
  }
}
