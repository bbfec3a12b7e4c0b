import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { utf8 } from '../../src/base/bytes.ts'
import type { Writer } from '../../src/base/bytes.ts'
import { DEAD_AFTER, FAR_CLOSE_LINGER, FIRST_PACKET_GRACE, NEAR_CLOSE_LIMIT } from '../../src/rtmfp/constants.ts'
import type { Session, SessionState } from '../../src/rtmfp/session.ts'
import { CHUNK_CLOSE, CHUNK_CLOSE_ACK, CHUNK_RIKEYING } from '../../src/wire/chunk.ts'
import { writeClose, writeCloseAck, writePing } from '../../src/wire/control.ts'
import { hand, openSessions, story, watch } from './by-hand.ts'
import { inspect } from './inspect.ts'
import { craft, ends, eventsOf, feed } from './tap.ts'
import type { Ends } from './tap.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const typesOf = (packets: Ends['toNear']['packets']): number[] => packets.flatMap(({ chunks }) => chunks.map(({ type }) => type))

/** Brings the session at `a` into a state, its far end deaf from then on. */
const REACH: Readonly<Record<string, (ends: Ends) => void>> = {
  open: () => {},
  'near-close': ({ world, near }) => near.close(world.now),
  'far-close-linger': ({ world, near }) => feed(world, near, writeClose),
}

/** Ends whose near session is in this state; of what the far end is sent from then on, its tap tells. */
function inState(seed: number, state: SessionState): Ends {
  const all = ends(seed)
  all.toFar.loses = () => true
  REACH[state]!(all)
  all.world.run(25)
  expect(all.near.state).toBe(state)
  all.toFar.packets.length = 0
  return all
}

const CASES: readonly [SessionState, string, (w: Writer) => void, SessionState, number[]][] = [
  ['open', 'Close', writeClose, 'far-close-linger', [CHUNK_CLOSE_ACK]],
  ['near-close', 'Close', writeClose, 'near-close', [CHUNK_CLOSE_ACK]],
  ['far-close-linger', 'Close', writeClose, 'far-close-linger', [CHUNK_CLOSE_ACK]],
  ['open', 'Close Ack', writeCloseAck, 'closed', []],
  ['near-close', 'Close Ack', writeCloseAck, 'closed', []],
  ['far-close-linger', 'Close Ack', writeCloseAck, 'closed', []],
]

describe('closing, state by state', () => {
  test.each(CASES)('RFC 7016 §3.5.5: in %s, %s', (state, _name, write, then, answer) => {
    const all = inState(1, state)
    feed(all.world, all.near, write)
    expect(all.near.state).toBe(then)
    all.world.run(25)
    expect(typesOf(all.toFar.packets)).toEqual(answer)
    expect(all.a.endpoint.sessionCount).toBe(then === 'closed' ? 0 : 1)
    expect(eventsOf(all.a, 'session-closed').map(({ reason }) => reason)).toEqual([state === 'near-close' ? 'near' : 'far'])
  })

  test.each(['open', 'near-close', 'far-close-linger'] as const)(
    'an abrupt end in %s tells the far end once, and is told of once',
    (state) => {
      const all = inState(2, state)
      const before = eventsOf(all.a, 'session-closed').length
      for (let i = 0; i < 3; i++) all.near.abort()
      all.world.run(30_000)
      expect(all.near.state).toBe('closed')
      expect(typesOf(all.toFar.packets)).toEqual([CHUNK_CLOSE_ACK])
      expect(all.a.endpoint.sessionCount).toBe(0)
      expect(eventsOf(all.a, 'session-closed').length).toBe(Math.max(before, 1))
    },
  )

  test.each(['near-close', 'far-close-linger'] as const)('closing again in %s changes nothing', (state) => {
    const all = inState(3, state)
    all.near.close(all.world.now)
    all.world.run(100)
    expect(all.near.state).toBe(state)
    expect(typesOf(all.toFar.packets)).toEqual([])
  })

  test.each(['near-close', 'far-close-linger'] as const)(
    'RFC 7016 §3.5.5: in %s neither data nor a ping means anything any more',
    (state) => {
      const all = inState(4, state)
      feed(all.world, all.near, (w) => craft(w, { number: 1, final: true }))
      feed(all.world, all.near, (w) => writePing(w, utf8('?')))
      all.world.run(1_000)
      expect(typesOf(all.toFar.packets)).toEqual([])
      expect(eventsOf(all.a, 'flow-open')).toEqual([])
      expect(all.near.flowCount).toBe(0)
    },
  )

  test('RFC 7016 §3.5.5: the 19 seconds are counted from the first Close, the 90 from the near end’s wish, to the millisecond', () => {
    const lingering = ends(5)
    feed(lingering.world, lingering.near, writeClose)
    lingering.world.run(FAR_CLOSE_LINGER - 10)
    feed(lingering.world, lingering.near, writeClose)
    lingering.world.run(9)
    expect(lingering.near.state).toBe('far-close-linger')
    lingering.world.run(1)
    expect(lingering.near.state).toBe('closed')
    expect(lingering.a.endpoint.sessionCount).toBe(0)

    const closing = ends(6)
    closing.toFar.loses = () => true
    closing.near.close(closing.world.now)
    closing.world.run(NEAR_CLOSE_LIMIT - 1)
    expect(closing.near.state).toBe('near-close')
    expect(typesOf(closing.toFar.packets).filter((type) => type === CHUNK_CLOSE)).toHaveLength(18)
    closing.world.run(1)
    expect(closing.near.state).toBe('closed')
    expect([FAR_CLOSE_LINGER, NEAR_CLOSE_LIMIT]).toEqual([19_000, 90_000])
  })

  test('a Close that comes after the linger gets no answer', () => {
    const { world, a, b, near, far } = ends(7)
    const recorded: Uint8Array[] = []
    world.filter = (datagram, from) => {
      if (from.equals(b.address)) recorded.push(datagram.slice())
      return true
    }
    far.close(world.now)
    world.run(FAR_CLOSE_LINGER + 100)
    expect(near.state).toBe('closed')
    const seen = watch(world)
    expect(hand(world, a, recorded[0]!, b.address)).toBe('unknown session')
    expect(seen).toEqual([])
  })

  test('a session may be closed from within the news that it is open', () => {
    for (const how of ['close', 'abort'] as const) {
      const world = new World(8)
      const [a, b] = [world.add(), world.add()]
      b.onEvent = (event) => {
        if (event.type !== 'session-open') return
        if (how === 'close') event.session.close(world.now)
        else event.session.abort()
      }
      world.connect(a, b)
      world.run(NEAR_CLOSE_LIMIT + 1_000)
      expect(story(b)).toEqual(['session-open', 'session-closed near'])
      expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
      expect(eventsOf(a, 'session-closed').length).toBe(eventsOf(a, 'session-open').length)
    }
  })
})

