import { createSocket } from 'node:dgram'
import * as rtmfp from 'altostratus/rtmfp'
import { SUITES, openEndpoint } from './endpoint.js'
import { openSession, rounded, startFar } from './far.js'

const SIZE = 1_200
const TURNS = 4
/** Time before counting begins in each turn. Milliseconds. */
const WARM_UP = 300
/** Datagrams that bare UDP sends before it gives the event loop a turn. */
const BATCH = 32
/** What a flow may hold, so that the writer wakes seldom. */
const QUEUE = 1_048_576

/** One-way 1,200-byte messages: how many arrive a second, and what a message costs each side. */
export async function measureThroughput({ seconds, log }) {
  const ways = [{ name: 'node:dgram', start: startDgram }]
  for (const suite of Object.keys(SUITES)) {
    for (const reliable of [true, false]) {
      ways.push({ name: `rtmfp ${suite} ${reliable ? 'reliable' : 'unreliable'}`, start: () => startRtmfp(SUITES[suite], reliable) })
    }
  }
  const turnMilliseconds = (seconds * 1_000) / ways.length / TURNS
  for (const way of ways) way.totals = { messages: 0, milliseconds: 0, near: 0, far: 0, sent: 0 }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const way of ways) {
      const run = await way.start()
      await measure(run, turnMilliseconds, way.totals)
      run.stop()
    }
    log(`  turn ${turn + 1} of ${TURNS}`)
  }
  const rows = ways.map(({ name, totals }) => summarise(name, totals))
  const [bare] = rows
  for (const row of rows) row.ratio = rounded(row['messages/s'] / bare['messages/s'])
  const first = rows[1]
  return {
    benchmark: 'throughput',
    unit: 'messages a second',
    messageBytes: SIZE,
    ratio: first.ratio,
    ratioOf: `${first.name} ÷ ${bare.name}`,
    rows,
  }
}

function summarise(name, { messages, milliseconds, near, far, sent }) {
  return {
    name,
    'messages/s': Math.round((messages / milliseconds) * 1_000),
    'Mbit/s': Math.round((messages * SIZE * 8) / milliseconds / 1_000),
    'sender µs': rounded(near / sent),
    'receiver µs': rounded(far / messages),
    'arrived %': rounded((100 * messages) / sent, 1),
  }
}

async function measure(run, milliseconds, totals) {
  run.begin()
  await wait(WARM_UP)
  const farBefore = await run.far.count()
  const nearBefore = process.cpuUsage()
  const sentBefore = run.sent()
  await wait(milliseconds)
  const farAfter = await run.far.count()
  const near = process.cpuUsage(nearBefore)
  totals.messages += farAfter.counted - farBefore.counted
  totals.milliseconds += farAfter.at - farBefore.at
  totals.sent += run.sent() - sentBefore
  totals.near += near.user + near.system
  totals.far += farAfter.cpu.user + farAfter.cpu.system - farBefore.cpu.user - farBefore.cpu.system
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function startDgram() {
  const far = await startFar({ start: 'dgram', echo: false })
  const socket = createSocket({
    type: 'udp4',
    sendBufferSize: 1_048_576,
    lookup: (address, _options, callback) => callback(null, address, 4),
  })
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const message = Buffer.alloc(SIZE)
  let sent = 0
  let stopped = false
  const batch = () => {
    if (stopped) return
    for (let i = 0; i < BATCH; i++) socket.send(message, far.port, '127.0.0.1')
    sent += BATCH
    setImmediate(batch)
  }
  return {
    far,
    begin: batch,
    sent: () => sent,
    stop() {
      stopped = true
      socket.close()
      far.stop()
    },
  }
}

async function startRtmfp(suite, reliable) {
  const far = await startFar({ start: 'rtmfp', echo: false, suite })
  let onEvent = () => {}
  const node = await openEndpoint(suite, (event) => onEvent(event))
  const session = await openSession(node, far, (handler) => (onEvent = handler), rtmfp)
  const flow = session.openFlow({ metadata: Uint8Array.of(reliable ? 1 : 0), retransmit: reliable, maxQueuedBytes: QUEUE })
  const message = new Uint8Array(SIZE)
  let sent = 0
  let stopped = false
  const fill = () => {
    if (stopped) return
    while (flow.write(message, node.driver.now())) sent++
    node.driver.kick()
  }
  onEvent = (event) => {
    if (event.type === 'flow-writable') fill()
  }
  return {
    far,
    begin: fill,
    sent: () => sent,
    stop() {
      stopped = true
      void node.driver.close()
      far.stop()
    },
  }
}
