import type { Address } from '../base/address.ts'

/** Counters of one link. */
export interface LinkStats {
  sent: number
  received: number
  /** Datagrams that could not be sent: too long, no route, or the link is closed. */
  sendErrors: number
}

/** Takes a datagram that has come in. The bytes are the receiver's to keep. */
export type DatagramHandler = (datagram: Uint8Array, from: Address) => void

/** Something that carries datagrams between socket addresses, in any order, or not at all. */
export interface Link {
  readonly kind: 'udp' | 'simulated'
  /** Largest datagram that it carries, bytes. */
  readonly maxDatagram: number
  readonly stats: Readonly<LinkStats>
  /** Addresses at which this end can be reached as far as it knows itself. */
  readonly addresses: readonly Address[]
  /** Sends a datagram, or counts an error; never throws. The bytes need only be valid during the call. */
  send(datagram: Uint8Array, to: Address): void
  /** Names who takes what comes in; what came before is lost. */
  start(handler: DatagramHandler): void
  /** Ends it. What was sent before still goes out. May be called again. */
  close(): Promise<void>
}