describe('a far end that is not there', () => {
  test('an initiator that gives up once its keying is sent leaves a session that the responder finds dead', () => {
    const world = new World(9)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    world.run(45)
    expect(session.state).toBe('keying-sent')
    session.close(world.now)
    world.run(100)
    expect(openSessions(b)).toHaveLength(1)
    world.run(FIRST_PACKET_GRACE + DEAD_AFTER)
    expect(story(a)).toEqual(['session-failed cancelled'])
    expect(eventsOf(b, 'session-closed').map(({ reason }) => reason)).toEqual(['dead'])
    expect(b.endpoint.sessionCount).toBe(0)
  })

  test('data that is not acknowledged does not keep a session alive, nor end it before its time', () => {
    const world = new World(10)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    world.run(200)
    const flow = session.openFlow({ metadata: utf8('x') })
    flow.write(new Uint8Array(50_000), world.now)
    world.run(35)
    world.filter = () => false
    // What is on its way arrives within 20 ms.
    world.run(DEAD_AFTER - 100)
    expect(session.state).toBe('open')
    world.run(200)
    expect(session.state).toBe('closed')
    expect(flow.state).toBe('closed')
    expect(session.flowCount).toBe(0)
    expect(story(a).slice(-1)).toEqual(['session-closed dead'])
  })

  test('it is told of as silent before it is given up, once', () => {
    const world = new World(11)
    const [a, b] = [world.add(), world.add()]
    world.connect(a, b)
    world.run(200)
    world.filter = () => false
    world.run(DEAD_AFTER + 1_000)
    expect(story(a)).toEqual(['session-open', 'session-silent', 'session-closed dead'])
  })

  test('one session may ask more often, and wait longer or less, than the others of its endpoint', () => {
    const world = new World(12)
    const a = world.add({ keepaliveInterval: 1_000, deadAfter: 5_000 })
    const peers = [world.add(), world.add()]
    const [usual, patient] = peers.map((peer, i) =>
      a.endpoint.open(
        {
          epd: Uint8Array.of(0x21, 0x0f, ...peer.endpoint.identity.fingerprint),
          candidates: [peer.address],
          ...(i === 1 ? { keepaliveInterval: 300, deadAfter: 20_000 } : {}),
        },
        world.now,
      ),
    )
    world.run(100)
    const pings = [usual!, patient!].map((session) => {
      const far = openSessions(peers[session === usual ? 0 : 1]!)[0]!
      return inspect(world, far)
    })
    world.run(3_000)
    expect(pings[1]!.length).toBeGreaterThan(2 * pings[0]!.length)
    world.filter = () => false
    world.run(6_000)
    expect([usual!.state, patient!.state]).toEqual(['closed', 'open'])
    world.run(15_000)
    expect(patient!.state).toBe('closed')
  })
})

