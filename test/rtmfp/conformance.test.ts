import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { Reader, Writer, utf8 } from '../../src/base/bytes.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../../src/rtmfp/flow/receive-flow.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import { PacketFragments } from '../../src/rtmfp/packet-fragments.ts'
import type { SendFlowOptions } from '../../src/rtmfp/flow/flow-set.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'
import {
  CHUNK_BITMAP_ACK,
  CHUNK_BUFFER_PROBE,
  CHUNK_FLOW_EXCEPTION,
  CHUNK_HEADER_SIZE,
  CHUNK_IHELLO,
  CHUNK_IIKEYING,
  CHUNK_PADDING_FF,
  CHUNK_PING,
  CHUNK_PING_REPLY,
  CHUNK_RANGE_ACK,
  CHUNK_RHELLO,
  CHUNK_USER_DATA,
  beginChunk,
  endChunk,
} from '../../src/wire/chunk.ts'
import { readFlowException, writeClose, writePing } from '../../src/wire/control.ts'
import { MODE_INITIATOR, MODE_RESPONDER, MODE_STARTUP, writePacketHeader } from '../../src/wire/header.ts'
import { encodeOptions } from '../../src/wire/option.ts'
import { writeIHello, writePacketFragment } from '../../src/wire/startup.ts'
import { FLAG_ABANDON, FLAG_FINAL, FLAG_OPTIONS, OPTION_METADATA, encodeStartupOptions, writeUserData } from '../../src/wire/user-data.ts'
import { acksOf, dataOf, inspect, openStartup, sealStartup } from './inspect.ts'
import type { SeenPacket } from './inspect.ts'
import { World } from './world.ts'
import type { Conditions, Node } from './world.ts'

/** Requirements of RFC 7016 that no other test looks at. `docs/conformance.md` names them. */

interface Pair {
  readonly world: World
  readonly a: Node
  readonly b: Node
  /** Of `a`, which is the initiator. */
  readonly session: Session
  /** Of `b`. */
  readonly far: Session
}

const METADATA = utf8('m')

function open(seed: number, conditions: Partial<Conditions> = {}, config: Partial<EndpointConfig> = {}): Pair {
  const world = new World(seed, conditions)
  const a = world.add(config)
  const b = world.add(config)
  const session = world.connect(a, b)
  world.runUntil(() => session.state === 'open')
  world.run(4 * world.conditions.latency)
  return { world, a, b, session, far: [...b.endpoint.sessions][0]! }
}

function flowOf({ session }: Pair, options: Partial<SendFlowOptions> = {}): SendFlow {
  return session.openFlow({ metadata: METADATA, ...options })
}

/** Lets `b` do something with each flow as it opens. */
function onFlow({ b }: Pair, then: (flow: ReceiveFlow) => void): void {
  b.onEvent = (event) => {
    if (event.type === 'flow-open') then(event.flow)
  }
}

/** Has `b`'s session receive a packet of the initiator's with these chunks. */
function receive({ world, a, far }: Pair, write: (w: Writer) => void, mode: number = MODE_INITIATOR): string | undefined {
  const w = Writer.ofSize(2_000)
  write(w)
  const header = { mode, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }
  const dropped = far.receive(header, new Reader(w.bytes, 0, w.at), a.address, world.now)
  world.settle()
  return dropped
}

interface Data {
  readonly flags?: number
  readonly flow: number
  readonly number: number
  readonly forward?: number
  readonly options?: Uint8Array
  readonly data?: Uint8Array
}

function userData(w: Writer, { flags = 0, flow, number, forward = number - 1, options = new Uint8Array(0), data = METADATA }: Data): void {
  const withOptions = options.length > 0 ? FLAG_OPTIONS : 0
  writeUserData(w, flags | withOptions, flow, number, forward, options, data, 0, data.length)
}

/** A flow's first options: metadata and one more. */
function optionsWith(type: number): Uint8Array {
  const options = encodeOptions([
    { type: OPTION_METADATA, value: METADATA },
    { type, value: Uint8Array.of(1, 2, 3) },
  ])
  return Uint8Array.of(...options, 0)
}

const STARTUP = encodeStartupOptions(METADATA, -1)

const chunkTypes = (packets: readonly SeenPacket[]): number[] => packets.flatMap(({ chunks }) => chunks.map(({ type }) => type))
const messages = (node: Node): Uint8Array[] => node.events.flatMap((event) => (event.type === 'message' ? [event.data] : []))
const types = (events: readonly EndpointEvent[]): string[] => events.map((event) => event.type)

