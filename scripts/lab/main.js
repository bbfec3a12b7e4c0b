/**
 * The NAT lab: real networks on this machine, with the real SDK in real processes. `npm run lab -- --help`.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { format } from 'prettier'
import { expectedPath } from './cell.js'
import { Internet, INTRODUCER } from './internet.js'
import { page } from './page.js'
import { CELLS, cellText, runMatrix, tableText } from './matrix.js'
import { cleanUp, leftovers, obstacle, Program, removeNamespaces } from './system.js'

const HELP = `usage: npm run lab -- [options] [CELL…]

Builds networks with NATs on this machine (Linux, root, iproute2, nftables, conntrack) and lets two players meet in each:
every pair of seven kinds of NAT, and both behind the same one. A CELL is host/guest, such as symmetric/none, or hairpin,
or no-hairpin; all 51 when none is given. * stands for any kind: symmetric/*.

  --list          names the cells
  --expect PATH   only the cells that can have this path in theory: direct, relay
  --rtt MS        round-trip time between any two sites (default 100)
  --parallel N    cells at a time (default 4)
  --timeout MS    for each step of a cell (default 15000)
  --docs          writes docs/nat-matrix.md from what came out
  --json          a line of JSON for each cell, and one for all
  --clean         only removes what a killed run has left behind
  --help          this text

Exit status: 0 when every cell is as it should be, 1 when one is not, 2 when the lab can not be built here.
`
const UNABLE = 2
const READY = 10_000
const root = fileURLToPath(new URL('../..', import.meta.url))

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
  if (options.list) return print(`${CELLS.join('\n')}\n`)
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
  process.once('exit', cleanUp)
  try {
    return await run(options)
  } finally {
    cleanUp()
  }
}

async function run({ cells, rtt, parallel, timeout, json, docs }) {
  const internet = new Internet()
  await internet.start(rtt / 2)
  const introducer = new Program(internet.introducer, process.execPath, [
    `${root}/dist/cli.js`,
    'introducer',
    '--json',
    '--host',
    INTRODUCER,
  ])
  const { port, peerId } = await introducer.event('listening', READY)
  const url = `rtmfp://${INTRODUCER}:${port}/#${peerId}`
  let done = 0
  const onCell = (result) => {
    done++
    if (json) print(`${JSON.stringify(result)}\n`)
    else
      print(
        `${String(done).padStart(2)}/${cells.length}  ${result.name.padEnd(22)} ${cellText(result)}${result.passed ? '' : `  ${result.problem}`}\n`,
      )
  }
  const started = performance.now()
  const results = await runMatrix(internet, cells, { url, rtt, timeout, parallel, onCell })
  const failed = results.filter(({ passed }) => !passed)
  const seconds = Math.round((performance.now() - started) / 1_000)
  if (json) print(`${JSON.stringify({ cells: results.length, failed: failed.length, rtt, seconds })}\n`)
  else print(`\n${tableText(results)}\n\n${results.length} cells, ${failed.length} failed, ${seconds} s, at ${rtt} ms round-trip time\n`)
  if (docs) writeFileSync(`${root}/docs/nat-matrix.md`, await format(page(results, { rtt }), { parser: 'markdown', printWidth: 140 }))
  await introducer.stop()
  return failed.length === 0 ? 0 : 1
}

function parse(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      docs: { type: 'boolean', default: false },
      expect: { type: 'string' },
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
  const named = positionals.length === 0 ? CELLS : CELLS.filter((name) => positionals.some((pattern) => matches(name, pattern)))
  const cells = named.filter((name) => values.expect === undefined || expectedPath(...name.split('/')) === values.expect)
  if (cells.length === 0) throw new Error(`There is no cell ${positionals.join(', ')}; --list names them.`)
  return {
    ...values,
    cells,
    rtt: number('rtt', values.rtt, 0, 10_000),
    parallel: number('parallel', values.parallel, 1, 32),
    timeout: number('timeout', values.timeout, 100, 600_000),
  }
}

function matches(name, pattern) {
  const parts = pattern.split('/')
  return name.split('/').length === parts.length && name.split('/').every((part, i) => parts[i] === '*' || parts[i] === part)
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
