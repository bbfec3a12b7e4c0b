import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { Writer } from '../../src/base/bytes.ts'
import type { PacketSealer } from '../../src/crypto/packet-cipher.ts'
import { AMPLIFICATION_LIMIT, MAX_SESSIONS_OF_SOURCE, OPEN_TIMEOUT, REDIRECT_THRESHOLD } from '../../src/rtmfp/constants.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_IHELLO, CHUNK_IIKEYING, CHUNK_RHELLO } from '../../src/wire/chunk.ts'
import { writePing } from '../../src/wire/control.ts'
import { MODE_INITIATOR, MODE_RESPONDER, writePacketHeader } from '../../src/wire/header.ts'
import { readIHello, writeRedirect } from '../../src/wire/startup.ts'
import { contentOf, ofType, sealLong, watch } from './by-hand.ts'
import { ends } from './tap.ts'
import { World } from './world.ts'

const VICTIM = Address.from('198.51.100.77', 7)

/** A packet of one who has the session's keys, and puts in it what it likes. */
function sealBy(session: Session, write: (w: Writer) => void): Uint8Array {
  const { keys, farId } = session as unknown as { readonly keys: { readonly sealer: PacketSealer }; readonly farId: number }
  const { sealer } = keys
  const buffer = new Uint8Array(1_472)
  const w = new Writer(buffer, sealer.headroom, buffer.length - sealer.tailroom)
  const mode = session.isInitiator ? MODE_INITIATOR : MODE_RESPONDER
  writePacketHeader(w, { mode, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 })
  write(w)
  return buffer.slice(0, sealer.seal(buffer, w.at, farId))
}

describe('a peer that says it is where somebody else is', () => {
  test('makes this end send there three times what it sends itself at most, whatever is in its packets', () => {
    const { world, a, far } = ends(1)
    let sent = 0
    let packets = 0
    world.filter = (datagram, _from, to) => {
      if (to.equals(VICTIM)) {
        sent += datagram.length
        packets++
      }
      return true
    }
    let answered = 0
    for (const pings of [0, 1, 2, 3, 10, 32, 100, 400]) {
      for (const length of [0, 1, 29, 100, 256]) {
        const message = new Uint8Array(length)
        const datagram = sealBy(far, (w) => {
          for (let i = 0; i < pings && w.remaining > 3 + length; i++) writePing(w, message)
        })
        sent = 0
        packets = 0
        world.inject(datagram, VICTIM, a.address)
        world.run(1_100)
        expect(sent).toBeLessThanOrEqual(AMPLIFICATION_LIMIT * datagram.length)
        expect(packets).toBeLessThanOrEqual(1 + (pings * (3 + length)) / 1_000)
        if (sent > 0) answered++
      }
    }
    expect(answered).toBe(40)
    // Many of them: one question a second beside the answers.
    const datagram = sealBy(far, (w) => writePing(w, new Uint8Array(0)))
    sent = 0
    for (let i = 0; i < 100; i++)
      world.inject(
        sealBy(far, (w) => writePing(w, new Uint8Array(0))),
        VICTIM,
        a.address,
        i * 30,
      )
    world.run(3_500)
    expect(sent).toBeLessThan(1.6 * 100 * datagram.length)
  })
})

