/** The process of one bot: creates or joins a game as it is told, plays, and reports what it saw. */
import { connect } from 'altostratus'
import type { Network, Peer } from 'altostratus'
import { obey, tell } from './bot-messages.ts'
import type { ToBot } from './bot-messages.ts'
import { pong } from './definition.ts'
import type { PongRoom } from './definition.ts'
import { GuestMatch, HostMatch } from './match.ts'
import { everyTick } from '../common/pace.ts'
import { Robot } from './robot.ts'
import { RoundTrips } from './round-trips.ts'
import { RULES, TICKS_PER_SECOND } from './simulation.ts'

/** Bots see a fast ball as well as a slow one, and a short match should have points. */
const BOT_RULES = { ...RULES, pointsToWin: 0, serveSpeed: 240, servePause: 15 }
/** A question for the round-trip time every so many ticks. */
const ASK_EVERY = 3

let network: Network | undefined
obey(begin, async () => network?.close())

async function begin(command: ToBot): Promise<void> {
  if (command.kind === 'end') return
  network = await connect(command.url)
  if (command.kind === 'create') {
    const room = await network.create(pong, { capacity: 2, profile: { name: 'Bot 1' } })
    const arrived = new Promise<Peer>((resolve) => room.on('join', resolve))
    tell({ kind: 'created', code: room.code })
    playHost(room, await arrived, command.seconds)
  } else {
    const room = await network.join(pong, { code: command.code, profile: { name: 'Bot 2' } })
    playGuest(room, room.host)
  }
}

function playHost(room: PongRoom, opponent: Peer, seconds: number): void {
  const match = new HostMatch(room, opponent, { rules: BOT_RULES, seed: Date.now() })
  let ticksLeft = Math.round(seconds * TICKS_PER_SECOND)
  playMatch(room, opponent, match, () => {
    if (!match.hasBegun) return false
    if (ticksLeft-- > 0) return false
    match.finish()
    return true
  })
}

function playGuest(room: PongRoom, opponent: Peer): void {
  const match = new GuestMatch(room, opponent)
  playMatch(room, opponent, match, () => match.isOver)
}

/** Plays until `isOver` says so, once a tick; then reports. */
function playMatch(room: PongRoom, opponent: Peer, match: HostMatch | GuestMatch, isOver: () => boolean): void {
  const robot = new Robot(match.side, Date.now() ^ process.pid)
  const roundTrips = new RoundTrips(room, opponent)
  let began = Number.NaN
  let ticks = 0
  room.on('leave', (_peer, reason) => tell({ kind: 'failed', message: `the other player is gone (${reason})` }))
  const end = everyTick(() => {
    match.tick(robot.target(match.scene))
    if (match.hasBegun && Number.isNaN(began)) began = performance.now()
    if (match.hasBegun && ++ticks % ASK_EVERY === 0) roundTrips.ask()
    if (!isOver()) return
    end()
    const report = {
      points: match.points,
      isConsistent: match instanceof HostMatch || match.isConsistent,
      seconds: (performance.now() - began) / 1000,
      roundTrips: roundTrips.measured,
      path: opponent.path,
      inputs: match.counts,
    }
    tell({ kind: 'over', report })
  })
}
