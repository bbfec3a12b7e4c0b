import { describe, expect, test } from '@jest/globals'
import { EMPTY, utf8 } from '../../src/base/bytes.ts'
import {
  ENDPOINT_OVERDRAFT,
  ENDPOINT_RECEIVE_CAPACITY,
  GAP_OVERHEAD,
  MAX_GAPS,
  MAX_MESSAGE,
  MAX_RECEIVE_FLOWS,
  RECEIVE_CAPACITY,
  SESSION_RECEIVE_CAPACITY,
  SESSION_RECEIVE_FLOOR,
} from '../../src/rtmfp/constants.ts'
import { EndpointBudget, SessionBudget } from '../../src/rtmfp/flow/receive-budget.ts'
import { FLAG_OPTIONS, FRA_BEGIN, FRA_END, FRA_MIDDLE, encodeStartupOptions, writeUserData } from '../../src/wire/user-data.ts'
import { ends, eventsOf, feed, feedData, messagesOf } from './tap.ts'
import type { Ends } from './tap.ts'
import { World } from './world.ts'

const PIECE = new Uint8Array(1_000)

function heldBy({ a, near }: Pick<Ends, 'a' | 'near'>): { readonly session: number; readonly endpoint: number } {
  const flows = near as unknown as { flows: { budget: SessionBudget } }
  return { session: flows.flows.budget.held, endpoint: a.endpoint.received.held }
}

/** All that the far end may send out of order on flows of its own, until nothing more is taken. */
function fill(e: Ends, flows: readonly number[]): void {
  for (const flow of flows) feedData(e.world, e.near, { flow, number: 1 })
  for (let number = 3; number < 3 + RECEIVE_CAPACITY / PIECE.length; number += 10) {
    for (const flow of flows) {
      feedData(e.world, e.near, ...Array.from({ length: 10 }, (_, i) => ({ flow, number: number + i, data: PIECE })))
    }
  }
}

