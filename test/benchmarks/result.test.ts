import { expect, test } from '@jest/globals'
import { bench } from './bench.ts'

interface Row {
  readonly name: string
  readonly implementation: string
  readonly group: string
  readonly ratio: number
  readonly p50: number
  readonly curve: readonly (readonly [number, number])[]
}

test('a tiny run: one object as the last line, with the machine, the baseline, and a ratio in each row of this SDK', async () => {
  const { code, stdout } = await bench('latency', '--json', '--seconds', '0.1', '--against', 'none')
  expect(code).toBe(0)
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  expect(result).toMatchObject({
    format: 1,
    benchmark: 'latency',
    ratio: expect.any(Number),
    machine: { cpu: expect.any(String), cores: expect.any(Number) },
    node: process.version,
    commit: expect.any(String),
    baseline: { start: { idle: expect.any(Number) }, end: { awake: expect.any(Number) }, drift: expect.any(Number) },
  })
  expect(Date.parse(result.date)).not.toBeNaN()
  const rows: Row[] = result.benchmarks.latency.rows
  const ours = rows.filter(({ implementation }) => implementation === 'altostratus')
  // Two sizes, idle and awake; three suites, reliable and not.
  expect(ours.length).toBeGreaterThanOrEqual(2 * 2 * 3 * 2)
  for (const { group, ratio, p50, curve } of ours) {
    const bare = rows.find((row) => row.implementation === 'udp' && row.group === group)
    expect(ratio / (p50 / (bare?.p50 ?? NaN))).toBeCloseTo(1, 1)
    expect(curve.map(([, value]) => value)).toEqual(curve.map(([, value]) => value).toSorted((a, b) => a - b))
  }
}, 60_000)
