import { Address } from '../../src/base/address.ts'
import { randomBytes, randomUnit, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { Identity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { Endpoint, OUTPUT_EVENT, OUTPUT_TRANSMIT } from '../../src/rtmfp/endpoint.ts'
import type { ReceiveFlow } from '../../src/rtmfp/flow/receive-flow.ts'
import type { Delivery } from '../../src/rtmfp/flow/reassembly.ts'
import type { SendFlow } from '../../src/rtmfp/flow/send-flow.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'

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
/** Datagrams that wait for a suspended process, as in a socket's buffer. */
const SOCKET_BUFFER = 64
/** More than any honest endpoint of a run holds. */
const MOST_SESSIONS = 40

interface Player {
  readonly name: string
  readonly identity: Identity
  endpoint: Endpoint
  address: Address
  /** Its clock is so much ahead of everyone's. */
  skew: number
  suspendedUntil: number
  readonly waiting: { readonly datagram: Uint8Array; readonly from: Address }[]
  until: number
  readonly sending: { readonly flow: SendFlow; readonly session: Session; next: number; readonly log: Received }[]
  /** Sessions that are over, of which nothing must be heard any more. */
  readonly over: Set<Session>
}

/** What a receiver has had of one sending flow. */
interface Received {
  readonly kind: Kind
  readonly key: string
  last: number
  readonly seen: Set<number>
}

interface InTransit {
  readonly at: number
  readonly order: number
  readonly datagram: Uint8Array
  readonly from: Address
  readonly to: Address
}

/** Endpoints among whom everything happens that can: one run, all of it from the seed. */
export function runChaos(seed: number): ChaosOutcome {
  return new Chaos(seed).run()
}

class Chaos {
  private now = 10_000
  private readonly random: Random
  private readonly faults: string[] = []
  private readonly troubles = new Map<string, number>()
  private readonly players: Player[] = []
  private transit: InTransit[] = []
  private order = 0
  private port = 1_000
  private messages = 0
  private flowNumber = 0
  /** Sending flows by the number in their metadata. */
  private readonly logs = new Map<number, Received>()
  /** Datagrams that were seen, for someone to use again. */
  private readonly recorded: Uint8Array[] = []
  private readonly latency: number
  private readonly jitter: number
  private readonly loss: number
  private readonly duplicate: number
  private readonly corrupt: number
  private calm = false

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.latency = this.between(1, 120)
    this.jitter = this.chance(0.5) ? this.between(0, 60) : 0
    this.loss = this.chance(0.3) ? 0 : this.between(0, 0.2)
    this.duplicate = this.chance(0.5) ? this.between(0, 0.1) : 0
    this.corrupt = this.chance(0.5) ? this.between(0, 0.05) : 0
    const count = 2 + this.below(4)
    for (let i = 0; i < count; i++) this.players.push(this.newPlayer(`player ${i}`))
  }

  run(): ChaosOutcome {
    const actions: readonly (readonly [number, string, () => void])[] = [
      [20, 'open', () => this.open()],
      [20, 'flow', () => this.openFlow()],
      [90, 'write', () => this.write()],
      [6, 'close flow', () => this.pickFlow()?.flow.close()],
      [3, 'abandon', () => this.abandon()],
      [3, 'close', () => this.pickSession()?.close(this.time(this.owner))],
      [1, 'abort', () => this.pickSession()?.abort()],
      [6, 'move', () => this.move()],
      [3, 'suspend', () => this.suspend()],
      [2, 'clock jump', () => (this.pick().skew += this.between(0, 4_000))],
      [2, 'restart', () => this.restart()],
      [10, 'hostile', () => this.attack()],
    ]
    const total = actions.reduce((sum, [weight]) => sum + weight, 0)
    try {
      for (let step = 0; step < STEPS; step++) {
        let at = randomUnit(this.random) * total
        const action = actions.find(([weight]) => (at -= weight) < 0) ?? actions[0]!
        this.troubles.set(action[1], (this.troubles.get(action[1]) ?? 0) + 1)
        action[2]()
        this.advance(randomUnit(this.random) * STEP)
        this.checkBounds()
      }
      this.settleDown()
    } catch (error) {
      this.faults.push(`thrown: ${error instanceof Error ? error.stack : String(error)}`)
    }
    return { faults: this.faults, messages: this.messages, troubles: this.troubles }
  }

  /** The trouble is over: what is reliable must come through, then everything must end and leave nothing. */
  private settleDown(): void {
    this.calm = true
    for (const player of this.players) player.suspendedUntil = 0
    this.advance(60_000)
    for (const player of this.players) {
      for (const { flow, session, next, log } of player.sending) {
        if (session.state !== 'open' || flow.state !== 'open') continue
        if (flow.queuedBytes !== 0) this.faults.push(`${log.key}: ${flow.queuedBytes} bytes are still queued`)
        if (log.kind.retransmit && !this.abandoned.has(log.key) && log.seen.size !== next) {
          this.faults.push(`${log.key}: ${log.seen.size} of ${next} messages arrived`)
        }
      }
    }
    for (const player of this.players) player.endpoint.closeAll(this.time(player))
    this.advance(AFTERMATH)
    for (const { name, endpoint } of this.players) {
      if (endpoint.sessionCount !== 0) this.faults.push(`${name} still holds ${endpoint.sessionCount} sessions`)
    }
    const last = this.transit.length
    if (last > 0) this.faults.push(`${last} datagrams are still under way`)
  }

  private readonly abandoned = new Set<string>()

  // What can happen

  private open(): void {
    const [from, to] = [this.pick(), this.pick()]
    if (from === to) return
    const candidates = this.chance(0.2) ? [this.freeAddress(), to.address] : [to.address]
    const timeout = 500 + this.below(8_000)
    from.endpoint.open({ epd: fingerprintEpd(to.identity.fingerprint), candidates, timeout }, this.time(from))
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
    const log = { kind, key: `${this.owner.name} flow ${number} (${kind.delivery})`, last: -1, seen: new Set<number>() }
    this.logs.set(number, log)
    this.owner.sending.push({ flow, session, next: 0, log })
  }

  private write(): void {
    const sending = this.pickFlow()
    if (sending === undefined) return
    const count = 1 + this.below(8)
    for (let i = 0; i < count; i++) {
      const length = this.chance(0.15) ? this.below(9_000) : this.below(300)
      const message = new Uint8Array(4 + length).fill(sending.next)
      new DataView(message.buffer).setUint32(0, sending.next)
      if (sending.flow.write(message, this.time(this.owner))) sending.next++
    }
  }

  private abandon(): void {
    const sending = this.pickFlow()
    if (sending === undefined) return
    this.abandoned.add(sending.log.key)
    sending.flow.abandonQueued()
  }

  private move(): void {
    const player = this.pick()
    player.address = this.freeAddress()
    if (this.chance(0.5)) player.endpoint.nearAddressChanged(this.time(player))
  }

  private suspend(): void {
    const player = this.pick()
    player.suspendedUntil = this.now + this.between(50, this.chance(0.3) ? 9_000 : 1_500)
  }

  /** The process dies and starts anew with the identity that it has kept. */
  private restart(): void {
    const player = this.pick()
    for (const session of player.endpoint.sessions) player.over.add(session)
    player.endpoint = this.newEndpoint(player.identity)
    player.sending.length = 0
    player.waiting.length = 0
    player.until = Infinity
    if (this.chance(0.5)) player.address = this.freeAddress()
  }

  /** Someone sends what they have made up, or overheard, from wherever they like. */
  private attack(): void {
    for (let i = 0; i < 6; i++) {
      const old = this.recorded[this.below(Math.max(this.recorded.length, 1))]
      const datagram = old === undefined || this.chance(0.2) ? randomBytes(this.random, this.below(150)) : old.slice()
      if (datagram.length > 0 && this.chance(0.5)) datagram[this.below(datagram.length)]! ^= 1 << this.below(8)
      const from = this.chance(0.5) ? this.freeAddress() : this.pick().address
      this.put(datagram, from, this.pick().address, this.between(0, 50))
    }
  }

  // The run loop

  private advance(milliseconds: number): void {
    const end = this.now + milliseconds
    for (;;) {
      for (const player of this.players) this.drain(player)
      let next = end
      for (const player of this.players) next = Math.min(next, Math.max(player.until - player.skew, player.suspendedUntil))
      for (const { at } of this.transit) next = Math.min(next, at)
      this.now = Math.max(this.now, next)
      this.deliver()
      if (this.now >= end) return
    }
  }

  private deliver(): void {
    const due = this.transit.filter(({ at }) => at <= this.now).sort((x, y) => x.at - y.at || x.order - y.order)
    if (due.length > 0) this.transit = this.transit.filter(({ at }) => at > this.now)
    for (const { datagram, from, to } of due) {
      const player = this.players.find(({ address }) => address.equals(to))
      if (player === undefined) continue
      if (player.suspendedUntil <= this.now) this.receive(player, datagram, from)
      else if (player.waiting.length < SOCKET_BUFFER) player.waiting.push({ datagram, from })
    }
    for (const player of this.players) {
      if (player.suspendedUntil > this.now) continue
      for (const { datagram, from } of player.waiting.splice(0)) this.receive(player, datagram, from)
    }
  }

  private receive(player: Player, datagram: Uint8Array, from: Address): void {
    player.endpoint.receive(datagram, from, this.time(player))
    this.drain(player)
  }

  private drain(player: Player): void {
    if (player.suspendedUntil > this.now) return
    for (let outputs = 0; ; outputs++) {
      if (outputs > 10_000) throw new Error(`${player.name} never waits`)
      const output = player.endpoint.poll(this.time(player))
      if (output.kind === OUTPUT_TRANSMIT) this.send(output.datagram, player.address, output.to as Address)
      else if (output.kind === OUTPUT_EVENT) this.take(player, output.event as EndpointEvent)
      else {
        player.until = output.until
        return
      }
    }
  }

  private take(player: Player, event: EndpointEvent): void {
    if (player.over.has(event.session)) this.faults.push(`${player.name}: ${event.type} after its session was over`)
    if (event.type === 'session-closed' || event.type === 'session-failed') player.over.add(event.session)
    else if (event.type === 'flow-open') event.flow.delivery = KINDS[event.flow.metadata[0]!]!.delivery
    else if (event.type === 'message') this.takeMessage(event.flow, event.data)
  }

  private takeMessage(flow: ReceiveFlow, data: Uint8Array): void {
    this.messages++
    const log = this.logs.get((flow.metadata[1]! << 8) | flow.metadata[2]!)!
    const number = new DataView(data.buffer, data.byteOffset).getUint32(0)
    const { kind, key } = log
    if (data.subarray(4).some((byte) => byte !== (number & 0xff))) this.faults.push(`${key}: message ${number} is not what was sent`)
    if (log.seen.has(number)) this.faults.push(`${key}: message ${number} came twice`)
    log.seen.add(number)
    if (kind.delivery === 'ordered' && kind.retransmit && number !== log.last + 1 && !this.abandoned.has(key)) {
      this.faults.push(`${key}: message ${number} came after ${log.last}`)
    }
    if (kind.delivery !== 'arrival' && number < log.last) this.faults.push(`${key}: message ${number} came after ${log.last}`)
    log.last = Math.max(log.last, number)
  }

  private send(datagram: Uint8Array, from: Address, to: Address): void {
    if (this.recorded.length < 500) this.recorded.push(datagram.slice())
    const copies = this.chance(this.duplicate) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (!this.calm && this.chance(this.loss)) continue
      const copy = datagram.slice()
      if (!this.calm && this.chance(this.corrupt)) copy[this.below(copy.length)]! ^= 1 << this.below(8)
      this.put(copy, from, to, this.latency + randomUnit(this.random) * this.jitter)
    }
  }

  private put(datagram: Uint8Array, from: Address, to: Address, delay: number): void {
    this.transit.push({ at: this.now + delay, order: this.order++, datagram, from, to })
  }

  private checkBounds(): void {
    for (const { name, endpoint } of this.players) {
      if (endpoint.sessionCount > MOST_SESSIONS) this.faults.push(`${name} holds ${endpoint.sessionCount} sessions`)
    }
  }

  // Choosing

  private owner!: Player

  private newPlayer(name: string): Player {
    const identity = createIdentity({ backend: nodeBackend, random: this.random })
    return {
      name,
      identity,
      endpoint: this.newEndpoint(identity),
      address: this.freeAddress(),
      skew: this.between(0, 1_000_000),
      suspendedUntil: 0,
      waiting: [],
      until: Infinity,
      sending: [],
      over: new Set(),
    }
  }

  private newEndpoint(identity: Identity): Endpoint {
    return new Endpoint({ backend: nodeBackend, random: this.random, identity })
  }

  private freeAddress(): Address {
    return Address.from('10.1.2.3', this.port++)
  }

  private time(player: Player): number {
    return this.now + player.skew
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

  private pickFlow(): Player['sending'][number] | undefined {
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
