import { createSocket } from 'node:dgram'
import * as rtmfp from 'altostratus/rtmfp'
import { SUITES, openEndpoint } from './endpoint.js'
import { openSession, percentile, rounded, startFar } from './far.js'

const SIZE = 64
/** Each way is measured in this many turns, one after the other, so that a machine that slows down slows all of them. */
const TURNS = 4
/** Round trips thrown away at the beginning of each turn. */
const WARM_UP = 500

/** Round trips of 64-byte messages, one at a time. */
export async function measureLatency({ seconds, log }) {
  const ways = [{ name: 'node:dgram', start: startDgram }]
  for (const suite of Object.keys(SUITES)) {
    for (const reliable of [true, false]) {
      ways.push({ name: `rtmfp ${suite} ${reliable ? 'reliable' : 'unreliable'}`, start: () => startRtmfp(SUITES[suite], reliable) })
    }
  }
  const turnMilliseconds = (seconds * 1_000) / ways.length / TURNS
  for (const way of ways) {
    way.run = await way.start()
    way.samples = []
  }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const way of ways) way.samples.push(...(await collect(way.run, turnMilliseconds)))
    log(`  turn ${turn + 1} of ${TURNS}`)
  }
  for (const way of ways) way.run.stop()
  const rows = ways.map(({ name, samples }) => summarise(name, samples))
  const [bare] = rows
  for (const row of rows) row.ratio = rounded(row.p50 / bare.p50)
  const first = rows[1]
  return {
    benchmark: 'latency',
    unit: 'µs per round trip',
    messageBytes: SIZE,
    ratio: first.ratio,
    ratioOf: `${first.name} p50 ÷ ${bare.name} p50`,
    rows,
  }
}

function summarise(name, samples) {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share) => rounded(percentile(sorted, share) * 1_000, 1)
  return { name, p50: at(0.5), p90: at(0.9), p99: at(0.99), 'p99.9': at(0.999), samples: sorted.length }
}

/** Runs round trips for a time. `run.ping(done)` makes one. */
function collect(run, milliseconds) {
  return new Promise((resolve) => {
    const samples = []
    let count = 0
    let sentAt = 0
    const end = performance.now() + milliseconds
    const again = () => {
      sentAt = performance.now()
      run.ping()
    }
    run.onPong = () => {
      const now = performance.now()
      if (count++ >= WARM_UP) samples.push(now - sentAt)
      if (now < end) again()
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
  const run = { onPong: () => {}, ping: () => socket.send(message, far.port, '127.0.0.1'), stop }
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