describe('what is left behind', () => {
  const expectNothing = (world: World): void => {
    for (const { endpoint, until } of world.nodes) {
      expect(endpoint.sessionCount).toBe(0)
      expect(until).toBe(Infinity)
    }
  }

  test('closeAll ends what is opening, open and closing, and in the end there is nothing to wait for', () => {
    const world = new World(13)
    const center = world.add()
    const peers = [world.add(), world.add(), world.add(), world.add()]
    world.connect(center, peers[0]!)
    const closing = world.connect(center, peers[1]!)
    world.run(200)
    closing.close(world.now)
    world.connect(center, peers[2]!)
    world.run(45)
    world.connect(center, peers[3]!)
    world.settle()
    expect(center.endpoint.sessionCount).toBeGreaterThanOrEqual(3)
    center.endpoint.closeAll(world.now)
    world.run(100_000)
    expectNothing(world)
    expect(story(center).filter((event) => event === 'session-failed cancelled')).toHaveLength(2)
  })

  test('an endpoint goes on working when all its sessions were closed', () => {
    const world = new World(14)
    const [a, b] = [world.add(), world.add()]
    for (let i = 0; i < 20; i++) {
      const session = world.connect(a, b)
      world.run(100)
      expect(session.state).toBe('open')
      if (i % 2 === 0) a.endpoint.closeAll(world.now)
      else b.endpoint.abortAll()
      world.run(100)
    }
    world.run(FAR_CLOSE_LINGER)
    expectNothing(world)
  })

  test('RFC 7016 §3.5.1.1.1: a session that failed to open can not be told anything any more', () => {
    const world = new World(15)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    session.abort()
    world.settle()
    expect(() => session.openFlow({ metadata: utf8('x') })).toThrow(/open session/)
    expect(() => session.nearNonce).toThrow(/open/)
    session.close(world.now)
    session.abort()
    session.ping(world.now)
    session.nearAddressChanged(world.now)
    session.tryAddress(b.address, world.now)
    world.run(1_000)
    expect(session.state).toBe('open-failed')
    expect(story(a)).toEqual(['session-failed cancelled'])
    expectNothing(world)
  })

  test('whatever both ends do, and the network with it: each session opens once and ends once, and nothing stays', () => {
    const actions = fc.array(
      fc.record({
        who: fc.boolean(),
        what: fc.constantFrom('connect', 'close', 'abort', 'write', 'deaf', 'hearing', 'none'),
        wait: fc.integer({ min: 0, max: 3_000 }),
      }),
      { minLength: 1, maxLength: 15 },
    )
    fc.assert(
      fc.property(fc.nat(1_000), actions, (seed, steps) => {
        const world = new World(seed, { loss: 0.1, jitter: 40, duplicate: 0.1 })
        const nodes: readonly [Node, Node] = [world.add(), world.add()]
        for (const { who, what, wait } of [{ who: true, what: 'connect', wait: 50 }, ...steps]) {
          const [node, other] = who ? nodes : [nodes[1], nodes[0]]
          if (what === 'connect') world.connect(node, other)
          else if (what === 'deaf' || what === 'hearing') world.filter = () => what === 'hearing'
          else if (what === 'write')
            openSessions(node)[0]
              ?.openFlow({ metadata: utf8('x') })
              .write(new Uint8Array(5_000), world.now)
          else if (what !== 'none') for (const session of node.endpoint.sessions) session[what as 'close' | 'abort'](world.now)
          world.run(wait)
        }
        for (const { endpoint } of nodes) endpoint.closeAll(world.now)
        world.run(NEAR_CLOSE_LIMIT + FAR_CLOSE_LINGER)
        expectNothing(world)
        for (const node of nodes) expectOrder(node)
      }),
      { numRuns: 150 },
    )
  })

  /** Each session was told of as open at most once, before it ended once; or as failed once. */
  function expectOrder(node: Node): void {
    const perSession = new Map<Session, string>()
    for (const { type, session } of node.events) {
      const letter = { 'session-open': 'o', 'session-closed': 'c', 'session-failed': 'f' }[type as string] ?? ''
      perSession.set(session, (perSession.get(session) ?? '') + letter)
    }
    for (const course of perSession.values()) expect(['oc', 'f']).toContain(course)
  }

  test('when the last answer never arrives, the initiator’s session fails, and each that the responder had opened ends as dead', () => {
    const world = new World(16)
    const [a, b] = [world.add(), world.add()]
    watch(world, ({ type }) => type !== CHUNK_RIKEYING)
    world.connect(a, b)
    world.run(95_000 + FIRST_PACKET_GRACE + DEAD_AFTER)
    expect(story(a)).toEqual(['session-failed timeout'])
    const opened = eventsOf(b, 'session-open').length
    expect(opened).toBeGreaterThan(0)
    expect(eventsOf(b, 'session-closed').map(({ reason }) => reason)).toEqual(new Array(opened).fill('dead'))
    expectNothing(world)
  })
})