describe('what a session holds of what was received', () => {
  test('one flow has its own limit, many have what the session has together, and something is left free', () => {
    const one = ends(1)
    fill(one, [1])
    expect(heldBy(one).session).toBeGreaterThan(0.9 * RECEIVE_CAPACITY)
    expect(heldBy(one).session).toBeLessThan(RECEIVE_CAPACITY + 10_000)
    const many = ends(2)
    fill(
      many,
      Array.from({ length: 20 }, (_, i) => 1 + i),
    )
    const { session, endpoint } = heldBy(many)
    expect(endpoint).toBe(session)
    expect(session).toBeLessThan(SESSION_RECEIVE_CAPACITY)
    expect(session).toBeGreaterThan(0.8 * SESSION_RECEIVE_CAPACITY)
    many.near.abort()
    expect(heldBy(many)).toEqual({ session: 0, endpoint: 0 })
  }, 60_000)

  test('a flow that may hold more by its user’s word does, and what was announced of it is taken', () => {
    const e = ends(8)
    const capacity = 16 * MAX_MESSAGE
    feedData(e.world, e.near, { flow: 1, number: 1 })
    const [opened] = eventsOf(e.a, 'flow-open')
    opened!.flow.bufferCapacity = capacity
    for (let number = 3; number < 3 + (0.9 * capacity) / PIECE.length; number += 10)
      feedData(e.world, e.near, ...Array.from({ length: 10 }, (_, i) => ({ flow: 1, number: number + i, data: PIECE })))
    expect(heldBy(e).session).toBeGreaterThan(0.89 * capacity)
  }, 60_000)

  test('a flow that is read goes on as fast beside hundreds that are not, and so do messages longer than what is free', () => {
    const e = ends(3, { latency: 10 })
    const stuck = new Set<unknown>()
    e.a.onEvent = (event) => {
      if (event.type !== 'flow-open' || event.flow.metadata[0] === 'g'.charCodeAt(0)) return
      event.flow.suspend()
      stuck.add(event.flow)
    }
    for (let i = 0; i < 120; i++) {
      const flow = e.far.openFlow({ metadata: utf8('not read') })
      for (let k = 0; k < 2; k++) flow.write(new Uint8Array(100_000), e.world.now)
    }
    e.world.run(20_000)
    expect(stuck.size).toBe(120)
    expect(heldBy(e).session).toBeLessThan(SESSION_RECEIVE_CAPACITY)
    expect(heldBy(e).session).toBeGreaterThan(0.9 * SESSION_RECEIVE_CAPACITY)
    const game = e.far.openFlow({ metadata: utf8('game'), priority: 5 })
    for (let i = 0; i < 60; i++) {
      game.write(new Uint8Array(300).fill(i), e.world.now)
      e.world.run(16)
    }
    e.world.run(40)
    expect(messagesOf(e.a).map((data) => data[0])).toEqual(Array.from({ length: 60 }, (_, i) => i))
    game.write(new Uint8Array(MAX_MESSAGE).fill(77), e.world.now)
    e.world.runUntil(() => messagesOf(e.a).at(-1)?.length === MAX_MESSAGE)
    expect(heldBy(e).session).toBeLessThan(SESSION_RECEIVE_CAPACITY)
    // Whoever reads at last gets all of it.
    for (const flow of stuck) (flow as { resume: () => void }).resume()
    e.world.runUntil(() => messagesOf(e.a).length === 61 + 120 * 2)
    expect(heldBy(e).session).toBeLessThan(100_000)
  }, 60_000)

  test('beyond it one message at a time is brought to its end', () => {
    const e = ends(4)
    fill(
      e,
      Array.from({ length: 20 }, (_, i) => 1 + i),
    )
    const before = heldBy(e).session
    const begin = (flow: number): void => {
      feedData(e.world, e.near, { flow, number: 1, control: FRA_BEGIN, data: PIECE })
      for (let number = 2; number < 900; number++) feedData(e.world, e.near, { flow, number, control: FRA_MIDDLE, data: PIECE })
    }
    for (const flow of [101, 102, 103]) begin(flow)
    expect(heldBy(e).session).toBeLessThan(before + 1.3 * MAX_MESSAGE)
    const last = (flow: number): void => feedData(e.world, e.near, { flow, number: 900, control: FRA_END, data: PIECE })
    last(101)
    expect(messagesOf(e.a).at(-1)).toHaveLength(900_000)
    // Then it is the next one's turn.
    begin(102)
    last(102)
    expect(messagesOf(e.a).filter(({ length }) => length === 900_000)).toHaveLength(2)
  }, 60_000)

  test('gaps and flows count, too: a million flows, and gaps in all of them', () => {
    // Not by `ends`, which keeps each chunk.
    const world = new World(5)
    const [a, b] = [world.add(), world.add()]
    const near = world.connect(a, b)
    world.runUntil(() => near.state === 'open')
    world.run(100)
    const options = encodeStartupOptions(Uint8Array.of(1), -1)
    for (let flow = 1; flow <= 1_000_000;) {
      feed(world, near, (w) => {
        for (const last = flow + 2_000; flow < last; flow++) writeUserData(w, FLAG_OPTIONS, flow, 1, 0, options, EMPTY, 0, 0)
      })
      a.events.length = 0
    }
    expect(near.flowCount).toBe(MAX_RECEIVE_FLOWS)
    for (let flow = 1; flow <= 256; flow++) {
      feedData(world, near, ...Array.from({ length: MAX_GAPS }, (_, i) => ({ flow, number: 3 + 2 * i, abandon: true })))
    }
    expect(heldBy({ a, near }).session).toBeGreaterThan(256 * MAX_GAPS * GAP_OVERHEAD * 0.9)
    expect(heldBy({ a, near }).session).toBeLessThanOrEqual(SESSION_RECEIVE_CAPACITY)
    // The session lives, and a flow of this end's as well.
    const flow = near.openFlow({ metadata: utf8('x') })
    flow.write(utf8('still here'), world.now)
    world.run(500)
    expect(eventsOf(b, 'message')).toHaveLength(1)
  }, 60_000)
})

describe('what all sessions of an endpoint hold', () => {
  /** As much as a session can get, on so many flows. */
  function greedy(session: SessionBudget, flows: number): void {
    for (let flow = 0; flow < flows; flow++) {
      for (let held = 0; held < RECEIVE_CAPACITY && session.roomFor(held) >= 1_256; held += 1_256) session.add(1_256)
    }
  }

  test('is bounded with however many that mean ill, and one more always has something', () => {
    const endpoint = new EndpointBudget()
    const sessions = Array.from({ length: 2_000 }, () => new SessionBudget(endpoint))
    for (const session of sessions) greedy(session, 8)
    expect(sessions[0]!.held).toBeGreaterThan(0.8 * SESSION_RECEIVE_CAPACITY)
    expect(endpoint.held).toBeGreaterThan(0.9 * ENDPOINT_RECEIVE_CAPACITY)
    expect(endpoint.held).toBeLessThan(ENDPOINT_RECEIVE_CAPACITY + sessions.length * SESSION_RECEIVE_FLOOR)
    expect(new SessionBudget(endpoint).roomFor(0)).toBeGreaterThanOrEqual(SESSION_RECEIVE_FLOOR)
    // What is lent comes to an end, too.
    let lent = 0
    for (const session of sessions) {
      while (lent < 10 * ENDPOINT_OVERDRAFT && session.borrow(session, 100_000)) {
        session.add(100_000)
        lent += 100_000
      }
    }
    expect(endpoint.held).toBeLessThanOrEqual(ENDPOINT_RECEIVE_CAPACITY + ENDPOINT_OVERDRAFT)
    for (const session of sessions) session.add(-session.held)
    expect(endpoint.held).toBe(0)
  })
})
