/**
 * Benchmarks over loopback UDP between two processes, always beside bare node:dgram in the same run.
 *
 *   npm run bench -- latency|throughput [--json] [--seconds N]
 *
 * Figures are worth what their ratios are worth: absolute ones depend on the machine and on what else it does.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { measureLatency } from './latency.js'
import { measureThroughput } from './throughput.js'

const BENCHMARKS = { latency: measureLatency, throughput: measureThroughput }
const DEFAULT_SECONDS = 20

const { name, json, seconds } = parse(process.argv.slice(2))
const log = (text) => process.stderr.write(`${text}\n`)
const names = name === undefined ? Object.keys(BENCHMARKS) : [name]
for (const each of names) {
  log(`${each}: about ${seconds} s`)
  const result = { ...(await BENCHMARKS[each]({ seconds, log })), ...environment() }
  const file = save(each, result)
  if (json) console.log(JSON.stringify(result))
  else console.log(`${table(result.rows)}\nsaved as ${file}`)
}
process.exit(0)

function parse(args) {
  const options = { name: undefined, json: false, seconds: DEFAULT_SECONDS }
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--json') options.json = true
    else if (args[i] === '--seconds') options.seconds = Number(args[++i])
    else if (Object.hasOwn(BENCHMARKS, args[i])) options.name = args[i]
    else usage(`unknown: ${args[i]}`)
  }
  if (!(options.seconds > 0)) usage('--seconds takes a number above 0')
  return options
}

function usage(problem) {
  console.error(`${problem}\nusage: npm run bench -- [${Object.keys(BENCHMARKS).join('|')}] [--json] [--seconds N]`)
  process.exit(2)
}

function environment() {
  let commit = 'unknown'
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // Outside a checkout there is none.
  }
  return { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, commit, date: new Date().toISOString() }
}

function save(benchmark, result) {
  const directory = fileURLToPath(new URL('results', import.meta.url))
  mkdirSync(directory, { recursive: true })
  const file = `${directory}/${benchmark}.json`
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  return `benchmarks/results/${benchmark}.json`
}

function table(rows) {
  const heads = Object.keys(rows[0])
  const lines = [heads, ...rows.map((row) => heads.map((head) => String(row[head] ?? '')))]
  const widths = heads.map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  return lines.map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')).join('\n')
}
