import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)
let folder: string

beforeAll(async () => {
  await run(process.execPath, ['scripts/build.js', '--if-stale', '--quiet'], { cwd: root })
  // Inside the package, so that it finds itself by name as an installed copy would.
  folder = mkdtempSync(join(root, 'build', 'readme-'))
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the quick start of the README compiles, prints what the README says, and has at most 30 lines', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, block = '', printed] = /## Quick start[\s\S]*?```ts\n([\s\S]*?)```[\s\S]*?```text\n([\s\S]*?)```/.exec(readme) ?? []
  expect(block.trim().split('\n').length).toBeLessThanOrEqual(30)
  writeFileSync(join(folder, 'start.mts'), block)
  const options = ['--module', 'nodenext', '--target', 'es2023', '--strict', '--types', 'node', '--skipLibCheck', '--ignoreConfig']
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, join(folder, 'start.mts')], { cwd: root })
  const { stdout } = await run(process.execPath, [join(folder, 'start.mjs')], { cwd: root, timeout: 30_000 })
  expect(stdout).toBe(printed)
}, 120_000)
