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
  const problems = []
  const result = Extractor.invoke(ExtractorConfig.loadFileAndPrepare(join(root, name)), {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true
      const aboutTheApi = !message.messageId.startsWith('console-')
      if (aboutTheApi && ['error', 'warning'].includes(message.logLevel)) problems.push(message.formatMessageWithLocation(root))
    },
  })
  const stale = result.apiReportChanged && !update
  if (stale || problems.length > 0) process.exitCode = 1
  const outcome = stale ? 'STALE: run `npm run api` and commit etc/' : result.apiReportChanged ? 'updated' : 'up to date'
  console.log(`${name}: ${problems.length > 0 ? 'FAILED' : outcome}`)
  for (const problem of problems) console.log(`  ${problem}`)
}
