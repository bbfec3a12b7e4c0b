import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { MAX_DATAGRAM, MAX_LOOPBACK_DATAGRAM, MAX_PATH_DATAGRAM, MTU_LEAST, MTU_RAISE_INTERVAL } from '../../src/rtmfp/constants.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

interface Path {
  readonly world: World
  readonly a: Node
  readonly b: Node
  readonly session: Session
  /** Largest datagram that the path lets through; longer ones vanish. */
  carries: number
  /** Sizes of the datagrams that `a` sent. */
  readonly sizes: number[]
}

function path(carries: number, config: Partial<EndpointConfig> = {}, farAddress?: Address): Path {
  const world = new World(carries)
  const a = world.add(config)
  const b = world.add(config)
  if (farAddress !== undefined) b.address = farAddress
  const result: Path = { world, a, b, session: world.connect(a, b), carries, sizes: [] }
  world.filter = (datagram, from) => {
    if (from.equals(a.address)) result.sizes.push(datagram.length)
    return datagram.length <= result.carries
  }
  world.run(100)
  return result
}

/** Writes a message and waits until all of it has arrived. */
function transfer({ world, session, b }: Path, length: number): void {
  const before = b.events.length
  const flow = session.openFlow({ metadata: Uint8Array.of(1) })
  flow.write(new Uint8Array(length), world.now)
  flow.close()
  world.runUntil(() => b.events.slice(before).some((event) => event.type === 'message' && event.data.length === length))
}

