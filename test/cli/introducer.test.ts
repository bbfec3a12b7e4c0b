import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connect, game } from '../../src/entry/main.ts'
import { openUdp } from '../../src/link/udp.ts'
import { CLI, run, until } from '../command.ts'
import type { Running } from '../command.ts'

const TIMEOUT = 60_000
const LOOPBACK = ['--host', '127.0.0.1', '--port', '0']
const empty = game('test.empty', { protocol: 1, channels: {} })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'introducer-'))
})
afterAll(() => rm(folder, { recursive: true }))

const altostratus = (...args: readonly string[]): Running => run(process.execPath, [...CLI, ...args])

interface Listening {
  readonly running: Running
  readonly port: number
  readonly peerId: string
}

async function listening(...args: readonly string[]): Promise<Listening> {
  const running = altostratus('introducer', '--json', ...LOOPBACK, ...args)
  await until(() => running.output().includes('\n') || running.child.exitCode !== null)
  if (running.child.exitCode !== null) throw new Error(`it did not start: ${(await running.done).stderr}`)
  const { event, port, peerId, pid } = JSON.parse(running.output().split('\n')[0]!) as Record<string, string | number>
  expect([event, pid]).toEqual(['listening', running.child.pid])
  return { running, port: Number(port), peerId: String(peerId) }
}

describe('altostratus introducer', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s it tells its peers, whose rooms go on, and exits with 0',
    async (signal) => {
      const { running, port, peerId } = await listening()
      const network = await connect(`rtmfp://127.0.0.1:${port}/#${peerId}`)
      try {
        const room = await network.create(empty)
        const states: string[] = []
        network.introducer.on('state', (state) => states.push(state))
        running.child.kill(signal)
        const { exitCode, stdout } = await running.done
        expect(exitCode).toBe(0)
        const events = stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>)
        expect(events.map(({ event }) => event)).toEqual(['listening', 'stopping', 'stopped'])
        expect(events[1]).toMatchObject({ signal, peers: 1, rooms: 1 })
        await until(() => states.includes('reconnecting'))
        expect(room.isOpen).toBe(true)
      } finally {
        await network.close()
      }
    },
    TIMEOUT,
  )

  test(
    'for people it prints the URLs that players connect to',
    async () => {
      const running = altostratus('introducer', ...LOOPBACK)
      await until(() => running.output().includes('Ctrl-C stops it.'))
      const url = /rtmfp:\/\/127\.0\.0\.1\S*/.exec(running.output())![0]
      const network = await connect(url)
      await network.close()
      running.child.kill('SIGTERM')
      const { exitCode, stdout, stderr } = await running.done
      expect([exitCode, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/SIGTERM: telling \d peers, then stopping\.\nStopped\.\n$/)
    },
    TIMEOUT,
  )

  test(
    '--identity: the file is made for its owner alone, and gives the same fingerprint again',
    async () => {
      const file = join(folder, 'identity')
      const fingerprints: string[] = []
      for (let i = 0; i < 2; i++) {
        const { running, peerId } = await listening('--identity', file)
        fingerprints.push(peerId)
        running.child.kill('SIGTERM')
        expect((await running.done).exitCode).toBe(0)
      }
      expect(fingerprints[0]).toMatch(/^[0-9a-f]{64}$/)
      expect(fingerprints[1]).toBe(fingerprints[0])
      expect((await stat(file)).mode & 0o777).toBe(0o600)
    },
    TIMEOUT,
  )

  test(
    'a file that holds no identity is said to, and left as it is',
    async () => {
      const file = join(folder, 'letter')
      await writeFile(file, 'Dear Sir or Madam')
      const { exitCode, stderr } = await altostratus('introducer', ...LOOPBACK, '--identity', file).done
      expect(exitCode).toBe(1)
      expect(stderr).toContain(`${file} holds no identity. Name another file`)
      expect(await readFile(file, 'utf8')).toBe('Dear Sir or Madam')
    },
    TIMEOUT,
  )

  test(
    'a file that can not be read or made is said to, with the reason',
    async () => {
      for (const file of [folder, join(folder, 'not', 'there')]) {
        const { exitCode, stdout, stderr } = await altostratus('introducer', ...LOOPBACK, '--identity', file).done
        expect([exitCode, stdout]).toEqual([1, ''])
        expect(stderr).toMatch(new RegExp(`^${file} can not be used: .*(EISDIR|ENOENT)`))
      }
    },
    TIMEOUT,
  )

  test(
    'a port that is in use: says so and what to do, and exits with 1',
    async () => {
      const link = await openUdp({ host: '127.0.0.1' })
      try {
        const { exitCode, stdout, stderr } = await altostratus('introducer', '--host', '127.0.0.1', '--port', String(link.port)).done
        expect([exitCode, stdout]).toEqual([1, ''])
        expect(stderr).toBe(`UDP port ${link.port} is already in use. Stop the program that has it, or choose another port.\n`)
      } finally {
        await link.close()
      }
    },
    TIMEOUT,
  )

  test.each([
    [['introducer', '--port', '99999'], /--port takes a number from 0 to 65535, not 99999/],
    [['introducer', '--port', 'http'], /--port takes a number/],
    [['introducer', '--port='], /--port takes a number/],
    [['introducer', '--port', '1e3'], /--port takes a number/],
    [['introducer', '--port'], /--port/],
    [['introducer', '--identity'], /--identity/],
    [['introducer', '--frobnicate'], /frobnicate/],
    [['introducer', 'extra'], /extra/],
    [['introduce'], /no command "introduce"/],
  ])(
    '%j: says what is wrong and how it is used, and exits with 2',
    async (args, message) => {
      const { exitCode, stdout, stderr } = await altostratus(...args).done
      expect([exitCode, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(message)
      expect(stderr).toContain('usage: altostratus introducer')
    },
    TIMEOUT,
  )

  test.each([[['introducer', '--help']], [['--help']], [[]]])(
    '%j prints how it is used',
    async (args) => {
      const { exitCode, stdout } = await altostratus(...args).done
      expect(exitCode).toBe(0)
      for (const option of ['--port', '--host', '--identity', '--json']) expect(stdout).toContain(option)
    },
    TIMEOUT,
  )

  test(
    'a host that this machine does not have',
    async () => {
      const { exitCode, stderr } = await altostratus('introducer', '--port', '0', '--host', '192.0.2.1').done
      expect(exitCode).toBe(1)
      expect(stderr).toContain('This machine has no address 192.0.2.1.')
    },
    TIMEOUT,
  )
})
