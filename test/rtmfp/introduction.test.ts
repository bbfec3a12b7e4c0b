import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { Reader, concat, equalBytes, utf8 } from '../../src/base/bytes.ts'
import { randomBytes } from '../../src/base/random.ts'
import { ancillaryEpd, fingerprintEpd } from '../../src/crypto/epd.ts'
import { AMPLIFICATION_LIMIT, FORWARDED_PER_SECOND, MAX_FOREIGN_TAG, MAX_FORWARDED_HELLO, TAG_LENGTH } from '../../src/rtmfp/constants.ts'
import type { Introduction } from '../../src/rtmfp/endpoint.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { StartupPackets } from '../../src/rtmfp/startup.ts'
import { ORIGIN_OBSERVED } from '../../src/wire/address.ts'
import { CHUNK_FIHELLO, CHUNK_HEADER_SIZE, CHUNK_IHELLO, CHUNK_REDIRECT, CHUNK_RHELLO } from '../../src/wire/chunk.ts'
import { readFIHello, readIHello, readRHello, readRedirect, writeIHello } from '../../src/wire/startup.ts'
import type { FIHello } from '../../src/wire/startup.ts'
import { contentOf, epdOf, hand, ihello, ofType, openSessions, sealLong, story, watch } from './by-hand.ts'
import { eventsOf } from './tap.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const stranger = Address.from('198.51.100.1', 1_001)

interface Introduced {
  readonly world: World
  readonly introducer: Node
  readonly a: Node
  readonly b: Node
  /** The introducer's session with `b`. */
  readonly registered: Session
}

interface How {
  readonly redirects: boolean
  readonly forwards: boolean
  readonly acceptForwarded: boolean
}

/** An introducer that knows `b`, and nobody else. */
function introduced(seed: number, how: Partial<How> = {}): Introduced {
  const { redirects = true, forwards = true, acceptForwarded = true } = how
  const world = new World(seed)
  const known: { epd: Uint8Array; session: Session }[] = []
  const introduce = (epd: Uint8Array): Introduction | undefined => {
    const found = known.find((one) => equalBytes(one.epd, epd.subarray(0, one.epd.length)))
    if (found === undefined) return undefined
    const addresses = redirects ? [{ address: found.session.farAddress!, origin: ORIGIN_OBSERVED }] : []
    return { addresses, forwardTo: forwards ? found.session : undefined }
  }
  const introducer = world.add({ introduce })
  const [a, b] = [world.add(), world.add()]
  b.endpoint.open({ epd: epdOf(introducer), candidates: [introducer.address], acceptForwarded }, world.now)
  world.run(200)
  const registered = eventsOf(introducer, 'session-open')[0]!.session
  known.push({ epd: epdOf(b), session: registered })
  return { world, introducer, a, b, registered }
}

const lookUp = ({ world, introducer, a, b }: Introduced): Session =>
  a.endpoint.open({ epd: epdOf(b), candidates: [introducer.address] }, world.now)

/** The forwarded hellos that come to the only session of a node. */
function forwardedTo(node: Node): FIHello[] {
  const all: FIHello[] = []
  const { endpoint } = node
  const forwardedHello = endpoint.forwardedHello.bind(endpoint)
  endpoint.forwardedHello = (session, payload, now) => {
    all.push(readFIHello(new Reader(payload.bytes, payload.at, payload.end)))
    forwardedHello(session, payload, now)
  }
  return all
}

