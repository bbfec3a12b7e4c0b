import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { EMPTY, utf8 } from '../../src/base/bytes.ts'
import { randomBytes, seededRandom } from '../../src/base/random.ts'
import { ancillaryEpd, fingerprintEpd, hostnameEpd } from '../../src/crypto/epd.ts'
import { COOKIE_LENGTH, COOKIE_LIFETIME, OPEN_TIMEOUT, REDIRECT_THRESHOLD, TAG_LENGTH } from '../../src/rtmfp/constants.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import {
  CHUNK_COOKIE_CHANGE,
  CHUNK_FIHELLO,
  CHUNK_IHELLO,
  CHUNK_IIKEYING,
  CHUNK_REDIRECT,
  CHUNK_RHELLO,
  CHUNK_RIKEYING,
} from '../../src/wire/chunk.ts'
import { readIHello, readIIKeying, readRHello, readRedirect, writeIHello, writeRedirect } from '../../src/wire/startup.ts'
import { inspect, openStartup, sealStartup } from './inspect.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

interface Sent {
  readonly at: number
  readonly type: number
  readonly from: string
  readonly to: string
  readonly datagram: Uint8Array
}

/** Notes each start-up packet by the type of its chunk. */
function note(world: World): Sent[] {
  const sent: Sent[] = []
  world.filter = (datagram, from, to) => {
    const chunk = openStartup(datagram)?.chunks[0]
    if (chunk !== undefined) sent.push({ at: world.now, type: chunk.type, from: from.key, to: to.key, datagram: datagram.slice() })
    return true
  }
  return sent
}

const payload = (sent: Sent | undefined): ReturnType<typeof openStartup> & {} => openStartup(sent!.datagram)!
const nowhere = Address.from('192.0.2.99', 9)
const epdOf = (node: Node): Uint8Array => fingerprintEpd(node.endpoint.identity.fingerprint)

