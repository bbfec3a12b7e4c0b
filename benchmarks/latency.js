import { createSocket } from 'node:dgram'
import * as rtmfp from 'altostratus/rtmfp'
import { SUITES, openEndpoint } from './endpoint.js'
import { openSession, percentile, rounded, startFar } from './far.js'
import { stayAwake } from './awake.js'

const SIZE = 64
/** Each way is measured in this many turns, one after the other, so that a machine that slows down slows all of them. */
const TURNS = 4
/** Round trips thrown away before the first turn, until the code of both processes is compiled. */
const FIRST_WARM_UP = 8_000
/** Round trips thrown away at the beginning of each turn. */
const WARM_UP = 500
const MODES = ['idle', 'awake']

/**
 * Round trips of 64-byte messages, one at a time, in two modes. `idle`: the processes sleep between datagrams, as a game's do, and most of
 * the time goes into the machine waking them. `awake`: both keep their event loops turning, which leaves the protocol's own cost.
 */
export async function measureLatency({ seconds, log }) {
  const ways = [{ name: 'node:dgram', start: startDgram }]
  for (const suite of Object.keys(SUITES)) {
    for (const reliable of [true, false]) {
      ways.push({ name: `rtmfp ${suite} ${reliable ? 'reliable' : 'unreliable'}`, start: () => startRtmfp(SUITES[suite], reliable) })
    }
  }
  const turnMilliseconds = (seconds * 1_000) / ways.length / TURNS / MODES.length
  for (const way of ways) {
    way.run = await way.start()
    await collect(way.run, FIRST_WARM_UP)
    way.results = MODES.map((mode) => ({ mode, samples: [], nearCpu: 0, farCpu: 0 }))
  }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const way of ways) for (const result of way.results) await takeTurn(way.run, result, turnMilliseconds)
    log(`  turn ${turn + 1} of ${TURNS}`)
  }
  for (const way of ways) way.run.stop()
  const rows = MODES.flatMap((mode, i) => ways.map(({ name, results }) => summarise(`${name}, ${mode}`, results[i])))
  for (const [i, row] of rows.entries()) {
    const bare = rows[i - (i % ways.length)]
    row.ratio = rounded(row.p50 / bare.p50)
    row['p99 ratio'] = rounded(row.p99 / bare.p99)
  }
  const [bare, first] = rows
  return {
    benchmark: 'latency',
    unit: 'µs per round trip',
    messageBytes: SIZE,
    ratio: first.ratio,
    ratioOf: `${first.name} p50 ÷ ${bare.name} p50`,
    awakeRatio: rows[ways.length + 1].ratio,
    rows,
  }
}

function summarise(name, { samples, nearCpu, farCpu }) {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share) => rounded(percentile(sorted, share) * 1_000, 1)
  return {
    name,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    'p99.9': at(0.999),
    samples: sorted.length,
    'near CPU µs': rounded(nearCpu / sorted.length, 1),
    'far CPU µs': rounded(farCpu / sorted.length, 1),
  }
}

/** One turn of one way in one mode. `run.ping(done)` makes a round trip. */
async function takeTurn(run, result, milliseconds) {
  const awake = result.mode === 'awake'
  await run.far.stayAwake(awake)
  const stop = awake ? stayAwake() : () => {}
  await collect(run, WARM_UP)
  const { cpu: farBefore } = await run.far.count()
  const before = process.cpuUsage()
  const samples = await collect(run, Infinity, milliseconds)
  const { user, system } = process.cpuUsage(before)
  const { cpu } = await run.far.count()
  stop()
  await run.far.stayAwake(false)
  result.samples.push(...samples)
  result.nearCpu += user + system
  result.farCpu += cpu.user + cpu.system - farBefore.user - farBefore.system
}

/** Runs round trips, a number of them or for a time. @returns How long each took, milliseconds. */
function collect(run, most, milliseconds = Infinity) {
  return new Promise((resolve) => {
    const samples = []
    let sentAt = 0
    const end = performance.now() + milliseconds
    const again = () => {
      sentAt = performance.now()
      run.ping()
    }
    run.onPong = () => {
      const now = performance.now()
      samples.push(now - sentAt)
      if (now < end && samples.length < most) again()
      else {
        run.onPong = () => {}
        resolve(samples)
      }
    }
    again()
  })
}

async function startDgram() {
  const far = await startFar({ start: 'dgram', echo: true })
  const socket = createSocket({ type: 'udp4', lookup: (address, _options, callback) => callback(null, address, 4) })
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const message = Buffer.alloc(SIZE)
  const run = { far, onPong: () => {}, ping: () => socket.send(message, far.port, '127.0.0.1'), stop }
  socket.on('message', () => run.onPong())
  function stop() {
    socket.close()
    far.stop()
  }
  return run
}

async function startRtmfp(suite, reliable) {
  const far = await startFar({ start: 'rtmfp', echo: true, suite })
  let onEvent = () => {}
  const node = await openEndpoint(suite, (event) => onEvent(event))
  const session = await openSession(node, far, (handler) => (onEvent = handler), rtmfp)
  const flow = session.openFlow({ metadata: Uint8Array.of(reliable ? 1 : 0), retransmit: reliable })
  const message = new Uint8Array(SIZE)
  const run = {
    far,
    onPong: () => {},
    ping() {
      flow.write(message, node.driver.now())
      node.driver.kick()
    },
    stop() {
      void node.driver.close()
      far.stop()
    },
  }
  onEvent = (event) => {
    if (event.type === 'flow-open') event.flow.delivery = reliable ? 'ordered' : 'arrival'
    else if (event.type === 'message') run.onPong()
  }
  return run
}
