import { noiseWarning } from '../baseline.js'
import { cell } from '../table.js'

/** docs/performance.md of a result. Everything in it follows from the result: it is never typed. */
export function performancePage(result) {
  const { machine, node, commit, modified, date, baseline, benchmarks } = result
  const warning = noiseWarning(baseline)
  return [
    '# Performance',
    '<!-- Generated from benchmarks/results/all.json by `npm run bench -- report`: do not edit. -->',
    'Everything on this page was measured side by side in one run, by `npm run bench`. What counts is the ratio to bare UDP (`node:dgram`) of the same run, and the shape of the distributions: absolute figures are those of one machine.',
    [
      `- ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`,
      `- Node ${node}, commit ${commit}${modified ? ' with changes' : ''}, ${date.slice(0, 10)}`,
      `- bare UDP's round trip of 64 bytes before and after: idle ${baseline.start.idle} and ${baseline.end.idle} µs, awake ${baseline.start.awake} and ${baseline.end.awake} µs`,
    ].join('\n'),
    ...(warning === undefined ? [] : [`**${warning}**`]),
    ...Object.entries(benchmarks).flatMap(([name, benchmark]) => section(name, benchmark)),
  ]
    .join('\n\n')
    .concat('\n')
}

function section(name, benchmark) {
  if (benchmark.missing !== undefined) return [`## ${name}`, `Not run: ${benchmark.missing}.`]
  const { title, unit, about, ratioOf, rows, notRun = [], notes = [] } = benchmark
  const groups = [...new Set(rows.map(({ group }) => group))]
  return [
    `## ${title}`,
    `\`npm run bench -- ${name}\`, ${unit}. ${about ?? ''}`.trim(),
    `*ratio*: ${ratioOf}.`,
    ...groups.flatMap((group) => [
      ...(group === undefined ? [] : [`### ${upperFirst(group)}`]),
      markdownTable(
        benchmark,
        rows.filter((row) => row.group === group),
      ),
    ]),
    ...(notRun.length === 0 ? [] : [notRun.map(({ name: rival, reason }) => `- ${rival} not run: ${oneLine(reason)}`).join('\n')]),
    ...notes,
  ]
}

function markdownTable({ columns }, rows) {
  const shown = columns.filter(({ key }) => rows.some((row) => row[key] !== undefined))
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...shown.map(({ label }) => label)]),
    `|---|${shown.map(() => '--:|').join('')}`,
    ...rows.map((row) => line([row.name, ...shown.map(({ key }) => cell(row[key]))])),
  ].join('\n')
}

function upperFirst(text) {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function oneLine(text) {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')
}
