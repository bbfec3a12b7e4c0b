import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { utf8 } from '../../src/base/bytes.ts'
import { ACK_DELAY, BURST_LIMIT, BURST_REFILL, MAX_METADATA, MAX_RECEIVE_FLOWS, RECEIVE_CAPACITY } from '../../src/rtmfp/constants.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { SendFlowOptions } from '../../src/rtmfp/flow/flow-set.ts'
import type { ReceiveFlow } from '../../src/rtmfp/flow/receive-flow.ts'
import type { Delivery } from '../../src/rtmfp/flow/reassembly.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_BUFFER_PROBE, CHUNK_FLOW_EXCEPTION, CHUNK_NEXT_USER_DATA } from '../../src/wire/chunk.ts'
import { FRA_BEGIN, FRA_END, FRA_MIDDLE } from '../../src/wire/user-data.ts'
import { acksOf, dataOf, inspect } from './inspect.ts'
import type { SeenPacket } from './inspect.ts'
import { World } from './world.ts'
import type { Conditions, Node } from './world.ts'

interface Pair {
  readonly world: World
  readonly a: Node
  readonly b: Node
  readonly near: Session
  readonly far: Session
  readonly atNear: SeenPacket[]
  readonly atFar: SeenPacket[]
  /** Flows that b has been told of. */
  readonly incoming: ReceiveFlow[]
  /** Messages that b got: first byte, or length when it is longer than 1. */
  readonly messages: number[]
  onFlow: (flow: ReceiveFlow) => void
}

function pair(seed: number, conditions: Partial<Conditions> = {}, config: Partial<EndpointConfig> = {}): Pair {
  const world = new World(seed)
  const [a, b] = [world.add(config), world.add(config)]
  const near = world.connect(a, b)
  world.run(200)
  Object.assign(world.conditions, conditions)
  const far = b.events[0]!.session
  const made = { world, a, b, near, far, incoming: [] as ReceiveFlow[], messages: [] as number[], onFlow: (_flow: ReceiveFlow): void => {} }
  b.onEvent = (event) => {
    if (event.type === 'flow-open') {
      made.incoming.push(event.flow)
      made.onFlow(event.flow)
    } else if (event.type === 'message') made.messages.push(event.data.length === 1 ? event.data[0]! : event.data.length)
  }
  return Object.assign(made, { atNear: inspect(world, near), atFar: inspect(world, far) })
}

const open = (session: Session, options: Partial<SendFlowOptions> = {}): SendFlow =>
  session.openFlow({ metadata: utf8('test'), ...options })
const types = (packets: readonly SeenPacket[]): number[] => packets.flatMap(({ chunks }) => chunks.map(({ type }) => type))
const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** Drops those of the next packets from a that have these numbers, counted from 1. */
function lose({ world, a }: Pair, ...numbers: number[]): void {
  const left = new Set(numbers)
  let next = 0
  world.filter = (_datagram, from) => {
    if (!from.equals(a.address)) return true
    next++
    return !left.delete(next)
  }
}

