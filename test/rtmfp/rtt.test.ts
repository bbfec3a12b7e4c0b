import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ERTO_INITIAL } from '../../src/rtmfp/constants.ts'
import { RttEstimator } from '../../src/rtmfp/session/rtt.ts'

/** Echoes are told from one another by their value, so each measurement is made at another time. */
function measure(rtt: RttEstimator, milliseconds: number, at: number): void {
  rtt.receive(-1, rtt.timestamp(at - milliseconds), at)
}

describe('round-trip time', () => {
  test('RFC 7016 §3.5.2.2: the first measurement is the smoothed time, half of it the variance', () => {
    const rtt = new RttEstimator()
    expect([rtt.srtt, rtt.mrto, rtt.erto]).toEqual([-1, 250, ERTO_INITIAL])
    measure(rtt, 80, 4_000)
    expect([rtt.srtt, rtt.rttvar, rtt.mrto, rtt.erto]).toEqual([80, 40, 80 + 4 * 40 + 200, 440])
  })

  test('RFC 7016 §3.5.2.2: further measurements follow the formulas to the last digit', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 60 }), (ticks) => {
        const rtt = new RttEstimator()
        let [srtt, rttvar] = [NaN, 0]
        ticks.forEach((count, i) => {
          // Longer and longer ago, so that no two echoes are alike.
          const now = 100_000 + i * 10_000
          measure(rtt, count * 4, now)
          const sample = count * 4
          if (Number.isNaN(srtt)) [srtt, rttvar] = [sample, sample / 2]
          else {
            const delta = Math.abs(srtt - sample)
            rttvar = (3 * rttvar + delta) / 4
            srtt = (7 * srtt + sample) / 8
          }
          expect([rtt.srtt, rtt.rttvar]).toEqual([srtt, rttvar])
          expect(rtt.mrto).toBe(srtt + 4 * rttvar + 200)
          expect(rtt.erto).toBe(Math.min(Math.max(250, srtt + 4 * rttvar + 200), 10_000))
        })
      }),
    )
  })

  test('RFC 7016 §3.5.2.2: the timeout is no less than 250 ms, however near the far end is', () => {
    const rtt = new RttEstimator()
    for (let i = 1; i < 50; i++) measure(rtt, 0, i * 100)
    expect(rtt.mrto).toBe(200)
    expect(rtt.erto).toBe(250)
  })

  test('RFC 7016 §3.5.2.2: an echo that was seen before is not measured again', () => {
    const rtt = new RttEstimator()
    const echo = rtt.timestamp(1_000)
    rtt.receive(-1, echo, 1_100)
    rtt.receive(-1, echo, 5_000)
    expect(rtt.srtt).toBe(100)
    expect(rtt.rttvar).toBe(50)
  })

  test('RFC 7016 §3.5.2.2: 32,767 ticks are a measurement, one more may be a negative one and is discarded', () => {
    const rtt = new RttEstimator()
    const now = 400_000
    rtt.receive(-1, (rtt.timestamp(now) + 1) & 0xffff, now)
    expect(rtt.srtt).toBe(-1)
    rtt.receive(-1, (rtt.timestamp(now) - 32_768) & 0xffff, now)
    expect(rtt.srtt).toBe(-1)
    rtt.receive(-1, (rtt.timestamp(now) - 32_767) & 0xffff, now)
    expect(rtt.srtt).toBe(32_767 * 4)
  })

  test('RFC 7016 §2.2.4: the timestamp is a 250 Hz clock of 16 bits, and a round trip may lie across its overflow', () => {
    const rtt = new RttEstimator()
    expect([0, 3.9, 4, 8, 65_535 * 4, 65_536 * 4].map((now) => rtt.timestamp(now))).toEqual([0, 0, 1, 2, 65_535, 0])
    rtt.receive(-1, rtt.timestamp(65_536 * 4 - 40), 65_536 * 4 + 40)
    expect(rtt.srtt).toBe(80)
  })

  test('RFC 7016 §3.5.2.2: a timestamp is echoed with the whole ticks that it has been held, and each value once', () => {
    const rtt = new RttEstimator()
    expect(rtt.echo(0)).toBe(-1)
    rtt.receive(700, -1, 1_000)
    expect([1_000, 1_003.9, 1_004, 1_004, 1_015, 1_016].map((now) => rtt.echo(now))).toEqual([700, -1, 701, -1, 703, 704])
  })

  test('RFC 7016 §3.5.2.2: the same timestamp in a later packet does not start its age anew', () => {
    const rtt = new RttEstimator()
    rtt.receive(700, -1, 1_000)
    rtt.receive(700, -1, 1_040)
    expect(rtt.echo(1_040)).toBe(710)
    rtt.receive(65_535, -1, 1_050)
    expect(rtt.echo(1_058)).toBe(1)
  })

  test('RFC 7016 §3.5.2.2: after more than 128 seconds nothing is echoed, until another timestamp comes', () => {
    const rtt = new RttEstimator()
    rtt.receive(700, -1, 0)
    expect(rtt.echo(128_000)).toBe(700 + 32_000)
    expect(rtt.echo(128_001)).toBe(-1)
    // Forgotten, so the very same value counts as another one.
    rtt.receive(700, -1, 130_000)
    expect(rtt.echo(130_000)).toBe(700)
  })

  test('RFC 7016 §3.5.2.2: how long the far end takes to answer is no part of the round trip', () => {
    const delay = fc.integer({ min: 0, max: 3_000 })
    fc.assert(
      fc.property(delay, delay, fc.integer({ min: 0, max: 120_000 }), fc.nat(1e9), fc.nat(1e9), (there, back, held, t, offset) => {
        const near = new RttEstimator()
        const far = new RttEstimator()
        far.receive(near.timestamp(t), -1, t + there + offset)
        const echo = far.echo(t + there + held + offset)
        near.receive(-1, echo, t + there + held + back)
        // Three roundings to ticks of 4 ms: of the sending, of the holding, and of the receiving.
        expect(near.srtt).toBeGreaterThan(there + back - 4)
        expect(near.srtt).toBeLessThan(there + back + 8)
      }),
    )
  })
})

