import { describe, expect, test } from '@jest/globals'
import { AltostratusError, channel, game, rpc, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import { pack } from '../../src/introducer/packing.ts'
import { CHANNEL_FLOW, MAX_ANSWERING, MAX_CALLS } from '../../src/room/constants.ts'
import { simulate } from '../../src/testing/simulate.ts'
import { caught } from './caught.ts'

const shop = game('test.shop', {
  protocol: 1,
  channels: { chat: channel({ text: t.string(20) }) },
  rpcs: {
    buy: rpc({ item: t.oneOf('mine', 'armor') }, { ok: t.bool, gold: t.uint16 }),
    wait: rpc({ n: t.uint16 }, { n: t.uint16 }),
    blob: rpc({ bytes: t.bytes(100_000) }, { bytes: t.bytes(100_000) }),
  },
})
type Shop = Room<typeof shop>

async function open(): Promise<{ net: ReturnType<typeof simulate>; a: Shop; b: Shop }> {
  const net = simulate({ rtt: 60 })
  const [a, b] = (await net.players(shop, 2)) as [Shop, Shop]
  return { net, a, b }
}

describe('calls', () => {
  test('are answered with the types of the definition, also by oneself', async () => {
    const { net, a, b } = await open()
    const from: number[] = []
    a.rpcs.buy.handle(({ item }, peer) => {
      from.push(peer.order)
      return { ok: item === 'mine', gold: 40 }
    })
    expect(await net.wait(b.rpcs.buy.call(b.host, { item: 'mine' }))).toEqual({ ok: true, gold: 40 })
    expect(await net.wait(a.rpcs.buy.call(a.host, { item: 'armor' }))).toEqual({ ok: false, gold: 40 })
    expect(from).toEqual([1, 0])
    a.rpcs.buy.handle(async () => {
      await new Promise<void>((resolve) => net.clock.at(net.clock.now() + 500, resolve))
      return { ok: true, gold: 1 }
    })
    expect(await net.wait(b.rpcs.buy.call(b.host, { item: 'mine' }))).toEqual({ ok: true, gold: 1 })
    expect(net.errors).toEqual([])
  })

  test('errors: what a handler throws on purpose comes over, what it throws by mistake stays there', async () => {
    const { net, a, b } = await open()
    const call = (): Promise<AltostratusError> => caught(net.wait(b.rpcs.buy.call(b.host, { item: 'mine' })))
    expect((await call()).code).toBe('NO_HANDLER')
    const stop = a.rpcs.buy.handle(() => {
      throw new AltostratusError('TOO_POOR', 'It costs 50.')
    })
    expect(await call()).toMatchObject({ code: 'TOO_POOR', message: 'It costs 50.' })
    stop()
    a.rpcs.buy.handle(() => {
      throw new Error('secret stack')
    })
    const mistake = await call()
    expect([mistake.code, mistake.message.includes('secret')]).toEqual(['CALL_FAILED', false])
    expect(net.errors.splice(0)).toEqual([expect.objectContaining({ message: 'secret stack' })])
    a.rpcs.buy.handle(() => ({ ok: true, gold: -1 }))
    expect((await call()).code).toBe('BAD_VALUE')
    expect((await caught(b.rpcs.buy.call(b.host, { item: 'tank' } as never))).message).toMatch(/buy\.item must be one of/)
    expect((await caught(b.rpcs.blob.call(b.host, { bytes: new Uint8Array(70_000) }))).code).toBe('MESSAGE_TOO_LARGE')
    expect((await caught(b.rpcs.buy.call(b.host, { item: 'mine' }, { timeout: 0 }))).code).toBe('BAD_VALUE')
    expect(net.errors).toEqual([])
  })

  test('a time-out ends a call; an answer that comes later is dropped, and counted', async () => {
    const { net, a, b } = await open()
    let answer: (value: { n: number }) => void = () => {}
    a.rpcs.wait.handle(() => new Promise((resolve) => (answer = resolve)))
    const at = net.clock.now()
    const error = await caught(net.wait(b.rpcs.wait.call(b.host, { n: 1 }, { timeout: 2_000 })))
    expect([error.code, net.clock.now() - at]).toEqual(['CALL_TIMEOUT', 2_000])
    answer({ n: 1 })
    await net.run(500)
    expect(callsOf(b).stats.late).toBe(1)
    a.rpcs.wait.handle(({ n }) => ({ n }))
    expect(await net.wait(b.rpcs.wait.call(b.host, { n: 2 }))).toEqual({ n: 2 })
  })

  test('none waits for one who has left, or is away, or when the room is left', async () => {
    const { net, a, b } = await open()
    a.rpcs.wait.handle(() => new Promise(() => {}))
    const [one, two] = [caught(b.rpcs.wait.call(b.host, { n: 1 })), caught(b.rpcs.wait.call(b.host, { n: 2 }))]
    await net.run(100)
    await net.wait(a.leave())
    expect((await net.wait(Promise.all([one, two]))).map(({ code }) => code)).toEqual(['PEER_LOST', 'PEER_LOST'])
    const c = await net.wait((await net.connect()).join(shop, { code: b.code }))
    c.rpcs.wait.handle(() => new Promise(() => {}))
    await net.run(200)
    const peer = b.peers.get(c.self.id)!
    const third = caught(b.rpcs.wait.call(peer, { n: 3 }, { timeout: 60_000 }))
    net.crash(c)
    expect((await net.wait(third)).code).toBe('PEER_LOST')
    expect((await caught(b.rpcs.wait.call(peer, { n: 4 }))).code).toBe('PEER_LOST')
    await net.wait(b.leave())
    expect((await caught(b.rpcs.wait.call(b.self, { n: 5 }))).code).toBe('ROOM_CLOSED')
  })

  test('that wait, and that are answered, are bounded', async () => {
    const { net, a, b } = await open()
    a.rpcs.wait.handle(() => new Promise(() => {}))
    const codes: string[] = []
    const calls = Array.from({ length: MAX_CALLS + 10 }, (_, n) =>
      caught(b.rpcs.wait.call(b.host, { n }, { timeout: 3_000 })).then(({ code }) => codes.push(code)),
    )
    await net.wait(Promise.all(calls))
    const count = (code: string): number => codes.filter((other) => other === code).length
    expect(count('CALL_TIMEOUT')).toBe(MAX_ANSWERING)
    expect(count('TOO_MANY_CALLS')).toBe(MAX_CALLS + 10 - MAX_ANSWERING)
  })

  test('what is no call is dropped and counted, and so is an answer to another’s question', async () => {
    const { net, a, b } = await open()
    a.rpcs.wait.handle(({ n }) => ({ n }))
    const c = await net.wait((await net.connect()).join(shop, { code: a.code }))
    await net.run(500)
    const pending = b.rpcs.wait.call(b.host, { n: 9 })
    const flow = c.core.peers.get(b.self.id)!.session!.openFlow({ metadata: pack([CHANNEL_FLOW, c.id, '#call', 0, 0]) })
    const wrong = [
      [7],
      [0, 1, 'nosuch', []],
      [0, 1, 'toString', []],
      [0, -1, 'buy', [0]],
      [0, 1, 'buy', [9]],
      'x',
      [1, 'x', []],
      [0, 1, 'buy', [0], 5],
    ]
    for (const value of wrong) flow.write(pack(value), net.clock.now())
    flow.write(pack([1, 0, [1]]), net.clock.now())
    c.network.kick()
    expect(await net.wait(pending)).toEqual({ n: 9 })
    await net.run(200)
    expect(callsOf(b).stats).toEqual({ late: 1, malformed: wrong.length })
    expect(net.errors).toEqual([])
  })
})

describe('receivers of a message', () => {
  test('all, others, the host, a list', async () => {
    const net = simulate()
    const rooms = (await net.players(shop, 3)) as Shop[]
    const heard: string[] = []
    for (const [i, room] of rooms.entries()) room.channels.chat.on(({ text }, from) => heard.push(`${i} ${text} ${from.order}`))
    const [a, b, c] = rooms as [Shop, Shop, Shop]
    a.channels.chat.send({ text: 'all' }, 'all')
    b.channels.chat.send({ text: 'others' }, 'others')
    c.channels.chat.send({ text: 'host' }, 'host')
    a.channels.chat.send({ text: 'me' }, 'host')
    b.channels.chat.send({ text: 'list' }, [...b.peers.values()])
    b.channels.chat.send({ text: 'none' }, [])
    await net.run(300)
    expect(heard.toSorted()).toEqual(
      ['0 all 0', '1 all 0', '2 all 0', '0 others 1', '2 others 1', '0 host 2', '0 me 0', '0 list 1', '2 list 1'].toSorted(),
    )
  })
})

function callsOf(room: Shop): { readonly stats: { late: number; malformed: number } } {
  return (room as unknown as { readonly calls: { readonly stats: { late: number; malformed: number } } }).calls
}