describe('packets and chunks', () => {
  test('RFC 7016 §2.2.4: every packet of a session has a chunk, and the mark of its sender', () => {
    const pair = open(20, { loss: 0.1 })
    const { world, session, far } = pair
    const [atNear, atFar] = [inspect(world, session), inspect(world, far)]
    flowOf(pair).write(new Uint8Array(20_000), world.now)
    far.openFlow({ metadata: METADATA }).write(new Uint8Array(20_000), world.now)
    world.run(5_000)
    session.close(world.now)
    world.run(1_000)
    expect(new Set(atNear.map(({ header }) => header.mode))).toEqual(new Set([MODE_RESPONDER]))
    expect(new Set(atFar.map(({ header }) => header.mode))).toEqual(new Set([MODE_INITIATOR]))
    expect(Math.min(...[...atNear, ...atFar].map(({ chunks }) => chunks.length))).toBeGreaterThanOrEqual(1)
  })

  test('RFC 7016 §2.2.4: a packet with the mark of its receiver is ignored', () => {
    const pair = open(21)
    const { world, a, session, far } = pair
    expect(receive(pair, writeClose, MODE_RESPONDER)).toBe('wrong mode')
    expect(far.state).toBe('open')
    const w = Writer.ofSize(10)
    writeClose(w)
    const header = { mode: MODE_INITIATOR, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }
    expect(session.receive(header, new Reader(w.bytes, 0, w.at), a.address, world.now)).toBe('wrong mode')
    expect(session.state).toBe('open')
  })

  test('RFC 7016 §2.3: an unknown chunk and a malformed one are as if they were not there, and those behind them count', () => {
    const pair = open(22)
    receive(pair, (w) => {
      const unknown = beginChunk(w, 0x2a)
      w.raw(Uint8Array.of(1, 2, 3))
      endChunk(w, unknown)
      const malformed = beginChunk(w, CHUNK_USER_DATA)
      w.raw(Uint8Array.of(0x80, 5))
      endChunk(w, malformed)
      userData(w, { flow: 5, number: 1, options: STARTUP, data: utf8('behind') })
    })
    expect(messages(pair.b)).toEqual([utf8('behind')])
  })

  test('RFC 7016 §2.3: chunks of session start-up in a packet of a session are ignored, and those of a session in one of start-up', () => {
    const pair = open(23)
    const { world, a, b, session, far } = pair
    const packets = inspect(world, session)
    receive(pair, (w) => writeIHello(w, { epd: utf8('x'), tag: utf8('tag') }))
    world.run(500)
    expect(chunkTypes(packets)).toEqual([])
    world.inject(sealStartup(0, writeClose), a.address, b.address)
    world.inject(
      sealStartup(0, (w) => writePing(w, utf8('?'))),
      a.address,
      b.address,
    )
    world.inject(sealStartup(far.id, writeClose), a.address, b.address)
    world.run(500)
    // Keepalive pings have no message.
    expect(packets.flatMap(({ chunks }) => chunks).filter(({ length }) => length > 0)).toEqual([])
    expect(far.state).toBe('open')
    expect(b.endpoint.sessionCount).toBe(1)
  })

  test('RFC 7016 §3.4: a sender that starts anew, with the same packet number, does not get its first packet completed by an old fragment', () => {
    const fragments = new PacketFragments()
    const add = (number: number, more: boolean, byte: number, now: number): unknown => {
      const w = Writer.ofSize(20)
      writePacketFragment(w, { packetId: 0, fragmentNumber: number, moreFragments: more, fragment: Uint8Array.of(byte) })
      return fragments.add('10.0.0.1:1', new Reader(w.bytes, CHUNK_HEADER_SIZE, w.at), now)
    }
    expect(add(0, true, 1, 0)).toBeUndefined()
    expect(add(1, false, 12, 5_000)).toBeUndefined()
    expect(add(0, true, 11, 5_010)).toEqual(Uint8Array.of(11, 12))
  })

  test('RFC 7016 §2.3: a malformed chunk in a packet that came in fragments is as if it were not there, too', () => {
    const world = new World(19)
    const [a, b] = [world.add(), world.add()]
    const answers: (number | undefined)[] = []
    world.filter = (datagram, from) => {
      if (from.equals(b.address)) answers.push(openStartup(datagram)?.chunks[0]?.type)
      return true
    }
    const w = Writer.ofSize(400)
    writePacketHeader(w, { mode: MODE_STARTUP, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 })
    const malformed = beginChunk(w, CHUNK_IHELLO)
    w.raw(Uint8Array.of(0x85))
    endChunk(w, malformed)
    writeIHello(w, { epd: fingerprintEpd(b.endpoint.identity.fingerprint), tag: new Uint8Array(120) })
    const plain = w.bytes.subarray(0, w.at)
    for (const [number, part] of [plain.subarray(0, 40), plain.subarray(40)].entries()) {
      const piece = { packetId: 3, fragmentNumber: number, moreFragments: number === 0, fragment: part }
      world.inject(
        sealStartup(0, (writer) => writePacketFragment(writer, piece)),
        a.address,
        b.address,
      )
    }
    world.run(100)
    expect(answers).toEqual([CHUNK_RHELLO])
  })

  test('RFC 7016 §3.3: nobody gets a session with session ID 0', () => {
    const world = new World(24)
    const [a, b] = [world.add(), world.add()]
    const session = world.connect(a, b)
    ;(session as { id: number }).id = 0
    const sent: (number | undefined)[] = []
    world.filter = (datagram) => {
      sent.push(openStartup(datagram)?.chunks[0]?.type)
      return true
    }
    world.run(1_000)
    expect(sent).toContain(CHUNK_IIKEYING)
    expect(b.endpoint.sessionCount).toBe(0)
    expect(b.endpoint.stats.drops.get('session ID 0')).toBeGreaterThanOrEqual(1)
  })
})

