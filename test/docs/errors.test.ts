import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Each code that some source file makes an error with. */
function thrown(): Set<string> {
  const codes = new Set<string>()
  for (const file of readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const text = readFileSync(`${root}/src/${file}`, 'utf8')
    for (const [, thrown, told] of text.matchAll(/(?:AltostratusError|super|refused)\(\s*'([A-Z_]+)'|\bcode: '([A-Z_]+)', message/g))
      codes.add((thrown ?? told) as string)
  }
  return codes
}

/** Each code that has a line in one of the page's tables. */
function documented(): string[] {
  const page = readFileSync(`${root}/docs/errors.md`, 'utf8')
  return [...page.matchAll(/^\| `([A-Z_]+)` \| [^|]{10,} \| [^|]{3,} \|$/gm)].map(([, code]) => code as string)
}

test('docs/errors.md has a line for each code that is thrown, once, and for no other', () => {
  const lines = documented()
  expect(new Set(lines).size).toBe(lines.length)
  expect(lines.toSorted()).toEqual([...thrown()].toSorted())
})
