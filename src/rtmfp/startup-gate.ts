import type { Address } from '../base/address.ts'
import {
  RECURRING_STARTUP_PACKETS,
  SIGHTINGS,
  SOURCE_MEMORY,
  STARTUP_ATTEMPTS,
  STARTUP_OF_SOURCE,
  STARTUP_PACKETS,
  STARTUP_WINDOW,
} from './constants.ts'
import { SourceCount } from './source-count.ts'

/** Counters that stand for one address: with so many, and sixteen counters for each address that there is, one stranger in 400 seems known. */
const HASHES = 4
/** A counter has four bits. */
const MOST = 15
const PER_WORD = 8

/** How often addresses were seen, too often at times and never too seldom, in memory whose size does not depend on their number. */
class Sightings {
  private readonly words = new Uint32Array(SIGHTINGS / PER_WORD)

  count(hash: number, step: number): number {
    let least = MOST
    for (let i = 0; i < HASHES; i++) {
      const at = (hash + Math.imul(i, step)) & (SIGHTINGS - 1)
      least = Math.min(least, ((this.words[at >>> 3] as number) >>> ((at & 7) << 2)) & MOST)
    }
    return least
  }

  /** Adds one to `count`, which is what there is. */
  add(hash: number, step: number, count: number): void {
    if (count === MOST) return
    const { words } = this
    for (let i = 0; i < HASHES; i++) {
      const at = (hash + Math.imul(i, step)) & (SIGHTINGS - 1)
      const word = words[at >>> 3] as number
      const shift = (at & 7) << 2
      // Only the least of them: the others stand for somebody else, too.
      if (((word >>> shift) & MOST) === count) words[at >>> 3] = word + (1 << shift)
    }
  }

  clear(): void {
    this.words.fill(0)
  }
}

/**
 * Which start-up packets are looked at when more come than can be answered, decided before any cryptography. A flood comes from addresses that are
 * made up, each of them once, or from a few, each of them all the time; who means it, and is not heard, comes again a few times from the same address.
 */
export class StartupGate {
  private readonly seed: number
  private readonly hasSession: (from: Address) => boolean
  private strangers = 0
  private recurring = 0
  private windowEnds = -Infinity
  /** There while there are too many, and some seconds more. */
  private recent: Sightings | undefined = undefined
  private earlier: Sightings | undefined = undefined
  private memoryEnds = Infinity
  private turnedAway = false
  private readonly sources = new SourceCount(STARTUP_OF_SOURCE)

  /**
   * @param seed A secret, 32 bits, so that nobody can choose addresses that are taken for others'.
   * @param hasSession Whether there is a session with an address.
   */
  constructor(seed: number, hasSession: (from: Address) => boolean) {
    this.seed = seed
    this.hasSession = hasSession
  }

  /** Whether a packet from there is to be looked at. */
  passes(from: Address, now: number): boolean {
    if (now >= this.windowEnds) {
      this.windowEnds = now + STARTUP_WINDOW
      this.strangers = 0
      this.recurring = 0
    }
    if (this.recent === undefined) {
      if (++this.strangers <= STARTUP_PACKETS) return true
      this.recent = new Sightings()
      this.earlier = new Sightings()
      this.memoryEnds = now + SOURCE_MEMORY
    }
    const seen = this.see(from)
    const isKnown = (seen > 0 && seen <= STARTUP_ATTEMPTS) || this.hasSession(from)
    if (isKnown && this.recurring < RECURRING_STARTUP_PACKETS && this.sources.take(from, now)) {
      this.recurring++
      return true
    }
    if (++this.strangers <= STARTUP_PACKETS) return true
    this.turnedAway = true
    return false
  }

  /** This end has said hello there: an answer will come. */
  expect(to: Address): void {
    if (this.recent !== undefined) this.see(to)
  }

  /** When {@link StartupGate.age} has something to do. */
  get deadline(): number {
    return this.memoryEnds
  }

  /** Forgets who was seen long ago, and everything when nobody has been turned away since. */
  age(now: number): void {
    if (this.turnedAway) {
      const oldest = this.earlier as Sightings
      oldest.clear()
      this.earlier = this.recent
      this.recent = oldest
      this.memoryEnds = now + SOURCE_MEMORY
    } else {
      this.recent = undefined
      this.earlier = undefined
      this.sources.clear()
      this.memoryEnds = Infinity
    }
    this.turnedAway = false
  }

  /** @returns How often it has been here of late, before. */
  private see({ ip, port }: Address): number {
    let hash = this.seed ^ port
    for (let i = 0; i < ip.length; i += 2) hash = mix(hash ^ (((ip[i] as number) << 8) | (ip[i + 1] as number)))
    const step = mix(hash ^ this.seed) | 1
    const recent = this.recent as Sightings
    const count = recent.count(hash, step)
    recent.add(hash, step, count)
    return count + (this.earlier as Sightings).count(hash, step)
  }
}

/** The finalizer of MurmurHash3: each bit of the input changes half of the output's. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
