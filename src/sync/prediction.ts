import { AltostratusError } from '../base/errors.ts'

/** Inputs that are neither answered nor given up; beyond them the player waits for the host. */
const MAX_UNANSWERED = 256
/** Inputs that the host holds for a player beyond what it needs. */
const MAX_AHEAD = 64

/** An input, and the tick that it is meant for. */
export interface StampedInput<I> {
  readonly tick: number
  readonly input: I
}

/** How to predict. */
export interface PredictionOptions<S, I> {
  /** The state before the first input. */
  readonly initial: S
  /** The state one tick later; the same function as the host's, and without side effects. */
  readonly step: (state: S, input: I) => S
  /** Numbers of the state that are shown without jumps when a prediction was wrong. */
  readonly smooth?: readonly (keyof S & string)[]
  /** In what time the rest of a wrong prediction is halved, in ticks; 4 by default. */
  readonly halfLife?: number
  /** A correction by more than this is shown at once; without limit by default. */
  readonly snap?: number
}

/**
 * A player's own part of a game that the host decides: what it does is seen at once, and set right when the host has decided otherwise.
 *
 * Each tick: `press(input)`, and send `unanswered` to the host, on a `latest` channel: what is lost comes again with the next. When the host's state comes,
 * with the number of the last input that it contains: `confirm(tick, state)`. Draw `shown`.
 */
export class Prediction<S extends object, I> {
  /** Tick of the newest input. */
  tick = 0
  private readonly options: PredictionOptions<S, I>
  private confirmedTick = 0
  private predicted: S
  private inputs: StampedInput<I>[] = []
  /** What is shown beyond what is predicted, by field; it fades. */
  private readonly rest = new Map<string, number>()
  private readonly fade: number

  /** @throws AltostratusError `BAD_VALUE` */
  constructor(options: PredictionOptions<S, I>) {
    const { halfLife = 4 } = options
    if (!(halfLife > 0)) throw new AltostratusError('BAD_VALUE', `A half-life of ${halfLife} ticks is none.`)
    this.options = options
    this.predicted = options.initial
    this.fade = 0.5 ** (1 / halfLife)
  }

  /** The state after all inputs, the host's word about which is still on its way included. */
  get state(): S {
    return this.predicted
  }

  /** The state to be drawn: what was corrected comes over a few ticks. */
  get shown(): S {
    if (this.rest.size === 0) return this.predicted
    const shown: Record<string, unknown> = { ...(this.predicted as unknown as Record<string, unknown>) }
    for (const [field, rest] of this.rest) shown[field] = (shown[field] as number) + rest
    return shown as S
  }

  /** Inputs that the host has not answered, oldest first: what to send. */
  get unanswered(): readonly StampedInput<I>[] {
    return this.inputs
  }

  /** What the player does in the next tick. @returns Its number, or −1 when the host has not answered for 256 ticks: then nothing is done. */
  press(input: I): number {
    if (this.inputs.length >= MAX_UNANSWERED) return -1
    this.tick++
    this.inputs.push({ tick: this.tick, input })
    this.predicted = this.options.step(this.predicted, input)
    for (const [field, rest] of this.rest) {
      const left = rest * this.fade
      if (Math.abs(left) < 1e-4) this.rest.delete(field)
      else this.rest.set(field, left)
    }
    return this.tick
  }

  /**
   * The host's state after the inputs up to a tick: those after it are done again on top of it. What is older than what is known is ignored.
   * @returns Whether the prediction was right.
   */
  confirm(tick: number, state: S): boolean {
    if (tick < this.confirmedTick) return true
    // The host has gone on with the last input while none came.
    this.tick = Math.max(this.tick, tick)
    const { step, smooth = [], snap = Infinity } = this.options
    this.confirmedTick = tick
    this.inputs = this.inputs.filter((stamped) => stamped.tick > tick)
    const before = this.predicted
    this.predicted = this.inputs.reduce((now, { input }) => step(now, input), state)
    for (const field of smooth) {
      const was = (before[field] as number) + (this.rest.get(field) ?? 0)
      const rest = was - (this.predicted[field] as number)
      if (rest === 0 || Math.abs(rest) > snap) this.rest.delete(field)
      else this.rest.set(field, rest)
    }
    return Object.keys(before).every((field) => Object.is(before[field as keyof S], this.predicted[field as keyof S]))
  }
}

/** What the host is to do for one player in one tick. */
export interface NextInput<I> {
  /** Number of the player's input; to be told to the player with the state that contains it. */
  readonly tick: number
  readonly input: I
  /** It has not come in time: the one before is done once more. Should it come, it is not done any more. */
  readonly isGuess: boolean
}

/** The host's side: one player's inputs, each once and in order, at the host's pace. */
export class InputQueue<I> {
  /** Inputs that came too late or too many. */
  dropped = 0
  private readonly waiting = new Map<number, I>()
  private last: StampedInput<I> | undefined = undefined
  private guesses = 0
  private readonly maxGuesses: number

  /** @param maxGuesses How many ticks in a row the last input stands for those that do not come; then the player does nothing. */
  constructor(maxGuesses = 10) {
    this.maxGuesses = maxGuesses
  }

  /** Takes what a player has sent: its unanswered inputs, most of which are known. */
  add(inputs: readonly StampedInput<I>[]): void {
    const done = this.last?.tick ?? 0
    for (const { tick, input } of inputs) {
      if (!Number.isSafeInteger(tick) || tick <= done || this.waiting.has(tick)) continue
      if (tick > done + MAX_AHEAD) this.dropped++
      else this.waiting.set(tick, input)
    }
  }

  /** The input to be done in this tick of the host; `undefined`: none, the player waits. */
  next(): NextInput<I> | undefined {
    // The first input can have any number; from then on one follows another.
    const tick = this.last === undefined ? Math.min(...this.waiting.keys()) : this.last.tick + 1
    const input = this.waiting.get(tick)
    if (input !== undefined || this.waiting.has(tick)) {
      this.waiting.delete(tick)
      this.guesses = 0
      this.last = { tick, input: input as I }
      return { tick, input: input as I, isGuess: false }
    }
    if (this.last === undefined || this.guesses >= this.maxGuesses) return undefined
    this.guesses++
    this.last = { tick, input: this.last.input }
    return { tick, input: this.last.input, isGuess: true }
  }
}
