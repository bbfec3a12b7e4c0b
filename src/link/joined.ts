import type { Address } from '../base/address.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'

/** A link for datagrams and one for streams as one: what goes to the address of a stream takes the second. For introducers, which have both. */
export class JoinedLink implements Link {
  readonly kind = 'carrier'
  private readonly datagrams: Link
  private readonly streams: Link

  constructor(datagrams: Link, streams: Link) {
    this.datagrams = datagrams
    this.streams = streams
  }

  get maxDatagram(): number {
    return Math.min(this.datagrams.maxDatagram, this.streams.maxDatagram)
  }

  get stats(): Readonly<LinkStats> {
    const [a, b] = [this.datagrams.stats, this.streams.stats]
    return {
      sent: a.sent + b.sent,
      received: a.received + b.received,
      sendErrors: a.sendErrors + b.sendErrors,
      handlerErrors: a.handlerErrors + b.handlerErrors,
    }
  }

  get addresses(): readonly Address[] {
    return this.datagrams.addresses
  }

  send(datagram: Uint8Array, to: Address): void {
    if (to.kind === 'stream') this.streams.send(datagram, to)
    else this.datagrams.send(datagram, to)
  }

  start(handler: DatagramHandler): void {
    this.datagrams.start(handler)
    this.streams.start(handler)
  }

  async close(): Promise<void> {
    await Promise.all([this.datagrams.close(), this.streams.close()])
  }
}
