import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { CUBIC_BETA } from '../../src/rtmfp/constants.ts'
import { AppendixAController } from '../../src/rtmfp/session/congestion.ts'
import type { AckSummary, TimeCriticality } from '../../src/rtmfp/session/congestion.ts'
import { Cubic } from '../../src/rtmfp/session/cubic.ts'
import { DelayAwareController } from '../../src/rtmfp/session/delay-aware.ts'

const SMSS = 1_280
const CWND_INIT = 4_380

/** Figures 24 and 25 of RFC 7016, line by line. */
class Twin {
  cwnd = CWND_INIT
  ssthresh = Infinity
  accumulator = 0

  timeoutNotification(wasLoss: boolean): void {
    // The one difference: by the letter, an infinite threshold survives a loss.
    if (wasLoss && this.ssthresh === Infinity) this.ssthresh = CWND_INIT
    this.ssthresh = Math.max(this.ssthresh, (this.cwnd * 3) / 4)
    this.accumulator = 0
    if (wasLoss) this.cwnd = SMSS
    else this.cwnd = CWND_INIT
  }

  packetProcessed(packet: AckSummary, fastgrowAllowed: boolean, tcSent: boolean): void {
    const preAckOutstanding = packet.outstandingBefore
    const ackedBytesThisPacket = packet.ackedBytes
    if (packet.anyLoss) {
      if (tcSent || (preAckOutstanding > 67_200 && fastgrowAllowed)) this.ssthresh = Math.max((preAckOutstanding * 7) / 8, CWND_INIT)
      else this.ssthresh = Math.max(preAckOutstanding / 2, CWND_INIT)
      this.cwnd = this.ssthresh
      this.accumulator = 0
    } else if (packet.anyAcks && !packet.anyNaks && preAckOutstanding >= this.cwnd) {
      let increase = 0
      if (fastgrowAllowed) {
        if (this.cwnd < this.ssthresh) increase = ackedBytesThisPacket
        else {
          this.accumulator += ackedBytesThisPacket
          const aithresh = Math.min(Math.max(this.cwnd / 16, 64), 4_800)
          while (this.accumulator >= aithresh) {
            this.accumulator -= aithresh
            increase += 48
          }
        }
      } else if (this.cwnd < this.ssthresh && tcSent) increase = Math.ceil(ackedBytesThisPacket / 4)
      else {
        const cap = tcSent ? 2_400 : 4_800
        this.accumulator += ackedBytesThisPacket
        const aithresh = Math.min(Math.max(this.cwnd / 16, 64), cap)
        while (this.accumulator >= aithresh) {
          this.accumulator -= aithresh
          increase += 24
        }
      }
      this.cwnd = Math.max(this.cwnd + Math.min(increase, SMSS), CWND_INIT)
    }
  }
}

const NORMAL: TimeCriticality = { sentHere: false, elsewhere: false }
const SENDS_REALTIME: TimeCriticality = { sentHere: true, elsewhere: true }
const YIELDS: TimeCriticality = { sentHere: false, elsewhere: true }

function summary(values: Partial<AckSummary>): AckSummary {
  return {
    now: 0,
    outstandingBefore: 0,
    ackedBytes: 0,
    lostBytes: 0,
    anyAcks: true,
    anyNaks: false,
    anyLoss: false,
    lostSentAt: Infinity,
    queueDelay: -1,
    srtt: -1,
    reserved: 0,
    ...values,
  }
}

function lose(controller: AppendixAController, outstandingBefore: number, critical = NORMAL): number {
  controller.packetProcessed(summary({ outstandingBefore, anyNaks: true, anyLoss: true }), critical)
  return controller.window
}

/** Acknowledges a full window, packet by packet. @returns By how much the window grew. */
function roundTrip(controller: AppendixAController, critical = NORMAL): number {
  const before = controller.window
  for (let left = before; left > 0; left -= SMSS) {
    controller.packetProcessed(summary({ outstandingBefore: Math.ceil(controller.window), ackedBytes: Math.min(SMSS, left) }), critical)
  }
  return controller.window - before
}

interface Event {
  readonly kind: 'timeout' | 'loss' | 'nak' | 'ack' | 'nothing'
  readonly wasLoss: boolean
  /** In sixteenths of the window. */
  readonly filled: number
  readonly acked: number
  readonly critical: TimeCriticality
}