describe('session start-up', () => {
  test('RFC 7016 §3.5.1.1.1: each candidate has its own schedule, one that comes later begins at its beginning', () => {
    const world = new World(25)
    const a = world.add()
    const introducer = world.add({ introduce: () => ({ addresses: [{ address: late, origin: 1 }] }) })
    const late = Address.from('10.9.9.9', 1_000)
    const sent: { at: number; to: string; type: number | undefined }[] = []
    world.filter = (datagram, from, to) => {
      if (from.equals(a.address)) sent.push({ at: world.now, to: to.key, type: openStartup(datagram)?.chunks[0]?.type })
      return world.now > 3_500
    }
    a.endpoint.open({ epd: fingerprintEpd(new Uint8Array(32)), candidates: [introducer.address] }, world.now)
    world.run(20_000)
    expect(new Set(sent.map(({ type }) => type))).toEqual(new Set([CHUNK_IHELLO]))
    const times = (to: Address): number[] => sent.filter((packet) => packet.to === to.key).map(({ at }) => at)
    const waits = (to: Address): number[] => times(to).flatMap((at, i, all) => (i === 0 ? [] : [at - all[i - 1]!]))
    expect(waits(introducer.address).slice(0, 4)).toEqual([500, 2_000, 3_500, 5_000])
    expect(times(late)[0]).toBeGreaterThan(times(introducer.address)[1]!)
    expect(waits(late).slice(0, 3)).toEqual([500, 2_000, 3_500])
  })

  test('RFC 7016 §3.5.1.1.1: IIKeying is repeated at intervals that grow by 1.5 seconds', () => {
    const world = new World(26)
    const [a, b] = [world.add(), world.add()]
    const at: number[] = []
    world.filter = (datagram, from) => {
      if (!from.equals(a.address) || openStartup(datagram)?.chunks[0]?.type !== CHUNK_IIKEYING) return true
      at.push(world.now)
      return false
    }
    world.connect(a, b)
    world.run(60_000)
    const waits = at.slice(1).map((time, i) => time - at[i]!)
    expect(waits.slice(0, 5)).toEqual([500, 2_000, 3_500, 5_000, 6_500])
  })
})

