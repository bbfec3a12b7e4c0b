import { describe, expect, test } from '@jest/globals'
import { runVoice } from './voice.ts'

const percentile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)]!

describe('a voice-like stream beside a transfer that takes all it can get, in one session', () => {
  test('on a line of 2 Mbit/s and 60 ms with one BDP of queue it waits for less than 15 ms, and the transfer has 85 % of what is left', () => {
    const { delays, bulkShare, voiceSent } = runVoice({ seed: 1, bandwidth: 2_000_000, rtt: 60, queue: 1, seconds: 60 })
    expect(delays.length).toBeGreaterThan(0.99 * voiceSent)
    expect(percentile(delays, 0.99)).toBeLessThan(15)
    expect(bulkShare).toBeGreaterThan(0.85)
  })

  const lines = [1, 2, 10].flatMap((megabits) => [20, 60, 150].flatMap((rtt) => [1, 4].map((queue) => [megabits, rtt, queue] as const)))

  test.each(lines)('%d Mbit/s, %d ms, %d BDP of queue: never far behind, and the transfer goes on', (megabits, rtt, queue) => {
    const { delays, bulkShare, voiceSent } = runVoice({ seed: 2, bandwidth: megabits * 1e6, rtt, queue, seconds: 20 })
    expect(delays.length).toBeGreaterThan(0.99 * voiceSent)
    // The packet that is being sent and the one before: 12 ms each at the lowest rate.
    expect(percentile(delays, 0.99)).toBeLessThan(12 + 20 / megabits)
    expect(bulkShare).toBeGreaterThan(0.6)
  })

  test('without real-time data beside it a transfer uses the line: headers are 5 % of it, and room for the queue to empty is some more', () => {
    expect(runVoice({ seed: 3, bandwidth: 2_000_000, rtt: 60, queue: 1, seconds: 20, voice: false }).bulkShare).toBeGreaterThan(0.86)
  })
})
