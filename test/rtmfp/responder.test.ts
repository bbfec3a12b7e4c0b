import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { COOKIE_LIFETIME, DEAD_AFTER, FIRST_PACKET_GRACE, MAX_INCOMING_SESSIONS } from '../../src/rtmfp/constants.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_COOKIE_CHANGE, CHUNK_IIKEYING, CHUNK_RHELLO, CHUNK_RIKEYING } from '../../src/wire/chunk.ts'
import { readCookieChange, readIIKeying, readRIKeying } from '../../src/wire/startup.ts'
import { contentOf, greet, hand, identityOf, iikeying, ofType, openSessions, story, watch } from './by-hand.ts'
import type { Seen } from './by-hand.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const here = Address.from('198.51.100.1', 1_001)
const there = Address.from('198.51.100.1', 1_002)

/** Two ends with a session, and every datagram since the beginning. */
function opened(seed: number): { world: World; a: Node; b: Node; session: Session; far: Session; seen: Seen[] } {
  const world = new World(seed)
  const [a, b] = [world.add(), world.add()]
  const seen = watch(world)
  const session = world.connect(a, b)
  world.run(200)
  return { world, a, b, session, far: openSessions(b)[0]!, seen }
}

describe('hellos and cookies', () => {
  test('RFC 7016 §3.5.1.1.2: a hello leaves nothing behind, not even something to wait for', () => {
    const world = new World(1)
    const b = world.add()
    for (let i = 0; i < 100; i++) greet(world, b, Address.from('198.51.100.1', 1 + i))
    expect(b.until).toBe(Infinity)
    expect(b.endpoint.sessionCount).toBe(0)
  })

  test('RFC 7016 §3.5.1.1.2: a cookie opens a session at the address that it was sent to, and at no other', () => {
    const world = new World(2)
    const b = world.add()
    const { cookie } = greet(world, b, here)
    const keying = iikeying(world, b, { identity: identityOf(world), cookie })
    const seen = watch(world)
    expect(hand(world, b, keying, there)).toBe('cookie other-address')
    expect(b.endpoint.sessionCount).toBe(0)
    expect(hand(world, b, keying, here)).toBeUndefined()
    expect(openSessions(b).map(({ farAddress }) => farAddress?.key)).toEqual([here.key])
    expect(seen.map(({ type, to }) => [type, to.key])).toEqual([
      [CHUNK_COOKIE_CHANGE, there.key],
      [CHUNK_RIKEYING, here.key],
    ])
  })

  test('RFC 7016 §3.5.1.2: the answer to a cookie from elsewhere has both cookies, goes to the session that asks, and the new one is good', () => {
    const world = new World(3)
    const b = world.add()
    const identity = identityOf(world)
    const { cookie } = greet(world, b, here)
    const seen = watch(world)
    hand(world, b, iikeying(world, b, { identity, cookie, sessionId: 0xabcdef }), there)
    const { sessionId, chunks } = contentOf(seen[0])
    const change = readCookieChange(chunks[0]!.payload)
    expect(sessionId).toBe(0xabcdef)
    expect(change.oldCookie).toEqual(cookie)
    expect(hand(world, b, iikeying(world, b, { identity, cookie: change.newCookie }), there)).toBeUndefined()
    expect(openSessions(b)).toHaveLength(1)
  })

  test('RFC 7016 §3.5.1.2: a changed cookie is not worth more than it costs: its packet is no three times the asking one', () => {
    const world = new World(4)
    const b = world.add()
    const { cookie } = greet(world, b, here)
    const seen = watch(world)
    const empty = new Uint8Array(0)
    const shortest = iikeying(world, b, {
      identity: identityOf(world),
      cookie,
      certificate: empty,
      component: empty,
      signature: empty,
    })
    hand(world, b, shortest, there)
    expect(ofType(seen, CHUNK_COOKIE_CHANGE)).toHaveLength(1)
    expect(seen[0]!.datagram.length).toBeLessThanOrEqual(3 * shortest.length)
  })

  test('RFC 7016 §3.5.1.1.2: an old cookie, and one that was made up, get no answer at all', () => {
    const world = new World(5)
    const b = world.add()
    const identity = identityOf(world)
    const { cookie } = greet(world, b, here)
    const other = greet(world, world.add(), here).cookie
    const flipped = cookie.map((byte, i) => (i === 20 ? byte ^ 1 : byte))
    const seen = watch(world)
    for (const wrong of [new Uint8Array(64), new Uint8Array(0), cookie.subarray(0, 32), other, flipped]) {
      expect(hand(world, b, iikeying(world, b, { identity, cookie: wrong }), here)).toBe('cookie forged')
    }
    world.run(COOKIE_LIFETIME + 1)
    expect(hand(world, b, iikeying(world, b, { identity, cookie }), here)).toBe('cookie expired')
    expect(seen).toEqual([])
    expect(b.endpoint.sessionCount).toBe(0)
  })

  test('RFC 7016 §3.5.1.1.2: the answer is signed over the initiator’s half of the keys, too', () => {
    const { a, b, seen } = opened(6)
    const asked = readIIKeying(contentOf(ofType(seen, CHUNK_IIKEYING)[0]).chunks[0]!.payload)
    const answer = readRIKeying(contentOf(ofType(seen, CHUNK_RIKEYING)[0]).chunks[0]!.payload)
    expect(answer.signature).toEqual(b.endpoint.identity.sign(Uint8Array.of(...answer.signedPortion, ...asked.component)))
    expect(asked.signature).toEqual(a.endpoint.identity.sign(asked.signedParameters))
    expect(answer.responderSessionId).toBe(openSessions(b)[0]!.id)
  })
})

