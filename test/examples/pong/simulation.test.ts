import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  BALL_RADIUS,
  FIELD_HEIGHT,
  FIELD_WIDTH,
  MAX_BALL_SPEED,
  PADDLE_HEIGHT,
  PADDLE_INSET,
  PADDLE_SPEED,
  PADDLE_WIDTH,
  RULES,
  TICKS_PER_SECOND,
  moveBall,
  movePaddle,
  newWorld,
  step,
} from '../../../examples/pong/simulation.ts'
import { nextRandom } from '../../../examples/common/random.ts'
import type { World } from '../../../examples/pong/simulation.ts'

const MIDDLE = FIELD_HEIGHT / 2
const REACH = PADDLE_INSET + PADDLE_WIDTH + BALL_RADIUS
const idle = { left: MIDDLE, right: MIDDLE }

function run(world: World, ticks: number, targets: (tick: number) => { left: number; right: number }, rules = RULES): World {
  for (let i = 0; i < ticks; i++) world = step(world, targets(i), rules)
  return world
}

describe('the same on every machine', () => {
  const wander = (tick: number) => ({ left: (tick * 7) % 100, right: (tick * 3) % 100 })

  test('the same seed and inputs give the same match', () => {
    expect(run(newWorld(5), 20_000, wander)).toEqual(run(newWorld(5), 20_000, wander))
  })

  test('a match of 1,000 ticks, to the bit', () => {
    const { ball, points } = run(newWorld(1), 1_000, wander)
    expect({ ball, points }).toMatchInlineSnapshot(`
     {
       "ball": {
         "vx": -93.83632975277975,
         "vy": 14.823738345221269,
         "x": 32.75063034384111,
         "y": 60.62367914740854,
       },
       "points": [
         2,
         4,
       ],
     }
    `)
  })

  test('another seed gives other serves', () => {
    const slopes = new Set(Array.from({ length: 20 }, (_, seed) => run(newWorld(seed), RULES.servePause, () => idle).ball.vy))
    expect(slopes.size).toBe(20)
  })

  test('the generator is mulberry32, from 0 up to 1', () => {
    expect(nextRandom(0)[0]).toBeCloseTo(0.26642920868471265, 15)
    fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (seed) => nextRandom(seed)[0] >= 0 && nextRandom(seed)[0] < 1))
  })

  test('a step leaves the world that it was given as it was', () => {
    const world = Object.freeze(newWorld(1))
    step(world, idle)
    expect(world).toEqual(newWorld(1))
  })
})

describe('paddles', () => {
  test('go no faster than they can, and stop where they are to be', () => {
    expect(movePaddle(50, 90)).toBeCloseTo(50 + PADDLE_SPEED / TICKS_PER_SECOND)
    expect(movePaddle(50, 10)).toBeCloseTo(50 - PADDLE_SPEED / TICKS_PER_SECOND)
    expect(movePaddle(50, 50.5)).toBe(50.5)
  })

  test('stay in the field', () => {
    expect(movePaddle(PADDLE_HEIGHT / 2, 0)).toBe(PADDLE_HEIGHT / 2)
    expect(movePaddle(FIELD_HEIGHT - PADDLE_HEIGHT / 2, FIELD_HEIGHT)).toBe(FIELD_HEIGHT - PADDLE_HEIGHT / 2)
  })
})

