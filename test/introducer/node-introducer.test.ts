import { describe, expect, test } from '@jest/globals'
import { seededRandom } from '../../src/base/random.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { createIntroducer } from '../../src/entry/introducer.ts'
import { connect, game } from '../../src/entry/main.ts'
import type { IntroducerOptions } from '../../src/introducer/node-introducer.ts'
import { createServerIdentity } from '../../src/introducer/server.ts'
import { parseIntroducerUrl } from '../../src/introducer/url.ts'
import { until } from '../link/until.ts'
import { caught } from '../room/caught.ts'

const empty = game('test.empty', { protocol: 1, channels: {} })
const LOOPBACK = { host: '127.0.0.1', port: 0 }

describe('an introducer in this process, on real sockets', () => {
  test('port 0 is one that is free, and the URL names it with the fingerprint', async () => {
    const [one, other] = [await createIntroducer(LOOPBACK), await createIntroducer(LOOPBACK)]
    try {
      expect(one.port).toBeGreaterThan(0)
      expect(other.port).not.toBe(one.port)
      expect(one.url).toBe(`rtmfp://127.0.0.1:${one.port}/#${one.peerId}`)
      expect(one.peerId).not.toBe(other.peerId)
    } finally {
      await one.close()
      await other.close()
    }
  })

  test.each([{ port: 0 }, { port: 0, host: '0.0.0.0' }, { port: 0, host: '::' }])(
    '%j listens everywhere; its URL leads to it on this machine',
    async (options) => {
      const introducer = await createIntroducer(options)
      try {
        expect(parseIntroducerUrl(introducer.url)).toMatchObject({ host: '127.0.0.1', port: introducer.port })
        await (await connect(introducer.url)).close()
      } finally {
        await introducer.close()
      }
    },
  )

  test('an IPv6 address stands in brackets, and can be connected to', async () => {
    let introducer
    try {
      introducer = await createIntroducer({ port: 0, host: '::1' })
    } catch (error) {
      // A machine without IPv6.
      expect((error as { code: string }).code).toBe('ADDRESS_UNAVAILABLE')
      return
    }
    try {
      expect(introducer.url).toBe(`rtmfp://[::1]:${introducer.port}/#${introducer.peerId}`)
      await (await connect(introducer.url)).close()
    } finally {
      await introducer.close()
    }
  })

  test('an identity that is given gives the fingerprint', async () => {
    const identity = createServerIdentity(nodeBackend, seededRandom(5))
    const introducer = await createIntroducer({ ...LOOPBACK, identity })
    try {
      expect(introducer.peerId).toBe(identity.peerId)
    } finally {
      await introducer.close()
    }
  })

  test('its counters follow who is there', async () => {
    const introducer = await createIntroducer(LOOPBACK)
    try {
      expect(introducer.stats).toMatchObject({ peers: 0, rooms: 0, introductions: 0, refused: 0 })
      const [a, b] = await Promise.all([connect(introducer.url), connect(introducer.url)])
      const { code } = await a.create(empty)
      await b.join(empty, { code })
      expect(introducer.stats).toMatchObject({ peers: 2, rooms: 1, refused: 0 })
      expect(introducer.stats.introductions).toBeGreaterThan(0)
      await a.close()
      await b.close()
      await until(() => introducer.stats.peers === 0)
      expect(introducer.stats.rooms).toBe(0)
    } finally {
      await introducer.close()
    }
  })

  test('another fingerprint in the URL: not connected, and the error says to look at that, too', async () => {
    const introducer = await createIntroducer(LOOPBACK)
    try {
      const error = await caught(connect(introducer.url.replace(/#.*/, `#${'0'.repeat(64)}`), { timeout: 300 }))
      expect(error.code).toBe('INTRODUCER_UNREACHABLE')
      expect(error.hint).toContain('that the fingerprint in the URL is its own')
      expect(introducer.stats.peers).toBe(0)
    } finally {
      await introducer.close()
    }
  })

  test('closing tells the peers, whose rooms go on, and frees the port', async () => {
    const introducer = await createIntroducer(LOOPBACK)
    const network = await connect(introducer.url)
    try {
      const room = await network.create(empty)
      const states: string[] = []
      network.introducer.on('state', (state) => states.push(state))
      await introducer.close()
      await until(() => states.length > 0)
      expect([states, room.isOpen]).toEqual([['reconnecting'], true])
      // The same port again at once.
      const next = await createIntroducer({ host: '127.0.0.1', port: introducer.port })
      await next.close()
    } finally {
      await network.close()
    }
  })

  test('closing twice is closing once', async () => {
    const introducer = await createIntroducer(LOOPBACK)
    await Promise.all([introducer.close(), introducer.close()])
    await introducer.close()
  })

  test('a port that is in use: says which and what to do, and the one that has it lives on', async () => {
    const introducer = await createIntroducer(LOOPBACK)
    try {
      const error = await caught(createIntroducer({ host: '127.0.0.1', port: introducer.port }))
      expect(error.code).toBe('PORT_IN_USE')
      expect(error.message).toBe(`UDP port ${introducer.port} is already in use. Stop the program that has it, or choose another port.`)
      await (await connect(introducer.url)).close()
    } finally {
      await introducer.close()
    }
  })

  test.each<[IntroducerOptions, string, RegExp]>([
    [{ port: 70_000 }, 'PORT_INVALID', /70000 is not a UDP port.*1 to 65535/],
    [{ port: -1 }, 'PORT_INVALID', /-1/],
    [{ port: 1.5 }, 'PORT_INVALID', /1\.5/],
    [{ port: 0, host: 'localhost' }, 'ADDRESS_UNAVAILABLE', /"localhost" is not a numeric IP address.*:: for all/],
    [{ port: 0, host: '192.0.2.1' }, 'ADDRESS_UNAVAILABLE', /no address 192\.0\.2\.1.*its own/],
  ])('%j: %s', async (options, code, message) => {
    const error = await caught(createIntroducer(options))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })
})
