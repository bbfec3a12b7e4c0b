import { describe, expect, test } from '@jest/globals'
import { SPARSE_LINKS, runSparse } from './sparse.ts'
import type { SparseOutcome } from './sparse.ts'

const percentile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)]!
const perMessage = ({ dataBytes, ackBytes, sent }: SparseOutcome): number => (dataBytes + ackBytes) / sent
const SECONDS = 120
/** What a message cost before anything rode along, acknowledgements and what was sent again included: 100 bytes, 60 a second, at 2 % loss. */
const BYTES_WITHOUT_RIDING = 204.1

describe('60 messages of 100 bytes a second, 25 ms each way', () => {
  test.each(SPARSE_LINKS)('unreliable, %s: what arrives comes when the path brings it', (_, link) => {
    const { delays, sent } = runSparse({ seed: 1, seconds: 30, retransmit: false, ...link })
    expect(delays.length / sent).toBeGreaterThan(0.9)
    expect(delays.at(-1)).toBeLessThan(25.1)
  })

  test('reliable, 2 % lost: 99 % are there within 50 ms, for 40 % more bytes at most', () => {
    const outcome = runSparse({ seed: 2, seconds: SECONDS, loss: 0.02 })
    expect(outcome.delays).toHaveLength(outcome.sent)
    expect(percentile(outcome.delays, 0.5)).toBeLessThan(25.1)
    expect(percentile(outcome.delays, 0.99)).toBeLessThan(50)
    expect(percentile(outcome.delays, 0.999)).toBeLessThan(110)
    expect(perMessage(outcome) / BYTES_WITHOUT_RIDING).toBeLessThan(1.4)
  })

  test.each([
    ['1 %', { loss: 0.01 }, 50, 110],
    ['5 %', { loss: 0.05 }, 70, 160],
    ['in bursts', SPARSE_LINKS.find(([name]) => name === 'in bursts')![1], 130, 260],
  ])('reliable, lost: %s', (_, link, p99, p999) => {
    const { delays, sent } = runSparse({ seed: 3, seconds: SECONDS, ...link })
    expect(delays).toHaveLength(sent)
    expect(percentile(delays, 0.99)).toBeLessThan(p99)
    expect(percentile(delays, 0.999)).toBeLessThan(p999)
  })

  test.each([
    ['on a path without loss', {}, 198],
    ['on one that is shorter than a frame', { loss: 0.02, latency: 5 }, 206],
  ])('%s nothing rides along', (_, link, bytes) => {
    const outcome = runSparse({ seed: 4, seconds: 30, ...link })
    expect(outcome.delays).toHaveLength(outcome.sent)
    expect(perMessage(outcome)).toBeLessThan(bytes)
  })

  test('messages that are long, or many, do not', () => {
    const long = runSparse({ seed: 5, seconds: 20, loss: 0.02, size: 600 })
    expect(long.dataBytes / long.sent).toBeLessThan(600 * 1.06 + 65)
    const many = runSparse({ seed: 6, seconds: 10, loss: 0.02, size: 200, rate: 600 })
    expect(many.dataBytes / many.sent).toBeLessThan(200 * 1.06 + 65)
    expect(many.delays).toHaveLength(many.sent)
  })
})
