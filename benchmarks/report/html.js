import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { noiseWarning } from '../baseline.js'
import { BARE, OURS } from '../suite.js'
import { cell } from '../table.js'

/** The script of the page, which draws the charts with uPlot. */
const PAGE = new URL('page.js', import.meta.url)
const STYLE = new URL('page.css', import.meta.url)

/**
 * The chart library, which goes into the page so that it opens offline.
 * @throws Error when the dependencies of the benchmarks are not installed
 */
export function chartLibrary() {
  const require = createRequire(import.meta.url)
  try {
    const script = require.resolve('uplot/dist/uPlot.iife.min.js')
    return { script: readFileSync(script, 'utf8'), style: readFileSync(script.replace('uPlot.iife.min.js', 'uPlot.min.css'), 'utf8') }
  } catch (cause) {
    throw new Error('the charts need uPlot, which is not installed: npm ci --prefix benchmarks', { cause })
  }
}

/** A result as one HTML page that needs nothing else: its tables, and its distributions as charts. */
export function htmlReport(result, library) {
  const { machine, node, commit, modified, date, baseline, benchmarks } = result
  const warning = noiseWarning(baseline)
  const charts = []
  const body = Object.entries(benchmarks).map(([name, benchmark]) => section(name, benchmark, charts))
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>altostratus benchmarks, ${escaped(date.slice(0, 10))}</title>
<style>${library.style}${readFileSync(STYLE, 'utf8')}</style>
<h1>altostratus benchmarks</h1>
<p>${escaped(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system} · Node ${node} · commit ${commit}${modified ? ' with changes' : ''} · ${date}`)}</p>
<p>Bare UDP's round trip of 64 bytes before and after: idle ${baseline.start.idle} and ${baseline.end.idle} µs, awake ${baseline.start.awake} and ${baseline.end.awake} µs.</p>
${warning === undefined ? '' : `<p class="warning">${escaped(warning)}</p>`}
<nav>${Object.entries(benchmarks)
    .map(([name]) => `<a href="#${escaped(name)}">${escaped(name)}</a>`)
    .join(' ')}</nav>
${body.join('\n')}
<script>${library.script}</script>
<script>const CHARTS = ${JSON.stringify(charts).replaceAll('<', '\\u003c')}
${readFileSync(PAGE, 'utf8')}</script>
</html>
`
}

function section(name, benchmark, charts) {
  const head = `<section id="${escaped(name)}"><h2>${escaped(benchmark.title ?? name)} <code>${escaped(name)}</code></h2>`
  if (benchmark.missing !== undefined) return `${head}<p>Not run: ${escaped(benchmark.missing)}.</p></section>`
  const { about = '', unit, ratioOf, notRun = [], notes = [] } = benchmark
  return `${head}
<p>${escaped(about)} Figures in ${escaped(unit)}. <i>ratio</i>: ${escaped(ratioOf)}.</p>
${benchmark.charts.map((chart) => place(chart, benchmark.rows, charts)).join('\n')}
${table(benchmark)}
${notRun.map((rival) => `<p>${escaped(rival.name)} not run: ${escaped(rival.reason)}</p>`).join('')}
${notes.map((note) => `<p>${escaped(note)}</p>`).join('')}</section>`
}

/** Where a chart goes; what it shows is given to the page's script. */
function place({ title, kind, unit, group }, rows, charts) {
  const series = rows
    .filter((row) => row.curve?.length > 0 && (group === undefined || row.group === group))
    .map(({ name, implementation, curve, secondary = false }) => ({ name, implementation, curve, secondary }))
  if (series.length === 0) return ''
  const id = charts.push({ title, kind, unit, series, bare: BARE, ours: OURS }) - 1
  return `<figure><figcaption>${escaped(title)}, ${escaped(unit)}</figcaption><div class="chart" id="chart${id}"></div></figure>`
}

function table({ columns, rows }) {
  const shown = columns.filter(({ key }) => rows.some((row) => row[key] !== undefined))
  const lines = rows.map((row, i) => {
    const heading =
      row.group !== undefined && row.group !== rows[i - 1]?.group
        ? `<tr class="group"><th colspan="${shown.length + 1}">${escaped(row.group)}</th></tr>`
        : ''
    const cells = shown.map(({ key }) => `<td>${escaped(cell(row[key]))}</td>`).join('')
    return `${heading}<tr class="${escaped(row.implementation)}"><th>${escaped(row.name)}</th>${cells}</tr>`
  })
  return `<table><thead><tr><th></th>${shown.map(({ label }) => `<th>${escaped(label)}</th>`).join('')}</tr></thead><tbody>${lines.join('\n')}</tbody></table>`
}

function escaped(text) {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
