import { connect } from 'altostratus'
import type { Network } from 'altostratus'
import type { Meeting } from '../common/meeting.ts'
import { nextRandom } from '../common/random.ts'
import { Bot } from './bot.ts'
import { arena } from './definition.ts'
import { Player } from './player.ts'
import type { Chance } from './rules.ts'

/** Bots of this process, each of them a player with a connection of its own. */
export class Bots {
  private readonly bots: Bot[] = []
  private readonly networks: Network[] = []
  private isEnded = false

  /** Lets so many join. @throws AltostratusError when there is no place for one; those before it stay */
  async join({ room, introducerUrl }: Meeting<typeof arena>, count: number): Promise<void> {
    for (let i = 1; i <= count && !this.isEnded; i++) {
      const network = await connect(introducerUrl ?? 'lan')
      this.networks.push(network)
      const name = `Bot ${room.self.order}.${i}`
      const seat = await network.join(arena, { code: room.code, profile: { name, isBot: true } })
      if (!this.isEnded) this.bots.push(new Bot(new Player(seat, systemChance()), systemChance()))
    }
  }

  /** One tick of all. @param seconds How long it is. */
  tick(seconds: number): void {
    for (const bot of this.bots) bot.tick(seconds)
  }

  async end(): Promise<void> {
    this.isEnded = true
    await Promise.all(this.bots.map(({ player }) => player.room.leave()))
    await Promise.all(this.networks.map((network) => network.close()))
  }
}

/** Chance that begins anywhere. */
export function systemChance(): Chance {
  let seed = Math.floor(Math.random() * 2 ** 32)
  return () => {
    const [value, next] = nextRandom(seed)
    seed = next
    return value
  }
}
