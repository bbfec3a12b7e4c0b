import { Bot } from '../../../examples/arena/bot.ts'
import { STEP, arena } from '../../../examples/arena/definition.ts'
import type { ArenaRoom } from '../../../examples/arena/definition.ts'
import { Player } from '../../../examples/arena/player.ts'
import type { Chance } from '../../../examples/arena/rules.ts'
import { nextRandom } from '../../../examples/common/random.ts'
import { simulate } from 'altostratus/testing'
import type { Simulation, SimulationOptions } from 'altostratus/testing'

/** Of the game's loop, in ticks a second: fewer than in a real game, so that a minute takes seconds. */
export const TICKS = 20
const GRACE = 3_000
const STILL = { run: undefined, isShooting: false }

function chanceOf(seed: number): Chance {
  let state = seed
  return () => {
    const [value, next] = nextRandom(state)
    state = next
    return value
  }
}

/** Players in virtual time, whose ticks the test counts. */
export class Match {
  readonly net: Simulation
  players: Player[] = []
  private readonly bots = new Map<Player, Bot>()

  constructor(options: SimulationOptions) {
    this.net = simulate(options)
  }

  async enter(count: number): Promise<void> {
    for (const room of await this.net.players(arena, count, { capacity: 16, grace: GRACE })) this.seat(room)
  }

  seat(room: ArenaRoom): Player {
    const player = new Player(room, chanceOf(room.self.order + 1))
    this.players.push(player)
    this.bots.set(player, new Bot(player, chanceOf(100 + room.self.order)))
    return player
  }

  async join(): Promise<Player> {
    const network = await this.net.connect()
    return this.seat(await this.net.wait(network.join(arena, { code: this.players[0]!.room.code, timeout: 20_000 })))
  }

  /** Bots play, or all stand still. @param watch Called after each tick. */
  async run(seconds: number, isPlaying = true, watch: () => void = () => {}): Promise<void> {
    for (let i = 0; i < seconds * TICKS; i++) {
      for (const player of this.players) {
        if (isPlaying) this.bots.get(player)!.tick(1 / TICKS)
        else player.tick(STILL, 1 / TICKS)
      }
      await this.net.run(1_000 / TICKS)
      watch()
    }
  }

  get host(): Player {
    return this.players.find((player) => player.room.isHost)!
  }

  killHost(): void {
    const { host } = this
    this.net.crash(host.room)
    this.players = this.players.filter((player) => player !== host)
  }

  /** What one player knows of everything, as text that can be compared. */
  stateOf({ room }: Player): string {
    const all = [...room.entities.gem, ...room.entities.avatar].map((entity) => {
      const { x, y, ...rest } = entity.latest()
      // Who writes a number sees it as it was written, the others as it travels.
      return [entity.id, entity.owner?.order, Math.round(x / STEP), Math.round(y / STEP), rest]
    })
    return JSON.stringify([room.host.order, room.shared.latest(), all.sort(([a], [b]) => Number(a) - Number(b))])
  }

  states(): string[] {
    return [...new Set(this.players.map((player) => this.stateOf(player)))]
  }

  /** Each gem is in the world once, and one player at most may write it. */
  checkGems(): void {
    const writers = new Set<string>()
    for (const { room } of this.players) {
      for (const gem of room.entities.gem) {
        if (!gem.isMine) continue
        const key = `${room.host.order} ${gem.id}`
        if (writers.has(key)) throw new Error(`gem ${gem.id} has two who write it`)
        writers.add(key)
      }
    }
  }
}
