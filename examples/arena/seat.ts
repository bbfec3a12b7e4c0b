import type { Frame, Size } from '../common/frame.ts'
import type { KeyEvent, KeyMap } from '../common/keys.ts'
import { explain } from '../common/meeting.ts'
import type { Meeting } from '../common/meeting.ts'
import { TICKS_PER_SECOND } from '../common/pace.ts'
import type { Seat, TerminalGame } from '../common/play.ts'
import type { ArenaCommand } from './arguments.ts'
import { Bots, systemChance } from './bots.ts'
import { arena } from './definition.ts'
import { Player } from './player.ts'
import { LEAST_SIZE, draw } from './render.ts'
import type { View } from './render.ts'
import { playerName, standings } from './report.ts'
import { MAX_PLAYERS } from './rules.ts'
import type { Facing } from './rules.ts'

type Action = Facing | 'stand' | 'shoot' | 'handOver'

const KEYS: KeyMap<Action | 'quit'> = {
  up: 'up',
  down: 'down',
  left: 'left',
  right: 'right',
  w: 'up',
  s: 'down',
  a: 'left',
  d: 'right',
  x: 'stand',
  space: 'shoot',
  h: 'handOver',
  q: 'quit',
  'ctrl+c': 'quit',
}
/** How long the place of a player who has fallen silent is kept. Milliseconds. */
const SEAT_GRACE = 10_000
/** How long a shot is seen, and how long news are. Milliseconds. */
const BEAM_TIME = 150
const NEWS_TIME = 6_000

/** The arena, however it is played. @param bots How many come along with this player. */
export function arenaGame({ player: command, bots }: Pick<ArenaCommand, 'player' | 'bots'>): TerminalGame<typeof arena, Action> {
  const game: TerminalGame<typeof arena, Action> = {
    name: 'arena',
    game: arena,
    room: { capacity: MAX_PLAYERS, grace: SEAT_GRACE },
    full: `${MAX_PLAYERS} are playing already. Open another arena with \`npm run arena -- --create\`.`,
    without: 'let a bot play: npm run arena -- --create --headless --seconds 10',
    keys: KEYS,
    leastSize: LEAST_SIZE,
    sitDown: (meeting) => new ArenaSeat(meeting, bots, (error) => explain(error, game, command)),
  }
  return game
}

/** A person's place in the arena. */
class ArenaSeat implements Seat<Action> {
  private readonly meeting: Meeting<typeof arena>
  private readonly player: Player
  private readonly bots = new Bots()
  private readonly ends: (() => void)[]
  private news: { readonly text: string; readonly until: number }[] = []
  private run: Facing | undefined = undefined
  private isShooting = false
  private closed: string | undefined = undefined

  constructor(meeting: Meeting<typeof arena>, bots: number, describe: (error: unknown) => string) {
    const { room } = meeting
    this.meeting = meeting
    this.player = new Player(room, systemChance())
    this.ends = [
      room.on('join', (peer) => this.tell(`${playerName(peer)} is here`)),
      room.on('leave', (peer, reason) => this.tell(`${playerName(peer)} ${reason === 'left' ? 'has left' : 'is lost'}`)),
      room.on('away', (peer) => this.tell(`${playerName(peer)} is silent`)),
      room.on('return', (peer) => this.tell(`${playerName(peer)} is back`)),
      room.on('host', (peer) => this.tell(`${peer.isSelf ? 'You are' : `${playerName(peer)} is`} the host now`)),
      room.on('closed', (_reason, explanation) => (this.closed = explanation)),
    ]
    this.bots.join(meeting, bots).catch((error: unknown) => this.tell(describe(error)))
  }

  get summary(): string {
    return standings(this.meeting.room)
      .map(({ name, score, wins }) => `${name} ${score}${wins > 0 ? ` (rounds won: ${wins})` : ''}`)
      .join(', ')
  }

  key({ action, isRelease }: KeyEvent<Action>): void {
    if (isRelease) {
      if (action === this.run) this.run = undefined
    } else if (action === 'shoot') this.isShooting = true
    else if (action === 'stand') this.run = undefined
    else if (action === 'handOver') this.handOver()
    else this.run = action
  }

  tick(): void {
    this.player.tick({ run: this.run, isShooting: this.isShooting }, 1 / TICKS_PER_SECOND)
    this.isShooting = false
    this.bots.tick(1 / TICKS_PER_SECOND)
  }

  draw(size: Size): Frame {
    return draw(this.view(), size)
  }

  end(): void {
    for (const end of this.ends) end()
    this.player.end()
    void this.bots.end()
  }

  private handOver(): void {
    const { room } = this.meeting
    if (!room.isHost) this.tell(`${playerName(room.host)} is the host`)
    else if (room.peers.size === 0) this.tell('Nobody else is here')
    else {
      // To a bot of this process when there is nobody else: it would not be the host for longer than this player.
      const person = [...room.peers.values()].find(({ profile, isAway }) => profile['isBot'] !== true && !isAway)
      room.handOver(person).catch((error: unknown) => this.tell((error as Error).message))
    }
  }

  private tell(text: string): void {
    this.news.push({ text, until: performance.now() + NEWS_TIME })
  }

  private view(): View {
    const { room } = this.meeting
    const { avatar, gem } = room.entities
    const now = room.now()
    this.news = this.news.filter(({ until }) => until > performance.now())
    const avatars = [...avatar].map(({ x, y, facing, owner }) => ({
      x,
      y,
      facing,
      order: owner?.order ?? 0,
      isAway: owner?.isAway === true,
    }))
    const beams = this.player.beams.filter(({ by, at }) => by.isAlive && now - at < BEAM_TIME)
    return {
      avatars,
      gems: [...gem].filter(({ holder }) => holder === undefined),
      beams: beams.map(({ by, facing }) => ({ x: by.x, y: by.y, facing, order: by.owner?.order ?? 0 })),
      standings: standings(room),
      banner: this.banner(),
      news: this.news.length > 0 ? this.news.map(({ text }) => text) : [`Code: ${room.code}`],
      status: this.status(),
    }
  }

  private banner(): string[] {
    const { room } = this.meeting
    if (this.closed !== undefined) return [this.closed, 'q quits']
    if (room.shared.phase !== 'over') return []
    const winners = standings(room).filter(({ order }) => room.shared.winners.includes(order))
    const seconds = Math.max(0, Math.ceil((room.shared.nextRound - room.now()) / 1_000))
    return [`${winners.map(({ name }) => name).join(' and ')} had most gems`, `The next round begins in ${seconds} s`]
  }

  private status(): string {
    const { room, isOwnIntroducer } = this.meeting
    const { host } = room
    const rtt = room.isHost ? 'h: hand over' : host.rtt < 0 ? 'RTT not yet known' : `RTT ${Math.round(host.rtt)} ms`
    const join = isOwnIntroducer ? `npm run arena -- --join ${room.code} · ` : ''
    return `${join}host ${playerName(host)} · ${rtt} · arrows, space, q: quit`
  }
}
