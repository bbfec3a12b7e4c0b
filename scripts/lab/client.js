/**
 * A player of the lab: the real SDK in a process of its own. Says a line of JSON for each thing that happens.
 *
 *   node scripts/lab/client.js URL create|CODE [OPTIONS_AS_JSON]
 */
import { createInterface } from 'node:readline'
import { channel, connect, game, t } from '../../dist/entry/main.js'

const [url, what, text = '{}'] = process.argv.slice(2)
const options = JSON.parse(text)
const lab = game('lab', {
  protocol: 1,
  channels: { greeting: channel({ text: t.string(64) }), numbers: channel({ n: t.uint32 }) },
})
const started = performance.now()
const say = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, at: performance.now() - started, ...more })}\n`)

let network
try {
  network = await connect(url, options)
  say('connected')
  const since = performance.now()
  const room = await (what === 'create' ? network.create(lab, { capacity: 2 }) : network.join(lab, { code: what }))
  const after = () => performance.now() - since
  say('in', { after: after(), code: room.code })
  const greet = (peer) => {
    say('peer', { after: after(), path: peer.path })
    room.channels.greeting.send({ text: `from ${what}` }, peer)
  }
  room.on('path', (peer, path) => say('path', { after: after(), path }))
  room.on('leave', (_peer, reason) => say('leave', { reason }))
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

/** Numbered messages must come whole and in order; progress is said each thousand, and each pause that a player would notice. */
function countNumbers(room) {
  let next = 0
  let last = performance.now()
  room.channels.numbers.on(({ n }) => {
    const now = performance.now()
    if (now - last > 300 && next > 0) say('gap', { before: n, milliseconds: now - last })
    last = now
    if (n !== next) say('wrong', { n, expected: next })
    next = n + 1
    if (next % 1000 === 0) say('counted', { n: next })
  })
}

async function obey(room, { command, from = 0, to = 0, every = 1 }) {
  if (command !== 'send') return
  const { numbers } = room.channels
  for (let n = from; n < to; n++) {
    while (!numbers.send({ n })) await numbers.ready()
    if (every > 0) await new Promise((resolve) => setTimeout(resolve, every))
  }
  say('sent', { to })
}
