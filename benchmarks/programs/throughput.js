import { BARE, OURS, SUITES } from '../suite.js'
import { significant } from '../statistics.js'
import { warmUp } from '../ends/warm-up.js'
import { inTurn, waysOf } from '../ways.js'

/** What is sent: messages as large as a packet carries, small ones that share packets, and the pieces of a file. */
const KINDS = [
  { group: '1,200-byte messages', size: 1_200, deliveries: ['unreliable', 'reliable'] },
  { group: '64-byte messages', size: 64, deliveries: ['unreliable', 'reliable'] },
  { group: 'bulk, 16,384-byte messages', size: 16_384, deliveries: ['reliable'] },
]
/** What is sent at first, some of each kind, until it gets no faster: steps, and all of them at most, as shares of the way's time. */
const COMPILE_STEP = 0.06
const COMPILE_MOST = 0.6
/** How often it is looked whether anything still comes after a turn. Milliseconds. */
const CALM = 30
/** What goes by beside what is counted: the same, and calls to both ends. Milliseconds. */
const ASIDE = 90
/** A kind does not get less, however little time there is. Milliseconds. */
const SHORTEST = 50

/** This SDK with packets no longer than Ethernet carries: between two ends on one machine it sends longer ones by itself. */
const ETHERNET = ['unreliable', 'reliable'].map((delivery) => ({
  name: `${OURS} ${SUITES[0]}, Ethernet's MTU, ${delivery}`,
  implementation: OURS,
  adapter: OURS,
  options: { suite: SUITES[0], more: { maxPathDatagram: 1_472 } },
  delivery,
}))

/** One way as fast as it goes, between two processes on loopback. */
export default {
  async run({ seconds, against, log }) {
    const ways = [...waysOf({ against }), ...ETHERNET].map((way) => ({
      ...way,
      cells: KINDS.filter(({ deliveries }) => way.implementation === BARE || deliveries.includes(way.delivery)).map((kind) => ({
        ...kind,
        total: { received: 0, milliseconds: 0, near: 0, far: 0, sent: 0 },
      })),
    }))
    const { ran, notRun } = await inTurn(ways, { log, milliseconds: seconds * 1_000 }, async ({ cells }, pair, milliseconds) => {
      const end = performance.now() + milliseconds
      await compile(pair, cells, { step: milliseconds * COMPILE_STEP, most: milliseconds * COMPILE_MOST })
      for (const [i, cell] of cells.entries()) {
        const time = (end - performance.now()) / (cells.length - i)
        await count(pair, cell, Math.max(SHORTEST, time - ASIDE))
      }
    })
    const rows = KINDS.flatMap(({ group }) =>
      rowsOf(ran.flatMap((way) => way.cells.filter((cell) => cell.group === group).map((cell) => ({ ...cell, way })))),
    )
    return { ...describe(), notRun, rows }
  },
}

async function compile({ near, far }, cells, steps) {
  await far.call('resetCount')
  await warmUp(async (milliseconds) => {
    const { bytes } = await far.call('takeCount')
    for (const { size } of cells) await near.call('flood', { size, milliseconds: milliseconds / cells.length })
    return (await far.call('takeCount')).bytes - bytes
  }, steps)
  await drained(far)
}

async function count({ near, far }, { size, total }, milliseconds) {
  const before = await far.call('takeCount')
  const { sent, cpu } = await near.call('flood', { size, milliseconds }, milliseconds)
  const after = await far.call('takeCount')
  total.received += after.messages - before.messages
  total.milliseconds += after.at - before.at
  total.far += after.cpu - before.cpu
  total.near += cpu
  total.sent += sent
  // What is still queued must not count for the next turn.
  await drained(far)
}

/** Resolves when nothing comes any more. */
async function drained(far) {
  let { messages } = await far.call('takeCount')
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, CALM))
    const now = await far.call('takeCount')
    if (now.messages === messages) return
    messages = now.messages
  }
}

function rowsOf(cells) {
  const rows = cells.map(({ way, size, group, total }) => ({
    name: way.name,
    implementation: way.implementation,
    group,
    perSecond: Math.round((total.received / total.milliseconds) * 1_000),
    mbits: significant((total.received * size * 8) / total.milliseconds / 1_000, 3),
    nearCpu: significant(total.near / total.sent, 3),
    farCpu: significant(total.far / total.received, 3),
    arrived: significant((100 * total.received) / total.sent, 3),
  }))
  const bare = rows.find(({ implementation }) => implementation === BARE)
  for (const row of rows) row.ratio = significant(row.perSecond / bare.perSecond, 3)
  const ours = Math.max(...rows.filter(({ implementation }) => implementation === OURS).map(({ perSecond }) => perSecond))
  for (const row of rows) row.slower = significant(ours / row.perSecond, 3)
  return rows
}

function describe() {
  return {
    title: 'One way, as fast as it goes',
    unit: 'messages a second',
    about:
      'One process sends to another as fast as it is let. Bare UDP has nobody who holds it back: what the receiver does not keep up with is lost. What small messages share a packet depends on the library.',
    ratioOf: 'messages a second ÷ those of bare UDP, same size',
    columns: [
      { key: 'perSecond', label: 'messages/s' },
      { key: 'mbits', label: 'Mbit/s' },
      { key: 'ratio', label: 'ratio' },
      { key: 'slower', label: 'altostratus ÷ this' },
      { key: 'nearCpu', label: 'CPU µs sender' },
      { key: 'farCpu', label: 'CPU µs receiver' },
      { key: 'arrived', label: 'arrived %' },
    ],
    charts: [],
  }
}
