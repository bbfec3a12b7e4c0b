import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DeadlineHeap, Timers } from '../../src/base/timers.ts'
import type { HeapItem } from '../../src/base/timers.ts'

type Name = 'ack' | 'idle' | 'ping' | 'close'
const name = fc.constantFrom<Name>('ack', 'idle', 'ping', 'close')

describe('Timers against a plain table', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), name, at: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('clear' as const), name }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), now: fc.nat(25) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clearAll' as const) }) },
  )

  test('any sequence of calls', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const timers = new Timers<Name>()
        const model = new Map<Name, number>()
        for (const it of steps) {
          if (it.kind === 'set') {
            timers.set(it.name, it.at)
            model.set(it.name, it.at)
          } else if (it.kind === 'clear') {
            timers.clear(it.name)
            model.delete(it.name)
          } else if (it.kind === 'clearAll') {
            timers.clearAll()
            model.clear()
          } else {
            const earliest = Math.min(...model.values())
            const expired = timers.expire(it.now)
            if (earliest > it.now) expect(expired).toBeUndefined()
            else expect(model.get(expired as Name)).toBe(earliest)
            model.delete(expired as Name)
          }
          expect(timers.next).toBe(Math.min(...model.values()))
          for (const each of ['ack', 'idle', 'ping', 'close'] as const) expect(timers.isSet(each)).toBe(model.has(each))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('expiring drains in the order of the deadlines', () => {
    const timers = new Timers<Name>()
    timers.set('idle', 30)
    timers.set('ack', 10)
    timers.set('ping', 20)
    const order: (Name | undefined)[] = []
    for (let i = 0; i < 4; i++) order.push(timers.expire(30))
    expect(order).toEqual(['ack', 'ping', 'idle', undefined])
  })
})

/** The deadlines in the order in which the heap gives them up. */
function drain(heap: DeadlineHeap<HeapItem>): number[] {
  const taken: number[] = []
  for (let { first } = heap; first !== undefined; first = heap.first) {
    taken.push(first.deadline)
    heap.remove(first)
  }
  return taken
}

describe('DeadlineHeap against a list', () => {
  const ITEMS = 24
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ item: fc.nat(ITEMS - 1), deadline: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ item: fc.nat(ITEMS - 1), deadline: fc.constant(Infinity) }) },
    { weight: 2, arbitrary: fc.record({ item: fc.nat(ITEMS - 1), deadline: fc.constant(-1) }) },
  )

  test('any sequence of calls; a deadline of −1 stands for removal', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const heap = new DeadlineHeap<HeapItem>()
        const items = Array.from({ length: ITEMS }, (): HeapItem => ({ deadline: Infinity, heapIndex: -1 }))
        const model = new Map<number, number>()
        for (const { item, deadline } of steps) {
          if (deadline < 0) heap.remove(items[item] as HeapItem)
          else heap.set(items[item] as HeapItem, deadline)
          if (deadline < 0 || deadline === Infinity) model.delete(item)
          else model.set(item, deadline)
          expect(heap.size).toBe(model.size)
          expect(heap.first?.deadline ?? Infinity).toBe(Math.min(...model.values()))
          expect(items.map((each) => each.heapIndex >= 0)).toEqual(items.map((_, i) => model.has(i)))
          expect(items.map((each) => each.deadline)).toEqual(items.map((_, i) => model.get(i) ?? Infinity))
          expect(new Set(items.filter((each) => each.heapIndex >= 0).map((each) => each.heapIndex)).size).toBe(model.size)
        }
        expect(drain(heap)).toEqual([...model.values()].toSorted((a, b) => a - b))
      }),
      { numRuns: 300 },
    )
  })

  test('a removal in one branch, filled by an earlier item of another', () => {
    const heap = new DeadlineHeap<HeapItem>()
    // In the order of a heap's levels. The 4, at the very end, takes the place of the 20, and must rise above the 10.
    const levels = [1, 10, 2, 11, 12, 5, 3, 20, 21, 22, 23, 6, 7, 8, 4]
    const items = levels.map((deadline) => {
      const item: HeapItem = { deadline: Infinity, heapIndex: -1 }
      heap.set(item, deadline)
      return item
    })
    heap.remove(items[levels.indexOf(20)] as HeapItem)
    expect(drain(heap)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 21, 22, 23])
  })

  test('taking the first again and again sorts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 60 }), (deadlines) => {
        const heap = new DeadlineHeap<HeapItem>()
        for (const deadline of deadlines) heap.set({ deadline: Infinity, heapIndex: -1 }, deadline)
        expect(drain(heap)).toEqual(deadlines.toSorted((a, b) => a - b))
      }),
    )
  })
})
