import { createSocket } from 'node:dgram'
import { openDatagramLink } from '../../dist/entry/rtmfp.js'
import { openEnd } from '../adapters/altostratus.js'
import { percentiles, significant } from '../statistics.js'

/** A player's stream. Milliseconds. */
const INTERVAL = 1_000 / 60
/** Between two moves: an end's address is checked at most once a second (RFC 7016 §3.5.4.2). Milliseconds. */
const BETWEEN = 1_250
const HOST = '127.0.0.1'
/** Which end moves, seen from the stream. */
const MOVERS = ['sending end', 'receiving end']

/** How long a stream pauses when the socket of one of its ends is replaced by another, with another port. */
export default {
  async run({ seconds, log }) {
    const moves = Math.max(2, Math.floor((seconds * 1_000) / BETWEEN))
    const streams = [
      ...(await Promise.all(MOVERS.map((mover) => bare(mover)))),
      ...(await Promise.all(MOVERS.flatMap((mover) => ['unreliable', 'reliable'].map((delivery) => altostratus(mover, delivery))))),
    ]
    const timers = streams.map((stream) => setInterval(() => stream.send(), INTERVAL))
    try {
      for (let i = 0; i < moves; i++) {
        await pause(BETWEEN)
        for (const stream of streams) stream.begin()
        await Promise.all(streams.map((stream) => stream.move()))
        log(`  move ${i + 1} of ${moves}`)
      }
      await pause(BETWEEN)
      for (const stream of streams) stream.begin()
    } finally {
      for (const timer of timers) clearInterval(timer)
      for (const stream of streams) stream.close()
    }
    return describe(streams)
  },
}

function describe(streams) {
  const rows = streams.map(({ name, implementation, group, pauses, sent, received }) => ({
    name,
    implementation,
    group,
    ...percentiles(pauses, { shares: [0.5], max: true }),
    lost: sent() - received(),
  }))
  for (const row of rows) {
    const limit = rows.find(({ implementation, group }) => implementation === 'udp' && group === row.group)
    row.ratio = significant(row.max / limit.max, 3)
  }
  return {
    title: 'A socket replaced in mid-stream, on loopback',
    unit: 'ms',
    about: `The longest time without a message of a stream of 60 a second after an end has gone over to another socket, at another port. Bare UDP sends to wherever something came from last, without asking whether it is really there.`,
    ratioOf: 'max ÷ max of bare UDP',
    columns: [
      { key: 'p50', label: 'p50' },
      { key: 'max', label: 'max' },
      { key: 'ratio', label: 'ratio' },
      { key: 'lost', label: 'lost' },
    ],
    rows,
    notRun: [],
    charts: [],
    notes: ["16.7 ms of each pause are the stream's own."],
  }
}

/** What all streams count: the pause after each move, and what came of what was sent. */
class Stream {
  constructor(name, implementation, mover) {
    this.name = name
    this.implementation = implementation
    this.group = `the ${mover} moves`
    this.pauses = []
    this.came = 0
    this.longest = 0
    this.lastAt = performance.now()
    this.moved = false
  }

  arrived() {
    const now = performance.now()
    this.longest = Math.max(this.longest, now - this.lastAt)
    this.lastAt = now
    this.came++
  }

  /** Ends the time that belongs to the move before. */
  begin() {
    if (this.moved) this.pauses.push(this.longest)
    this.moved = true
    this.longest = 0
  }
}

async function bare(mover) {
  const stream = new Stream('bare UDP', 'udp', mover)
  let count = 0
  let receiver = await bind()
  let sender = await bind()
  let target = receiver.address().port
  const listen = () => receiver.on('message', () => stream.arrived())
  const follow = () => sender.on('message', (_, from) => (target = from.port))
  listen()
  follow()
  return Object.assign(stream, {
    send: () => sender.send(Buffer.of(count++ & 0xff), target, HOST),
    sent: () => count,
    received: () => stream.came,
    async move() {
      const fresh = await bind()
      if (mover === 'sending end') {
        sender.close()
        sender = fresh
        follow()
      } else {
        receiver.close()
        receiver = fresh
        listen()
        receiver.send(Buffer.of(0), sender.address().port, HOST)
      }
    },
    close() {
      sender.close()
      receiver.close()
    },
  })
}

async function altostratus(mover, delivery) {
  const stream = new Stream(`altostratus ${delivery}`, 'altostratus', mover)
  let count = 0
  const receiver = await openEnd(HOST, undefined, (event) => {
    if (event.type === 'flow-open' && delivery === 'unreliable') event.flow.delivery = 'arrival'
    else if (event.type === 'message') stream.arrived()
  })
  const sender = await openEnd(HOST, undefined, () => {})
  const session = await sender.connect(receiver)
  const flow = session.openFlow({ metadata: new Uint8Array(0), retransmit: delivery === 'reliable' })
  return Object.assign(stream, {
    send() {
      flow.write(Uint8Array.of(count++ & 0xff), sender.driver.now())
      sender.driver.kick()
    },
    sent: () => count,
    received: () => stream.came,
    async move() {
      const link = await openDatagramLink({ host: HOST })
      ;(mover === 'sending end' ? sender : receiver).driver.replaceLink(link)
    },
    close() {
      void sender.driver.close()
      void receiver.driver.close()
    },
  })
}

function bind() {
  const socket = createSocket('udp4')
  return new Promise((resolve) => socket.bind(0, HOST, () => resolve(socket)))
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
