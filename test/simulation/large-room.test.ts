import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { UPLINK } from './large-room.ts'
import type { LargeRoom } from './large-room.ts'

const percentile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)]!

/** In plain node, where it takes half of what it takes inside jest. */
async function runLargeRoom(count: number, seconds: number): Promise<LargeRoom> {
  const code = `import { bundle } from './scripts/bundle.js'
    const { runLargeRoom } = await import(await bundle('test/simulation/large-room.ts', 'build/soak/large-room-${process.pid}.js'))
    console.log(JSON.stringify(await runLargeRoom(${count}, ${seconds})))`
  const options = { cwd: join(import.meta.dirname, '../..'), maxBuffer: 2 ** 24 }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], options)
  return JSON.parse(stdout) as LargeRoom
}

test('64 players, each with 32 bytes that change 20 times a second, who see two others each: the host needs 1 Mbit/s, and nobody waits', async () => {
  const { bytes, uplink, datagrams, near, arrived, delays, errors } = await runLargeRoom(64, 2)
  expect(bytes).toBe(32)
  expect(uplink).toBeLessThan(UPLINK)
  // A datagram to each in each round, and the clock's.
  expect(datagrams).toBeLessThan(63 * 21)
  expect(near).toBeGreaterThan(1.9)
  expect(arrived).toBeGreaterThan(0.98)
  // The way to the host and on, 30 to 35 ms each, and half a round at each of the two: 115.
  expect(percentile(delays, 0.5)).toBeLessThan(125)
  expect(delays.at(-1)).toBeLessThan(2 * (50 + 35) + 50)
  expect(errors).toEqual([])
}, 120_000)
