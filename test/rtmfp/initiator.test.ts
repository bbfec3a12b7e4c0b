import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { EMPTY, utf8 } from '../../src/base/bytes.ts'
import { GROUP_MODP14 } from '../../src/crypto/constants.ts'
import { hostnameEpd } from '../../src/crypto/epd.ts'
import { RFC7425_POLICY } from '../../src/crypto/policy.ts'
import { OPEN_TIMEOUT } from '../../src/rtmfp/constants.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_COOKIE_CHANGE, CHUNK_IHELLO, CHUNK_IIKEYING, CHUNK_REDIRECT, CHUNK_RHELLO, CHUNK_RIKEYING } from '../../src/wire/chunk.ts'
import {
  encodeRIKeyingPortion,
  readIHello,
  readIIKeying,
  readRHello,
  readRIKeying,
  rikeyingSignedParameters,
  writeCookieChange,
  writeRIKeying,
  writeRedirect,
} from '../../src/wire/startup.ts'
import type { IIKeying } from '../../src/wire/startup.ts'
import { contentOf, epdOf, hand, ofType, openSessions, sealLong, story, watch } from './by-hand.ts'
import type { Seen } from './by-hand.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const nowhere = Address.from('192.0.2.99', 9)
const tagOf = (seen: readonly Seen[]): Uint8Array => readIHello(contentOf(ofType(seen, CHUNK_IHELLO)[0]).chunks[0]!.payload).tag
const keyingOf = (seen: Seen | undefined): IIKeying => readIIKeying(contentOf(seen).chunks[0]!.payload)

/** A session that has sent its IIKeying, which does not arrive. */
function keyingSent(seed: number): { world: World; a: Node; b: Node; session: Session; seen: Seen[] } {
  const world = new World(seed)
  const [a, b] = [world.add(), world.add()]
  const seen = watch(world, ({ type }) => type !== CHUNK_IIKEYING)
  const session = world.connect(a, b)
  world.run(45)
  expect(session.state).toBe('keying-sent')
  return { world, a, b, session, seen }
}

describe('the first answer', () => {
  test('RFC 7016 §3.5.1.7: of several servers with one name, a dead one among them, the nearest is selected, and later answers are ignored', () => {
    const world = new World(1)
    const a = world.add()
    const servers = [90, 5, 40].map((delay) => ({ delay, node: world.add({}, { hostname: 'play.example' }) }))
    const sent = watch(world, (seen) => {
      const server = servers.find(({ node }) => seen.from.equals(node.address))
      if (server === undefined || seen.type !== CHUNK_RHELLO) return true
      world.inject(seen.datagram, seen.from, seen.to, server.delay)
      return false
    })
    const candidates = [nowhere, ...servers.map(({ node }) => node.address)]
    const session = a.endpoint.open({ epd: hostnameEpd('play.example'), candidates }, world.now)
    world.run(1_000)
    const nearest = servers[1]!.node
    expect(session.state).toBe('open')
    expect(session.farPeerId).toBe(nearest.endpoint.identity.peerId)
    expect(ofType(sent, CHUNK_RHELLO)).toHaveLength(3)
    expect(ofType(sent, CHUNK_IIKEYING).map(({ to }) => to)).toEqual([nearest.address])
    expect(servers.map(({ node }) => node.endpoint.sessionCount)).toEqual([0, 1, 0])
  })

  test('RFC 7016 §3.5.1.1.1: an RHello that comes again once it is selected changes neither key nor schedule', () => {
    const { world, a, b, session, seen } = keyingSent(2)
    const rhello = ofType(seen, CHUNK_RHELLO)[0]!
    for (const from of [b.address, nowhere]) expect(hand(world, a, rhello.datagram, from)).toBe('unknown tag')
    world.run(400)
    expect(ofType(seen, CHUNK_IIKEYING)).toHaveLength(1)
    expect(session.farAddress).toBe(b.address)
  })

  test('two openings at a time do not get into each other’s way', () => {
    const world = new World(3)
    const [a, b, c] = [world.add(), world.add(), world.add()]
    const sessions = [world.connect(a, b), world.connect(a, c)]
    world.run(200)
    expect(sessions.map(({ farPeerId }) => farPeerId)).toEqual([b.endpoint.identity.peerId, c.endpoint.identity.peerId])
    expect(sessions.map(({ state }) => state)).toEqual(['open', 'open'])
  })

  test('RFC 7016 §3.5.1.1.1: of two openings to one peer, the one that is answered first goes on, the other is a duplicate', () => {
    const world = new World(4)
    const a = world.add()
    const b = world.add({}, { hostname: 'play.example' })
    const first = world.connect(a, b)
    const second = a.endpoint.open({ epd: hostnameEpd('play.example'), candidates: [b.address] }, world.now)
    world.run(500)
    expect([first.state, second.state]).toEqual(['open', 'open-failed'])
    expect(story(a)).toEqual(['session-failed duplicate', 'session-open'])
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([1, 1])
  })

  test('nobody gets a session with itself', () => {
    const world = new World(5)
    const a = world.add()
    const session = world.connect(a, a)
    world.run(OPEN_TIMEOUT)
    expect(session.state).toBe('open-failed')
    expect(story(a)).toEqual(['session-failed timeout'])
    expect(a.endpoint.sessionCount).toBe(0)
  })
})

