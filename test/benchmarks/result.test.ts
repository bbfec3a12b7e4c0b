import { expect, test } from '@jest/globals'
import { bench, load } from './bench.ts'

interface Results {
  readonly problemsOf: (result: unknown) => string[]
}

interface Statistics {
  readonly percentile: (sorted: readonly number[], share: number) => number
  readonly percentiles: (samples: readonly number[], options?: { shares?: readonly number[]; max?: boolean }) => Record<string, number>
  readonly curve: (samples: readonly number[], total?: number) => (readonly [number, number])[]
}

interface Baselines {
  readonly compareBaselines: (start: object, end: object) => { readonly drift: number; readonly noisy: boolean }
  readonly noiseWarning: (baseline: object) => string | undefined
}

const { problemsOf }: Results = await load('result.js')
const { percentile, percentiles, curve }: Statistics = await load('statistics.js')
const { compareBaselines, noiseWarning }: Baselines = await load('baseline.js')

test('a tiny run: one object as the last line, with the machine, the baseline, and a ratio in each row of this SDK', async () => {
  const { code, stdout } = await bench('simulate', '--json', '--seconds', '0.1', '--against', 'none')
  expect(code).toBe(0)
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  expect(problemsOf(result)).toEqual([])
  expect(result).toMatchObject({
    format: 1,
    benchmark: 'simulate',
    ratio: expect.any(Number),
    ratioOf: expect.any(String),
    machine: { cpu: expect.any(String), cores: expect.any(Number) },
    node: process.version,
    commit: expect.any(String),
    baseline: { start: { idle: expect.any(Number) }, end: { awake: expect.any(Number) }, drift: expect.any(Number) },
  })
  expect(Date.parse(result.date)).not.toBeNaN()
  // Everybody of eight sends to seven others, 60 times a second.
  const [row] = result.benchmarks.simulate.rows
  expect(row.messages).toBeGreaterThan(0.9 * 8 * 7 * 60)
  expect(row.ratio).toBe(result.ratio)
  // It starts nine processes, which takes seconds, and more where others work.
}, 150_000)

test('what is no whole result is refused, with the reason', () => {
  const row = { name: 'altostratus reliable', implementation: 'altostratus', ratio: 1.2 }
  const benchmark = { title: 'a', unit: 'µs', columns: [], rows: [row], charts: [] }
  const result = {
    format: 1,
    machine: { cores: 2 },
    node: 'v20',
    commit: 'abc',
    date: '2026-11-25T00:00:00Z',
    baseline: { noisy: false },
    benchmarks: { latency: benchmark, state: { missing: 'not yet' } },
  }
  expect(problemsOf(result)).toEqual([])
  expect(problemsOf(null)).toEqual(['it is no object'])
  expect(problemsOf({ ...result, format: 2 })).toEqual(['format is 2, not 1'])
  expect(problemsOf({ ...result, date: 'yesterday' })).toEqual(['date is not one'])
  expect(problemsOf({ ...result, benchmarks: {} })).toEqual(['benchmarks are missing'])
  const without = (rows: unknown[]) => problemsOf({ ...result, benchmarks: { latency: { ...benchmark, rows } } })
  expect(without([])).toEqual(['latency: it has no rows'])
  expect(without([{ ...row, ratio: undefined }])).toEqual(['latency: altostratus reliable has no ratio to bare UDP'])
  expect(problemsOf({ ...result, benchmarks: { latency: { ...benchmark, notRun: [{ name: 'ws', reason: '' }] } } })).toEqual([
    'latency: what was not run has no reason',
  ])
})

test('percentiles are values that were measured; those that too few samples tell nothing about are left out', () => {
  const samples = Array.from({ length: 200 }, (_, i) => 200 - i)
  expect(
    percentile(
      samples.toSorted((a, b) => a - b),
      0.5,
    ),
  ).toBe(100)
  expect(percentiles(samples, { max: true })).toEqual({ p50: 100, p90: 180, p99: 198, max: 200 })
  expect(percentiles([5, 4, 3])).toEqual({ p50: 4 })
})

test('a curve ends where what was lost begins', () => {
  const samples = Array.from({ length: 90 }, (_, i) => i + 1)
  const whole = curve(samples)
  expect(whole.at(-1)).toEqual([1, 90])
  const lossy = curve(samples, 100)
  expect(lossy.at(-1)).toEqual([0.9, 90])
  expect(lossy.find(([share]) => share === 0.5)).toEqual([0.5, 50])
})

test('a run is too noisy when bare UDP differs by more than a quarter', () => {
  const start = { idle: 60, awake: 12 }
  expect(compareBaselines(start, { idle: 70, awake: 13 })).toMatchObject({ noisy: false })
  const noisy = compareBaselines(start, { idle: 60, awake: 16 })
  expect(noisy).toMatchObject({ noisy: true, drift: 0.333 })
  expect(noiseWarning(noisy)).toContain('differed by 33 %')
  expect(noiseWarning(compareBaselines(start, start))).toBeUndefined()
})
