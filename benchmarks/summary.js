import { noiseWarning } from './baseline.js'
import { table } from './table.js'

/** What a run has found, in the terminal. */
export function printSummary({ machine, node, commit, modified, baseline, benchmarks }) {
  for (const [name, benchmark] of Object.entries(benchmarks)) {
    console.log(`\n== ${name}${benchmark.title === undefined ? '' : `: ${benchmark.title}, ${benchmark.unit}`}`)
    if (benchmark.missing !== undefined) {
      console.log(`not run: ${benchmark.missing}`)
      continue
    }
    console.log(table(benchmark))
    console.log(`ratio: ${benchmark.ratioOf}`)
    for (const rival of benchmark.notRun ?? []) console.log(`${rival.name} not run: ${rival.reason}`)
    for (const note of benchmark.notes ?? []) console.log(note)
  }
  const { start, end } = baseline
  console.log(
    `\n${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${node}, commit ${commit}${modified ? ' with changes' : ''}`,
  )
  console.log(`bare UDP's round trip before and after: idle ${start.idle} and ${end.idle} µs, awake ${start.awake} and ${end.awake} µs`)
  const warning = noiseWarning(baseline)
  if (warning !== undefined) console.log(warning)
}
