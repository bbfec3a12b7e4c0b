import { expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'

const chat = game('test.chat', {
  protocol: 1,
  channels: {
    chat: channel({ text: t.string(280) }),
    aim: channel({ yaw: t.fixed(0, 6.29, 0.001) }, { delivery: 'latest', priority: 'immediate' }),
  },
})

test('three players meet, talk, and see each other leave', async () => {
  const net = simulate({ seed: 7, rtt: 60 })
  const [a, b, c] = await net.players(chat, 3)
  const heard: string[] = []
  b!.channels.chat.on(({ text }, from) => heard.push(`b ${text} ${from.id === a!.self.id}`))
  c!.channels.chat.on(({ text }) => heard.push(`c ${text}`))
  expect(a!.channels.chat.send({ text: 'hello' })).toBe(true)
  await net.run(500)
  expect(heard.sort()).toEqual(['b hello true', 'c hello'])
  expect(b!.host.id).toBe(a!.self.id)
  const left: string[] = []
  b!.on('leave', (_, reason) => left.push(reason))
  await net.wait(a!.leave())
  await net.run(200)
  expect(left).toEqual(['left'])
  expect(b!.isHost).toBe(true)
  net.crash(c!)
  const away: string[] = []
  b!.on('away', (peer) => away.push(peer.id))
  await net.run(3_000)
  expect([away, left]).toEqual([[c!.self.id], ['left']])
  await net.run(31_000)
  expect(left).toEqual(['left', 'lost'])
  expect(net.errors).toEqual([])
})
