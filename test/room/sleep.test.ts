import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import { simulate } from '../../src/entry/testing.ts'

const sleepy = game('test.sleepy', { protocol: 1, channels: { log: channel({ n: t.uint16 }) } })

describe('a machine that sleeps', () => {
  test.each([1_500, 4_000])('for %d ms: the room goes on, nothing is lost', async (pause) => {
    const net = simulate({ seed: 21, rtt: 60, nat: ['port-restricted'] })
    const rooms = await net.players(sleepy, 2)
    const heard = rooms.map((room) => {
      const log: number[] = []
      room.channels.log.on(({ n }) => log.push(n))
      return log
    })
    const left: string[] = []
    for (const room of rooms) room.on('leave', (_peer, reason) => left.push(reason))
    rooms[0]!.channels.log.send({ n: 1 })
    net.suspend(rooms[1]!)
    rooms[0]!.channels.log.send({ n: 2 })
    await net.run(pause)
    net.resume(rooms[1]!)
    rooms[1]!.channels.log.send({ n: 3 })
    await net.run(5_000)
    expect(heard).toEqual([[3], [1, 2]])
    expect(left).toEqual([])
    expect(net.errors).toEqual([])
  })

  test.each([
    [10_000, 'cone'],
    [60_000, 'port-restricted'],
    [1_800_000, 'symmetric'],
  ] as const)('for %d ms, behind a %s NAT: it is connected to the introducer again within 20 s of waking up', async (pause, nat) => {
    const net = simulate({ seed: 22, rtt: 60, nat: [nat] })
    const rooms = await net.players(sleepy, 2)
    const sleeper = rooms[1]!.network
    const states: string[] = []
    net.suspend(rooms[1]!)
    await net.run(pause)
    net.resume(rooms[1]!)
    sleeper.introducer.on('state', (state) => states.push(state))
    await net.run(20_000)
    expect(sleeper.introducer.state).toBe('connected')
    // Nobody has listed the room; what counts is that there is an answer.
    expect(await net.wait(sleeper.rooms(sleepy))).toEqual([])
    expect(net.errors).toEqual([])
  })
})