describe('redirects', () => {
  const redirect = (tagEcho: Uint8Array, ...addresses: readonly Address[]): Uint8Array =>
    sealLong((w) => writeRedirect(w, { tagEcho, destinations: addresses.map((address) => ({ address, origin: 2 })) }))

  test('RFC 7016 §3.5.1.1.1: an address that is learnt late is tried at once, beside those that are tried already', () => {
    const world = new World(6)
    const [a, b] = [world.add(), world.add()]
    const seen = watch(world)
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [nowhere] }, world.now)
    world.run(7_000)
    expect(session.state).toBe('ihello-sent')
    hand(world, a, redirect(tagOf(seen), b.address, nowhere), nowhere)
    world.run(81)
    expect(session.state).toBe('open')
    expect(session.farAddress).toBe(b.address)
    // What is tried already keeps its schedule.
    expect(seen.filter(({ to }) => to.equals(nowhere)).map(({ at }) => at - 1_000)).toEqual([0, 500, 2_500, 6_000])
  })

  test('RFC 7016 §2.3.5: one without any destination means where it came from', () => {
    const world = new World(7)
    const [a, b] = [world.add(), world.add()]
    const seen = watch(world)
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [nowhere] }, world.now)
    world.run(1)
    hand(world, a, redirect(tagOf(seen)), b.address)
    world.run(81)
    expect(session.state).toBe('open')
    expect(session.farAddress).toBe(b.address)
  })

  test('RFC 7016 §3.5.1.1.1: one that comes when a responder is selected already is ignored', () => {
    const { world, a, seen } = keyingSent(8)
    expect(hand(world, a, redirect(tagOf(seen), nowhere), nowhere)).toBe('unknown tag')
    world.run(20_000)
    expect(seen.some(({ to }) => to.equals(nowhere))).toBe(false)
  })

  test('a redirect in a circle does not make more hellos than there are candidates', () => {
    const world = new World(9)
    const others = [Address.from('10.0.0.2', 1935), Address.from('10.0.0.3', 1935)]
    const a = world.add()
    const introduce = (): { addresses: { address: Address; origin: number }[] } => ({
      addresses: others.map((address) => ({ address, origin: 2 })),
    })
    for (let i = 0; i < 2; i++) world.add({ introduce })
    const seen = watch(world)
    a.endpoint.open({ epd: hostnameEpd('x'), candidates: [others[0]!] }, world.now)
    world.run(490)
    expect(ofType(seen, CHUNK_IHELLO).map(({ to }) => to.key)).toEqual(others.map(({ key }) => key))
    expect(ofType(seen, CHUNK_REDIRECT)).toHaveLength(2)
  })
})

