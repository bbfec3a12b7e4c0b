import { afterEach, expect, test } from '@jest/globals'
import { defaultBackend, defaultPolicy, systemRandom } from '../../src/platform/node.ts'
import { systemClock } from '../../src/link/clock.ts'
import { openMulticast } from '../../src/link/multicast.ts'
import { openUdp } from '../../src/link/udp.ts'
import { connectLan } from '../../src/room/lan.ts'
import type { Network } from '../../src/room/network.ts'
import { channel, game } from '../../src/room/definition.ts'
import { t } from '../../src/schema/t.ts'

// Real sockets on this machine, where other programs may be at the same: each test has a port of its own.
const duel = game('test.multicast', { protocol: 1, channels: { chat: channel({ text: t.string(64) }) } })
const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** A UDP port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const link = await openUdp({ host: '127.0.0.1' })
  await link.close()
  return link.port
}

test('several programs of one machine hear each other, and bad input is passed over', async () => {
  const port = await freePort()
  const [a, b] = [await openMulticast({ port }), await openMulticast({ port })]
  ends.push(
    () => a.close(),
    () => b.close(),
  )
  const heard = new Promise<string>((resolve) => b.start((datagram) => resolve(new TextDecoder().decode(datagram))))
  a.start(() => {})
  a.send(new Uint8Array(513))
  a.send(new TextEncoder().encode('who is there?'))
  expect(await heard).toBe('who is there?')
  a.close()
  a.close()
  a.send(new Uint8Array(1))
})

test('two players meet over real sockets with no introducer', async () => {
  const port = await freePort()
  const player = async (): Promise<Network> => {
    const network = await connectLan({
      group: await openMulticast({ port }),
      link: await openUdp(),
      openLink: () => openUdp(),
      clock: systemClock,
      backend: defaultBackend,
      random: systemRandom,
      policy: defaultPolicy,
    })
    ends.push(() => network.close())
    return network
  }
  const ada = await player()
  const room = await ada.create(duel, { listed: true })
  const ben = await player()
  expect(await ben.rooms(duel)).toMatchObject([{ code: room.code }])
  const there = await ben.join(duel, { code: room.code })
  const heard = new Promise<string>((resolve) => room.channels.chat.on(({ text }) => resolve(text)))
  there.channels.chat.send({ text: 'found you' })
  expect(await heard).toBe('found you')
})

test('a port that is another program’s', async () => {
  const other = await openUdp({ host: '0.0.0.0' })
  ends.push(() => other.close())
  await expect(openMulticast({ port: other.port })).rejects.toMatchObject({ code: 'MULTICAST_UNAVAILABLE' })
})
