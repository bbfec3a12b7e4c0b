import type { ArenaRoom, Avatar, Gem } from './definition.ts'
import { scoresOf } from './report.ts'
import { COOLDOWN, GEMS, ROUND_PAUSE, anywhere, firstHit, leaders, scattered } from './rules.ts'
import type { Chance, Facing } from './rules.ts'

/** How long a new host waits for what is still on its way to it, before it makes up for gems that nobody has. Milliseconds. */
const SETTLING = 3_000
/** Shots that come a little closer together than they were shot are none too many. */
const TOLERANCE = 0.8

/**
 * What only the host does: lays gems out, says who was hit, ends rounds. It remembers nothing that matters: all that it goes by is in the room's
 * state, so that whoever is the host next goes on where this one stopped.
 */
export class Referee {
  private readonly room: ArenaRoom
  private readonly chance: Chance
  private readonly since: number
  private readonly lastShots = new Map<Avatar, number>()

  constructor(room: ArenaRoom, chance: Chance) {
    this.room = room
    this.chance = chance
    this.since = room.now()
  }

  tick(): void {
    const { shared } = this.room
    if (!shared.isMine) return
    if (shared.phase === 'empty') {
      this.layOut()
      shared.phase = 'play'
    }
    if (this.room.now() - this.since > SETTLING) this.layOut()
    this.freeAbandoned()
    if (shared.phase === 'play') this.endRound()
    else this.beginRound()
  }

  /** Somebody has shot: if it meets a player who holds gems, one of them is dropped. */
  judge(by: Avatar, facing: Facing): void {
    const { room } = this
    const now = room.now()
    if (now - (this.lastShots.get(by) ?? -Infinity) < COOLDOWN * TOLERANCE) return
    this.lastShots.set(by, now)
    const others = [...room.entities.avatar].filter((avatar) => avatar !== by)
    const victim = firstHit(by, facing, others)
    const order = victim?.owner?.order
    const gem = order === undefined ? undefined : [...room.entities.gem].find(({ holder }) => holder === order)
    if (victim === undefined || gem === undefined) return
    if (gem.isMine) Object.assign(gem, { ...scattered(victim, this.chance), holder: undefined })
    else if (gem.owner !== undefined) room.channels.drop.send({ gem: gem.id }, gem.owner)
  }

  private layOut(): void {
    const { gem } = this.room.entities
    while (gem.size < GEMS) gem.spawn(anywhere(this.chance))
  }

  /** The gems of players who have left fall to the host; they lie where they were found. */
  private freeAbandoned(): void {
    for (const gem of this.own()) if (gem.holder !== undefined && !this.isPresent(gem.holder)) gem.holder = undefined
  }

  private isPresent(holder: number): boolean {
    const { self, peers } = this.room
    return holder === self.order || [...peers.values()].some(({ order }) => order === holder)
  }

  private endRound(): void {
    const { shared, entities } = this.room
    for (const { holder } of entities.gem) if (holder === undefined) return
    const scores = scoresOf(this.room)
    const winners = leaders(scores)
    const present = [...scores.keys()].filter((order) => this.isPresent(order))
    const wins = Object.fromEntries(present.map((order) => [order, (shared.wins[order] ?? 0) + (winners.includes(order) ? 1 : 0)]))
    Object.assign(shared, { phase: 'over', winners, wins, nextRound: this.room.now() + ROUND_PAUSE })
  }

  private beginRound(): void {
    const { shared } = this.room
    for (const gem of this.own()) if (gem.holder !== undefined) Object.assign(gem, { ...anywhere(this.chance), holder: undefined })
    if (this.room.now() >= shared.nextRound) shared.phase = 'play'
  }

  private own(): Gem[] {
    return [...this.room.entities.gem].filter(({ isMine }) => isMine)
  }
}
