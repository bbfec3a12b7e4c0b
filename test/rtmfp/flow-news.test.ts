import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import type { EndpointEvent } from '../../src/rtmfp/session.ts'
import { World } from './world.ts'

const flowEvents = (events: readonly EndpointEvent[]): string[] =>
  events.map(({ type }) => type).filter((type) => type.startsWith('flow-') || type === 'message')

describe('what the user is told of a flow', () => {
  test.each([true, false])('RFC 7016 §3.6.1.2: what was abandoned at a flow’s end is told with the end', (abandons) => {
    const world = new World(1)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    world.run(200)
    const flow = session.openFlow({ metadata: utf8('x') })
    for (const i of [1, 2]) flow.write(Uint8Array.of(i), world.now)
    world.run(300)
    world.filter = (_datagram, from) => !from.equals(a.address)
    for (const i of [3, 4]) flow.write(Uint8Array.of(i), world.now)
    world.run(100)
    if (abandons) flow.abandonQueued()
    flow.close()
    world.filter = () => true
    world.run(10_000)
    expect(b.events.filter(({ type }) => type === 'message')).toHaveLength(abandons ? 2 : 4)
    expect(b.events.find(({ type }) => type === 'flow-complete')).toMatchObject({ gap: abandons })
  })

  test('a message that is too long: the flow is refused, and the user hears of it once', () => {
    const world = new World(2)
    const [a, b] = [world.add(), world.add({ maxMessageBytes: 3_000 })]
    const session = world.connect(a, b)
    world.run(200)
    const flow = session.openFlow({ metadata: utf8('x') })
    flow.write(Uint8Array.of(1), world.now)
    for (let i = 0; i < 3; i++) flow.write(new Uint8Array(5_000), world.now)
    world.run(5_000)
    expect(flowEvents(b.events)).toEqual(['flow-open', 'message', 'flow-refused'])
    expect(flowEvents(a.events)).toEqual(['flow-exception'])
  })
})
