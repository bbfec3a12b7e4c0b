import { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import type { Clock } from './clock.ts'
import { MAX_UDP_PAYLOAD } from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'
import type { SimulatedLink, SimulatedNetwork } from './simulated.ts'

/** The end of a machine that takes streams, such as WebSockets, in a simulated network: nothing on them is lost or overtaken. */
export class SimulatedStreams implements Link {
  readonly kind = 'stream'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  readonly addresses: readonly Address[] = []
  private readonly network: SimulatedNetwork
  private readonly machine: SimulatedLink
  private readonly streams = new Map<string, SimulatedStream>()
  private handler: DatagramHandler | undefined = undefined
  private count = 0
  private closed = false

  /** @param machine Where it runs: when that is cut off or gone, so are the streams. */
  constructor(network: SimulatedNetwork, machine: SimulatedLink) {
    this.network = network
    this.machine = machine
  }

  /** Opens a stream from another machine; takes two round trips, as TCP and its greeting do. @throws AltostratusError `STREAM_REFUSED` */
  async open(from: SimulatedLink): Promise<SimulatedStream> {
    const { clock } = this.network
    for (let leg = 0; leg < 4; leg++) {
      const [near, far] = leg % 2 === 0 ? [from, this.machine] : [this.machine, from]
      const at = this.closed ? undefined : this.network.streamArrival(near, far, 0)
      if (at === undefined) throw new AltostratusError('STREAM_REFUSED', 'Nobody takes streams there.')
      await new Promise<void>((resolve) => clock.at(at, resolve))
    }
    const stream = new SimulatedStream(this, from, Address.stream(++this.count))
    this.streams.set(stream.address.key, stream)
    return stream
  }

  send(datagram: Uint8Array, to: Address): void {
    const stream = this.streams.get(to.key)
    if (
      stream === undefined ||
      datagram.length > this.maxDatagram ||
      !this.carry(this.machine, stream.machine, datagram, (bytes) => stream.receive(bytes))
    ) {
      this.stats.sendErrors++
    } else this.stats.sent++
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  async close(): Promise<void> {
    this.closed = true
    this.streams.clear()
  }

  /** @internal */
  get clock(): Clock {
    return this.network.clock
  }

  /** @internal What a client has sent. @returns Whether it is on its way. */
  fromClient(stream: SimulatedStream, datagram: Uint8Array): boolean {
    return this.carry(stream.machine, this.machine, datagram, (bytes) => this.receive(stream, bytes))
  }

  /** @internal */
  ended(stream: SimulatedStream): void {
    this.streams.delete(stream.address.key)
  }

  private receive(stream: SimulatedStream, bytes: Uint8Array): void {
    if (this.closed || this.streams.get(stream.address.key) !== stream) return
    this.stats.received++
    try {
      this.handler?.(bytes, stream.address)
    } catch {
      this.stats.handlerErrors++
    }
  }

  private carry(from: SimulatedLink, to: SimulatedLink, datagram: Uint8Array, deliver: (bytes: Uint8Array) => void): boolean {
    const at = this.closed ? undefined : this.network.streamArrival(from, to, datagram.length)
    if (at === undefined) return false
    const bytes = new Uint8Array(datagram)
    this.network.clock.at(at, () => deliver(bytes))
    return true
  }
}

/** A client's end of a stream. */
export class SimulatedStream implements Link {
  readonly kind = 'stream'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  readonly addresses: readonly Address[] = []
  /** What the server knows it by. */
  readonly address: Address
  /** @internal */
  readonly machine: SimulatedLink
  private readonly server: SimulatedStreams
  private handler: DatagramHandler | undefined = undefined
  private closed = false

  /** @internal Use `SimulatedStreams.open`. */
  constructor(server: SimulatedStreams, machine: SimulatedLink, address: Address) {
    this.server = server
    this.machine = machine
    this.address = address
  }

  send(datagram: Uint8Array, _to: Address): void {
    if (!this.closed && datagram.length <= this.maxDatagram && this.server.fromClient(this, datagram)) this.stats.sent++
    else this.stats.sendErrors++
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  async close(): Promise<void> {
    this.closed = true
    // What was sent before is still on its way.
    const { clock } = this.server
    clock.at(clock.now() + STREAM_LINGER, () => this.server.ended(this))
  }

  /** @internal */
  receive(bytes: Uint8Array): void {
    if (this.closed || this.machine.isAsleep) return
    this.stats.received++
    try {
      this.handler?.(bytes, this.address)
    } catch {
      this.stats.handlerErrors++
    }
  }
}

/** How long what a closed end has sent may take to arrive. Milliseconds. */
const STREAM_LINGER = 10_000