describe('flows', () => {
  test('RFC 7016 §2.3.11.1: metadata and association come with the first fragments, until one is acknowledged', () => {
    const p = pair(1)
    const flow = open(p.near, { metadata: utf8('chat') })
    for (let i = 0; i < 6; i++) {
      flow.write(Uint8Array.of(i), p.world.now)
      p.world.run(25)
    }
    expect(p.incoming.map(({ metadata }) => metadata)).toEqual([utf8('chat')])
    const withOptions = dataOf(p.atFar).map(({ hasOptions }) => hasOptions)
    expect(withOptions[0]).toBe(true)
    expect(withOptions.at(-1)).toBe(false)
    const back = open(p.far, { metadata: utf8('answer'), returnOf: p.incoming[0]! })
    back.write(Uint8Array.of(9), p.world.now)
    p.world.run(100)
    const answer = p.a.events.find((event) => event.type === 'flow-open')
    expect(answer?.type === 'flow-open' && answer.flow.association).toBe(flow)
    expect(dataOf(p.atNear)[0]!.returnFlowId).toBe(flow.id)
  })

  test('RFC 7016 §3.6.3.1: a flow in return to one that is not there is refused', () => {
    const p = pair(2)
    const flow = open(p.near)
    flow.write(Uint8Array.of(1), p.world.now)
    p.world.run(100)
    const back = open(p.far, { returnOf: p.incoming[0]! })
    flow.close()
    p.world.run(2_000)
    back.write(Uint8Array.of(2), p.world.now)
    p.world.run(1_000)
    expect(p.a.events.filter((event) => event.type === 'flow-open')).toEqual([])
    expect(p.b.events.find((event) => event.type === 'flow-exception')).toMatchObject({ flow: back })
  })

  test('RFC 7016 §3.6.1.2: a message longer than a packet is cut and put together again; its fragments say which they are', () => {
    const p = pair(3)
    const flow = open(p.near)
    flow.write(new Uint8Array(5_000), p.world.now)
    p.world.run(1_000)
    expect(p.messages).toEqual([5_000])
    const parts = dataOf(p.atFar)
    expect(parts.map(({ sequenceNumber }) => sequenceNumber)).toEqual(count(parts.length).map((i) => i + 1))
    expect(parts.map(({ fragmentControl }) => fragmentControl)).toEqual([FRA_BEGIN, ...parts.slice(2).map(() => FRA_MIDDLE), FRA_END])
  })

  test('RFC 7016 §2.3.12: small messages share a packet, the later ones as Next User Data', () => {
    const p = pair(4)
    const flow = open(p.near)
    for (const i of count(30)) flow.write(Uint8Array.of(i), p.world.now)
    p.world.run(100)
    expect(p.messages).toEqual(count(30))
    const packets = p.atFar.filter(({ chunks }) => chunks.some(({ data }) => data !== undefined))
    expect(packets).toHaveLength(1)
    expect(types(packets).filter((type) => type === CHUNK_NEXT_USER_DATA)).toHaveLength(29)
  })

  test('limits: message, metadata, priority, queue', () => {
    const p = pair(5, {}, { maxMessageBytes: 10_000 })
    const flow = open(p.near, { maxQueuedBytes: 20_000 })
    expect(() => flow.write(new Uint8Array(10_001), p.world.now)).toThrow(/10001 bytes is over the limit of 10000/)
    expect(() => open(p.near, { metadata: new Uint8Array(MAX_METADATA + 1) })).toThrow(/over the limit of 512/)
    for (const priority of [-1, 8, 1.5]) expect(() => open(p.near, { priority })).toThrow(/from 0 to 7/)
    let taken = 0
    while (flow.write(new Uint8Array(5_000), p.world.now)) taken++
    expect(taken).toBe(4)
    expect(flow.isFull).toBe(true)
    p.world.run(3_000)
    expect(p.a.events.filter((event) => event.type === 'flow-writable')).toHaveLength(1)
    expect(flow.isFull).toBe(false)
    expect(p.messages).toEqual([5_000, 5_000, 5_000, 5_000])
  })

  test('a message that is longer than the receiver takes never comes: its flow is refused, the session goes on', () => {
    const world = new World(6)
    const a = world.add()
    const b = world.add({ maxMessageBytes: 3_000 })
    const session = world.connect(a, b)
    world.run(200)
    const flow = session.openFlow({ metadata: utf8('x') })
    flow.write(new Uint8Array(9_000), world.now)
    world.run(20_000)
    expect(a.events.some((event) => event.type === 'flow-exception' && event.flow === flow)).toBe(true)
    session.openFlow({ metadata: utf8('y') }).write(new Uint8Array(2_000), world.now)
    world.run(1_000)
    expect(b.events.flatMap((event) => (event.type === 'message' ? [event.data.length] : []))).toEqual([2_000])
  })

  test('RFC 7016 §3.6.3.7: a flow that is refused tells its sender why, and ends', () => {
    const p = pair(7)
    p.onFlow = (flow) => flow.reject(42)
    const flow = open(p.near)
    for (const i of count(10)) flow.write(Uint8Array.of(i), p.world.now)
    p.world.run(2_000)
    expect(p.messages).toEqual([])
    expect(types(p.atNear)).toContain(CHUNK_FLOW_EXCEPTION)
    expect(p.a.events.filter((event) => event.type === 'flow-exception')).toMatchObject([{ flow, code: 42 }])
    expect(flow.write(Uint8Array.of(1), p.world.now)).toBe(false)
    p.world.run(300_000)
    expect([p.near.flowCount, p.far.flowCount]).toEqual([0, 0])
  })

  test('RFC 7016 §3.6.2.11, §3.6.3.8: a flow that is closed delivers all, tells its end, and is forgotten by both', () => {
    for (const last of ['unsent', 'sent']) {
      const p = pair(8, { loss: 0.2 })
      const flow = open(p.near)
      for (const i of count(20)) flow.write(Uint8Array.of(i), p.world.now)
      if (last === 'sent') p.world.run(5_000)
      flow.close()
      flow.close()
      expect(flow.write(Uint8Array.of(1), p.world.now)).toBe(false)
      p.world.run(10_000)
      expect(p.messages).toEqual(count(20))
      expect(p.b.events.filter((event) => event.type === 'flow-complete')).toHaveLength(1)
      expect(flow.state).toBe('complete-linger')
      p.world.run(140_000)
      expect([p.near.flowCount, p.far.flowCount]).toEqual([0, 0])
    }
  })

  test('more flows than a session may have are not taken', () => {
    const p = pair(9)
    for (let i = 0; i < MAX_RECEIVE_FLOWS + 50; i++) open(p.near).write(Uint8Array.of(1), p.world.now)
    p.world.run(20_000)
    expect(p.incoming).toHaveLength(MAX_RECEIVE_FLOWS)
    expect(p.b.endpoint.stats.drops.get('too many flows')).toBeGreaterThan(0)
  })
})