describe('an introducer', () => {
  test('RFC 7016 §3.5.1.4: that redirects alone is enough when the far end can be reached', () => {
    const all = introduced(1, { forwards: false })
    const session = lookUp(all)
    all.world.run(200)
    expect(session.state).toBe('open')
    expect(session.farAddress).toBe(all.b.address)
  })

  test('RFC 7016 §3.5.1.5: that forwards alone is enough when the initiator can be reached', () => {
    const all = introduced(2, { redirects: false })
    const seen = watch(all.world)
    const session = lookUp(all)
    all.world.run(200)
    expect(session.state).toBe('open')
    expect(session.farAddress).toBe(all.b.address)
    expect(ofType(seen, CHUNK_IHELLO).map(({ to }) => to)).toEqual([all.introducer.address])
    expect(ofType(seen, CHUNK_RHELLO).map(({ from, to }) => [from, to])).toEqual([[all.b.address, all.a.address]])
  })

  test('RFC 7016 §3.5.1.5: forwards name and tag as they came, and the address that the hello was seen to come from', () => {
    const all = introduced(3)
    const forwarded = forwardedTo(all.b)
    const tag = randomBytes(all.world.random, TAG_LENGTH)
    hand(all.world, all.introducer, ihello(epdOf(all.b), tag), stranger)
    all.world.run(30)
    expect(forwarded).toHaveLength(1)
    expect(forwarded[0]!.epd).toEqual(epdOf(all.b))
    expect(forwarded[0]!.tag).toEqual(tag)
    expect(forwarded[0]!.replyAddress.address.key).toBe(stranger.key)
    expect(forwarded[0]!.replyAddress.origin).toBe(ORIGIN_OBSERVED)
  })

  test('RFC 7016 §3.5.1.4: redirects with the tag that came, to where the hello came from, with origins that are not 0', () => {
    const all = introduced(4)
    const seen = watch(all.world)
    const tag = randomBytes(all.world.random, TAG_LENGTH)
    hand(all.world, all.introducer, ihello(epdOf(all.b), tag), stranger)
    const [redirect] = ofType(seen, CHUNK_REDIRECT)
    const { tagEcho, destinations } = readRedirect(contentOf(redirect).chunks[0]!.payload)
    expect(redirect!.to.key).toBe(stranger.key)
    expect(tagEcho).toEqual(tag)
    expect(destinations.map(({ address, origin }) => [address.key, origin])).toEqual([[all.b.address.key, ORIGIN_OBSERVED]])
    expect(contentOf(redirect).sessionId).toBe(0)
  })

  test('holds nothing for a hello that it passes on', () => {
    const all = introduced(5)
    for (let i = 0; i < 500; i++) {
      hand(all.world, all.introducer, ihello(epdOf(all.b), randomBytes(all.world.random, TAG_LENGTH)), Address.from('198.51.100.1', 1 + i))
    }
    expect(all.introducer.endpoint.sessionCount).toBe(1)
  })

  test('answers for itself when it is itself that is asked for', () => {
    const world = new World(6)
    const asked: Uint8Array[] = []
    const introducer = world.add({
      introduce: (epd) => {
        asked.push(epd)
        return undefined
      },
    })
    const session = world.connect(world.add(), introducer)
    world.run(200)
    expect(session.state).toBe('open')
    expect(asked).toEqual([])
  })

  test('an endpoint that is none introduces nobody, not even those that it has sessions with', () => {
    const world = new World(7)
    const [center, b] = [world.add(), world.add()]
    b.endpoint.open({ epd: epdOf(center), candidates: [center.address], acceptForwarded: true }, world.now)
    world.run(200)
    const seen = watch(world)
    expect(hand(world, center, ihello(epdOf(b)), stranger)).toBe('hello for someone else')
    world.run(500)
    expect(seen).toEqual([])
  })

  test('RFC 7016 §3.5.1.5: does not forward through a session that is closing, and says so in its counters', () => {
    const all = introduced(8)
    all.registered.close(all.world.now)
    expect(hand(all.world, all.introducer, ihello(epdOf(all.b)), stranger)).toBe('hello not forwarded')
  })

  test('passes no more hellos on at a time than the far end will answer in a second', () => {
    const all = introduced(9)
    const forwarded = forwardedTo(all.b)
    const reasons: (string | undefined)[] = []
    const { endpoint } = all.introducer
    for (let i = 0; i < 200; i++) endpoint.receive(ihello(epdOf(all.b)), stranger, all.world.now)
    reasons.push(...endpoint.stats.drops.keys())
    all.world.run(100)
    expect(forwarded).toHaveLength(FORWARDED_PER_SECOND)
    expect(reasons).toContain('hello not forwarded')
  })
})

