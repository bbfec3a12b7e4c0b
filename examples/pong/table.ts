import type { LeaveReason, Peer } from 'altostratus'
import type { Frame, Size } from '../common/frame.ts'
import type { KeyEvent } from '../common/keys.ts'
import { invitation, nameOf } from '../common/meeting.ts'
import type { Meeting } from '../common/meeting.ts'
import type { Seat, TerminalGame } from '../common/play.ts'
import { pong } from './definition.ts'
import { KEYS, Steering } from './input.ts'
import type { Action } from './input.ts'
import { GuestMatch, HostMatch } from './match.ts'
import type { Match } from './match.ts'
import { LEAST_SIZE, draw } from './render.ts'
import type { View } from './render.ts'
import { FIELD_HEIGHT } from './simulation.ts'
import type { Side } from './simulation.ts'

/** Silence that is worth telling, in ms; a peer is given up after five seconds of it. */
const NOTICEABLE_SILENCE = 1_000
/** How long a point is celebrated, in ms. */
const CELEBRATION = 900
/** How long the other player is waited for who does not answer, in ms. */
const SEAT_GRACE = 5_000
const HINT = 'q quits'

/** Pong as a person plays it. */
export const PONG: TerminalGame<typeof pong, Action> = {
  name: 'pong',
  game: pong,
  room: { capacity: 2, grace: SEAT_GRACE },
  full: 'Two are playing already. Open another game with `npm run pong -- --create`.',
  without: 'watch two bots: npm run pong -- --bots --seconds 5',
  keys: KEYS,
  leastSize: LEAST_SIZE,
  sitDown: (meeting) => new Table(meeting),
}

/** One player's place: who is opposite, the match with them, and what there is to see. */
export class Table implements Seat<Action> {
  private readonly meeting: Meeting<typeof pong>
  private match: Match | undefined = undefined
  private opponent: Peer | undefined = undefined
  private steering = new Steering(FIELD_HEIGHT / 2)
  /** Why nobody is opposite any more. */
  private farewell: { readonly title: string; readonly isFinal: boolean } | undefined = undefined
  private lastSummary: string | undefined = undefined
  private now: number = performance.now()
  private heard = { count: 0, at: 0 }
  private celebrated: { readonly side: Side; readonly until: number } | undefined = undefined
  private readonly ends: (() => void)[]

  constructor(meeting: Meeting<typeof pong>) {
    this.meeting = meeting
    const { room } = meeting
    this.ends = [room.on('join', (peer) => this.sitDown(peer)), room.on('leave', (peer, reason) => this.standUp(peer, reason))]
    for (const peer of room.peers.values()) this.sitDown(peer)
  }

  /** How the last match stood when it ended, for the line that stays on the terminal. `undefined` when none was played. */
  get summary(): string | undefined {
    return this.match === undefined ? this.lastSummary : this.describeScore()
  }

  key(key: KeyEvent<Action>): void {
    this.steering.key(key, performance.now())
  }

  /** One tick. @param now Milliseconds. */
  tick(now: number): void {
    this.now = now
    const { match } = this
    if (match === undefined) return
    const [left, right] = match.points
    match.tick(this.steering.tick(now))
    if (match.points[0] > left) this.celebrated = { side: 'left', until: now + CELEBRATION }
    if (match.points[1] > right) this.celebrated = { side: 'right', until: now + CELEBRATION }
    if (match.counts.received !== this.heard.count) this.heard = { count: match.counts.received, at: now }
  }

  draw(size: Size): Frame {
    return draw(this.view(), size)
  }

  private view(): View {
    const { match, meeting } = this
    if (match !== undefined) {
      const names = this.names()
      return {
        kind: 'match',
        scene: match.scene,
        side: match.side,
        names,
        points: match.points,
        banner: this.banner(),
        status: this.status(),
      }
    }
    if (this.farewell?.isFinal === true) {
      const lines = ['The introducer ran in that process and ended with it.', 'To go on, one of you types', '  npm run pong -- --create']
      return { kind: 'notice', title: this.farewell.title, lines, keys: HINT }
    }
    const invite = [`Code: ${meeting.room.code}`, '', ...invitation(meeting)]
    if (this.farewell === undefined) return { kind: 'notice', title: 'Waiting for the other player', lines: invite, keys: HINT }
    return { kind: 'notice', title: this.farewell.title, lines: ['Waiting for another player', '', ...invite], keys: HINT }
  }

  end(): void {
    this.lastSummary = this.summary
    this.match?.end()
    this.match = undefined
    for (const end of this.ends) end()
  }

  private sitDown(peer: Peer): void {
    if (this.match !== undefined) return
    const { room } = this.meeting
    this.opponent = peer
    this.farewell = undefined
    this.celebrated = undefined
    this.heard = { count: 0, at: this.now }
    this.steering = new Steering(FIELD_HEIGHT / 2)
    this.match = room.isHost ? new HostMatch(room, peer, { seed: Date.now() }) : new GuestMatch(room, peer)
  }

  private standUp(peer: Peer, reason: LeaveReason): void {
    if (peer !== this.opponent || this.match === undefined) return
    const title = reason === 'left' ? `${this.opponentName()} has left.` : `The connection to ${this.opponentName()} is lost.`
    this.farewell = { title, isFinal: peer.profile['isIntroducer'] === true }
    this.lastSummary = this.describeScore()
    this.match.end()
    this.match = undefined
    this.opponent = undefined
  }

  private names(): [left: string, right: string] {
    const own = nameOf(this.meeting.room.self)
    const other = this.opponent === undefined ? undefined : nameOf(this.opponent)
    const [left, right] = this.match?.side === 'right' ? [other, own] : [own, other]
    return [left ?? 'Left', right ?? 'Right']
  }

  private opponentName(): string {
    const [left, right] = this.names()
    return this.match?.side === 'right' ? left : right
  }

  private describeScore(): string | undefined {
    if (this.match === undefined) return undefined
    const [left, right] = this.names()
    return `${left} ${this.match.points[0]} : ${this.match.points[1]} ${right}`
  }

  private banner(): string[] {
    const { match, now } = this
    if (match === undefined) return []
    const [left, right] = this.names()
    const silence = now - this.heard.at
    if (silence > NOTICEABLE_SILENCE) return [`No answer from ${this.opponentName()} for ${Math.floor(silence / 1000)} s`]
    if (!match.hasBegun) return [`${this.opponentName()} is coming …`]
    if (match.winner !== undefined) {
      return [`${match.winner === 'left' ? left : right} wins ${match.points[0]} : ${match.points[1]}`, 'The next match begins in a moment']
    }
    if (this.celebrated !== undefined && now < this.celebrated.until) return [`Point for ${this.celebrated.side === 'left' ? left : right}`]
    return []
  }

  private status(): string {
    const { opponent } = this
    if (opponent === undefined) return HINT
    // RTMFP's clock ticks every 4 ms: decimals would say more than is known.
    const rtt = opponent.rtt < 0 ? 'not yet known' : `${Math.round(opponent.rtt)} ms`
    return `RTT ${rtt} · ${opponent.path} · ↑ ↓ or w s: move · q: quit`
  }
}
