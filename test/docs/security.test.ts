import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import * as constants from '../../src/rtmfp/constants.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8')

test('docs/security.md: every limit that it names is that of the constant', () => {
  const rows = [...page.matchAll(/^\|[^|]*\| `([A-Z_]+)` \| ([\d,]+) +\|$/gm)].map(
    ([, name, value]) => [name!, Number(value!.replaceAll(',', ''))] as const,
  )
  expect(rows.length).toBeGreaterThanOrEqual(23)
  for (const [name, value] of rows) expect([name, (constants as Record<string, unknown>)[name]]).toEqual([name, value])
})

test('docs/security.md: every row is one of those', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| limit'))
  for (const row of rows) expect(row).toMatch(/^\|[^|]*\| `[A-Z_]+` \| [\d,]+ +\|$/)
})
