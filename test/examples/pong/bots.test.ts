import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { evaluate, summary } from '../../../examples/pong/bots.ts'
import type { BotReport } from '../../../examples/pong/bot-messages.ts'
import { percentile } from '../../../examples/pong/round-trips.ts'
import { PONG, isAlive, run, until } from '../../command.ts'
import type { Running } from '../../command.ts'

const report = (change: Partial<BotReport> = {}): BotReport => ({
  points: [2, 1],
  isConsistent: true,
  seconds: 5.0004,
  roundTrips: [1, 2, 3, 4],
  path: 'direct',
  inputs: { sent: 300, received: 299 },
  ...change,
})

describe('what two reports come to', () => {
  test('in order', () => {
    expect(evaluate([1, 2, 3], report(), report({ roundTrips: [9.00049] }))).toEqual({
      result: {
        introducerPid: 1,
        playerPids: [2, 3],
        seconds: 5,
        points: [2, 1],
        agree: true,
        rttMs: { p50: 3, p99: 9 },
        path: 'direct',
        inputsSent: 600,
        inputsReceived: 598,
      },
      problems: [],
    })
  })

  test.each([
    ['another score', report({ points: [2, 2] })],
    ['a score that did not add up in between', report({ isConsistent: false })],
  ])('not in order: %s', (_, guest) => {
    const { result, problems } = evaluate([1, 2, 3], report(), guest)
    expect(result.agree).toBe(false)
    expect(problems).toEqual([expect.stringContaining('disagree')])
  })

  test('not in order: inputs that did not arrive at either', () => {
    const deaf = report({ inputs: { sent: 300, received: 0 } })
    expect(evaluate([1, 2, 3], deaf, report()).problems).toEqual(['no input of the guest arrived'])
    expect(evaluate([1, 2, 3], report(), deaf).problems).toEqual(['no input of the host arrived'])
  })

  test('the path is the worse one, and figures that were not measured are not made up', () => {
    const { result } = evaluate([1, 2, 3], report({ roundTrips: [] }), report({ path: 'lost', roundTrips: [] }))
    expect(result.path).toBe('lost')
    expect(result.rttMs).toEqual({ p50: null, p99: null })
    expect(summary(result)).toContain('not measured')
  })

  test('percentiles are by nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i)
    expect([0, 50, 99, 100].map((percent) => percentile(values, percent))).toEqual([1, 100, 198, 200])
    expect(percentile([], 50)).toBeUndefined()
  })
})

const pong = (...args: string[]): Running => run(process.execPath, [...PONG, ...args])

describe('the command', () => {
  test('three processes play over UDP, and one line says how it went', async () => {
    const { exitCode, stdout, stderr } = await pong('--bots', '--seconds', '2', '--json').done
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    const result = JSON.parse(stdout) as Record<string, unknown>
    expect(Object.keys(result)).toEqual([
      'introducerPid',
      'playerPids',
      'seconds',
      'points',
      'agree',
      'rttMs',
      'path',
      'inputsSent',
      'inputsReceived',
    ])
    expect(result).toMatchObject({ agree: true, path: 'direct', rttMs: { p50: expect.any(Number), p99: expect.any(Number) } })
    expect(result['seconds']).toBeGreaterThan(1.5)
    expect(result['inputsReceived']).toBeGreaterThan(100)
    const pids = [result['introducerPid'], ...(result['playerPids'] as unknown[])] as number[]
    expect(new Set(pids).size).toBe(3)
    expect(pids.filter(isAlive)).toEqual([])
  }, 60_000)

  test('a summary for people', async () => {
    const { exitCode, stdout } = await pong('--bots', '--seconds', '1').done
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/Two bots played 1\.\d s of pong: \d+ : \d+, and agree/)
  }, 60_000)

  test('a wrong argument: what is right, and exit code 2', async () => {
    const { exitCode, stdout, stderr } = await pong('--seconds', '5').done
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^pong: [^]*usage: npm run pong/)
  })

  test('without a terminal: what to do', async () => {
    const { exitCode, stderr } = await pong('--create').done
    expect(exitCode).toBe(1)
    expect(stderr).toContain('Run it in a terminal window')
  })

  // Who is whose child is in /proc, which Linux alone has.
  if (process.platform === 'linux') {
    test.each(['SIGKILL', 'SIGTERM'] as const)(
      'when the parent dies of %s, so do the children',
      async (signal) => {
        const { child, done } = pong('--bots', '--seconds', '600')
        let children: number[] = []
        await until(() => (children = childrenOf(child.pid ?? -1)).length === 3)
        child.kill(signal)
        await done
        await until(() => !children.some(isAlive))
      },
      60_000,
    )
  }
})

function childrenOf(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return all.filter((name) => parentOf(name) === pid && commandOf(name).includes('bot-')).map(Number)
}

function parentOf(name: string): number {
  return Number(/^PPid:\s*(\d+)/m.exec(textOf(`/proc/${name}/status`))?.[1])
}

function commandOf(name: string): string {
  return textOf(`/proc/${name}/cmdline`)
}

/** A process may end while it is looked at. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
