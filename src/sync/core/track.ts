import type { EntityType } from './entity-type.ts'

/** Milliseconds for which a movement is carried on when nothing new has come. */
const MAX_EXTRAPOLATION = 100

/** The last states of an entity's smooth fields with their times, from which is shown what lies between. */
export class Track {
  private readonly times: Float64Array
  private readonly samples: unknown[][]
  private readonly snap: number
  private newest = 0

  /** @param length Samples that are kept. */
  constructor(type: EntityType, length: number) {
    this.times = new Float64Array(length).fill(-Infinity)
    this.snap = type.rules.snap
    this.samples = Array.from({ length }, () => new Array<unknown>(type.plans.length).fill(undefined))
  }

  get lastTime(): number {
    return this.times[this.newest] as number
  }

  /**
   * The fields' values at a time. @param previous When the sender spoke last before: an entity of which it did not speak then had not moved
   * till then.
   */
  push(time: number, values: readonly unknown[], previous: number): void {
    if (time < this.lastTime) return
    if (this.lastTime !== -Infinity && previous > this.lastTime && previous < time)
      this.add(previous, this.samples[this.newest] as unknown[])
    this.add(time, values)
  }

  /** Forgets all: what comes next has no connection with it. */
  clear(): void {
    this.times.fill(-Infinity)
  }

  /** A field at a time. @param heard When the sender spoke last: if not of this entity, it has come to rest. */
  at(bit: number, time: number, heard: number): unknown {
    const { times, samples, newest } = this
    const { length } = times
    let later = newest
    for (let back = 0; back < length; back++) {
      const i = (newest - back + length) % length
      const at = times[i] as number
      if (at === -Infinity) break
      if (at > time) {
        later = i
        continue
      }
      if (i === newest) return this.beyond(bit, time, heard)
      const share = (time - at) / ((times[later] as number) - at)
      return this.between((samples[i] as unknown[])[bit], (samples[later] as unknown[])[bit], share)
    }
    return (samples[later] as unknown[])[bit]
  }

  private add(time: number, values: readonly unknown[]): void {
    // A second word of the same moment replaces the first.
    if (time !== this.lastTime) this.newest = (this.newest + 1) % this.times.length
    this.times[this.newest] = time
    const sample = this.samples[this.newest] as unknown[]
    for (let i = 0; i < sample.length; i++) sample[i] = values[i]
  }

  /** A field as it was last said before a time, for what has nothing between two values. */
  before(bit: number, time: number): unknown {
    const { times, samples, newest } = this
    const { length } = times
    let i = newest
    for (let back = 0; back < length - 1 && (times[i] as number) > time; back++) {
      const earlier = (newest - back - 1 + length) % length
      if (times[earlier] === -Infinity) break
      i = earlier
    }
    return (samples[i] as unknown[])[bit]
  }

  /** Carries the last movement on for a while, and takes it back when nothing has come of it. */
  private beyond(bit: number, time: number, heard: number): unknown {
    const { times, samples, newest } = this
    const before = (newest - 1 + times.length) % times.length
    const last = (samples[newest] as unknown[])[bit]
    const at = times[newest] as number
    const span = at - (times[before] as number)
    const over = time - at
    if (heard > at || !(span > 0 && span < Infinity) || over >= 2 * MAX_EXTRAPOLATION) return last
    const ahead = over <= MAX_EXTRAPOLATION ? over : 2 * MAX_EXTRAPOLATION - over
    return this.between((samples[before] as unknown[])[bit], last, 1 + ahead / span)
  }

  private between(a: unknown, b: unknown, share: number): unknown {
    if (a === b) return b
    if (typeof a === 'number' && typeof b === 'number') return Math.abs(b - a) > this.snap ? b : a + (b - a) * share
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return b
    return blend(a as Record<string, number>, b as Record<string, number>, share, this.snap)
  }
}

/** Vectors by component; quaternions likewise, the shorter way round, and of length 1 again. */
function blend(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>, share: number, snap: number): unknown {
  const keys = Object.keys(b)
  let distance = 0
  let dot = 0
  for (const key of keys) {
    distance += ((b[key] as number) - (a[key] as number)) ** 2
    dot += (a[key] as number) * (b[key] as number)
  }
  const isRotation = keys.length === 4
  if (!isRotation && Math.sqrt(distance) > snap) return b
  const sign = isRotation && dot < 0 ? -1 : 1
  const mixed: Record<string, number> = {}
  let length = 0
  for (const key of keys) {
    const from = sign * (a[key] as number)
    const value = from + ((b[key] as number) - from) * share
    mixed[key] = value
    length += value * value
  }
  if (isRotation) for (const key of keys) mixed[key] = (mixed[key] as number) / Math.sqrt(length)
  return mixed
}
