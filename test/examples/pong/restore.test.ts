import { describe, expect, test } from '@jest/globals'
import { PONG, run, until } from '../../command.ts'
import type { Running } from '../../command.ts'

/** A terminal of the system's, by way of util-linux's `script`: `stty` says before and after what state it is in. */
function inTerminal(command: string, environment: Record<string, string> = {}): Running {
  const line = `stty -g; ${command}; echo "exit code $?"; stty -g`
  return run('script', ['-qec', line, '/dev/null'], environment)
}

/** A shell that tells its own number before it becomes the program. */
function withPid(command: string): string {
  return `sh -c 'echo "game $$"; exec ${command}'`
}

function pidIn(output: string): number {
  return Number(/game (\d+)/.exec(output)?.[1])
}

const pong = `${process.execPath} ${PONG.join(' ')}`
const ESCAPE = String.fromCharCode(0x1b)

// Elsewhere `script` has other arguments, or is not there.
if (process.platform === 'linux') {
  describe('a real terminal is as it was before, whatever ends the game', () => {
    test('q', async () => {
      const { child, done, output } = inTerminal(`${pong} --create`)
      await until(() => output().includes('Code: '))
      child.stdin?.write('q')
      check((await done).stdout, 0)
    }, 60_000)

    test.each([
      ['SIGTERM', 143],
      ['SIGINT', 130],
      ['SIGHUP', 129],
    ] as const)(
      '%s',
      async (signal, exitCode) => {
        const { done, output } = inTerminal(withPid(`${pong} --create`))
        await until(() => output().includes('Code: '))
        process.kill(pidIn(output()), signal)
        check((await done).stdout, exitCode)
      },
      60_000,
    )

    test('an error that nobody caught', async () => {
      const throwing = `process.on("SIGUSR2", () => { throw new Error("a bug") })`
      const { done, output } = inTerminal(withPid(`${pong} --create`), {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(throwing)}`,
      })
      await until(() => output().includes('Code: '))
      process.kill(pidIn(output()), 'SIGUSR2')
      const { stdout } = await done
      check(stdout, 1)
      expect(stdout.slice(stdout.lastIndexOf(`${ESCAPE}[?1049l`))).toContain('a bug')
    }, 60_000)
  })
}

function check(stdout: string, exitCode: number): void {
  const [before, after] = stdout.match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm) ?? []
  expect(before).toBeDefined()
  expect(after).toBe(before)
  expect(stdout).toContain(`exit code ${exitCode}`)
  expect(stdout.lastIndexOf(`${ESCAPE}[?1049l`)).toBeGreaterThan(stdout.lastIndexOf(`${ESCAPE}[?1049h`))
  expect(stdout.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(stdout.lastIndexOf(`${ESCAPE}[?25l`))
}
