import { makeCertificate } from '../certificate.js'
import { emulateNetwork, whyNoNetwork } from '../emulation/network.js'
import { startEnd } from '../ends/remote.js'
import { median, significant } from '../statistics.js'
import { BARE, OURS } from '../suite.js'

/** Round-trip times between any two of the hosts. Milliseconds. */
const RTTS = [20, 100, 200]
/** Dials without delay, until the code is compiled. */
const WARM_UPS = 3
/** Dials of each way at each round-trip time, at least. */
const LEAST = 2
const LANES = [{ delivery: 'reliable', priority: 'high' }]
const NEAR = 1
const FAR = 2
const MIDDLE = 3
const GROUPS = { server: 'client to a server', introduced: 'peer to peer, introduced', joined: 'peer to peer, from nothing: a code, a URL' }

/** From `connect` to the first message at the far end, and to its answer, over links of several round-trip times. */
export default {
  async run({ seconds, against, log }) {
    const missing = whyNoNetwork()
    if (missing !== undefined) return { missing }
    const began = performance.now()
    const ways = waysOf(against, await makeCertificate())
    const network = await emulateNetwork({ links: ways.length, hosts: 3 })
    const started = []
    const notRun = []
    try {
      for (const [index, way] of ways.entries()) {
        const run = { ...way, index, ends: startEnds(network, index, way), samples: RTTS.map(() => []) }
        started.push(run)
        try {
          await network.setConditions(index, { delay: 0 })
          if (way.middle)
            run.middle = await run.ends.middle.call('startMiddle', { adapter: way.adapter, host: network.place(index, MIDDLE).host })
          for (let i = 0; i < WARM_UPS; i++) await dialOnce(run, network)
        } catch (error) {
          if (way.implementation === OURS || way.implementation === BARE) throw error
          stop(run)
          started.pop()
          notRun.push({ name: way.name, reason: error.message })
          log(`  ${way.name} not run: ${error.message}`)
        }
      }
      const left = seconds * 1_000 - (performance.now() - began)
      for (const [i, rtt] of RTTS.entries()) {
        const until = performance.now() + left / RTTS.length
        // All at once: what takes part of a second waits for the network nearly all of it.
        await Promise.all(started.map((run) => dialUntil(run, network, i, until)))
        log(`  ${rtt} ms`)
      }
      for (const { name, group, failure } of started)
        if (failure !== undefined) notRun.push({ name: `${name} (${group})`, reason: failure })
      return { ...describe(), notRun, rows: rowsOf(started.filter(({ failure }) => failure === undefined)) }
    } finally {
      for (const run of started) stop(run)
      network.close()
    }
  },
}

/** `middle`: takes a third host, an introducer or signaller. `prepared`: both ends are known to that before. */
function waysOf(against, tls) {
  const has = (rival) => against.includes(rival)
  const webrtc = ['werift', 'node-datachannel', 'roamhq-wrtc'].filter(has)
  return [
    { name: 'udp, a datagram and its answer first', implementation: BARE, adapter: BARE, group: GROUPS.server },
    { name: 'altostratus', implementation: OURS, adapter: OURS, group: GROUPS.server },
    ...(has('ws')
      ? [
          { name: 'ws with TLS', implementation: 'ws', adapter: 'ws', options: { tls }, group: GROUPS.server },
          { name: 'ws, not encrypted', implementation: 'ws', adapter: 'ws', group: GROUPS.server },
        ]
      : []),
    ...(has('colyseus')
      ? [{ name: 'colyseus, not encrypted', implementation: 'colyseus', adapter: 'colyseus', group: GROUPS.server }]
      : []),
    ...(has('geckos') ? [{ name: 'geckos', implementation: 'geckos', adapter: 'geckos', group: GROUPS.server }] : []),
    {
      name: 'altostratus',
      implementation: OURS,
      adapter: 'altostratus-introduced',
      middle: true,
      prepared: true,
      group: GROUPS.introduced,
    },
    ...webrtc.map((rival) => ({
      name: rival,
      implementation: rival,
      adapter: rival,
      middle: true,
      prepared: true,
      group: GROUPS.introduced,
    })),
    { name: 'altostratus, room by code', implementation: OURS, adapter: 'altostratus-room', middle: true, group: GROUPS.joined },
    ...webrtc.map((rival) => ({
      name: `${rival}, bare signaller`,
      implementation: rival,
      adapter: rival,
      middle: true,
      group: GROUPS.joined,
    })),
  ]
}

