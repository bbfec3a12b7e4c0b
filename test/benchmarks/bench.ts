import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `npm run bench -- …` as it does, without npm. */
export function bench(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['scripts/run.js', 'benchmarks/bench.js', ...args],
      { cwd: root, timeout: 140_000 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr })
      },
    )
  })
}

/** A module of the benchmarks, which are JavaScript without types. */
export async function load<T>(path: string): Promise<T> {
  const module: unknown = await import(new URL(`../../benchmarks/${path}`, import.meta.url).href)
  return module as T
}
