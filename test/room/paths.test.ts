import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import type { PeerPath, Room } from '../../src/entry/main.ts'
import { simulate } from '../../src/entry/testing.ts'
import type { NatKind, Simulation } from '../../src/entry/testing.ts'

const roaming = game('test.roaming', { protocol: 1, channels: { log: channel({ n: t.uint16 }) } })
type Roaming = Room<typeof roaming>

const TICK = 20
/** What a change of path may cost at 60 ms, well below the second that is promised. Milliseconds. */
const LONGEST_PAUSE = 550
/** The same by way of the introducer, which notices before either end does: four round trips. */
const LONGEST_RELAYED_PAUSE = 4 * 60

/** A stream of numbered messages both ways, and what came of it. */
class Stream {
  readonly heard: number[][]
  readonly paths: PeerPath[][]
  readonly left: string[] = []
  /** The longest time that nothing came at either end. Milliseconds. */
  pause = 0
  private readonly net: Simulation
  private readonly rooms: readonly Roaming[]
  private sent = 0

  constructor(net: Simulation, rooms: readonly Roaming[]) {
    this.net = net
    this.rooms = rooms
    const last = rooms.map(() => net.clock.now())
    this.heard = rooms.map((room, i) => {
      const log: number[] = []
      room.channels.log.on(({ n }) => {
        log.push(n)
        this.pause = Math.max(this.pause, net.clock.now() - (last[i] as number))
        last[i] = net.clock.now()
      })
      return log
    })
    this.paths = rooms.map((room) => {
      const log: PeerPath[] = []
      room.on('path', (_peer, path) => log.push(path))
      room.on('leave', (peer, reason) => this.left.push(`${peer.order} ${reason}`))
      return log
    })
  }

  async run(ticks: number): Promise<void> {
    for (let i = 0; i < ticks; i++) {
      for (const room of this.rooms) room.channels.log.send({ n: this.sent })
      this.sent++
      await this.net.run(TICK)
    }
  }

  /** After a moment in which nothing is sent, everything must have come, once and in order, and nobody may be gone. */
  async expectWhole(): Promise<void> {
    await this.net.run(3_000)
    const all = Array.from({ length: this.sent }, (_, n) => n)
    expect(this.heard).toEqual([all, all])
    expect(this.left).toEqual([])
    expect(this.net.errors).toEqual([])
  }
}

async function two(seed: number, nat: readonly NatKind[]): Promise<{ net: Simulation; rooms: Roaming[]; stream: Stream }> {
  const net = simulate({ seed, rtt: 60, nat })
  const rooms = await net.players(roaming, 2)
  const stream = new Stream(net, rooms)
  await stream.run(120)
  return { net, rooms, stream }
}

const pathsOf = (rooms: readonly Roaming[]): (PeerPath | undefined)[] => rooms.map((room) => [...room.peers.values()][0]?.path)

/** One thing after the other happens to two who play: with short pauses, and no loss, and by the same paths in the end. */
async function goesOn(
  seed: number,
  nat: readonly NatKind[],
  happenings: readonly ((rooms: Roaming[], net: Simulation) => void)[],
): Promise<void> {
  const { net, rooms, stream } = await two(seed, nat)
  const before = pathsOf(rooms)
  stream.pause = 0
  for (const happens of happenings) {
    happens(rooms, net)
    await stream.run(250)
  }
  expect(stream.pause).toBeLessThanOrEqual(before.includes('relay') ? LONGEST_RELAYED_PAUSE : LONGEST_PAUSE)
  await stream.expectWhole()
  expect(pathsOf(rooms)).toEqual(before)
}

