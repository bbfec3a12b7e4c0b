/**
 * The chaos simulation for longer than `npm test` runs it: endpoints among whom everything happens that can, one run a seed.
 *
 *   npm run chaos -- [--seeds N] [--from SEED]
 *
 * A seed that fails is named with what went wrong, and shows the same again with `--from SEED --seeds 1`.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const DEFAULT_SEEDS = 10_000
/** Seeds between two lines of progress. */
const STEP = 2_000
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js']

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { seeds, from } = parse()
for (let first = from; first < from + seeds; first += STEP) {
  const count = Math.min(STEP, from + seeds - first)
  const started = performance.now()
  const run = spawnSync(process.execPath, [...jest, 'test/simulation/chaos.test.ts', '--silent'], {
    encoding: 'utf8',
    env: { ...process.env, CHAOS_SEEDS: String(count), CHAOS_FROM: String(first) },
  })
  if (run.status !== 0) {
    console.error(run.stderr)
    process.exit(1)
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0)
  console.log(`seeds ${first} to ${first + count - 1}: all held (${seconds} s)`)
}

function parse() {
  let values
  try {
    ;({ values } = parseArgs({
      options: { seeds: { type: 'string', default: String(DEFAULT_SEEDS) }, from: { type: 'string', default: '1' } },
    }))
  } catch (error) {
    usage(error.message)
  }
  const numbers = { seeds: Number(values.seeds), from: Number(values.from) }
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 1) usage(`--${name} takes a whole number above 0`)
  }
  return numbers
}

function usage(problem) {
  console.error(`${problem}\nusage: npm run chaos -- [--seeds N] [--from SEED]`)
  process.exit(2)
}