describe('the four packets', () => {
  test('RFC 7016 §3.5.1.1: IHello, RHello, IIKeying, RIKeying, and nothing else opens a session', () => {
    const world = new World(1)
    const [a, b] = [world.add(), world.add()]
    const sent = note(world)
    world.connect(a, b)
    world.run(200)
    expect(sent.map(({ type }) => type)).toEqual([CHUNK_IHELLO, CHUNK_RHELLO, CHUNK_IIKEYING, CHUNK_RIKEYING])
    const hello = readIHello(payload(sent[0]).chunks[0]!.payload)
    const answer = readRHello(payload(sent[1]).chunks[0]!.payload)
    const keying = readIIKeying(payload(sent[2]).chunks[0]!.payload)
    expect(hello.tag).toHaveLength(TAG_LENGTH)
    expect(answer.tagEcho).toEqual(hello.tag)
    expect(answer.cookie).toHaveLength(COOKIE_LENGTH)
    expect(answer.certificate).toEqual(b.endpoint.identity.certificate.bytes)
    expect(keying.cookieEcho).toEqual(answer.cookie)
    expect(keying.certificate).toEqual(a.endpoint.identity.certificate.bytes)
    // RFC 7016 §3.5.1.1: RIKeying is the first packet that goes to a session ID, the one that IIKeying named.
    expect(sent.map(({ datagram }) => openStartup(datagram)!.sessionId)).toEqual([0, 0, 0, keying.initiatorSessionId])
  })

  test('RFC 7016 §3.5.1.1.2: a responder holds nothing until a cookie has come back', () => {
    const world = new World(2)
    const b = world.add()
    const random = seededRandom(2)
    for (let i = 0; i < 10_000; i++) {
      const hello = sealStartup(0, (w) => writeIHello(w, { epd: epdOf(b), tag: randomBytes(random, TAG_LENGTH) }))
      b.endpoint.receive(hello, Address.from('198.51.100.1', 1 + (i % 60_000)), world.now)
      world.settle()
    }
    expect(b.endpoint.sessionCount).toBe(0)
    expect(b.events).toEqual([])
  })

  test('RFC 7016 §3.5.1.1.1: IHello is repeated at growing intervals, and the attempt ends after 95 seconds', () => {
    const world = new World(3)
    const a = world.add()
    const sent = note(world)
    a.endpoint.open({ epd: utf8('x'), candidates: [nowhere] }, world.now)
    const start = world.now
    world.run(OPEN_TIMEOUT + 1_000)
    const waits = sent.slice(1).map(({ at }, i) => at - sent[i]!.at)
    expect(waits.slice(0, 4)).toEqual([500, 2_000, 3_500, 5_000])
    for (let i = 1; i < waits.length; i++) expect(waits[i]! - waits[i - 1]!).toBeGreaterThanOrEqual(1_500)
    expect(a.events.map((event) => event.type === 'session-failed' && event.reason)).toEqual(['timeout'])
    expect(sent.at(-1)!.at - start).toBeLessThan(OPEN_TIMEOUT)
    expect(a.endpoint.sessionCount).toBe(0)
  })

  test('every one of the four may be lost, twice', () => {
    for (const type of [CHUNK_IHELLO, CHUNK_RHELLO, CHUNK_IIKEYING, CHUNK_RIKEYING]) {
      const world = new World(type)
      const [a, b] = [world.add(), world.add()]
      let lost = 0
      world.filter = (datagram) => openStartup(datagram)?.chunks[0]?.type !== type || ++lost > 2
      const session = world.connect(a, b)
      world.run(10_000)
      expect(session.state).toBe('open')
      expect(lost).toBe(3)
      expect([a.endpoint.sessionCount, b.endpoint.sessionCount]).toEqual([1, 1])
    }
  })

  test('RFC 7016 §3.5.1.1.2: an IIKeying that comes again gets the same answer, and no second session', () => {
    const world = new World(4)
    const [a, b] = [world.add(), world.add()]
    const sent = note(world)
    world.connect(a, b)
    world.run(200)
    const [, , keying, answer] = sent
    for (let i = 0; i < 5; i++) world.inject(keying!.datagram, a.address, b.address)
    world.run(200)
    const again = sent.slice(4).filter(({ type }) => type === CHUNK_RIKEYING)
    expect(again).toHaveLength(5)
    for (const { datagram } of again) expect(datagram).toEqual(answer!.datagram)
    expect(b.endpoint.sessionCount).toBe(1)
    expect(b.events.filter((event) => event.type === 'session-open')).toHaveLength(1)
  })

  test('the names of RFC 7425 §4.4: by fingerprint, by host name, by URI', () => {
    const world = new World(5)
    const a = world.add()
    const server = world.add({}, { hostname: 'play.example', acceptsAncillary: true })
    for (const epd of [epdOf(server), hostnameEpd('play.example'), ancillaryEpd('rtmfp://play.example')]) {
      const session = a.endpoint.open({ epd, candidates: [server.address] }, world.now)
      world.run(200)
      expect(session.state).toBe('open')
      expect(session.farPeerId).toBe(server.endpoint.identity.peerId)
      session.close(world.now)
      world.run(30_000)
    }
    const wrong = a.endpoint.open({ epd: hostnameEpd('other.example'), candidates: [server.address], timeout: 3_000 }, world.now)
    world.run(5_000)
    expect(wrong.state).toBe('open-failed')
    expect(server.endpoint.stats.drops.get('hello for someone else')).toBeGreaterThan(0)
  })
})

describe('cookies', () => {
  test('RFC 7016 §3.5.1.2: one that comes from another address is changed, once, and the session opens', () => {
    const world = new World(6)
    const [a, b] = [world.add(), world.add()]
    const sent = note(world)
    const session = world.connect(a, b)
    world.run(30)
    // A NAT gives the initiator another port between hello and keying.
    const before = a.address
    a.address = Address.from('10.0.0.1', 4_444)
    world.divert(before, a.address)
    world.run(300)
    expect(sent.map(({ type }) => type)).toEqual([
      CHUNK_IHELLO,
      CHUNK_RHELLO,
      CHUNK_IIKEYING,
      CHUNK_COOKIE_CHANGE,
      CHUNK_IIKEYING,
      CHUNK_RIKEYING,
    ])
    expect(session.state).toBe('open')
    expect(b.events[0]!.session.farAddress?.key).toBe('10.0.0.1:4444')
  })

  test('one that is too old, or was made up, opens nothing', () => {
    const world = new World(7)
    const [a, b] = [world.add(), world.add()]
    const sent = note(world)
    const session = world.connect(a, b)
    world.run(200)
    const keying = sent[2]!.datagram
    session.abort()
    world.run(30_000)
    expect(b.endpoint.sessionCount).toBe(0)
    world.run(COOKIE_LIFETIME)
    world.inject(keying, a.address, b.address)
    world.run(100)
    expect(b.endpoint.sessionCount).toBe(0)
    expect(b.endpoint.stats.drops.get('cookie expired')).toBe(1)
    const stranger = new World(8).add()
    stranger.endpoint.receive(keying, a.address, 1_000)
    expect(stranger.endpoint.stats.drops.get('cookie forged')).toBe(1)
  })
})

