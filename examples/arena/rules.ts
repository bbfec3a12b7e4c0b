/** The rules of the arena, and nothing else: no clock, no network, no screen. Lengths are in field units; x grows to the right, y downwards. */

export const FIELD_WIDTH = 96
export const FIELD_HEIGHT = 48
export const MAX_PLAYERS = 16
export const GEMS = 16
/** Units a second. */
export const SPEED = 20
/** How near an avatar's middle must come to a gem. */
export const REACH = 2
/** How far a shot goes, and how far beside an avatar's middle it may pass. */
export const SHOT_RANGE = 30
export const SHOT_WIDTH = 2
/** A player shoots so often at most. Milliseconds. */
export const COOLDOWN = 600
/** How far a gem flies that is dropped, along each axis. */
const SCATTER = 12
/** Between the last gem and the next round. Milliseconds. */
export const ROUND_PAUSE = 5_000

export type Facing = 'up' | 'down' | 'left' | 'right'

export interface Place {
  readonly x: number
  readonly y: number
}

export const DIRECTIONS: Readonly<Record<Facing, Place>> = {
  up: { x: 0, y: -1 },
  down: { x: 0, y: 1 },
  left: { x: -1, y: 0 },
  right: { x: 1, y: 0 },
}

/** Where one is after so many seconds of running. */
export function moved(from: Place, facing: Facing, seconds: number): Place {
  const { x, y } = DIRECTIONS[facing]
  return inField({ x: from.x + x * SPEED * seconds, y: from.y + y * SPEED * seconds })
}

/** The nearest place in the field. */
export function inField({ x, y }: Place): Place {
  return { x: Math.max(0, Math.min(FIELD_WIDTH, x)), y: Math.max(0, Math.min(FIELD_HEIGHT, y)) }
}

export function isWithin(a: Place, b: Place, reach: number): boolean {
  return Math.abs(a.x - b.x) <= reach && Math.abs(a.y - b.y) <= reach
}

export function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}

/** The first of the targets that a shot meets. */
export function firstHit<T extends Place>(from: Place, facing: Facing, targets: Iterable<T>): T | undefined {
  const { x, y } = DIRECTIONS[facing]
  let nearest: T | undefined
  let least = SHOT_RANGE
  for (const target of targets) {
    const ahead = (target.x - from.x) * x + (target.y - from.y) * y
    const beside = Math.abs((target.x - from.x) * y) + Math.abs((target.y - from.y) * x)
    if (ahead <= 0 || ahead > least || beside > SHOT_WIDTH) continue
    nearest = target
    least = ahead
  }
  return nearest
}

/** Chance that can be seeded: from 0 up to 1. */
export type Chance = () => number

export function anywhere(chance: Chance): Place {
  return { x: chance() * FIELD_WIDTH, y: chance() * FIELD_HEIGHT }
}

/** Where a gem lands that somebody drops here. */
export function scattered(from: Place, chance: Chance): Place {
  return inField({ x: from.x + (2 * chance() - 1) * SCATTER, y: from.y + (2 * chance() - 1) * SCATTER })
}

/** Who holds most; several when they are equal. */
export function leaders(scores: ReadonlyMap<number, number>): number[] {
  const most = Math.max(0, ...scores.values())
  return [...scores].filter(([, score]) => score === most && most > 0).map(([order]) => order)
}
