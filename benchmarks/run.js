import { compareBaselines, measureBaseline, noiseWarning } from './baseline.js'
import { environment } from './environment.js'
import { FORMAT } from './result.js'
import { OURS, PROGRAMS, loadProgram } from './suite.js'

/**
 * Runs benchmarks, one after the other, between two measurements of bare UDP.
 * @param seconds How long each may take; by default each takes its own time.
 * @returns The result, and whether a benchmark failed.
 */
export async function runBenchmarks({ names, seconds, against, log }) {
  const about = environment()
  const start = await measureBaseline(seconds)
  const benchmarks = {}
  let failed = false
  for (const name of names) {
    const budget = seconds ?? PROGRAMS[name]
    const began = performance.now()
    const program = await loadProgram(name)
    if (program.missing === undefined) log(`${name}: about ${Math.round(budget)} s`)
    try {
      const settings = { seconds: budget, against, log, baseline: start }
      benchmarks[name] = program.missing === undefined ? await program.run(settings) : { missing: program.missing }
    } catch (error) {
      failed = true
      benchmarks[name] = { missing: `it failed: ${error.message}` }
    }
    if (benchmarks[name].missing === undefined) benchmarks[name].took = Math.round((performance.now() - began) / 1_000)
    else log(`${name} not run: ${benchmarks[name].missing}`)
  }
  const baseline = compareBaselines(start, await measureBaseline(seconds))
  const warning = noiseWarning(baseline)
  if (warning !== undefined) log(warning)
  return { result: { format: FORMAT, ...about, baseline, ...single(names, benchmarks), benchmarks }, failed }
}

/** Of a run of one benchmark, what is asked for most is at hand at the top. */
function single(names, benchmarks) {
  if (names.length > 1) return {}
  const [name] = names
  const { json = {}, rows = [], ratioOf } = benchmarks[name]
  delete benchmarks[name].json
  const first = rows.find(({ implementation }) => implementation === OURS)
  return { benchmark: name, ...(first === undefined ? {} : { ratio: first.ratio, ratioOf: `${first.name}: ${ratioOf}` }), ...json }
}
