import { describe, expect, test } from '@jest/globals'
import { conditionsOf, runStorm } from './scenario.ts'

const SEEDS = 200
/** Seeds in one test, so that a failure names a small set and progress is seen. */
const BATCH = 20

describe('players in a bad network', () => {
  test.each(Array.from({ length: SEEDS / BATCH }, (_, i) => i * BATCH + 1))(
    `seeds %i and the ${BATCH - 1} after it: all that is reliable arrives once and in order, the latest only forward, nothing is left`,
    async (first) => {
      let messages = 0
      for (let seed = first; seed < first + BATCH; seed++) {
        const outcome = await runStorm(seed)
        expect({ seed, faults: outcome.faults }).toEqual({ seed, faults: [] })
        messages += outcome.messages
      }
      expect(messages).toBeGreaterThan(BATCH * 100)
    },
    300_000,
  )

  test.each([431, 1_136])(
    'seed %i, in which a WebSocket opened between the end of a session with the introducer and the next try',
    async (seed) => {
      expect((await runStorm(seed)).faults).toEqual([])
    },
  )

  test('the networks of the seeds are bad enough to mean something', () => {
    const all = Array.from({ length: SEEDS }, (_, i) => conditionsOf(i + 1))
    expect(all.filter(({ loss = 0 }) => loss > 0.1).length).toBeGreaterThan(SEEDS / 5)
    expect(all.filter(({ corrupt = 0 }) => corrupt > 0).length).toBeGreaterThan(SEEDS / 2)
  })
})
