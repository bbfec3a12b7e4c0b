import { expect, test } from '@jest/globals'
import { runFuzz } from './fuzz.ts'

/** `npm run fuzz` sets these. */
const inputs = Number(process.env['FUZZ_COUNT'] ?? 100_000)
const first = Number(process.env['FUZZ_FROM'] ?? 1)
/** For all. Milliseconds. */
const TIMEOUT = 3_600_000

test(
  'whatever a peer that holds the keys may send: nothing is thrown',
  () => {
    const { fault, sessions } = runFuzz(first, inputs)
    // To see it again: npm run fuzz -- --from SEED
    expect({ seed: first, fault }).toEqual({ seed: first, fault: undefined })
    expect(sessions).toBeGreaterThan(inputs / 10_000)
  },
  TIMEOUT,
)
