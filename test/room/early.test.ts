import { expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'

const greeting = game('test.greeting', { protocol: 1, channels: { chat: channel({ text: t.string(80) }) } })

test('what the host sends on its join event reaches a guest that listens after awaiting join, whatever is lost', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const net = simulate({ seed, rtt: 60, jitter: 30, loss: 0.15 })
    const host = await net.connect()
    const guest = await net.connect()
    const room = await net.wait(host.create(greeting))
    room.on('join', (peer) => room.channels.chat.send({ text: 'welcome' }, peer))
    const heard: string[] = []
    const come = async (): Promise<void> => {
      const there = await guest.join(greeting, { code: room.code, timeout: 60_000 })
      there.channels.chat.on(({ text }) => heard.push(text))
    }
    await net.wait(come())
    await net.run(5_000)
    expect({ seed, heard }).toEqual({ seed, heard: ['welcome'] })
  }
})

test('who closes without leaving frees the seat at once', async () => {
  const net = simulate()
  const [a, b] = await net.players(greeting, 2, { capacity: 2 })
  await net.wait(b!.network.close())
  await net.run(200)
  expect(a!.peers.size).toBe(0)
  const next = await net.connect()
  const room = await net.wait(next.join(greeting, { code: a!.code }))
  expect(room.host.id).toBe(a!.self.id)
})
