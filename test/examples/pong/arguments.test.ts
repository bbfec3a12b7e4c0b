import { describe, expect, test } from '@jest/globals'
import { LOCAL_INTRODUCER, printableName } from '../../../examples/common/arguments.ts'
import { USAGE, parseArguments } from '../../../examples/pong/arguments.ts'

const parse = (line: string) => parseArguments(line.split(' ').filter((word) => word !== ''))

describe('what is understood', () => {
  test('creating a game', () => {
    expect(parse('--create')).toEqual({ kind: 'create', introducer: undefined, name: undefined })
    expect(parse('--create --name Ada --introducer rtmfp://play.example.com')).toEqual({
      kind: 'create',
      introducer: 'rtmfp://play.example.com',
      name: 'Ada',
    })
  })

  test('joining one: the code in either case, the introducer of this machine by default', () => {
    expect(parse('--join kfq7b')).toEqual({ kind: 'join', code: 'KFQ7B', introducer: LOCAL_INTRODUCER, name: undefined })
    expect(parse('--join=KFQ7B --introducer rtmfp://[::1]:2000')).toMatchObject({ introducer: 'rtmfp://[::1]:2000' })
  })

  test('whoever is there on the local network', () => {
    expect(parse('--lan --name Ada')).toEqual({ kind: 'lan', name: 'Ada' })
  })

  test('bots, for five seconds unless told otherwise', () => {
    expect(parse('--bots')).toEqual({ kind: 'bots', seconds: 5, json: false })
    expect(parse('--bots --seconds 2.5 --json')).toEqual({ kind: 'bots', seconds: 2.5, json: true })
  })

  test.each(['--help', '-h', '--create --help'])('help: %s', (line) => {
    expect(parse(line)).toEqual({ kind: 'help' })
  })
})

describe('what is not, and why', () => {
  test.each([
    ['', 'Say --create'],
    ['--creat', "'--creat'"],
    ['--create extra', 'extra'],
    ['--create --join KFQ7B', 'exclude each other'],
    ['--join', '--join'],
    ['--join K', 'KFQ7'],
    ['--join KF!7B', 'KFQ7'],
    ['--bots --seconds', '--seconds'],
    ['--bots --seconds 0', 'from 1 to 3600'],
    ['--bots --seconds 4e2', 'from 1 to 3600'],
    ['--bots --seconds 3601', 'from 1 to 3600'],
    ['--bots --seconds soon', '"soon"'],
    ['--create --seconds 5', '--seconds goes with --bots'],
    ['--create --json', '--json goes with --bots'],
    ['--bots --name Ada', '--name goes with --create and --join and --lan'],
    ['--create --introducer localhost', 'rtmfp://'],
    ['--lan --introducer rtmfp://[::1]', '--introducer goes with --create and --join'],
    ['--lan --join KFQ7B', 'exclude each other'],
  ])('%s', (line, reason) => {
    const command = parse(line)
    expect(command.kind).toBe('wrong')
    expect(command.kind === 'wrong' && command.why).toContain(reason)
  })

  test('a name that shows nothing', () => {
    expect(parseArguments(['--create', '--name', ' \x1b\u200b '])).toMatchObject({ kind: 'wrong' })
  })
})

test('a name cannot steer the terminal, and has an end', () => {
  expect(printableName('A\x1b[2Jda\r\n\u202e!')).toBe('A[2Jda!')
  expect(printableName('  Ada   of   Lovelace  ')).toBe('Ada of Lovelace')
  expect(printableName('x'.repeat(100))).toHaveLength(16)
  expect(printableName('\u0007')).toBe('')
})

test('the help fits a terminal of 80 columns', () => {
  expect(Math.max(...USAGE.split('\n').map((line) => line.length))).toBeLessThan(80)
})
