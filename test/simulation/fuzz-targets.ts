import { Address } from '../../src/base/address.ts'
import { Reader, Writer, concat, utf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { parseCertificate } from '../../src/crypto/certificate.ts'
import { fingerprintEpd, selects } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { Identity } from '../../src/crypto/identity.ts'
import { respond } from '../../src/crypto/keying.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { DEFAULT_POLICY } from '../../src/crypto/policy.ts'
import { REQUEST_FLOW } from '../../src/introducer/constants.ts'
import { decodeProbeAnswer } from '../../src/introducer/probe.ts'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/introducer/protocol.ts'
import type { Request } from '../../src/introducer/protocol.ts'
import { IntroducerServer, createServerIdentity } from '../../src/introducer/server.ts'
import { Driver } from '../../src/link/driver.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { SimulatedNetwork } from '../../src/link/simulated.ts'
import { Endpoint } from '../../src/rtmfp/endpoint.ts'
import type { Delivery } from '../../src/rtmfp/flow/reassembly.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_CLOSE, CHUNK_CLOSE_ACK, CHUNK_HEADER_SIZE, CHUNK_IIKEYING, CHUNK_PING_REPLY, ChunkCursor } from '../../src/wire/chunk.ts'
import { MODE_INITIATOR, readPacketHeader } from '../../src/wire/header.ts'
import type { PacketHeader } from '../../src/wire/header.ts'
import { encodeIIKeyingParameters, readIIKeying, writeIIKeying } from '../../src/wire/startup.ts'
import { DEFAULT_CIPHER } from '../rtmfp/inspect.ts'
import { World } from '../rtmfp/world.ts'
import type { Node } from '../rtmfp/world.ts'
import { corpus } from '../wire/corpus.ts'
import { decodeAll } from '../wire/decode-all.ts'

/** Something that takes what comes from the network. */
export interface Target {
  readonly name: string
  /** How many of a hundred inputs it gets. */
  readonly share: number
  /** Valid inputs to begin with. */
  readonly seeds: readonly Uint8Array[]
  /** Handles an input. What it throws, a `DecodeError` or another error of its own kind aside, is a fault. */
  run(input: Uint8Array): void
  /** Lets time pass after it; that takes as long as the traffic of that time does. */
  rest?(): void
}

/** Inputs that one endpoint, or one session, gets at most before the next begins. */
const AT_MOST = 3_000
/** Of inputs that do nothing but end a session, one in so many does. */
const RARELY = 8
const DELIVERIES: readonly Delivery[] = ['ordered', 'arrival', 'newest']
const header: PacketHeader = { mode: 0, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }

/** Everything that the network reaches, from the decoders to whole endpoints. */
export function targets(seed: number): Target[] {
  const random = seededRandom(seed)
  return [new Packets(), new Crypto(random), new Introduction(random), new Startup(random), new OpenSession(random), new Server(random)]
}

/** All chunks of RFC 7016 §2.3, by every decoder. */
class Packets implements Target {
  readonly name = 'packets'
  readonly share = 44
  readonly seeds = corpus()
  private readonly tally = { decoded: 0, refused: 0 }

  run(input: Uint8Array): void {
    decodeAll(input, 0, input.length, this.tally)
  }
}

/** Certificates, endpoint discriminators and keying components. The first byte says which. */
class Crypto implements Target {
  readonly name = 'crypto'
  readonly share = 10
  readonly seeds: readonly Uint8Array[]
  private readonly random: Random
  private readonly identity: Identity
  private readonly far: Identity

  constructor(random: Random) {
    this.random = random
    const options = { backend: nodeBackend, random }
    this.identity = createIdentity(options)
    this.far = createIdentity({ ...options, groups: [31, 14], hostname: 'example', acceptsAncillary: true })
    const certificates = [this.identity.certificate.bytes, this.far.certificate.bytes]
    const keyings = corpus().flatMap((packet) => componentsOf(packet))
    this.seeds = [
      ...certificates.map((bytes) => concat(Uint8Array.of(0), bytes)),
      ...[this.identity, this.far].map(({ fingerprint }) => concat(Uint8Array.of(1), fingerprintEpd(fingerprint))),
      ...keyings.map((component) => concat(Uint8Array.of(2), component)),
    ]
  }

  run(input: Uint8Array): void {
    const rest = input.subarray(1)
    const { random, identity, far } = this
    if (input[0] === 0) parseCertificate(rest, nodeBackend)
    else if (input[0] === 1) selects(rest, far.certificate)
    else respond({ backend: nodeBackend, random, identity, far: far.certificate, policy: DEFAULT_POLICY }, rest)
  }
}

function componentsOf(packet: Uint8Array): Uint8Array[] {
  const r = new Reader(packet)
  readPacketHeader(r, header)
  const cursor = new ChunkCursor().reset(packet, r.at, packet.length)
  const found: Uint8Array[] = []
  while (cursor.next()) if (cursor.type === CHUNK_IIKEYING) found.push(readIIKeying(cursor.payload).component)
  return found
}

const REQUESTS: readonly Request[] = [
  { op: 'register', addresses: [Address.parse('192.0.2.1:1'), Address.parse('[2001:db8::1]:2')], relay: 'auto' },
  {
    op: 'create',
    game: 'g',
    protocol: 1,
    capacity: 4,
    listed: true,
    properties: { map: 'x', n: 1, b: true },
    profile: { name: 'a', list: [1, [2]] },
  },
  { op: 'join', game: 'g', protocol: 1, code: 'ABCDE', profile: { name: 'b' }, invitation: undefined },
  { op: 'leave', roomId: '0'.repeat(32) },
  { op: 'evict', roomId: '1'.repeat(32), peerId: '2'.repeat(64) },
  { op: 'list', game: 'g', protocol: 1, where: { a: ['b', 1], n: { min: 1 } }, open: true },
  { op: 'claim', roomId: '0'.repeat(32), base: 512, epoch: 1024 },
  { op: 'update', roomId: '3'.repeat(32), properties: { a: 'b' }, locked: true, guarded: true },
  { op: 'admit', roomId: '4'.repeat(32), peerId: '5'.repeat(64) },
  {
    op: 'rejoin',
    game: 'g',
    protocol: 1,
    capacity: 4,
    listed: true,
    properties: {},
    password: true,
    salt: new Uint8Array(16),
    roomId: '6'.repeat(32),
    code: 'ABCDE',
    order: 1,
    profile: {},
    epoch: 512,
    host: '7'.repeat(64),
    key: new Uint8Array(16),
  },
]

/** What introducers and their clients say to each other. The first byte says who. */
class Introduction implements Target {
  readonly name = 'introduction'
  readonly share = 14
  readonly seeds: readonly Uint8Array[]

  constructor(random: Random) {
    const tag = (kind: number, bytes: Uint8Array): Uint8Array => concat(Uint8Array.of(kind), bytes)
    this.seeds = [
      ...REQUESTS.map((request, id) => tag(0, encodeRequest(id, request))),
      tag(1, encodeResponse({ kind: 'ok', id: 1, value: { a: [1, 2, { b: 'c' }] } })),
      tag(1, encodeResponse({ kind: 'error', id: 2, code: 'ROOM_FULL', message: 'full' })),
      tag(
        1,
        encodeResponse({
          kind: 'joined',
          roomId: '0'.repeat(32),
          member: { peerId: '1'.repeat(64), order: 3, profile: { x: 1 } },
          guest: true,
        }),
      ),
      tag(1, encodeResponse({ kind: 'left', roomId: '0'.repeat(32), peerId: '1'.repeat(64) })),
      tag(1, encodeResponse({ kind: 'moved' })),
      tag(1, encodeResponse({ kind: 'closing' })),
      tag(2, random.fill(new Uint8Array(40))),
    ]
  }

  run(input: Uint8Array): void {
    const rest = input.subarray(1)
    if (input[0] === 0) decodeRequest(rest)
    else if (input[0] === 1) decodeResponse(rest)
    else decodeProbeAnswer(rest)
  }
}

/** An endpoint that opens sessions and is opened to, under the Default Session Key: what anyone may send. */
class Startup implements Target {
  readonly name = 'start-up'
  readonly share = 8
  readonly seeds: readonly Uint8Array[]
  private readonly random: Random
  private readonly stranger: Identity
  private world!: World
  private node!: Node
  private used = AT_MOST

  constructor(random: Random) {
    this.random = random
    this.stranger = createIdentity({ backend: nodeBackend, random })
    // In front: what is put right, so that more than the first check is reached; to whom; whence.
    this.seeds = corpus().flatMap((packet) => [0, 7, 15].map((how) => concat(Uint8Array.of(how), packet)))
  }

  run(input: Uint8Array): void {
    if (this.used++ >= AT_MOST) this.begin()
    const { world, node, random } = this
    const how = input[0] ?? 0
    const from = [node.address, Address.from('192.0.2.7', 7), Address.from('192.0.2.8', 1 + (random.uint32() % 500))][how % 3]!
    const opening = [...node.endpoint.sessions].find(({ state }) => state === 'ihello-sent' || state === 'keying-sent')
    const plain = (how & 4) === 0 ? input.subarray(1) : this.putRight(input.subarray(1), from)
    node.endpoint.receive(seal(plain, (how & 8) === 0 ? 0 : (opening?.id ?? 0)), from, world.now)
  }

  rest(): void {
    if (this.random.uint32() % 4 === 0) this.world.run(this.random.uint32() % 400)
  }

  /** With a cookie that is good there, and a stranger's certificate and signature. */
  private putRight(plain: Uint8Array, from: Address): Uint8Array {
    const r = new Reader(plain)
    readPacketHeader(r, header)
    const cursor = new ChunkCursor().reset(plain, r.at, plain.length)
    const w = Writer.ofSize(plain.length + 1_000)
    w.raw(plain.subarray(0, r.at))
    while (cursor.next()) {
      if (cursor.type !== CHUNK_IIKEYING) {
        w.raw(plain.subarray(cursor.payload.at - CHUNK_HEADER_SIZE, cursor.payload.end))
        continue
      }
      const { initiatorSessionId, component } = readIIKeying(cursor.payload)
      const cookieEcho = this.node.endpoint.cookies.make(from, this.world.now)
      const certificate = this.stranger.certificate.bytes
      const parameters = encodeIIKeyingParameters({ initiatorSessionId, cookieEcho, certificate, component })
      writeIIKeying(w, parameters, this.stranger.sign(parameters))
    }
    return w.taken()
  }

  private begin(): void {
    this.used = 0
    this.world = new World(this.random.uint32())
    const other = this.world.add()
    this.node = this.world.add({ introduce: () => ({ addresses: [{ address: other.address, origin: 2 }] }) })
    this.world.connect(this.node, other)
    const stuck = { epd: fingerprintEpd(this.stranger.fingerprint), candidates: [Address.from('192.0.2.9', 9)], timeout: 1e9 }
    this.node.endpoint.open(stuck, this.world.now)
    this.world.run(200)
  }
}

function seal(plain: Uint8Array, sessionId: number): Uint8Array {
  const { sealer } = DEFAULT_CIPHER
  const buffer = new Uint8Array(plain.length + sealer.headroom + sealer.tailroom)
  buffer.set(plain, sealer.headroom)
  return buffer.slice(0, sealer.seal(buffer, sealer.headroom + plain.length, sessionId))
}

/** Chunks that end a session, to open which takes as long as a thousand inputs, become replies to pings. */
function withoutClose(r: Reader): Reader {
  const bytes = r.bytes.slice()
  const cursor = new ChunkCursor().reset(bytes, r.at, r.end)
  while (cursor.next()) {
    if (cursor.type === CHUNK_CLOSE || cursor.type === CHUNK_CLOSE_ACK) bytes[cursor.payload.at - CHUNK_HEADER_SIZE] = CHUNK_PING_REPLY
  }
  return new Reader(bytes, r.at, r.end)
}

/** A session with traffic of every kind in it: what a peer may send that holds the keys and means ill. */
class OpenSession implements Target {
  readonly name = 'session'
  readonly share = 20
  readonly seeds: Uint8Array[] = [...corpus()]
  private readonly random: Random
  private world!: World
  private session: Session | undefined
  private from!: Node
  private used = 0
  private readonly identities: readonly [Identity, Identity]

  constructor(random: Random) {
    this.random = random
    const options = { backend: nodeBackend, random }
    this.identities = [createIdentity(options), createIdentity(options)]
    this.begin()
    this.seeds.push(...this.overheard)
  }

  run(input: Uint8Array): void {
    if (this.session?.state !== 'open' || this.used++ > AT_MOST) this.begin()
    const { random, world } = this
    header.mode = MODE_INITIATOR
    header.timestamp = random.uint32() & 0xffff
    header.timestampEcho = random.uint32() % 2 === 0 ? -1 : random.uint32() & 0xffff
    header.timeCritical = random.uint32() % 8 === 0
    const r = new Reader(input)
    if (r.remaining > 0) {
      const flags = r.uint8()
      r.skip(Math.min(r.remaining, ((flags & 8) === 0 ? 0 : 2) + ((flags & 4) === 0 ? 0 : 2)))
    }
    const address = random.uint32() % 30 === 0 ? Address.from('192.0.2.7', 7) : this.from.address
    const plain = random.uint32() % RARELY === 0 ? r : withoutClose(r)
    this.session!.receive(header, plain, address, world.now)
  }

  rest(): void {
    if (this.random.uint32() % 8 === 0) this.world.run(this.random.uint32() % 300)
  }

  private readonly overheard: Uint8Array[] = []

  private begin(): void {
    const below = (n: number): number => this.random.uint32() % n
    this.used = 0
    this.world = new World(this.random.uint32(), { latency: 5, loss: 0.05 })
    const { world } = this
    const [from, to] = [world.add({ identity: this.identities[0] }), world.add({ identity: this.identities[1] })]
    this.from = from
    to.onEvent = (event) => {
      to.events.length = 0
      if (event.type !== 'flow-open') return
      event.flow.delivery = DELIVERIES[below(DELIVERIES.length)]!
      if (below(10) === 0) event.flow.suspend()
    }
    from.onEvent = () => {
      from.events.length = 0
    }
    const near = world.connect(from, to)
    world.runUntil(() => near.state === 'open')
    const session = [...to.endpoint.sessions][0]!
    this.session = session
    this.listen(session)
    for (let i = 0; i < 6; i++) {
      const options = {
        metadata: utf8('x'.repeat(below(20))),
        retransmit: below(2) === 0,
        timeCritical: below(4) === 0,
        priority: below(8),
      }
      for (const flow of [near.openFlow(options), session.openFlow(options)]) this.fill(flow)
      world.run(below(40))
    }
  }

  private fill(flow: SendFlow): void {
    const below = (n: number): number => this.random.uint32() % n
    for (let k = 0; k < 6; k++) flow.write(new Uint8Array(below(4_000)), this.world.now, below(3) === 0 ? 50 : Infinity)
    if (below(3) === 0) flow.close()
  }

  private listen(session: Session): void {
    if (this.overheard.length > 200) return
    const receive = session.receive.bind(session)
    session.receive = (head, plain, address, now) => {
      this.overheard.push(concat(Uint8Array.of(MODE_INITIATOR), plain.bytes.slice(plain.at, plain.end)))
      return receive(head, plain, address, now)
    }
  }
}

/** An introducer that a peer sends requests to. */
class Server implements Target {
  readonly name = 'introducer'
  readonly share = 4
  readonly seeds: readonly Uint8Array[] = REQUESTS.map((request, id) => encodeRequest(id, request))
  private readonly options: { readonly backend: typeof nodeBackend; readonly random: Random }
  private readonly identities: readonly [Identity, Identity]
  private clock!: SimulatedClock
  private driver!: Driver
  private server!: Address
  private flow!: SendFlow
  private session: Session | undefined
  private used = AT_MOST

  constructor(random: Random) {
    this.options = { backend: nodeBackend, random }
    this.identities = [createServerIdentity(nodeBackend, random), createIdentity(this.options)]
  }

  run(input: Uint8Array): void {
    if (this.used++ >= AT_MOST) this.begin()
    // What is malformed ends the session, and nothing else; to open one takes as long as many inputs.
    if (this.options.random.uint32() % RARELY !== 0) decodeRequest(input)
    if (this.session?.state !== 'open') this.connect()
    this.flow.write(input, this.clock.now())
  }

  rest(): void {
    this.driver.kick()
    this.clock.run(this.options.random.uint32() % 300)
  }

  private begin(): void {
    const { options, identities } = this
    this.used = 0
    this.clock = new SimulatedClock()
    const { clock } = this
    const network = new SimulatedNetwork({ seed: options.random.uint32(), clock, conditions: { latency: 1 } })
    const serverLink = network.createLink()
    this.server = serverLink.addresses[0]!
    new IntroducerServer({ ...options, link: serverLink, clock, identity: identities[0] })
    const endpoint = new Endpoint({ ...options, identity: identities[1] })
    this.driver = new Driver({ endpoint, link: network.createLink(), clock, onEvent: () => {} })
  }

  private connect(): void {
    const { clock, driver } = this
    driver.endpoint.abortAll()
    const epd = fingerprintEpd(this.identities[0].fingerprint)
    this.session = driver.endpoint.open({ epd, candidates: [this.server] }, clock.now())
    driver.kick()
    clock.run(100)
    this.flow = this.session.openFlow({ metadata: utf8(REQUEST_FLOW) })
  }
}
