import { describe, expect, test } from '@jest/globals'
import { USAGE, parseArguments } from '../../../examples/arena/arguments.ts'
import { LOCAL_INTRODUCER } from '../../../examples/common/arguments.ts'

const parse = (line: string) => parseArguments(line.split(' ').filter((word) => word !== ''))

describe('what is understood', () => {
  test.each([
    ['--create', { player: { kind: 'create', introducer: undefined, name: undefined }, bots: 0, isHeadless: false, seconds: Infinity }],
    ['--join kfq7b --bots 15', { player: { kind: 'join', code: 'KFQ7B', introducer: LOCAL_INTRODUCER, name: undefined }, bots: 15 }],
    ['--lan --name Ada --headless --seconds 2.5', { player: { kind: 'lan', name: 'Ada' }, isHeadless: true, seconds: 2.5 }],
  ])('%s', (line, command) => {
    expect(parse(line)).toMatchObject({ kind: 'play', ...command })
  })

  test('help', () => {
    expect(parse('--create --help')).toEqual({ kind: 'help' })
  })
})

describe('what is not, and why', () => {
  test.each([
    ['', 'Say --create, --join CODE or --lan.'],
    ['--create --lan', 'exclude each other'],
    ['--lan --introducer rtmfp://[::1]', '--introducer goes with --create and --join'],
    ['--create --bots 16', 'from 0 to 15'],
    ['--create --bots two', 'from 0 to 15'],
    ['--create --seconds 5', '--seconds goes with --headless'],
    ['--create --headless --seconds 0', 'from 1 to 3600'],
    ['--join K', 'KFQ7'],
    ['--create --introducer localhost', 'rtmfp://'],
  ])('%s', (line, reason) => {
    const command = parse(line)
    expect(command.kind === 'wrong' && command.why).toContain(reason)
  })
})

test('the help fits a terminal of 80 columns', () => {
  expect(Math.max(...USAGE.split('\n').map((line) => line.length))).toBeLessThan(80)
})