describe('a keying that comes again', () => {
  test('RFC 7016 §3.5.1.1.2: gets the same answer while the session is open, once each time', () => {
    const world = new World(7)
    const b = world.add()
    const { cookie } = greet(world, b, here)
    const keying = iikeying(world, b, { identity: identityOf(world), cookie })
    const seen = watch(world)
    for (let i = 0; i < 3; i++) hand(world, b, keying, here)
    const answers = ofType(seen, CHUNK_RIKEYING)
    expect(answers).toHaveLength(3)
    expect(new Set(answers.map(({ datagram }) => datagram.join()))).toHaveProperty('size', 1)
    expect(story(b)).toEqual(['session-open'])
  })

  test('does not open a session again that the initiator has closed meanwhile', () => {
    const { world, a, b, session, far, seen } = opened(8)
    session.close(world.now)
    world.run(100)
    expect(far.state).toBe('far-close-linger')
    expect(hand(world, b, ofType(seen, CHUNK_IIKEYING)[0]!.datagram, a.address)).toBe('keying of a session that is over')
    expect(story(b)).toEqual(['session-open', 'session-closed far'])
  })

  test('finds its session though this has moved to another address', () => {
    const { world, a, b, far, seen } = opened(9)
    const [keying, before] = [ofType(seen, CHUNK_IIKEYING)[0]!, a.address]
    a.address = Address.from('10.0.9.9', 4_000)
    for (const session of a.endpoint.sessions) session.ping(world.now)
    world.run(500)
    expect(far.farAddress).toBe(a.address)
    hand(world, b, keying.datagram, before)
    expect(b.endpoint.sessionCount).toBe(1)
    expect(story(b)).toEqual(['session-open', 'session-moved'])
  })

  test('RFC 7016 §3.5.1.1.2: the keying of an earlier session does not override the one that came after it', () => {
    const { world, a, b, session, seen } = opened(10)
    const old = ofType(seen, CHUNK_IIKEYING)[0]!
    session.abort()
    world.run(100)
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
    const second = world.connect(a, b)
    world.run(200)
    expect(hand(world, b, old.datagram, a.address)).toBe('keying older than the session')
    world.run(1_000)
    expect(second.state).toBe('open')
    expect(story(b)).toEqual(['session-open', 'session-closed far', 'session-open'])
  })
})

