import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { utf8 } from '../../src/base/bytes.ts'
import type { Writer } from '../../src/base/bytes.ts'
import { randomBytes, randomUnit, seededRandom } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { DEFAULT_POLICY, RFC7425_POLICY } from '../../src/crypto/policy.ts'
import { AMPLIFICATION_LIMIT, TAG_LENGTH } from '../../src/rtmfp/constants.ts'
import { MODE_INITIATOR } from '../../src/wire/header.ts'
import { CHUNK_IIKEYING, CHUNK_RHELLO, CHUNK_RIKEYING, beginChunk, endChunk } from '../../src/wire/chunk.ts'
import { readIIKeying, readRHello, readRIKeying, writeIHello, writeIIKeying, writeRHello, writeRIKeying } from '../../src/wire/startup.ts'
import { openStartup, sealStartup } from './inspect.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const epdOf = (node: Node): Uint8Array => fingerprintEpd(node.endpoint.identity.fingerprint)

/** Replaces each start-up packet of one type on its way by what `change` makes of it. */
function tamper(world: World, type: number, change: (datagram: Uint8Array) => Uint8Array): void {
  let own = false
  world.filter = (datagram, from, to) => {
    if (own || openStartup(datagram)?.chunks[0]?.type !== type) return true
    own = true
    world.inject(change(datagram), from, to, 20)
    own = false
    return false
  }
}

const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))

describe('who is not who was asked for', () => {
  test('a certificate that is not the peer’s opens nothing', () => {
    const world = new World(1)
    const [a, b, thief] = [world.add(), world.add(), world.add()]
    // The thief answers each hello in the other's stead, with its own certificate.
    tamper(world, CHUNK_RHELLO, (datagram) => {
      const hello = readRHello(openStartup(datagram)!.chunks[0]!.payload)
      return sealStartup(0, (w) => writeRHello(w, { ...hello, certificate: thief.endpoint.identity.certificate.bytes }))
    })
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [b.address], timeout: 5_000 }, world.now)
    world.run(6_000)
    expect(session.state).toBe('open-failed')
    expect(a.endpoint.stats.drops.get('certificate is not the one asked for')).toBeGreaterThan(0)
    expect(b.endpoint.sessionCount).toBe(0)
  })

  test('a responder that shows the peer’s certificate but has not its key does not become the peer', () => {
    const world = new World(2)
    const [a, b] = [world.add(), world.add()]
    tamper(world, CHUNK_RIKEYING, (datagram) => {
      const { sessionId, chunks } = openStartup(datagram)!
      const keying = readRIKeying(chunks[0]!.payload)
      const signature = createIdentity({ backend: nodeBackend, random: world.random }).sign(keying.signedPortion)
      return sealStartup(sessionId, (w) => writeRIKeying(w, keying.signedPortion, signature))
    })
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [b.address], timeout: 5_000 }, world.now)
    world.run(6_000)
    expect(session.state).toBe('open-failed')
    expect(a.endpoint.stats.drops.get('bad signature')).toBeGreaterThan(0)
  })

  test('an initiator whose signature is wrong opens nothing, and nothing is held for it', () => {
    for (const what of ['signature', 'parameters']) {
      const world = new World(3)
      const [a, b] = [world.add(), world.add()]
      tamper(world, CHUNK_IIKEYING, (datagram) => {
        const { signedParameters, signature } = readIIKeying(openStartup(datagram)!.chunks[0]!.payload)
        const [parameters, mark] =
          what === 'signature'
            ? [signedParameters, flip(signature, signature.length - 1)]
            : [flip(signedParameters, signedParameters.length - 1), signature]
        return sealStartup(0, (w) => writeIIKeying(w, parameters, mark))
      })
      const session = a.endpoint.open({ epd: epdOf(b), candidates: [b.address], timeout: 5_000 }, world.now)
      world.run(6_000)
      expect(session.state).toBe('open-failed')
      expect(b.endpoint.stats.drops.get('bad signature')).toBeGreaterThan(0)
      expect(b.endpoint.sessionCount).toBe(0)
    }
  })

  test('a peer that can not sign is refused by default, and taken by the policy for RFC 7425 peers', () => {
    for (const [policy, state] of [
      [DEFAULT_POLICY, 'open-failed'],
      [RFC7425_POLICY, 'open'],
    ] as const) {
      const world = new World(4)
      const a = world.add({ policy }, { groups: [31, 14] })
      const old = world.add({ policy: RFC7425_POLICY }, { signing: false, suites: [], groups: [14] })
      const session = a.endpoint.open({ epd: epdOf(old), candidates: [old.address], timeout: 5_000 }, world.now)
      world.run(6_000)
      expect(session.state).toBe(state)
    }
  })

  test('who is not wanted is not let in', () => {
    const world = new World(5)
    const asked: string[] = []
    const b = world.add({
      acceptSession: (peerId) => {
        asked.push(peerId)
        return false
      },
    })
    const a = world.add()
    const session = a.endpoint.open({ epd: epdOf(b), candidates: [b.address], timeout: 3_000 }, world.now)
    world.run(4_000)
    expect(session.state).toBe('open-failed')
    expect(new Set(asked)).toEqual(new Set([a.endpoint.identity.peerId]))
    expect(b.endpoint.sessionCount).toBe(0)
  })
})

