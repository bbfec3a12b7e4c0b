import { describe, expect, test } from '@jest/globals'
import { runChaos } from './chaos.ts'
import { soak } from './soak.ts'

describe('everything that can happen to endpoints, at random', () => {
  test('1,000 seeds: nothing comes twice, out of order, from another or after the end; what is held is bounded; nothing is left', async () => {
    const { status, output } = await soak('chaos', '--seeds', '1000')
    expect([status, output]).toEqual([0, expect.stringContaining('1,000 of 1,000 seeds: all held')])
    // Each kind of trouble was made in most of them.
    const troubles = new Map(
      [...output.matchAll(/^ {2}([a-z ]+): ([\d,]+)$/gm)].map(([, kind, times]) => [kind, Number(times!.replaceAll(',', ''))]),
    )
    expect(troubles.size).toBe(20)
    for (const [kind, times] of troubles) expect([kind, times > 500]).toEqual([kind, true])
    expect(troubles.get('messages')).toBeGreaterThan(20_000)
  }, 300_000)

  // A far end that slept was taken for a slow path; a clock that leapt made a complete flow be forgotten, and delivered again; who repeated an answer led astray.
  test.each([2_929, 6_449, 6_831, 9_424, 12_664])('seed %i', (seed) => expect(runChaos(seed).faults).toEqual([]))

  test('a seed gives the same run each time', () => {
    for (const seed of [1, 8]) expect(runChaos(seed)).toEqual(runChaos(seed))
  })
})