describe('when it does not come to an end', () => {
  test('RFC 7016 §3.5.1.1.1: the time to open covers both round trips, whatever was answered', () => {
    const { world, a, b, session, seen } = keyingSent(10)
    world.run(1_000 + OPEN_TIMEOUT - world.now - 1)
    expect(session.state).toBe('keying-sent')
    world.run(1)
    expect(session.state).toBe('open-failed')
    expect(story(a)).toEqual(['session-failed timeout'])
    expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([0, 0])
    const sent = seen.length
    world.run(OPEN_TIMEOUT)
    expect(seen).toHaveLength(sent)
    expect(a.until).toBe(Infinity)
    expect(OPEN_TIMEOUT).toBe(95_000)
  })

  test('the time to open can be chosen, to the millisecond', () => {
    const world = new World(11)
    const a = world.add()
    const session = a.endpoint.open({ epd: hostnameEpd('x'), candidates: [nowhere], timeout: 1_234 }, world.now)
    world.run(1_233)
    expect(session.state).toBe('ihello-sent')
    world.run(1)
    expect(session.state).toBe('open-failed')
  })

  test('answers that come after the end are ignored', () => {
    const world = new World(12)
    const [a, b] = [world.add(), world.add()]
    const held: Seen[] = []
    watch(world, (seen) => {
      if (seen.type === CHUNK_RHELLO || seen.type === CHUNK_RIKEYING) held.push(seen)
      return seen.type !== CHUNK_RIKEYING
    })
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [b.address], timeout: 1_000 }, world.now)
    world.run(1_001)
    expect(session.state).toBe('open-failed')
    expect(held.map((seen) => hand(world, a, seen.datagram, b.address))).toContain('unknown tag')
    expect(hand(world, a, held.at(-1)!.datagram, b.address)).toBe('unknown session')
    expect(a.endpoint.sessionCount).toBe(0)
    expect(story(a)).toEqual(['session-failed timeout'])
  })

  test('a peer with which no keys can be agreed is told of at once, not after 95 seconds', () => {
    const world = new World(13)
    const a = world.add()
    const old = world.add({ policy: RFC7425_POLICY }, { groups: [GROUP_MODP14] })
    const session = world.connect(a, old)
    world.run(41)
    expect(session.state).toBe('open-failed')
    expect(story(a)).toEqual(['session-failed no-common-keying'])
  })

  test('a session that has no address to try is not begun', () => {
    const a = new World(14).add()
    expect(() => a.endpoint.open({ epd: EMPTY, candidates: [] }, 0)).toThrow(/address/)
    expect(a.endpoint.sessionCount).toBe(0)
  })
})

describe('cookie change', () => {
  test('RFC 7016 §3.5.1.2: the new cookie is echoed at once, signed anew, with the same half of the keys', () => {
    const { world, a, b, session, seen } = keyingSent(15)
    const before = keyingOf(ofType(seen, CHUNK_IIKEYING)[0])
    const change = sealLong((w) => writeCookieChange(w, { oldCookie: before.cookieEcho, newCookie: utf8('fresh') }), session.id)
    expect(hand(world, a, change, b.address)).toBeUndefined()
    const after = keyingOf(ofType(seen, CHUNK_IIKEYING)[1])
    expect(after.cookieEcho).toEqual(utf8('fresh'))
    expect(after.component).toEqual(before.component)
    expect(after.initiatorSessionId).toBe(before.initiatorSessionId)
    expect(after.signature).not.toEqual(before.signature)
  })

  test('RFC 7016 §3.5.1.2: it is changed no more than once, and only for one who knows the old one', () => {
    const { world, a, b, session, seen } = keyingSent(16)
    const { cookieEcho } = keyingOf(ofType(seen, CHUNK_IIKEYING)[0])
    const change = (oldCookie: Uint8Array, newCookie: Uint8Array): string | undefined =>
      hand(
        world,
        a,
        sealLong((w) => writeCookieChange(w, { oldCookie, newCookie }), session.id),
        b.address,
      )
    const guess = cookieEcho.map((byte, i) => (i === 63 ? byte ^ 1 : byte))
    for (const wrong of [EMPTY, guess, cookieEcho.subarray(0, 32)]) expect(change(wrong, utf8('evil'))).toBe('unexpected cookie change')
    expect(change(cookieEcho, utf8('second'))).toBeUndefined()
    expect(change(cookieEcho, utf8('third'))).toBe('unexpected cookie change')
    expect(change(utf8('second'), utf8('third'))).toBe('unexpected cookie change')
    expect(ofType(seen, CHUNK_IIKEYING)).toHaveLength(2)
    expect(ofType(seen, CHUNK_COOKIE_CHANGE)).toHaveLength(0)
  })

  test('RFC 7016 §3.5.1.2: before a responder is selected, and once the session is open, there is no cookie to change', () => {
    const world = new World(17)
    const [a, b] = [world.add(), world.add()]
    const seen = watch(world)
    const session = world.connect(a, b)
    const change = sealLong((w) => writeCookieChange(w, { oldCookie: EMPTY, newCookie: utf8('evil') }), session.id)
    expect(hand(world, a, change, b.address)).toBe('unexpected cookie change')
    world.run(200)
    const { cookie } = readRHello(contentOf(ofType(seen, CHUNK_RHELLO)[0]).chunks[0]!.payload)
    const late = sealLong((w) => writeCookieChange(w, { oldCookie: cookie, newCookie: utf8('evil') }), session.id)
    expect(hand(world, a, late, b.address)).toBe('forged packet')
    expect(session.state).toBe('open')
    expect(ofType(seen, CHUNK_IIKEYING)).toHaveLength(1)
  })
})

