import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EventQueue } from '../../src/link/event-queue.ts'
import type { QueuedEvent } from '../../src/link/event-queue.ts'

function drain(queue: EventQueue<QueuedEvent>): QueuedEvent[] {
  const events: QueuedEvent[] = []
  for (let event = queue.first; event !== undefined; event = queue.first) {
    queue.remove(event)
    events.push(event)
  }
  return events
}

describe('event queue', () => {
  test('gives events by time, those of one time as they came, whatever is taken out in between', () => {
    const action = fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 8 }) }),
      fc.record({ remove: fc.nat() }),
      fc.constant({ takeFirst: true } as const),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const queue = new EventQueue<QueuedEvent>()
        let model: QueuedEvent[] = []
        const sorted = (): QueuedEvent[] => [...model].sort((a, b) => a.time - b.time || a.order - b.order)
        actions.forEach((step, order) => {
          if ('add' in step) {
            const event: QueuedEvent = { time: step.add, order, index: -1 }
            queue.add(event)
            model.push(event)
          } else {
            const event = 'remove' in step ? model[step.remove % Math.max(1, model.length)] : queue.first
            if (event !== undefined) queue.remove(event)
            model = model.filter((other) => other !== event)
            expect(event?.index ?? -1).toBe(-1)
          }
          expect(queue.size).toBe(model.length)
          expect(queue.first).toBe(sorted()[0])
        })
        const expected = sorted()
        expect(drain(queue)).toEqual(expected)
      }),
    )
  })

  test('an event that is not in it is taken out without harm', () => {
    const queue = new EventQueue<QueuedEvent>()
    const event = { time: 1, order: 1, index: -1 }
    queue.remove(event)
    queue.add(event)
    queue.remove(event)
    queue.remove(event)
    expect(queue.size).toBe(0)
  })
})
