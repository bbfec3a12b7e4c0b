import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Address } from '../../src/base/address.ts'
import { EMPTY } from '../../src/base/bytes.ts'
import { KEYING_NUDGE_INTERVAL, REDIRECT_THRESHOLD, STARTUP_BACKOFF, STARTUP_FIRST_INTERVAL } from '../../src/rtmfp/constants.ts'
import { Candidates, Opening } from '../../src/rtmfp/session/opening.ts'

const address = (n: number): Address => Address.from('192.0.2.1', 1 + n)

/** When each candidate is tried, from `start` to `end`, looked at every millisecond; and which try of it that is. */
function attempts(candidates: Candidates, start: number, end: number): { at: number; to: string; tries: number }[] {
  const all: { at: number; to: string; tries: number }[] = []
  for (let now = start; now < end; now++) {
    for (let due = candidates.takeDue(now); due !== undefined; due = candidates.takeDue(now)) {
      all.push({ at: now, to: due.address.key, tries: due.tries })
    }
  }
  return all
}

function tries(candidates: Candidates, start: number, end: number): { at: number; to: string }[] {
  return attempts(candidates, start, end).map(({ at, to }) => ({ at, to }))
}

describe('candidates', () => {
  test('RFC 7016 §3.5.1.1.1: each is tried at once, and then at intervals that grow by no less than 1.5 seconds', () => {
    const candidates = new Candidates()
    candidates.add(address(0), 100)
    const all = attempts(candidates, 0, 30_000)
    expect(all.map(({ at }) => at)).toEqual([100, 600, 2_600, 6_100, 11_100, 17_600, 25_600])
    expect(all.map((attempt) => attempt.tries)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(STARTUP_BACKOFF).toBeGreaterThanOrEqual(1_500)
  })

  test('RFC 7016 §3.5.1.1.1: of one address there is one candidate, and of candidates no more than 24', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 100 }), (ports) => {
        const candidates = new Candidates()
        for (const port of ports) {
          const before = candidates.count
          expect(candidates.add(address(port), 0)).toBe(candidates.count === before + 1)
        }
        const expected = [...new Set(ports)].slice(0, REDIRECT_THRESHOLD).map((port) => address(port).key)
        expect(tries(candidates, 0, 1).map(({ to }) => to)).toEqual(expected)
      }),
    )
    expect(REDIRECT_THRESHOLD).toBeLessThanOrEqual(24)
  })

  test('the deadline is when the next one is due, and nothing is due before it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { minLength: 1, maxLength: 10 }), (times) => {
        const candidates = new Candidates()
        times.sort((a, b) => a - b).forEach((time, i) => candidates.add(address(i), time))
        for (let i = 0; i < 50; i++) {
          const { deadline } = candidates
          expect(candidates.takeDue(deadline - 1)).toBeUndefined()
          expect(candidates.takeDue(deadline)).toBeDefined()
        }
      }),
    )
    expect(new Candidates().deadline).toBe(Infinity)
    expect(new Candidates().takeDue(1e9)).toBeUndefined()
  })

  test('when one is selected, it alone is tried, at once and from the first interval on', () => {
    const candidates = new Candidates()
    for (let i = 0; i < 5; i++) candidates.add(address(i), 0)
    tries(candidates, 0, 10_000)
    candidates.select(address(9), 10_000)
    expect(tries(candidates, 10_000, 13_000)).toEqual([10_000, 10_500, 12_500].map((at) => ({ at, to: address(9).key })))
  })

  test('a nudge tries again at once, and the schedule goes on from there as it was', () => {
    const candidates = new Candidates()
    candidates.select(address(0), 0)
    tries(candidates, 0, 600)
    candidates.nudge(1_000, KEYING_NUDGE_INTERVAL)
    expect(tries(candidates, 600, 7_000).map(({ at }) => at)).toEqual([1_000, 3_000, 6_500])
  })

  test('a nudge soon after an attempt does nothing', () => {
    const candidates = new Candidates()
    candidates.select(address(0), 0)
    tries(candidates, 0, 1)
    candidates.nudge(KEYING_NUDGE_INTERVAL - 1, KEYING_NUDGE_INTERVAL)
    expect(candidates.deadline).toBe(STARTUP_FIRST_INTERVAL)
  })

  test('many nudges before one is tried are one: a batch of packets that can not be read causes one attempt', () => {
    const candidates = new Candidates()
    candidates.select(address(0), 0)
    tries(candidates, 0, 1)
    for (let i = 0; i < 10; i++) candidates.nudge(300, KEYING_NUDGE_INTERVAL)
    expect(tries(candidates, 300, 4_000).map(({ at }) => at)).toEqual([300, 800, 2_800])
  })

  test('whatever the nudges, attempts are no closer than the interval between nudges', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(150), { maxLength: 100 }), (gaps) => {
        const candidates = new Candidates()
        candidates.select(address(0), 0)
        const at: number[] = []
        let now = 0
        for (const gap of gaps) {
          now += gap
          candidates.nudge(now, KEYING_NUDGE_INTERVAL)
          candidates.nudge(now, KEYING_NUDGE_INTERVAL)
          while (candidates.takeDue(now) !== undefined) at.push(now)
        }
        for (let i = 1; i < at.length; i++) expect(at[i]! - at[i - 1]!).toBeGreaterThanOrEqual(KEYING_NUDGE_INTERVAL)
      }),
    )
  })
})

describe('an opening', () => {
  test('its deadline is the next attempt or its end, whichever comes first', () => {
    const opening = new Opening(EMPTY, EMPTY, 700)
    expect(opening.deadline).toBe(700)
    opening.candidates.add(address(0), 0)
    expect(opening.deadline).toBe(0)
    opening.candidates.takeDue(0)
    expect(opening.deadline).toBe(STARTUP_FIRST_INTERVAL)
    opening.candidates.takeDue(STARTUP_FIRST_INTERVAL)
    expect(opening.deadline).toBe(700)
  })
})
