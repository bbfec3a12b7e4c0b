import { channel, entities, game, shared, t } from 'altostratus'
import type { EntityOf, Room } from 'altostratus'
import { FIELD_HEIGHT, FIELD_WIDTH, MAX_BALL_SPEED, TICKS_PER_SECOND } from './simulation.ts'

/** Finer than a screen shows: a field unit is less than half a column of 80. */
const STEP = 0.01

const height = t.fixed(0, FIELD_HEIGHT, STEP)
const speed = t.fixed(-MAX_BALL_SPEED, MAX_BALL_SPEED, STEP)

/** The ball's path changes within a tick; what is sent of it should not wait longer than that. */
const RATE = TICKS_PER_SECOND

const ball = { x: t.fixed(0, FIELD_WIDTH, STEP), y: height, vx: speed, vy: speed }

/** What the two players share. Both import this; it is the wire format. */
export const pong = game('altostratus.examples.pong', {
  protocol: 2,
  entities: {
    /** Where the ball is, and where it flies: the guest carries it on until it hears of it again. */
    ball: entities(ball, { owner: 'host', claim: false, rate: RATE }),
    /** The middle of a paddle, where the host has let it come to. */
    paddle: entities({ side: t.oneOf('left', 'right'), middle: height }, { owner: 'host', claim: false, rate: RATE }),
  },
  /** How it stands. */
  shared: shared({
    left: t.uint16,
    right: t.uint16,
    /** `meeting` until the other player's first input has come; `final` when nothing is counted any more. */
    phase: t.oneOf('meeting', 'play', 'left wins', 'right wins', 'final'),
  }),
  channels: {
    /**
     * Each player: where its paddle is to go. A place, not a movement, so that a lost message costs nothing
     * once the next one is there.
     */
    input: channel({ target: height }, { delivery: 'latest', priority: 'immediate' }),
    /** Measures a message's way there and back. */
    ping: channel({ id: t.uint32, isReply: t.bool }, { delivery: 'unreliable', priority: 'immediate', lifetime: 500 }),
  },
})

/** A room in which pong is played. */
export type PongRoom = Room<typeof pong>
export type BallEntity = EntityOf<typeof ball>