describe('path MTU discovery', () => {
  test.each([
    [1_500 - 28, 1_472],
    [1_492 - 28, 1_452],
    [1_420 - 28, 1_360],
    [1_300, MAX_DATAGRAM],
  ])('RFC 7016 §3.5.4.3: a path that carries %d bytes of payload is found to carry %d', (carries, found) => {
    const p = path(carries)
    transfer(p, 100_000)
    p.world.run(10_000)
    expect(p.session.maxDatagram).toBe(found)
    p.sizes.length = 0
    transfer(p, 100_000)
    expect(Math.max(...p.sizes)).toBeLessThanOrEqual(found)
    expect(Math.max(...p.sizes)).toBeGreaterThan(found - 40)
  })

  test('nothing is probed for as long as messages are short', () => {
    const p = path(1_472)
    for (let i = 0; i < 50; i++) transfer(p, 600)
    expect(Math.max(...p.sizes)).toBeLessThan(MAX_DATAGRAM)
    expect(p.session.maxDatagram).toBe(MAX_DATAGRAM)
  })

  test('no probe is longer than was asked for', () => {
    const p = path(60_000, { maxPathDatagram: MAX_DATAGRAM })
    transfer(p, 100_000)
    p.world.run(10_000)
    expect(Math.max(...p.sizes)).toBeLessThanOrEqual(MAX_DATAGRAM)
  })

  test('a network of jumbo frames is used when it is asked for', () => {
    const p = path(8_972, { maxPathDatagram: 8_952 })
    transfer(p, 100_000)
    p.world.run(5_000)
    expect(p.session.maxDatagram).toBe(8_952)
    transfer(p, 1_000_000)
  })

  test('many short messages at once are a reason to look for more, too', () => {
    const p = path(1_472)
    const flow = p.session.openFlow({ metadata: Uint8Array.of(1) })
    for (let i = 0; i < 50; i++) flow.write(new Uint8Array(600), p.world.now)
    p.world.run(2_000)
    expect(p.session.maxDatagram).toBe(MAX_PATH_DATAGRAM)
  })

  test('between two ends on one machine there is no Ethernet to fit into', () => {
    const p = path(65_507, {}, Address.parse('127.0.0.1:4000'))
    transfer(p, 100_000)
    p.world.run(5_000)
    expect(p.session.maxDatagram).toBe(MAX_LOOPBACK_DATAGRAM)
    p.sizes.length = 0
    transfer(p, 1_000_000)
    expect(Math.max(...p.sizes)).toBeGreaterThan(MAX_LOOPBACK_DATAGRAM - 40)
  })

  test('to no other machine is more sent than Ethernet carries, whatever the path and the system let through', () => {
    const p = path(65_507)
    transfer(p, 1_000_000)
    expect(Math.max(...p.sizes)).toBe(MAX_PATH_DATAGRAM)
  })

  test('what was cut for the same machine still arrives when the far end has moved to another', () => {
    const p = path(65_507, {}, Address.parse('127.0.0.1:4000'))
    transfer(p, 100_000)
    p.world.run(5_000)
    const flow = p.session.openFlow({ metadata: Uint8Array.of(2) })
    flow.write(new Uint8Array(300_000), p.world.now)
    p.b.address = Address.from('203.0.113.77', 4_000)
    p.b.endpoint.nearAddressChanged(p.world.now)
    p.world.runUntil(() => flow.queuedBytes === 0)
    expect(p.session.maxDatagram).toBeLessThanOrEqual(MAX_PATH_DATAGRAM)
    p.sizes.length = 0
    transfer(p, 100_000)
    expect(Math.max(...p.sizes)).toBeLessThanOrEqual(MAX_PATH_DATAGRAM)
  })

  test('RFC 8899 §4.3: a path that begins to swallow long packets is noticed, and messages of before still arrive', () => {
    const p = path(1_472)
    transfer(p, 100_000)
    p.world.run(5_000)
    expect(p.session.maxDatagram).toBe(MAX_PATH_DATAGRAM)
    p.carries = 1_300
    const flow = p.session.openFlow({ metadata: Uint8Array.of(2), retransmit: false })
    for (let i = 0; i < 300; i++) {
      flow.write(new Uint8Array(3_000), p.world.now)
      p.world.run(100)
    }
    expect(p.session.maxDatagram).toBeLessThanOrEqual(MAX_DATAGRAM)
    transfer(p, 10_000)
  })

  test('a fragment that was cut for longer packets is still sent, for the network to cut up', () => {
    const p = path(1_472)
    transfer(p, 100_000)
    p.world.run(5_000)
    const flow = p.session.openFlow({ metadata: Uint8Array.of(2) })
    p.carries = 1_300
    flow.write(new Uint8Array(30_000), p.world.now)
    p.world.run(8_000)
    expect(p.session.maxDatagram).toBeLessThanOrEqual(MAX_DATAGRAM)
    expect(flow.queuedBytes).toBeGreaterThan(0)
    p.carries = 1_472
    p.world.runUntil(() => flow.queuedBytes === 0)
  })

  test('a path that does not even carry the usual gets what every path must', () => {
    const p = path(1_250)
    const flow = p.session.openFlow({ metadata: Uint8Array.of(2), retransmit: false })
    for (let i = 0; i < 600 && p.session.maxDatagram > MTU_LEAST; i++) {
      flow.write(new Uint8Array(3_000), p.world.now)
      p.world.run(100)
    }
    expect(p.session.maxDatagram).toBe(MTU_LEAST)
    transfer(p, 10_000)
  })

  test('RFC 8899 §5.1.1: what did not pass is tried again after ten minutes', () => {
    const p = path(1_300)
    transfer(p, 100_000)
    p.world.run(20_000)
    expect(p.session.maxDatagram).toBe(MAX_DATAGRAM)
    p.carries = 1_472
    p.world.run(MTU_RAISE_INTERVAL + 20_000)
    expect(p.session.maxDatagram).toBe(1_472)
  })

  test('a far end that has moved is on another path, of which nothing is known', () => {
    const p = path(1_472)
    transfer(p, 100_000)
    p.world.run(5_000)
    p.b.address = Address.from('203.0.113.77', 4_000)
    p.b.endpoint.nearAddressChanged(p.world.now)
    p.world.run(1_000)
    expect(p.session.farAddress).toBe(p.b.address)
    expect(p.session.maxDatagram).toBe(MAX_DATAGRAM)
  })
})