describe('what is too long', () => {
  const padding = (length: number): Uint8Array => ancillaryEpd('x'.repeat(length))

  test('to be forwarded is not, and does not hold up what comes after it', () => {
    const all = introduced(10)
    const forwarded = forwardedTo(all.b)
    for (const length of [MAX_FORWARDED_HELLO, 1_150, 1_300, 3_000]) {
      const long = ihello(concat(epdOf(all.b), padding(length)))
      expect(hand(all.world, all.introducer, long, stranger)).toBe('hello not forwarded')
    }
    hand(all.world, all.introducer, ihello(epdOf(all.b)), stranger)
    all.world.run(100)
    expect(forwarded).toHaveLength(1)
  })

  test('the longest hello that is forwarded fits into the shortest packet that a path is assumed to carry', () => {
    const all = introduced(11)
    const forwarded = forwardedTo(all.b)
    const overhead = StartupPackets.forwardedHello({
      epd: concat(epdOf(all.b), padding(200)),
      replyAddress: { address: stranger, origin: ORIGIN_OBSERVED },
      tag: new Uint8Array(TAG_LENGTH),
    }).length
    const longest = ihello(concat(epdOf(all.b), padding(200 + MAX_FORWARDED_HELLO - overhead)))
    expect(hand(all.world, all.introducer, longest, stranger)).toBeUndefined()
    const longer = ihello(concat(epdOf(all.b), padding(201 + MAX_FORWARDED_HELLO - overhead)))
    expect(hand(all.world, all.introducer, longer, stranger)).toBe('hello not forwarded')
    all.world.run(100)
    expect(forwarded).toHaveLength(1)
    expect(CHUNK_HEADER_SIZE + MAX_FORWARDED_HELLO).toBeLessThan(1_200)
  })

  test('a tag is neither echoed nor forwarded', () => {
    const all = introduced(12)
    const seen = watch(all.world)
    for (const length of [MAX_FOREIGN_TAG + 1, 5_000, 60_000]) {
      const tag = new Uint8Array(length)
      for (const node of [all.introducer, all.b]) expect(hand(all.world, node, ihello(epdOf(all.b), tag), stranger)).toBe('tag too long')
    }
    expect(ofType(seen, CHUNK_RHELLO)).toEqual([])
    const longest = new Uint8Array(MAX_FOREIGN_TAG).fill(1)
    hand(all.world, all.b, ihello(epdOf(all.b), longest), stranger)
    expect(readRHello(contentOf(ofType(seen, CHUNK_RHELLO)[0]).chunks[0]!.payload).tagEcho).toEqual(longest)
  })
})

describe('an end that is introduced', () => {
  /** A forwarded hello through the introducer's session, as the introducer may have made it up. */
  function forward({ world, registered }: Introduced, hello: Partial<FIHello> & { epd: Uint8Array }): void {
    const replyAddress = { address: stranger, origin: ORIGIN_OBSERVED }
    registered.forward(StartupPackets.forwardedHello({ replyAddress, tag: new Uint8Array(TAG_LENGTH), ...hello }))
    world.run(25)
  }

  test('RFC 7016 §3.5.1.1.2: answers as though the hello had come from the reply address: with its tag, and a cookie for there', () => {
    const all = introduced(13)
    const seen = watch(all.world)
    const tag = utf8('a tag of the size')
    forward(all, { epd: epdOf(all.b), tag })
    const [answer] = ofType(seen, CHUNK_RHELLO)
    expect([answer!.from.key, answer!.to.key]).toEqual([all.b.address.key, stranger.key])
    const { tagEcho, cookie } = readRHello(contentOf(answer).chunks[0]!.payload)
    expect(tagEcho).toEqual(tag)
    expect(all.b.endpoint.cookies.check(cookie, stranger, all.world.now)).toBe('valid')
    expect(all.b.endpoint.sessionCount).toBe(1)
  })

  test('RFC 7016 §3.5.1.1.2: ignores a hello that is for someone else', () => {
    const all = introduced(14)
    const seen = watch(all.world)
    forward(all, { epd: fingerprintEpd(new Uint8Array(32)) })
    expect(all.b.endpoint.stats.drops.get('forwarded hello for someone else')).toBe(1)
    expect(ofType(seen, CHUNK_RHELLO)).toEqual([])
  })

  test('RFC 7016 §2.3: a malformed one does the session no harm', () => {
    const all = introduced(15)
    for (const payload of [[], [200], [0], [2, 0x21], [0, 2, 1, 2, 3]]) {
      expect(all.registered.forward(Uint8Array.of(CHUNK_FIHELLO, 0, payload.length, ...payload))).toBe(true)
      all.world.run(25)
    }
    forward(all, { epd: Uint8Array.of(0xff, 0xff) })
    expect(openSessions(all.b)).toHaveLength(1)
    expect(openSessions(all.introducer)).toHaveLength(1)
  })

  test('answers 64 forwarded hellos a second, and as many in the next', () => {
    const all = introduced(16)
    const seen = watch(all.world)
    for (let i = 0; i < 200; i++) {
      all.registered.forward(
        StartupPackets.forwardedHello({
          epd: epdOf(all.b),
          replyAddress: { address: stranger, origin: ORIGIN_OBSERVED },
          tag: new Uint8Array(16),
        }),
      )
      all.world.run(10)
    }
    const start = all.world.now - 2_000
    const answers = ofType(seen, CHUNK_RHELLO)
    expect(answers.filter(({ at }) => at < start + 1_000)).toHaveLength(FORWARDED_PER_SECOND)
    expect(answers.filter(({ at }) => at >= start + 1_000)).toHaveLength(FORWARDED_PER_SECOND)
  })
})

