import { pause, startMany } from '../ends/many-remote.js'
import { significant } from '../statistics.js'
import { BARE, OURS } from '../suite.js'

const MOST = 10_000
/** Datagrams that bare UDP answers in a second, before there are sessions: few enough that each wakes the process. */
const BARE_PER_SECOND = 200
/** Opened before counting begins, so that compiled code and first-time memory do not count. */
const WARM_UP = 100
/** Processes that the far ends are in: to open a session costs them most. */
const CROWDS = 2
/** Until all sessions are idle in the SDK's own terms, `IDLE_AFTER`, and some time more. Then each asks once in `IDLE_KEEPALIVE_INTERVAL`. Milliseconds. */
const SETTLE = 11_000
const ROUND = 25_000

/** What many sessions with nothing to say cost the process that has them. */
export default {
  async run({ seconds, log }) {
    const host = startMany(['--expose-gc'])
    const crowds = Array.from({ length: CROWDS }, () => startMany(['--max-old-space-size=8192']))
    try {
      const { port, fingerprint, barePort } = await host.call('listen')
      const open = (most, milliseconds) =>
        Promise.all(crowds.map((crowd) => crowd.call('open', { port, fingerprint, most: Math.ceil(most / CROWDS), milliseconds })))
      const bare = await between(host, () =>
        crowds[0].call('flood', { port: barePort, perSecond: BARE_PER_SECOND, milliseconds: Math.max(2_000, seconds * 250) }),
      )
      await open(WARM_UP, 10_000)
      const before = await host.call('memory')
      const began = await host.call('state')
      await open(MOST - WARM_UP, seconds * 500)
      const { sessions } = await host.call('state')
      log(`  ${sessions} sessions`)
      await pause(SETTLE)
      const after = await host.call('memory')
      const counted = sessions - began.sessions
      const idle = await between(host, () => pause(ROUND))
      bare.cpu *= idle.received / BARE_PER_SECOND
      return describe({ sessions, memory: (after.held - before.held) / counted, rss: (after.rss - before.rss) / counted, idle, bare })
    } finally {
      host.stop()
      for (const crowd of crowds) crowd.stop()
    }
  },
}

/** Processor time and datagrams a second while something goes on; % of a core. */
async function between(host, work) {
  const a = await host.call('state')
  await work()
  const b = await host.call('state')
  const milliseconds = b.at - a.at
  return {
    cpu: (b.cpu - a.cpu) / milliseconds / 10,
    received: ((b.received - a.received) / milliseconds) * 1_000,
    lost: b.lost - a.lost,
  }
}

function describe({ sessions, memory, rss, idle, bare }) {
  const rows = [
    { name: 'bare UDP', implementation: BARE, sessions, cpu: significant(bare.cpu, 3), received: Math.round(idle.received) },
    {
      name: 'altostratus',
      implementation: OURS,
      sessions,
      memory: Math.round(memory),
      rss: Math.round(rss),
      cpu: significant(idle.cpu, 3),
      cpuOf10k: significant((idle.cpu * MOST) / sessions, 3),
      received: Math.round(idle.received),
      lost: idle.lost,
      ratio: significant(idle.cpu / bare.cpu, 3),
    },
  ]
  return {
    title: 'Idle sessions in one process',
    unit: 'bytes, % of a core',
    about:
      'Sessions over loopback, each with a peer of its own that has nothing to say, keepalives as they are by default. Memory is what is held after a thorough collection, on the heap and for it outside. Bare UDP answers as many datagrams a second and knows nobody.',
    ratioOf: 'processor time ÷ that of bare UDP for as many datagrams',
    columns: [
      { key: 'sessions', label: 'sessions' },
      { key: 'memory', label: 'bytes a session' },
      { key: 'rss', label: 'RSS a session' },
      { key: 'cpu', label: 'CPU %' },
      { key: 'cpuOf10k', label: 'CPU % at 10,000' },
      { key: 'received', label: 'datagrams/s' },
      { key: 'ratio', label: 'ratio' },
      { key: 'lost', label: 'lost' },
    ],
    rows,
    notRun: [],
    charts: [],
    notes: [`RSS counts what the start of ${sessions} sessions left behind for the collector, too.`],
  }
}
