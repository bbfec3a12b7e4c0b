import type { Peer } from 'altostratus'
import type { PongRoom } from './definition.ts'
import { FIELD_HEIGHT, OPENING_SCENE, RULES, moveBall, movePaddle, newWorld, step } from './simulation.ts'
import type { Rules, Scene, Side, World } from './simulation.ts'

/** A match as either player has it: both call `tick` 60 times a second and look at the rest. */
export interface Match {
  readonly side: Side
  /** What is to be drawn. */
  readonly scene: Scene
  readonly points: readonly [left: number, right: number]
  readonly winner: Side | undefined
  /** Whether the other player is there: its first input, or the host's first score, has come. */
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
  private sequence = 0
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
    const isSent = this.room.channels.input.send({ sequence: this.sequence++, target }, this.opponent)
    if (isSent) this.counts.sent++
  }
}

type ScoreMessage = Parameters<PongRoom['channels']['score']['send']>[0]

/** The host's match: ball, score and paddles are decided here. */
export class HostMatch implements Match {
  readonly side = 'left'
  private readonly room: PongRoom
  private readonly opponent: Peer
  private readonly rules: Rules
  private readonly inputs: Inputs
  private world: World
  private unsent: ScoreMessage[] = []
  private isOver = false

  /** @param seed Any integer; decides the serves. */
  constructor(room: PongRoom, opponent: Peer, { rules = RULES, seed }: { rules?: Rules; seed: number }) {
    this.room = room
    this.opponent = opponent
    this.rules = rules
    this.world = newWorld(seed, rules)
    this.inputs = new Inputs(room, opponent)
    this.unsent.push(scoreOf(this.world))
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
    if (!this.hasBegun) return
    if (!this.isOver) this.advance(target)
    this.sendScores()
  }

  /** Blows the whistle: nothing moves any more, and the other player is told that this score is the last. */
  finish(): void {
    this.isOver = true
    this.unsent.push({ ...scoreOf(this.world), phase: 'final' })
    this.sendScores()
  }

  end(): void {
    this.inputs.end()
  }

  private advance(target: number): void {
    const before = this.world
    this.world = step(before, { left: target, right: this.inputs.target }, this.rules)
    if (this.world.points !== before.points) this.unsent.push(scoreOf(this.world, before))
    const { tick, ball, left, right } = this.world
    // A state that does not go out is replaced by the next one.
    this.room.channels.state.send(
      { tick, ballX: ball.x, ballY: ball.y, velocityX: ball.vx, velocityY: ball.vy, left, right },
      this.opponent,
    )
  }

  private sendScores(): void {
    let next = this.unsent[0]
    while (next !== undefined && this.room.channels.score.send(next, this.opponent)) {
      this.unsent.shift()
      next = this.unsent[0]
    }
  }
}

function scoreOf({ points: [left, right], winner }: World, before?: World): ScoreMessage {
  const [leftBefore, rightBefore] = before?.points ?? [left, right]
  const scorer = left > leftBefore ? 'left' : right > rightBefore ? 'right' : 'none'
  return { left, right, scorer, phase: winner === undefined ? 'play' : 'won' }
}

/** Ticks for which the guest goes on by itself when the host is silent. */
const PATIENCE = 15

/**
 * The guest's match: what the host says, carried on between its messages by the same rules, so that a lost one is not
 * seen. The guest's own paddle obeys at once, without the way to the host and back.
 */
export class GuestMatch implements Match {
  readonly side = 'right'
  winner: Side | undefined = undefined
  /** The host has said that the score is final. */
  isOver = false
  /** Whether the points that were counted here, one by one, are always those that the host named. */
  isConsistent = true
  hasBegun = false
  private tally: [number, number] = [0, 0]
  private shown: Scene = OPENING_SCENE
  private silence = 0
  private readonly inputs: Inputs
  private readonly ends: (() => void)[]

  constructor(room: PongRoom, host: Peer) {
    this.inputs = new Inputs(room, host)
    this.ends = [
      this.inputs.end,
      room.channels.score.on((score, from) => {
        if (from === host) this.count(score)
      }),
      room.channels.state.on((state, from) => {
        if (from !== host) return
        this.silence = 0
        const ball = { x: state.ballX, y: state.ballY, vx: state.velocityX, vy: state.velocityY }
        this.shown = { ball, left: state.left, right: this.shown.right }
      }),
    ]
  }

  get scene(): Scene {
    return this.shown
  }

  get points(): readonly [number, number] {
    return this.tally
  }

  get counts(): InputCounts {
    return this.inputs.counts
  }

  tick(target: number): void {
    this.inputs.send(target)
    const right = movePaddle(this.shown.right, target)
    this.silence++
    if (this.silence > PATIENCE) {
      this.shown = { ...this.shown, right }
      return
    }
    const left = movePaddle(this.shown.left, this.inputs.target)
    this.shown = { ball: moveBall(this.shown.ball, left, right), left, right }
  }

  end(): void {
    for (const end of this.ends) end()
  }

  private count({ left, right, scorer, phase }: ScoreMessage): void {
    const isFirst = !this.hasBegun
    this.hasBegun = true
    const [leftBefore, rightBefore] = this.tally
    if (scorer === 'left') this.tally = [leftBefore + 1, rightBefore]
    else if (scorer === 'right') this.tally = [leftBefore, rightBefore + 1]
    else if (isFirst || this.winner !== undefined) this.tally = [left, right]
    if (this.tally[0] !== left || this.tally[1] !== right) this.isConsistent = false
    this.winner = phase === 'won' ? scorerOf(scorer) : undefined
    this.isOver ||= phase === 'final'
  }
}

function scorerOf(scorer: Side | 'none'): Side | undefined {
  return scorer === 'none' ? undefined : scorer
}
