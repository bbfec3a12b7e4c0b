import { expect, test } from '@jest/globals'
import { faultsOf, runTournament } from './tournament.ts'

const COUNT = Number(process.env['TOURNAMENT_COUNT'] ?? 3)
const FROM = Number(process.env['TOURNAMENT_FROM'] ?? 1)

test.each([
  ['open', COUNT],
  ['guarded', Math.ceil(COUNT / 3)],
] as const)(
  `tournaments from seed ${FROM} in rooms that are %s, %i: one state, one host, no entity with two owners`,
  async (kind, count) => {
    for (let seed = FROM; seed < FROM + count; seed++) {
      const outcome = await runTournament(seed, kind === 'guarded')
      const { players, counts } = outcome
      expect({ seed, faults: faultsOf(outcome) }).toEqual({ seed, faults: [] })
      expect(players).toBeGreaterThanOrEqual(3)
      expect(counts['claim']).toBeGreaterThan(5)
    }
  },
  30_000 * COUNT + 30_000,
)

test('who asks to be taken back by a session that the other end has forgotten comes back by a new one (seed 819)', async () => {
  expect(faultsOf(await runTournament(819))).toEqual([])
}, 60_000)
