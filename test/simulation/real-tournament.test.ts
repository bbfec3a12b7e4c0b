import { expect, test } from '@jest/globals'
import { soak } from './soak.ts'

test('by script, in processes over UDP whose host is killed, and in the simulator: the same state, one host, each thing owned by one', async () => {
  const { status, output } = await soak('tournament', '--real')
  expect(output).toMatch(
    /^processes: 3 players with 8 entities, host \w+, state ([0-9a-f]{16}) .*\nsimulated: 3 players with 8 entities, host \w+, state \1 .*\nthe same in both\n$/,
  )
  expect(status).toBe(0)
}, 180_000)
