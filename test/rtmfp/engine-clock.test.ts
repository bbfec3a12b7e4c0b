import { describe, expect, test } from '@jest/globals'
import { utf8 } from '../../src/base/bytes.ts'
import { CLOCK_TOLERANCE, DEAD_AFTER, OVERSLEPT, RECEIVE_FLOW_LINGER, NEAR_CLOSE_LIMIT } from '../../src/rtmfp/constants.ts'
import { EngineClock } from '../../src/rtmfp/engine-clock.ts'
import { OUTPUT_EVENT, OUTPUT_TRANSMIT, OUTPUT_WAIT } from '../../src/rtmfp/endpoint.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

describe('the engine’s time', () => {
  test('is the clock’s as long as that goes forward', () => {
    const clock = new EngineClock()
    expect([0, 5, 5, 1e9].map((now) => clock.advance(now))).toEqual([0, 5, 5, 1e9])
    expect(clock.outside(1e9 + 7)).toBe(1e9 + 7)
  })

  test('stands for callers who are a little late, and goes on from where it was when the clock is set back', () => {
    const clock = new EngineClock()
    clock.advance(10_000)
    expect(clock.advance(10_000 - CLOCK_TOLERANCE)).toBe(10_000)
    expect(clock.advance(10_001)).toBe(10_001)
    expect(clock.advance(1)).toBe(10_001)
    expect(clock.advance(2)).toBe(10_002)
    expect(clock.outside(10_102)).toBe(102)
    expect(clock.advance(-5_000)).toBe(10_002)
  })

  test('is not moved by an application that asks with another clock', () => {
    const clock = new EngineClock()
    clock.advance(10_000)
    expect(clock.at(3)).toBe(10_000)
    expect(clock.at(1e12)).toBe(1e12)
    expect(clock.advance(10_001)).toBe(10_001)
  })

  test('a clock below zero is one like any other', () => {
    const clock = new EngineClock()
    expect(clock.advance(-1e9)).toBe(0)
    expect(clock.advance(-1e9 + 3)).toBe(3)
    expect(clock.outside(4)).toBe(-1e9 + 4)
  })

  test('a timer that is set to what it says has come by then, whatever is lost in the sums', () => {
    const clock = new EngineClock()
    clock.advance(1e6 / 3)
    clock.advance(-1e3 / 7)
    for (let i = 1; i < 2_000; i++) {
      const inside = 1e6 / 3 + i * 0.37
      expect(clock.at(clock.outside(inside))).toBeGreaterThanOrEqual(inside)
    }
  })
})

/** Polls a node by a clock of its own, and carries what it sends. */
function poll(world: World, node: Node, now: number): number {
  for (;;) {
    const output = node.endpoint.poll(now)
    if (output.kind === OUTPUT_TRANSMIT) world.inject(output.datagram, node.address, output.to!, 5)
    else if (output.kind === OUTPUT_EVENT) node.events.push(output.event!)
    else if (output.kind === OUTPUT_WAIT) return output.until
  }
}

describe('a clock that leaps', () => {
  test.each([-3_600_000, -5_000, -1_000])('by %d ms: the session lives on, asks in time, and delivers', (leap) => {
    const world = new World(1)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    world.run(500)
    const flow = session.openFlow({ metadata: utf8('x') })
    flow.write(utf8('before'), world.now)
    world.run(500)
    const before = world.now
    world.now += leap
    world.run(0)
    expect(a.until - world.now).toBeLessThanOrEqual(1_000)
    flow.write(utf8('after'), world.now, 2_000)
    world.run(20_000)
    expect(world.now).toBe(before + leap + 20_000)
    expect(session.state).toBe('open')
    expect(b.events.filter(({ type }) => type === 'message')).toHaveLength(2)
    session.close(world.now)
    world.run(200_000)
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
  })

  test('while a session is closed: it ends as soon as others do, by what the clock says after', () => {
    const world = new World(3)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    world.run(500)
    world.filter = () => false
    session.close(world.now + 3_600_000)
    world.run(NEAR_CLOSE_LIMIT + 1_000)
    expect(a.endpoint.sessionCount).toBe(0)
  })

  test('a process that slept asks the far end once more before it takes it for dead, and hears what had come meanwhile', () => {
    const world = new World(2)
    const [a, b] = [world.add(), world.add({ deadAfter: 60_000 })]
    const session = world.connect(a, b)
    world.run(500)
    world.now += DEAD_AFTER + 20_000
    const until = poll(world, a, world.now)
    expect(session.state).toBe('open')
    expect(until - world.now).toBeLessThanOrEqual(OVERSLEPT)
    world.run(10_000)
    expect(session.state).toBe('open')
    // A far end that is really gone is found dead all the same.
    world.filter = () => false
    world.now += DEAD_AFTER + 20_000
    world.run(OVERSLEPT - 1)
    expect(session.state).toBe('open')
    world.run(1)
    expect(session.state).toBe('closed')
  })

  test('what has been delivered, and was not acknowledged before the clock leapt, is not delivered again after it', () => {
    const world = new World(3)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    world.run(500)
    const flow = session.openFlow({ metadata: utf8('x') })
    // What the receiver sends is lost from when it has the message on.
    world.filter = (_datagram, from) => !from.equals(b.address)
    flow.write(utf8('once'), world.now)
    flow.close()
    world.run(100)
    expect(b.events.filter(({ type }) => type === 'flow-complete')).toHaveLength(1)
    // Its clock alone leaps, by more than it would remember the flow.
    poll(world, b, world.now + RECEIVE_FLOW_LINGER + 10_000)
    world.filter = () => true
    world.run(10_000)
    expect(flow.state).toBe('complete-linger')
    expect(session.state).toBe('open')
    expect(b.events.filter(({ type }) => type === 'message')).toHaveLength(1)
  })
})
