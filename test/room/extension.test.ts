import { expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import { game } from '../../src/entry/main.ts'
import type { Peer, RoomExtension, RoomPart, RoomPort } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'

/** An extension that writes down what it is told. */
class Diary implements RoomExtension {
  readonly lines: string[] = []
  readonly port: RoomPort

  constructor(port: RoomPort) {
    this.port = port
  }

  peerJoined(peer: Peer): void {
    this.lines.push(`joined ${peer.order}`)
    if (this.port.isHost) this.port.sendReliable(peer, utf8('after'))
  }

  peerLeft(peer: Peer, reason: string): void {
    this.lines.push(`left ${peer.order} ${reason}`)
  }

  hostChanged({
    host,
    previous,
    epoch,
    previousEpoch,
  }: {
    host: Peer
    previous: Peer | undefined
    epoch: number
    previousEpoch: number
  }): void {
    this.lines.push(`host ${previous?.order} → ${host.order} ${epoch > previousEpoch}`)
  }

  joinState(peer: Peer): Uint8Array {
    return utf8(`state for ${peer.order}`)
  }

  receiveJoinState(state: Uint8Array, from: Peer): void {
    this.lines.push(`${new TextDecoder().decode(state)} from ${from.order}`)
  }

  receive(from: Peer, message: Uint8Array, lane: string): void {
    this.lines.push(`${lane} ${new TextDecoder().decode(message)} from ${from.order}`)
  }

  closed(): void {
    this.lines.push('closed')
  }
}

const diary: RoomPart<Diary> = { attach: (room) => room.extension('diary', (port) => new Diary(port)) }
const diaries = game('test.diary', { protocol: 1, entities: { one: diary, two: diary }, shared: diary })

test('parts of a game share one extension, which is told what happens in order, and has state before join resolves', async () => {
  const net = simulate()
  const ada = await net.connect()
  const ben = await net.connect()
  const a = await net.wait(ada.create(diaries))
  expect(a.entities.one).toBe(a.entities.two)
  expect(a.entities.one).toBe(a.shared)
  const b = await net.wait(ben.join(diaries, { code: a.code }))
  const state = b.shared.lines.indexOf('state for 1 from 0')
  expect(state).toBeGreaterThanOrEqual(0)
  expect(b.shared.lines).not.toContain('reliable after from 0')
  await net.run(500)
  expect(b.shared.lines.indexOf('reliable after from 0')).toBeGreaterThan(state)
  const { port } = b.shared
  expect(port.datagramRoom(b.host)).toBeGreaterThan(1_000)
  expect(port.sendDatagram(b.host, new Uint8Array(3).fill(65), 'immediate')).toBe(true)
  expect(port.isCurrentHost(b.host, port.epoch)).toBe(true)
  await net.run(500)
  expect(a.shared.lines.slice(-1)).toEqual(['datagram AAA from 1'])
  expect(port.datagramBacklog(b.host)).toBe(0)
  port.provideClock(() => 1234)
  expect(b.now()).toBe(1234)
  await net.wait(a.leave())
  await net.run(500)
  expect(a.shared.lines.slice(-1)).toEqual(['closed'])
  expect(b.shared.lines.slice(-2)).toEqual(['host 0 → 1 true', 'left 0 left'])
  expect(net.errors).toEqual([])
})
