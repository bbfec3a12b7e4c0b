import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Where and of what a result is: it is worth nothing without. */
export function environment() {
  const [cpu] = cpus()
  return {
    machine: {
      cpu: cpu?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()}`,
    },
    node: process.version,
    commit: git('rev-parse', '--short', 'HEAD') ?? 'unknown',
    // What is not committed makes the commit a half-truth.
    modified: (git('status', '--porcelain', '--', 'src', 'benchmarks', ':!benchmarks/results') ?? '') !== '',
    date: new Date().toISOString(),
  }
}

/** The answer of git; `undefined` outside a checkout. */
function git(...args) {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
