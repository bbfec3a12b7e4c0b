import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { WebSocket } from 'ws'
import { createIntroducer } from '../../src/entry/introducer.ts'
import { channel, connect, game, t } from '../../src/entry/main.ts'
import { STREAMS_OF_SOURCE } from '../../src/link/constants.ts'
import { openWebSocketServer } from '../../src/link/websocket-server.ts'
import type { WebSocketServerLink } from '../../src/link/websocket-server.ts'
import { until } from './until.ts'

const HERE = '127.0.0.1'
const sockets: WebSocket[] = []
const links: WebSocketServerLink[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate()
  await Promise.all(links.splice(0).map((link) => link.close()))
})

async function serve(trustedProxies?: readonly string[]): Promise<WebSocketServerLink> {
  const link = await openWebSocketServer({ port: 0, host: HERE, trustedProxies })
  links.push(link)
  return link
}

/** Connects as a proxy would, or one who pretends to be one. @returns Why it was closed at once, or `undefined` when it was not. */
async function come(link: WebSocketServerLink, forwardedFor?: string): Promise<string | undefined> {
  const before = link.connectionCount
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
  const socket = new WebSocket(`ws://${HERE}:${link.port}`, { headers })
  sockets.push(socket)
  let reason: string | undefined
  socket.on('close', (_code, why: Buffer) => (reason = why.toString()))
  await once(socket, 'open')
  await until(() => reason !== undefined || link.connectionCount > before)
  return reason
}

describe('who comes by a proxy', () => {
  test('counts by the address that a trusted one names; it can not take all places', async () => {
    const link = await serve([HERE])
    for (let i = 0; i < STREAMS_OF_SOURCE; i++) expect(await come(link, '192.0.2.1')).toBeUndefined()
    expect(await come(link, '192.0.2.1')).toBe('too many connections from 192.0.2.1')
    expect(await come(link, '192.0.2.2')).toBeUndefined()
    // What it claims to come from itself is in front of what the proxy says.
    expect(await come(link, '198.51.100.1, 192.0.2.1')).toBe('too many connections from 192.0.2.1')
    sockets[0]?.close()
    await until(() => link.connectionCount === STREAMS_OF_SOURCE)
    expect(await come(link, '192.0.2.1')).toBeUndefined()
  }, 60_000)

  test('a chain of trusted proxies is followed to the first that is not', async () => {
    const link = await serve([HERE, '10.0.0.5', '::ffff:10.0.0.6'])
    for (let i = 0; i < STREAMS_OF_SOURCE; i++) expect(await come(link, '192.0.2.9, 192.0.2.1, 10.0.0.6, 10.0.0.5')).toBeUndefined()
    expect(await come(link, '192.0.2.1, 10.0.0.5')).toBe('too many connections from 192.0.2.1')
  }, 60_000)

  test('without trust the header is worth nothing, nor is one that holds no address', async () => {
    const link = await serve()
    expect(await come(link, '192.0.2.1')).toBeUndefined()
    const trusting = await serve([HERE])
    expect(await come(trusting, 'unknown, _hidden')).toBeUndefined()
    expect(await come(trusting, '')).toBeUndefined()
  })

  test('what is no address of a proxy is refused', async () => {
    await expect(serve(['proxy.example'])).rejects.toMatchObject({ code: 'ADDRESS_UNAVAILABLE' })
  })
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
if (!hasOpenssl) process.stderr.write('openssl is missing, so TLS is not tested. Install: apt-get install openssl\n')
const withTls = hasOpenssl || process.env['CI'] === 'true' ? test : test.skip

withTls(
  'players meet by wss:, with a certificate that vouches for itself and is given as an authority; without it they are told',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'altostratus-tls-'))
    const file = (name: string): string => join(folder, name)
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key.pem')]
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, '-out', file('cert.pem'), ...subject], { stdio: 'ignore' })
    const tls = { cert: readFileSync(file('cert.pem'), 'utf8'), key: readFileSync(file('key.pem'), 'utf8') }
    const introducer = await createIntroducer({ port: 0, host: HERE, webSocket: { tls } })
    // Nothing answers by UDP there.
    const nowhere = `rtmfp://${HERE}:9/${new URL(introducer.url).hash}`
    const webSocket = `wss://${HERE}:${introducer.webSocketPort}`
    try {
      await expect(connect(nowhere, { webSocket, timeout: 2_000 })).rejects.toThrow(/self-signed certificate/)
      const tested = game('test.tls', { protocol: 1, channels: { chat: channel({ n: t.uint8 }) } })
      const host = await connect(introducer.url)
      const guest = await connect(nowhere, { webSocket, webSocketCa: tls.cert })
      const room = await host.create(tested)
      const heard: number[] = []
      room.channels.chat.on(({ n }) => heard.push(n))
      const joined = await guest.join(tested, { code: room.code })
      joined.channels.chat.send({ n: 7 })
      await until(() => heard.length === 1)
      expect(heard).toEqual([7])
      await Promise.all([host.close(), guest.close()])
    } finally {
      await introducer.close()
      rmSync(folder, { recursive: true })
    }
  },
)
