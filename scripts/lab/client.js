/**
 * A player of the lab: the real SDK in a process of its own. Says a line of JSON for each thing that happens.
 *
 *   node scripts/lab/client.js URL create|CODE [OPTIONS_AS_JSON]
 */
import { createInterface } from 'node:readline'
import { channel, connect, game, t } from '../../dist/entry/main.js'

const [url, what, text = '{}'] = process.argv.slice(2)
const { wait = 0, password, ...options } = JSON.parse(text)
const lab = game('lab', {
  protocol: 1,
  channels: { greeting: channel({ text: t.string(64) }), numbers: channel({ n: t.uint32 }) },
})
/** Messages sent in one go, and the wait between, milliseconds: 10,000 take 5 seconds. */
const BATCH = 4
const PAUSE = 2
const state = { count: 0, wrong: 0, longest: 0, longestEnded: 0 }
const started = performance.now()
const say = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, at: performance.now() - started, ...more })}\n`)

let network
try {
  network = await connect(url, options)
  say('connected')
  await new Promise((resolve) => setTimeout(resolve, wait))
  const since = performance.now()
  const room = await (what === 'create' ? network.create(lab, { capacity: 2, password }) : network.join(lab, { code: what, password }))
  const after = () => performance.now() - since
  say('in', { after: after(), code: room.code })
  const greet = (peer) => {
    say('peer', { after: after(), path: peer.path })
    room.channels.greeting.send({ text: `from ${what}` }, peer)
  }
  room.on('path', (peer, path) => say('path', { after: after(), path }))
  room.on('leave', (_peer, reason) => say('leave', { reason }))
  for (const name of ['away', 'return']) room.on(name, () => say(name))
  room.channels.greeting.on(({ text }, from) => say('message', { after: after(), text, path: from.path }))
  countNumbers(room)
  for (const peer of room.peers.values()) greet(peer)
  room.on('join', greet)
  createInterface({ input: process.stdin }).on('line', (line) => void obey(room, JSON.parse(line)))
} catch (error) {
  say('failed', { code: error.code ?? error.name, message: error.message })
  await network?.close()
  process.exit(1)
}
process.once('SIGTERM', () => void network.close().then(() => process.exit(0)))

/** Numbered messages must come whole and in order; progress is said each thousand, and the longest pause when asked. */
function countNumbers(room) {
  let last
  room.channels.numbers.on(({ n }) => {
    const now = performance.now()
    if (last !== undefined && now - last > state.longest) Object.assign(state, { longest: now - last, longestEnded: Date.now() })
    last = now
    if (n !== state.count) state.wrong++
    state.count = n + 1
    if (state.count % 1000 === 0) say('counted', { n: state.count })
  })
}

async function obey(room, { command, to = 0, text = '' }) {
  const { numbers, greeting } = room.channels
  if (command === 'report') say('report', state)
  if (command === 'say') greeting.send({ text })
  if (command !== 'send') return
  // Some at a time, as often as timers allow: a few thousand a second.
  for (let n = 0; n < to;) {
    for (let i = 0; i < BATCH && n < to; i++) {
      if (numbers.send({ n })) n++
      else await numbers.ready()
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
  say('sent', { to })
}
