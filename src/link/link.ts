import type { Address } from '../base/address.ts'

/** Counters of one link. */
export interface LinkStats {
  /** Datagrams that were taken for sending. */
  sent: number
  /** Datagrams that came in. */
  received: number
  /** Datagrams that could not be sent: too long, no room, an impossible address, or the link is closed; no route, as far as the system was asked. */
  sendErrors: number
  /** Datagrams whose handler threw. */
  handlerErrors: number
}

/**
 * Takes a datagram that has come in. The bytes are the receiver's to keep. What it throws is counted in `handlerErrors` and goes no
 * further, so that one bad datagram stops nothing; a handler reports its own errors.
 */
export type DatagramHandler = (datagram: Uint8Array, from: Address) => void

/** A port of the router in front of this machine that leads to this end. */
export interface PortMapping {
  readonly protocol: 'PCP' | 'NAT-PMP' | 'UPnP'
  /** Where others reach this end by it. */
  readonly address: Address
  /** Gives the port back. May be called again. */
  close(): Promise<void>
}

/** Something that carries datagrams between socket addresses, in any order, or not at all. */
export interface Link {
  readonly kind: 'udp' | 'stream' | 'carrier' | 'simulated'
  /** Largest datagram that it carries, bytes. */
  readonly maxDatagram: number
  readonly stats: Readonly<LinkStats>
  /** Addresses at which this end can be reached as far as it knows itself, those that are most likely to work first. */
  readonly addresses: readonly Address[]
  /** Sends a datagram, or counts an error; never throws, and never hands anything to a handler before it returns. The bytes need only be valid during the call. */
  send(datagram: Uint8Array, to: Address): void
  /** Names who takes what comes in; what came before is lost. */
  start(handler: DatagramHandler): void
  /** Ends it. What was sent before still goes out; what comes in is dropped from now on. May be called again. */
  close(): Promise<void>
}
