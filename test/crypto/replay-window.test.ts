import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { REPLAY_WINDOW } from '../../src/crypto/constants.ts'
import { ReplayWindow } from '../../src/crypto/replay-window.ts'

/** What the ring may fall short of its size by: it clears whole words. */
const WORD = 32

describe('replay window, RFC 7425 §4.7.3.3', () => {
  test('takes reordering by well over 1,024', () => {
    const window = new ReplayWindow()
    window.accept(5_000)
    for (let late = 1; late <= 1_024; late++) expect(window.isFresh(5_000 - late)).toBe(true)
    for (let late = 1_024; late >= 1; late--) {
      window.accept(5_000 - late)
      expect(window.isFresh(5_000 - late)).toBe(false)
    }
    expect(window.highest).toBe(5_000)
    expect(REPLAY_WINDOW).toBeGreaterThanOrEqual(1_024 + WORD)
  })

  test('the first number is 0, and fresh once', () => {
    const window = new ReplayWindow()
    expect(window.highest).toBe(-1)
    expect(window.isFresh(0)).toBe(true)
    window.accept(0)
    expect(window.isFresh(0)).toBe(false)
    expect(window.isFresh(1)).toBe(true)
  })

  test('numbers up to 2^53 - 1', () => {
    const window = new ReplayWindow()
    const top = Number.MAX_SAFE_INTEGER
    for (const number of [2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 40, top - 40, top - 1, top]) {
      expect(window.isFresh(number)).toBe(true)
      window.accept(number)
      expect(window.isFresh(number)).toBe(false)
    }
    expect(window.isFresh(top - 2)).toBe(true)
    expect(window.isFresh(top - 40)).toBe(false)
    expect(window.isFresh(2 ** 40)).toBe(false)
  })

  test('after a pause no number below the highest is taken any more, and the next ones are as before', () => {
    const window = new ReplayWindow()
    for (const number of [0, 1, 2, 5, 40]) window.accept(number)
    expect(window.isFresh(3)).toBe(true)
    window.settle()
    expect(window.highest).toBe(40)
    for (let number = 0; number <= 40; number++) expect(window.isFresh(number)).toBe(false)
    window.accept(43)
    expect([40, 41, 42, 43, 44].map((number) => window.isFresh(number))).toEqual([false, true, true, false, true])
    window.accept(41)
    expect([3, 39, 40, 41, 42].map((number) => window.isFresh(number))).toEqual([false, false, false, false, true])
  })

  test('agrees with a set that remembers everything', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: -5_000, max: 40 }), fc.integer({ min: 0, max: 10_000 })), { maxLength: 300 })
    fc.assert(
      fc.property(fc.nat(200), fc.nat(100_000), steps, (ordered, start, jumps) => {
        const window = new ReplayWindow()
        const seen = new Set<number>()
        // Numbers that come in their turn first, as they mostly do.
        for (let number = 0; number < ordered; number++) {
          window.accept(number)
          seen.add(number)
        }
        for (const jump of jumps) {
          const number = Math.max(0, Math.max(window.highest, start) + jump)
          const fresh = window.isFresh(number)
          if (seen.has(number)) expect(fresh).toBe(false)
          else if (number > window.highest - REPLAY_WINDOW + WORD) expect(fresh).toBe(true)
          else expect(fresh).toBe(false)
          if (!fresh) continue
          window.accept(number)
          seen.add(number)
        }
      }),
      { numRuns: 200 },
    )
  })
})
