import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createIntroducer } from '../../src/entry/introducer.ts'
import type { Introducer } from '../../src/entry/introducer.ts'
import { openUdp } from '../../src/link/udp.ts'
import { CLI, run } from '../command.ts'
import type { Outcome } from '../command.ts'

const TIMEOUT = 60_000
const doctor = (...args: readonly string[]): Promise<Outcome> => run(process.execPath, [...CLI, 'doctor', ...args]).done

let introducer: Introducer
beforeAll(async () => {
  // Another address of the same machine stands for a second one on the internet.
  introducer = await createIntroducer({ port: 0, host: '127.0.0.1', probeHost: '127.0.0.2' })
})
afterAll(() => introducer.close())

describe('altostratus doctor', () => {
  test(
    '--json: one object with the findings and what follows',
    async () => {
      const { exitCode, stdout, stderr } = await doctor('--json', introducer.url)
      expect(exitCode).toBe(0)
      const { udp, nat, quality, verdict } = JSON.parse(stdout) as Record<string, Record<string, unknown>>
      expect(udp).toMatchObject({ reachable: true })
      expect(nat).toMatchObject({ translated: false, mapping: 'endpoint-independent', filtering: 'endpoint-independent', hairpin: true })
      expect(quality).toMatchObject({ probes: 50 })
      expect(quality!['mtu']).toBe(1_500)
      expect(Math.abs(quality!['clockOffset'] as number)).toBeLessThan(10_000)
      expect(verdict).toMatchObject({ kind: 'open', canPlay: true })
      // What it is doing is told apart from what it found.
      expect(stderr).toMatch(/^… looking up 127\.0\.0\.1\n… UDP/)
    },
    TIMEOUT,
  )

  test(
    'an introducer without a second port: the NAT is not looked at, and it says so',
    async () => {
      const bare = await createIntroducer({ port: 0, host: '127.0.0.1', probePort: false })
      try {
        const { exitCode, stdout, stderr } = await doctor('--quiet', bare.url)
        expect([exitCode, stderr]).toEqual([0, ''])
        expect(stdout).toMatch(/^introducer +rtmfp:\/\/127\.0\.0\.1:\d+ \(127\.0\.0\.1\)\nUDP +yes, in \d+ ms\n/)
        expect(stdout).toContain('The NAT was not looked at: This introducer can not probe NATs.')
      } finally {
        await bare.close()
      }
    },
    TIMEOUT,
  )

  test(
    'nobody there: exit status 1, and what to do',
    async () => {
      const silent = await openUdp({ host: '127.0.0.1' })
      try {
        const { exitCode, stdout } = await doctor('--quiet', `rtmfp://127.0.0.1:${silent.port}`)
        expect(exitCode).toBe(1)
        expect(stdout).toMatch(/you can not play from here[^]*Check that the introducer runs/)
      } finally {
        await silent.close()
      }
    },
    TIMEOUT,
  )

  test.each([
    [[], 'Say which introducer: rtmfp://HOST.'],
    [['http://example.com'], '"http://example.com" is not the URL of an introducer.'],
    [['rtmfp://a', 'rtmfp://b'], 'One introducer at a time; what is rtmfp://b?'],
    [['rtmfp://a', '--jsno'], "Unknown option '--jsno'"],
  ])(
    'doctor %j: exit status 2 and the usage',
    async (args, message) => {
      const { exitCode, stdout, stderr } = await doctor(...args)
      expect([exitCode, stdout]).toEqual([2, ''])
      expect(stderr).toContain(message)
      expect(stderr).toContain('usage: altostratus doctor')
    },
    TIMEOUT,
  )

  test(
    'a host that nobody knows: exit status 1, in JSON too',
    async () => {
      const { exitCode, stdout } = await doctor('--json', '--quiet', 'rtmfp://nosuch.invalid')
      expect(exitCode).toBe(1)
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'HOST_UNKNOWN' } })
    },
    TIMEOUT,
  )
})
