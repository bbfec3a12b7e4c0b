import { expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import { simulate } from '../../src/entry/testing.ts'

const counted = game('test.counted', {
  protocol: 1,
  channels: { up: channel({ n: t.uint16 }), loose: channel({ n: t.uint16 }, { delivery: 'unreliable' }) },
})

test('what a peer’s statistics say: round trips, loss each way, bytes by channel', async () => {
  const net = simulate({ seed: 31, rtt: 80 })
  const [a, b] = await net.players(counted, 2)
  net.network.setConditions(net.linkOf(a!), net.linkOf(b!), { loss: 0.2 })
  const toB = [...a!.peers.values()][0]!
  const toA = [...b!.peers.values()][0]!
  expect(a!.self.stats).toBeUndefined()
  for (let n = 0; n < 1_000; n++) {
    a!.channels.loose.send({ n: 300 })
    if (n % 10 === 0) b!.channels.up.send({ n: 300 })
    await net.run(20)
    void [toB.stats, toA.stats]
  }
  await net.run(3_000)
  const [near, far] = [toB.stats!, toA.stats!]
  for (const { rtt, jitter } of [near, far]) {
    expect(rtt).toBeGreaterThanOrEqual(76)
    expect(rtt).toBeLessThan(100)
    expect(jitter).toBeGreaterThanOrEqual(0)
  }
  expect(near.lossOut).toBeGreaterThan(0.05)
  expect(far.lossIn).toBeGreaterThan(0.05)
  expect(far.lossIn).toBeLessThan(0.4)
  expect(near.lossIn).toBeLessThan(0.02)
  expect(near.bandwidth).toBeGreaterThan(100_000)
  expect(near.queued).toBe(0)
  expect(near.channels.get('loose')).toEqual({ sent: 4_000, received: 0 })
  expect(far.channels.get('up')).toEqual({ sent: 400, received: 0 })
  expect(near.channels.get('up')).toEqual({ sent: 0, received: 400 })
  expect(far.channels.get('loose')!.received).toBeGreaterThan(2_500)
  expect(near.bytesSent).toBeGreaterThan(far.bytesReceived)
})