describe('candidates and introductions', () => {
  test('RFC 7016 §3.5.1.1.1: all candidates are tried at once, the first to answer is taken', () => {
    const world = new World(9)
    const [a, b] = [world.add(), world.add()]
    const sent = note(world)
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [nowhere, b.address, Address.from('192.0.2.98', 9)] }, world.now)
    world.run(1)
    expect(sent.map(({ to }) => to)).toEqual([nowhere.key, b.address.key, '192.0.2.98:9'])
    world.run(200)
    expect(session.state).toBe('open')
    expect(session.farAddress).toBe(b.address)
    expect(sent.filter(({ type }) => type === CHUNK_IIKEYING).map(({ to }) => to)).toEqual([b.address.key])
  })

  test('RFC 7016 §3.5.1.1.1: no more than 24 candidates, however many a redirect names', () => {
    const world = new World(10)
    const a = world.add()
    const sent = note(world)
    a.endpoint.open({ epd: utf8('x'), candidates: [nowhere] }, world.now)
    world.run(1)
    const { tag } = readIHello(payload(sent[0]).chunks[0]!.payload)
    const destinations = Array.from({ length: 100 }, (_, i) => ({ address: Address.from('203.0.113.1', 1_000 + i), origin: 2 }))
    world.inject(
      sealStartup(0, (w) => writeRedirect(w, { tagEcho: tag, destinations })),
      nowhere,
      a.address,
    )
    world.run(100)
    expect(new Set(sent.map(({ to }) => to)).size).toBe(REDIRECT_THRESHOLD)
  })

  test('a redirect with another tag is ignored', () => {
    const world = new World(11)
    const a = world.add()
    const sent = note(world)
    a.endpoint.open({ epd: utf8('x'), candidates: [nowhere] }, world.now)
    world.run(1)
    const destinations = [{ address: Address.from('203.0.113.1', 1_000), origin: 2 }]
    for (const tagEcho of [EMPTY, new Uint8Array(TAG_LENGTH)]) {
      world.inject(
        sealStartup(0, (w) => writeRedirect(w, { tagEcho, destinations })),
        nowhere,
        a.address,
      )
    }
    world.run(100)
    expect(new Set(sent.map(({ to }) => to))).toEqual(new Set([nowhere.key]))
    expect(a.endpoint.stats.drops.get('unknown tag')).toBe(2)
  })

  /** An introducer with sessions to both. */
  function introduced(seed: number): { world: World; introducer: Node; a: Node; b: Node } {
    const world = new World(seed)
    const registered: Session[] = []
    const introducer: Node = world.add({
      introduce: () => registered[0] && { addresses: [{ address: registered[0].farAddress!, origin: 2 }], forwardTo: registered[0] },
    })
    const [a, b] = [world.add(), world.add()]
    b.endpoint.open({ epd: epdOf(introducer), candidates: [introducer.address], acceptForwarded: true }, world.now)
    world.run(200)
    registered.push(introducer.events.find((event) => event.type === 'session-open')!.session)
    return { world, introducer, a, b }
  }

  test('RFC 7016 §3.5.1.6: an introducer passes the hello on and redirects; both ends send to each other, which opens both NATs', () => {
    const { world, introducer, a, b } = introduced(12)
    const forwarded = inspect(world, [...b.endpoint.sessions][0]!)
    const sent = note(world)
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [introducer.address] }, world.now)
    world.run(300)
    expect(forwarded.flatMap(({ chunks }) => chunks.map(({ type }) => type))).toContain(CHUNK_FIHELLO)
    const redirect = sent.find(({ type }) => type === CHUNK_REDIRECT)!
    expect([redirect.from, redirect.to]).toEqual([introducer.address.key, a.address.key])
    expect(readRedirect(payload(redirect).chunks[0]!.payload).destinations.map(({ address }) => address.key)).toEqual([b.address.key])
    // Towards each other, before either has heard the other.
    expect(sent.some((s) => s.type === CHUNK_RHELLO && s.from === b.address.key && s.to === a.address.key)).toBe(true)
    expect(sent.some((s) => s.type === CHUNK_IHELLO && s.from === a.address.key && s.to === b.address.key)).toBe(true)
    expect(session.state).toBe('open')
    expect(session.farAddress).toBe(b.address)
    expect(session.farPeerId).toBe(b.endpoint.identity.peerId)
  })

  test('an end that has not said that it takes forwarded hellos answers none', () => {
    const world = new World(13)
    const [a, b] = [world.add(), world.add()]
    world.connect(a, b)
    world.run(200)
    const far = b.events[0]!.session
    const sent = note(world)
    const forward = new Uint8Array([CHUNK_FIHELLO, 0, 0])
    expect(far.forward(forward)).toBe(true)
    world.run(200)
    expect(sent.filter(({ type }) => type === CHUNK_RHELLO)).toEqual([])
    expect(a.endpoint.stats.drops.get('forwarded hello not accepted')).toBe(1)
  })

  test('RFC 7016 §3.5.1.5: forwarded hellos are answered 64 times a second and no more', () => {
    const { world, introducer, b } = introduced(14)
    const sent = note(world)
    const random = seededRandom(14)
    for (let i = 0; i < 300; i++) {
      const hello = sealStartup(0, (w) => writeIHello(w, { epd: epdOf(b), tag: randomBytes(random, TAG_LENGTH) }))
      introducer.endpoint.receive(hello, Address.from('198.51.100.1', 1 + i), world.now)
      world.run(1)
    }
    world.run(300)
    expect(sent.filter(({ type, from }) => type === CHUNK_RHELLO && from === b.address.key).length).toBeLessThanOrEqual(64)
  })

  test('a hello for someone that the introducer does not know gets no answer at all', () => {
    const world = new World(15)
    const introducer = world.add({ introduce: () => undefined })
    const a = world.add()
    const sent = note(world)
    a.endpoint.open({ epd: fingerprintEpd(new Uint8Array(32)), candidates: [introducer.address], timeout: 3_000 }, world.now)
    world.run(4_000)
    expect(sent.every(({ from }) => from === a.address.key)).toBe(true)
  })
})

