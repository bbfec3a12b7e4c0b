import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import type { Peer, Room } from '../../src/entry/main.ts'
import { simulate } from '../../src/entry/testing.ts'

const talk = game('test.talk', {
  protocol: 1,
  channels: {
    log: channel({ n: t.uint16 }),
    hits: channel({ n: t.uint16 }, { delivery: 'reliable-unordered' }),
    place: channel({ n: t.uint16 }, { delivery: 'latest' }),
    spark: channel({ n: t.uint16 }, { delivery: 'unreliable' }),
    bulk: channel({ n: t.uint16, bytes: t.bytes(20_000) }),
  },
})
type Talk = Room<typeof talk>

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

interface Ears {
  readonly log: number[]
  readonly hits: number[]
  readonly place: number[]
  readonly spark: number[]
  readonly bulk: number[]
  readonly events: string[]
}

/** All that a room hears of one other. */
function listen(room: Talk, other: Talk): Ears {
  const ears: Ears = { log: [], hits: [], place: [], spark: [], bulk: [], events: [] }
  for (const name of ['log', 'hits', 'place', 'spark', 'bulk'] as const) {
    room.channels[name].on(({ n }: { n: number }, from: Peer) => void (from.id === other.self.id && ears[name].push(n)))
  }
  for (const event of ['away', 'return', 'leave', 'gap'] as const) {
    room.on(event, (peer: Peer) => void (peer.id === other.self.id && ears.events.push(event)))
  }
  return ears
}

describe('a member that falls silent', () => {
  test.each([2, 3])('in a room of %i, and answers again: what is reliable has waited for it, what is not has not', async (count) => {
    const net = simulate({ seed: 31, rtt: 60, loss: 0.05 })
    const rooms = (await net.players(talk, count)) as Talk[]
    const [host, guest] = [rooms[0]!, rooms.at(-1)!]
    const [at, from] = [listen(guest, host), listen(host, guest)]
    net.partition(rooms.slice(0, -1), [guest])
    for (let n = 0; n < 100; n++) {
      for (const room of [host, guest]) {
        const { log, hits, place, spark } = room.channels
        for (const channel of [log, hits, place, spark]) expect(channel.send({ n })).toBe(true)
      }
      await net.run(100)
    }
    net.heal()
    await net.run(4_000)
    for (const { log, hits, place, spark, events } of [at, from]) {
      expect(log).toEqual(upTo(100))
      expect(hits.toSorted((a, b) => a - b)).toEqual(upTo(100))
      expect([...place, ...spark].filter((n) => n >= 25)).toEqual([])
      expect(events).toEqual(['away', 'return'])
    }
    expect(guest.peers.get(host.self.id)!.path).toBe('direct')
    expect(host.isHost && !guest.isHost).toBe(true)
    expect(net.errors).toEqual([])
  })

  test('for so long that more waits for it than is kept: the others go on, and both are told what there is a gap between', async () => {
    const net = simulate({ seed: 32, rtt: 40 })
    const rooms = (await net.players(talk, 3)) as Talk[]
    const [host, guest, silent] = rooms as [Talk, Talk, Talk]
    const other = listen(guest, host)
    const at = listen(silent, host)
    const from = listen(host, silent)
    net.partition([host, guest], [silent])
    await net.run(3_000)
    for (let n = 0; n < 40; n++) {
      expect(host.channels.bulk.send({ n, bytes: new Uint8Array(18_000) })).toBe(true)
      await net.run(200)
    }
    expect(other.bulk).toEqual(upTo(40))
    expect(from.events).toEqual(['away', 'gap'])
    expect(host.peers.get(silent.self.id)!.path).toBe('lost')
    net.heal()
    await net.run(10_000)
    expect(from.events).toEqual(['away', 'gap', 'return'])
    // It has been without a host for a while, and was one itself.
    expect(at.events.filter((event) => event === 'gap')).toEqual(['gap'])
    expect(at.bulk).toEqual([])
    expect(rooms.map((room) => room.host.order)).toEqual([0, 0, 0])
    for (let n = 40; n < 50; n++) for (const room of rooms) room.channels.log.send({ n })
    await net.run(1_000)
    for (const ears of [at, from, other]) expect(ears.log).toEqual(upTo(50).slice(40))
    expect(from.events).not.toContain('leave')
    expect(net.errors).toEqual([])
  })

  test('to one other alone: what is said anew goes by way of the host, and does not overtake what was under way', async () => {
    const net = simulate({ seed: 33, rtt: 60 })
    // Otherwise they would find each other by way of the introducer.
    const [a, b, c] = [await net.connect(), await net.connect({ relay: 'never' }), await net.connect()]
    const { code } = await net.wait(a.create(talk))
    const one = await net.wait(b.join(talk, { code }))
    const two = await net.wait(c.join(talk, { code }))
    const [at, from] = [listen(two, one), listen(one, two)]
    const send = async (begin: number, end: number): Promise<void> => {
      for (let n = begin; n < end; n++) {
        one.channels.log.send({ n })
        one.channels.place.send({ n })
        if (n >= 80) two.channels.log.send({ n: n - 80 })
        await net.run(50)
      }
    }
    await send(0, 20)
    net.block(one, two)
    await send(20, 160)
    expect(one.peers.get(two.self.id)!.path).toBe('host')
    // The one had something under way on the dead path; the other had not, and is heard as before.
    expect(at.log).toEqual(upTo(20))
    expect(at.place.at(-1)).toBeGreaterThan(150)
    expect(from.log.length).toBeGreaterThan(70)
    net.unblock(one, two)
    await send(160, 220)
    await net.run(2_000)
    expect(at.log).toEqual(upTo(220))
    expect(from.log).toEqual(upTo(140))
    expect(at.place).toEqual(at.place.toSorted((a, b) => a - b))
    expect(at.events).toEqual([])
    expect(net.errors).toEqual([])
  })
})
