import { nextRandom } from '../common/random.ts'
import { BALL_RADIUS, FIELD_HEIGHT, PADDLE_HEIGHT } from './simulation.ts'
import type { Scene, Side } from './simulation.ts'

/** How far beside the ball a robot aims at most: about every second ball is missed, so that points are made. */
const WORST_AIM = 2 * (PADDLE_HEIGHT / 2 + BALL_RADIUS)

/** A player without hands: follows the ball that comes, with an aim that is as good as its luck. */
export class Robot {
  private readonly side: Side
  private seed: number
  private error = 0
  private wasComing = false

  constructor(side: Side, seed: number) {
    this.side = side
    this.seed = seed
  }

  /** Where it wants its paddle. */
  target({ ball }: Scene): number {
    const isComing = this.side === 'left' ? ball.vx < 0 : ball.vx > 0
    if (isComing && !this.wasComing) this.aim()
    this.wasComing = isComing
    const target = isComing ? ball.y + this.error : FIELD_HEIGHT / 2
    return Math.max(0, Math.min(FIELD_HEIGHT, target))
  }

  private aim(): void {
    const [random, seed] = nextRandom(this.seed)
    this.seed = seed
    this.error = (2 * random - 1) * WORST_AIM
  }
}
