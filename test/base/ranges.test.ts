import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RangeSet } from '../../src/base/ranges.ts'

/** What a RangeSet is, said plainly: a set of numbers, cut into runs. */
function runs(numbers: ReadonlySet<number>): { froms: number[]; tos: number[] } {
  const froms: number[] = []
  const tos: number[] = []
  for (const n of [...numbers].toSorted((a, b) => a - b)) {
    if (tos.at(-1) === n - 1) tos[tos.length - 1] = n
    else {
      froms.push(n)
      tos.push(n)
    }
  }
  return { froms, tos }
}

function check(set: RangeSet, model: ReadonlySet<number>): void {
  const { froms, tos } = runs(model)
  expect(set.froms).toEqual(froms)
  expect(set.tos).toEqual(tos)
  expect(set.count).toBe(froms.length)
  expect(set.highest).toBe(tos.at(-1) ?? -1)
  expect(set.contiguous).toBe(froms[0] === 0 ? tos[0] : -1)
}

describe('RangeSet against a set of numbers', () => {
  const LIMIT = 40
  const ALL = [...Array(LIMIT + 14).keys()]
  const step = fc.oneof(
    fc.record({ from: fc.nat(LIMIT), length: fc.constant(-1) }),
    fc.record({ from: fc.nat(LIMIT), length: fc.nat(12) }),
    // Where acknowledged numbers mostly go.
    fc.record({ from: fc.constant(0), length: fc.nat(12) }),
  )

  test('any additions', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const set = new RangeSet()
        const model = new Set<number>()
        for (const { from, length } of steps) {
          if (length < 0) {
            expect(set.add(from)).toBe(!model.has(from))
            model.add(from)
          } else {
            set.addRange(from, from + length)
            for (let n = from; n <= from + length; n++) model.add(n)
          }
          check(set, model)
          expect(ALL.filter((n) => set.has(n))).toEqual(ALL.filter((n) => model.has(n)))
        }
        set.clear()
        check(set, new Set())
      }),
      { numRuns: 300 },
    )
  })

  test('numbers in any order end as one range', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(30).keys()], { minLength: 30 }), (order) => {
        const set = new RangeSet()
        for (const n of order) expect(set.add(n)).toBe(true)
        expect([set.froms, set.tos]).toEqual([[0], [29]])
      }),
    )
  })

  test('at the top of what can be counted', () => {
    const set = new RangeSet()
    set.addRange(0, 5)
    expect(set.add(Number.MAX_SAFE_INTEGER)).toBe(true)
    expect(set.add(Number.MAX_SAFE_INTEGER)).toBe(false)
    expect(set.add(Number.MAX_SAFE_INTEGER - 1)).toBe(true)
    expect([set.froms, set.tos]).toEqual([
      [0, Number.MAX_SAFE_INTEGER - 1],
      [5, Number.MAX_SAFE_INTEGER],
    ])
    set.addRange(0, Number.MAX_SAFE_INTEGER)
    expect([set.froms, set.tos]).toEqual([[0], [Number.MAX_SAFE_INTEGER]])
  })

  test.each([
    [5, 4],
    [-1, 3],
    [Number.NaN, 3],
  ])('a range from %p to %p is a bug', (from, to) => {
    expect(() => new RangeSet().addRange(from, to)).toThrow(expect.objectContaining({ code: 'BUG' }))
  })
})
