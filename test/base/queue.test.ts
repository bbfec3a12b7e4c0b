import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Queue } from '../../src/base/queue.ts'

function listed<T>(queue: Queue<T>): T[] {
  return Array.from({ length: queue.size }, (_, i) => queue.at(i))
}

describe('a queue', () => {
  test('does what an array does, whatever is put in and taken out', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 90 }) }) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 90 }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), count: fc.nat(200) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), count: fc.constant(0) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new Queue<number>()
        let twin: number[] = []
        let next = 0
        for (const { kind, count } of steps) {
          if (kind === 'remove') {
            const item = twin[count] ?? -1
            expect(queue.includes(item)).toBe(item >= 0)
            queue.remove(item)
            twin = twin.filter((each) => each !== item)
          } else if (kind === 'clear') {
            queue.clear()
            twin = []
          }
          for (let i = 0; i < count && kind === 'push'; i++) {
            queue.push(next)
            twin.push(next++)
          }
          for (let i = 0; i < count && kind === 'shift'; i++) expect(queue.shift()).toBe(twin.shift())
          expect(queue.first).toBe(twin[0])
          expect(listed(queue)).toEqual(twin)
        }
      }),
    )
  })

  test('holds on to nothing, keeps its room, and no more than a burst needed', () => {
    const queue = new Queue<object>()
    const items = (): unknown[] => (queue as unknown as { items: unknown[] }).items
    queue.push({})
    queue.shift()
    const first = items()
    for (let i = 0; i < 1_000; i++) {
      queue.push({})
      queue.push({})
      queue.shift()
      queue.shift()
    }
    expect(items()).toBe(first)
    expect(first).toEqual([undefined, undefined])
    for (let i = 0; i < 100; i++) queue.push({})
    // Never empty.
    for (let i = 0; i < 10_000; i++) {
      queue.push({})
      queue.shift()
    }
    expect(items().length).toBeLessThan(400)
    while (queue.shift() !== undefined);
    expect(items()).toEqual([])
    queue.push({})
    queue.rest()
    expect(queue.size).toBe(1)
    queue.shift()
    queue.rest()
    expect(items()).toEqual([])
  })
})
