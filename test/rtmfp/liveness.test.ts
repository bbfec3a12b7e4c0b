import { describe, expect, test } from '@jest/globals'
import { IDLE_AFTER } from '../../src/rtmfp/constants.ts'
import { Liveness } from '../../src/rtmfp/session/liveness.ts'

const USUAL = { keepaliveInterval: 1_000, idleKeepaliveInterval: 1_000, deadAfter: 5_000 }
const BACKING_OFF = { ...USUAL, idleKeepaliveInterval: 10_000 }

describe('liveness', () => {
  test('asks after silence, then as soon as a ping can be taken for lost, and gives up in time', () => {
    const l = new Liveness(USUAL, 0, 0)
    const pings: number[] = []
    let silentAt = 0
    for (let now = 0; !l.isDead(now); now += 10) {
      if (!l.takePing(now, 300)) continue
      pings.push(now)
      if (l.isUnanswered && silentAt === 0) silentAt = now
    }
    expect(pings.slice(0, 4)).toEqual([1_000, 1_300, 1_600, 1_900])
    expect(pings.at(-1)).toBeLessThan(5_000)
    expect(silentAt).toBe(1_300)
    expect(l.isDead(4_999)).toBe(false)
    l.heard(4_990)
    expect(l.isDead(5_000)).toBe(false)
    expect(l.deadline).toBe(5_990)
  })

  test('RFC 7016 §3.5.4.1: who is heard of is not asked, and each word heard puts off the next question', () => {
    const l = new Liveness(USUAL, 0, 0)
    for (let now = 0; now < 60_000; now += 999) {
      l.heard(now)
      expect(l.takePing(now + 998, 300)).toBe(false)
      expect(l.isDead(now + 998)).toBe(false)
    }
  })

  test('a responder gives the first packet more time than any other', () => {
    const l = new Liveness(USUAL, 15_000, 100)
    expect(l.isDead(20_099)).toBe(false)
    expect(l.isDead(20_100)).toBe(true)
    l.heard(20_000)
    expect(l.isDead(24_999)).toBe(false)
    expect(l.isDead(25_000)).toBe(true)
  })

  test('silence is told of with each question but the first, and again so after the far end has been heard', () => {
    const l = new Liveness(USUAL, 0, 0)
    const silent = (from: number): number[] => {
      const at: number[] = []
      for (let now = from; now < from + 4_000; now += 10) if (l.takePing(now, 500) && l.isUnanswered) at.push(now - from)
      return at
    }
    expect(silent(0)).toEqual([1_500, 2_000, 2_500, 3_000, 3_500])
    l.heard(4_000)
    expect(silent(4_000)).toEqual([1_500, 2_000, 2_500, 3_000, 3_500])
  })

  test('a suspicion asks at once and never puts a question off', () => {
    const l = new Liveness(USUAL, 0, 0)
    l.suspect(400)
    expect(l.deadline).toBe(400)
    expect(l.takePing(400, 300)).toBe(true)
    l.suspect(10_000)
    expect(l.deadline).toBe(700)
  })

  test('a keepalive interval shorter than the retransmission timeout is kept', () => {
    const l = new Liveness({ ...USUAL, keepaliveInterval: 100 }, 0, 0)
    const at: number[] = []
    for (let now = 0; now < 500; now++) if (l.takePing(now, 3_000)) at.push(now)
    expect(at).toEqual([100, 200, 300, 400])
  })

  test('who has had nothing to say for a while is asked less often, and given up by as much later', () => {
    const l = new Liveness(BACKING_OFF, 0, 0)
    const asked: number[] = []
    for (let now = 0; now < 60_000; now += 100) {
      if (!l.takePing(now, 300)) continue
      asked.push(now)
      l.heard(now + 50)
    }
    expect(asked.filter((at) => at < IDLE_AFTER)).toHaveLength(9)
    expect(asked.filter((at) => at > IDLE_AFTER + 1_000)).toHaveLength(4)
    const last = (asked.at(-1) as number) + 50
    expect(l.isDead(last + 13_999)).toBe(false)
    expect(l.isDead(last + 14_000)).toBe(true)
  })

  test('as soon as there is something to say again, silence counts as it always did', () => {
    for (const again of ['talked', 'suspect'] as const) {
      const l = new Liveness(BACKING_OFF, 0, 0)
      l.heard(20_000)
      expect(l.deadline).toBe(30_000)
      l[again](23_000)
      expect(l.deadline).toBe(again === 'talked' ? 24_000 : 23_000)
      expect(l.isDead(27_999)).toBe(false)
      expect(l.isDead(28_000)).toBe(true)
      l.heard(27_000)
      expect(l.deadline).toBe(again === 'talked' ? 28_000 : 37_000)
    }
  })

  test('a responder gives the first packet more time also when it has something to say before', () => {
    const l = new Liveness(BACKING_OFF, 15_000, 0)
    l.talked(500)
    expect(l.isDead(19_999)).toBe(false)
    expect(l.isDead(20_000)).toBe(true)
  })
})
