import { connectPair, keepAwake } from './ends/remote.js'
import { percentile, significant } from './statistics.js'

/** How far bare UDP may differ between the start and the end of a run before its figures are doubtful. */
export const MOST_DRIFT = 0.25
const SIZE = 64
const LANES = [{ delivery: 'unreliable' }]
/** Round trips until the code of both ends is compiled, then how long is measured in each mode. Milliseconds. */
const WARM_UP = 300
const MEASURED = 700
/** What both take at most of a benchmark's own time. */
const SHARE = 0.1

/** Bare UDP's round trips of 64 bytes on loopback: what this machine does just now. µs. `seconds`: the least that a benchmark of this run takes. */
export async function measureBaseline(seconds = Infinity) {
  const scale = Math.min(1, (seconds * 1_000 * SHARE) / (WARM_UP + MEASURED))
  const pair = await connectPair({ adapter: 'udp', lanes: LANES })
  try {
    await pair.far.call('echo')
    await pair.near.call('ping', { size: SIZE, milliseconds: WARM_UP * scale })
    const idle = await measure(pair, MEASURED * scale)
    await keepAwake(pair, true)
    const awake = await measure(pair, MEASURED * scale)
    return { idle: idle.p50, awake: awake.p50, cpu: idle.cpu, unit: 'µs per round trip of 64 bytes' }
  } finally {
    pair.stop()
  }
}

async function measure({ near }, milliseconds) {
  const { samples, cpu } = await near.call('ping', { size: SIZE, milliseconds })
  return { p50: significant(percentile(samples.toSorted(), 0.5)), cpu: significant(cpu / samples.length) }
}

/** The baseline of a run, from bare UDP at its start and its end. */
export function compareBaselines(start, end) {
  const change = (mode) => Math.abs(end[mode] / start[mode] - 1)
  const drift = significant(Math.max(change('idle'), change('awake')), 3)
  return { start, end, drift, noisy: drift > MOST_DRIFT }
}

/** What a reader of the figures has to know; `undefined` when all is well. */
export function noiseWarning({ drift, noisy }) {
  if (!noisy) return undefined
  return `Too noisy: bare UDP differed by ${Math.round(drift * 100)} % between the start and the end of this run; above ${MOST_DRIFT * 100} % its figures are doubtful.`
}
