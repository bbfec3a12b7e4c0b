import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { fromHex } from '../../src/base/bytes.ts'
import {
  GUESS_BURST,
  HELLOS_PER_SECOND,
  HELLO_BURST,
  SOURCE_GUESSES_PER_SECOND,
  SOURCE_GUESS_BURST,
} from '../../src/introducer/constants.ts'
import { FORWARDED_PER_SECOND } from '../../src/rtmfp/constants.ts'
import { ihello } from '../rtmfp/by-hand.ts'
import { caught } from '../room/caught.ts'
import { World, settings } from './world.ts'

describe('who guesses codes', () => {
  test('by many identities behind one address gets as many tries together as one that plays there needs, and others theirs', async () => {
    const world = new World()
    const tries = async (host: string, identities: number): Promise<number> => {
      let guesses = 0
      for (let i = 0; i < identities; i++) {
        const player = world.player(undefined, Address.from(host, 5_000 + i))
        await world.wait(player.client.connect())
        for (let k = 0; k <= GUESS_BURST; k++) {
          const code = `AAA${'BCDEFGHJKM'[i % 10]}${'BCDEFGHJKMN'[k]}`
          const error = await caught(world.wait(player.client.join('test.game', 1, code, {})))
          if (error.code === 'ROOM_NOT_FOUND') guesses++
        }
        player.client.close()
        await world.run(50)
      }
      return guesses
    }
    const began = world.clock.now()
    const guesses = await tries('203.0.113.9', 12)
    const seconds = (world.clock.now() - began) / 1_000
    expect(guesses).toBeGreaterThanOrEqual(SOURCE_GUESS_BURST)
    expect(guesses).toBeLessThanOrEqual(SOURCE_GUESS_BURST + SOURCE_GUESSES_PER_SECOND * seconds + 1)
    expect(await tries('203.0.113.10', 1)).toBe(GUESS_BURST)
  })
})

describe('a member of a room that says hello to another without end', () => {
  test('has so many passed on, and the others are reached all the same', async () => {
    const world = new World()
    const players = [await world.connected(), await world.connected(), await world.connected()]
    const [a, b, c] = players
    const { code } = await world.wait(a!.client.create(settings(), {}))
    for (const { client } of [b!, c!]) await world.wait(client.join('test.game', 1, code, {}))
    const before = world.server.stats.introductions
    const epd = fingerprintEpd(fromHex(a!.peerId))
    let answers = 0
    for (const { link } of [b!]) {
      const receive = link.receive.bind(link)
      link.receive = (datagram, from) => {
        if (from.equals(a!.link.address)) answers++
        receive(datagram, from)
      }
    }
    for (let i = 0; i < 2_000; i++) {
      b!.link.send(
        ihello(
          epd,
          Uint8Array.from({ length: 16 }, (_, k) => (k === 0 ? i : k === 1 ? i >> 8 : 1)),
        ),
        world.link.address,
      )
      await world.run(1)
    }
    const passedOn = world.server.stats.introductions - before
    expect(passedOn).toBeGreaterThanOrEqual(HELLO_BURST)
    expect(passedOn).toBeLessThanOrEqual(HELLO_BURST + 2.1 * HELLOS_PER_SECOND)
    expect(answers).toBeLessThanOrEqual(3 * FORWARDED_PER_SECOND * 4)
    c!.link.send(ihello(epd), world.link.address)
    await world.run(100)
    expect(world.server.stats.introductions - before).toBe(passedOn + 1)
  })
})
