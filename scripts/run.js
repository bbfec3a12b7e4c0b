/**
 * Builds when something has changed, quietly, and runs a program of the repository in this same process, so that the
 * terminal and the signals are its own.
 *
 *   node scripts/run.js PROGRAM [ARGUMENT…]
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const [program, ...rest] = process.argv.slice(2)
if (program === undefined) {
  console.error('usage: node scripts/run.js PROGRAM [ARGUMENT…]')
  process.exit(2)
}

// In a process of its own: the build's tools would stay in the program's memory.
const builder = fileURLToPath(new URL('build.js', import.meta.url))
const built = spawnSync(process.execPath, [builder, '--if-stale', '--quiet'], { stdio: ['ignore', 2, 2] })
if (built.status !== 0) process.exit(built.status ?? 1)

const path = resolve(program)
if (!existsSync(path)) {
  console.error(`There is no ${program}.`)
  process.exit(2)
}
process.argv = [process.execPath, path, ...rest]
await import(pathToFileURL(path).href)
