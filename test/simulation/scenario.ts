import { randomUnit, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { SimulationOptions } from '../../src/testing/simulate.ts'

const number = { n: t.uint32, pad: t.bytes(3_000) }

/** A game with a channel of each kind. */
export const storm = game('test.storm', {
  protocol: 1,
  channels: {
    reliable: channel(number),
    unordered: channel(number, { delivery: 'reliable-unordered', priority: 'low' }),
    unreliable: channel(number, { delivery: 'unreliable', lifetime: 150 }),
    latest: channel(number, { delivery: 'latest', priority: 'immediate' }),
  },
})

type StormRoom = Room<typeof storm>

/** What went wrong in a run; nothing when it is empty. */
export interface Outcome {
  readonly faults: readonly string[]
  /** Messages that arrived, over all channels. */
  readonly messages: number
  /** Datagrams that the network or an endpoint dropped. */
  readonly dropped: number
}

const MESSAGES = 24
const FRAMES = 60
const FRAME = 1_000 / 60

/** The network of a seed: anything from perfect to one that loses a fifth. */
export function conditionsOf(seed: number): SimulationOptions {
  const random = seededRandom(seed)
  const share = (most: number): number => (randomUnit(random) < 0.25 ? 0 : randomUnit(random) * most)
  return {
    seed,
    rtt: 10 + randomUnit(random) * 190,
    jitter: share(40),
    loss: share(0.2),
    duplicate: share(0.1),
    reorder: share(0.1),
    corrupt: share(0.05),
  }
}

/** Two to six players in one room send each other everything they have through a bad network, then part. */
export async function runStorm(seed: number): Promise<Outcome> {
  const random = seededRandom(seed ^ 0x5eed)
  const net = simulate(conditionsOf(seed))
  const faults: string[] = []
  const rooms = await net.players(storm, 2 + (random.uint32() % 5))
  const logs = rooms.map((room) => watch(room, faults))
  for (let frame = 0; frame < FRAMES; frame++) {
    for (const room of rooms) sendFrame(room, frame, random)
    await net.run(FRAME)
  }
  const complete = (): boolean => logs.every((log) => log.isComplete(rooms.length - 1))
  await net.waitUntil(complete, 120_000).catch(() => faults.push(`not everything arrived: ${logs.map((log) => log.summary()).join(' | ')}`))
  for (const [i, room] of rooms.entries()) {
    if (i % 2 === 0) await net.wait(room.leave(), 120_000)
    await net.run(50)
  }
  for (const room of rooms) await net.wait(room.leave(), 120_000)
  for (const room of rooms) room.network.introducer.close()
  await net.run(200_000)
  for (const room of rooms) {
    const { sessions, rooms: left } = room.network.stats
    if (sessions !== 0) faults.push(`${sessions} sessions are left`)
    if (left !== 0) faults.push(`${left} rooms are left`)
  }
  const { peers, rooms: held } = net.introducer.stats
  if (peers !== 0 || held !== 0) faults.push(`the introducer holds ${peers} peers and ${held} rooms`)
  for (const error of net.errors) faults.push(String(error))
  return { faults, messages: logs.reduce((sum, log) => sum + log.messages, 0), dropped: net.network.stats.dropped }
}

function sendFrame(room: StormRoom, frame: number, random: Random): void {
  const pad = new Uint8Array(random.uint32() % 10 === 0 ? random.uint32() % 3_000 : random.uint32() % 100)
  const { reliable, unordered, unreliable, latest } = room.channels
  if (frame < MESSAGES) {
    reliable.send({ n: frame, pad })
    unordered.send({ n: frame, pad })
  }
  unreliable.send({ n: frame, pad: pad.subarray(0, 100) })
  latest.send({ n: frame, pad: pad.subarray(0, 100) })
}

interface Log {
  readonly messages: number
  isComplete(others: number): boolean
  summary(): string
}

function watch(room: StormRoom, faults: string[]): Log {
  const nextReliable = new Map<string, number>()
  const seenUnordered = new Map<string, Set<number>>()
  const seenUnreliable = new Set<string>()
  const lastLatest = new Map<string, number>()
  let messages = 0
  const { reliable, unordered, unreliable, latest } = room.channels
  reliable.on(({ n }, from) => {
    messages++
    const expected = nextReliable.get(from.id) ?? 0
    if (n !== expected) faults.push(`reliable: ${n} came instead of ${expected}`)
    nextReliable.set(from.id, n + 1)
  })
  unordered.on(({ n }, from) => {
    messages++
    const seen = seenUnordered.get(from.id) ?? new Set()
    if (seen.has(n)) faults.push(`reliable-unordered: ${n} came twice`)
    seenUnordered.set(from.id, seen.add(n))
  })
  unreliable.on(({ n }, from) => {
    messages++
    if (seenUnreliable.has(`${from.id} ${n}`)) faults.push(`unreliable: ${n} came twice`)
    seenUnreliable.add(`${from.id} ${n}`)
  })
  latest.on(({ n }, from) => {
    messages++
    if (n <= (lastLatest.get(from.id) ?? -1)) faults.push(`latest: ${n} came after ${lastLatest.get(from.id)}`)
    lastLatest.set(from.id, n)
  })
  return {
    get messages() {
      return messages
    },
    isComplete: (others) =>
      nextReliable.size === others &&
      seenUnordered.size === others &&
      [...nextReliable.values()].every((n) => n === MESSAGES) &&
      [...seenUnordered.values()].every((seen) => seen.size === MESSAGES),
    summary: () => `${[...nextReliable.values()].join(',')} / ${[...seenUnordered.values()].map((seen) => seen.size).join(',')}`,
  }
}