describe('the last answer', () => {
  /** Puts something else in the place of each RIKeying. */
  function instead(seed: number, make: (seen: Seen, world: World, b: Node) => Uint8Array): { world: World; a: Node; session: Session } {
    const world = new World(seed)
    const [a, b] = [world.add(), world.add()]
    watch(world, (seen) => {
      if (seen.type === CHUNK_RIKEYING) world.inject(make(seen, world, b), seen.from, seen.to, 10)
      return true
    })
    return { world, a, session: world.connect(a, b) }
  }

  test('RFC 7016 §3.5.1.1.1: one that is not signed by the far end is ignored, and the true one, behind it, opens the session', () => {
    const { world, a, session } = instead(18, (seen) => {
      const { sessionId, chunks } = contentOf(seen)
      const { component, signature } = readRIKeying(chunks[0]!.payload)
      return sealLong((w) => writeRIKeying(w, encodeRIKeyingPortion(99, component), signature), sessionId)
    })
    world.run(500)
    expect(a.endpoint.stats.drops.get('bad signature')).toBe(1)
    expect(session.state).toBe('open')
  })

  test('RFC 7016 §3.5.1.1.1: one that is signed, but gives no keys, ends the attempt', () => {
    let asked: IIKeying | undefined
    const world = new World(19)
    const [a, b] = [world.add(), world.add()]
    watch(world, (seen) => {
      if (seen.type === CHUNK_IIKEYING) asked = keyingOf(seen)
      if (seen.type !== CHUNK_RIKEYING) return true
      const portion = encodeRIKeyingPortion(99, Uint8Array.of(1, 2, 3))
      const signature = b.endpoint.identity.sign(rikeyingSignedParameters(portion, asked!.component))
      world.inject(
        sealLong((w) => writeRIKeying(w, portion, signature), asked!.initiatorSessionId),
        seen.from,
        seen.to,
        10,
      )
      return false
    })
    const session = world.connect(a, b)
    world.run(500)
    expect(session.state).toBe('open-failed')
    expect(story(a)).toEqual(['session-failed keying-failed'])
    expect(a.endpoint.sessionCount).toBe(0)
  })

  test('RFC 7016 §3.5.1.1.1: a second one, of the same keying, changes nothing', () => {
    const { world, a, session } = instead(20, ({ datagram }) => datagram)
    world.run(500)
    expect(session.state).toBe('open')
    expect(story(a)).toEqual(['session-open'])
    expect(openSessions(a)).toHaveLength(1)
  })

  test('when it is lost, a responder that goes on talking is asked for it as soon as it is heard, not when the schedule says', () => {
    const world = new World(21)
    const [a, b] = [world.add(), world.add()]
    let lost = 0
    const seen = watch(world, ({ type }) => type !== CHUNK_RIKEYING || ++lost > 1)
    b.onEvent = (event) => {
      if (event.type === 'session-open') event.session.openFlow({ metadata: utf8('x') }).write(new Uint8Array(20_000), world.now)
    }
    const session = world.connect(a, b)
    const start = world.now
    world.runUntil(() => session.state === 'open')
    // First sent after 40 ms, and again, by its schedule, at 540.
    const at = ofType(seen, CHUNK_IIKEYING).map((packet) => packet.at - start)
    expect(at).toHaveLength(2)
    expect(at[1]).toBeLessThan(540)
    world.run(2_000)
    expect(a.events.filter((event) => event.type === 'message')).toHaveLength(1)
  })
})