describe('paths that change in mid-game', () => {
  test.each([
    ['open', 'open'],
    ['cone', 'restricted'],
    ['port-restricted', 'port-restricted'],
    ['symmetric', 'open'],
    ['symmetric', 'symmetric'],
    ['udp-blocked', 'cone'],
    ['port-restricted', 'open'],
  ] as const)('%s and %s: either gets another address; a short pause, and nothing is lost', (...nat) =>
    goesOn(11, nat, [([one], net) => net.move(one!), ([, other], net) => net.move(other!)]),
  )

  test.each([
    ['port-restricted', 'port-restricted'],
    ['symmetric', 'restricted'],
    ['symmetric', 'symmetric'],
  ] as const)('%s and %s: a router forgets its mappings, then both do at once; a short pause, and nothing is lost', (...nat) =>
    goesOn(12, nat, [
      ([one], net) => net.flushNat(one!),
      ([, other], net) => net.flushNat(other!),
      (rooms, net) => rooms.forEach((room) => net.flushNat(room)),
    ]),
  )

  test('the introducer is killed: nothing changes between players who reach each other straight', async () => {
    const { net, stream } = await two(13, ['cone', 'port-restricted'])
    stream.pause = 0
    net.stopIntroducer()
    await stream.run(2_000)
    expect(stream.pause).toBeLessThanOrEqual(2 * TICK)
    expect(stream.paths).toEqual([[], []])
    await stream.expectWhole()
  })

  test.each([
    ['symmetric', 'symmetric', false, 2_000],
    ['symmetric', 'symmetric', false, 30_000],
    ['symmetric', 'port-restricted', true, 10_000],
    ['udp-blocked', 'open', false, 10_000],
    ['udp-blocked', 'udp-blocked', true, 20_000],
  ] as const)(
    '%s and %s, whom it connects: it is killed and comes back (elsewhere: %s) after %d ms; they go on within 3 s, nothing is lost',
    async (a, b, elsewhere, outage) => {
      const { net, rooms, stream } = await two(14, [a, b])
      expect(pathsOf(rooms)).toEqual(['relay', 'relay'])
      net.stopIntroducer()
      await net.run(outage)
      net.restartIntroducer(elsewhere)
      const heard = stream.heard.map((log) => log.length)
      await stream.run(150)
      for (const [i, log] of stream.heard.entries()) expect(log.length).toBeGreaterThan(heard[i] as number)
      await stream.run(100)
      await stream.expectWhole()
    },
  )

  test('two in one home: with hairpin or without, straight', async () => {
    const net = simulate({ seed: 15, rtt: 60, nat: ['port-restricted'] })
    const first = await net.connect()
    const second = await net.connect({ sameHomeAs: first })
    const room = await net.wait(first.create(roaming))
    const there = await net.wait(second.join(roaming, { code: room.code }))
    await net.run(1_000)
    expect(pathsOf([room, there])).toEqual(['direct', 'direct'])
  })

  test('an introducer that relays nothing: who needs it is not reached, and is told so', async () => {
    const net = simulate({ seed: 16, rtt: 60, nat: ['symmetric'], relay: false })
    const host = await net.connect()
    const guest = await net.connect()
    const room = await net.wait(host.create(roaming))
    const error = await net.wait(guest.join(roaming, { code: room.code, timeout: 4_000 }).catch((e: unknown) => e))
    expect(error).toMatchObject({ code: 'PEER_UNREACHABLE' })
  })

  test('relay: never at one end refuses the path; between such as need none it changes nothing', async () => {
    const net = simulate({ seed: 17, rtt: 60 })
    const host = await net.connect({ relay: 'never' })
    const guest = await net.connect()
    const room = await net.wait(host.create(roaming))
    const there = await net.wait(guest.join(roaming, { code: room.code }))
    await net.run(1_000)
    expect(pathsOf([room, there])).toEqual(['direct', 'direct'])
    expect(net.introducer.stats.relay).toMatchObject({ paths: 0, packets: 0 })
  })

  test('relay: always at one end: neither sends the other a datagram straight, even when asked to', async () => {
    const net = simulate({ seed: 18, rtt: 60 })
    const host = await net.connect({ relay: 'always' })
    const guest = await net.connect()
    const [a, b] = [net.linkOf(host), net.linkOf(guest)]
    const straight: string[] = []
    for (const link of [a, b]) {
      const send = link.send.bind(link)
      link.send = (datagram, to) => {
        if (to.equals(a.address) || to.equals(b.address)) straight.push(to.key)
        send(datagram, to)
      }
    }
    const room = await net.wait(host.create(roaming))
    const there = await net.wait(guest.join(roaming, { code: room.code }))
    const stream = new Stream(net, [room, there])
    await stream.run(500)
    await stream.expectWhole()
    expect(pathsOf([room, there])).toEqual(['relay', 'relay'])
    expect(straight).toEqual([])
  })
})