function startEnds(network, index, { middle }) {
  return {
    near: startEnd(network.place(index, NEAR)),
    far: startEnd(network.place(index, FAR)),
    ...(middle ? { middle: startEnd(network.place(index, MIDDLE)) } : {}),
  }
}

function stop({ ends }) {
  for (const end of Object.values(ends)) end.stop()
}

/** @returns Milliseconds to the first message at the far end, and to its answer. */
async function dialOnce({ adapter, options = {}, index, ends, middle = {}, prepared = false }, network) {
  const settings = { adapter, options: { ...options, ...middle }, lanes: LANES }
  const address = await ends.far.call('listen', { ...settings, host: network.place(index, FAR).host })
  const { beganAt, answeredAt } = await ends.near.call('dial', { ...settings, address, host: network.place(index, NEAR).host, prepared })
  const cameAt = await ends.far.call('cameAt')
  await ends.near.call('hangUp')
  return { first: cameAt - beganAt, answer: answeredAt - beganAt }
}

async function dialUntil(run, network, i, until) {
  await network.setConditions(run.index, { delay: RTTS[i] / 2 })
  while (run.failure === undefined && (run.samples[i].length < LEAST || performance.now() < until)) {
    try {
      run.samples[i].push(await dialOnce(run, network))
    } catch (error) {
      run.failure = `at ${RTTS[i]} ms: ${error.message}`
    }
  }
}

function rowsOf(runs) {
  const rows = runs.map(({ name, implementation, group, samples }) => {
    const firsts = samples.map((each) => median(each.map(({ first }) => first)))
    const answers = samples.map((each) => median(each.map(({ answer }) => answer)))
    const { slope, rest } = line(RTTS, firsts)
    return {
      name,
      implementation,
      group,
      ...Object.fromEntries(RTTS.map((rtt, i) => [`first${rtt}`, significant(firsts[i])])),
      roundTrips: significant(slope, 3),
      own: significant(Math.max(0, rest), 3),
      answer100: significant(answers[RTTS.indexOf(100)]),
      dials: samples.reduce((sum, each) => sum + each.length, 0),
    }
  })
  const [bare] = rows
  for (const row of rows) row.ratio = significant(row.first100 / bare.first100, 3)
  return rows
}

/** The straight line through points, by least squares: what grows with the round-trip time, and what does not. */
function line(xs, ys) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(xs), mean(ys)]
  const slope = xs.reduce((sum, each, i) => sum + (each - x) * (ys[i] - y), 0) / xs.reduce((sum, each) => sum + (each - x) ** 2, 0)
  return { slope, rest: y - slope * x }
}

function describe() {
  return {
    title: 'From connect() to the first message',
    unit: 'ms, median',
    about:
      'Until the first message of the end that connects has arrived at the other. All hosts, the introducer or signaller too, are the same round-trip time apart, on an emulated network. Introduced: both ends are connected to the introducer, or to a WebSocket signaller that hands everything on, before the clock starts; from nothing: the end that connects is not. Round trips and own time are a straight line through the three. Code is compiled, by dials without delay before.',
    ratioOf: 'time at 100 ms ÷ that of bare UDP',
    columns: [
      ...RTTS.map((rtt) => ({ key: `first${rtt}`, label: `at ${rtt} ms` })),
      { key: 'roundTrips', label: 'round trips' },
      { key: 'own', label: 'own ms' },
      { key: 'answer100', label: 'answer at 100 ms' },
      { key: 'ratio', label: 'ratio' },
      { key: 'dials', label: 'dials' },
    ],
    charts: [],
  }
}