describe('behind two NATs', () => {
  /** Lets in to a node only what comes from an address that the node has sent to. */
  function behindNats(world: World, ...nodes: readonly Node[]): void {
    const sentTo = new Set<string>()
    world.filter = (_datagram, from, to) => {
      sentTo.add(`${from.key} ${to.key}`)
      return !nodes.some((node) => node.address.equals(to)) || sentTo.has(`${to.key} ${from.key}`)
    }
  }

  test.each([
    ['redirects, forwards, and is listened to', {}, 'open'],
    ['does not forward', { forwards: false }, 'ihello-sent'],
    ['does not redirect', { redirects: false }, 'ihello-sent'],
    ['is not listened to', { acceptForwarded: false }, 'ihello-sent'],
  ])('RFC 7016 §3.5.1.6: with an introducer that %s', (_how, how, state) => {
    const all = introduced(17, how)
    behindNats(all.world, all.a, all.b)
    // The NAT of the introduced end has let its session with the introducer out.
    openSessions(all.b)[0]!.ping(all.world.now)
    const session = lookUp(all)
    all.world.run(4_000)
    expect(session.state).toBe(state)
    if (state === 'open') expect(story(all.a)).toEqual(['session-open'])
  })
})

describe('amplification', () => {
  test('several hellos in one datagram are not answered with more than three times its size, whoever is asked for', () => {
    for (const count of [1, 12]) {
      const world = new World(18)
      const addresses = Array.from({ length: count }, (_, i) => ({ address: Address.from('2001:db8::1', 1 + i), origin: ORIGIN_OBSERVED }))
      const node = world.add({ introduce: () => ({ addresses }) }, { staticGroups: [31, 14] })
      const others = fingerprintEpd(new Uint8Array(32))
      for (const epd of [epdOf(node), others]) {
        for (let hellos = 1; hellos <= 20; hellos++) {
          const datagram = sealLong((w) => {
            for (let i = 0; i < hellos; i++) writeIHello(w, { epd, tag: randomBytes(world.random, TAG_LENGTH) })
          })
          const seen = watch(world)
          hand(world, node, datagram, stranger)
          const sent = seen.reduce((sum, answer) => sum + answer.datagram.length, 0)
          expect(sent).toBeLessThanOrEqual(AMPLIFICATION_LIMIT * datagram.length)
          if (hellos === 20) expect(sent).toBeGreaterThan(0)
        }
      }
    }
  })

  test('a short hello of another implementation is answered where the limit allows it', () => {
    for (const amplificationLimit of [AMPLIFICATION_LIMIT, Infinity]) {
      const world = new World(20)
      const node = world.add({ amplificationLimit }, { staticGroups: [14], suites: [], signing: false, acceptsAncillary: true })
      const seen = watch(world)
      hand(
        world,
        node,
        sealLong((w) => writeIHello(w, { epd: ancillaryEpd('rtmfp:'), tag: randomBytes(world.random, TAG_LENGTH) })),
        stranger,
      )
      expect(ofType(seen, CHUNK_RHELLO)).toHaveLength(amplificationLimit === Infinity ? 1 : 0)
    }
  })

  test('our own hellos are long enough for the answers of our own', () => {
    const world = new World(19)
    const [a, b] = [world.add(), world.add({}, { hostname: 'a-rather-long-name.of-a-server.example', groups: [31, 14, 5, 2] })]
    const seen = watch(world)
    world.connect(a, b)
    world.run(200)
    const [hello] = ofType(seen, CHUNK_IHELLO)
    const [answer] = ofType(seen, CHUNK_RHELLO)
    expect(answer!.datagram.length).toBeLessThanOrEqual(AMPLIFICATION_LIMIT * hello!.datagram.length)
    expect(readIHello(contentOf(hello).chunks[0]!.payload).tag).toHaveLength(TAG_LENGTH)
  })
})
