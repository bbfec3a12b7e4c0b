import { describe, expect, test } from '@jest/globals'
import { Liveness } from '../../src/rtmfp/session/liveness.ts'

describe('liveness', () => {
  test('asks after silence, then as soon as a ping can be taken for lost, and gives up in time', () => {
    const l = new Liveness({ keepaliveInterval: 1_000, deadAfter: 5_000 }, 0, 0)
    const pings: number[] = []
    let silentAt = 0
    for (let now = 0; !l.isDead(now); now += 10) {
      if (!l.takePing(now, 300)) continue
      pings.push(now)
      if (l.hasFallenSilent) silentAt = now
    }
    expect(pings.slice(0, 4)).toEqual([1_000, 1_300, 1_600, 1_900])
    expect(pings.at(-1)).toBeLessThan(5_000)
    expect(silentAt).toBe(1_300)
    expect(l.isDead(4_999)).toBe(false)
    l.heard(4_990)
    expect(l.isDead(5_000)).toBe(false)
    expect(l.deadline).toBe(5_990)
  })
})
