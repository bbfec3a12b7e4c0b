import type { Place } from './rules.ts'
import { SHOT_RANGE, distance, firstHit } from './rules.ts'
import type { Chance, Facing } from './rules.ts'
import { scoresOf } from './report.ts'
import type { Controls, Player } from './player.ts'

/** A bot in whose line of fire somebody is shoots with this chance in each tick. */
const EAGERNESS = 0.05

/** Plays without hands: runs to the nearest gem, or after who holds some, and shoots at whom it sees in front of it. */
export class Bot {
  readonly player: Player
  private readonly chance: Chance

  constructor(player: Player, chance: Chance) {
    this.player = player
    this.chance = chance
  }

  /** One tick. @param seconds How long it is. */
  tick(seconds: number): void {
    this.player.tick(this.decide(), seconds)
  }

  private decide(): Controls {
    const { avatar, room } = this.player
    const scores = scoresOf(room)
    const rich = [...room.entities.avatar].filter((other) => other !== avatar && (scores.get(other.owner?.order ?? -1) ?? 0) > 0)
    const gems = [...room.entities.gem].filter(({ holder }) => holder === undefined)
    const isShooting = firstHit(avatar, avatar.facing, rich) !== undefined && this.chance() < EAGERNESS
    const nearest = nearestTo(avatar, gems)
    if (nearest !== undefined) return { run: towards(avatar, nearest), isShooting }
    const prey = nearestTo(avatar, rich)
    const isInRange = prey !== undefined && distance(avatar, prey) < SHOT_RANGE / 2
    return { run: prey === undefined || (isInRange && isShooting) ? undefined : towards(avatar, prey), isShooting }
  }
}

function nearestTo<T extends Place>(from: Place, places: readonly T[]): T | undefined {
  let nearest: T | undefined
  for (const place of places) if (nearest === undefined || distance(from, place) < distance(from, nearest)) nearest = place
  return nearest
}

/** Along the longer way first. */
function towards(from: Place, to: Place): Facing {
  const [x, y] = [to.x - from.x, to.y - from.y]
  if (Math.abs(x) > Math.abs(y)) return x < 0 ? 'left' : 'right'
  return y < 0 ? 'up' : 'down'
}
