import { emulateNetwork, whyNoNetwork } from '../emulation/network.js'
import { BARE, OURS, RIVALS } from '../suite.js'
import { curve, percentiles, significant } from '../statistics.js'
import { startWays } from '../ways.js'

/** A voice stream: 50 frames a second of 80 bytes. */
const HZ = 50
const SIZE = 80
const PIECE = 8_192
const DELAY = 25
/** A narrow link with a queue of 100 ms. Bits a second, bytes. */
const RATE = 2_000_000
const QUEUE = 25_000
/** What the bulk transfer has to itself at first, until it knows the link. Milliseconds. */
const START = 3_000
/** What has not come so long after the last message was sent is lost: longer than what a library has in its buffers takes. Milliseconds. */
const STRAGGLERS = { alone: 500, beside: 6_000 }
const LONGEST = 15_000
const SHORTEST = 1_000
/** What may wait in a library. Bytes. */
const FULL = 65_536
const VOICE = 0
const BULK = 1

/** A voice stream beside a bulk transfer, both over one connection of one narrow link, and the same stream alone. */
export default {
  async run({ seconds, against, log }) {
    const missing = whyNoNetwork()
    if (missing !== undefined) return { missing }
    const began = performance.now()
    const ways = waysOf(against)
    const network = await emulateNetwork({ links: ways.length })
    let started = []
    try {
      for (const i of ways.keys()) await network.setConditions(i, { delay: DELAY, rate: RATE, queue: QUEUE })
      const ready = await startWays(ways, { log, settings: (_way, i) => ({ near: network.place(i, 1), far: network.place(i, 2) }) })
      started = ready.started
      const milliseconds = Math.min(
        LONGEST,
        Math.max(SHORTEST, (seconds * 1_000 - (performance.now() - began) - START - STRAGGLERS.alone - STRAGGLERS.beside) / 2),
      )
      const alone = await streamAll(started, milliseconds, STRAGGLERS.alone)
      log('  voice alone')
      const floods = Promise.all(
        started
          .filter(({ bulk }) => bulk)
          .map(({ pair }) =>
            pair.near.call('flood', { lane: BULK, size: PIECE, milliseconds: START + milliseconds }, START + milliseconds),
          ),
      )
      await new Promise((resolve) => setTimeout(resolve, START))
      const beside = await streamAll(started, milliseconds, STRAGGLERS.beside)
      await floods
      log('  voice beside bulk')
      return { ...describe(), notRun: ready.notRun, rows: rowsOf(started, alone, beside) }
    } finally {
      for (const { pair } of started) pair.stop()
      network.close()
    }
  },
}

/** Voice on the lane that it wants, bulk on a reliable one; what has one stream has both in that. */
function waysOf(against) {
  const lanesOf = (deliveries) => [
    { delivery: deliveries.includes('unreliable') ? 'unreliable' : 'reliable', priority: 'high' },
    { delivery: 'reliable', priority: 'low' },
  ]
  const options = { full: FULL }
  return [
    { name: BARE, implementation: BARE, adapter: BARE, options, lanes: [{ delivery: 'unreliable' }], bulk: false },
    { name: OURS, implementation: OURS, adapter: OURS, options, lanes: lanesOf(['unreliable']), bulk: true },
    ...against
      .filter((rival) => RIVALS[rival].deliveries.includes('reliable'))
      .map((rival) => ({
        name: rival,
        implementation: rival,
        adapter: rival,
        options,
        lanes: lanesOf(RIVALS[rival].deliveries),
        bulk: true,
      })),
  ]
}

/** The voice stream of every way at once. @returns One-way times, bulk Mbit/s that came meanwhile, and how many were sent, for each. */
async function streamAll(ways, milliseconds, stragglers) {
  const most = Math.ceil((milliseconds / 1_000) * HZ) + 1
  for (const { pair } of ways) await pair.far.call('record', { most })
  const sent = await Promise.all(
    ways.map(({ pair }) => pair.near.call('stream', { lane: VOICE, size: SIZE, hz: HZ, milliseconds }, milliseconds)),
  )
  const bulk = await Promise.all(
    ways.map(async ({ pair }) => {
      const { bytes, milliseconds: passed } = await pair.far.call('recorded', { lane: BULK })
      return (bytes * 8) / passed / 1_000
    }),
  )
  await new Promise((resolve) => setTimeout(resolve, stragglers))
  const times = await Promise.all(ways.map(async ({ pair }) => (await pair.far.call('recorded', { lane: VOICE })).latencies))
  return ways.map((_, i) => ({ times: [...times[i]].filter((time) => !Number.isNaN(time)), sent: sent[i].sent, bulk: bulk[i] }))
}

function rowsOf(ways, alone, beside) {
  const groups = [
    { group: 'voice alone', runs: alone },
    { group: 'voice beside bulk', runs: beside },
  ]
  const tailOf = (row) => row.p99 ?? row.max
  const [bare] = alone.map(({ times }) => tailOf(percentiles(times, { max: true })))
  return groups.flatMap(({ group, runs }) =>
    ways.flatMap(({ name, implementation, bulk }, i) => {
      if (group !== 'voice alone' && !bulk) return []
      const { times, sent, bulk: mbits } = runs[i]
      const row = {
        name,
        implementation,
        group,
        ...percentiles(times, { shares: [0.5, 0.9, 0.99], max: true }),
        arrived: significant((100 * times.length) / sent, 3),
        ...(group === 'voice alone' ? {} : { bulk: significant(mbits, 3) }),
        curve: curve(times, sent),
      }
      return [{ ...row, ratio: significant(tailOf(row) / bare, 3) }]
    }),
  )
}

function describe() {
  return {
    title: 'A voice stream beside a bulk transfer on a narrow link',
    unit: 'ms, one way',
    about: `${SIZE}-byte messages at ${HZ} Hz, unreliable where there is such a thing, and a reliable bulk transfer over the same connection, on a link of ${RATE / 1e6} Mbit/s, ${DELAY} ms each way, with a queue of ${(QUEUE * 8_000) / RATE} ms. The bulk transfer keeps at most ${FULL / 1_024} KiB waiting in the library, as a careful program does; voice is sent whatever waits.`,
    ratioOf: 'p99 ÷ p99 of bare UDP that is alone on the link',
    columns: [
      { key: 'p50', label: 'p50' },
      { key: 'p90', label: 'p90' },
      { key: 'p99', label: 'p99' },
      { key: 'max', label: 'max' },
      { key: 'arrived', label: '% arrived' },
      { key: 'bulk', label: 'bulk Mbit/s' },
      { key: 'ratio', label: 'ratio' },
    ],
    charts: [{ title: 'One-way time of voice beside bulk', kind: 'percentiles', unit: 'ms', group: 'voice beside bulk' }],
  }
}