describe('retransmission timeout', () => {
  test('RFC 7016 §3.5.2.2: each timeout with loss makes the next one 1.4142 times as long, up to 10 seconds', () => {
    const rtt = new RttEstimator()
    measure(rtt, 100, 4_000)
    for (let i = 1; i <= 9; i++) {
      rtt.backOff()
      expect(rtt.erto).toBeCloseTo(500 * 1.4142 ** i < 10_000 ? 500 * 1.4142 ** i : 10_000, 6)
    }
    expect(rtt.erto).toBe(10_000)
    measure(rtt, 100, 50_000)
    expect(rtt.erto).toBeLessThan(500)
  })

  test('a far end that has slept is not waited for longer than ten seconds', () => {
    const rtt = new RttEstimator()
    measure(rtt, 8_000, 20_000)
    expect([rtt.mrto, rtt.erto]).toEqual([24_200, 10_000])
    rtt.backOff()
    expect(rtt.erto).toBe(10_000)
    measure(rtt, 60_000, 120_000)
    expect(rtt.erto).toBe(10_000)
  })

  test('RFC 6298 §3: start-up counts as a measurement only when nothing was sent twice in it, and nothing is known yet', () => {
    const rtt = new RttEstimator()
    rtt.seed(500)
    expect(rtt.srtt).toBe(-1)
    rtt.seed(60)
    expect(rtt.srtt).toBe(60)
    rtt.seed(400)
    expect(rtt.srtt).toBe(60)
  })

  test('on another path the next measurement counts as the first, and the timeout holds until then', () => {
    const rtt = new RttEstimator()
    for (let i = 1; i <= 20; i++) measure(rtt, 400, i * 1_000)
    const { erto } = rtt
    rtt.pathChanged()
    expect(rtt.srtt).toBe(-1)
    expect(rtt.erto).toBe(erto)
    measure(rtt, 40, 30_000)
    expect([rtt.srtt, rtt.rttvar]).toEqual([40, 20])
  })
})
