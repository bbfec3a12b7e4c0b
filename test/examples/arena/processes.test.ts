import { afterEach, expect, test } from '@jest/globals'
import { createIntroducer } from 'altostratus/introducer'
import type { Introducer } from 'altostratus/introducer'
import type { Report } from '../../../examples/arena/report.ts'
import { GEMS } from '../../../examples/arena/rules.ts'
import { ARENA, run, until } from '../../command.ts'
import type { Running } from '../../command.ts'

let introducer: Introducer | undefined
let running: Running[] = []

afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL')
  await Promise.all(running.map(({ done }) => done))
  running = []
  await introducer?.close()
})

/** A process of the arena without a screen. */
function start(...args: readonly string[]): Running {
  const arena = run(process.execPath, [...ARENA, ...args, '--headless'])
  running.push(arena)
  return arena
}

function reports({ output }: Running): Report[] {
  const lines = output().split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Report)
}

const last = (arena: Running): Report | undefined => reports(arena).at(-1)

test('three processes; the host is killed, and the others go on with its gems and their scores', async () => {
  introducer = await createIntroducer({ port: 0, host: '127.0.0.1' })
  const address = ['--introducer', introducer.url]
  const ada = start('--create', '--name', 'Ada', '--bots', '1', ...address)
  await until(() => last(ada) !== undefined)
  const { code } = last(ada)!
  const others = ['Ben', 'Cay'].map((name) => start('--join', code, '--name', name, ...address))
  const all = [ada, ...others]
  // All see all, and points are made.
  await until(() => all.every((each) => last(each)?.players.length === 4 && Object.keys(last(each)!.avatars).length === 4))
  await until(() => all.every((each) => last(each)!.players.some(({ score }) => score > 0)))
  const before = last(others[0]!)!
  expect(before.host).toBe('Ada')
  expect(Object.keys(before.gems)).toHaveLength(GEMS)

  ada.child.kill('SIGKILL')
  await until(() => others.every((each) => last(each)!.host !== 'Ada'))
  // The two who were in the process that was killed lose their places, and what they held lies in the field.
  await until(() => others.every((each) => last(each)!.players.length === 2))
  const from = others.map((each) => reports(each).length)
  const later = (i: number): Report[] => reports(others[i]!).slice(from[i])
  // Both go on playing: at some moment both know the same.
  const known = ({ host, epoch, gems, phase }: Report): string => JSON.stringify([host, epoch, phase, gems])
  await until(() => later(0).some((one) => later(1).some((other) => known(one) === known(other))))
  for (const report of [...later(0), ...later(1)]) {
    expect(Object.keys(report.gems)).toEqual(Object.keys(before.gems))
    expect(['Ben', 'Cay', null]).toEqual(expect.arrayContaining(Object.values(report.gems)))
  }
  for (const { child } of others) child.kill('SIGTERM')
  expect((await Promise.all(others.map(({ done }) => done))).map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
    [143, ''],
    [143, ''],
  ])
}, 120_000)

test('after --seconds it ends by itself; without an introducer it says what to do', async () => {
  introducer = await createIntroducer({ port: 0, host: '127.0.0.1' })
  const short = start('--create', '--seconds', '1', '--introducer', introducer.url)
  const lost = start('--join', 'ABCDE', '--introducer', 'rtmfp://127.0.0.1:9')
  expect((await short.done).exitCode).toBe(0)
  const { exitCode, stderr } = await lost.done
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^arena: No answer from the introducer[^]*npx altostratus introducer/)
}, 60_000)