describe('a redirect', () => {
  test('with a hundred addresses, and again and again: so many are tried as may be, each once, then ever more seldom', () => {
    const world = new World(2)
    const [a, introducer] = [world.add(), world.add()]
    const sent = watch(world)
    const session = world.connect(a, introducer)
    world.filter = (datagram, from, to) => {
      sent.push({ at: world.now, from, to, datagram: datagram.slice(), type: contentOf({ datagram } as never)?.chunks[0]?.type })
      return false
    }
    world.run(10)
    const { tag } = readIHello(contentOf(ofType(sent, CHUNK_IHELLO)[0]).chunks[0]!.payload)
    const third = Array.from({ length: 100 }, (_, i) => ({ address: Address.from(`203.0.113.${i}`, 9), origin: 1 }))
    const redirect = sealLong((w) => writeRedirect(w, { tagEcho: tag, destinations: third }))
    for (let i = 0; i < 20; i++) world.inject(redirect, introducer.address, a.address, i)
    world.run(300)
    const elsewhere = (): typeof sent => ofType(sent, CHUNK_IHELLO).filter(({ to }) => to.key.startsWith('203.'))
    expect(elsewhere()).toHaveLength(REDIRECT_THRESHOLD - 1)
    world.run(OPEN_TIMEOUT)
    expect(session.state).toBe('open-failed')
    const each = new Map<string, number>()
    for (const { to } of elsewhere()) each.set(to.key, (each.get(to.key) ?? 0) + 1)
    expect(each.size).toBe(REDIRECT_THRESHOLD - 1)
    expect(Math.max(...each.values())).toBeLessThanOrEqual(12)
  })

  test('from somebody who was not asked is none', () => {
    const world = new World(3)
    const [a, b] = [world.add(), world.add()]
    world.connect(a, b)
    const sent = watch(world)
    world.inject(
      sealLong((w) => writeRedirect(w, { tagEcho: new Uint8Array(16), destinations: [{ address: VICTIM, origin: 1 }] })),
      b.address,
      a.address,
    )
    world.run(3_000)
    expect(sent.filter(({ to }) => to.equals(VICTIM))).toEqual([])
  })
})

describe('somebody who overhears, and repeats', () => {
  test('an answer to a hello from elsewhere, before it arrives: the session finds its far end all the same', () => {
    const world = new World(4)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    watch(world, ({ datagram, type, from, to }) => {
      if (type === CHUNK_RHELLO) world.inject(datagram, VICTIM, to)
      // It also brings the keying, sent to where nobody is, to its goal.
      if (type === CHUNK_IIKEYING && to.equals(VICTIM)) world.inject(datagram, from, b.address, 20)
      return true
    })
    world.run(1_000)
    expect(session.state).toBe('open')
    expect(session.farAddress?.key).toBe(b.address.key)
    world.run(60_000)
    expect(session.state).toBe('open')
  })

  test('all of start-up, so that it goes by way of them, and then goes away: both ends find each other where they are', () => {
    const world = new World(6)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    const elsewhere = Address.from('198.51.100.78', 8)
    watch(world, ({ datagram, type, from, to }) => {
      if (type === undefined) return true
      // What either end sends is lost, and comes to the other from an address of theirs.
      if (from.equals(a.address)) world.inject(datagram, VICTIM, b.address, 10)
      else world.inject(datagram, elsewhere, a.address, 10)
      return to.equals(elsewhere)
    })
    world.run(300)
    expect([session.state, session.farAddress?.key]).toEqual(['open', elsewhere.key])
    world.filter = () => true
    world.run(60_000)
    const [far] = b.endpoint.sessions
    expect([session.state, session.farAddress?.key]).toEqual(['open', b.address.key])
    expect([far!.state, far!.farAddress?.key]).toEqual(['open', a.address.key])
  })
})

test('one network may have opened so many sessions, and others theirs; one that ends makes room', () => {
  const world = new World(5)
  const { endpoint } = world.add()
  const crowd = Address.from('192.0.2.1', 1)
  const sessions = Array.from({ length: MAX_SESSIONS_OF_SOURCE }, () => endpoint.createIncoming(crowd))
  expect(sessions).not.toContain(undefined)
  expect(endpoint.createIncoming(crowd)).toBeUndefined()
  expect(endpoint.createIncoming(Address.from('192.0.2.2', 1))).toBeDefined()
  expect(endpoint.createIncoming(Address.from('127.0.0.1', 1))).toBeDefined()
  sessions[0]!.fail('cancelled')
  world.settle()
  expect(endpoint.createIncoming(crowd)).toBeDefined()
})
