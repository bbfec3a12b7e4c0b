import type { ArenaRoom, Avatar, Gem } from './definition.ts'
import { Referee } from './referee.ts'
import { COOLDOWN, REACH, anywhere, isWithin, moved, scattered } from './rules.ts'
import type { Chance, Facing } from './rules.ts'

/** What a player wants in a tick. */
export interface Controls {
  /** Where it runs; `undefined` to stand. */
  readonly run: Facing | undefined
  readonly isShooting: boolean
}

/** A shot that is to be seen. */
export interface Beam {
  readonly by: Avatar
  readonly facing: Facing
  /** On the room's clock. */
  readonly at: number
}

/** One player in a room: moves its own avatar, claims the gems that it walks onto, shoots; and is the referee while it is the host. */
export class Player {
  readonly room: ArenaRoom
  /** The latest shots. */
  readonly beams: Beam[] = []
  private readonly chance: Chance
  private readonly claiming = new Set<Gem>()
  private readonly ends: (() => void)[]
  private own: Avatar
  private shotAt = -Infinity
  private referee: Referee | undefined = undefined

  /** @param chance Where it begins, where gems fly. */
  constructor(room: ArenaRoom, chance: Chance) {
    this.room = room
    this.chance = chance
    this.own = this.enter()
    this.ends = [
      room.asHost((signal) => {
        const referee = new Referee(room, chance)
        this.referee = referee
        signal.addEventListener('abort', () => (this.referee = undefined))
      }),
      room.channels.shot.on(({ facing }, from) => {
        const by = avatarOf(room, from.order)
        if (by !== undefined) this.sawShot(by, facing)
      }),
      room.channels.drop.on(({ gem: id }, from) => {
        const gem = room.entities.gem.get(id)
        if (from === room.host && gem?.isMine === true) this.drop(gem)
      }),
    ]
  }

  get avatar(): Avatar {
    return this.own
  }

  /** One tick. @param seconds How long it is. */
  tick({ run, isShooting }: Controls, seconds: number): void {
    const { room } = this
    if (!room.isOpen) return
    if (!this.own.isAlive) this.own = this.enter()
    if (run !== undefined) Object.assign(this.own, moved(this.own, run, seconds), { facing: run })
    if (isShooting) this.shoot()
    if (room.shared.phase === 'over') this.giveBack()
    else this.pickUp()
    this.referee?.tick()
  }

  /** Stops listening, and takes the avatar away. */
  end(): void {
    for (const end of this.ends) end()
    if (this.room.isOpen && this.own.isMine) this.own.despawn()
  }

  private enter(): Avatar {
    return this.room.entities.avatar.spawn({ ...anywhere(this.chance), facing: 'right' })
  }

  private pickUp(): void {
    for (const gem of this.room.entities.gem) {
      if (gem.holder !== undefined || this.claiming.has(gem) || !isWithin(gem, this.own, REACH)) continue
      this.claiming.add(gem)
      // Of all who ask at the same time one is granted it: that one has the point.
      void gem.claim().then((isGranted) => {
        this.claiming.delete(gem)
        if (isGranted && gem.isMine && gem.holder === undefined) gem.holder = this.room.self.order
      })
    }
  }

  private shoot(): void {
    const now = this.room.now()
    if (now - this.shotAt < COOLDOWN) return
    this.shotAt = now
    this.room.channels.shot.send({ facing: this.own.facing })
    this.sawShot(this.own, this.own.facing)
  }

  private sawShot(by: Avatar, facing: Facing): void {
    const at = this.room.now()
    this.beams.push({ by, facing, at })
    if (this.beams.length > MOST_BEAMS) this.beams.shift()
    this.referee?.judge(by, facing)
  }

  private drop(gem: Gem): void {
    const from = gem.holder === undefined ? undefined : avatarOf(this.room, gem.holder)
    Object.assign(gem, { ...scattered(from ?? gem, this.chance), holder: undefined })
    gem.give(this.room.host)
  }

  /** The round is over: all gems go back to the host, who lays them out anew. */
  private giveBack(): void {
    if (this.room.isHost) return
    for (const gem of this.room.entities.gem) {
      if (!gem.isMine) continue
      gem.holder = undefined
      gem.give(this.room.host)
    }
  }
}

const MOST_BEAMS = 32

/** A player's avatar, once it is known here. */
export function avatarOf(room: ArenaRoom, order: number): Avatar | undefined {
  for (const avatar of room.entities.avatar) if (avatar.owner?.order === order) return avatar
  return undefined
}