describe('pings', () => {
  test('RFC 7016 §3.5.4: a ping is answered whatever its message says, once, and its message means nothing; only a very long one is not', () => {
    const pair = open(27)
    const { world, session, far } = pair
    const packets = inspect(world, session)
    const size = far.maxDatagram
    for (const message of [utf8('P\u0005\u0005'), utf8('M-a-mobility-check-of-29-bytes'), new Uint8Array(256), new Uint8Array(257)]) {
      receive(pair, (w) => writePing(w, message))
    }
    world.run(500)
    const replies = packets.flatMap(({ chunks }) => chunks.filter(({ type }) => type === CHUNK_PING_REPLY))
    expect(replies.map(({ length }) => length)).toEqual([3, 30, 256])
    expect(far.maxDatagram).toBe(size)
    expect(far.farAddress?.key).toBe(pair.a.address.key)
    world.run(20_000)
    const asked = packets.filter(({ chunks }) => chunks.some(({ type }) => type === CHUNK_PING_REPLY)).length
    expect(asked).toBeGreaterThanOrEqual(1)
  })

  test('RFC 7016 §3.5.4: nobody sends a ping reply that was not asked for', () => {
    const pair = open(28, { loss: 0.1 })
    const { world, session, far } = pair
    const [atNear, atFar] = [inspect(world, session), inspect(world, far)]
    flowOf(pair).write(new Uint8Array(200_000), world.now)
    world.run(180_000)
    const count = (packets: readonly SeenPacket[], wanted: number): number => chunkTypes(packets).filter((type) => type === wanted).length
    expect(count(atFar, CHUNK_PING)).toBeGreaterThan(10)
    expect(count(atNear, CHUNK_PING_REPLY)).toBeLessThanOrEqual(count(atFar, CHUNK_PING))
    expect(count(atFar, CHUNK_PING_REPLY)).toBeLessThanOrEqual(count(atNear, CHUNK_PING))
  })

  test('RFC 7016 §3.5.4.3: the ping of a probe comes behind its padding', () => {
    const pair = open(29)
    const { world, far } = pair
    const packets = inspect(world, far)
    flowOf(pair).write(new Uint8Array(20_000), world.now)
    world.run(2_000)
    const probes = packets.filter(({ chunks }) => chunks.some(({ type }) => type === CHUNK_PADDING_FF))
    expect(probes.length).toBeGreaterThanOrEqual(1)
    for (const { chunks } of probes) expect(chunks.map(({ type }) => type)).toEqual([CHUNK_PADDING_FF, CHUNK_PING])
  })
})

describe('sending flows', () => {
  test('RFC 7016 §3.6.2.2: fragments and acknowledgements in one packet do not make it longer than the path MTU', () => {
    const pair = open(1, { loss: 0.05 }, { maxDatagram: 1_280, maxPathDatagram: 1_472 })
    const { world, session, far } = pair
    // What is probed for beyond 1,280 never arrives.
    let longest = 0
    world.filter = (datagram) => {
      if (datagram.length > 1_280 && probes(datagram)) return false
      longest = Math.max(longest, datagram.length)
      return true
    }
    far.openFlow({ metadata: METADATA }).write(new Uint8Array(500_000), world.now)
    const many = Array.from({ length: 20 }, () => flowOf(pair))
    for (let i = 0; i < 200; i++) {
      for (const flow of many) flow.write(Uint8Array.of(i), world.now)
      world.run(20)
    }
    expect(session.maxDatagram).toBe(1_280)
    expect(longest).toBeLessThanOrEqual(1_280)
  })

  test('RFC 7016 §3.6.2.9.1: a flow that had nothing queued when its window closed learns of a window that opens, though the news is lost', () => {
    const pair = open(2)
    const { world, b, session, far } = pair
    let flow: ReceiveFlow | undefined
    onFlow(pair, (opened) => {
      flow = opened
      opened.bufferCapacity = 1_024
      opened.suspend()
    })
    const sending = flowOf(pair)
    sending.write(new Uint8Array(1_100), world.now)
    world.run(5_000)
    expect(sending.queuedBytes).toBe(0)
    sending.write(utf8('next'), world.now)
    world.run(1_000)
    const probes = inspect(world, far)
    world.filter = (_, from) => !from.equals(b.address)
    flow!.resume()
    world.run(500)
    world.filter = () => true
    world.run(60_000)
    expect(messages(b)[1]).toEqual(utf8('next'))
    expect(session.state).toBe('open')
    expect(probes.some(({ chunks }) => chunks.some(({ type }) => type === CHUNK_BUFFER_PROBE))).toBe(true)
    const before = probes.length
    world.run(10_000)
    expect(probes.slice(before).some(({ chunks }) => chunks.some(({ type }) => type === CHUNK_BUFFER_PROBE))).toBe(false)
  })

  test('RFC 7016 §3.6.1.3: after an exception nothing of what was queued is sent, the last message neither', () => {
    const pair = open(3)
    const { world, a, b, far } = pair
    onFlow(pair, (opened) => opened.reject(7))
    const sending = flowOf(pair)
    for (let i = 0; i < 40; i++) sending.write(new Uint8Array(1_000), world.now)
    const packets = inspect(world, far)
    world.runUntil(() => a.events.some((event) => event.type === 'flow-exception'))
    world.run(5_000)
    expect(messages(b)).toEqual([])
    expect(new Set(dataOf(packets).flatMap(({ final, abandon }) => (final ? [abandon] : [])))).toEqual(new Set([true]))
    expect(sending.state).toBe('complete-linger')
    expect(sending.queuedBytes).toBe(0)
  })

  test('RFC 7016 §3.6.2.1: no flow is opened in return to one that is no longer open', () => {
    const pair = open(4)
    const { world, b, far } = pair
    const sending = flowOf(pair)
    sending.write(utf8('whole'), world.now)
    sending.close()
    world.run(1_000)
    const received = b.events.flatMap((event) => (event.type === 'flow-open' ? [event.flow] : []))[0]!
    expect(received.state).toBe('complete-linger')
    expect(() => far.openFlow({ metadata: METADATA, returnOf: received })).toThrow(expect.objectContaining({ code: 'BAD_ASSOCIATION' }))
  })
})

