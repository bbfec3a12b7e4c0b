import { emulateNetwork, whyNoNetwork } from '../emulation/network.js'
import { BARE } from '../suite.js'
import { curve, percentiles, significant } from '../statistics.js'
import { startWays, waysOf } from '../ways.js'

const HZ = 60
const SIZE = 100
/** The link's delay each way. Milliseconds. */
const DELAY = 25
const CONDITIONS = [
  { group: 'no loss', loss: { kind: 'none' } },
  { group: '1 % random loss', loss: { kind: 'random', share: 0.01 } },
  { group: '2 % random loss', loss: { kind: 'random', share: 0.02 } },
  { group: '5 % random loss', loss: { kind: 'random', share: 0.05 } },
  // About 3 % in all, of which a burst takes most of five messages in a row.
  { group: 'bursts of loss', loss: { kind: 'bursty', good: 2_000, bad: 80, share: 0.75 } },
]
/** Losses begin when round-trip times are known and code is compiled. Milliseconds. */
const WARM_UP = 2_000
/** What has not come so long after the last message was sent is lost. Milliseconds. */
const STRAGGLERS = 2_000
const IN_TIME = 100
const LONGEST = 30
const SHORTEST = 1

/** A game's stream over a link that delays and loses packets: one-way times, all ways at the same time, each over a link of its own. */
export default {
  async run({ seconds, against, log }) {
    const missing = whyNoNetwork()
    if (missing !== undefined) return { missing }
    const began = performance.now()
    const ways = waysOf({ against, suites: ['aes-gcm'] })
    const network = await emulateNetwork({ links: ways.length })
    let started = []
    try {
      for (const i of ways.keys()) await network.setConditions(i, { delay: DELAY })
      const ready = await startWays(ways, { log, settings: (_way, i) => ({ near: network.place(i, 1), far: network.place(i, 2) }) })
      started = ready.started
      await streamAll(started, WARM_UP)
      const left = seconds * 1_000 - (performance.now() - began)
      const rest = left / CONDITIONS.length - STRAGGLERS
      const milliseconds = Math.min(LONGEST * 1_000, Math.max(SHORTEST * 1_000, rest))
      const rows = []
      for (const [seed, { group, loss }] of CONDITIONS.entries()) {
        for (const { index } of started) await network.setConditions(index, { delay: DELAY, loss, seed: seed + 1 })
        const sent = await streamAll(started, milliseconds)
        rows.push(...(await rowsOf(started, sent, group, network)))
        log(`  ${group}`)
      }
      return { ...describe(milliseconds), notRun: ready.notRun, rows, notes: [latenessOf(await network.lateness())] }
    } finally {
      for (const { pair } of started) pair.stop()
      network.close()
    }
  },
}

/** Every way's stream at once, until what is late has come. @returns How many messages each sent. */
async function streamAll(ways, milliseconds) {
  const most = Math.ceil((milliseconds / 1_000) * HZ) + 1
  for (const { pair } of ways) await pair.far.call('record', { most })
  const sent = await Promise.all(ways.map(({ pair }) => pair.near.call('stream', { size: SIZE, hz: HZ, milliseconds }, milliseconds)))
  await new Promise((resolve) => setTimeout(resolve, STRAGGLERS))
  return sent.map((each) => each.sent)
}

async function rowsOf(ways, sent, group, network) {
  const rows = []
  for (const [i, { name, implementation, index, pair }] of ways.entries()) {
    const { latencies } = await pair.far.call('recorded')
    const arrived = [...latencies].filter((latency) => !Number.isNaN(latency))
    const { bytes } = await network.stats(index, 1, 2)
    rows.push({
      name,
      implementation,
      group,
      ...percentiles(arrived, { shares: [0.5, 0.99, 0.999], max: true }),
      inTime: significant((100 * arrived.filter((latency) => latency <= IN_TIME).length) / sent[i]),
      arrived: significant((100 * arrived.length) / sent[i]),
      bytes: significant(bytes / sent[i], 3),
      curve: curve(arrived, sent[i]),
    })
  }
  const bare = rows.find(({ implementation }) => implementation === BARE)
  const ws = rows.find(({ implementation }) => implementation === 'ws')
  for (const row of rows) {
    row.ratio = significant((row.p99 ?? row.max) / (bare.p99 ?? bare.max), 3)
    if (ws?.p99 !== undefined && row.p99 !== undefined) row.toWs = significant(row.p99 / ws.p99, 3)
  }
  return rows
}

function latenessOf({ most, sum, packets, over1 }) {
  const share = significant((100 * over1) / packets, 2)
  return `The emulated link handed ${packets.toLocaleString('en-US')} packets out ${significant(sum / packets, 2)} ms late on average, ${share} % of them by more than 1 ms, one by ${significant(most, 3)} ms.`
}

function describe(milliseconds) {
  return {
    title: `${SIZE}-byte messages at ${HZ} Hz over a link that loses packets`,
    unit: 'ms, one way',
    about: `${milliseconds / 1_000} seconds over an emulated link of ${DELAY} ms each way, all at the same time, each over a link of its own with the same kind of loss. Packets are lost, not messages: TCP and SCTP meet what UDP meets. Percentiles are of what arrived; bytes are those of IP packets from the sender, per message.`,
    ratioOf: 'p99 ÷ p99 of bare UDP, same loss',
    columns: [
      { key: 'p50', label: 'p50' },
      { key: 'p99', label: 'p99' },
      { key: 'p99.9', label: 'p99.9' },
      { key: 'max', label: 'max' },
      { key: 'inTime', label: `% within ${IN_TIME} ms` },
      { key: 'arrived', label: '% arrived' },
      { key: 'bytes', label: 'bytes/message' },
      { key: 'ratio', label: 'ratio' },
      { key: 'toWs', label: 'p99 ÷ ws' },
    ],
    charts: CONDITIONS.map(({ group }) => ({ title: `One-way time, ${group}`, kind: 'percentiles', unit: 'ms', group })),
  }
}