describe('one address, one session', () => {
  test('RFC 7425 §4.3.7: another identity does not override, whoever it is, until the session is over', () => {
    const world = new World(11)
    const b = world.add()
    const first = identityOf(world)
    hand(world, b, iikeying(world, b, { identity: first, cookie: greet(world, b, here).cookie }), here)
    const second = iikeying(world, b, { identity: identityOf(world), cookie: greet(world, b, here).cookie })
    expect(hand(world, b, second, here)).toBe('address has a session')
    expect(openSessions(b).map(({ farPeerId }) => farPeerId)).toEqual([first.peerId])
    world.run(FIRST_PACKET_GRACE + DEAD_AFTER)
    expect(hand(world, b, second, here)).toBeUndefined()
    expect(openSessions(b)).toHaveLength(1)
    expect(openSessions(b)[0]!.farPeerId).not.toBe(first.peerId)
  })

  test.each([
    ['that answers keeps it', true],
    ['that does not answer when it is asked there has lost it', false],
  ])('of an address that somebody else keys from, the session %s', (_, answers) => {
    const { world, a, b, far } = opened(14)
    world.run(1_000)
    world.filter = (_datagram, from) => answers || !from.equals(a.address)
    const keying = (): Uint8Array => iikeying(world, b, { identity: identityOf(world), cookie: greet(world, b, a.address).cookie })
    expect(hand(world, b, keying(), a.address)).toBe('address has a session')
    world.run(1_500)
    expect(hand(world, b, keying(), a.address)).toBe(answers ? 'address has a session' : undefined)
    expect(far.state).toBe(answers ? 'open' : 'closed')
    expect(openSessions(b)).toHaveLength(1)
  })

  test('RFC 7016 §3.5.1.1.2: the same identity overrides; flows of the stale session end, and its packets are not known any more', () => {
    const { world, a, b, session, far, seen } = opened(12)
    session.openFlow({ metadata: utf8('x') }).write(utf8('before'), world.now)
    const back = far.openFlow({ metadata: utf8('y') })
    world.run(200)
    const again = iikeying(world, b, { identity: a.endpoint.identity, cookie: greet(world, b, a.address).cookie })
    expect(hand(world, b, again, a.address)).toBeUndefined()
    expect(far.state).toBe('closed')
    expect(back.state).toBe('closed')
    expect(far.flowCount).toBe(0)
    expect(story(b).slice(-2)).toEqual(['session-closed override', 'session-open'])
    expect(b.endpoint.sessionCount).toBe(1)
    seen.length = 0
    session.ping(world.now)
    world.run(100)
    expect(b.endpoint.stats.drops.get('unknown session')).toBeGreaterThan(0)
    expect(ofType(seen, CHUNK_RHELLO)).toEqual([])
  })

  test('one identity from two addresses has two sessions: the one that was left behind is found out by its silence', () => {
    const world = new World(13)
    const b = world.add()
    const identity = identityOf(world)
    for (const from of [here, there]) hand(world, b, iikeying(world, b, { identity, cookie: greet(world, b, from).cookie }), from)
    expect(openSessions(b)).toHaveLength(2)
    world.run(FIRST_PACKET_GRACE + DEAD_AFTER)
    expect(b.endpoint.sessionCount).toBe(0)
  })
})

describe('before the initiator has shown that it has the keys', () => {
  test('a session is open, but not confirmed, and a silent one is given up 15 seconds later than any other', () => {
    const world = new World(14)
    const b = world.add()
    hand(world, b, iikeying(world, b, { identity: identityOf(world), cookie: greet(world, b, here).cookie }), here)
    const session = openSessions(b)[0]!
    expect(session.isConfirmed).toBe(false)
    world.run(FIRST_PACKET_GRACE + DEAD_AFTER - 1)
    expect(session.state).toBe('open')
    world.run(1)
    expect(story(b).filter((event) => event !== 'session-silent')).toEqual(['session-open', 'session-closed dead'])
    expect(b.endpoint.sessionCount).toBe(0)
    expect(b.until).toBe(Infinity)
  })

  test('the first packet of the session confirms it; the initiator knows at once', () => {
    const { world, session, far } = opened(15)
    expect([session.isConfirmed, far.isConfirmed]).toEqual([true, false])
    session.ping(world.now)
    world.run(21)
    expect(far.isConfirmed).toBe(true)
  })
})

describe('who is let in', () => {
  test('is asked for after the cookie and the signature are proved, with certificate and address, and before anything is held', () => {
    const world = new World(17)
    const asked: string[] = []
    const b = world.add({
      acceptSession: (peerId, certificate, from) => {
        asked.push(`${peerId} ${certificate.peerId} ${from.key} ${b.endpoint.sessionCount}`)
        return asked.length > 1
      },
    })
    const identity = identityOf(world)
    const { cookie } = greet(world, b, here)
    const wrong = iikeying(world, b, { identity, cookie, signature: identityOf(world).sign(utf8('x')) })
    expect(hand(world, b, wrong, here)).toBe('bad signature')
    expect(asked).toEqual([])
    const keying = iikeying(world, b, { identity, cookie })
    expect(hand(world, b, keying, here)).toBe('session not accepted')
    expect(b.endpoint.sessionCount).toBe(0)
    expect(hand(world, b, keying, here)).toBeUndefined()
    expect(asked).toEqual(new Array(2).fill(`${identity.peerId} ${identity.peerId} ${here.key} 0`))
  })

  test('incoming sessions are limited in number, and one that ends makes room for another', () => {
    const world = new World(18)
    const b = world.add()
    const all: Session[] = []
    const create = (): Session | undefined => b.endpoint.createIncoming(Address.from('127.0.0.1', 1))
    for (let session = create(); session !== undefined; session = create()) all.push(session)
    expect(all).toHaveLength(MAX_INCOMING_SESSIONS)
    const keying = iikeying(world, b, { identity: identityOf(world), cookie: greet(world, b, here).cookie })
    expect(hand(world, b, keying, here)).toBe('too many sessions')
    all[0]!.close(world.now)
    world.settle()
    expect(hand(world, b, keying, here)).toBeUndefined()
    expect(openSessions(b)).toHaveLength(1)
  })
})