describe('what is sent', () => {
  test('RFC 7016 §2.3.11.1: options stand once for a flow in a packet, with its first chunk, and no more once it is acknowledged', () => {
    const pair = open(30)
    const { world, a, session, far } = pair
    let incoming: ReceiveFlow | undefined
    a.onEvent = (event) => {
      if (event.type === 'flow-open') incoming = event.flow
    }
    far.openFlow({ metadata: METADATA }).write(utf8('hello'), world.now)
    world.run(1_000)
    const [acks, packets] = [inspect(world, session), inspect(world, far)]
    const flow = flowOf(pair, { returnOf: incoming! })
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 3; j++) flow.write(Uint8Array.of(i), world.now)
      world.run(4)
    }
    world.run(1_000)
    let acknowledged = Infinity
    for (const { at, chunks } of acks) if (chunks.some(({ ack }) => ack?.flowId === flow.id)) acknowledged = Math.min(acknowledged, at)
    let before = 0
    for (const { at, chunks } of packets) {
      const data = chunks.flatMap((chunk) => (chunk.data?.flowId === flow.id ? [chunk.data] : []))
      if (data.length === 0) continue
      const sentAt = at - world.conditions.latency
      expect(data.map(({ hasOptions }) => hasOptions)).toEqual(data.map((_, i) => i === 0 && sentAt < acknowledged))
      if (sentAt >= acknowledged) continue
      expect(data[0]!.metadata).toEqual(METADATA)
      expect(data[0]!.returnFlowId).toBe(incoming!.id)
      before++
    }
    expect(before).toBeGreaterThan(2)
  })

  test('RFC 7016 §3.6.2.3: of what may be sent the lowest goes first, within the window, and its forward number is not that of data that may still come', () => {
    for (let seed = 31; seed < 41; seed++) {
      const pair = open(seed, { loss: 0.15, jitter: 30 })
      const { world, far } = pair
      onFlow(pair, (opened) => {
        opened.bufferCapacity = 20_000
      })
      const flow = flowOf(pair, seed % 2 === 0 ? { retransmit: false } : { lifetime: 400 })
      const sent = watch(flow)
      const packets = inspect(world, far)
      for (let i = 0; i < 300; i++) {
        flow.write(new Uint8Array((i * 37) % 3_000), world.now)
        world.run(15)
      }
      flow.close()
      world.run(60_000)
      expect(flow.state).toBe('complete-linger')
      expect(sent.count).toBeGreaterThanOrEqual(200)
      expect(sent.faults).toEqual([])
      for (const { abandon, sequenceNumber, forwardSequenceNumber } of dataOf(packets)) {
        expect(forwardSequenceNumber).toBeLessThan(sequenceNumber + (abandon ? 1 : 0))
      }
    }
  })

  test('RFC 7016 §3.6.2.9: no new data is sent when as much is outstanding as the window has room for', () => {
    const pair = open(42)
    const { world } = pair
    onFlow(pair, (opened) => {
      opened.bufferCapacity = 2_048
    })
    const flow = flowOf(pair)
    flow.write(utf8('first'), world.now)
    world.run(1_000)
    world.filter = () => false
    // With the chunk's header each takes a block.
    for (let i = 0; i < 4; i++) flow.write(new Uint8Array(1_017), world.now)
    world.run(10)
    expect(flow.outstandingBytes).toBe(2_048)
  })

  test('RFC 7016 §3.6.2.9.1: a suspended flow probes within a second, then at growing intervals of up to a minute, until there is room', () => {
    const pair = open(41)
    const { world, far } = pair
    let flow: ReceiveFlow | undefined
    onFlow(pair, (opened) => {
      flow = opened
      opened.bufferCapacity = 2_048
      opened.suspend()
    })
    const acks = inspect(world, pair.session)
    const packets = inspect(world, far)
    flowOf(pair).write(new Uint8Array(50_000), world.now)
    world.run(400_000)
    const closed = acks.find(({ chunks }) => chunks.some(({ ack }) => ack?.bufferBlocks === 0))!.at
    const probed = (): number[] =>
      packets.filter(({ chunks }) => chunks.some(({ type }) => type === CHUNK_BUFFER_PROBE)).map(({ at }) => at)
    const times = probed()
    const waits = times.slice(1).map((at, i) => at - times[i]!)
    expect(times[0]! - world.conditions.latency - closed).toBeLessThanOrEqual(1_000)
    expect(waits.length).toBeGreaterThan(6)
    expect(waits[0]).toBeGreaterThanOrEqual(1_000)
    for (let i = 1; i < waits.length; i++) expect(waits[i]).toBeGreaterThanOrEqual(waits[i - 1]!)
    expect(waits[2]).toBeGreaterThan(waits[0]!)
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000)
    flow!.resume()
    world.run(1_000)
    const before = probed().length
    world.run(120_000)
    expect(probed().length).toBe(before)
    expect(messages(pair.b).length).toBe(1)
  })
})

