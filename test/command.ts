import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

/** How a process ended, and what it said. */
export interface Outcome {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program of this repository, run as `npm run` runs it. */
export interface Running {
  readonly child: ChildProcess
  readonly done: Promise<Outcome>
  /** What has come on standard output so far. */
  readonly output: () => string
}

/** Runs a program with pipes for its three streams. @param environment What is added to this process's. */
export function run(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, ...environment } })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  const done = new Promise<Outcome>((resolve) => {
    child.on('close', (exitCode) => resolve({ exitCode, ...said }))
  })
  return { child, done, output: () => said.stdout }
}

/** The command line of the built command. */
export const CLI: readonly string[] = ['scripts/run.js', 'dist/cli.js']
/** The command lines of the built examples; they build first when something has changed. */
export const PONG: readonly string[] = ['scripts/run.js', 'build/examples/pong/main.js']
export const ARENA: readonly string[] = ['scripts/run.js', 'build/examples/arena/main.js']

/** Whether there is a process with this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Waits for something that another process does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}
