import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { TIME_CRITICAL_MEMORY } from '../../src/rtmfp/constants.ts'
import { TimeCriticalRecord } from '../../src/rtmfp/session/time-critical.ts'

describe('record of real-time data', () => {
  test('RFC 7016 §3.5.2.1: what was sent anywhere counts for 800 ms', () => {
    const record = new TimeCriticalRecord()
    expect(record.sentAnywhere(0)).toBe(false)
    record.sent(1_000)
    expect([1_000, 1_800, 1_801].map((now) => record.sentAnywhere(now))).toEqual([true, true, false])
  })

  test('RFC 7016 §2.2.4: a session is told of what others received, never of what it received itself', () => {
    const record = new TimeCriticalRecord()
    const [a, b] = [{}, {}]
    record.received(a, 1_000)
    expect([record.receivedElsewhere(a, 1_000), record.receivedElsewhere(b, 1_000)]).toEqual([false, true])
    expect([1_800, 1_801].map((now) => record.receivedElsewhere(b, now))).toEqual([true, false])
    record.received(b, 2_000)
    record.received(b, 2_500)
    expect([record.receivedElsewhere(a, 2_500), record.receivedElsewhere(b, 2_500)]).toEqual([true, false])
  })

  test('any number of sessions receive at any times, and each is told of the others', () => {
    const step = fc.record({ which: fc.nat(3), after: fc.integer({ min: 0, max: 500 }), ends: fc.nat(9).map((n) => n === 0) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const record = new TimeCriticalRecord()
        let sessions: object[] = [{}, {}, {}, {}]
        const log: { readonly session: object; readonly at: number }[] = []
        let now = 0
        for (const { which, after, ends } of steps) {
          now += after
          const session = sessions[which]!
          if (ends) {
            record.forget(session)
            sessions = sessions.map((each) => (each === session ? {} : each))
          } else {
            record.received(session, now)
            log.push({ session, at: now })
          }
          for (const each of sessions) {
            const told = log.some((entry) => entry.session !== each && now - entry.at <= TIME_CRITICAL_MEMORY)
            expect(record.receivedElsewhere(each, now)).toBe(told)
          }
        }
      }),
    )
  })
})