describe('receiving flows', () => {
  test('RFC 7016 §3.6.3.1: a flow without metadata is refused, with exception code 0, and the user hears nothing of it', () => {
    const pair = open(50)
    const { world, b, session } = pair
    const codes = exceptions(pair)
    const packets = inspect(world, session)
    receive(pair, (w) => userData(w, { flow: 5, number: 1, data: utf8('nameless') }))
    world.run(500)
    expect(codes).toEqual([{ flowId: 5, code: 0 }])
    expect(acksOf(packets).map(({ flowId, cumulative }) => [flowId, cumulative])).toEqual([[5, 1]])
    expect(types(b.events)).toEqual(['session-open'])
  })

  test('RFC 7016 §3.6.3.1: a flow in return to one that is closing is refused', () => {
    const pair = open(51)
    const { world, b, far } = pair
    const codes = exceptions(pair)
    const answered = far.openFlow({ metadata: METADATA })
    answered.write(new Uint8Array(10), world.now)
    receive(pair, (w) => userData(w, { flow: 6, number: 1, options: encodeStartupOptions(METADATA, answered.id) }))
    expect(types(b.events)).toContain('flow-open')
    answered.close()
    receive(pair, (w) => userData(w, { flow: 7, number: 1, options: encodeStartupOptions(METADATA, answered.id) }))
    world.run(500)
    expect(codes).toEqual([{ flowId: 7, code: 0 }])
    expect(types(b.events).filter((type) => type === 'flow-open')).toHaveLength(1)
  })

  test('RFC 7016 §2.3.11.1: an unknown option below 8192 ends the flow, when it opens and later; one from 8192 on is passed over', () => {
    const pair = open(52)
    const { world, b } = pair
    const codes = exceptions(pair)
    receive(pair, (w) => userData(w, { flow: 5, number: 1, options: optionsWith(8_191) }))
    receive(pair, (w) => userData(w, { flow: 6, number: 1, options: optionsWith(8_192), data: utf8('one') }))
    world.run(500)
    expect(codes).toEqual([{ flowId: 5, code: 0 }])
    expect(messages(b)).toEqual([utf8('one')])
    receive(pair, (w) => userData(w, { flow: 6, number: 2, options: optionsWith(8_191), data: utf8('two') }))
    receive(pair, (w) => userData(w, { flow: 6, number: 3, data: utf8('three') }))
    world.run(500)
    expect(codes.some(({ flowId }) => flowId === 6)).toBe(true)
    expect(messages(b)).toEqual([utf8('one')])
  })

  test('RFC 7016 §2.3.11: the data of a fragment that is marked abandoned is ignored, and its number is taken for seen', () => {
    const pair = open(53)
    const { world, b, session } = pair
    const packets = inspect(world, session)
    receive(pair, (w) => {
      userData(w, { flow: 9, number: 1, options: STARTUP, data: utf8('one') })
      userData(w, { flow: 9, number: 2, flags: FLAG_ABANDON, data: utf8('two') })
      userData(w, { flow: 9, number: 3, data: utf8('three') })
    })
    world.run(500)
    expect(messages(b)).toEqual([utf8('one'), utf8('three')])
    expect(b.events.flatMap((event) => (event.type === 'message' ? [event.gap] : []))).toEqual([false, true])
    expect(acksOf(packets).at(-1)).toMatchObject({ cumulative: 3, count: 0 })
  })

  test('RFC 7016 §3.6.1.1: a flow identifier of the sender means nothing, however it is chosen', () => {
    const pair = open(54)
    const numbers = [0, 1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER]
    for (const flow of numbers) receive(pair, (w) => userData(w, { flow, number: 1, options: STARTUP, data: utf8(`of ${flow}`) }))
    expect(messages(pair.b)).toEqual(numbers.map((flow) => utf8(`of ${flow}`)))
  })

  test('RFC 7016 §2.3.13: the cumulative number is no less than the highest forward sequence number received', () => {
    const pair = open(55)
    const { world, session } = pair
    const packets = inspect(world, session)
    receive(pair, (w) => {
      userData(w, { flow: 4, number: 1, options: STARTUP })
      userData(w, { flow: 4, number: 20, forward: 12 })
    })
    world.run(300)
    expect(acksOf(packets).at(-1)).toMatchObject({ cumulative: 12, count: 1, froms: [20], tos: [20] })
    receive(pair, (w) => userData(w, { flow: 4, number: 15, forward: 3 }))
    world.run(300)
    expect(acksOf(packets).at(-1)).toMatchObject({ cumulative: 12, count: 2 })
  })

  test('RFC 7016 §3.6.1.3: all that was received is acknowledged, and nothing above the forward number that was not', () => {
    for (let seed = 60; seed < 66; seed++) {
      const pair = open(seed, { loss: 0.2, jitter: 40, duplicate: 0.1 })
      const { world, session, far } = pair
      const atFar = inspect(world, far)
      const atNear = inspect(world, session)
      const flow = flowOf(pair, { lifetime: 300 })
      for (let i = 0; i < 200; i++) {
        flow.write(new Uint8Array(600), world.now)
        world.run(10)
      }
      world.run(20_000)
      const received = new Set(dataOf(atFar).map(({ sequenceNumber }) => sequenceNumber))
      const forward = Math.max(...dataOf(atFar).map(({ forwardSequenceNumber }) => forwardSequenceNumber))
      const acks = acksOf(atNear)
      for (const { cumulative, count, froms, tos } of acks) {
        const above = [[forward + 1, cumulative], ...Array.from({ length: count }, (_, i) => [Math.max(froms[i]!, forward + 1), tos[i]!])]
        for (const [from, to] of above) for (let n = from!; n <= to!; n++) expect(received.has(n)).toBe(true)
      }
      expect(Math.max(...acks.map(({ cumulative }) => cumulative))).toBeGreaterThanOrEqual(Math.max(...received))
    }
  })

  test('RFC 7016 §2.3.16: an exception report precedes every acknowledgement of a flow that was refused, its end included', () => {
    const pair = open(70)
    const { world, a, b, session, far } = pair
    onFlow(pair, (opened) => opened.reject(5))
    const packets = inspect(world, session)
    for (let number = 1; number <= 6; number++) {
      receive(pair, (w) => userData(w, { flow: 8, number, options: STARTUP, flags: number === 6 ? FLAG_FINAL : 0 }))
      world.run(300)
    }
    const chunks = chunkTypes(packets).filter((type) => [CHUNK_FLOW_EXCEPTION, CHUNK_RANGE_ACK, CHUNK_BITMAP_ACK].includes(type))
    expect(chunks.length).toBeGreaterThanOrEqual(12)
    expect(chunks.filter((_, i) => i % 2 === 0).every((type) => type === CHUNK_FLOW_EXCEPTION)).toBe(true)
    expect(chunks.filter((_, i) => i % 2 === 1)).not.toContain(CHUNK_FLOW_EXCEPTION)
    expect(acksOf(packets).at(-1)?.cumulative).toBe(6)
    expect(messages(b)).toEqual([])
    expect([a.events.length, far.state]).toEqual([1, 'open'])
  })

  test('RFC 7016 §3.6.3.5: a full buffer that waits for a gap to be filled still announces a block, unless it is suspended', () => {
    const pair = open(71)
    const { world, session } = pair
    let flow: ReceiveFlow | undefined
    onFlow(pair, (opened) => {
      flow = opened
      opened.bufferCapacity = 1_000
    })
    const packets = inspect(world, session)
    const data = new Uint8Array(900)
    receive(pair, (w) => userData(w, { flow: 3, number: 1, options: STARTUP }))
    world.run(300)
    receive(pair, (w) => userData(w, { flow: 3, number: 3, forward: 0, data }))
    world.run(300)
    expect(acksOf(packets).at(-1)).toMatchObject({ bufferBlocks: 1, cumulative: 1, count: 1 })
    flow!.suspend()
    receive(pair, (w) => userData(w, { flow: 3, number: 2, forward: 0, data }))
    world.run(300)
    expect(acksOf(packets).at(-1)).toMatchObject({ bufferBlocks: 0, cumulative: 3 })
    flow!.resume()
    world.run(300)
    expect(acksOf(packets).at(-1)).toMatchObject({ bufferBlocks: 1 })
  })

  test('RFC 7016 §3.6.3.7: a flow that was complete with its first packet can still be rejected', () => {
    const pair = open(5)
    const { world, b, session } = pair
    onFlow(pair, (opened) => opened.reject(9))
    const packets = inspect(world, session)
    const sending = flowOf(pair)
    sending.write(utf8('whole'), world.now)
    sending.close()
    world.run(5_000)
    expect(messages(b)).toEqual([])
    expect(types(b.events)).not.toContain('flow-complete')
    expect(sending.state).toBe('complete-linger')
    expect(acksOf(packets).length).toBeGreaterThan(0)
  })

  test('RFC 7016 §3.6.3.8: what a suspended flow holds when it is closed is delivered when it is resumed', () => {
    const pair = open(6)
    const { world, b } = pair
    let flow: ReceiveFlow | undefined
    onFlow(pair, (opened) => {
      flow = opened
      opened.suspend()
    })
    const sending = flowOf(pair)
    sending.write(utf8('late'), world.now)
    sending.close()
    world.run(200_000)
    flow!.resume()
    world.run(1_000)
    expect(messages(b)).toEqual([utf8('late')])
    expect(types(b.events)).toContain('flow-complete')
  })
})

