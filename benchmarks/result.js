/**
 * The format of results, `FORMAT` 1, as benchmarks/README.md tells it:
 *
 *   { format, machine, node, commit, modified, date, baseline: { start, end, drift, noisy }, benchmarks: { NAME: Benchmark } }
 *   Benchmark: { title, unit, columns: [{ key, label }], rows: [Row], notRun: [{ name, reason }], charts: [Chart], notes: [text] } or { missing: reason }
 *   Row: { name, implementation, group?, [key]: number, ratio?, curve?: [[share, value]…] }
 *   Chart: { title, kind: 'percentiles' | 'ecdf', unit, groups?: [group] }
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OURS } from './suite.js'

export const FORMAT = 1
export const RESULTS = fileURLToPath(new URL('results/', import.meta.url))
/** The result of a full run, which docs/performance.md is made from. */
export const FULL_RESULT = `${RESULTS}all.json`

export function saveResult(result, file) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${formatted(result)}\n`)
}

/** @throws Error that says what is wrong with the file */
export function loadResult(file) {
  let result
  try {
    result = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file} can not be read: ${error.message}`, { cause: error })
  }
  const [problem] = problemsOf(result)
  if (problem !== undefined) throw new Error(`${file} is not a result: ${problem}`)
  return result
}

/** What is wrong with a result, if anything; nothing is drawn or written from one that is not whole. */
export function problemsOf(result) {
  if (!isObject(result)) return ['it is no object']
  const problems = []
  const check = (holds, problem) => {
    if (!holds) problems.push(problem)
  }
  check(result.format === FORMAT, `format is ${result.format}, not ${FORMAT}`)
  check(isObject(result.machine) && Number.isInteger(result.machine.cores), 'machine is missing')
  for (const key of ['node', 'commit', 'date']) check(typeof result[key] === 'string', `${key} is missing`)
  check(!Number.isNaN(Date.parse(result.date)), 'date is not one')
  check(isObject(result.baseline) && typeof result.baseline.noisy === 'boolean', 'baseline is missing')
  if (!isObject(result.benchmarks) || Object.keys(result.benchmarks).length === 0) return [...problems, 'benchmarks are missing']
  for (const [name, benchmark] of Object.entries(result.benchmarks)) {
    if (typeof benchmark.missing === 'string') continue
    for (const problem of benchmarkProblems(benchmark)) problems.push(`${name}: ${problem}`)
  }
  return problems
}

function benchmarkProblems({ title, unit, columns, rows, notRun, charts }) {
  const problems = []
  if (typeof title !== 'string' || typeof unit !== 'string') problems.push('title or unit is missing')
  if (!Array.isArray(columns) || !Array.isArray(rows) || !Array.isArray(charts)) return [...problems, 'columns, rows or charts are missing']
  if (rows.length === 0) problems.push('it has no rows')
  for (const row of rows) {
    if (typeof row.name !== 'string' || typeof row.implementation !== 'string') problems.push('a row has no name or implementation')
    else if (row.implementation === OURS && !(row.ratio > 0)) problems.push(`${row.name} has no ratio to bare UDP`)
  }
  for (const rival of notRun ?? []) if (!rival.name || !rival.reason) problems.push('what was not run has no reason')
  return problems
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** JSON with curves on one line each, so that results can be read and compared. */
function formatted(result) {
  const curves = []
  const text = JSON.stringify(
    result,
    (key, value) => (key === 'curve' && Array.isArray(value) ? `curve ${curves.push(JSON.stringify(value)) - 1}` : value),
    2,
  )
  return text.replace(/"curve (\d+)"/g, (_, i) => curves[Number(i)])
}