describe('what comes again, or from nowhere', () => {
  test('replayed packets change nothing: no message comes twice, no session ends', () => {
    const world = new World(6)
    const [a, b] = [world.add(), world.add()]
    const recorded: Uint8Array[] = []
    world.filter = (datagram, from) => {
      if (from.equals(a.address)) recorded.push(datagram.slice())
      return true
    }
    const session = world.connect(a, b)
    world.run(200)
    const flow = session.openFlow({ metadata: utf8('x') })
    for (let i = 0; i < 50; i++) {
      flow.write(Uint8Array.of(i), world.now)
      world.run(30)
    }
    const before = b.events.length
    for (const datagram of recorded) world.inject(datagram, a.address, b.address)
    world.run(500)
    for (const datagram of recorded) world.inject(datagram, Address.from('203.0.113.5', 5), b.address)
    world.run(500)
    expect(b.events.length).toBe(before)
    expect(b.endpoint.stats.drops.get('replayed packet')).toBeGreaterThan(40)
    expect(session.state).toBe('open')
    expect(b.endpoint.sessionCount).toBe(1)
    expect([...b.endpoint.sessions][0]!.farAddress?.key).toBe(a.address.key)
  })

  test('RFC 7016 §2.2.4: a packet that is sent back to where it came from is not taken', () => {
    const world = new World(7)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    world.run(200)
    const sent: Uint8Array[] = []
    world.filter = (datagram, from) => {
      if (from.equals(a.address)) sent.push(datagram.slice())
      return true
    }
    session.openFlow({ metadata: utf8('x') }).write(utf8('boomerang'), world.now)
    world.run(100)
    for (const datagram of sent) world.inject(datagram, b.address, a.address)
    world.run(100)
    expect(a.events.some((event) => event.type === 'message')).toBe(false)
    expect(session.state).toBe('open')
  })

  test('a packet for a session that is not there is dropped and counted', () => {
    const world = new World(8)
    const a = world.add()
    a.endpoint.receive(new Uint8Array(100).fill(7), Address.from('192.0.2.1', 1), world.now)
    world.settle()
    expect(a.endpoint.stats.drops.get('unknown session')).toBe(1)
  })

  test('RFC 7016 §2.2.4: a start-up packet of another mode is dropped', () => {
    const world = new World(9)
    const a = world.add()
    const hello = sealStartup(0, (w) => writeIHello(w, { epd: epdOf(a), tag: new Uint8Array(TAG_LENGTH) }), MODE_INITIATOR)
    a.endpoint.receive(hello, Address.from('192.0.2.1', 1), world.now)
    world.settle()
    expect(a.endpoint.stats.drops.get('wrong mode')).toBe(1)
    expect(a.endpoint.stats.datagramsSent).toBe(0)
  })
})

