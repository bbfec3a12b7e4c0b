import { Address } from '../base/address.ts'
import { EMPTY, atLeast } from '../base/bytes.ts'
import { MAX_UDP_PAYLOAD, MAX_RELAY_PATHS, RELAY_HEADER } from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'

/** What a carrier is made of. */
export interface CarrierOptions {
  /** What carries datagrams to Internet addresses; nothing in a browser. */
  readonly datagrams?: Link | undefined
  /** Sends to and takes from nobody but introducers straight: no other player is to see where this one is. */
  readonly isHidden?: boolean
}

/**
 * All the ways of one player's datagrams behind one link: straight, by a stream to the introducer where UDP does not get through, and, on
 * either, by relay paths: with 8 bytes in front, to the introducer, which sends them on to the player at the other end. `docs/protocol.md`, P1.
 */
export class Carrier implements Link {
  readonly kind = 'carrier'
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  /** Where the introducer is that passes on what goes to relay paths; without one they lead nowhere. */
  introducer: Address | undefined = undefined
  private readonly datagrams: Link | undefined
  private readonly isHidden: boolean
  private servers: readonly Address[] = []
  private stream: { readonly link: Link; readonly address: Address } | undefined = undefined
  private streams = 0
  private handler: DatagramHandler | undefined = undefined
  /** By the first half of their ID. */
  private readonly paths = new Map<number, Address>()
  private buffer = EMPTY
  private closing: Promise<void> | undefined = undefined

  constructor(options: CarrierOptions) {
    this.datagrams = options.datagrams
    this.isHidden = options.isHidden ?? false
    this.datagrams?.start((datagram, from) => this.receive(datagram, from))
  }

  /** So that it may go by a relay path. */
  get maxDatagram(): number {
    return ((this.datagrams ?? this.stream?.link)?.maxDatagram ?? MAX_UDP_PAYLOAD) - RELAY_HEADER
  }

  get addresses(): readonly Address[] {
    return this.isHidden ? [] : (this.datagrams?.addresses ?? [])
  }

  /** Addresses of introducers: the only ones that a hidden player sends to. */
  allow(servers: readonly Address[]): void {
    this.servers = servers
  }

  /** Takes a stream to an introducer in, in place of one before. @returns The address by which it is reached through this link. */
  useStream(link: Link): Address {
    const address = Address.stream(this.streams++)
    if (this.closing !== undefined) void link.close()
    else {
      void this.stream?.link.close()
      this.stream = { link, address }
      link.start((datagram) => {
        if (this.stream?.link === link) this.receive(datagram, address)
      })
    }
    return address
  }

  /** From now on packets that come by this path are known as such. */
  expect(path: Address): void {
    const { relayId } = path
    if (this.paths.size >= MAX_RELAY_PATHS) this.paths.clear()
    this.paths.set(word(relayId, 0), path)
  }

  send(datagram: Uint8Array, to: Address): void {
    if (this.transmit(datagram, to)) this.stats.sent++
    else this.stats.sendErrors++
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  close(): Promise<void> {
    this.closing ??= Promise.all([this.datagrams?.close(), this.stream?.link.close()]).then(() => {})
    return this.closing
  }

  private transmit(datagram: Uint8Array, to: Address): boolean {
    if (this.closing !== undefined || datagram.length > this.maxDatagram) return false
    return to.kind === 'relay' ? this.relay(datagram, to) : this.straight(datagram, to)
  }

  private straight(datagram: Uint8Array, to: Address): boolean {
    const link = to.kind === 'ip' ? this.datagrams : to.equals(this.stream?.address ?? to) ? this.stream?.link : undefined
    if (link === undefined || !this.isAllowed(to)) return false
    link.send(datagram, to)
    return true
  }

  private relay(datagram: Uint8Array, to: Address): boolean {
    const { introducer } = this
    const length = RELAY_HEADER + datagram.length
    if (introducer === undefined || introducer.kind === 'relay') return false
    if (this.paths.get(word(to.relayId, 0)) !== to) this.expect(to)
    const buffer = (this.buffer = atLeast(this.buffer, length))
    buffer.set(to.relayId)
    buffer.set(datagram, RELAY_HEADER)
    return this.straight(buffer.subarray(0, length), introducer)
  }

  private isAllowed(address: Address): boolean {
    return !this.isHidden || address.kind !== 'ip' || this.servers.some((server) => server.equals(address))
  }

  private receive(datagram: Uint8Array, from: Address): void {
    if (this.closing !== undefined || !this.isAllowed(from)) return
    this.stats.received++
    try {
      const path = this.pathOf(datagram, from)
      if (path === undefined) this.handler?.(datagram, from)
      else this.handler?.(datagram.subarray(RELAY_HEADER), path)
    } catch {
      this.stats.handlerErrors++
    }
  }

  /** The relay path by which a datagram has come; `undefined` for none. Only the introducer hands such on. */
  private pathOf(datagram: Uint8Array, from: Address): Address | undefined {
    if (datagram.length < RELAY_HEADER || this.introducer?.equals(from) !== true) return undefined
    const path = this.paths.get(word(datagram, 0))
    return path !== undefined && word(path.relayId, 4) === word(datagram, 4) ? path : undefined
  }
}

/** The 32-bit number at a place. */
export function word(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  )
}
