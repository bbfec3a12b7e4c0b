/**
 * Everything that must hold before a change is merged, one stage after the other: `npm test`. All stages run even when
 * one fails, so that one run shows everything; the last line counts the tests.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const resultsFile = 'build/jest-results.json'
const packed = 'build/pack'
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js']

/** Exit status of the lab where it can not be built. */
const LAB_UNABLE = 2

process.chdir(root)
mkdirSync('build', { recursive: true })
rmSync(resultsFile, { force: true })
rmSync(packed, { recursive: true, force: true })
mkdirSync(packed, { recursive: true })

const failed = []
stage('lock file', () => node('scripts/complete-lock.js', '--check'))
stage('types', () => tool('typescript/bin/tsc', '-p', 'tsconfig.json'))
stage('format', () => tool('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'))
stage('lint', () => tool('oxlint/bin/oxlint', '--type-aware', '--deny-warnings'))
const built = stage('build', () => node('scripts/build.js'))
if (built) {
  stage('api', () => node('scripts/api.js'))
  stage('pack', () => run('npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', packed))
  stage('publint', () => tool('publint/src/cli.js', 'run', '--strict', tarball()))
  stage('attw', () =>
    tool(
      '@arethetypeswrong/cli/dist/index.js',
      '--profile',
      'esm-only',
      '--exclude-entrypoints',
      './package.json',
      '--format',
      'table-flipped',
      '--no-summary',
      tarball(),
    ),
  )
}
stage('jest', () => node(...jest, '--json', '--outputFile', resultsFile, '--reporters', 'default'))
if (built) stage('lab', lab)
report()

/** Real NATs; where the machine has none of what that takes, this is said, and counts as a failure in CI alone. */
function lab() {
  const { status } = spawnSync(process.execPath, ['scripts/lab/main.js'], { stdio: 'inherit' })
  if (status === LAB_UNABLE && process.env.CI !== 'true') console.log('The NAT lab was skipped.')
  return status === 0 || (status === LAB_UNABLE && process.env.CI !== 'true')
}

function stage(name, work) {
  console.log(`\n── ${name}`)
  const started = performance.now()
  const passed = work()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`── ${name}: ${passed ? 'ok' : 'FAILED'} (${seconds} s)`)
  if (!passed) failed.push(name)
  return passed
}

function run(command, ...args) {
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0
}

function node(...args) {
  return run(process.execPath, ...args)
}

function tool(path, ...args) {
  return node(join('node_modules', path), ...args)
}

function tarball() {
  const name = readdirSync(packed).find((file) => file.endsWith('.tgz'))
  return join(packed, name ?? 'no-tarball.tgz')
}

/** Counts what jest wrote down; a test file that could not run and a stage that failed count as failures. */
function report() {
  const results = existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : undefined
  const passedTests = results?.numPassedTests ?? 0
  const failures =
    (results?.numFailedTests ?? 0) + (results?.numRuntimeErrorTestSuites ?? 0) + failed.filter((name) => name !== 'jest').length
  const nothingRan = passedTests === 0
  if (failed.length > 0) console.log(`\nfailed stages: ${failed.join(', ')}`)
  if (nothingRan) console.log('\nno test ran')
  if (failed.length > 0 || failures > 0 || nothingRan) process.exitCode = 1
  console.log(`\n${passedTests} passed, ${failures > 0 ? failures : failed.length} failed`)
}
