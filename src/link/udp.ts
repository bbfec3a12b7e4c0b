import { Buffer } from 'node:buffer'
import { createSocket } from 'node:dgram'
import type { RemoteInfo, Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setImmediate } from 'node:timers'
import { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import { ADDRESS_CACHE, MAX_UDP_PAYLOAD, SEND_RING, SOCKET_BUFFER } from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'

/** Where a UDP link is to listen. */
export interface UdpOptions {
  /** Port; 0, the default, for any that is free. */
  readonly port?: number
  /** Numeric address; `::`, the default, for all of both families (IPv4 alone where there is no IPv6). */
  readonly host?: string
}

const ANY = '::'
const ANY_IPV4 = '0.0.0.0'

/** Opens a UDP socket. @throws AltostratusError `PORT_IN_USE`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET`, each saying what to do. */
export async function openUdp({ port = 0, host = ANY }: UdpOptions = {}): Promise<UdpLink> {
  if (isIP(host) === 0) {
    throw new AltostratusError('ADDRESS_UNAVAILABLE', `${JSON.stringify(host)} is not a numeric IP address.`, {
      hint: 'Give one of this machine, or :: for all of them.',
    })
  }
  try {
    return await bind(host, port)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // A machine without IPv6 refuses the family, or the any-address.
    if (host === ANY && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return bind(ANY_IPV4, port).catch((e) => fail(e, port, ANY_IPV4))
    return fail(error, port, host)
  }
}

function fail(error: unknown, port: number, host: string): never {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      throw new AltostratusError('PORT_IN_USE', `UDP port ${port} is already in use.`, {
        hint: 'Stop the program that has it, or choose another port.',
        cause: error,
      })
    case 'EADDRNOTAVAIL':
      throw new AltostratusError('ADDRESS_UNAVAILABLE', `This machine has no address ${host}.`, {
        hint: 'Give one of its own addresses, or :: for all of them.',
        cause: error,
      })
    case 'EACCES':
      throw new AltostratusError('PORT_FORBIDDEN', `UDP port ${port} may not be opened by this user.`, {
        hint: 'Choose a port above 1023.',
        cause: error,
      })
    default:
      throw new AltostratusError('SOCKET', `No UDP socket on ${host} port ${port}: ${(error as Error).message}.`, { cause: error })
  }
}

function bind(host: string, port: number): Promise<UdpLink> {
  const socket = createSocket({
    type: isIP(host) === 6 ? 'udp6' : 'udp4',
    recvBufferSize: SOCKET_BUFFER,
    sendBufferSize: SOCKET_BUFFER,
    // Every destination is numeric; an answer at once saves each datagram a trip through the resolver.
    lookup: (address, _options, callback) => callback(null, address, isIP(address)),
  })
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners('error')
      resolve(new UdpLink(socket, host))
    })
  })
}

/** A UDP socket of Node's. Use {@link openUdp}. */
export class UdpLink implements Link {
  readonly kind = 'udp'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0 }
  /** The port that it listens on. */
  readonly port: number
  private readonly socket: Socket
  private readonly host: string
  private readonly mapsIpv4: boolean
  private handler: DatagramHandler | undefined = undefined
  private closing: Promise<void> | undefined = undefined
  private readonly ring = Buffer.allocUnsafeSlow(SEND_RING)
  private ringAt = 0
  private readonly known = new Map<string, Address>()
  private lastFrom: { readonly host: string; readonly port: number; readonly address: Address } | undefined = undefined
  private lastTo: { readonly to: Address; readonly host: string } | undefined = undefined
  private readonly sent = (error: Error | null): void => {
    if (error !== null) this.stats.sendErrors++
  }

  /** @internal */
  constructor(socket: Socket, host: string) {
    this.socket = socket
    this.host = host
    this.mapsIpv4 = isIP(host) === 6
    this.port = socket.address().port
    socket.on('message', (datagram, from) => this.receive(datagram, from))
    // Errors of single datagrams (an ICMP answer, say) are no reason to stop.
    socket.on('error', () => this.stats.sendErrors++)
  }

  get addresses(): readonly Address[] {
    if (this.host !== ANY && this.host !== ANY_IPV4) return [Address.from(this.host, this.port)]
    const found: Address[] = []
    for (const list of Object.values(networkInterfaces())) {
      for (const { address, family, scopeid } of list ?? []) {
        if (family === 'IPv6' && (!this.mapsIpv4 || scopeid !== 0)) continue
        found.push(Address.from(address, this.port))
      }
    }
    return found
  }

  send(datagram: Uint8Array, to: Address): void {
    if (this.closing !== undefined || datagram.length > this.maxDatagram || (!this.mapsIpv4 && !to.isIpv4)) {
      this.stats.sendErrors++
      return
    }
    // The socket may hold on to the bytes after this call returns.
    if (this.ringAt + datagram.length > SEND_RING) this.ringAt = 0
    const start = this.ringAt
    this.ringAt = start + datagram.length
    this.ring.set(datagram, start)
    this.stats.sent++
    this.socket.send(this.ring, start, datagram.length, to.port, this.hostOf(to), this.sent)
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      // Datagrams sent in this turn are still with the socket until the next one.
      setImmediate(() => this.socket.close(() => resolve()))
    })
    return this.closing
  }

  private hostOf(to: Address): string {
    if (this.lastTo?.to === to) return this.lastTo.host
    const host = this.mapsIpv4 && to.isIpv4 ? `::ffff:${to.host}` : to.host
    this.lastTo = { to, host }
    return host
  }

  private receive(datagram: Uint8Array, from: RemoteInfo): void {
    if (this.closing !== undefined) return
    this.stats.received++
    this.handler?.(datagram, this.addressOf(from))
  }

  private addressOf({ address: host, port }: RemoteInfo): Address {
    const last = this.lastFrom
    if (last !== undefined && last.port === port && last.host === host) return last.address
    const key = `${host} ${port}`
    let address = this.known.get(key)
    if (address === undefined) {
      if (this.known.size >= ADDRESS_CACHE) this.known.clear()
      address = Address.from(host, port)
      this.known.set(key, address)
    }
    this.lastFrom = { host, port, address }
    return address
  }
}