describe('glare and repetition', () => {
  test('RFC 7016 §3.5.1.3, RFC 7425 §4.3.6: both open at the same time, and one session comes of it', () => {
    for (let seed = 20; seed < 40; seed++) {
      const world = new World(seed, { latency: 30, jitter: seed % 2 === 0 ? 0 : 25 })
      const [a, b] = [world.add(), world.add()]
      const ours = world.connect(a, b)
      const theirs = world.connect(b, a)
      world.run(20_000)
      const open = (node: Node): Session[] => [...node.endpoint.sessions].filter((s) => s.state === 'open')
      expect([open(a).length, open(b).length]).toEqual([1, 1])
      expect([ours.state, theirs.state].filter((state) => state === 'open')).toHaveLength(1)
      expect(open(a)[0]!.nearNonce).toEqual(open(b)[0]!.farNonce)
      open(a)[0]!
        .openFlow({ metadata: utf8('x') })
        .write(utf8('hello'), world.now)
      world.run(200)
      expect(b.events.filter((event) => event.type === 'message')).toHaveLength(1)
    }
  })

  test('RFC 7016 §3.5.1.1.2: the same identity that starts anew from the same address overrides the session it had', () => {
    const world = new World(41)
    const b = world.add()
    const a = world.add()
    const first = world.connect(a, b)
    world.run(200)
    const before = b.events[0]!.session
    // As after a crash: nothing is known any more, but the identity.
    const again = world.add({ identity: a.endpoint.identity })
    again.address = a.address
    a.address = nowhere
    const second = world.connect(again, b)
    world.run(300)
    expect(second.state).toBe('open')
    expect(before.state).toBe('closed')
    expect(b.events.map((event) => (event.type === 'session-closed' ? event.reason : event.type))).toEqual([
      'session-open',
      'override',
      'session-open',
    ])
    expect(first.isInitiator).toBe(true)
  })

  test('a second attempt to open a session with the same peer ends as a duplicate', () => {
    const world = new World(42)
    const [a, b] = [world.add(), world.add()]
    const first = world.connect(a, b)
    world.run(200)
    const second = world.connect(a, b)
    world.run(200)
    expect([first.state, second.state]).toEqual(['open', 'open-failed'])
    expect(a.events.at(-1)).toMatchObject({ type: 'session-failed', reason: 'duplicate' })
  })
})
