import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EMPTY } from '../../src/base/bytes.ts'
import { Scheduler } from '../../src/rtmfp/flow/scheduler.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import { Fragment } from '../../src/rtmfp/flow/send-queue.ts'

/** As much of a sending flow as the scheduler looks at: `queued` fragments, none of them sendable while `blocked`. */
class FakeFlow {
  queued = 0
  blocked = false
  outstandingBytes = 0
  readonly name: string
  readonly priority: number
  readonly fragment: Fragment

  constructor(name: string, priority: number) {
    this.name = name
    this.priority = priority
    this.fragment = new Fragment({ outstandingBytes: 0, lost: () => {} }, EMPTY)
  }

  get isActive(): boolean {
    return this.queued > 0
  }

  eligible(): Fragment | undefined {
    return this.queued > 0 && !this.blocked ? this.fragment : undefined
  }

  get asFlow(): SendFlow {
    return this as unknown as SendFlow
  }
}

function active(scheduler: Scheduler, name: string, priority: number, queued: number): FakeFlow {
  const flow = new FakeFlow(name, priority)
  flow.queued = queued
  scheduler.update(flow.asFlow)
  return flow
}

/** The names of the flows that get the next packets, one fragment each. */
function packets(scheduler: Scheduler, count: number): string {
  let names = ''
  for (let i = 0; i < count; i++) {
    const flow = scheduler.next() as unknown as FakeFlow | undefined
    if (flow === undefined) return `${names}.`
    expect(scheduler.fragment).toBe(flow.fragment)
    flow.queued--
    names += flow.name
    scheduler.rotate(flow.asFlow)
    scheduler.update(flow.asFlow)
  }
  return names
}

describe('order of flows', () => {
  test('higher priorities come first, and lower ones when the higher have nothing left', () => {
    const scheduler = new Scheduler()
    active(scheduler, 'a', 0, 2)
    active(scheduler, 'd', 3, 2)
    active(scheduler, 'h', 7, 2)
    expect(packets(scheduler, 10)).toBe('hhddaa.')
  })

  test('equals take turns, a packet each', () => {
    const scheduler = new Scheduler()
    for (const name of ['a', 'b', 'c']) active(scheduler, name, 3, 3)
    expect(packets(scheduler, 20)).toBe('abcabcabc.')
  })

  test('one that has queued far more than its equals gets no more turns for it', () => {
    const scheduler = new Scheduler()
    active(scheduler, 'A', 5, 100)
    active(scheduler, 'b', 5, 2)
    expect(packets(scheduler, 8)).toBe('AbAbAAAA')
  })

  test('one that may not send at the moment holds up neither its equals nor those below', () => {
    const scheduler = new Scheduler()
    const blocked = active(scheduler, 'x', 7, 5)
    blocked.blocked = true
    active(scheduler, 'a', 7, 1)
    active(scheduler, 'b', 2, 1)
    expect(packets(scheduler, 5)).toBe('ab.')
    blocked.blocked = false
    expect(packets(scheduler, 2)).toBe('xx')
  })

  test('one that comes back with more waits for its turn', () => {
    const scheduler = new Scheduler()
    const a = active(scheduler, 'a', 3, 1)
    active(scheduler, 'b', 3, 2)
    expect(packets(scheduler, 1)).toBe('a')
    a.queued = 2
    scheduler.update(a.asFlow)
    expect(packets(scheduler, 5)).toBe('baba.')
  })

  test('whatever flows do, the next is always of the highest priority that has something to send, and each has its share', () => {
    const step = fc.record({ which: fc.nat(11), queued: fc.nat(3), sends: fc.nat(4) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
        const scheduler = new Scheduler()
        const flows = Array.from({ length: 12 }, (_, i) => new FakeFlow(String(i), i % 8))
        for (const { which, queued, sends } of steps) {
          flows[which]!.queued = queued
          scheduler.update(flows[which]!.asFlow)
          for (let i = 0; i < sends; i++) {
            const best = Math.max(-1, ...flows.filter((flow) => flow.isActive).map((flow) => flow.priority))
            const next = scheduler.next()
            expect(next?.priority ?? -1).toBe(best)
            if (next === undefined) break
            ;(next as unknown as FakeFlow).queued--
            scheduler.rotate(next)
            scheduler.update(next)
          }
        }
        const left = flows.reduce((sum, flow) => sum + flow.queued, 0)
        expect(packets(scheduler, 1_000).length).toBeGreaterThanOrEqual(left)
        expect(flows.every((flow) => flow.queued === 0)).toBe(true)
      }),
    )
  })
})
