import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How often, and in which order, each section of RFC 7016 §2 and §3 has the words of RFC 2119 that require something. */
const RFC7016 = `
2: SHALL, SHOULD, MUST, MUST, SHALL
2.1.2: SHOULD
2.2.3: RECOMMENDED, MUST, SHOULD, SHALL, MUST
2.2.4: RECOMMENDED, MUST, MUST, SHOULD, MUST, SHOULD
2.3: MUST, MUST, SHALL, SHALL
2.3.1: MUST, MUST NOT
2.3.6: SHOULD, SHOULD
2.3.7: MUST
2.3.9: SHOULD
2.3.11: MUST, MUST, SHOULD, MUST, MUST NOT, MUST NOT
2.3.11.1: MUST, MUST, MUST
2.3.11.1.1: MUST, MUST, SHOULD NOT, SHOULD NOT, SHOULD NOT
2.3.11.1.2: MUST, SHOULD NOT, SHOULD NOT, MUST NOT, MUST, MUST
2.3.12: MUST
2.3.13: SHOULD, MUST NOT
2.3.14: SHOULD, MUST NOT
2.3.15: SHOULD
2.3.16: SHOULD, MUST
3.1: SHOULD
3.2: RECOMMENDED, MUST, SHOULD, MUST, RECOMMENDED
3.3: MUST NOT
3.4: SHOULD, SHOULD, MUST NOT, SHOULD, SHOULD, MUST, MUST, MUST, MUST, MUST, SHOULD NOT, SHOULD
3.5.1.1.1: RECOMMENDED, RECOMMENDED, SHOULD NOT, SHOULD, SHOULD NOT, SHOULD, SHOULD NOT
3.5.1.1.2: SHOULD, SHOULD NOT, MUST, SHOULD, SHOULD, SHOULD NOT, SHOULD
3.5.1.2: SHOULD, SHOULD NOT
3.5.1.4: SHOULD NOT
3.5.2: MUST, SHOULD NOT, MUST NOT
3.5.2.1: MUST, SHOULD NOT
3.5.2.2: SHOULD, SHOULD, MUST NOT, MUST
3.5.2.3: SHOULD NOT
3.5.3: SHOULD
3.5.4: SHOULD, SHOULD, SHOULD NOT, MUST
3.5.4.1: SHOULD, SHOULD NOT, SHOULD
3.5.4.3: SHOULD, SHOULD
3.5.5: SHOULD, SHOULD
3.6.1.1: MUST NOT, MUST NOT
3.6.1.2: MUST, SHOULD, MUST, SHOULD, MUST
3.6.1.3: SHOULD, MUST NOT, SHOULD, SHOULD
3.6.2.1: SHOULD NOT
3.6.2.2: MUST
3.6.2.3: MUST NOT, MUST NOT
3.6.2.3.2: RECOMMENDED, MUST
3.6.2.5: SHOULD
3.6.2.6: REQUIRES
3.6.2.7: MUST NOT
3.6.2.7.1: SHOULD
3.6.2.9: MUST NOT
3.6.2.9.1: SHOULD, SHOULD, SHOULD, SHOULD, SHOULD NOT, SHOULD
3.6.2.11: MUST
3.6.3.1: MUST, MUST, MUST, MUST
3.6.3.2: MUST
3.6.3.3: MUST NOT, SHOULD
3.6.3.4: SHOULD
3.6.3.4.1: SHOULD
3.6.3.4.3: SHOULD
3.6.3.5: MUST, RECOMMENDED
3.6.3.8: SHOULD
`

/** The same of RFC 7425 §4. */
const RFC7425 = `
4.2: MUST, SHOULD
4.3.3: MUST
4.3.3.1: MUST, MUST NOT
4.3.3.2: MUST
4.3.3.4: MUST, MUST NOT
4.3.3.5: MUST, SHOULD NOT, MUST NOT
4.3.5: MUST, SHALL
4.3.5.1: SHOULD
4.3.5.1.1: SHOULD, SHOULD
4.4.2: MUST
4.4.2.1: MUST NOT
4.4.2.2: MUST NOT
4.4.2.3: MUST NOT
4.4.3: REQUIRED, MUST, REQUIRES, REQUIRES
4.4.4: MUST, MUST
4.5.2: MUST
4.5.2.1: MUST NOT, MUST, MUST NOT
4.5.2.2: SHOULD
4.5.2.3: MUST, MUST NOT, MUST NOT
4.5.2.4: MUST
4.6.2: MUST, MUST NOT
4.6.4: MUST, MUST, SHOULD, MUST
4.6.6: SHOULD, SHOULD, MUST, MUST, MUST, SHOULD
4.7.3.1: MUST
4.7.3.2: MUST
4.7.3.3: MUST, MUST
`

