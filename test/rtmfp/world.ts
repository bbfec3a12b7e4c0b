import { Address } from '../../src/base/address.ts'
import { randomUnit, seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { IdentityOptions } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { Endpoint, OUTPUT_EVENT, OUTPUT_TRANSMIT } from '../../src/rtmfp/endpoint.ts'
import type { EndpointConfig } from '../../src/rtmfp/endpoint.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'

/** What the network between the endpoints of a {@link World} does. */
export interface Conditions {
  /** One way, milliseconds. */
  latency: number
  /** Added at random, milliseconds. */
  jitter: number
  /** Shares, 0 to 1. */
  loss: number
  duplicate: number
  corrupt: number
}

interface InTransit {
  readonly at: number
  readonly order: number
  readonly datagram: Uint8Array
  readonly from: Address
  readonly to: Address
}

/** One endpoint in the world, with all that it has told. */
export interface Node {
  readonly endpoint: Endpoint
  /** Where it is now; set it to move it. */
  address: Address
  readonly events: EndpointEvent[]
  /** Called for each event, when a test wants to act at once. */
  onEvent: (event: EndpointEvent) => void
  until: number
}

/** Endpoints and a network in virtual time, small enough to look through; the engine's own tests use it. */
export class World {
  now = 1_000
  readonly random: Random
  readonly conditions: Conditions = { latency: 20, jitter: 0, loss: 0, duplicate: 0, corrupt: 0 }
  readonly nodes: Node[] = []
  /** Sees each datagram as it is sent; `false` drops it. */
  filter: (datagram: Uint8Array, from: Address, to: Address) => boolean = () => true
  private transit: InTransit[] = []
  private order = 0

  constructor(seed: number, conditions: Partial<Conditions> = {}) {
    this.random = seededRandom(seed)
    Object.assign(this.conditions, conditions)
  }

  add(config: Partial<EndpointConfig> = {}, identity: Partial<IdentityOptions> = {}): Node {
    const backend = config.backend ?? nodeBackend
    const endpoint = new Endpoint({
      backend,
      random: this.random,
      identity: createIdentity({ backend, random: this.random, ...identity }),
      ...config,
    })
    const address = Address.from(`10.0.0.${this.nodes.length + 1}`, 1935)
    const node: Node = { endpoint, address, events: [], onEvent: () => {}, until: Infinity }
    this.nodes.push(node)
    return node
  }

  connect(from: Node, to: Node): Session {
    return from.endpoint.open({ epd: fingerprintEpd(to.endpoint.identity.fingerprint), candidates: [to.address] }, this.now)
  }

  /** Puts a datagram on the way, past loss and the like. */
  inject(datagram: Uint8Array, from: Address, to: Address, delay = 0): void {
    this.transit.push({ at: this.now + delay, order: this.order++, datagram: datagram.slice(), from, to })
  }

  /** Sends what is on the way to one address to another, as a NAT does that has changed its mapping. */
  divert(from: Address, to: Address): void {
    this.transit = this.transit.map((packet) => (packet.to.equals(from) ? { ...packet, to } : packet))
  }

  /** Lets everything that can happen now happen. */
  settle(): void {
    for (const node of this.nodes) this.drain(node)
  }

  run(milliseconds: number): void {
    const end = this.now + milliseconds
    for (;;) {
      this.settle()
      let next = Math.min(end, ...this.nodes.map((node) => node.until))
      for (const packet of this.transit) if (packet.at < next) next = packet.at
      if (next > this.now) this.now = next
      this.deliver()
      if (this.now >= end) {
        this.settle()
        return
      }
    }
  }

  /** Runs until the condition holds. @throws when it does not within the given time. */
  runUntil(condition: () => boolean, limit = 120_000): void {
    const end = this.now + limit
    while (!condition()) {
      if (this.now >= end) throw new Error('the condition did not come true in time')
      this.run(5)
    }
  }

  private deliver(): void {
    const due = this.transit.filter((packet) => packet.at <= this.now).sort((a, b) => a.at - b.at || a.order - b.order)
    this.transit = this.transit.filter((packet) => packet.at > this.now)
    for (const packet of due) {
      const node = this.nodes.find((n) => n.address.equals(packet.to))
      if (node === undefined) continue
      node.endpoint.receive(packet.datagram, packet.from, this.now)
      this.drain(node)
    }
  }

  private drain(node: Node): void {
    for (;;) {
      const output = node.endpoint.poll(this.now)
      if (output.kind === OUTPUT_TRANSMIT) this.send(output.datagram, node.address, output.to as Address)
      else if (output.kind === OUTPUT_EVENT) {
        node.events.push(output.event as EndpointEvent)
        node.onEvent(output.event as EndpointEvent)
      } else {
        node.until = output.until
        return
      }
    }
  }

  private send(datagram: Uint8Array, from: Address, to: Address): void {
    if (!this.filter(datagram, from, to)) return
    const { conditions, random } = this
    const copies = randomUnit(random) < conditions.duplicate ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (randomUnit(random) < conditions.loss) continue
      const copy = datagram.slice()
      if (randomUnit(random) < conditions.corrupt) copy[random.uint32() % copy.length]! ^= 1 << (random.uint32() % 8)
      this.inject(copy, from, to, conditions.latency + randomUnit(random) * conditions.jitter)
    }
  }
}
