import { startEnd } from '../ends/remote.js'
import { warmUp } from '../ends/warm-up.js'
import { significant } from '../statistics.js'
import { BARE } from '../suite.js'

/** Peers that are registered at last, if there is time enough: so many a second of it. */
const PEERS = 10_000
const PEERS_PER_SECOND = 250
/** Peers that only warm the introducer's code up, which takes that many. */
const WARM_UP = 1_200
/** Of those, rooms that are filled while all that costs is counted. */
const ROOM_SIZE = 8
const PEERS_PER_ROOM_RUN = 160
/**
 * Pairs of peers who ask for each other, how often all of them together, and how long: below what the introducer passes
 * on for one peer, 128 at once. Milliseconds.
 */
const PAIRS = 40
const ASK_MOST = 1_800
const ASKED_PER_SECOND = 2_500
const ASK_SHARE = 0.04
/** Times before what counts. */
const ASK_WARM_UPS = 2
/** Processes that the peers are in, and connections that each opens at a time. */
const CROWDS = 2
const PARALLEL = 32
/** Share of the time that the first registrations, and the many, may take. */
const WARM_UP_SHARE = 0.1
const REGISTER_SHARE = 0.25
/** How long a crowd may take beyond that. Milliseconds. */
const PATIENCE = 60_000
/** How long registered peers are left alone: keepalives go out every 15 s. Share of the time, and at least and at most so many milliseconds. */
const IDLE_SHARE = 0.3
const IDLE_LEAST = 1_000
const IDLE_MOST = 15_000
/** Time for what the last registrations leave behind to be done. Milliseconds. */
const SETTLE = 1_000
/** What is relayed, and how long; as long to a bare forwarder. Bytes, share of the time. */
const RELAYED_SIZE = 200
const RELAY_SHARE = 0.03
/** Times that, at most, until it gets no faster. */
const RELAY_WARM_UP = 4
/** The relay's limits are for players; here it is to show what it can do. */
const UNLIMITED = { peerPackets: 1e6, peerBytes: 1e9, roomPackets: 1e6, roomBytes: 1e9 }

/** What an introducer costs: in a process of its own, real peers in others. */
export default {
  async run({ seconds, log, baseline }) {
    const server = startEnd({ nodeOptions: ['--expose-gc'] })
    const crowds = Array.from({ length: CROWDS }, () => startEnd())
    try {
      const url = await server.call('startIntroducer', { relay: UNLIMITED })
      const gather = async (count, share) => {
        const most = seconds * 1_000 * share
        const args = { url, count: Math.ceil(count / CROWDS), parallel: PARALLEL, least: ROOM_SIZE, most }
        const each = await Promise.all(crowds.map((crowd) => crowd.call('gather', args, PATIENCE + most)))
        const failed = each.reduce((sum, one) => sum + one.failed, 0)
        if (failed > 0) log(`  ${failed} of ${count} peers did not get through`)
      }
      const peers = Math.round(Math.min(PEERS, seconds * PEERS_PER_SECOND))
      const small = Math.min(1, peers / PEERS)

      await gather(Math.max(CROWDS * ROOM_SIZE, WARM_UP * small), WARM_UP_SHARE)
      const rooms = Math.max(1, Math.floor((PEERS_PER_ROOM_RUN * small) / ROOM_SIZE / CROWDS))
      const introduced = await costOf(server, () =>
        Promise.all(crowds.map((crowd) => crowd.call('fillRooms', { rooms, size: ROOM_SIZE }, PATIENCE))),
      )
      log('  introductions')

      // Before there are the many, whose processes have something to do all the time.
      const asked = await ask(url, server, Math.min(ASK_MOST, Math.max(300, seconds * 1_000 * ASK_SHARE)), small)
      log('  asking for peers')
      const { relayed, bare } = await relay(url, server, Math.max(300, seconds * 1_000 * RELAY_SHARE))
      log('  relay')

      const before = await server.call('memory')
      const atFirst = (await server.call('introducerStats')).peers
      const registered = await costOf(server, () => gather(peers - atFirst, REGISTER_SHARE))
      await wait(SETTLE)
      const after = await server.call('memory')
      const { peers: present } = await server.call('introducerStats')
      log(`  ${present} peers registered`)

      const idle = await costOf(server, () => wait(Math.min(IDLE_MOST, Math.max(IDLE_LEAST, seconds * 1_000 * IDLE_SHARE))))
      log('  idle')

      const added = present - atFirst
      const heap = (usage) => usage.heapUsed + usage.external
      return {
        ...describe(present),
        notRun: [],
        rows: [
          rate('registrations', added, registered, baseline),
          rate('introductions', asked.introductions, asked, baseline),
          rate(`introductions as rooms of ${ROOM_SIZE} fill`, introduced.introductions, introduced, baseline),
          rate(`relayed packets of ${RELAYED_SIZE} bytes`, relayed.packets, relayed, baseline),
          { ...rate('a bare forwarder of the same', bare.count, bare, baseline), implementation: BARE },
          {
            ...row('one idle peer'),
            bytes: Math.round((heap(after) - heap(before)) / added),
            resident: Math.round((after.rss - before.rss) / added),
            // Of a core, by one peer: what it costs to be there and answer keepalives, beside one round trip of bare UDP a second.
            ratio: significant(idle.cpu / (idle.milliseconds / 1_000) / present / baseline.cpu, 3),
          },
          {
            ...row(`${present.toLocaleString('en-US')} idle peers`),
            core: significant((100 * idle.cpu) / (idle.milliseconds * 1_000), 3),
            ratio: significant(idle.cpu / (idle.milliseconds / 1_000) / baseline.cpu, 3),
          },
        ],
      }
    } finally {
      for (const end of [server, ...crowds]) end.stop()
    }
  },
}

