import { expect, test } from '@jest/globals'
import { channel, connect, game, t } from '../../src/entry/main.ts'
import { createIntroducer } from '../../src/entry/introducer.ts'
import { until } from '../link/until.ts'
import { caught } from './caught.ts'

const modes = ['reliable', 'reliable-unordered', 'unreliable', 'latest'] as const
const real = game('test.real', {
  protocol: 1,
  channels: Object.fromEntries(modes.map((delivery) => [delivery, channel({ n: t.uint8 }, { delivery })])),
})

test('three players on real sockets: one room, messages on every channel, a farewell, nothing left', async () => {
  const introducer = await createIntroducer({ port: 0, host: '127.0.0.1' })
  const url = `rtmfp://127.0.0.1:${introducer.port}/#${introducer.peerId}`
  const networks = await Promise.all([connect(url), connect(url), connect(url)])
  try {
    const first = await networks[0].create(real, { listed: true, profile: { name: 'Ada' } })
    const others = []
    for (const network of networks.slice(1)) others.push(await network.join(real, { code: first.code }))
    const rooms = [first, ...others]
    await until(() => rooms.every((room) => room.peers.size === 2))
    expect(rooms.map((room) => room.host.profile)).toEqual([{ name: 'Ada' }, { name: 'Ada' }, { name: 'Ada' }])
    expect(await networks[1].rooms(real)).toMatchObject([{ code: first.code, members: 3 }])
    const heard: string[] = []
    for (const room of others) for (const mode of modes) room.channels[mode]!.on(({ n }) => heard.push(`${mode} ${n}`))
    for (const mode of modes) expect(first.channels[mode]!.send({ n: 7 })).toBe(true)
    await until(() => heard.length === 2 * modes.length)
    expect(new Set(heard)).toEqual(new Set(modes.map((mode) => `${mode} 7`)))
    const left: string[] = []
    others[0]!.on('leave', (peer, reason) => left.push(`${peer.order} ${reason}`))
    await first.leave()
    await until(() => left.length > 0)
    expect(left).toEqual([`${first.self.order} left`])
    expect(others[0]!.isHost).toBe(true)
  } finally {
    await Promise.all(networks.map((network) => network.close()))
    await introducer.close()
  }
  expect(introducer.stats.peers).toBe(0)
})

test('an introducer that is not there, on a real network', async () => {
  // A port that was free a moment ago, and that nobody listens on.
  const gone = await createIntroducer({ port: 0, host: '127.0.0.1' })
  await gone.close()
  const error = await caught(connect(`rtmfp://127.0.0.1:${gone.port}`, { timeout: 300 }))
  expect(error.code).toBe('INTRODUCER_UNREACHABLE')
  expect(error.message).toContain('npx altostratus introducer')
})

test.each(['127.0.0.1', 'http://127.0.0.1', 'rtmfp://', 'rtmfp://127.0.0.1:99999', 'rtmfp://127.0.0.1/#zz'])(
  '%s is no URL of an introducer',
  async (url) => {
    const error = await caught(connect(url))
    expect(error.code).toBe('BAD_URL')
    expect(error.message).toMatch(/rtmfp:\/\//)
  },
)

test('a host name that nobody knows', async () => {
  expect((await caught(connect('rtmfp://no-such-host.invalid'))).code).toBe('HOST_UNKNOWN')
})

test('an introducer on a port that is in use', async () => {
  const one = await createIntroducer({ port: 0, host: '127.0.0.1' })
  try {
    const error = await caught(createIntroducer({ port: one.port, host: '127.0.0.1' }))
    expect(error.code).toBe('PORT_IN_USE')
    expect(error.message).toContain('choose another port')
  } finally {
    await one.close()
  }
})
