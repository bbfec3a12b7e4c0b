import { expect, test } from '@jest/globals'
import { load } from './bench.ts'

interface Conditions {
  readonly delay: number
  readonly loss?: { readonly kind: string; readonly share?: number; readonly good?: number; readonly bad?: number }
  readonly rate?: number
  readonly queue?: number
}

interface Direction {
  readonly due: number
  readonly stats: { readonly packets: number; readonly bytes: number; readonly lost: number; readonly overflowed: number }
  change(conditions: Conditions, seed: number, now: number): void
  send(packet: Uint8Array, now: number): void
  shift(): Uint8Array
}

const { Direction }: { readonly Direction: new () => Direction } = await load('emulation/link.js')

function linkOf(conditions: Conditions): Direction {
  const link = new Direction()
  link.change(conditions, 1, 0)
  return link
}

test('a packet comes out after the delay, and none overtakes another, even when the delay shrinks', () => {
  const link = linkOf({ delay: 25 })
  link.send(Uint8Array.of(1), 10)
  expect(link.due).toBe(35)
  link.change({ delay: 5 }, 1, 11)
  link.send(Uint8Array.of(2), 11)
  expect(link.shift()).toEqual(Uint8Array.of(1))
  expect(link.due).toBe(35)
  expect(link.shift()).toEqual(Uint8Array.of(2))
  expect(link.due).toBe(Infinity)
})

test('a bottleneck sends at its rate, and drops what its queue does not take', () => {
  const link = linkOf({ delay: 0, rate: 8_000, queue: 250 })
  for (let i = 0; i < 4; i++) link.send(new Uint8Array(100), 0)
  expect(link.stats).toEqual({ packets: 4, bytes: 400, lost: 0, overflowed: 2 })
  expect(link.due).toBe(100)
  link.shift()
  expect(link.due).toBe(200)
})

test('random loss takes its share, bursty loss takes it in bursts, and the same seed takes the same', () => {
  const lossesOf = (loss: Conditions['loss'], every: number): boolean[] => {
    const link = linkOf({ delay: 0, loss: loss ?? { kind: 'none' } })
    return Array.from({ length: 20_000 }, (_, i) => {
      const before = link.stats.lost
      link.send(new Uint8Array(1), i * every)
      return link.stats.lost > before
    })
  }
  const share = (losses: readonly boolean[]): number => losses.filter(Boolean).length / losses.length
  const together = (losses: readonly boolean[]): number =>
    losses.filter((lost, i) => lost && losses[i - 1]).length / losses.filter(Boolean).length
  const random = lossesOf({ kind: 'random', share: 0.02 }, 16)
  const bursty = lossesOf({ kind: 'bursty', good: 2_000, bad: 80, share: 0.75 }, 16)
  expect(share(random)).toBeCloseTo(0.02, 2)
  expect(together(random)).toBeLessThan(0.1)
  expect(Math.abs(share(bursty) - 0.03)).toBeLessThan(0.012)
  expect(together(bursty)).toBeGreaterThan(0.4)
  expect(lossesOf({ kind: 'random', share: 0.02 }, 16)).toEqual(random)
  expect(share(lossesOf({ kind: 'none' }, 16))).toBe(0)
})
