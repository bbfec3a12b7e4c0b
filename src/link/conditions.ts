import { AltostratusError } from '../base/errors.ts'

/**
 * Loss that comes in bursts, after Gilbert and Elliott: each datagram may begin a burst or end it, and in a burst most are lost. Bursts
 * last 1 ÷ `end` datagrams on average, and the share of time in them is `begin` ÷ (`begin` + `end`).
 */
export interface BurstLoss {
  /** Chance that a datagram begins a burst, 0 to 1. */
  readonly begin: number
  /** Chance that a datagram ends the burst, 0 to 1. */
  readonly end: number
  /** Share of datagrams lost in a burst, 0 to 1. */
  readonly loss: number
}

/** What happens to the datagrams on the way from one link to another. */
export interface Conditions {
  /** One way, milliseconds. */
  readonly latency: number
  /** Added to the latency at random, 0 to this many milliseconds; datagrams keep their order. */
  readonly jitter: number
  /** Share of datagrams that are lost, 0 to 1, each by itself. */
  readonly loss: number
  /** Losses in bursts, on top of `loss`; `undefined` for none. */
  readonly bursts: BurstLoss | undefined
  /** Share of datagrams that come twice, 0 to 1. */
  readonly duplicate: number
  /** Share of datagrams that are overtaken by later ones, 0 to 1. */
  readonly reorder: number
  /** Share of datagrams in which bits are turned or the end is cut off, 0 to 1. */
  readonly corrupt: number
  /** Bits per second, IP and UDP headers included; `Infinity` for no limit. */
  readonly bandwidth: number
  /** What may wait for the bandwidth, bytes; what comes on top is lost. */
  readonly queue: number
}

/** A perfect network, but for a millisecond. */
export const PERFECT: Conditions = {
  latency: 1,
  jitter: 0,
  loss: 0,
  bursts: undefined,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  bandwidth: Infinity,
  queue: 65_536,
}

/** @throws AltostratusError `CONDITIONS_INVALID`, naming the condition and what is allowed. */
export function checkConditions(conditions: Partial<Conditions>): void {
  for (const name of ['latency', 'jitter', 'queue'] as const) {
    check(name, conditions[name], (value) => value >= 0 && value < Infinity, 'a finite number from 0')
  }
  for (const name of ['loss', 'duplicate', 'reorder', 'corrupt'] as const) check(name, conditions[name], isShare, SHARE)
  for (const name of ['begin', 'end', 'loss'] as const) check(`bursts.${name}`, conditions.bursts?.[name], isShare, SHARE)
  check('bandwidth', conditions.bandwidth, (value) => value > 0, 'more than 0 bits per second, or Infinity')
}

const SHARE = 'a share from 0 to 1'

function isShare(value: number): boolean {
  return value >= 0 && value <= 1
}

function check(name: string, value: number | undefined, allowed: (value: number) => boolean, what: string): void {
  if (value !== undefined && !allowed(value)) {
    throw new AltostratusError('CONDITIONS_INVALID', `A simulated network's ${name} must be ${what}, not ${value}.`)
  }
}