/** Counts what a flow sends and notes what RFC 7016 §3.6.2.3 forbids. */
function watch(flow: SendFlow): { count: number; faults: string[] } {
  const seen = { count: 0, faults: [] as string[] }
  const assemble = flow.assemble.bind(flow)
  flow.assemble = (fragment, w, follows, opened) => {
    const number = fragment.sequenceNumber
    const queue = flow['queue']
    const forward = flow['forwardNumber']()
    const outstanding = flow.outstandingBytes
    const rides = fragment.inFlight
    const size = assemble(fragment, w, follows, opened)
    if (size === 0 || rides) return size
    seen.count++
    if (outstanding >= flow['receiveWindow']) seen.faults.push(`${number} beyond the window`)
    for (let n = queue.firstNumber; n < queue.nextNumber; n++) {
      const other = queue.get(n)
      if (other === undefined) continue
      if (n < number && !other.inFlight && !other.abandoned) seen.faults.push(`${number} before ${n}`)
      if (other.inFlight && (n < forward || (n === forward && !other.sentAbandoned))) seen.faults.push(`forward ${forward} over ${n}`)
    }
    return size
  }
  return seen
}

/** Collects the exception reports that `a` receives. */
function exceptions({ session }: Pair): { flowId: number; code: number }[] {
  const seen: { flowId: number; code: number }[] = []
  const chunk = session['receiveControl'].bind(session)
  session['receiveControl'] = (type, payload, flows, now) => {
    if (type === CHUNK_FLOW_EXCEPTION) seen.push(readFlowException(new Reader(payload.bytes, payload.at, payload.end)))
    chunk(type, payload, flows, now)
  }
  return seen
}

function probes(datagram: Uint8Array): boolean {
  return [1_472, 1_452, 1_412, 1_360].includes(datagram.length)
}
