import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FULL_RESULT, RESULTS, loadResult } from '../result.js'
import { chartLibrary, htmlReport } from './html.js'
import { performancePage } from './markdown.js'

const HTML = `${RESULTS}report.html`
const PAGE = fileURLToPath(new URL('../../docs/performance.md', import.meta.url))

/**
 * Makes what people read from the file of a result: an HTML page with charts beside it, and, if `docs`, docs/performance.md.
 * @returns The files that it wrote, `html` and `page`, and the `problem` that kept it from drawing, if any.
 * @throws Error when the file is no result
 */
export function makeReport(file = FULL_RESULT, { docs }) {
  const result = loadResult(file)
  const page = docs ? PAGE : undefined
  if (docs) writeFileSync(PAGE, performancePage(result))
  try {
    writeFileSync(HTML, htmlReport(result, chartLibrary()))
    return { page, html: HTML }
  } catch (error) {
    return { page, problem: error.message }
  }
}
