/**
 * The simulations with chance in them, for longer than `npm test` runs them.
 *
 *   npm run chaos -- [--seeds N] [--from SEED]     endpoints among whom everything happens that can, one run a seed
 *   npm run fuzz -- [--inputs N] [--from SEED]     whatever a peer that holds a session's keys may send
 *
 * What fails is named with its seed, and shows the same again with `--from SEED` and the same count or less.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** `step`: between two lines of progress; `seedPerStep`: whether a step is one seed, or each of its count. */
const KINDS = {
  chaos: { unit: 'seeds', count: 10_000, step: 2_000, seedPerStep: false },
  fuzz: { unit: 'inputs', count: 5_000_000, step: 500_000, seedPerStep: true },
}
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js']

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const [name, ...rest] = process.argv.slice(2)
const kind = KINDS[name] ?? usage('say what to run')
const { count, from } = parse()
for (let done = 0, seed = from; done < count; done += kind.step, seed += kind.seedPerStep ? 1 : kind.step)
  run(Math.min(kind.step, count - done), seed)

function run(some, seed) {
  const started = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [...jest, `test/simulation/${name}.test.ts`, '--silent'], {
    encoding: 'utf8',
    env: { ...process.env, [`${name.toUpperCase()}_COUNT`]: String(some), [`${name.toUpperCase()}_FROM`]: String(seed) },
  })
  if (status !== 0) {
    console.error(stderr)
    process.exit(1)
  }
  console.log(`${some} ${kind.unit} from seed ${seed}: all held (${((performance.now() - started) / 1_000).toFixed(0)} s)`)
}

function parse() {
  const numbers = { count: kind.count, from: 1 }
  let values
  try {
    ;({ values } = parseArgs({ args: rest, options: { [kind.unit]: { type: 'string' }, from: { type: 'string' } } }))
  } catch (error) {
    usage(error.message)
  }
  for (const [option, text] of Object.entries(values)) {
    const number = Number(text)
    numbers[option === kind.unit ? 'count' : option] = number
    if (!Number.isSafeInteger(number) || number < 1) usage(`--${option} takes a whole number above 0`)
  }
  return numbers
}

function usage(problem) {
  console.error(`${problem}\nusage: npm run chaos -- [--seeds N] [--from SEED]\n       npm run fuzz -- [--inputs N] [--from SEED]`)
  process.exit(2)
}
