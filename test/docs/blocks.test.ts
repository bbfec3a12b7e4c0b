import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

interface Block {
  readonly name: string
  readonly code: string
  /** What the page says that it prints. */
  readonly printed: string
}

/** TypeScript behind the mark, and the text block that follows it. */
const MARKED = /<!-- A test runs this block\. -->\s*```ts\n([\s\S]*?)```[\s\S]*?```text\n([\s\S]*?)```/g

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]
const blocks: Block[] = pages.flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(MARKED)].map(([, code = '', printed = ''], i) => ({
    name: `${page} ${i + 1}`,
    code,
    printed,
  })),
)

let folder: string

beforeAll(async () => {
  await run(process.execPath, ['scripts/build.js', '--if-stale', '--quiet'], { cwd: root })
  // Inside the package, so that it finds itself by name as an installed copy would.
  folder = mkdtempSync(join(root, 'build', 'blocks-'))
  const files = blocks.map(({ code }, i) => {
    const file = join(folder, `block${i}.mts`)
    writeFileSync(file, code)
    return file
  })
  const options = ['--module', 'nodenext', '--target', 'es2023', '--strict', '--types', 'node', '--skipLibCheck', '--ignoreConfig']
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, ...files], { cwd: root }).catch(
    (error: unknown) => {
      throw new Error((error as { readonly stdout: string }).stdout)
    },
  )
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each(blocks.map((block, i) => [block.name, i] as const))(
  'the code in %s compiles, and prints what the page says',
  async (_name, i) => {
    const { stdout } = await run(process.execPath, [join(folder, `block${i}.mjs`)], { cwd: root, timeout: 30_000 })
    expect(stdout).toBe(blocks[i]!.printed)
  },
)

test('the README’s quick start is there, and has at most 30 lines', () => {
  const [start] = blocks
  expect(start?.name).toBe('README.md 1')
  expect(start!.code.trim().split('\n').length).toBeLessThanOrEqual(30)
})
