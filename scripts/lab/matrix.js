/** All pairs of NAT kinds, as many at a time as there are sites free, and what came of it as a table. */
import { runCell } from './cell.js'
import { KINDS } from './nat.js'

export const KIND_NAMES = Object.keys(KINDS)
/** Both players behind one and the same NAT. */
export const TOGETHER = { hairpin: { hairpin: true }, 'no-hairpin': { hairpin: false } }

/** The names of all cells: `kind/kind` for the host's NAT and the guest's, and `hairpin`, `no-hairpin`. */
export const CELLS = [...KIND_NAMES.flatMap((a) => KIND_NAMES.map((b) => `${a}/${b}`)), ...Object.keys(TOGETHER)]

/** Runs cells, `parallel` at a time. @param context `onResult` is told of each that is done */
export async function runMatrix(names, { internet, url, rtt, timeout, parallel, onResult }) {
  const sites = new Map()
  const site = (key, make) => sites.get(key) ?? (sites.set(key, make()), sites.get(key))
  const cellOf = (name) => {
    const together = TOGETHER[name]
    if (together !== undefined) {
      const shared = site(name, () => internet.site(name, 'port', { players: 2, ...together }))
      return { a: shared, b: shared, seats: [0, 1] }
    }
    const [a, b] = name.split('/')
    return { a: site(`a-${a}`, () => internet.site(`a-${a}`, a)), b: site(`b-${b}`, () => internet.site(`b-${b}`, b)) }
  }
  const waiting = names.map((name) => ({ name, ...cellOf(name) }))
  const busy = new Set()
  const results = []
  const work = async () => {
    for (;;) {
      const at = waiting.findIndex(({ a, b }) => !busy.has(a) && !busy.has(b))
      if (waiting.length === 0) return
      if (at < 0) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        continue
      }
      const [{ name, ...parts }] = waiting.splice(at, 1)
      busy.add(parts.a).add(parts.b)
      const cell = await runCell({ ...parts, url, rtt, timeout })
      const result = { name, text: cellText(cell), ...cell }
      busy.delete(parts.a)
      busy.delete(parts.b)
      results.push(result)
      onResult(result)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return names.map((name) => results.find((result) => result.name === name))
}

/** A cell in a few words. */
export function cellText({ path, first, roundTrips, passed }) {
  if (path === undefined) return 'no connection'
  const trips = roundTrips === undefined ? '' : ` ${roundTrips.toFixed(1)}`
  return `${path} ${Math.round(first)} ms${trips}${passed ? '' : ' (!)'}`
}

/** The table for a terminal; rows are the host's NAT, columns the guest's. */
export function tableText(results) {
  const rows = table(results)
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const lines = rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, ...together(results).map(([title, cell]) => `${title}: ${cell}`)].join('\n')
}

/** The table as Markdown. */
export function tableMarkdown(results) {
  const [head, ...rows] = table(results)
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
    '',
    line(['both behind the same NAT', 'path']),
    line(['---', '---']),
    ...together(results).map(line),
  ].join('\n')
}

function table(results) {
  const byName = new Map(results.map((result) => [result.name, result]))
  const text = (name) => (byName.has(name) ? cellText(byName.get(name)) : '')
  return [
    ['host \\ guest', ...KIND_NAMES.map((kind) => KINDS[kind].title)],
    ...KIND_NAMES.map((a) => [KINDS[a].title, ...KIND_NAMES.map((b) => text(`${a}/${b}`))]),
  ]
}

function together(results) {
  return results
    .filter(({ name }) => name in TOGETHER)
    .map((result) => [result.name === 'hairpin' ? 'with hairpin' : 'without hairpin', cellText(result)])
}