describe('malformed datagrams', () => {
  test('30,000 of them, random, cut, mutated and made up, throw nothing and harm no session', () => {
    const world = new World(10)
    const [a, b] = [world.add(), world.add({ introduce: () => undefined })]
    const corpus: Uint8Array[] = []
    world.filter = (datagram, from) => {
      if (from.equals(a.address)) corpus.push(datagram.slice())
      return true
    }
    const session = world.connect(a, b)
    world.run(200)
    const flow = session.openFlow({ metadata: utf8('x') })
    flow.write(new Uint8Array(20_000), world.now)
    world.run(1_000)
    world.filter = () => true
    const random = seededRandom(10)
    const below = (n: number): number => Math.floor(randomUnit(random) * n)
    const kinds: (() => Uint8Array)[] = [
      () => randomBytes(random, below(200)),
      () => corpus[below(corpus.length)]!.subarray(0, below(60)),
      () => flip(corpus[below(corpus.length)]!, below(40)),
      () => sealStartup(below(2) === 0 ? 0 : session.id, (w) => writeAny(w)),
      () => sealStartup(0, (w) => w.raw(randomBytes(random, below(300)))),
    ]
    const types = [0x30, 0x0f, 0x70, 0x71, 0x79, 0x38, 0x78, 0x7f, 0x01, 0x10, 0x51]
    const writeAny = (w: Writer): void => {
      for (let chunks = 0; chunks <= below(4); chunks++) {
        const start = beginChunk(w, types[below(types.length)]!)
        w.raw(randomBytes(random, below(120)))
        endChunk(w, start)
      }
    }
    const from = [a.address, Address.from('203.0.113.5', 5), Address.from('2001:db8::1', 5)]
    for (let i = 0; i < 30_000; i++) {
      b.endpoint.receive(kinds[i % kinds.length]!(), from[below(3)]!, world.now)
      if (i % 100 === 0) world.run(1)
    }
    world.run(1_000)
    expect(b.endpoint.sessionCount).toBe(1)
    expect(session.state).toBe('open')
    const before = b.events.length
    flow.write(utf8('still there'), world.now)
    world.run(500)
    expect(b.events.slice(before).map((event) => event.type)).toEqual(['message'])
  })

  test('an address that has not proved itself is never sent more than three times what it sent', () => {
    const world = new World(11)
    const destinations = Array.from({ length: 20 }, (_, i) => ({ address: Address.from('2001:db8::1', 1_000 + i), origin: 2 }))
    const b = world.add({ introduce: () => ({ addresses: destinations }) }, { groups: [31, 14, 5, 2] })
    const victim = Address.from('198.51.100.77', 7)
    const random = seededRandom(11)
    const balance = { received: 0, sent: 0 }
    world.filter = (datagram, _from, to) => {
      expect(to).toBe(victim)
      balance.sent += datagram.length
      return true
    }
    let answered = 0
    for (let padding = 0; padding < 400; padding++) {
      for (const epd of [epdOf(b), fingerprintEpd(randomBytes(random, 32))]) {
        balance.received = 0
        balance.sent = 0
        const hello = sealStartup(0, (w) => {
          writeIHello(w, { epd, tag: randomBytes(random, TAG_LENGTH) })
          w.raw(new Uint8Array(padding).fill(0xff))
        })
        balance.received += hello.length
        world.now++
        b.endpoint.receive(hello, victim, world.now)
        world.settle()
        if (balance.sent > 0) answered++
        expect(balance.sent).toBeLessThanOrEqual(AMPLIFICATION_LIMIT * balance.received)
      }
    }
    expect(answered).toBeGreaterThan(100)
  })

  test('a flood of hellos that are not polled for is bounded in memory', () => {
    const world = new World(12)
    const b = world.add()
    for (let i = 0; i < 5_000; i++) {
      const hello = sealStartup(0, (w) => {
        writeIHello(w, { epd: epdOf(b), tag: new Uint8Array(TAG_LENGTH) })
        w.raw(new Uint8Array(100).fill(0xff))
      })
      // At a pace at which each of them is looked at.
      b.endpoint.receive(hello, Address.from('198.51.100.1', 1 + i), world.now + i / 2)
    }
    expect(b.endpoint.stats.drops.get('too many hellos')).toBeGreaterThan(3_000)
  })
})
