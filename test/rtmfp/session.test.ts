import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import type { EndpointEvent } from '../../src/rtmfp/session.ts'
import { World } from './world.ts'

const types = (events: readonly EndpointEvent[]): string[] => events.map((event) => event.type)

describe('session start-up', () => {
  test('RFC 7016 §3.5.1.1: a session opens in two round trips, and both ends know the other', () => {
    const world = new World(1)
    const a = world.add()
    const b = world.add()
    const session = world.connect(a, b)
    world.run(79)
    expect(session.state).toBe('keying-sent')
    world.run(2)
    expect(session.state).toBe('open')
    expect(types(a.events)).toEqual(['session-open'])
    expect(types(b.events)).toEqual(['session-open'])
    const far = b.events[0]!.session
    expect(session.farPeerId).toBe(b.endpoint.identity.peerId)
    expect(far.farPeerId).toBe(a.endpoint.identity.peerId)
    expect(session.nearNonce).toEqual(far.farNonce)
    expect(session.farNonce).toEqual(far.nearNonce)
  })

  test('messages of a flow arrive, with its metadata', () => {
    const world = new World(2)
    const a = world.add()
    const b = world.add()
    const session = world.connect(a, b)
    world.run(100)
    const flow = session.openFlow({ metadata: utf8('chat') })
    for (let i = 0; i < 100; i++) expect(flow.write(Uint8Array.of(i), world.now)).toBe(true)
    const big = new Uint8Array(300_000).map((_, i) => i % 251)
    expect(flow.write(big, world.now)).toBe(true)
    world.run(5_000)
    const opened = b.events.find((event) => event.type === 'flow-open')
    expect(opened?.type === 'flow-open' && opened.flow.metadata).toEqual(utf8('chat'))
    const messages = b.events.flatMap((event) => (event.type === 'message' ? [event.data] : []))
    expect(messages.slice(0, 100).map((data) => data[0])).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(messages[100]).toEqual(big)
    expect(flow.queuedBytes).toBe(0)
  })
})
