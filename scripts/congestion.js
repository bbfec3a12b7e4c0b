/**
 * Simulates lines of all kinds, with each congestion controller and with models of TCP, and a sparse stream on paths that lose; writes what comes
 * of it into docs/congestion.md. In virtual time, so that the figures are the same on every machine: some minutes of computing.
 *
 *   npm run congestion -- [--quick] [--json]
 *
 * --quick takes the narrow lines alone and writes nothing. --json prints all figures as one object in the last line, and writes nothing either.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const PAGE = 'docs/congestion.md'
const BEGIN = '<!-- written by `npm run congestion` -->'
const END = '<!-- end of what is written by `npm run congestion` -->'
const CONTROLLERS = ['delay-aware', 'appendix-a']
/** Megabits a second, milliseconds, and units of bandwidth times round trip. */
const RATES = [0.25, 2, 10, 100]
const ROUND_TRIPS = [20, 100, 300]
const QUEUES = [0.2, 1, 4]
const LOSSES = [0.01, 0.1]
const SHARED = [
  [0.5, 80, 1],
  [1, 100, 1],
  [2, 60, 1],
  [2, 60, 4],
  [10, 60, 0.5],
  [10, 60, 1],
]
/** Each pair shares a line so often; how long a sender's machine takes for a packet at most, milliseconds. */
const SHARED_SEEDS = [1, 2, 3]
const JITTER = 1
const PAIRS = [
  ['delay-aware', 'delay-aware'],
  ['delay-aware', 'reno'],
  ['delay-aware', 'cubic'],
  ['appendix-a', 'appendix-a'],
  ['appendix-a', 'reno'],
  ['appendix-a', 'cubic'],
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const options = parse()
compile()
const { runCongestion, jain } = await import('../build/lab/test/simulation/congestion.js')
const { runSparse, SPARSE_LINKS } = await import('../build/lab/test/simulation/sparse.js')

const rates = options.quick ? RATES.slice(0, 2) : RATES
const alone = rates.flatMap((rate) =>
  ROUND_TRIPS.flatMap((rtt) => [
    ...QUEUES.map((queue) => ({ rate, rtt, queue, loss: 0 })),
    ...LOSSES.map((loss) => ({ rate, rtt, queue: 1, loss })),
  ]),
)
const total = alone.length * CONTROLLERS.length + SHARED.length * PAIRS.length + SPARSE_LINKS.length
let done = 0
const results = { alone: alone.map(runAlone), shared: SHARED.flatMap(runShared), sparse: SPARSE_LINKS.map(runStream) }
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
const text = tables(results)
if (options.json) console.log(JSON.stringify(results))
else {
  console.log(text)
  if (!options.quick) write(text)
}

function runAlone(line) {
  const { rate, rtt, queue, loss } = line
  // Time for the first growth on the longest round trip; less of what takes long to compute.
  const warmUp = Math.max(rate > 10 ? 4 : 10, (rtt * 20) / 1_000)
  const seconds = Math.max(rate > 10 ? 3 : 20, (rtt * (rate > 10 ? 12 : 40)) / 1_000)
  const outcomes = CONTROLLERS.map((sender) => {
    progress(`${rate} Mbit/s, ${rtt} ms, ${queue} BDP, ${sender}`)
    return runCongestion({ seed: 1, bandwidth: rate * 1e6, rtt, queue, loss, senders: [sender], warmUp, seconds })
  })
  return { ...line, ...Object.fromEntries(CONTROLLERS.map((sender, i) => [sender, outcomes[i]])) }
}

function runShared([rate, rtt, queue]) {
  return PAIRS.map((senders) => {
    progress(`${rate} Mbit/s, ${rtt} ms, ${queue} BDP, ${senders.join(' beside ')}`)
    const outcomes = SHARED_SEEDS.map((seed) =>
      runCongestion({ seed, bandwidth: rate * 1e6, rtt, queue, senders, warmUp: 20, seconds: 50, stagger: 5_000, jitter: JITTER }),
    )
    const mean = (value) => outcomes.reduce((sum, outcome) => sum + value(outcome), 0) / outcomes.length
    return {
      rate,
      rtt,
      queue,
      senders,
      shares: senders.map((_, i) => mean(({ shares }) => shares[i])),
      meanDelay: mean(({ meanDelay }) => meanDelay),
      p99Delay: mean(({ p99Delay }) => p99Delay),
      overflow: mean(({ overflow }) => overflow),
      jain: mean(({ shares }) => jain(shares)),
      leastJain: Math.min(...outcomes.map(({ shares }) => jain(shares))),
    }
  })
}

function runStream([name, link]) {
  progress(`a stream, losses: ${name}`)
  const [reliable, unreliable] = [true, false].map((retransmit) => {
    const { delays, sent, dataBytes, ackBytes } = runSparse({ seed: 1, seconds: options.quick ? 60 : 300, retransmit, ...link })
    const at = (share) => delays[Math.floor(delays.length * share)]
    return { arrived: delays.length / sent, p50: at(0.5), p99: at(0.99), p999: at(0.999), data: dataBytes / sent, acks: ackBytes / sent }
  })
  return { name, reliable, unreliable }
}

function tables({ alone, shared, sparse }) {
  const share = (value) => `${(value * 100).toFixed(value < 0.0995 ? 1 : 0)} %`
  const cell = ({ shares, meanDelay, p99Delay, overflow }) =>
    `${share(shares[0])} | ${meanDelay.toFixed(0)} / ${p99Delay.toFixed(0)} | ${share(overflow)}`
  const rows = alone.map(
    (line) =>
      `| ${line.rate} | ${line.rtt} | ${line.queue} | ${share(line.loss)} | ${CONTROLLERS.map((name) => cell(line[name])).join(' | ')} |`,
  )
  const clean = alone.filter(({ loss }) => loss === 0)
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const means = CONTROLLERS.map(
    (name) =>
      `${name}: ${share(mean(clean.map((line) => line[name].shares[0])))} of the line, packets wait ${mean(clean.map((line) => line[name].meanDelay)).toFixed(0)} ms, ${mean(clean.map((line) => line[name].p99Delay)).toFixed(0)} ms at the 99th percentile`,
  )
  return [
    '### One sender alone on a line',
    '',
    'Share of the line that arrives as messages, time that packets wait (mean / 99th percentile, ms), and share of packets that found no room.',
    '',
    `| Mbit/s | ms | BDP of queue | lost | ${CONTROLLERS.map((name) => `${name} | wait | no room`).join(' | ')} |`,
    `|${' --- |'.repeat(4 + 3 * CONTROLLERS.length)}`,
    ...rows,
    '',
    `Over the ${clean.length} lines that lose nothing by themselves: ${means.join('; ')}.`,
    '',
    '### Two senders on one line',
    '',
    'The second begins 5 seconds after the first; of the 50 seconds after 20, the means of three runs, and the lowest of their three values of Jain. A sender takes up to 1 ms for each packet, another time each: otherwise it is by how the packets of both fall in with each other that always the same one finds the queue full.',
    '',
    '| Mbit/s | ms | BDP of queue | senders | shares | Jain | lowest | wait |',
    `|${' --- |'.repeat(8)}`,
    ...shared.map(
      ({ rate, rtt, queue, senders, shares, jain, leastJain, meanDelay, p99Delay }) =>
        `| ${rate} | ${rtt} | ${queue} | ${senders.join(', ')} | ${shares.map(share).join(', ')} | ${jain.toFixed(2)} | ${leastJain.toFixed(2)} | ${meanDelay.toFixed(0)} / ${p99Delay.toFixed(0)} |`,
    ),
    '',
    '### 60 messages of 100 bytes a second, 25 ms each way',
    '',
    'Latency in ms, and bytes on the line for a message, IP and UDP headers included.',
    '',
    '| lost | reliable: p50 | p99 | p99.9 | bytes there | bytes back | unreliable: arrived | p99 | bytes there | bytes back |',
    `|${' --- |'.repeat(10)}`,
    ...sparse.map(
      ({ name, reliable: r, unreliable: u }) =>
        `| ${name} | ${r.p50.toFixed(1)} | ${r.p99.toFixed(1)} | ${r.p999.toFixed(1)} | ${r.data.toFixed(0)} | ${r.acks.toFixed(0)} | ${share(u.arrived)} | ${u.p99.toFixed(1)} | ${u.data.toFixed(0)} | ${u.acks.toFixed(0)} |`,
    ),
  ].join('\n')
}

function write(text) {
  const page = readFileSync(PAGE, 'utf8')
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${PAGE} has no place for the figures: the comments around it are gone.`)
  writeFileSync(PAGE, `${page.slice(0, from + BEGIN.length)}\n\n${text}\n\n${page.slice(to)}`)
  const { status } = spawnSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level', 'warn', PAGE], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(1)
  console.log(`written into ${PAGE}`)
}

function progress(what) {
  done++
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done}/${total}  ${what}`)
  else if (done % 20 === 0) console.error(`${done}/${total}`)
}

function compile() {
  const { status, stdout } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.lab.json'], {
    encoding: 'utf8',
  })
  if (status === 0) return
  console.error(stdout)
  process.exit(1)
}

function parse() {
  try {
    return parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' } } }).values
  } catch (error) {
    console.error(`${error.message}\nusage: npm run congestion -- [--quick] [--json]`)
    process.exit(2)
  }
}
