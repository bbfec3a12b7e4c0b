import { Reader, utf8 } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { randomBytes, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import type { Delivery } from '../../src/rtmfp/flow/reassembly.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { MODE_INITIATOR } from '../../src/wire/header.ts'
import type { PacketHeader } from '../../src/wire/header.ts'
import { World } from '../rtmfp/world.ts'
import type { Node } from '../rtmfp/world.ts'

/** What a run saw. */
export interface FuzzOutcome {
  /** The first input that threw, in hexadecimal, with what it threw. */
  readonly fault: string | undefined
  /** Sessions that were spent on it. */
  readonly sessions: number
}

/** Packets that are kept to be changed. */
const CORPUS = 2_000
/** Inputs that one session gets at most. */
const PER_SESSION = 3_000
/** Longest input. Bytes. */
const LONGEST = 3_000
/** Bytes that mean something in many places: chunk types, the ends of a VLU. */
const TELLING = [0x00, 0x01, 0x0c, 0x0f, 0x10, 0x11, 0x18, 0x41, 0x4c, 0x50, 0x51, 0x5e, 0x7f, 0x80, 0xff]
const DELIVERIES: readonly Delivery[] = ['ordered', 'arrival', 'newest']

/**
 * Hands plain packets, made from recorded ones by random changes, to an open session: what a peer may send that holds the keys and means ill.
 */
export function runFuzz(seed: number, inputs: number): FuzzOutcome {
  const random = seededRandom(seed)
  const below = (n: number): number => random.uint32() % n
  const corpus: Uint8Array[] = []
  const header: PacketHeader = { mode: MODE_INITIATOR, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }
  let target = openTarget(random, corpus)
  let used = 0
  let sessions = 1
  for (let i = 0; i < inputs; i++) {
    if (target.session.state !== 'open' || used++ > PER_SESSION) {
      target = openTarget(random, corpus)
      used = 0
      sessions++
    }
    const packet = mutate(corpus, random)
    header.timestamp = below(0x10000)
    header.timestampEcho = below(2) === 0 ? -1 : below(0x10000)
    header.timeCritical = below(8) === 0
    try {
      target.session.receive(header, new Reader(packet, 0, packet.length), target.from.address, target.world.now)
      if (below(8) === 0) target.world.run(below(300))
    } catch (error) {
      if (!(error instanceof DecodeError)) {
        return { fault: `${String((error as Error).stack)} at ${Buffer.from(packet).toString('hex')}`, sessions }
      }
    }
  }
  return { fault: undefined, sessions }
}

/** A session with traffic of every kind in it, whose packets go into the corpus. */
function openTarget(random: Random, corpus: Uint8Array[]): { readonly world: World; readonly session: Session; readonly from: Node } {
  const below = (n: number): number => random.uint32() % n
  const world = new World(random.uint32(), { latency: 5, loss: 0.05 })
  const [from, to] = [world.add(), world.add()]
  to.onEvent = (event) => {
    if (event.type !== 'flow-open') return
    event.flow.delivery = DELIVERIES[below(DELIVERIES.length)]!
    if (below(10) === 0) event.flow.suspend()
  }
  const near = world.connect(from, to)
  world.runUntil(() => near.state === 'open')
  const session = [...to.endpoint.sessions][0]!
  const receive = session.receive.bind(session)
  session.receive = (header, plain, address, now) => {
    const packet = plain.bytes.slice(plain.at, plain.end)
    if (corpus.length < CORPUS) corpus.push(packet)
    else if (below(50) === 0) corpus[below(CORPUS)] = packet
    return receive(header, plain, address, now)
  }
  for (let i = 0; i < 6; i++) {
    const flow = near.openFlow({
      metadata: utf8('x'.repeat(below(20))),
      retransmit: below(2) === 0,
      timeCritical: below(4) === 0,
      priority: below(8),
    })
    for (let k = 0; k < 6; k++) flow.write(new Uint8Array(below(4_000)), world.now, below(3) === 0 ? 50 : Infinity)
    if (below(3) === 0) flow.close()
    world.run(below(40))
  }
  return { world, session, from }
}

function mutate(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  const below = (n: number): number => random.uint32() % n
  const pick = (): Uint8Array => corpus[below(corpus.length)]!
  let packet: Uint8Array = pick().slice()
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(packet.length + 1)
    const kind = below(6)
    if (kind === 0 && at < packet.length) packet[at]! ^= 1 << below(8)
    else if (kind === 1 && at < packet.length) packet[at] = TELLING[below(TELLING.length)]!
    else if (kind === 2) packet = packet.slice(0, at)
    else if (kind === 3) packet = joined(packet, pick())
    else if (kind === 4) packet = randomBytes(random, below(60))
    else packet = joined(packet.subarray(0, at), randomBytes(random, below(12)), packet.subarray(at))
  }
  return packet.subarray(0, LONGEST)
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
