import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import { CLOSE_INTERVAL, DEAD_AFTER, FAR_CLOSE_LINGER, KEEPALIVE_INTERVAL, NEAR_CLOSE_LIMIT } from '../../src/rtmfp/constants.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_CLOSE, CHUNK_CLOSE_ACK, CHUNK_PING, CHUNK_PING_REPLY } from '../../src/wire/chunk.ts'
import { inspect } from './inspect.ts'
import type { SeenPacket } from './inspect.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

interface Pair {
  readonly world: World
  readonly a: Node
  readonly b: Node
  readonly near: Session
  readonly far: Session
  /** What each received. */
  readonly atNear: SeenPacket[]
  readonly atFar: SeenPacket[]
}

function pair(seed: number, config: Partial<EndpointConfig> = {}): Pair {
  const world = new World(seed)
  const [a, b] = [world.add(config), world.add(config)]
  const near = world.connect(a, b)
  world.run(200)
  const far = b.events[0]!.session
  return { world, a, b, near, far, atNear: inspect(world, near), atFar: inspect(world, far) }
}

const types = (packets: readonly SeenPacket[]): number[] => packets.flatMap(({ chunks }) => chunks.map(({ type }) => type))
const reasons = (node: Node): unknown[] => node.events.flatMap((event) => (event.type === 'session-closed' ? [event.reason] : []))

describe('closing in order', () => {
  test('RFC 7016 §3.5.5: Close, Close Ack; the closer is done at once, the other lingers 19 seconds', () => {
    const { world, a, b, near, far, atNear, atFar } = pair(1)
    near.close(world.now)
    expect(near.state).toBe('near-close')
    world.run(100)
    expect(types(atFar)).toEqual([CHUNK_CLOSE])
    expect(types(atNear)).toEqual([CHUNK_CLOSE_ACK])
    expect([near.state, far.state]).toEqual(['closed', 'far-close-linger'])
    expect([reasons(a), reasons(b)]).toEqual([['near'], ['far']])
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 1])
    world.run(FAR_CLOSE_LINGER)
    expect(far.state).toBe('closed')
    expect(b.endpoint.sessionCount).toBe(0)
  })

  test('RFC 7016 §3.5.5: an unanswered Close is repeated every 5 seconds, and given up after 90', () => {
    const { world, a, b, near, atFar } = pair(2)
    world.filter = (_datagram, from) => !from.equals(b.address)
    near.close(world.now)
    const start = world.now
    world.run(NEAR_CLOSE_LIMIT - 1)
    expect(near.state).toBe('near-close')
    const at = atFar.filter(({ chunks }) => chunks.some(({ type }) => type === CHUNK_CLOSE)).map((packet) => packet.at - start - 20)
    // The far end forgets after its linger, and hears no more.
    expect(at).toEqual([0, 5_000, 10_000, 15_000])
    expect(CLOSE_INTERVAL).toBe(5_000)
    world.run(1)
    expect(near.state).toBe('closed')
    expect(a.endpoint.sessionCount).toBe(0)
    expect(reasons(a)).toEqual(['near'])
  })

  test('RFC 7016 §3.5.5: a lingering end answers each repeated Close', () => {
    const { world, b, near, far, atNear } = pair(3)
    let lost = 0
    world.filter = (_datagram, from) => !from.equals(b.address) || ++lost > 2
    near.close(world.now)
    world.run(20_000)
    expect(lost).toBe(3)
    expect(types(atNear)).toEqual([CHUNK_CLOSE_ACK])
    expect(near.state).toBe('closed')
    expect(far.state).not.toBe('open')
  })

  test('RFC 7016 §3.5.5: both close at the same time', () => {
    const { world, a, b, near, far } = pair(4)
    near.close(world.now)
    far.close(world.now)
    world.run(100)
    expect([near.state, far.state]).toEqual(['closed', 'closed'])
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
    expect([reasons(a), reasons(b)]).toEqual([['near'], ['near']])
  })

  test('RFC 7016 §3.5.5: an abrupt end is a Close Ack, one time, and the far end is closed by it', () => {
    const { world, a, b, near, far, atFar } = pair(5)
    near.abort()
    world.run(100)
    expect(types(atFar)).toEqual([CHUNK_CLOSE_ACK])
    expect([near.state, far.state]).toEqual(['closed', 'closed'])
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
    expect([reasons(a), reasons(b)]).toEqual([['near'], ['far']])
  })

  test('RFC 7016 §3.5.5: flows end with their session; nothing of them is delivered or taken any more', () => {
    const { world, b, near, far } = pair(6)
    const flow = near.openFlow({ metadata: utf8('x') })
    flow.write(new Uint8Array(100_000), world.now)
    world.run(30)
    near.close(world.now)
    expect(flow.state).toBe('closed')
    expect(flow.write(Uint8Array.of(1), world.now)).toBe(false)
    world.run(5_000)
    expect(b.events.some((event) => event.type === 'message')).toBe(false)
    expect(() => near.openFlow({ metadata: utf8('y') })).toThrow(/open session/)
    expect([near.flowCount, far.flowCount]).toEqual([0, 0])
  })

  test('closing while it still opens is giving up, whatever was sent already', () => {
    for (const after of [0, 10, 30, 50, 70]) {
      const world = new World(7)
      const [a, b] = [world.add(), world.add()]
      const session = world.connect(a, b)
      world.run(after)
      session.close(world.now)
      session.close(world.now)
      expect(session.state).toBe('open-failed')
      world.run(60_000)
      expect(a.events.map((event) => event.type === 'session-failed' && event.reason)).toEqual(['cancelled'])
      expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
    }
  })

  test('all sessions at once: closeAll in order, abortAll at once', () => {
    const world = new World(8)
    const center = world.add()
    const others = [world.add(), world.add(), world.add()]
    for (const other of others) world.connect(other, center)
    world.run(200)
    center.endpoint.closeAll(world.now)
    world.run(100)
    expect(center.endpoint.sessionCount).toBe(0)
    for (const other of others) expect(reasons(other)).toEqual(['far'])
    world.run(FAR_CLOSE_LINGER)
    for (const other of others) world.connect(other, center)
    world.run(200)
    center.endpoint.abortAll()
    world.run(100)
    for (const node of world.nodes) expect(node.endpoint.sessionCount).toBe(0)
  })
})

