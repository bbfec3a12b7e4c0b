import { expect, test } from '@jest/globals'
import { faultsOf, runTournament } from './tournament.ts'

const COUNT = Number(process.env['TOURNAMENT_COUNT'] ?? 3)
const FROM = Number(process.env['TOURNAMENT_FROM'] ?? 1)

test.each([
  ['open', false],
  ['guarded', true],
] as const)(
  `${COUNT} tournaments from seed ${FROM} in %s rooms: one state, one host, no entity with two owners`,
  async (_kind, guarded) => {
    for (let seed = FROM; seed < FROM + COUNT; seed++) {
      const outcome = await runTournament(seed, guarded)
      const { players, counts } = outcome
      expect({ seed, faults: faultsOf(outcome) }).toEqual({ seed, faults: [] })
      expect(players).toBeGreaterThanOrEqual(3)
      expect(counts['claim']).toBeGreaterThan(5)
    }
  },
  30_000 * COUNT + 30_000,
)
