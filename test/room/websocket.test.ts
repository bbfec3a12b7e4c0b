import { expect, test } from '@jest/globals'
import { defaultBackend, defaultPolicy, openStream, systemRandom } from '../../src/platform/node.ts'
import { createIntroducer } from '../../src/entry/introducer.ts'
import { channel, connect, game, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import { parseIntroducerUrl } from '../../src/introducer/url.ts'
import { systemClock } from '../../src/link/clock.ts'
import { Network } from '../../src/room/network.ts'
import { until } from '../link/until.ts'
import { caught } from './caught.ts'

const hello = game('test.websocket', { protocol: 1, channels: { chat: channel({ n: t.uint8 }) } })

/** A player as in a browser: no UDP at all. */
async function streamOnly(url: string, webSocket: string): Promise<Network> {
  const network = new Network({
    link: undefined,
    openStream: () => openStream(webSocket),
    clock: systemClock,
    backend: defaultBackend,
    random: systemRandom,
    policy: defaultPolicy,
    url: parseIntroducerUrl(url),
    hosts: [],
  })
  await network.introducer.connect()
  return network
}

test('a player without UDP and one with it: by WebSocket and the relay path, both ways', async () => {
  const introducer = await createIntroducer({ port: 0, host: '127.0.0.1' })
  const webSocket = `ws://127.0.0.1:${introducer.webSocketPort}`
  expect(introducer.webSocketPort).toBe(introducer.port)
  const networks = [await connect(introducer.url), await streamOnly(introducer.url, webSocket), await streamOnly(introducer.url, webSocket)]
  try {
    const rooms: Room<typeof hello>[] = [await networks[0]!.create(hello)]
    for (const network of networks.slice(1)) rooms.push(await network.join(hello, { code: rooms[0]!.code }))
    await until(() => rooms.every((room) => room.peers.size === 2))
    const heard: string[] = []
    rooms.forEach((room, i) => room.channels.chat.on(({ n }) => heard.push(`${n} at ${i}`)))
    rooms.forEach((room, i) => room.channels.chat.send({ n: i }))
    await until(() => heard.length === 6)
    expect(heard.toSorted()).toEqual(['0 at 1', '0 at 2', '1 at 0', '1 at 2', '2 at 0', '2 at 1'])
    for (const room of rooms) for (const peer of room.peers.values()) expect(peer.path).toBe('relay')
    expect(introducer.stats.relay.packets).toBeGreaterThan(10)
  } finally {
    await Promise.all(networks.map((network) => network.close()))
    await introducer.close()
  }
})

test('where neither UDP nor a WebSocket gets an answer, the error says what was tried', async () => {
  const gone = await createIntroducer({ port: 0, host: '127.0.0.1' })
  await gone.close()
  const error = await caught(connect(`rtmfp://127.0.0.1:${gone.port}`, { timeout: 1_200 }))
  expect(error.code).toBe('INTRODUCER_UNREACHABLE')
  expect(error.message).toContain(`UDP to 127.0.0.1:${gone.port}`)
  expect(error.message).toContain(`WebSocket to ws://127.0.0.1:${gone.port}`)
})