describe('silence', () => {
  test('RFC 7016 §3.5.4.1: a quiet session asks once a second, with an empty ping, and is answered', () => {
    const { world, near, far, atNear, atFar } = pair(9)
    world.run(10_000)
    const pings = atFar.flatMap(({ chunks }) => chunks).filter(({ type }) => type === CHUNK_PING)
    const pongs = atNear.flatMap(({ chunks }) => chunks).filter(({ type }) => type === CHUNK_PING_REPLY)
    expect(pings.length + types(atNear).filter((type) => type === CHUNK_PING).length).toBeGreaterThan(8)
    expect(pongs.length).toBe(pings.length)
    for (const { length } of [...pings, ...pongs]) expect(length).toBe(0)
    expect([near.state, far.state]).toEqual(['open', 'open'])
    expect(KEEPALIVE_INTERVAL).toBe(1_000)
  })

  test('a session with traffic needs no pings', () => {
    const { world, near, atFar, atNear } = pair(10)
    const flow = near.openFlow({ metadata: utf8('x') })
    for (let i = 0; i < 100; i++) {
      flow.write(Uint8Array.of(i), world.now)
      world.run(100)
    }
    expect(types([...atFar, ...atNear])).not.toContain(CHUNK_PING)
  })

  test.each([
    [undefined, DEAD_AFTER],
    [12_000, 12_000],
  ])('with deadAfter %p, silence of %d ms is death', (deadAfter, expected) => {
    const { world, a, near } = pair(11, deadAfter === undefined ? {} : { deadAfter })
    world.run(800)
    world.filter = () => false
    const start = world.now
    world.run(expected - 1_000)
    expect(near.state).toBe('open')
    world.run(1_001)
    expect(near.state).toBe('closed')
    expect(reasons(a)).toEqual(['dead'])
    expect(a.endpoint.sessionCount).toBe(0)
    expect(world.now - start).toBeLessThanOrEqual(expected + 1)
  })

  test('a network that loses every third packet is not taken for a dead peer', () => {
    for (let seed = 20; seed < 30; seed++) {
      const { world, near, far } = pair(seed)
      world.conditions.loss = 0.33
      world.run(60_000)
      expect([near.state, far.state]).toEqual(['open', 'open'])
    }
  })

  test('when one direction alone is broken, both ends learn that it is over', () => {
    const { world, a, b } = pair(12)
    world.filter = (_datagram, from) => !from.equals(b.address)
    world.run(20_000)
    expect(reasons(a)).toEqual(['dead'])
    expect(reasons(b)).toEqual(['far'])
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
  })
})
