/**
 * The NAT lab: real networks on this machine, with the real SDK in real processes. `npm run lab -- --help`.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { format } from 'prettier'
import { expectedPath } from './cell.js'
import { DOCTORS, runDoctor } from './doctor.js'
import { Internet, INTRODUCER, INTRODUCER2 } from './internet.js'
import { CELLS, runMatrix, tableText } from './matrix.js'
import { page } from './page.js'
import { runScenario, SCENARIOS } from './scenarios.js'
import { cleanUp, leftovers, obstacle, Program, removeNamespaces } from './system.js'

const HELP = `usage: npm run lab -- [options] [NAME…]

Builds networks with NATs on this machine (Linux, root, iproute2, nftables, conntrack, ethtool, miniupnpd) and tries in them, with the built
package in processes of their own:

  HOST/GUEST      two players meet, each behind a kind of NAT: none, full, restricted, port, symmetric, blocked, double
  hairpin, no-hairpin   the same, both behind one NAT
  doctor:KIND     altostratus doctor behind a kind of NAT
  ${SCENARIOS.join(', ')}
                  what may happen in the middle of a game, and rooms with no introducer

Without a NAME all of them; * stands for any text: symmetric/*, doctor:*.

  --list          names them
  --expect PATH   of the meetings only those that can have this path in theory: direct, relay
  --without NAME  leaves that out; may be given more than once
  --rtt MS        round-trip time between any two sites (default 100)
  --parallel N    meetings at a time (default 4)
  --timeout MS    for each step (default 15000)
  --docs          writes docs/nat-matrix.md from what came out; all meetings must have run
  --json          a line of JSON for each, and one for all
  --clean         only removes what a killed run has left behind
  --help          this text

Exit status: 0 when all is as it should be, 1 when something is not, 2 when the lab can not be built here.
`
const UNABLE = 2
const READY = 10_000
const NAME_WIDTH = 22
const GAMES_AT_ONCE = 2
const NAMES = [...CELLS, ...DOCTORS, ...SCENARIOS]
const root = fileURLToPath(new URL('../..', import.meta.url))
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

process.exit(await main())

async function main() {
  let options
  try {
    options = parse(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}`)
    return UNABLE
  }
  if (options.help) return print(HELP)
  if (options.list) return print(`${NAMES.join('\n')}\n`)
  const problem = obstacle()
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`)
    return UNABLE
  }
  removeNamespaces(leftovers())
  if (options.clean) return 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      cleanUp()
      process.exit(1)
    })
  }
  try {
    return await run(options)
  } finally {
    cleanUp()
  }
}

async function run({ names, rtt, parallel, timeout, json, docs }) {
  const internet = new Internet()
  await internet.start(rtt / 2)
  const startIntroducer = async (more = []) => {
    const args = [cli, 'introducer', '--json', '--host', INTRODUCER, '--probe-host', INTRODUCER2, ...more]
    const program = new Program(internet.introducer, process.execPath, args)
    const { port, peerId } = await program.event('listening', READY)
    return { program, url: `rtmfp://${INTRODUCER}:${port}/#${peerId}` }
  }
  const introducer = await startIntroducer()
  let done = 0
  const onResult = (result) => {
    done++
    const { name, text, passed, problem } = result
    if (json) print(`${JSON.stringify(result)}\n`)
    else
      print(
        `${String(done).padStart(2)}/${names.length}  ${name.padEnd(NAME_WIDTH)} ${passed ? text : `${text ?? ''} FAILED: ${problem}`}\n`,
      )
  }
  const started = performance.now()
  const context = { internet, url: introducer.url, rtt, timeout, parallel, cli, onResult, startIntroducer }
  const cells = await runMatrix(
    names.filter((name) => CELLS.includes(name)),
    context,
  )
  const others = await runOthers(names, context)
  const failed = [...cells, ...others].filter(({ passed }) => !passed).length
  const seconds = Math.round((performance.now() - started) / 1_000)
  if (json) print(`${JSON.stringify({ tried: names.length, failed, rtt, seconds })}\n`)
  else
    print(
      `\n${cells.length > 1 ? `${tableText(cells)}\n\n` : ''}${names.length} tried, ${failed} failed, ${seconds} s, at ${rtt} ms round-trip time\n`,
    )
  if (docs) writeFileSync(`${root}/docs/nat-matrix.md`, await format(page(cells, { rtt }), { parser: 'markdown', printWidth: 140 }))
  await introducer.program.stop()
  return failed === 0 ? 0 : 1
}

/** What is not a meeting: doctors all at once, they mostly wait; games a few at a time, they are busy. */
async function runOthers(names, context) {
  const attempt = async (name, work) => {
    const result = { name, ...(await work(name, context).catch((error) => ({ passed: false, problem: error.message }))) }
    context.onResult(result)
    return result
  }
  const doctors = await Promise.all(names.filter((name) => DOCTORS.includes(name)).map((name) => attempt(name, runDoctor)))
  const waiting = names.filter((name) => SCENARIOS.includes(name))
  const scenarios = []
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) scenarios.push(await attempt(name, runScenario))
  }
  await Promise.all(Array.from({ length: GAMES_AT_ONCE }, work))
  return [...doctors, ...scenarios]
}

function parse(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      docs: { type: 'boolean', default: false },
      expect: { type: 'string' },
      without: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
      rtt: { type: 'string', default: '100' },
      parallel: { type: 'string', default: '4' },
      timeout: { type: 'string', default: '15000' },
      json: { type: 'boolean', default: false },
      clean: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.expect !== undefined && !['direct', 'relay'].includes(values.expect)) throw new Error('--expect takes direct or relay.')
  for (const pattern of [...positionals, ...values.without]) {
    if (!NAMES.some((name) => matches(name, pattern))) throw new Error(`There is no ${pattern} in the lab; --list names what there is.`)
  }
  const kept = NAMES.filter((name) => !values.without.some((pattern) => matches(name, pattern)))
  const named = positionals.length === 0 ? kept : kept.filter((name) => positionals.some((pattern) => matches(name, pattern)))
  const names = named.filter(
    (name) => values.expect === undefined || !CELLS.includes(name) || expectedPath(...name.split('/')) === values.expect,
  )
  if (values.docs && !CELLS.every((name) => names.includes(name))) throw new Error('--docs needs all meetings.')
  return {
    ...values,
    names,
    rtt: number('rtt', values.rtt, 0, 10_000),
    parallel: number('parallel', values.parallel, 1, 32),
    timeout: number('timeout', values.timeout, 100, 600_000),
  }
}

function matches(name, pattern) {
  const source = pattern.split('*').map((part) => part.replace(/[^\w-]/g, String.raw`\$&`))
  return new RegExp(`^${source.join('.*')}$`).test(name)
}

function number(name, text, least, most) {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new Error(`--${name} takes a whole number from ${least} to ${most}, not ${text}.`)
  return value
}

function print(text) {
  process.stdout.write(text)
  return 0
}
