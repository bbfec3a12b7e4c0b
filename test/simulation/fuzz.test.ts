import { expect, test } from '@jest/globals'
import { soak } from './soak.ts'

test('100,000 inputs to decoders, start-up, an open session and an introducer: nothing is thrown, none is slow, nothing grows', async () => {
  const { status, output } = await soak('fuzz', '--inputs', '100000', '--jobs', '1')
  expect([status, output]).toEqual([0, expect.stringContaining('100,000 of 100,000 inputs: all held')])
  const totals = new Map(
    [...output.matchAll(/^ {2}([a-z -]+): ([\d,]+)$/gm)].map(([, what, times]) => [what, Number(times!.replaceAll(',', ''))]),
  )
  for (const target of ['packets', 'crypto', 'introduction', 'start-up', 'session', 'introducer']) {
    expect([target, totals.get(`${target} inputs`)! > 500]).toEqual([target, true])
    // It went further than the seeds did.
    expect([target, totals.get(`${target} kept`)! > 0]).toEqual([target, true])
  }
}, 300_000)
