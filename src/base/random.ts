/** A source of random bytes, handed in wherever randomness is needed so that a run can be replayed from a seed. */
export interface Random {
  /** Fills the whole of `target` and returns it. */
  fill(target: Uint8Array): Uint8Array
  /** A uniformly distributed integer from 0 up to and including 2³² − 1. */
  uint32(): number
}

/** `count` random bytes in a new array. */
export function randomBytes(random: Random, count: number): Uint8Array {
  return random.fill(new Uint8Array(count))
}

/** A uniformly distributed number from 0 (included) to 1 (excluded). */
export function randomUnit(random: Random): number {
  return random.uint32() / 0x1_0000_0000
}

/**
 * A repeatable random source for simulations and tests: xoshiro128** (Blackman and Vigna, 2018), its state spread
 * from the seed by splitmix32. Not for secrets that matter.
 */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0
  const spread = (): number => {
    mix = (mix + 0x9e37_79b9) >>> 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  let a = spread()
  let b = spread()
  let c = spread()
  let d = spread()
  const rotate = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0
  const uint32 = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const t = (b << 9) >>> 0
    c = (c ^ a) >>> 0
    d = (d ^ b) >>> 0
    b = (b ^ c) >>> 0
    a = (a ^ d) >>> 0
    c = (c ^ t) >>> 0
    d = rotate(d, 11)
    return result
  }
  return {
    uint32,
    fill(target) {
      for (let i = 0; i < target.length; i += 4) {
        let word = uint32()
        for (let j = i; j < i + 4 && j < target.length; j++) {
          target[j] = word
          word >>>= 8
        }
      }
      return target
    },
  }
}
