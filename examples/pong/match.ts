import type { Peer } from 'altostratus'
import type { BallEntity, PongRoom } from './definition.ts'
import { FIELD_HEIGHT, FIELD_WIDTH, OPENING_SCENE, RULES, moveBall, movePaddle, newWorld, step } from './simulation.ts'
import type { Ball, Rules, Scene, Side, World } from './simulation.ts'

/** A match as either player has it: both call `tick` 60 times a second and look at the rest. */
export interface Match {
  readonly side: Side
  /** What is to be drawn. */
  readonly scene: Scene
  readonly points: readonly [left: number, right: number]
  readonly winner: Side | undefined
  /** Whether the other player is there: its first input has come, or the host has said that the match is on. */
  readonly hasBegun: boolean
  readonly counts: InputCounts
  /** One tick; `target` is where this player wants its paddle, in field units. */
  tick(target: number): void
  /** Stops listening. */
  end(): void
}

export interface InputCounts {
  sent: number
  received: number
}

/** The part that both have: inputs go both ways. */
class Inputs {
  readonly counts: InputCounts = { sent: 0, received: 0 }
  /** Where the other player wants its paddle. */
  target: number = FIELD_HEIGHT / 2
  private readonly room: PongRoom
  private readonly opponent: Peer
  readonly end: () => void

  constructor(room: PongRoom, opponent: Peer) {
    this.room = room
    this.opponent = opponent
    this.end = room.channels.input.on(({ target }, from) => {
      if (from !== opponent) return
      this.counts.received++
      this.target = target
    })
  }

  send(target: number): void {
    const isSent = this.room.channels.input.send({ target }, this.opponent)
    if (isSent) this.counts.sent++
  }
}

/** The host's match: ball, score and paddles are decided here, and written into the room's state. */
export class HostMatch implements Match {
  readonly side = 'left'
  private readonly room: PongRoom
  private readonly rules: Rules
  private readonly inputs: Inputs
  private world: World
  private isOver = false

  /** @param seed Any integer; decides the serves. */
  constructor(room: PongRoom, opponent: Peer, { rules = RULES, seed }: { rules?: Rules; seed: number }) {
    this.room = room
    this.rules = rules
    this.world = newWorld(seed, rules)
    this.inputs = new Inputs(room, opponent)
    // A match before this one, perhaps of another host, has left them.
    if (room.entities.ball.size === 0) room.entities.ball.spawn(this.world.ball)
    if (room.entities.paddle.size === 0) for (const side of SIDES) room.entities.paddle.spawn({ side, middle: this.world[side] })
    this.write()
  }

  get scene(): Scene {
    return this.world
  }

  get points(): readonly [number, number] {
    return this.world.points
  }

  get winner(): Side | undefined {
    return this.world.winner
  }

  get hasBegun(): boolean {
    return this.counts.received > 0
  }

  get counts(): InputCounts {
    return this.inputs.counts
  }

  tick(target: number): void {
    this.inputs.send(target)
    // The other player listens by the time that it sends.
    if (!this.hasBegun || this.isOver) return
    this.world = step(this.world, { left: target, right: this.inputs.target }, this.rules)
    this.write()
  }

  /** Blows the whistle: nothing moves any more, and this score is the last. */
  finish(): void {
    this.isOver = true
    this.room.shared.phase = 'final'
  }

  end(): void {
    this.inputs.end()
  }

  /** Writing what has not changed costs nothing. */
  private write(): void {
    const { room, world } = this
    if (!room.shared.isMine) return
    for (const ball of room.entities.ball) if (ball.isMine) Object.assign(ball, inside(world.ball))
    for (const paddle of room.entities.paddle) if (paddle.isMine) paddle.middle = world[paddle.side]
    const [left, right] = world.points
    const phase = world.winner === undefined ? (this.hasBegun ? 'play' : 'meeting') : (`${world.winner} wins` as const)
    Object.assign(room.shared, { left, right, phase })
  }
}

const SIDES = ['left', 'right'] as const

/** A ball that has flown past a goal line lies on it until it is served again. */
function inside(ball: Ball): Ball {
  return { ...ball, x: Math.max(0, Math.min(FIELD_WIDTH, ball.x)) }
}

/** Ticks for which the guest goes on by itself when the host is silent. */
const PATIENCE = 15

/**
 * The guest's match: what the host writes, carried on between its updates by the same rules, so that a lost one is not
 * seen. The guest's own paddle obeys at once, without the way to the host and back.
 */
export class GuestMatch implements Match {
  readonly side = 'right'
  /** Whether no point was ever taken back within a match. */
  isConsistent = true
  private score: readonly [left: number, right: number] = [0, 0]
  private shown: Scene = OPENING_SCENE
  private silence = 0
  private readonly room: PongRoom
  private readonly inputs: Inputs
  private readonly ends: (() => void)[]

  constructor(room: PongRoom, host: Peer) {
    this.room = room
    this.inputs = new Inputs(room, host)
    this.ends = [this.inputs.end, room.entities.ball.on('update', (ball) => this.hear(ball))]
  }

  get scene(): Scene {
    return this.shown
  }

  get points(): readonly [number, number] {
    const { left, right } = this.room.shared
    return [left, right]
  }

  get winner(): Side | undefined {
    const { phase } = this.room.shared
    return phase === 'left wins' ? 'left' : phase === 'right wins' ? 'right' : undefined
  }

  get hasBegun(): boolean {
    return this.room.shared.phase !== 'meeting'
  }

  /** The host has said that the score is final. */
  get isOver(): boolean {
    return this.room.shared.phase === 'final'
  }

  get counts(): InputCounts {
    return this.inputs.counts
  }

  tick(target: number): void {
    this.inputs.send(target)
    this.count()
    const right = movePaddle(this.shown.right, target)
    this.silence++
    if (this.silence > PATIENCE || this.isOver) {
      this.shown = { ...this.shown, right }
      return
    }
    const left = movePaddle(this.shown.left, this.inputs.target)
    this.shown = { ball: moveBall(this.shown.ball, left, right), left, right }
  }

  end(): void {
    for (const end of this.ends) end()
  }

  private hear({ x, y, vx, vy }: BallEntity): void {
    this.silence = 0
    const left = [...this.room.entities.paddle].find(({ side }) => side === 'left')
    this.shown = { ball: { x, y, vx, vy }, left: left?.middle ?? this.shown.left, right: this.shown.right }
  }

  private count(): void {
    const [left, right] = this.points
    const isNew = left === 0 && right === 0
    if (!isNew && (left < this.score[0] || right < this.score[1])) this.isConsistent = false
    this.score = [left, right]
  }
}
