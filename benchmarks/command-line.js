import { parseArgs } from 'node:util'
import { PROGRAMS, RIVALS } from './suite.js'

export const USAGE = `usage: npm run bench -- [NAME…] [--json] [--seconds N] [--against A,B]
       npm run bench -- report [FILE]

  NAME           ${Object.keys(PROGRAMS).join(', ')}; all of them by default
  --json         the result as one line of JSON, the last of the output
  --seconds N    how long each benchmark may take; it has its own default
  --against A,B  rivals to compare with, or none: ${Object.keys(RIVALS).join(', ')}; all by default
  report         makes benchmarks/results/report.html and docs/performance.md from a result (benchmarks/results/all.json)

Results are written to benchmarks/results/. More in benchmarks/README.md.`

/** What was asked for on the command line. @throws UsageError */
export class UsageError extends Error {}

/** @returns `{ kind: 'help' }`, `{ kind: 'report', file }`, or `{ kind: 'run', names, all, json, seconds, against }`. @throws UsageError */
export function parseCommandLine(args) {
  const { values, positionals } = split(args)
  if (values.help) return { kind: 'help' }
  if (positionals[0] === 'report') return reportCommand(values, positionals.slice(1))
  return {
    kind: 'run',
    names: names(positionals),
    all: positionals.length === 0,
    json: values.json ?? false,
    seconds: values.seconds === undefined ? undefined : seconds(values.seconds),
    against: values.against === undefined ? Object.keys(RIVALS) : rivals(values.against),
  }
}

function split(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        seconds: { type: 'string' },
        against: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(error.message)
  }
}

function reportCommand(values, files) {
  const [option] = Object.keys(values)
  if (option !== undefined) throw new UsageError(`report takes no --${option}`)
  if (files.length > 1) throw new UsageError('report takes one file')
  return { kind: 'report', file: files[0] }
}

function names(given) {
  for (const name of given) {
    if (!Object.hasOwn(PROGRAMS, name)) throw new UsageError(`there is no benchmark ${JSON.stringify(name)}`)
  }
  return given.length === 0 ? Object.keys(PROGRAMS) : [...new Set(given)]
}

function seconds(text) {
  const number = Number(text)
  if (text.trim() === '' || !(number > 0) || number === Infinity)
    throw new UsageError(`--seconds takes a number above 0, not ${JSON.stringify(text)}`)
  return number
}

function rivals(text) {
  if (text === 'none') return []
  const given = text.split(',').map((name) => name.trim())
  for (const name of given) {
    if (!Object.hasOwn(RIVALS, name)) throw new UsageError(`there is no rival ${JSON.stringify(name)} to compare with`)
  }
  return [...new Set(given)]
}