const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.oneof(
    { weight: 40, arbitrary: fc.constant('ack' as const) },
    { weight: 1, arbitrary: fc.constantFrom('timeout' as const, 'loss' as const, 'nak' as const, 'nothing' as const) },
  ),
  wasLoss: fc.boolean(),
  filled: fc.oneof({ weight: 1, arbitrary: fc.integer({ min: 0, max: 15 }) }, { weight: 4, arbitrary: fc.integer({ min: 16, max: 20 }) }),
  acked: fc.integer({ min: 0, max: 20_000 }),
  critical: fc.constantFrom(NORMAL, NORMAL, NORMAL, SENDS_REALTIME, YIELDS, { sentHere: true, elsewhere: false }),
})

describe('congestion control', () => {
  test('RFC 7016 §A.2: any sequence of events leads to the window of Figures 24 and 25', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 400 }), (events) => {
        const controller = new AppendixAController(SMSS)
        const twin = new Twin()
        for (const { kind, wasLoss, filled, acked, critical } of events) {
          if (kind === 'timeout') {
            controller.timedOut(wasLoss)
            twin.timeoutNotification(wasLoss)
          } else {
            const packet = summary({
              outstandingBefore: Math.ceil((twin.cwnd * filled) / 16),
              ackedBytes: acked,
              anyAcks: kind !== 'nothing',
              anyNaks: kind === 'nak' || kind === 'loss',
              anyLoss: kind === 'loss',
            })
            controller.packetProcessed(packet, critical)
            twin.packetProcessed(packet, !critical.sentHere && !critical.elsewhere, critical.sentHere)
          }
          expect(controller.window).toBe(twin.cwnd)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('RFC 5681 §3.1: at first the window doubles in each round trip, by no more than one segment a packet', () => {
    const controller = new AppendixAController(SMSS)
    expect(controller.window).toBe(CWND_INIT)
    expect(roundTrip(controller)).toBe(CWND_INIT)
    expect(roundTrip(controller)).toBe(2 * CWND_INIT)
    const before = controller.window
    controller.packetProcessed(summary({ outstandingBefore: before, ackedBytes: 10 * SMSS }), NORMAL)
    expect(controller.window).toBe(before + SMSS)
  })

  test('RFC 7016 §A.1: with real-time data of its own it doubles in about three', () => {
    const controller = new AppendixAController(SMSS)
    for (let i = 0; i < 3; i++) roundTrip(controller, SENDS_REALTIME)
    expect(controller.window / CWND_INIT).toBeGreaterThan(1.9)
    expect(controller.window / CWND_INIT).toBeLessThan(2.1)
  })

  test('RFC 7016 §3.5.2.1: while others get real-time data there is no slow start, and 384 bytes a round trip at most', () => {
    const controller = new AppendixAController(SMSS)
    for (let i = 0; i < 20; i++) expect(roundTrip(controller, YIELDS)).toBeLessThanOrEqual(384 + 24)
    expect(controller.window - CWND_INIT).toBeGreaterThan(20 * 384 * 0.9)
  })

  test('RFC 7016 §A.1: after a loss the window grows by 768 bytes a round trip', () => {
    const controller = new AppendixAController(SMSS)
    expect(lose(controller, 40_000)).toBe(20_000)
    for (let i = 0; i < 20; i++) roundTrip(controller)
    expect((controller.window - 20_000) / 20).toBeGreaterThan(768 * 0.95)
    expect((controller.window - 20_000) / 20).toBeLessThanOrEqual(768)
  })

  test.each([
    ['no real-time data', NORMAL, 0.01],
    ['real-time data for this far end', SENDS_REALTIME, 0.01],
    ['real-time data for others', YIELDS, 0.005],
  ])('RFC 7016 §A.1: a very large window grows by a share of itself a round trip: %s', (_, critical, share) => {
    const controller = new AppendixAController(SMSS)
    lose(controller, 1_000_000)
    const before = controller.window
    expect(roundTrip(controller, critical) / before).toBeCloseTo(share, 3)
  })

  test.each([
    ['bulk data', 60_000, NORMAL, 1 / 2],
    ['bulk data, at the boundary', 67_200, NORMAL, 1 / 2],
    ['bulk data in a large window', 67_201, NORMAL, 7 / 8],
    ['bulk data in a large window that yields', 100_000, YIELDS, 1 / 2],
    ['real-time data', 20_000, SENDS_REALTIME, 7 / 8],
  ])('RFC 7016 §A.1: what a loss takes: %s', (_, outstanding, critical, left) => {
    expect(lose(new AppendixAController(SMSS), outstanding, critical)).toBe(outstanding * left)
  })

  test('RFC 7016 §A.2: no loss takes the window below the initial one', () => {
    expect(lose(new AppendixAController(SMSS), 3_000)).toBe(CWND_INIT)
    expect(lose(new AppendixAController(SMSS), 3_000, SENDS_REALTIME)).toBe(CWND_INIT)
  })

  test('RFC 7016 §A.2: a window that is not full, a negative acknowledgement, and no acknowledgement at all let nothing grow', () => {
    const controller = new AppendixAController(SMSS)
    controller.packetProcessed(summary({ outstandingBefore: CWND_INIT - 1, ackedBytes: SMSS }), NORMAL)
    controller.packetProcessed(summary({ outstandingBefore: CWND_INIT, ackedBytes: SMSS, anyNaks: true }), NORMAL)
    controller.packetProcessed(summary({ outstandingBefore: CWND_INIT, ackedBytes: SMSS, anyAcks: false }), NORMAL)
    expect(controller.window).toBe(CWND_INIT)
  })

  test('RFC 7016 §A.2: a timeout with loss leaves one segment, one without leaves the initial window', () => {
    const controller = new AppendixAController(SMSS)
    lose(controller, 60_000)
    controller.timedOut(false)
    expect(controller.window).toBe(CWND_INIT)
    controller.timedOut(true)
    expect(controller.window).toBe(SMSS)
    controller.packetProcessed(summary({ outstandingBefore: SMSS, ackedBytes: 100 }), NORMAL)
    expect(controller.window).toBe(CWND_INIT)
  })

  test('a timeout with loss ends the first slow start at three quarters of the window, not at infinity', () => {
    const controller = new AppendixAController(SMSS)
    for (let i = 0; i < 4; i++) roundTrip(controller)
    const reached = controller.window
    controller.timedOut(true)
    while (controller.window < (reached * 3) / 4) roundTrip(controller)
    expect(roundTrip(controller)).toBeLessThanOrEqual(768)
  })

  test('another path is approached like the first', () => {
    const controller = new AppendixAController(SMSS)
    lose(controller, 60_000)
    controller.pathChanged()
    expect(controller.window).toBe(CWND_INIT)
    expect(roundTrip(controller)).toBe(CWND_INIT)
  })

  test('when the segments get longer the window grows by longer steps', () => {
    const controller = new AppendixAController(SMSS)
    controller.segment = 1_472
    controller.packetProcessed(summary({ outstandingBefore: CWND_INIT, ackedBytes: 4_000 }), NORMAL)
    expect(controller.window).toBe(CWND_INIT + 1_472)
    controller.timedOut(true)
    expect(controller.window).toBe(1_472)
  })

  test('RFC 5681 §3.1: two of the longest segments may be in flight, so that no acknowledgement is delayed', () => {
    const controller = new AppendixAController(SMSS)
    controller.timedOut(true)
    controller.segment = 16_336
    expect(controller.window).toBe(2 * 16_336)
    lose(controller, 5_000)
    expect(controller.window).toBe(2 * 16_336)
    controller.timedOut(false)
    expect(controller.window).toBe(2 * 16_336)
    controller.segment = SMSS
    controller.timedOut(true)
    expect(controller.window).toBe(SMSS)
  })
})

describe('delay-aware congestion control', () => {
  const RTT = 100

  /** Rounds in which the window is full and packets wait for so long; each is acknowledged packet by packet. @returns The window after each. */
  function rounds(controller: DelayAwareController, from: number, delays: readonly number[], more: Partial<AckSummary> = {}): number[] {
    let start = from
    return delays.map((queueDelay) => {
      const packets = Math.ceil(controller.window / SMSS)
      for (let n = 0; n < packets; n++) {
        const now = start + (n * (RTT + queueDelay)) / packets
        const values = { now, queueDelay, srtt: RTT + queueDelay, ackedBytes: SMSS, outstandingBefore: Math.ceil(controller.window) }
        controller.packetProcessed(summary({ ...values, ...more }), NORMAL)
      }
      start += RTT + queueDelay
      return controller.window
    })
  }

  const waits = (delay: number, count: number): number[] => Array.from({ length: count }, () => delay)

  test('while nothing waits it grows like Appendix A’s', () => {
    const controller = new DelayAwareController(SMSS)
    const twin = new AppendixAController(SMSS)
    for (let i = 0; i < 4; i++) roundTrip(twin)
    expect(Math.abs(rounds(controller, 0, waits(0, 4)).at(-1)! / twin.window - 1)).toBeLessThan(0.2)
  })

  test('when packets wait it goes back to what the path holds, once, and stays there until they wait no longer', () => {
    const controller = new DelayAwareController(SMSS)
    const [before] = rounds(controller, 0, waits(0, 5)).slice(-1)
    const after = rounds(controller, 600, [40, 40, 40])
    // Slow start goes on until it shows.
    expect(controller.window).toBeLessThan(Math.max(...after) * 0.75)
    expect(controller.window).toBeGreaterThan(before! * 0.45)
    const held = controller.window
    rounds(controller, 1_020, [0])
    expect(controller.window - held).toBeLessThan(2 * SMSS)
  })

  test('losses with nothing waiting take nothing, and do not stop it', () => {
    const controller = new DelayAwareController(SMSS)
    rounds(controller, 0, waits(0, 5))
    const before = controller.window
    const values = {
      now: 600,
      queueDelay: 0,
      srtt: RTT,
      ackedBytes: SMSS,
      outstandingBefore: before,
      anyLoss: true,
      anyNaks: true,
      lostBytes: SMSS,
    }
    controller.packetProcessed(summary(values), NORMAL)
    expect(controller.window).toBeGreaterThanOrEqual(before)
  })

  test('when more than 15 % are lost, though nothing waits, it sends at the rate that comes through', () => {
    const controller = new DelayAwareController(SMSS)
    rounds(controller, 0, waits(0, 5))
    const windows = rounds(controller, 500, waits(0, 8), { anyLoss: true, anyNaks: true, lostBytes: SMSS / 2 })
    expect(controller.window).toBeLessThan(Math.max(...windows) * 0.75)
  })

  test('when they wait whatever it does, it takes its part of the queue, and tries again later', () => {
    const controller = new DelayAwareController(SMSS)
    const [before] = rounds(controller, 0, waits(0, 5)).slice(-1)
    const windows = rounds(controller, 600, waits(60, 40))
    expect(Math.min(...windows.slice(3))).toBeLessThan(Math.max(...windows) / 2)
    expect(windows.at(-1)).toBeGreaterThan(before! * 0.9)
    const later = rounds(controller, 600 + 40 * (RTT + 60), waits(60, 120))
    expect(later.some((window, i) => i > 0 && window < later[i - 1]! * 0.75)).toBe(true)
  })

  test('RFC 6675 §5: beside others a loss takes from the window once, and again only when what was sent since is lost, too', () => {
    const controller = new DelayAwareController(SMSS)
    rounds(controller, 0, waits(0, 5))
    rounds(controller, 600, waits(60, 40))
    const now = 600 + 40 * (RTT + 60)
    const loss = (at: number, lostSentAt: number): number => {
      const values = { now: at, lostSentAt, queueDelay: 60, srtt: RTT + 60, outstandingBefore: controller.window, lostBytes: SMSS }
      controller.packetProcessed(summary({ ...values, anyLoss: true, anyNaks: true }), NORMAL)
      return controller.window
    }
    const before = controller.window
    const once = loss(now, now - 150)
    expect(once).toBeCloseTo(before * CUBIC_BETA)
    // Found late, by time, but sent before.
    expect(loss(now + 300, now - 1)).toBe(once)
    expect(loss(now + 310, now + 1)).toBeCloseTo(once * CUBIC_BETA)
  })

  test('RFC 9438 §4.2: beside others the window comes back to where a loss was, levels off, and goes on', () => {
    const cubic = new Cubic()
    cubic.reduced(100)
    let window = 70
    const windows: number[] = []
    for (let now = 0; now < 12_000; now += 50) {
      window += cubic.growth(window, window / 4, now, 200)
      windows.push(window)
    }
    // The cube root of 75 seconds³.
    const at = Math.round(Math.cbrt(30 / 0.4) * 20)
    expect(windows[at]).toBeGreaterThan(98)
    expect(windows[at]! - windows[at - 20]!).toBeLessThan(2.5)
    expect(windows.at(-1)).toBeGreaterThan(130)
  })

  test('another path is approached like the first', () => {
    const controller = new DelayAwareController(SMSS)
    rounds(controller, 0, [...waits(0, 5), ...waits(60, 40)])
    controller.pathChanged()
    expect(controller.window).toBe(CWND_INIT)
    expect(rounds(controller, 10_000, [0])[0]).toBeGreaterThan(CWND_INIT * 1.5)
  })
})
