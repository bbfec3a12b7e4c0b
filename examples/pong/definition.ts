import { channel, game, t } from 'altostratus'
import type { Room } from 'altostratus'
import { FIELD_HEIGHT, FIELD_WIDTH, MAX_BALL_SPEED } from './simulation.ts'

/** Finer than a screen shows: a field unit is less than half a column of 80. */
const STEP = 0.01

const height = t.fixed(0, FIELD_HEIGHT, STEP)
const speed = t.fixed(-MAX_BALL_SPEED, MAX_BALL_SPEED, STEP)

/** What the two players tell each other. Both import this; it is the wire format. */
export const pong = game('altostratus.examples.pong', {
  protocol: 1,
  channels: {
    /**
     * Each player: where its paddle is to go. A place, not a movement, so that a lost message costs nothing
     * once the next one is there.
     */
    input: channel({ sequence: t.uint32, target: height }, { delivery: 'latest', priority: 'immediate' }),
    /** The host: where everything is. */
    state: channel(
      {
        tick: t.uint32,
        ballX: t.fixed(0, FIELD_WIDTH, STEP),
        ballY: height,
        velocityX: speed,
        velocityY: speed,
        left: height,
        right: height,
      },
      { delivery: 'latest', priority: 'high' },
    ),
    /** The host: a point was made (`scorer`), or this is how it stands now (`none`). */
    score: channel(
      {
        left: t.uint16,
        right: t.uint16,
        scorer: t.oneOf('none', 'left', 'right'),
        phase: t.oneOf('play', 'won', 'final'),
      },
      { delivery: 'reliable' },
    ),
    /** Measures a message's way there and back. */
    ping: channel({ id: t.uint32, isReply: t.bool }, { delivery: 'unreliable', priority: 'immediate', lifetime: 500 }),
  },
})

/** A room in which pong is played. */
export type PongRoom = Room<typeof pong>
