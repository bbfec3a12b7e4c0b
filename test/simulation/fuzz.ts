import { DecodeError, AltostratusError } from '../../src/base/errors.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { mutate } from './fuzz-mutate.ts'
import { targets } from './fuzz-targets.ts'
import type { Target } from './fuzz-targets.ts'

export interface FuzzerOptions {
  readonly seed: number
  /** Only the target of this name. */
  readonly target?: string | undefined
  /** Filled by instrumented sources: how often each of their branches was taken. Without it inputs are kept at random. */
  readonly coverage?: Uint8Array | undefined
  /** Processor time taken so far, milliseconds: other processes then make nothing slow. Without it no input is too slow. */
  readonly clock?: (() => number) | undefined
  /** Bytes in use, after garbage was collected. Without it nothing grows. */
  readonly heap?: (() => number) | undefined
}

/** An input that did what none may. */
export interface Fault {
  readonly target: string
  readonly what: string
  /** In hexadecimal. */
  readonly input: string
}

/** Inputs kept for each target, to be changed. */
const CORPUS = 4_000
/** No input may take longer. Milliseconds. */
const TOO_LONG = 50
/** What comes in 400 ms of a simulation must be done in so many. Milliseconds. */
const TOO_LONG_TO_REST = 2_000
/** The collection of garbage and the compiler take their time, too: an input is too slow when it always is. */
const TRIES = 4
/** Inputs before the first look at the heap, and between two. */
const WARM = 200_000
const LOOK = 100_000
/** By which a heap may differ that does not grow: sessions under way, code, the corpora themselves. Bytes. */
const MOST_GROWTH = 48_000_000

interface Line {
  readonly target: Target
  readonly corpus: Uint8Array[]
  /** By place in the code, the powers of two of times that an input has taken it. */
  readonly taken: Uint8Array
  inputs: number
  refused: number
}

/** Changes inputs that got somewhere new, and hands them on. */
export class Fuzzer {
  readonly batch = 500
  private readonly random: Random
  private readonly options: FuzzerOptions
  private readonly lines: Line[]
  private inputs = 0
  private heapBefore = -1

  constructor(options: FuzzerOptions) {
    this.options = options
    this.random = seededRandom(options.seed)
    const { coverage, target } = options
    const chosen = targets(options.seed).filter(({ name }) => target === undefined || name === target)
    if (chosen.length === 0) throw new Error(`There is no target ${target}.`)
    this.lines = chosen.map((one) => ({
      target: one,
      corpus: [...one.seeds],
      taken: new Uint8Array(coverage?.length ?? 0),
      inputs: 0,
      refused: 0,
    }))
  }

  /** Tries so many inputs. @returns What went wrong first. */
  run(inputs: number): Fault | undefined {
    const line = this.pickLine()
    for (let i = 0; i < inputs; i++) {
      const fault = this.tryOne(
        line,
        mutate(() => this.pick(line), this.random),
      )
      if (fault !== undefined) return fault
    }
    return this.lookAtHeap(line)
  }

  /** What was done, for people. */
  totals(): Map<string, number> {
    const all = new Map<string, number>()
    for (const { target, inputs, refused, corpus, taken } of this.lines) {
      all.set(`${target.name} inputs`, inputs)
      all.set(`${target.name} refused`, refused)
      all.set(`${target.name} kept`, corpus.length - target.seeds.length)
      all.set(
        `${target.name} branches`,
        taken.reduce((sum, bits) => sum + Number(bits > 0), 0),
      )
    }
    return all
  }

  private tryOne(line: Line, input: Uint8Array): Fault | undefined {
    const { coverage, clock } = this.options
    coverage?.fill(0)
    const started = clock?.() ?? 0
    try {
      line.target.run(input)
    } catch (error) {
      if (!(error instanceof AltostratusError) || error.code === 'BUG')
        return fault(line, error instanceof Error ? error.stack : error, input)
      if (error instanceof DecodeError) line.refused++
    }
    line.inputs++
    if (clock !== undefined && clock() - started > TOO_LONG && this.isSlow(line, input))
      return fault(line, `took over ${TOO_LONG} ms`, input)
    try {
      line.target.rest?.()
    } catch (error) {
      return fault(line, `after it: ${error instanceof Error ? error.stack : String(error)}`, input)
    }
    if (clock !== undefined && clock() - started > TOO_LONG_TO_REST)
      return fault(line, `after it ${TOO_LONG_TO_REST} ms were not enough`, input)
    if (coverage === undefined ? this.below(200) === 0 : isNew(coverage, line.taken)) this.keep(line, input)
    return undefined
  }

  private isSlow(line: Line, input: Uint8Array): boolean {
    for (let i = 0; i < TRIES; i++) {
      const started = this.options.clock!()
      try {
        line.target.run(input)
      } catch {
        // It was tried before.
      }
      if (this.options.clock!() - started <= TOO_LONG) return false
    }
    return true
  }

  private keep({ corpus }: Line, input: Uint8Array): void {
    if (corpus.length < CORPUS) corpus.push(input)
    else corpus[this.below(CORPUS)] = input
  }

  private lookAtHeap(line: Line): Fault | undefined {
    this.inputs += this.batch
    if (this.options.heap === undefined || this.inputs < WARM || this.inputs % LOOK !== 0) return undefined
    const heap = this.options.heap()
    if (this.heapBefore < 0) this.heapBefore = heap
    const growth = heap - this.heapBefore
    return growth > MOST_GROWTH ? fault(line, `the heap has grown by ${growth} bytes`, new Uint8Array(0)) : undefined
  }

  private pickLine(): Line {
    let at = this.below(this.lines.reduce((sum, { target }) => sum + target.share, 0))
    return this.lines.find(({ target }) => (at -= target.share) < 0)!
  }

  /** Short ones more often: they take less time, and say more clearly what matters in them. */
  private pick({ corpus }: Line): Uint8Array {
    const [a, b] = [corpus[this.below(corpus.length)]!, corpus[this.below(corpus.length)]!]
    return a.length < b.length ? a : b
  }

  private below(n: number): number {
    return this.random.uint32() % n
  }
}

function fault({ target }: Line, what: unknown, input: Uint8Array): Fault {
  return { target: target.name, what: String(what), input: Buffer.from(input).toString('hex') }
}

/** Whether a branch was taken a number of times, to the power of two, as by no input before. */
function isNew(coverage: Uint8Array, taken: Uint8Array): boolean {
  // Most places were not reached: four at a time.
  const words = new Uint32Array(coverage.buffer, coverage.byteOffset, coverage.length >> 2)
  let isAny = false
  for (let word = 0; word < words.length; word++) {
    if (words[word] === 0) continue
    for (let i = word << 2; i < (word << 2) + 4; i++) {
      const bit = coverage[i] === 0 ? 0 : 1 << (31 - Math.clz32(coverage[i]!))
      if ((taken[i]! & bit) === bit) continue
      taken[i]! |= bit
      isAny = true
    }
  }
  return isAny
}