describe('the ball', () => {
  test('bounces off the walls', () => {
    expect(moveBall({ x: 100, y: BALL_RADIUS + 0.5, vx: 0, vy: -60 }, MIDDLE, MIDDLE)).toEqual({
      x: 100,
      y: BALL_RADIUS + 0.5,
      vx: 0,
      vy: 60,
    })
    const y = FIELD_HEIGHT - BALL_RADIUS - 0.25
    expect(moveBall({ x: 100, y, vx: 0, vy: 60 }, MIDDLE, MIDDLE)).toMatchObject({ y: y - 0.5, vy: -60 })
  })

  test('comes back from a paddle, faster, at an angle that depends on where it met it', () => {
    const straight = moveBall({ x: REACH + 1, y: MIDDLE, vx: -100, vy: 0 }, MIDDLE, MIDDLE)
    expect(straight.vx).toBeGreaterThan(100)
    expect(straight.vy).toBe(0)
    const above = moveBall({ x: REACH + 1, y: MIDDLE - 5, vx: -100, vy: 0 }, MIDDLE, MIDDLE)
    expect(above.vy).toBeLessThan(0)
    const right = moveBall({ x: FIELD_WIDTH - REACH - 1, y: MIDDLE + 5, vx: 100, vy: 0 }, 0, MIDDLE)
    expect(right.vx).toBeLessThan(0)
    expect(right.vy).toBeGreaterThan(0)
  })

  test('passes a paddle that is elsewhere', () => {
    expect(moveBall({ x: REACH + 1, y: 80, vx: -100, vy: 0 }, 20, 80).vx).toBe(-100)
  })

  test('is not caught from behind', () => {
    expect(moveBall({ x: REACH - 1, y: MIDDLE, vx: -100, vy: 0 }, MIDDLE, MIDDLE).vx).toBe(-100)
  })

  test('never goes through a paddle that is in its way, however fast', () => {
    const speed = fc.double({ min: 1, max: MAX_BALL_SPEED, noNaN: true })
    fc.assert(
      fc.property(fc.double({ min: 0, max: 6, noNaN: true }), fc.double({ min: 10, max: 90, noNaN: true }), speed, (ahead, y, vx) => {
        let ball = { x: REACH + ahead, y, vx: -vx, vy: 0 }
        for (let i = 0; i < 1_000 && ball.vx < 0; i++) ball = moveBall(ball, y, y)
        expect(ball.vx).toBeGreaterThan(0)
        expect(ball.x).toBeGreaterThanOrEqual(REACH - 1e-9)
      }),
    )
  })

  test('stays in the field and below its greatest speed, whatever the players do', () => {
    const target = fc.double({ min: 0, max: FIELD_HEIGHT, noNaN: true })
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.tuple(target, target), { minLength: 1, maxLength: 40 }), (seed, moves) => {
        let world = newWorld(seed)
        for (let tick = 0; tick < 2_000; tick++) {
          const [left, right] = moves[Math.floor(tick / 20) % moves.length] as [number, number]
          world = step(world, { left, right })
          const { x, y, vx, vy } = world.ball
          if (!(x >= 0 && x <= FIELD_WIDTH && y >= 0 && y <= FIELD_HEIGHT)) return false
          if (Math.hypot(vx, vy) > MAX_BALL_SPEED + 1e-9) return false
        }
        return true
      }),
      { numRuns: 30 },
    )
  })
})

describe('points', () => {
  /** A left paddle that looks away. */
  const asleep = { left: 0, right: MIDDLE }

  function untilPoint(world: World, rules = RULES): World {
    const { points } = world
    for (let i = 0; i < 10_000 && world.points === points; i++) world = step(world, { ...asleep, right: world.ball.y }, rules)
    return world
  }

  test('are made behind the goal line; the next serve goes to who lost it, after a pause', () => {
    const world = untilPoint(newWorld(0))
    expect(world.points).toEqual([0, 1])
    expect(world.ball).toEqual({ x: FIELD_WIDTH / 2, y: FIELD_HEIGHT / 2, vx: 0, vy: 0 })
    const paused = run(world, RULES.servePause - 1, () => idle)
    expect(paused.ball.vx).toBe(0)
    expect(step(paused, idle).ball.vx).toBeLessThan(0)
  })

  test('eleven win; after a pause the next match begins at nil', () => {
    let world = newWorld(0)
    for (let i = 0; i < RULES.pointsToWin; i++) world = untilPoint(world)
    expect(world).toMatchObject({ points: [0, 11], winner: 'right' })
    const paused = run(world, RULES.victoryPause - 1, () => idle)
    expect(paused).toMatchObject({ points: [0, 11], winner: 'right' })
    expect(step(paused, idle)).toMatchObject({ points: [0, 0], winner: undefined })
  })

  test('go on for ever when nobody is to win', () => {
    const rules = { ...RULES, pointsToWin: 0 }
    let world = newWorld(0, rules)
    for (let i = 0; i < 15; i++) world = untilPoint(world, rules)
    expect(world).toMatchObject({ points: [0, 15], winner: undefined })
  })
})
