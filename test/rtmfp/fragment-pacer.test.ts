import { expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { FRAGMENT_BURST_BYTES, FRAGMENT_BURST_INTERVAL, FRAGMENT_BURST_PACKETS, MAX_PACED_FRAGMENTS } from '../../src/rtmfp/constants.ts'
import { FragmentPacer } from '../../src/rtmfp/fragment-pacer.ts'

const here = Address.from('192.0.2.1', 1)
const fragments = (count: number, length: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(length))

/** When each fragment went, with its length. */
function drain(pacer: FragmentPacer, from: number): (readonly [number, number])[] {
  const sent: (readonly [number, number])[] = []
  for (let now = from; now !== Infinity; now = pacer.deadline) {
    for (let next = pacer.take(now); next !== undefined; next = pacer.take(now)) sent.push([now, next.datagram.length])
  }
  return sent
}

test.each([
  [10, 400],
  [9, 1_280],
  [30, 1_090],
])('RFC 7016 §3.4: %d fragments of %d bytes go to one address no faster than four packets or 4,380 bytes in 200 ms', (count, length) => {
  const pacer = new FragmentPacer()
  pacer.add(fragments(Math.ceil(count / 2), length), here, 1_000)
  pacer.add(fragments(Math.floor(count / 2), length), here, 1_000)
  const sent = drain(pacer, 1_000)
  expect(sent).toHaveLength(count)
  for (const [at] of sent) {
    const window = sent.filter(([other]) => other >= at && other < at + FRAGMENT_BURST_INTERVAL)
    expect(window.length).toBeLessThanOrEqual(FRAGMENT_BURST_PACKETS)
    expect(window.reduce((sum, [, size]) => sum + size, 0)).toBeLessThanOrEqual(FRAGMENT_BURST_BYTES)
  }
  expect(sent[0]![0]).toBe(1_000)
})

test('addresses do not wait for each other, and nothing is kept of them when they have had theirs', () => {
  const pacer = new FragmentPacer()
  for (let i = 0; i < 20; i++) pacer.add(fragments(2, 500), Address.from('192.0.2.2', i), 0)
  expect(drain(pacer, 0).every(([at]) => at === 0)).toBe(true)
  expect([pacer.deadline, (pacer as unknown as { bursts: Map<string, unknown> }).bursts.size]).toEqual([Infinity, 0])
})

test('what waits is bounded, whoever it is for: a packet that is too many is not sent at all', () => {
  const pacer = new FragmentPacer()
  let taken = 0
  for (let i = 0; i < 1_000; i++) if (pacer.add(fragments(16, 100), here, 0)) taken++
  expect(taken).toBe(MAX_PACED_FRAGMENTS / 16)
  const other = new FragmentPacer()
  for (let i = 0; i < 1_000; i++) {
    other.add(fragments(1, 100), Address.from('192.0.2.3', i), 0)
    other.take(0)
  }
  expect((other as unknown as { bursts: Map<string, unknown> }).bursts.size).toBe(MAX_PACED_FRAGMENTS)
})
