import { pause, startMany } from '../ends/many-remote.js'
import { percentiles, significant } from '../statistics.js'
import { OURS } from '../suite.js'

/** Hellos a second of each stage. */
const RATES = [0, 10_000, 100_000]
/** Processes that they come from, and addresses of this machine that each sends from in turn. */
const FLOODS = 2
const SOURCES = 4_000
/** How long a session may take to open. Milliseconds. */
const PATIENCE = 10_000
/** Until what is remembered of a flood is forgotten: see `SOURCE_MEMORY`. Milliseconds. */
const FORGET = 6_000

/** What an endpoint does that is sent hellos without end, from thousands of addresses, while others open sessions. */
export default {
  async run({ seconds, log }) {
    const host = startMany(['--expose-gc'])
    const players = startMany()
    const floods = Array.from({ length: FLOODS }, () => startMany())
    try {
      await Promise.all([host, players].map((each) => each.call('comeFirst')))
      const { port, fingerprint } = await host.call('listen')
      const target = { port, fingerprint }
      await Promise.all(floods.map((flood) => flood.call('bindSources', { sources: SOURCES, port })))
      const milliseconds = Math.max(1_000, (seconds / RATES.length) * 1_000)
      await players.call('dial', { ...target, milliseconds: milliseconds / 4, timeout: PATIENCE })
      const before = await host.call('memory')
      const rows = []
      for (const rate of RATES) {
        rows.push(await stage({ host, players, floods, target, rate, milliseconds, before }))
        log(`  ${rate} hellos a second`)
      }
      await pause(FORGET)
      return describe(rows, before, await host.call('memory'))
    } finally {
      for (const each of [host, players, ...floods]) each.stop()
    }
  },
}

async function stage({ host, players, floods, target, rate, milliseconds, before }) {
  const start = await host.call('state')
  const flooding = Promise.all(
    rate === 0 ? [] : floods.map((flood) => flood.call('helloes', { ...target, milliseconds, perSecond: rate / FLOODS })),
  )
  const { took, failed } = await players.call('dial', { ...target, milliseconds, timeout: PATIENCE })
  const offered = (await flooding).reduce((sum, sent) => sum + sent, 0)
  const end = await host.call('state')
  const { rss } = await host.call('memory')
  const passed = (end.at - start.at) / 1_000
  const received = end.received - start.received
  const each = (count) => Math.round(count / passed)
  return {
    name: `${rate.toLocaleString('en')} hellos/s`,
    implementation: OURS,
    offered: each(offered),
    received: each(received),
    turnedAway: each(end.turnedAway - start.turnedAway),
    sent: each(end.sent - start.sent),
    cpu: significant((end.cpu - start.cpu) / passed / 10_000, 3),
    cpuOfHello: rate === 0 ? undefined : significant((end.cpu - start.cpu) / received, 3),
    rss: significant((rss - before.rss) / 1_048_576, 3),
    tried: took.length + failed,
    opened: took.length,
    ...percentiles(took, { shares: [0.5, 0.9, 0.99], max: true }),
  }
}

function describe(rows, before, after) {
  const [calm] = rows
  return {
    title: 'A flood of hellos',
    unit: 'a second, % of a core, milliseconds',
    about: `One endpoint, in a process of its own, on loopback: ${FLOODS} processes send it hellos from ${FLOODS * SOURCES} addresses in turn, as many a second as is asked for or as they can; another opens one session after the other. What is not received was dropped by the system, whose buffer was full.`,
    ratioOf: 'median time to open a session ÷ that without a flood',
    columns: [
      { key: 'offered', label: 'offered/s' },
      { key: 'received', label: 'received/s' },
      { key: 'turnedAway', label: 'turned away/s' },
      { key: 'sent', label: 'datagrams sent/s' },
      { key: 'cpu', label: 'CPU %' },
      { key: 'cpuOfHello', label: 'CPU µs a datagram' },
      { key: 'rss', label: 'RSS +MiB' },
      { key: 'tried', label: 'sessions tried' },
      { key: 'opened', label: 'opened' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'p90', label: 'p90 ms' },
      { key: 'max', label: 'max ms' },
      { key: 'ratio', label: 'ratio' },
    ],
    rows: rows.map((row) => ({ ...row, ratio: significant(row.p50 / calm.p50, 3) })),
    notRun: [],
    charts: [],
    notes: [`Held after the flood, beyond what was held before: ${Math.round((after.held - before.held) / 1_024)} KiB.`],
  }
}
