import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import { simulate } from '../../src/entry/testing.ts'
import { AWAY_AFTER, SEAT_GRACE } from '../../src/room/constants.ts'

type Sleepy = Room<typeof sleepy>

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

  test.each([
    [10_000, 'cone', 'cone'],
    [25_000, 'port-restricted', 'open'],
    [25_000, 'symmetric', 'symmetric'],
    [25_000, 'udp-blocked', 'cone'],
  ] as const)(
    'for %d ms, behind a %s NAT, the other behind a %s one: the other is told within 3 s, the seat is kept, nothing is lost',
    async (pause, nat, other) => {
      const net = simulate({ seed: 23, rtt: 60, nat: [other, nat] })
      const rooms = await net.players(sleepy, 2)
      const [stays, sleeps] = rooms as [Sleepy, Sleepy]
      await net.run(1_000)
      const heard = rooms.map((room) => {
        const log: number[] = []
        room.channels.log.on(({ n }) => log.push(n))
        return log
      })
      const told: string[] = []
      for (const name of ['away', 'return', 'leave'] as const) stays.on(name, () => told.push(name))
      sleeps.on('closed', (reason) => told.push(`closed ${reason}`))
      for (const [i, room] of rooms.entries()) room.channels.log.send({ n: i })
      net.suspend(sleeps)
      stays.channels.log.send({ n: 2 })
      await net.run(3_000)
      expect(told).toEqual(['away'])
      await net.run(pause - 3_000)
      net.resume(sleeps)
      sleeps.channels.log.send({ n: 3 })
      await net.run(500)
      expect(told).toEqual(['away', 'return'])
      await net.run(10_000)
      expect(told).toEqual(['away', 'return'])
      expect(heard).toEqual([
        [1, 3],
        [0, 2],
      ])
      expect(net.errors).toEqual([])
    },
  )

  test.each([
    [60_000, 'cone'],
    [60_000, 'symmetric'],
    [1_800_000, 'port-restricted'],
    [1_800_000, 'udp-blocked'],
  ] as const)(
    'for %d ms, behind a %s NAT: the seat is lost, and the sleeper back in the room within 5 s of waking up',
    async (pause, nat) => {
      const net = simulate({ seed: 24, rtt: 60, nat: ['cone', nat] })
      const [stays, sleeps] = (await net.players(sleepy, 2)) as [Sleepy, Sleepy]
      const told: string[] = []
      for (const name of ['away', 'return', 'join'] as const) stays.on(name, () => told.push(name))
      stays.on('leave', (_peer, reason) => told.push(`leave ${reason}`))
      const noticed: string[] = []
      for (const name of ['away', 'return', 'superseded', 'closed'] as const) sleeps.on(name, () => noticed.push(name))
      net.suspend(sleeps)
      const lost = SEAT_GRACE + AWAY_AFTER + 1_500
      await net.run(lost)
      expect(told).toEqual(['away', 'leave lost'])
      await net.run(pause - lost)
      net.resume(sleeps)
      await net.run(5_000)
      expect(told).toEqual(['away', 'leave lost', 'join'])
      expect(noticed.toSorted()).toEqual(['away', 'return', 'superseded'])
      expect([stays.isHost, sleeps.isHost, stays.peers.size, sleeps.peers.size]).toEqual([true, false, 1, 1])
      const heard: number[] = []
      for (const room of [stays, sleeps]) room.channels.log.on(({ n }) => heard.push(n))
      stays.channels.log.send({ n: 1 })
      sleeps.channels.log.send({ n: 2 })
      await net.run(1_000)
      expect(heard.toSorted((a, b) => a - b)).toEqual([1, 2])
      expect(net.errors).toEqual([])
    },
  )
})
