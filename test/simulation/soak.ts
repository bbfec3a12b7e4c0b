import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** Runs scripts/soak.js, whose work is done several times as fast outside jest. */
export function soak(...args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  const root = join(import.meta.dirname, '../..')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['scripts/soak.js', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, output }))
  })
}
