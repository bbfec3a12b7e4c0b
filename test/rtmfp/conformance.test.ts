import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../../src/rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import type { SendFlowOptions } from '../../src/rtmfp/flow/flow-set.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'
import { CHUNK_BUFFER_PROBE } from '../../src/wire/chunk.ts'
import { acksOf, dataOf, inspect } from './inspect.ts'
import { World } from './world.ts'
import type { Conditions, Node } from './world.ts'

/** Requirements of RFC 7016 that no other test looks at. `docs/conformance.md` names them. */

interface Pair {
  readonly world: World
  readonly a: Node
  readonly b: Node
  /** Of `a`, which is the initiator. */
  readonly session: Session
  /** Of `b`. */
  readonly far: Session
}

const METADATA = utf8('m')

function open(seed: number, conditions: Partial<Conditions> = {}, config: Partial<EndpointConfig> = {}): Pair {
  const world = new World(seed, conditions)
  const a = world.add(config)
  const b = world.add(config)
  const session = world.connect(a, b)
  world.runUntil(() => session.state === 'open')
  world.run(4 * world.conditions.latency)
  return { world, a, b, session, far: [...b.endpoint.sessions][0]! }
}

function flowOf({ session }: Pair, options: Partial<SendFlowOptions> = {}): SendFlow {
  return session.openFlow({ metadata: METADATA, ...options })
}

/** Lets `b` do something with each flow as it opens. */
function onFlow({ b }: Pair, then: (flow: ReceiveFlow) => void): void {
  b.onEvent = (event) => {
    if (event.type === 'flow-open') then(event.flow)
  }
}

const messages = (node: Node): Uint8Array[] => node.events.flatMap((event) => (event.type === 'message' ? [event.data] : []))
const types = (events: readonly EndpointEvent[]): string[] => events.map((event) => event.type)

describe('sending flows', () => {
  test('RFC 7016 §3.6.2.2: fragments and acknowledgements in one packet do not make it longer than the path MTU', () => {
    const pair = open(1, { loss: 0.05 }, { maxDatagram: 1_280, maxPathDatagram: 1_472 })
    const { world, session, far } = pair
    // What is probed for beyond 1,280 never arrives.
    let longest = 0
    world.filter = (datagram) => {
      if (datagram.length > 1_280 && probes(datagram)) return false
      longest = Math.max(longest, datagram.length)
      return true
    }
    far.openFlow({ metadata: METADATA }).write(new Uint8Array(500_000), world.now)
    const many = Array.from({ length: 20 }, () => flowOf(pair))
    for (let i = 0; i < 200; i++) {
      for (const flow of many) flow.write(Uint8Array.of(i), world.now)
      world.run(20)
    }
    expect(session.maxDatagram).toBe(1_280)
    expect(longest).toBeLessThanOrEqual(1_280)
  })

  test('RFC 7016 §3.6.2.9.1: a flow that had nothing queued when its window closed learns of a window that opens, though the news is lost', () => {
    const pair = open(2)
    const { world, b, session, far } = pair
    let flow: ReceiveFlow | undefined
    onFlow(pair, (opened) => {
      flow = opened
      opened.bufferCapacity = 1_024
      opened.suspend()
    })
    const sending = flowOf(pair)
    sending.write(new Uint8Array(1_100), world.now)
    world.run(5_000)
    expect(sending.queuedBytes).toBe(0)
    sending.write(utf8('next'), world.now)
    world.run(1_000)
    const probes = inspect(world, far)
    world.filter = (_, from) => !from.equals(b.address)
    flow!.resume()
    world.run(500)
    world.filter = () => true
    world.run(60_000)
    expect(messages(b)[1]).toEqual(utf8('next'))
    expect(session.state).toBe('open')
    expect(probes.some(({ chunks }) => chunks.some(({ type }) => type === CHUNK_BUFFER_PROBE))).toBe(true)
    const before = probes.length
    world.run(10_000)
    expect(probes.slice(before).some(({ chunks }) => chunks.some(({ type }) => type === CHUNK_BUFFER_PROBE))).toBe(false)
  })

  test('RFC 7016 §3.6.1.3: after an exception nothing of what was queued is sent, the last message neither', () => {
    const pair = open(3)
    const { world, a, b, far } = pair
    onFlow(pair, (opened) => opened.reject(7))
    const sending = flowOf(pair)
    for (let i = 0; i < 40; i++) sending.write(new Uint8Array(1_000), world.now)
    const packets = inspect(world, far)
    world.runUntil(() => a.events.some((event) => event.type === 'flow-exception'))
    world.run(5_000)
    expect(messages(b)).toEqual([])
    expect(dataOf(packets).flatMap(({ final, abandon }) => (final ? [abandon] : []))).toEqual([true])
    expect(sending.state).toBe('complete-linger')
    expect(sending.queuedBytes).toBe(0)
  })

  test('RFC 7016 §3.6.2.1: no flow is opened in return to one that is no longer open', () => {
    const pair = open(4)
    const { world, b, far } = pair
    const sending = flowOf(pair)
    sending.write(utf8('whole'), world.now)
    sending.close()
    world.run(1_000)
    const received = b.events.flatMap((event) => (event.type === 'flow-open' ? [event.flow] : []))[0]!
    expect(received.state).toBe('complete-linger')
    expect(() => far.openFlow({ metadata: METADATA, returnOf: received })).toThrow(expect.objectContaining({ code: 'BAD_ASSOCIATION' }))
  })
})

describe('receiving flows', () => {
  test('RFC 7016 §3.6.3.7: a flow that was complete with its first packet can still be rejected', () => {
    const pair = open(5)
    const { world, b, session } = pair
    onFlow(pair, (opened) => opened.reject(9))
    const packets = inspect(world, session)
    const sending = flowOf(pair)
    sending.write(utf8('whole'), world.now)
    sending.close()
    world.run(5_000)
    expect(messages(b)).toEqual([])
    expect(types(b.events)).not.toContain('flow-complete')
    expect(sending.state).toBe('complete-linger')
    expect(acksOf(packets).length).toBeGreaterThan(0)
  })

  test('RFC 7016 §3.6.3.8: what a suspended flow holds when it is closed is delivered when it is resumed', () => {
    const pair = open(6)
    const { world, b } = pair
    let flow: ReceiveFlow | undefined
    onFlow(pair, (opened) => {
      flow = opened
      opened.suspend()
    })
    const sending = flowOf(pair)
    sending.write(utf8('late'), world.now)
    sending.close()
    world.run(200_000)
    flow!.resume()
    world.run(1_000)
    expect(messages(b)).toEqual([utf8('late')])
    expect(types(b.events)).toContain('flow-complete')
  })
})

function probes(datagram: Uint8Array): boolean {
  return [1_472, 1_452, 1_412, 1_360].includes(datagram.length)
}