/** What the introducer's process spends, and does, while something happens. */
async function costOf(server, work) {
  const statsBefore = await server.call('introducerStats')
  const before = await server.call('cpu')
  const began = performance.now()
  await work()
  const milliseconds = performance.now() - began
  const cpu = (await server.call('cpu')) - before
  const stats = await server.call('introducerStats')
  return {
    milliseconds,
    cpu,
    introductions: stats.introductions - statsBefore.introductions,
    packets: stats.relay.packets - statsBefore.relay.packets,
  }
}

/** Peers who share a room are asked for by RTMFP's hello: an answer, and a word to the one who is meant, each time. */
async function ask(url, server, milliseconds, small) {
  const end = startEnd()
  try {
    await end.call('openPairs', { url, count: Math.max(2, Math.round(PAIRS * small)) })
    const paced = { perSecond: ASKED_PER_SECOND * small, milliseconds }
    for (let i = 0; i < ASK_WARM_UPS; i++) await end.call('askForPeers', paced, milliseconds)
    return await costOf(server, () => end.call('askForPeers', paced, milliseconds))
  } finally {
    end.stop()
  }
}

/**
 * Packets to a relay path as fast as one process can send them, and the same to a program that does nothing but hand on what comes. Who they are for stands
 * still meanwhile, so that one core is left to what forwards.
 */
async function relay(url, server, milliseconds) {
  const [sender, receiver, forwarder] = [startEnd(), startEnd(), startEnd()]
  try {
    const args = { size: RELAYED_SIZE, milliseconds }
    await receiver.call('joinRelayRoom', { url, code: await sender.call('openRelayRoom', { url }) })
    await sender.call('watchRelayPath')
    const port = await forwarder.call('startForwarder', { to: await receiver.call('openSink') })
    receiver.freeze()
    const steps = { step: milliseconds / 2, most: milliseconds * RELAY_WARM_UP }
    await warmUp(async (step) => {
      const { relay } = await server.call('introducerStats')
      await sender.call('floodRelay', { ...args, milliseconds: step })
      return (await server.call('introducerStats')).relay.packets - relay.packets
    }, steps)
    const relayed = await costOf(server, () => sender.call('floodRelay', args, milliseconds))
    await warmUp(async (step) => {
      const forwarded = await forwarder.call('forwardedCount')
      await sender.call('floodForwarder', { ...args, port, milliseconds: step })
      return (await forwarder.call('forwardedCount')) - forwarded
    }, steps)
    const [before, count] = [await forwarder.call('cpu'), await forwarder.call('forwardedCount')]
    const began = performance.now()
    await sender.call('floodForwarder', { ...args, port }, milliseconds)
    const bare = {
      count: (await forwarder.call('forwardedCount')) - count,
      milliseconds: performance.now() - began,
      cpu: (await forwarder.call('cpu')) - before,
    }
    return { relayed, bare }
  } finally {
    for (const each of [sender, receiver, forwarder]) each.stop()
  }
}

function rate(name, count, { milliseconds, cpu }, baseline) {
  return {
    ...row(name),
    count,
    perSecond: Math.round((count / milliseconds) * 1_000),
    perCore: Math.round(count / (cpu / 1e6)),
    micros: significant(cpu / count, 3),
    ratio: significant(cpu / count / baseline.cpu, 3),
  }
}

function row(name) {
  return { name, implementation: 'altostratus' }
}

function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function describe(peers) {
  return {
    title: `An introducer with ${peers.toLocaleString('en-US')} peers`,
    unit: 'as named',
    about: `An introducer in a process of its own; the peers are real ones, in ${CROWDS} other processes on the same machine, which do most of the work: so what counts is what a core of the introducer would do, by the processor time that it took. Introductions: one of two peers who share a room asks for the other by RTMFP's hello; the other is told, and where to answer. As rooms fill: what joining by code costs, tickets and notices included, divided by the pairs that are introduced so. Relayed packets, and introductions, are sent by sockets of real peers, but made before and sent again and again, so that the introducer is what is busy. Keepalives are as by default. Memory is heap and buffers after garbage collection; resident memory beside it.`,
    ratioOf:
      "the introducer's processor time ÷ that of one side of a round trip of bare UDP (for what is idle: a second of it ÷ one round trip)",
    columns: [
      { key: 'count', label: 'count' },
      { key: 'perSecond', label: 'a second, here' },
      { key: 'perCore', label: 'a second of one core' },
      { key: 'micros', label: 'CPU µs each' },
      { key: 'bytes', label: 'bytes' },
      { key: 'resident', label: 'bytes resident' },
      { key: 'core', label: '% of a core' },
      { key: 'ratio', label: 'ratio' },
    ],
    charts: [],
  }
}