describe('delivery', () => {
  const loss: Partial<Conditions> = { loss: 0.15, jitter: 40, duplicate: 0.1 }

  test('ordered: each once, in order; arrival: each once; whatever the network does', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom<Delivery>('ordered', 'arrival'),
        fc.array(fc.integer({ min: 2, max: 4_000 }), { maxLength: 40 }),
        (seed, delivery, sizes) => {
          const p = pair(seed, loss)
          p.onFlow = (flow) => (flow.delivery = delivery)
          const flow = open(p.near)
          for (const size of sizes) {
            flow.write(new Uint8Array(size), p.world.now)
            p.world.run(size % 30)
          }
          p.world.runUntil(() => flow.queuedBytes === 0)
          p.world.run(2_000)
          if (delivery === 'ordered') expect(p.messages).toEqual(sizes)
          else expect(p.messages.toSorted((x, y) => x - y)).toEqual(sizes.toSorted((x, y) => x - y))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('newest: never an older one after a newer one', () => {
    const p = pair(10, { jitter: 100 })
    p.onFlow = (flow) => (flow.delivery = 'newest')
    const flow = open(p.near, { retransmit: false })
    for (const i of count(120)) {
      flow.write(Uint8Array.of(i), p.world.now)
      p.world.run(10)
    }
    p.world.run(1_000)
    expect(p.messages.length).toBeLessThan(120)
    expect(p.messages).toEqual(p.messages.toSorted((x, y) => x - y))
    expect(p.messages.at(-1)).toBe(119)
  })

  test('RFC 7016 §3.6.2.7: a message whose lifetime is over is given up, and those behind it come', () => {
    const p = pair(11)
    const flow = open(p.near, { lifetime: 300 })
    p.world.filter = (_datagram, from) => !from.equals(p.a.address)
    flow.write(Uint8Array.of(1), p.world.now)
    p.world.run(1_000)
    p.world.filter = () => true
    expect(flow.queuedBytes).toBe(0)
    flow.write(Uint8Array.of(2), p.world.now, 5_000)
    p.world.run(3_000)
    expect(p.messages).toEqual([2])
    expect(p.b.events.find((event) => event.type === 'message')).toMatchObject({ gap: true })
  })

  test('RFC 7016 §3.6.2.7.1: a gap that will not be filled is told, so that what waits behind it is delivered', () => {
    const p = pair(12)
    const flow = open(p.near, { retransmit: false })
    flow.write(Uint8Array.of(0), p.world.now)
    p.world.run(300)
    lose(p, 1)
    for (const i of [1, 2, 3, 4]) {
      flow.write(Uint8Array.of(i), p.world.now)
      p.world.run(5)
    }
    p.world.run(3_000)
    expect(p.messages).toEqual([0, 2, 3, 4])
    expect(dataOf(p.atFar).some(({ forwardSequenceNumber }) => forwardSequenceNumber >= 2)).toBe(true)
    expect(flow.queuedBytes).toBe(0)
  })

  test('what is abandoned before it was sent never goes out', () => {
    const p = pair(13)
    const flow = open(p.near)
    flow.write(Uint8Array.of(0), p.world.now)
    p.world.run(300)
    flow.write(Uint8Array.of(1), p.world.now)
    flow.abandonQueued()
    flow.write(Uint8Array.of(2), p.world.now)
    p.world.run(1_000)
    expect(p.messages).toEqual([0, 2])
  })
})

describe('acknowledgement', () => {
  test('RFC 7016 §3.6.3.4.4: one packet waits for 200 ms, the second is acknowledged at once', () => {
    const p = pair(14)
    const flow = open(p.near)
    flow.write(Uint8Array.of(0), p.world.now)
    p.world.run(300)
    p.atNear.length = 0
    const start = p.world.now
    flow.write(Uint8Array.of(1), p.world.now)
    p.world.run(500)
    const [late] = p.atNear.filter(({ chunks }) => chunks.some(({ ack }) => ack !== undefined))
    expect(late!.at - start).toBe(20 + ACK_DELAY + 20)
    p.atNear.length = 0
    const again = p.world.now
    for (const i of [2, 3]) {
      flow.write(new Uint8Array(1_000).fill(i), p.world.now)
      p.world.run(1)
    }
    p.world.run(100)
    const [soon] = p.atNear.filter(({ chunks }) => chunks.some(({ ack }) => ack !== undefined))
    expect(soon!.at - again).toBeLessThanOrEqual(42)
  })

  test('RFC 7016 §3.6.3.4.2: what is missing is told at once, and what came beyond it', () => {
    const p = pair(15)
    const flow = open(p.near)
    flow.write(Uint8Array.of(0), p.world.now)
    p.world.run(400)
    p.atNear.length = 0
    lose(p, 1)
    const start = p.world.now
    for (const i of [1, 2]) {
      flow.write(Uint8Array.of(i), p.world.now)
      p.world.run(2)
    }
    p.world.run(40)
    const [ack] = acksOf(p.atNear)
    expect([ack!.cumulative, ack!.count, ack!.froms[0], ack!.tos[0]]).toEqual([1, 1, 3, 3])
    expect(p.atNear.find(({ chunks }) => chunks.some((chunk) => chunk.ack !== undefined))!.at - start).toBeLessThan(50)
  })

  test('RFC 7016 §3.6.2.5: three negative acknowledgements make a loss, which is repaired long before any timeout', () => {
    const p = pair(16)
    const flow = open(p.near)
    flow.write(Uint8Array.of(0), p.world.now)
    p.world.run(400)
    lose(p, 1)
    const start = p.world.now
    for (const i of [1, 2, 3, 4, 5, 6]) {
      flow.write(Uint8Array.of(i), p.world.now)
      p.world.run(5)
    }
    p.world.runUntil(() => p.messages.length === 7)
    expect(p.messages).toEqual(count(7))
    expect(p.world.now - start).toBeLessThan(120)
  })

  test('RFC 7016 §3.6.2.6: a last packet that is lost comes again after the timeout, which backs off', () => {
    const p = pair(17)
    const flow = open(p.near)
    flow.write(Uint8Array.of(0), p.world.now)
    p.world.run(400)
    const times: number[] = []
    // In both directions: a far end that is heard would be measured, which ends the back-off.
    p.world.filter = (_datagram, from) => {
      if (from.equals(p.a.address)) times.push(p.world.now)
      return false
    }
    const { erto } = p.near
    flow.write(Uint8Array.of(1), p.world.now)
    p.world.run(erto * 6)
    expect(p.near.state).toBe('open')
    const waits = times
      .slice(1)
      .map((time, i) => time - times[i]!)
      .filter((wait) => wait > 200)
    expect(waits[0]).toBeCloseTo(erto, 0)
    expect(p.near.erto / erto).toBeGreaterThan(1.4)
    p.world.filter = () => true
    p.world.runUntil(() => p.messages.length === 2)
  })

  test('RFC 7016 §3.5.2.3: a burst of six packets, then one each 10 ms until something is acknowledged', () => {
    const p = pair(18)
    const flow = open(p.near)
    // Long enough for the congestion window to be out of the way.
    flow.write(new Uint8Array(400_000), p.world.now)
    p.world.run(2_000)
    p.world.filter = (_datagram, from) => from.equals(p.a.address)
    p.atFar.length = 0
    const start = p.world.now
    flow.write(new Uint8Array(400_000), p.world.now)
    p.world.run(100)
    const at = p.atFar.filter(({ chunks }) => chunks.some(({ data }) => data !== undefined)).map((packet) => packet.at - start - 20)
    expect(at.filter((time) => time === 0)).toHaveLength(BURST_LIMIT)
    expect(at.slice(BURST_LIMIT)).toEqual(at.slice(BURST_LIMIT).map((_, i) => (i + 1) * BURST_REFILL))
    expect(at.length).toBeGreaterThan(BURST_LIMIT + 4)
  })
})

describe('flow control', () => {
  test('RFC 7016 §3.6.3.5, §3.6.2.9.1: a receiver that holds back stops the sender, which probes, and goes on when there is room', () => {
    const p = pair(19)
    p.onFlow = (flow) => {
      flow.bufferCapacity = 30_000
      flow.suspend()
    }
    const flow = open(p.near)
    for (let i = 0; i < 100; i++) flow.write(new Uint8Array(1_000), p.world.now)
    p.world.run(4_000)
    expect(p.messages).toEqual([])
    expect(acksOf(p.atNear).at(-1)!.bufferBlocks).toBe(0)
    const received = dataOf(p.atFar).length
    p.world.run(10_000)
    // Nothing but probes while there is no room.
    expect(dataOf(p.atFar).length - received).toBeLessThanOrEqual(2)
    expect(types(p.atFar).filter((type) => type === CHUNK_BUFFER_PROBE).length).toBeGreaterThanOrEqual(3)
    p.incoming[0]!.resume()
    p.world.runUntil(() => p.messages.length === 100, 10_000)
    expect(p.messages).toEqual(count(100).map(() => 1_000))
  })

  test('RFC 7016 §3.6.3.5: what is announced is never more than the capacity, and never less than nothing', () => {
    const p = pair(20, { loss: 0.2, jitter: 30 })
    const flow = open(p.near)
    flow.write(new Uint8Array(900_000), p.world.now)
    p.world.runUntil(() => p.messages.length === 1)
    for (const { bufferBlocks } of acksOf(p.atNear)) {
      expect(bufferBlocks).toBeGreaterThanOrEqual(0)
      expect(bufferBlocks).toBeLessThanOrEqual(RECEIVE_CAPACITY / 1_024)
    }
  })
})

describe('priorities', () => {
  test('the higher one is sent first, however much waits below it', () => {
    const p = pair(21)
    const bulk = open(p.near, { priority: 1 })
    const urgent = open(p.near, { priority: 6 })
    bulk.write(new Uint8Array(1_000_000), p.world.now)
    p.world.run(150)
    const start = p.world.now
    for (const i of count(10)) {
      urgent.write(Uint8Array.of(i), p.world.now)
      p.world.run(15)
    }
    p.world.run(40)
    expect(p.messages.slice(0, 10)).toEqual(count(10))
    expect(p.world.now - start).toBeLessThan(200)
    p.world.runUntil(() => p.messages.length === 11)
  })

  test('equals take turns', () => {
    const p = pair(22)
    const flows = [open(p.near), open(p.near), open(p.near)]
    for (const flow of flows) flow.write(new Uint8Array(100_000), p.world.now)
    p.world.run(400)
    const sent = flows.map((flow) => dataOf(p.atFar).filter(({ flowId }) => flowId === flow.id).length)
    expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(2)
    expect(Math.min(...sent)).toBeGreaterThan(5)
  })

  test('RFC 7016 §2.2.4, §3.5.2.1: packets of a time critical flow bear the mark, and a third party is told', () => {
    const p = pair(23)
    const other = p.world.add()
    const third = p.world.connect(other, p.b)
    p.world.run(200)
    const atThird = inspect(p.world, third)
    open(p.near).write(Uint8Array.of(1), p.world.now)
    p.world.run(50)
    expect(p.atFar.filter(({ header }) => header.timeCritical)).toEqual([])
    open(p.near, { timeCritical: true }).write(Uint8Array.of(2), p.world.now)
    p.world.run(50)
    expect(p.atFar.filter(({ header }) => header.timeCritical)).toHaveLength(1)
    open(third).write(Uint8Array.of(3), p.world.now)
    p.world.run(300)
    expect(atThird.some(({ header }) => header.timeCriticalReverse)).toBe(true)
    atThird.length = 0
    p.world.run(3_000)
    open(third).write(Uint8Array.of(4), p.world.now)
    p.world.run(300)
    expect(atThird.some(({ header }) => header.timeCriticalReverse)).toBe(false)
  })
})
