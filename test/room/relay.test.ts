import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import type { PeerPath, Room } from '../../src/entry/main.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { Simulation } from '../../src/testing/simulate.ts'

const relayed = game('test.relayed', { protocol: 1, channels: { log: channel({ n: t.uint16 }) } })
type Relayed = Room<typeof relayed>

/** What each of two players has heard, and the paths that it was told of. */
function watch(rooms: readonly Relayed[]): { readonly heard: number[][]; readonly paths: PeerPath[][] } {
  const heard = rooms.map((room) => {
    const log: number[] = []
    room.channels.log.on(({ n }) => log.push(n))
    return log
  })
  const paths = rooms.map((room) => {
    const log: PeerPath[] = []
    room.on('path', (_peer, path) => log.push(path))
    return log
  })
  return { heard, paths }
}

async function talk(net: Simulation, rooms: readonly Relayed[], from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    for (const room of rooms) room.channels.log.send({ n })
    await net.run(20)
  }
}

function pathOf(room: Relayed): PeerPath | undefined {
  return [...room.peers.values()][0]?.path
}

describe('the relay path', () => {
  test('when the straight path dies in mid-game the session goes on by the introducer within a second, and back; nothing is lost', async () => {
    const net = simulate({ seed: 3, rtt: 60 })
    const rooms = await net.players(relayed, 2)
    const { heard, paths } = watch(rooms)
    await talk(net, rooms, 0, 50)
    expect(rooms.map(pathOf)).toEqual(['direct', 'direct'])
    net.block(rooms[0]!, rooms[1]!)
    await talk(net, rooms, 50, 100)
    expect(rooms.map(pathOf)).toEqual(['relay', 'relay'])
    await talk(net, rooms, 100, 300)
    net.unblock(rooms[0]!, rooms[1]!)
    await talk(net, rooms, 300, 800)
    expect(rooms.map(pathOf)).toEqual(['direct', 'direct'])
    expect(paths).toEqual([
      ['relay', 'direct'],
      ['relay', 'direct'],
    ])
    await net.run(200)
    const all = Array.from({ length: 800 }, (_, n) => n)
    expect(heard).toEqual([all, all])
    expect(net.introducer.stats.relay).toMatchObject({ paths: 1, limited: 0, foreign: 0 })
    expect(net.errors).toEqual([])
  })

  test.each(['straight', 'relayed'])(
    'an introducer that was silent for a moment is no excuse for ever: who was reached by it, %s when it dies, loses its seat in time (tournament seed 349)',
    async (how) => {
      const net = simulate({ seed: 3, rtt: 60 })
      const rooms = await net.players(relayed, 2, { grace: 3_000 })
      const [host, guest] = rooms as [Relayed, Relayed]
      net.block(host, guest)
      await net.run(3_000)
      expect(rooms.map(pathOf)).toEqual(['relay', 'relay'])
      const lab = net as unknown as { linkOf(room: Relayed): SimulatedLink }
      const quiet = (loss: number): void => net.network.setConditions(net.introducerLink, lab.linkOf(host), { loss })
      // It falls silent to the host alone, and is back before the session with it is given up.
      quiet(1)
      await net.run(1_500)
      quiet(0)
      if (how === 'straight') net.unblock(host, guest)
      await net.run(6_000)
      expect([host.peers.size, pathOf(host)]).toEqual([1, how === 'straight' ? 'direct' : 'relay'])
      net.crash(guest)
      await net.run(9_000)
      expect(host.core.membership.size).toBe(1)
    },
  )
})
