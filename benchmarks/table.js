/** A benchmark's rows as columns of text, group by group. */
export function table({ columns, rows }) {
  const keys = [{ key: 'name', label: '' }, ...columns].filter(({ key }) => rows.some((row) => row[key] !== undefined))
  const lines = [keys.map(({ label }) => label), ...rows.map((row) => keys.map(({ key }) => cell(row[key])))]
  const widths = keys.map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  const text = lines.map((line) => line.map((each, i) => (i === 0 ? each.padEnd(widths[i]) : each.padStart(widths[i]))).join('  '))
  return withGroups(text, rows).join('\n')
}

/** Any value of a row as text. */
export function cell(value) {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'number') return String(value)
  if (Math.abs(value) >= 10_000) return Math.round(value).toLocaleString('en-US')
  return String(value)
}

/** The lines with a heading where a new group begins. */
function withGroups([head, ...lines], rows) {
  const out = [head]
  for (const [i, line] of lines.entries()) {
    if (rows[i].group !== undefined && rows[i].group !== rows[i - 1]?.group) out.push(`— ${rows[i].group}`)
    out.push(line)
  }
  return out
}
