import { channel, game, t } from '../../dist/entry/main.js'
import { simulate } from '../../dist/entry/testing.js'
import { significant } from '../statistics.js'

const PLAYERS = 8
const HZ = 60
const CONDITIONS = [
  { group: '40 ms RTT', rtt: 40 },
  { group: '40 ms RTT, 2 % loss, 10 ms jitter', rtt: 40, loss: 0.02, jitter: 10 },
]
/** Virtual time of one run at most, seconds, and the least that says anything. */
const VIRTUAL = 60
const LEAST = 1
/** Virtual time that is run first, until the code is compiled. Seconds. */
const WARM_UP = 2
/** Share of the wall time that is kept back. */
const RESERVE = 0.9

const bench = game('bench.simulate', {
  protocol: 1,
  channels: { position: channel({ x: t.float32, y: t.float32, tick: t.uint32 }, { delivery: 'latest', priority: 'immediate' }) },
})

/** How fast a game's tests run: everybody in a room of eight sends to everybody at 60 Hz, in virtual time, in this process. */
export default {
  async run({ seconds, log, baseline }) {
    const rows = []
    for (const { group, ...conditions } of CONDITIONS) {
      rows.push(await measure(group, conditions, seconds / CONDITIONS.length, baseline))
      log(`  ${group}`)
    }
    return { ...describe(), rows, notRun: [] }
  },
}

async function measure(group, conditions, seconds, baseline) {
  const net = simulate({ seed: 1, ...conditions })
  const rooms = await net.players(bench, PLAYERS)
  let received = 0
  for (const room of rooms) room.channels.position.on(() => received++)
  const stop = everyTick(net.clock, (tick) => {
    for (const room of rooms) room.channels.position.send({ x: tick, y: -tick, tick })
  })
  await net.run(WARM_UP * 1_000)
  received = 0
  const before = net.network.stats.sent
  const started = performance.now()
  let virtual = 0
  // A second at a time, so that a slow machine measures a shorter game and not for longer.
  while (virtual < VIRTUAL && (virtual < LEAST || performance.now() - started < seconds * 1_000 * RESERVE)) {
    await net.run(1_000)
    virtual++
  }
  const wall = (performance.now() - started) / 1_000
  const datagrams = net.network.stats.sent - before
  stop()
  const [error] = net.errors
  if (error !== undefined) throw error
  const perDatagram = (wall * 1e6) / datagrams
  return {
    name: `altostratus, ${PLAYERS} players at ${HZ} Hz`,
    implementation: 'altostratus',
    group,
    wall: significant((wall / virtual) * VIRTUAL, 3),
    speed: significant(virtual / wall, 3),
    datagrams: Math.round(datagrams / virtual),
    messages: Math.round(received / virtual),
    perDatagram: significant(perDatagram, 3),
    // A round trip of bare UDP is two datagrams for each of two processes.
    ratio: significant(perDatagram / baseline.cpu, 3),
  }
}

/** Calls back at each tick of virtual time. @returns What ends it. */
function everyTick(clock, callback) {
  const began = clock.now()
  let tick = 0
  let timer
  const next = () => {
    callback(++tick)
    timer = clock.at(began + ((tick + 1) * 1_000) / HZ, next)
  }
  timer = clock.at(began + 1_000 / HZ, next)
  return () => timer.cancel()
}

function describe() {
  return {
    title: `A game of ${PLAYERS} players in virtual time`,
    unit: 's',
    about: `A room of ${PLAYERS}, everybody sends a position to everybody at ${HZ} Hz on a \`latest\` channel, simulated in one process by \`altostratus/testing\`: wall time for ${VIRTUAL} seconds of the game, all handshakes and encryption included.`,
    ratioOf: "wall time per simulated datagram, sent and received ÷ one side's processor time per round trip of bare UDP",
    columns: [
      { key: 'wall', label: `wall s for ${VIRTUAL} s` },
      { key: 'speed', label: 'times real time' },
      { key: 'datagrams', label: 'datagrams/s' },
      { key: 'messages', label: 'messages/s received' },
      { key: 'perDatagram', label: 'µs/datagram' },
      { key: 'ratio', label: 'ratio' },
    ],
    charts: [],
  }
}
