import { describe, expect, test } from '@jest/globals'
import { jain, runCongestion } from './congestion.ts'
import type { CongestionOptions, CongestionOutcome, Sender } from './congestion.ts'

/** Megabits a second, milliseconds of round trip, and queue in units of one times the other. */
type Line = readonly [number, number, number]

function run([rate, rtt, queue]: Line, senders: readonly Sender[], more: Partial<CongestionOptions> = {}): CongestionOutcome {
  return runCongestion({ seed: 1, bandwidth: rate * 1e6, rtt, queue, senders, warmUp: 20, seconds: 50, stagger: 5_000, ...more })
}

describe('two senders on one line', () => {
  test.each<Line>([
    [0.5, 80, 1],
    [1, 100, 1],
    [2, 60, 1],
    [2, 60, 4],
    [10, 60, 0.5],
  ])('two sessions, on %d Mbit/s, %d ms, %d BDP of queue: each has its part, and the queue is short', (...line) => {
    const { shares, meanDelay } = run(line, ['delay-aware', 'delay-aware'], line[0] > 2 ? { seconds: 10 } : {})
    expect(jain(shares)).toBeGreaterThan(0.9)
    expect(shares[0]! + shares[1]!).toBeGreaterThan(0.85)
    // Some packets of each wait: at low rates that is what it is.
    expect(meanDelay).toBeLessThan(5 + 28 / line[0])
  })

  test.each<readonly [Sender, ...Line]>([
    ['reno', 0.5, 80, 1],
    ['reno', 2, 60, 1],
    ['reno', 2, 60, 4],
    ['cubic', 0.5, 80, 1],
    ['cubic', 1, 100, 1],
    ['cubic', 2, 60, 1],
    ['cubic', 2, 60, 4],
  ])('a session beside TCP (%s), on %d Mbit/s, %d ms, %d BDP of queue: neither goes short', (tcp, ...line) => {
    const { shares } = run(line, ['delay-aware', tcp])
    expect(jain(shares)).toBeGreaterThan(0.9)
    expect(shares[0]! + shares[1]!).toBeGreaterThan(0.85)
  })

  test.each<readonly [Sender, ...Line]>([
    ['reno', 10, 60, 0.5],
    ['reno', 10, 60, 1],
    ['cubic', 10, 60, 0.5],
    ['cubic', 10, 60, 1],
  ])(
    'a session beside TCP (%s), on %d Mbit/s, %d ms, %d BDP of queue, whose senders do not march in step: neither goes short',
    (tcp, ...line) => {
      const runs = [1, 2, 3].map((seed) => run(line, ['delay-aware', tcp], { seed, jitter: 1 }).shares)
      expect(runs.reduce((sum, shares) => sum + jain(shares), 0) / runs.length).toBeGreaterThan(0.9)
      for (const shares of runs) expect(shares[0]! + shares[1]!).toBeGreaterThan(0.85)
    },
  )

  test('when the other has gone the queue goes, too', () => {
    const { meanDelay, shares } = run([2, 60, 1], ['delay-aware', 'cubic'], { warmUp: 80, seconds: 20, until: [Infinity, 30_000] })
    expect(shares[0]).toBeGreaterThan(0.85)
    expect(meanDelay).toBeLessThan(20)
  })
})

describe('one sender', () => {
  test.each<Line>([
    [2, 60, 1],
    [2, 60, 4],
    [2, 300, 1],
  ])('on %d Mbit/s, %d ms, %d BDP of queue: as much arrives as by Appendix A, and waits for less than half as long', (...line) => {
    const [aware, appendix] = (['delay-aware', 'appendix-a'] as const).map((sender) => run(line, [sender], { seconds: 30 }))
    expect(aware!.shares[0]).toBeGreaterThan(0.9)
    expect(aware!.shares[0]! / appendix!.shares[0]!).toBeGreaterThan(0.94)
    expect(aware!.meanDelay).toBeLessThan(appendix!.meanDelay / 2)
    expect(aware!.overflow).toBe(0)
  })

  test('a line that loses 1 % by itself is used all the same', () => {
    expect(run([2, 100, 1], ['delay-aware'], { loss: 0.01, seconds: 20 }).shares[0]).toBeGreaterThan(0.85)
    expect(run([2, 100, 1], ['appendix-a'], { loss: 0.01, seconds: 20 }).shares[0]).toBeLessThan(0.6)
  })

  test('a line with next to no queue is not flooded', () => {
    const { overflow, shares } = run([2, 60, 0.2], ['delay-aware'], { seconds: 20 })
    expect(overflow).toBeLessThan(0.15)
    expect(shares[0]).toBeGreaterThan(0.3)
  })
})
