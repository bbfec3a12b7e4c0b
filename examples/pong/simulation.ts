/**
 * The rules of pong, and nothing else: no clock, no network, no screen. The same inputs give the same world on every
 * machine, because only arithmetic that IEEE 754 defines to the bit is used (no sine, no `Math.random`).
 *
 * Lengths are in field units, times in ticks or seconds as named. x grows to the right, y downwards.
 */

import { TICKS_PER_SECOND } from '../common/pace.ts'
import { nextRandom } from '../common/random.ts'

export { TICKS_PER_SECOND }
export const FIELD_WIDTH = 200
export const FIELD_HEIGHT = 100
export const PADDLE_HEIGHT = 18
export const PADDLE_WIDTH = 3
/** From the goal line to a paddle's back. */
export const PADDLE_INSET = 4
/** Units a second. */
export const PADDLE_SPEED = 120
export const BALL_RADIUS = 2
/** Units a second. */
export const MAX_BALL_SPEED = 260
/** A rally gets faster with each hit. */
const SPEED_UP = 1.06
/** The ball's steepest way off a paddle's end: y over x. */
const MAX_SLOPE = 1.1
const SERVE_SLOPE = 0.7

/** The host is always on the left. */
export type Side = 'left' | 'right'

export interface Ball {
  readonly x: number
  readonly y: number
  /** Units a second. */
  readonly vx: number
  readonly vy: number
}

/** What can be seen: ball, and the middles of both paddles. */
export interface Scene {
  readonly ball: Ball
  readonly left: number
  readonly right: number
}

/** Everything that the host keeps. */
export interface World extends Scene {
  readonly tick: number
  readonly points: readonly [left: number, right: number]
  readonly winner: Side | undefined
  /** Ticks until the ball is served; 0 during a rally. */
  readonly serveIn: number
  readonly serveTo: Side
  /** State of the generator that picks the serves. */
  readonly seed: number
}

export interface Rules {
  /** Who has this many points wins, and a new match begins; 0: they play for ever. */
  readonly pointsToWin: number
  /** Units a second. */
  readonly serveSpeed: number
  /** Ticks. */
  readonly servePause: number
  /** Ticks between a match and the next. */
  readonly victoryPause: number
}

export const RULES: Rules = { pointsToWin: 11, serveSpeed: 95, servePause: 60, victoryPause: 5 * TICKS_PER_SECOND }

/** Where the players want their paddles, in field units. */
export interface Targets {
  readonly left: number
  readonly right: number
}

const CENTRE: Ball = { x: FIELD_WIDTH / 2, y: FIELD_HEIGHT / 2, vx: 0, vy: 0 }
export const OPENING_SCENE: Scene = { ball: CENTRE, left: FIELD_HEIGHT / 2, right: FIELD_HEIGHT / 2 }

/** A match before its first serve. @param seed Any integer; decides every serve. */
export function newWorld(seed: number, rules: Rules = RULES): World {
  const serveTo: Side = (seed & 1) === 0 ? 'left' : 'right'
  return { ...OPENING_SCENE, tick: 0, points: [0, 0], winner: undefined, serveIn: rules.servePause, serveTo, seed: seed >>> 0 }
}

/** The world one tick later. */
export function step(world: World, targets: Targets, rules: Rules = RULES): World {
  const next = {
    ...world,
    tick: world.tick + 1,
    left: movePaddle(world.left, targets.left),
    right: movePaddle(world.right, targets.right),
  }
  if (world.serveIn > 1) return { ...next, serveIn: world.serveIn - 1 }
  if (world.serveIn === 1) return serve(next, rules)
  const ball = moveBall(world.ball, next.left, next.right)
  if (ball.x < 0) return point({ ...next, ball }, 'right', rules)
  if (ball.x > FIELD_WIDTH) return point({ ...next, ball }, 'left', rules)
  return { ...next, ball }
}

/** A paddle's middle one tick later, on its way to `target`. */
export function movePaddle(from: number, target: number): number {
  const most = PADDLE_SPEED / TICKS_PER_SECOND
  const way = Math.max(-most, Math.min(most, target - from))
  return clampPaddle(from + way)
}

/** The nearest place where a paddle can be. */
export function clampPaddle(middle: number): number {
  return Math.max(PADDLE_HEIGHT / 2, Math.min(FIELD_HEIGHT - PADDLE_HEIGHT / 2, middle))
}

/** The ball one tick later, off walls and paddles. It may end behind a goal line: who counts the points must look. */
export function moveBall(ball: Ball, left: number, right: number): Ball {
  const seconds = 1 / TICKS_PER_SECOND
  const reach = PADDLE_INSET + PADDLE_WIDTH + BALL_RADIUS
  const face = ball.vx < 0 ? reach : FIELD_WIDTH - reach
  const paddle = ball.vx < 0 ? left : right
  const distance = (face - ball.x) / ball.vx
  if (!(distance >= 0 && distance < seconds)) return fly(ball, seconds)

  const there = fly(ball, distance)
  const offset = (there.y - paddle) / (PADDLE_HEIGHT / 2 + BALL_RADIUS)
  if (Math.abs(offset) > 1) return fly(ball, seconds)
  const speed = Math.min(MAX_BALL_SPEED, SPEED_UP * Math.sqrt(ball.vx * ball.vx + ball.vy * ball.vy))
  return fly({ ...there, ...direction(speed, offset * MAX_SLOPE, ball.vx < 0 ? 1 : -1) }, seconds - distance)
}

/** Through the air, off the walls. */
function fly(ball: Ball, seconds: number): Ball {
  const x = ball.x + ball.vx * seconds
  const y = ball.y + ball.vy * seconds
  const top = BALL_RADIUS
  const bottom = FIELD_HEIGHT - BALL_RADIUS
  if (y < top) return { ...ball, x, y: 2 * top - y, vy: -ball.vy }
  if (y > bottom) return { ...ball, x, y: 2 * bottom - y, vy: -ball.vy }
  return { ...ball, x, y }
}

function serve(world: World, rules: Rules): World {
  const [random, seed] = nextRandom(world.seed)
  const velocity = direction(rules.serveSpeed, (2 * random - 1) * SERVE_SLOPE, world.serveTo === 'left' ? -1 : 1)
  const points = world.winner === undefined ? world.points : ([0, 0] as const)
  return { ...world, ball: { ...CENTRE, ...velocity }, points, winner: undefined, serveIn: 0, seed }
}

function point(world: World, scorer: Side, rules: Rules): World {
  const [left, right] = world.points
  const points = scorer === 'left' ? ([left + 1, right] as const) : ([left, right + 1] as const)
  const hasWon = rules.pointsToWin > 0 && Math.max(...points) >= rules.pointsToWin
  return {
    ...world,
    ball: CENTRE,
    points,
    winner: hasWon ? scorer : undefined,
    serveIn: hasWon ? rules.victoryPause : rules.servePause,
    serveTo: scorer === 'left' ? 'right' : 'left',
  }
}

function direction(speed: number, slope: number, sign: 1 | -1): { vx: number; vy: number } {
  const across = speed / Math.sqrt(1 + slope * slope)
  return { vx: sign * across, vy: across * slope }
}
