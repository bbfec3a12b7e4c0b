import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'

const moving = game('test.moving', { protocol: 1, channels: { log: channel({ n: t.uint16 }) } })

describe('players whose addresses change', () => {
  test.each([
    ['one', [0]],
    ['both at the same time', [0, 1]],
    ['all three at the same time', [0, 1, 2]],
  ])('%s: the room goes on, and nothing that is reliable is lost', async (_who, movers) => {
    const net = simulate({ seed: 5, rtt: 60, loss: 0.02 })
    const rooms = await net.players(moving, 3)
    const logs = rooms.map((room) => {
      const log = new Map<string, number[]>()
      room.channels.log.on(({ n }, from) => log.set(from.id, [...(log.get(from.id) ?? []), n]))
      return log
    })
    const left: string[] = []
    for (const room of rooms) room.on('leave', (peer) => left.push(peer.id))
    for (let n = 0; n < 400; n++) {
      for (const room of rooms) room.channels.log.send({ n })
      if (n === 100) for (const i of movers) net.move(rooms[i]!)
      await net.run(20)
    }
    await net.run(3_000)
    const all = Array.from({ length: 400 }, (_, n) => n)
    for (const log of logs) expect([...log.values()]).toEqual([all, all])
    expect(left).toEqual([])
    expect(net.errors).toEqual([])
  })
})
