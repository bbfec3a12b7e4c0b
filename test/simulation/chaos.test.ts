import { describe, expect, test } from '@jest/globals'
import { runChaos } from './chaos.ts'

/** `npm run chaos` sets these. */
const seeds = Number(process.env['CHAOS_COUNT'] ?? 1_000)
const first = Number(process.env['CHAOS_FROM'] ?? 1)
const GROUP = 100
/** For a group. Milliseconds. */
const TIMEOUT = 600_000

describe('everything that can happen to endpoints, at random', () => {
  const troubles = new Map<string, number>()
  let messages = 0

  for (let from = first; from < first + seeds; from += GROUP) {
    const to = Math.min(from + GROUP, first + seeds)
    test(
      `seeds ${from} to ${to - 1}: nothing comes twice, out of order or after the end; nothing is left`,
      () => {
        for (let seed = from; seed < to; seed++) {
          const outcome = runChaos(seed)
          // To see it again: npm run chaos -- --from SEED --seeds 1
          expect({ seed, faults: outcome.faults }).toEqual({ seed, faults: [] })
          messages += outcome.messages
          for (const [kind, times] of outcome.troubles) troubles.set(kind, (troubles.get(kind) ?? 0) + times)
        }
      },
      TIMEOUT,
    )
  }

  test('there was trouble of every kind, and messages came through', () => {
    if (seeds < GROUP) return
    expect(messages).toBeGreaterThan(seeds * 20)
    for (const [kind, times] of troubles) expect([kind, times > seeds]).toEqual([kind, true])
    expect(troubles.size).toBe(12)
  })

  test('a seed gives the same run each time', () => {
    expect(runChaos(first)).toEqual(runChaos(first))
  })
})
