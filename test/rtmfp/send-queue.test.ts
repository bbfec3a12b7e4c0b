import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EMPTY } from '../../src/base/bytes.ts'
import { Fragment, InFlight, SendQueue } from '../../src/rtmfp/flow/send-queue.ts'
import type { FragmentOwner } from '../../src/rtmfp/flow/send-queue.ts'

function owner(): FragmentOwner {
  return { outstandingBytes: 0, lost: () => {} }
}

/** What is in flight, oldest first. */
function order(inFlight: InFlight): Fragment[] {
  const list: Fragment[] = []
  for (let fragment = inFlight.oldest; fragment !== undefined; fragment = fragment.next) list.push(fragment)
  return list
}

describe('queue of a sending flow', () => {
  test('RFC 7016 §3.6.2.2: sequence numbers begin with 1 and go up by one, whatever was removed', () => {
    const queue = new SendQueue()
    const first = new Fragment(owner(), EMPTY)
    queue.push(first)
    expect([first.sequenceNumber, queue.nextNumber, queue.size]).toEqual([1, 2, 1])
    queue.remove(first)
    expect([queue.size, queue.first, queue.last]).toEqual([0, undefined, undefined])
    const second = new Fragment(owner(), EMPTY)
    queue.push(second)
    expect(second.sequenceNumber).toBe(2)
    expect(queue.get(1)).toBeUndefined()
    expect(queue.get(2)).toBe(second)
  })

  test('the highest entry ever queued is the last one only as long as it is there', () => {
    const queue = new SendQueue()
    const [a, b] = [new Fragment(owner(), EMPTY), new Fragment(owner(), EMPTY)]
    queue.push(a)
    queue.push(b)
    expect(queue.last).toBe(b)
    queue.remove(b)
    expect(queue.last).toBeUndefined()
    expect(queue.first).toBe(a)
  })

  test('what is removed twice, or was never queued, changes nothing', () => {
    const queue = new SendQueue()
    const [a, b] = [new Fragment(owner(), EMPTY), new Fragment(owner(), EMPTY)]
    queue.push(a)
    queue.push(b)
    queue.remove(a)
    queue.remove(a)
    const stranger = new Fragment(owner(), EMPTY)
    stranger.sequenceNumber = 2
    queue.remove(stranger)
    expect([queue.size, queue.first]).toEqual([1, b])
  })

  test('entries come and go in any order, and are found as in a map', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 700 }) }),
      fc.record({ removeAt: fc.double({ min: 0, max: 1, noNaN: true }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, fromFront) => {
        const queue = new SendQueue()
        const twin = new Map<number, Fragment>()
        for (const each of steps) {
          if ('push' in each) {
            for (let i = 0; i < each.push; i++) {
              const fragment = new Fragment(owner(), EMPTY)
              queue.push(fragment)
              twin.set(fragment.sequenceNumber, fragment)
            }
          } else {
            // Many from the front, so that the array moves up; or a few from anywhere.
            const numbers = [...twin.keys()]
            const count = fromFront ? Math.floor(each.removeAt * numbers.length) : Math.min(numbers.length, 5)
            for (let i = 0; i < count; i++) {
              const number = numbers[fromFront ? i : Math.floor(each.removeAt * (numbers.length - count)) + i]!
              queue.remove(twin.get(number)!)
              twin.delete(number)
            }
          }
          const numbers = [...twin.keys()]
          expect(queue.size).toBe(twin.size)
          expect(queue.first).toBe(twin.get(numbers[0] ?? 0))
          expect(queue.last).toBe(twin.get(queue.nextNumber - 1))
          if (numbers.length > 0) expect(queue.firstNumber).toBe(numbers[0])
          for (let n = 0; n <= queue.nextNumber; n += 97) expect(queue.get(n)).toBe(twin.get(n))
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('fragments in flight', () => {
  test('RFC 7016 §3.6.2.5: they are kept in the order of their transmission, across flows', () => {
    const inFlight = new InFlight()
    const [one, two] = [owner(), owner()]
    const [a, b, c] = [new Fragment(one, EMPTY), new Fragment(two, EMPTY), new Fragment(one, EMPTY)]
    inFlight.sent(a, 100, 0)
    inFlight.sent(b, 50, 0)
    inFlight.sent(c, 7, 0)
    expect(order(inFlight)).toEqual([a, b, c])
    expect([one.outstandingBytes, two.outstandingBytes, inFlight.bytes]).toEqual([107, 50, 157])
    inFlight.remove(b)
    expect(order(inFlight)).toEqual([a, c])
    expect([two.outstandingBytes, inFlight.bytes]).toEqual([0, 107])
    inFlight.remove(b)
    expect(inFlight.bytes).toBe(107)
  })

  test('RFC 7016 §3.6.2.3: one that is sent again is the latest, and its negative acknowledgements are forgotten', () => {
    const inFlight = new InFlight()
    const [a, b] = [new Fragment(owner(), EMPTY), new Fragment(owner(), EMPTY)]
    inFlight.sent(a, 100, 0)
    inFlight.sent(b, 100, 0)
    a.nakCount = 3
    inFlight.remove(a)
    a.abandoned = true
    inFlight.sent(a, 12, 0)
    expect(order(inFlight)).toEqual([b, a])
    expect(a.tsn).toBeGreaterThan(b.tsn)
    expect([a.nakCount, a.sentAbandoned, b.sentAbandoned, a.transmitSize]).toEqual([0, true, false, 12])
  })

  test('whatever is sent and removed, the sums are those of what is in flight', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ which: fc.nat(9), size: fc.integer({ min: 1, max: 1_400 }) }), { maxLength: 100 }), (steps) => {
        const inFlight = new InFlight()
        const owners = [owner(), owner(), owner()]
        const fragments = Array.from({ length: 10 }, (_, i) => new Fragment(owners[i % 3]!, EMPTY))
        const twin: Fragment[] = []
        for (const { which, size } of steps) {
          const fragment = fragments[which]!
          if (fragment.inFlight) {
            inFlight.remove(fragment)
            twin.splice(twin.indexOf(fragment), 1)
          } else {
            inFlight.sent(fragment, size, 0)
            twin.push(fragment)
          }
          const sum = (list: readonly Fragment[]): number => list.reduce((total, each) => total + each.transmitSize, 0)
          expect(order(inFlight)).toEqual(twin)
          expect(inFlight.bytes).toBe(sum(twin))
          for (const each of owners) expect(each.outstandingBytes).toBe(sum(twin.filter((one) => one.owner === each)))
        }
      }),
    )
  })
})