interface Line {
  readonly document: string
  readonly clause: string
  readonly keyword: string
  readonly requirement: string
  readonly what: string
  readonly files: readonly string[]
  readonly tests: readonly string[]
}

const page = readFileSync(`${root}/docs/conformance.md`, 'utf8')
const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner as string)

/** The lines of the page's tables. */
function lines(): Line[] {
  let document = ''
  return page.split('\n').flatMap((line) => {
    document = /^## (RFC \d+)/.exec(line)?.[1] ?? document
    if (!line.startsWith('| §')) return []
    const cells = line.slice(2, -2).split(' | ')
    expect(cells).toHaveLength(5)
    const [clause, keyword, requirement, what, tests] = cells as [string, string, string, string, string]
    const files = quoted(what.slice(what.lastIndexOf('('))).filter((name) => name.startsWith('src'))
    return [{ document, clause: clause.slice(1), keyword, requirement, what, files, tests: quoted(tests) }]
  })
}

/** `2.3: MUST, SHALL` for each section, in order. */
function summary(document: string): string {
  const keywords = new Map<string, string[]>()
  for (const line of lines()) {
    if (line.document !== document) continue
    keywords.set(line.clause, [...(keywords.get(line.clause) ?? []), line.keyword])
  }
  return [...keywords].map(([clause, words]) => `${clause}: ${words.join(', ')}`).join('\n')
}

/** Titles of all tests, as they stand in the sources: those of `test.each` with their placeholders. By file. */
function titles(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const file of readdirSync(`${root}/test`, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.test.ts')) continue
    const text = readFileSync(`${root}/test/${file}`, 'utf8')
    const set = new Set<string>()
    for (const { 1: call, 2: literal, index } of text.matchAll(/(\btest\(|\)\()\s*('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/g)) {
      // What follows `)(` may belong to `describe.each`.
      if (call === ')(' && text.lastIndexOf('describe.each', index) > text.lastIndexOf('test.each', index)) continue
      set.add((literal as string).slice(1, -1).replace(/\\(['"\\])/g, '$1'))
    }
    found.set(`test/${file}`, set)
  }
  return found
}

describe('docs/conformance.md', () => {
  test.each([
    ['RFC 7016', RFC7016],
    ['RFC 7425', RFC7425],
  ])('has a line for each requirement of %s, in its order', (document, expected) => {
    expect(summary(document)).toBe(expected.trim())
  })

  test('says of each what is done, in files that exist, and names tests that exist', () => {
    const all = new Set([...titles().values()].flatMap((set) => [...set]))
    const faults: string[] = []
    for (const { clause, requirement, what, files, tests } of lines()) {
      const where = `§${clause} ${requirement}`
      if (!/^\*(conforms|differs)\*/.test(what)) faults.push(`${where}: neither conforms nor differs`)
      if (files.length === 0 || files.some((file) => !existsSync(`${root}/${file}`))) faults.push(`${where}: no such file`)
      if (tests.length === 0) faults.push(`${where}: no test`)
      for (const title of tests) if (!all.has(title)) faults.push(`${where}: no test '${title}'`)
    }
    expect(faults).toEqual([])
  })

  test('counts right', () => {
    const all = lines()
    const differ = all.filter(({ what }) => what.startsWith('*differs*')).length
    expect(page.replaceAll(/\s+/g, ' ')).toContain(`There are ${all.length}: ${all.length - differ} conform, ${differ} differ.`)
  })
})

/** RFC 7016 §3.5.1.4: a far end might take its keying for glare. */
test('the introducer opens no session', () => {
  const folder = `${root}/src/introducer`
  expect(readFileSync(`${folder}/server.ts`, 'utf8')).not.toMatch(/\.open\(/)
})
