import { BARE, OURS } from '../suite.js'
import { curve, percentiles, significant } from '../statistics.js'
import { keepAwake } from '../ends/remote.js'
import { warmUp } from '../ends/warm-up.js'
import { inTurn, waysOf } from '../ways.js'

const SIZES = [64, 1_200]
const MODES = ['idle', 'awake']
/**
 * Round trips that are thrown away, until they get no faster: steps and all of them at most, as shares of the way's time. Both ends sleep between them:
 * what keeps a core's event loop turning takes the core from who compiles.
 */
const COMPILE_STEP = 0.05
const COMPILE_MOST = 0.6
/** The same at the beginning of each cell. Milliseconds. */
const SETTLE = 20
/** What goes by in a cell beside that, in calls to both ends. Milliseconds. */
const ASIDE = 60
/** A cell is not shorter, however little time there is. Milliseconds. */
const SHORTEST = 20

/**
 * Round trips, one message at a time, between two processes on loopback. `idle`: both sleep between messages, as a game's do, and most of
 * the time goes into the machine waking them. `awake`: both keep their event loops turning, which leaves the protocol's own cost.
 */
export default {
  async run({ seconds, against, log }) {
    // Asleep first: whoever has kept a core turning is woken late for half a second.
    const cells = MODES.flatMap((mode) => SIZES.map((size) => ({ size, mode })))
    const ways = allWays(against).map((way) => ({
      ...way,
      cells: cells.map((cell) => ({ ...cell, samples: [], near: 0, far: 0, lost: 0 })),
    }))
    const { ran, notRun } = await inTurn(ways, { log, milliseconds: seconds * 1_000 }, async (way, pair, milliseconds) => {
      const end = performance.now() + milliseconds
      await pair.far.call('echo')
      await warmUp((step) => roundTrips(pair, step), { step: milliseconds * COMPILE_STEP, most: milliseconds * COMPILE_MOST })
      const one = Math.max(SHORTEST, (end - performance.now()) / cells.length - SETTLE - ASIDE)
      for (const cell of way.cells) await measure(pair, cell, one)
    })
    return { ...describe(), notRun, rows: cells.flatMap((_, i) => rowsOf(ran, i)) }
  },
}

/** Beside the transports this SDK as a game has it, a channel of a room, straight and by way of the introducer. */
function allWays(against) {
  const [bare, ...others] = waysOf({ against })
  const room = { implementation: OURS, adapter: 'altostratus-room', delivery: 'unreliable', middle: true }
  const ours = others.filter(({ implementation }) => implementation === OURS)
  return [
    bare,
    ...ours,
    { ...room, name: 'altostratus room, unreliable', options: {} },
    { ...room, name: 'altostratus room, relayed', options: { relay: 'always' } },
    ...others.filter((way) => !ours.includes(way)),
  ]
}

/** Round trips of all sizes for so many milliseconds. @returns How many. */
async function roundTrips({ near }, milliseconds) {
  let count = 0
  for (const size of SIZES) count += (await near.call('ping', { size, milliseconds: milliseconds / SIZES.length })).samples.length
  return count
}

async function measure(pair, cell, milliseconds) {
  const { size, mode } = cell
  const { near, far } = pair
  if (mode === 'awake') await keepAwake(pair, true)
  await near.call('ping', { size, milliseconds: SETTLE })
  const before = await far.call('cpu')
  const { samples, cpu, lost } = await near.call('ping', { size, milliseconds }, milliseconds)
  cell.far += (await far.call('cpu')) - before
  cell.near += cpu
  cell.lost += lost
  for (const sample of samples) cell.samples.push(sample)
  if (mode === 'awake') await keepAwake(pair, false)
}

function rowsOf(ways, i) {
  const rows = ways.map(({ name, implementation, secondary, cells }) => {
    const { size, mode, samples, near, far, lost } = cells[i]
    return {
      name,
      implementation,
      group: groupOf(size, mode),
      secondary,
      ...percentiles(samples),
      nearCpu: significant(near / samples.length, 3),
      farCpu: significant(far / samples.length, 3),
      roundTrips: samples.length,
      ...(lost > 0 ? { lost } : {}),
      curve: curve(samples),
    }
  })
  const bare = rows.find(({ implementation }) => implementation === BARE)
  for (const row of rows) {
    row.ratio = significant(row.p50 / bare.p50, 3)
    row.p99Ratio = significant(row.p99 / bare.p99, 3)
  }
  return rows
}

function groupOf(size, mode) {
  return `${size.toLocaleString('en-US')} bytes, ${mode}`
}

function describe() {
  return {
    title: 'Round trips on loopback',
    unit: 'µs',
    about:
      'One message at a time to another process and back. Idle: both processes sleep between messages, and most of the time goes into the machine waking them. Awake: both keep their event loops turning, which leaves the cost of the protocol itself (and lets processor time per round trip mean nothing).',
    ratioOf: 'p50 ÷ p50 of bare UDP, same size and mode',
    columns: [
      { key: 'p50', label: 'p50' },
      { key: 'p90', label: 'p90' },
      { key: 'p99', label: 'p99' },
      { key: 'p99.9', label: 'p99.9' },
      { key: 'ratio', label: 'ratio' },
      { key: 'p99Ratio', label: 'p99 ratio' },
      { key: 'nearCpu', label: 'CPU near' },
      { key: 'farCpu', label: 'CPU far' },
      { key: 'roundTrips', label: 'round trips' },
      { key: 'lost', label: 'lost' },
    ],
    charts: SIZES.flatMap((size) =>
      MODES.map((mode) => ({ title: `Round trip of ${groupOf(size, mode)}`, kind: 'percentiles', unit: 'µs', group: groupOf(size, mode) })),
    ),
  }
}
