import { expect, test } from '@jest/globals'
import { bench, load } from './bench.ts'

interface CommandLine {
  readonly USAGE: string
  readonly parseCommandLine: (args: readonly string[]) => Record<string, unknown>
}

const { USAGE, parseCommandLine }: CommandLine = await load('command-line.js')

test('the help names every benchmark, every rival and every option', () => {
  const benchmarks = [
    'latency',
    'loss',
    'throughput',
    'sessions',
    'flood',
    'connect',
    'priority',
    'introducer',
    'state',
    'browser',
    'simulate',
  ]
  const rivals = ['ws', 'colyseus', 'werift', 'node-datachannel', 'roamhq-wrtc', 'geckos', 'enet']
  const missing = [...benchmarks, ...rivals, '--json', '--seconds N', '--against', 'report'].filter((word) => !USAGE.includes(word))
  expect(missing).toEqual([])
})

test('what is asked for', () => {
  expect(parseCommandLine(['--help'])).toEqual({ kind: 'help' })
  expect(parseCommandLine([])).toMatchObject({ kind: 'run', all: true, json: false, seconds: undefined })
  expect(parseCommandLine(['latency', '--json', '--seconds', '1.5', '--against', 'ws, werift'])).toEqual({
    kind: 'run',
    names: ['latency'],
    all: false,
    json: true,
    seconds: 1.5,
    against: ['ws', 'werift'],
  })
  expect(parseCommandLine(['latency', '--against', 'none'])).toMatchObject({ against: [] })
  expect(parseCommandLine(['report', 'x.json'])).toEqual({ kind: 'report', file: 'x.json' })
})

test.each([
  [['nonsense'], 'there is no benchmark "nonsense"'],
  [['latency', 'nonsense'], 'there is no benchmark "nonsense"'],
  [['toString'], 'there is no benchmark "toString"'],
  [['latency', '--seconds', 'many'], '--seconds takes a number above 0, not "many"'],
  [['latency', '--seconds', '0'], '--seconds takes a number above 0, not "0"'],
  [['latency', '--seconds=-1'], '--seconds takes a number above 0, not "-1"'],
  [['latency', '--seconds', ''], '--seconds takes a number above 0, not ""'],
  [['latency', '--seconds', 'Infinity'], '--seconds takes a number above 0, not "Infinity"'],
  [['latency', '--seconds'], '--seconds'],
  [['latency', '--against', 'ws,nobody'], 'there is no rival "nobody" to compare with'],
  [['latency', '--against', ''], 'there is no rival "" to compare with'],
  [['--nonsense'], '--nonsense'],
  [['report', '--json'], 'report takes no --json'],
  [['report', 'a', 'b'], 'report takes one file'],
])('%j is refused', (args, why) => {
  expect(() => parseCommandLine(args)).toThrow(why)
})

test('what is wrong ends the command with 2, says why, and prints nothing to standard output', async () => {
  const wrong = [
    [['nonsense'], 'bench: there is no benchmark "nonsense"'],
    [['report', 'no/such/file.json'], 'bench: no/such/file.json can not be read'],
    [['report', 'package.json'], 'bench: package.json is not a result'],
  ] as const
  for (const [args, why] of wrong) {
    const { code, stdout, stderr } = await bench(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(why)
  }
})
