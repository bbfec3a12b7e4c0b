/**
 * Compares the public API of every entry point with the report in etc/, and fails when they differ.
 *
 *   node scripts/api.js [--update]     --update writes the reports instead
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const root = fileURLToPath(new URL('..', import.meta.url))
const update = process.argv.includes('--update')
const configs = ['api-extractor.json', ...readdirSync(join(root, 'config')).map((name) => join('config', name))].filter((name) =>
  /api-extractor[^/]*\.json$/.test(name),
)

for (const name of configs) {
  const config = ExtractorConfig.loadFileAndPrepare(join(root, name))
  const problems = []
  const result = Extractor.invoke(config, {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true
      if (message.logLevel === 'error' || message.logLevel === 'warning') problems.push(message.formatMessageWithLocation(root))
    },
  })
  const failed = !result.succeeded && !(update && problems.length === 0)
  if (failed) process.exitCode = 1
  const outcome = result.apiReportChanged ? (update ? 'updated' : 'STALE: run `npm run api` and commit etc/') : 'up to date'
  console.log(`${config.reportFileName ?? name}: ${failed && !result.apiReportChanged ? 'FAILED' : outcome}`)
  for (const problem of problems) console.log(`  ${problem}`)
}
