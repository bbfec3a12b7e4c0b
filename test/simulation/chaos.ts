import { Address } from '../../src/base/address.ts'
import { randomUnit, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { SUITE_AES_CBC_HMAC } from '../../src/crypto/constants.ts'
import { epdFingerprint, fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { Identity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { Endpoint, OUTPUT_EVENT, OUTPUT_TRANSMIT } from '../../src/rtmfp/endpoint.ts'
import type { EndpointConfig, Introduction } from '../../src/rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../../src/rtmfp/flow/receive-flow.ts'
import type { Delivery } from '../../src/rtmfp/flow/reassembly.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'
import { ORIGIN_OBSERVED } from '../../src/wire/address.ts'
import { Attacker } from './chaos-attacker.ts'
import { ChaosNetwork, FAIR } from './chaos-network.ts'
import type { Weather } from './chaos-network.ts'
import { footprint, leftovers } from './footprint.ts'

/** What became of a run. */
export interface ChaosOutcome {
  /** What should not have happened; empty when all held. */
  readonly faults: readonly string[]
  /** Messages that were delivered. */
  readonly messages: number
  /** How often each kind of trouble was made. */
  readonly troubles: ReadonlyMap<string, number>
}

interface Kind {
  readonly delivery: Delivery
  readonly retransmit: boolean
}

/** By the first byte of a flow's metadata. */
const KINDS: readonly Kind[] = [
  { delivery: 'ordered', retransmit: true },
  { delivery: 'arrival', retransmit: true },
  { delivery: 'arrival', retransmit: false },
  { delivery: 'newest', retransmit: false },
]
/** Steps of trouble in a run, and the virtual time between two of them at most. Milliseconds. */
const STEPS = 220
const STEP = 60
/** After the last of it: long enough for every timer of the protocol. Milliseconds. */
const AFTERMATH = 400_000
/** The least that time goes on. Milliseconds. */
const TICK = 1 / 64
/** Datagrams that wait for a suspended process, as in a socket's buffer. */
const SOCKET_BUFFER = 64
/** More than any honest endpoint of a run holds, whatever strangers send: sessions, entries of all its lists, bytes of all its buffers. */
const MOST_SESSIONS = 60
const MOST_ENTRIES = 30_000
const MOST_BYTES = 8_000_000
/** Gaps that an acknowledgement in one packet can name; the buffers that packets are read from and written to. */
const MOST_WORK_ENTRIES = 3_000
const MOST_WORK_BYTES = 300_000
/** Steps between two looks at what everyone holds. */
const LOOK = 20
/** Every so many seeds strangers are the only trouble, and then no session may end. */
const STRANGERS_ALONE = 8

interface Player {
  readonly number: number
  readonly name: string
  readonly identity: Identity
  readonly config: Partial<EndpointConfig>
  endpoint: Endpoint
  address: Address
  /** Its clock is so much ahead of everyone's. */
  skew: number
  suspendedUntil: number
  readonly waiting: { readonly datagram: Uint8Array; readonly from: Address }[]
  until: number
  readonly sending: Sending[]
  /** Flows that it has told to wait. */
  readonly held: ReceiveFlow[]
  /** Sessions that are over, of which nothing must be heard any more. */
  readonly over: Set<Session>
}

interface Sending {
  readonly flow: SendFlow
  readonly session: Session
  next: number
  readonly log: Received
}

/** What a receiver has had of one sending flow. */
interface Received {
  readonly kind: Kind
  readonly key: string
  readonly from: string
  last: number
  readonly seen: Set<number>
}

/** Endpoints among whom everything happens that can: one run, all of it from the seed. */
export function runChaos(seed: number): ChaosOutcome {
  return new Chaos(seed).run()
}

class Chaos {
  private readonly random: Random
  private readonly network: ChaosNetwork
  private readonly attacker: Attacker
  private readonly strangersAlone: boolean
  private readonly faults: string[] = []
  private readonly troubles = new Map<string, number>()
  private readonly players: Player[] = []
  private port = 1_000
  private messages = 0
  private flowNumber = 0
  /** Sending flows by the number in their metadata. */
  private readonly logs = new Map<number, Received>()
  private readonly abandoned = new Set<string>()
  private isEnding = false

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.strangersAlone = seed % STRANGERS_ALONE === 0
    this.network = new ChaosNetwork(this.random, this.strangersAlone ? { ...FAIR, latency: this.between(1, 120) } : this.weather())
    this.network.now = 10_000
    this.attacker = new Attacker(this.random)
    const count = 2 + this.below(4)
    for (let i = 0; i < count; i++) this.players.push(this.newPlayer(i))
  }

  run(): ChaosOutcome {
    const actions = this.strangersAlone ? this.actionsOfStrangers() : this.actions()
    const total = actions.reduce((sum, [weight]) => sum + weight, 0)
    try {
      for (let step = 0; step < STEPS; step++) {
        let at = randomUnit(this.random) * total
        const action = actions.find(([weight]) => (at -= weight) < 0) ?? actions[0]!
        this.troubles.set(action[1], (this.troubles.get(action[1]) ?? 0) + 1)
        action[2]()
        this.advance(randomUnit(this.random) * STEP)
        if (step % LOOK === 0) this.checkBounds()
      }
      this.settleDown()
    } catch (error) {
      this.faults.push(`thrown: ${error instanceof Error ? error.stack : String(error)}`)
    }
    return { faults: this.faults, messages: this.messages, troubles: this.troubles }
  }

  private actionsOfStrangers(): readonly (readonly [number, string, () => void])[] {
    return [
      [20, 'open', () => this.open()],
      [20, 'flow', () => this.openFlow()],
      [60, 'write', () => this.write()],
      [6, 'close flow', () => this.pickSending()?.flow.close()],
      [100, 'hostile', () => this.attack()],
    ]
  }

  private actions(): readonly (readonly [number, string, () => void])[] {
    return [
      [20, 'open', () => this.open()],
      [20, 'flow', () => this.openFlow()],
      [90, 'write', () => this.write()],
      [6, 'close flow', () => this.pickSending()?.flow.close()],
      [3, 'abandon', () => this.abandon()],
      [3, 'hold', () => this.hold()],
      [2, 'reject', () => this.reject()],
      [3, 'close', () => this.pickSession()?.close(this.time(this.owner))],
      [1, 'abort', () => this.pickSession()?.abort()],
      [6, 'move', () => this.move()],
      [2, 'move two', () => [this.move(), this.move()]],
      [3, 'suspend', () => this.suspend()],
      [2, 'clock forward', () => this.clockJumps(1)],
      [2, 'clock back', () => this.clockJumps(-1)],
      [2, 'restart', () => this.restart()],
      [3, 'partition', () => this.partition(true)],
      [4, 'rejoin', () => this.partition(false)],
      [2, 'black hole', () => this.blackHole()],
      [10, 'hostile', () => this.attack()],
    ]
  }

  private weather(): Weather {
    const often = (share: number, most: number): number => (this.chance(share) ? this.between(0, most) : 0)
    return {
      latency: this.between(1, 120),
      jitter: often(0.5, 60),
      loss: often(0.7, 0.2),
      duplicate: often(0.5, 0.1),
      corrupt: often(0.5, 0.05),
      reorder: often(0.4, 0.1),
      burst: { begins: often(0.3, 0.02), ends: this.between(0.05, 0.5) },
      bottleneck: this.chance(0.3) ? { rate: this.between(20_000, 1_000_000), queue: this.between(4_000, 100_000) } : undefined,
    }
  }

  /** The trouble is over: what is reliable must come through, then everything must end and leave nothing. */
  private settleDown(): void {
    this.network.heal()
    for (const player of this.players) {
      player.suspendedUntil = 0
      for (const flow of player.held) flow.resume()
    }
    this.advance(60_000)
    for (const { endpoint, sending } of this.players) {
      for (const { flow, session, next, log } of sending) {
        if (session.state !== 'open' || flow.state !== 'open') continue
        if (flow.queuedBytes !== 0) this.faults.push(`${log.key}: ${flow.queuedBytes} bytes are still queued`)
        if (log.kind.retransmit && !this.abandoned.has(log.key) && log.seen.size !== next) {
          this.faults.push(`${log.key}: ${log.seen.size} of ${next} messages arrived`)
        }
      }
      for (const session of endpoint.sessions) if (session.bytesInFlight < 0) this.faults.push('less than nothing is in flight')
    }
    this.isEnding = true
    for (const player of this.players) player.endpoint.closeAll(this.time(player))
    this.advance(AFTERMATH)
    const fresh = this.newEndpoint(this.players[0]!.identity, {})
    for (const { name, endpoint, until } of this.players) {
      if (until !== Infinity) this.faults.push(`${name} still waits for something`)
      for (const left of leftovers(endpoint, fresh)) this.faults.push(`${name} is left with ${left}`)
    }
    if (this.network.inTransit > 0) this.faults.push(`${this.network.inTransit} datagrams are still under way`)
  }

  // What can happen

  private open(): void {
    const [from, to] = [this.pick(), this.pick()]
    if (from === to) return
    // The first player introduces those who have a session with it.
    const throughFirst = this.chance(0.3) && from.number !== 0 && to.number !== 0
    const candidates = throughFirst ? [this.players[0]!.address] : this.chance(0.2) ? [this.freeAddress(), to.address] : [to.address]
    const timeout = 500 + this.below(8_000)
    const options = { epd: fingerprintEpd(to.identity.fingerprint), candidates, timeout, acceptForwarded: to.number === 0 }
    from.endpoint.open(options, this.time(from))
  }

  private openFlow(): void {
    const session = this.pickSession()
    if (session === undefined) return
    const number = this.flowNumber++
    const at = this.below(KINDS.length)
    const kind = KINDS[at]!
    const flow = session.openFlow({
      metadata: Uint8Array.of(at, number >>> 8, number),
      priority: this.below(8),
      timeCritical: this.chance(0.2),
      retransmit: kind.retransmit,
    })
    const from = this.owner.identity.peerId
    const log = { kind, key: `${this.owner.name} flow ${number} (${kind.delivery})`, from, last: -1, seen: new Set<number>() }
    this.logs.set(number, log)
    this.owner.sending.push({ flow, session, next: 0, log })
  }

  private write(): void {
    const sending = this.pickSending()
    if (sending === undefined) return
    const count = 1 + this.below(8)
    // One that need not arrive in time leaves a gap, which the checks take for abandoned.
    const lifetime = !sending.log.kind.retransmit && this.chance(0.3) ? this.between(1, 500) : Infinity
    for (let i = 0; i < count; i++) {
      const length = this.chance(0.15) ? this.below(9_000) : this.below(300)
      const message = new Uint8Array(4 + length).fill(sending.next)
      new DataView(message.buffer).setUint32(0, sending.next)
      if (sending.flow.write(message, this.time(this.owner), lifetime)) sending.next++
    }
  }

  private abandon(): void {
    const sending = this.pickSending()
    if (sending === undefined) return
    this.abandoned.add(sending.log.key)
    sending.flow.abandonQueued()
  }

  /** A receiver stops reading, or goes on. */
  private hold(): void {
    const { held } = this.pick()
    for (const flow of held.splice(0)) flow.resume()
    const flows = [...this.heard.entries()].filter(([, owner]) => owner === this.owner).map(([flow]) => flow)
    const flow = flows[this.below(Math.max(flows.length, 1))]
    if (flow === undefined) return
    flow.suspend()
    held.push(flow)
  }

  private reject(): void {
    const flows = [...this.heard.keys()]
    const flow = flows[this.below(Math.max(flows.length, 1))]
    if (flow === undefined) return
    const log = this.logOf(flow)
    if (log !== undefined) this.abandoned.add(log.key)
    flow.reject(this.below(1_000))
  }

  private move(): void {
    const player = this.pick()
    player.address = this.freeAddress()
    if (this.chance(0.5)) player.endpoint.nearAddressChanged(this.time(player))
  }

  /** For a moment, a while, or as long as a machine sleeps. */
  private suspend(): void {
    const player = this.pick()
    const most = this.chance(0.3) ? (this.chance(0.05) ? 1_800_000 : 15_000) : 1_500
    player.suspendedUntil = this.network.now + this.between(50, most)
  }

  private clockJumps(direction: number): void {
    this.pick().skew += direction * this.between(0, this.chance(0.2) ? 3_600_000 : 4_000)
  }

  /** The process dies and starts anew with the identity that it has kept. */
  private restart(): void {
    const player = this.pick()
    for (const session of player.endpoint.sessions) player.over.add(session)
    player.endpoint = this.newEndpoint(player.identity, player.config)
    player.sending.length = 0
    player.waiting.length = 0
    player.held.length = 0
    player.until = Infinity
    if (this.chance(0.5)) player.address = this.freeAddress()
  }

  /** Between two players, or from one to another alone. */
  private partition(isCut: boolean): void {
    const [a, b] = [this.below(this.players.length), this.below(this.players.length)]
    this.network.cut(a, b, isCut)
    if (this.chance(0.5)) this.network.cut(b, a, isCut)
  }

  private blackHole(): void {
    const [a, b] = [this.below(this.players.length), this.below(this.players.length)]
    this.network.narrow(a, b, this.chance(0.4) ? Infinity : this.between(1_200, 1_500))
  }

  /** Someone sends what they have made up, or overheard, from wherever they like. */
  private attack(): void {
    const addresses = [this.freeAddress(), ...this.players.map(({ address }) => address)]
    for (let i = 0; i < 6; i++) {
      const from = this.chance(0.5) ? this.freeAddress() : this.pick().address
      this.network.put(this.attacker.next(addresses), from, this.pick().address, this.between(0, 50))
    }
  }

  // The run loop

  private advance(milliseconds: number): void {
    const { network } = this
    const end = network.now + milliseconds
    for (;;) {
      for (const player of this.players) this.drain(player)
      let next = Math.min(end, network.next)
      for (const player of this.players) next = Math.min(next, Math.max(this.nextOf(player), player.suspendedUntil))
      network.now = Math.max(network.now, next)
      this.deliver()
      if (network.now >= end) return
    }
  }

  /** When a player wants to be polled. It has been now, so that is later, whatever is lost in the sums. */
  private nextOf({ until, skew }: Player): number {
    return Math.max(until - skew, this.network.now + TICK)
  }

  private deliver(): void {
    const { network } = this
    for (let packet = network.take(); packet !== undefined; packet = network.take()) {
      const { datagram, from, to } = packet
      const player = this.players.find(({ address }) => address.equals(to))
      if (player === undefined) continue
      if (player.suspendedUntil <= network.now) this.receive(player, datagram, from)
      else if (player.waiting.length < SOCKET_BUFFER) player.waiting.push({ datagram, from })
    }
    for (const player of this.players) {
      if (player.waiting.length === 0 || player.suspendedUntil > network.now) continue
      for (const { datagram, from } of player.waiting.splice(0)) this.receive(player, datagram, from)
    }
  }

  private receive(player: Player, datagram: Uint8Array, from: Address): void {
    player.endpoint.receive(datagram, from, this.time(player))
    this.drain(player)
  }

  private drain(player: Player): void {
    if (player.suspendedUntil > this.network.now) return
    for (let outputs = 0; ; outputs++) {
      if (outputs > 10_000) throw new Error(`${player.name} never waits`)
      const output = player.endpoint.poll(this.time(player))
      if (output.kind === OUTPUT_TRANSMIT) this.send(output.datagram, player, output.to as Address)
      else if (output.kind === OUTPUT_EVENT) this.take(player, output.event as EndpointEvent)
      else {
        player.until = output.until
        return
      }
    }
  }

  private take(player: Player, event: EndpointEvent): void {
    if (player.over.has(event.session)) this.faults.push(`${player.name}: ${event.type} after its session was over`)
    if (event.type === 'session-closed' || event.type === 'session-failed') this.takeEnd(player, event)
    else if (event.type === 'flow-open') {
      event.flow.delivery = KINDS[event.flow.metadata[0]!]!.delivery
      this.heard.set(event.flow, player)
    } else if (event.type === 'message') this.takeMessage(event.session, event.flow, event.data)
  }

  /** Flows that have come to someone, while their sessions last. */
  private readonly heard = new Map<ReceiveFlow, Player>()

  private takeEnd(player: Player, event: Extract<EndpointEvent, { type: 'session-closed' | 'session-failed' }>): void {
    player.over.add(event.session)
    for (const flow of this.heard.keys()) if (flow.state === 'closed') this.heard.delete(flow)
    const isStrangers = this.strangersAlone && !this.isEnding && event.type === 'session-closed' && event.session.isConfirmed
    if (isStrangers) this.faults.push(`${player.name}: strangers have ended a session (${event.reason})`)
  }

  private takeMessage(session: Session, flow: ReceiveFlow, data: Uint8Array): void {
    this.messages++
    const log = this.logOf(flow)!
    const number = new DataView(data.buffer, data.byteOffset).getUint32(0)
    const { kind, key } = log
    if (log.from !== session.farPeerId) this.faults.push(`${key}: message ${number} came from ${session.farPeerId}`)
    if (data.subarray(4).some((byte) => byte !== (number & 0xff))) this.faults.push(`${key}: message ${number} is not what was sent`)
    if (log.seen.has(number)) this.faults.push(`${key}: message ${number} came twice`)
    log.seen.add(number)
    if (kind.delivery === 'ordered' && kind.retransmit && number !== log.last + 1 && !this.abandoned.has(key)) {
      this.faults.push(`${key}: message ${number} came after ${log.last}`)
    }
    if (kind.delivery !== 'arrival' && number < log.last) this.faults.push(`${key}: message ${number} came after ${log.last}`)
    log.last = Math.max(log.last, number)
  }

  private send(datagram: Uint8Array, from: Player, to: Address): void {
    this.attacker.overhear(datagram)
    const receiver = this.players.findIndex(({ address }) => address.equals(to))
    this.network.send(datagram, from.address, to, [from.number, receiver])
  }

  private checkBounds(): void {
    for (const { name, endpoint } of this.players) {
      const { entries, bytes } = footprint(endpoint)
      if (endpoint.sessionCount > MOST_SESSIONS) this.faults.push(`${name} holds ${endpoint.sessionCount} sessions`)
      if (entries > MOST_ENTRIES) this.faults.push(`${name} holds ${entries} entries`)
      if (bytes > MOST_BYTES) this.faults.push(`${name} holds ${bytes} bytes`)
      // It is written over and never emptied: what it holds is one packet's, whatever has come.
      const work = footprint(endpoint.work)
      if (work.entries > MOST_WORK_ENTRIES || work.bytes > MOST_WORK_BYTES)
        this.faults.push(`${name} works with ${work.entries} entries, ${work.bytes} bytes`)
    }
  }

  // Choosing

  private owner!: Player

  private newPlayer(number: number): Player {
    const suites = this.chance(0.2) ? { suites: [SUITE_AES_CBC_HMAC] } : {}
    const identity = createIdentity({ backend: nodeBackend, random: this.random, ...suites })
    const config: Partial<EndpointConfig> = {
      ...(this.chance(0.2) ? { keepaliveInterval: 10_000, deadAfter: 25_000 } : {}),
      ...(this.chance(0.2) ? { maxDatagram: 500 + this.below(700) } : {}),
      ...(number === 0 ? { introduce: (epd: Uint8Array) => this.introduce(epd) } : {}),
    }
    return {
      number,
      name: `player ${number}`,
      identity,
      config,
      endpoint: this.newEndpoint(identity, config),
      address: this.freeAddress(),
      skew: this.between(0, 1_000_000),
      suspendedUntil: 0,
      waiting: [],
      until: Infinity,
      sending: [],
      held: [],
      over: new Set(),
    }
  }

  /** What the first player does for the others. RFC 7016 §3.5.1.6. */
  private introduce(epd: Uint8Array): Introduction | undefined {
    const fingerprint = epdFingerprint(epd)
    const target = this.players.find(({ identity }) => fingerprint?.every((byte, i) => identity.fingerprint[i] === byte))
    if (target === undefined) return undefined
    const sessions = [...this.players[0]!.endpoint.sessions]
    const session = sessions.find(({ state, farPeerId }) => state === 'open' && farPeerId === target.identity.peerId)
    if (session?.farAddress === undefined) return undefined
    return { addresses: [{ address: session.farAddress, origin: ORIGIN_OBSERVED }], forwardTo: session }
  }

  private newEndpoint(identity: Identity, config: Partial<EndpointConfig>): Endpoint {
    return new Endpoint({ backend: nodeBackend, random: this.random, identity, ...config })
  }

  private logOf(flow: ReceiveFlow): Received | undefined {
    return this.logs.get((flow.metadata[1]! << 8) | flow.metadata[2]!)
  }

  private freeAddress(): Address {
    return Address.from('10.1.2.3', this.port++)
  }

  private time(player: Player): number {
    return this.network.now + player.skew
  }

  private pick(): Player {
    this.owner = this.players[this.below(this.players.length)]!
    return this.owner
  }

  /** An open session of the one who is picked with it. */
  private pickSession(): Session | undefined {
    const open = [...this.pick().endpoint.sessions].filter(({ state }) => state === 'open')
    return open[this.below(Math.max(open.length, 1))]
  }

  private pickSending(): Sending | undefined {
    const { sending } = this.pick()
    return sending[this.below(Math.max(sending.length, 1))]
  }

  private below(n: number): number {
    return Math.floor(randomUnit(this.random) * n)
  }

  private between(least: number, most: number): number {
    return least + randomUnit(this.random) * (most - least)
  }

  private chance(share: number): boolean {
    return randomUnit(this.random) < share
  }
}
