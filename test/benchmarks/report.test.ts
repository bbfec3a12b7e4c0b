import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { load } from './bench.ts'

interface Library {
  readonly script: string
  readonly style: string
}

interface Markdown {
  readonly performancePage: (result: unknown) => string
}

interface Html {
  readonly chartLibrary: () => Library
  readonly htmlReport: (result: unknown, library: Library) => string
}

interface Results {
  readonly FULL_RESULT: string
  readonly loadResult: (file: string) => unknown
}

const { performancePage }: Markdown = await load('report/markdown.js')
const { chartLibrary, htmlReport }: Html = await load('report/html.js')
const { FULL_RESULT, loadResult }: Results = await load('result.js')
const fixture = new URL('result.json', import.meta.url).pathname

test('docs/performance.md is what the committed result gives', () => {
  const page = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8')
  // Not by toEqual: the difference of two such pages is too long to read.
  if (page !== performancePage(loadResult(FULL_RESULT))) throw new Error('docs/performance.md is stale: npm run bench -- report')
})

test('the page names the machine, the noise, each figure, and what was not run with the reason', () => {
  const page = performancePage(loadResult(fixture))
  for (const text of [
    '- Test CPU, 2 cores, 8 GiB, Linux 6',
    '- Node v20.19.0, commit abc1234 with changes, 2026-11-25',
    '**Too noisy: bare UDP differed by 40 %',
    '## Round trips',
    '### 64 bytes',
    '|  | p50 | ratio |',
    '| altostratus reliable | 12,346 | 1.23 |',
    '- geckos not run: there is \\| no such thing',
    '## state\n\nNot run: not there yet.',
  ]) {
    expect(page).toContain(text)
  }
})

test('the report is one file: everything in it, nothing from elsewhere, and no text of the result becomes code', () => {
  const page = htmlReport(loadResult(fixture), { script: 'const uPlot = 1', style: '.u{}' })
  expect(page).not.toMatch(/<(script|link|img)[^>]*(src|href)=/)
  expect(page).toContain('const uPlot = 1')
  expect(page).toContain('<td>12,346</td>')
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(page).not.toContain('<script>alert(1)')
  // What the charts are drawn from: every row with a curve.
  const charts = JSON.parse(/const CHARTS = (.*)\n/.exec(page)?.[1] ?? '')
  expect(charts).toHaveLength(1)
  expect(charts[0].series.map(({ name }: { name: string }) => name)).toEqual(['udp', 'altostratus reliable'])
})

test('the charts are drawn by uPlot, where the dependencies of the benchmarks are installed', () => {
  if (!existsSync(new URL('../../benchmarks/node_modules/uplot', import.meta.url))) {
    expect(chartLibrary).toThrow('npm ci --prefix benchmarks')
    console.log('not drawn with uPlot: npm ci --prefix benchmarks installs it')
    return
  }
  expect(htmlReport(loadResult(fixture), chartLibrary())).toContain('uPlot')
})
