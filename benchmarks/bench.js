/**
 * The benchmark suite: `npm run bench -- --help`, and benchmarks/README.md. All figures of a run are taken side by side on this machine;
 * they are worth what their ratios are worth.
 */
import { UsageError, USAGE, parseCommandLine } from './command-line.js'
import { makeReport } from './report/report.js'
import { FULL_RESULT, RESULTS, saveResult } from './result.js'
import { runBenchmarks } from './run.js'
import { printSummary } from './summary.js'

const EXIT_USAGE = 2

// By leaving in order: network namespaces are to be gone afterwards.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => process.exit(code))
}
process.exitCode = await main(process.argv.slice(2))
// Rivals' threads would keep the process.
process.exit()

async function main(args) {
  let command
  try {
    command = parseCommandLine(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`bench: ${error.message}\n\n${USAGE}`)
    return EXIT_USAGE
  }
  if (command.kind === 'help') console.log(USAGE)
  else if (command.kind === 'report') return report(command.file ?? FULL_RESULT)
  else return run(command)
  return 0
}

async function run({ names, all, json, seconds, against }) {
  const log = (text) => console.error(text)
  const { result, failed } = await runBenchmarks({ names, seconds, against, log })
  const file = all ? FULL_RESULT : `${RESULTS}${names.join('-')}.json`
  saveResult(result, file)
  if (!json) printSummary(result)
  log(`saved as ${file}`)
  const { html, problem } = makeReport(file, { docs: all })
  log(problem ?? `drawn as ${html}`)
  // The last line of the output.
  if (json) console.log(JSON.stringify(result))
  return failed ? 1 : 0
}

function report(file) {
  try {
    const { html, page, problem } = makeReport(file, { docs: true })
    console.log([page, html, problem].filter((text) => text !== undefined).join('\n'))
    return problem === undefined ? 0 : 1
  } catch (error) {
    console.error(`bench: ${error.message}`)
    return EXIT_USAGE
  }
}
