import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { randomBytes, randomUnit, seededRandom } from '../../src/base/random.ts'

const WORD = 2n ** 32n - 1n

/** The generator as its authors describe it, on big integers. */
function* xoshiro128(seed: number): Generator<number> {
  let mix = BigInt(seed)
  const state = Array.from({ length: 4 }, () => {
    mix = (mix + 0x9e37_79b9n) & WORD
    let z = mix
    z = ((z ^ (z >> 16n)) * 0x85eb_ca6bn) & WORD
    z = ((z ^ (z >> 13n)) * 0xc2b2_ae35n) & WORD
    return z ^ (z >> 16n)
  }) as [bigint, bigint, bigint, bigint]
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & WORD
  for (;;) {
    yield Number((rotate((state[1] * 5n) & WORD, 7n) * 9n) & WORD)
    const t = (state[1] << 9n) & WORD
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= t
    state[3] = rotate(state[3], 11n)
  }
}

describe('seededRandom', () => {
  test('is xoshiro128** spread by splitmix32', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (seed) => {
        const twin = xoshiro128(seed)
        const random = seededRandom(seed)
        for (let i = 0; i < 20; i++) expect(random.uint32()).toBe(twin.next().value)
      }),
    )
  })

  test('a run of a seed never changes: simulations are replayed by it', () => {
    const random = seededRandom(1)
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([0x9190299e, 0xc1017b27, 0xe3af522f])
  })

  test('fill takes words, lowest byte first, and fills all of the target', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(33), (seed, length) => {
        const words = seededRandom(seed)
        const expected = Array.from({ length: Math.ceil(length / 4) }, () => words.uint32())
        const target = new Uint8Array(length)
        expect(seededRandom(seed).fill(target)).toBe(target)
        expect([...target]).toEqual(Array.from(target, (_, i) => ((expected[i >> 2] as number) >>> (8 * (i & 3))) & 0xff))
        expect(randomBytes(seededRandom(seed), length)).toEqual(target)
      }),
    )
  })

  test('bits and units are spread evenly', () => {
    const random = seededRandom(7)
    const bits = new Array<number>(32).fill(0)
    let sum = 0
    let outside = 0
    const rounds = 20_000
    for (let i = 0; i < rounds; i++) {
      const word = random.uint32()
      for (let bit = 0; bit < 32; bit++) bits[bit] = (bits[bit] as number) + ((word >>> bit) & 1)
      const unit = randomUnit(random)
      if (unit < 0 || unit >= 1) outside++
      sum += unit
    }
    expect(outside).toBe(0)
    for (const count of bits) expect(Math.abs(count / rounds - 0.5)).toBeLessThan(0.02)
    expect(Math.abs(sum / rounds - 0.5)).toBeLessThan(0.02)
  })

  test('the largest word is still below one', () => {
    expect(randomUnit({ uint32: () => 0xffff_ffff, fill: (target) => target })).toBeLessThan(1)
  })
})
