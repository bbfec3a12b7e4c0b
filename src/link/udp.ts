import { Buffer } from 'node:buffer'
import { createSocket } from 'node:dgram'
import type { RemoteInfo, Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { NetworkInterfaceInfo } from 'node:os'
import { setImmediate } from 'node:timers'
import { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import { systemClock } from './clock.ts'
import {
  ADDRESS_CACHE,
  CLOSE_TURNS,
  INTERFACES_FRESH,
  MAX_LOCAL_ADDRESSES,
  MAX_UDP_PAYLOAD,
  SEND_BACKLOG,
  SEND_RING,
  SEND_RING_CHECK,
  SOCKET_BUFFER,
} from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'

/** Where a UDP link is to listen. */
export interface UdpOptions {
  /** Port, 0 to 65535; 0, the default, for any that is free. */
  readonly port?: number
  /** Numeric address; `::`, the default, for all of both families (IPv4 alone where there is no IPv6). */
  readonly host?: string
}

const ANY = '::'
const ANY_IPV4 = '0.0.0.0'
const LAST_PORT = 0xffff

/**
 * Opens a UDP socket. It keeps the process alive until it is closed.
 * @throws AltostratusError `PORT_IN_USE`, `PORT_INVALID`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET`, each saying what to do.
 */
export async function openUdp({ port = 0, host = ANY }: UdpOptions = {}): Promise<UdpLink> {
  if (!Number.isInteger(port) || port < 0 || port > LAST_PORT) {
    throw new AltostratusError('PORT_INVALID', `${port} is not a UDP port.`, { hint: 'Give a whole number from 1 to 65535, or 0 for any.' })
  }
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
    case 'EAFNOSUPPORT':
      throw new AltostratusError('ADDRESS_UNAVAILABLE', `This machine has no address ${host}.`, {
        hint: 'Give one of its own addresses, or :: for all of them.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
      throw new AltostratusError('PORT_FORBIDDEN', `UDP port ${port} may not be opened by this user.`, {
        hint: 'Choose a port above 1023.',
        cause: error,
      })
    default:
      throw new AltostratusError('SOCKET', `No UDP socket on ${host} port ${port}: ${(error as Error).message}.`, {
        hint: 'Check that programs may use the network here, and that not too many files are open.',
        cause: error,
      })
  }
}

function bind(host: string, port: number): Promise<UdpLink> {
  const family = isIP(host)
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    // Every destination is numeric, and of the socket's family; an answer at once saves each datagram a trip through the resolver.
    lookup: (address, _options, callback) => callback(null, address, family),
  })
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    // exclusive: in a cluster, workers must not get each other's datagrams.
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners('error')
      enlargeBuffers(socket)
      resolve(new UdpLink(socket, host))
    })
  })
}

/** Systems that allow less mostly give what they have; some refuse, which is no reason not to play. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER)
    socket.setSendBufferSize(SOCKET_BUFFER)
  } catch {
    // What the system gives by default will do.
  }
}

/** A UDP socket of Node's. Use {@link openUdp}. */
export class UdpLink implements Link {
  readonly kind = 'udp'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  /** The port that it listens on. */
  readonly port: number
  private readonly socket: Socket
  private readonly host: string
  private readonly isIpv6: boolean
  private handler: DatagramHandler | undefined = undefined
  private closing: Promise<void> | undefined = undefined
  /** Not filled with zeros: most players never come to its end, and memory that nobody has touched costs nothing. */
  private readonly ring = Buffer.allocUnsafeSlow(SEND_RING)
  private ringAt = 0
  private untilCheck = SEND_RING_CHECK
  /** Addresses by the text that the system gives for them, and the text by the address. */
  private readonly addressesByText = new Map<string, Address>()
  private readonly hosts = new Map<string, string>()
  private lastFrom: { readonly host: string; readonly port: number; readonly address: Address } | undefined = undefined
  private lastTo: Address | undefined = undefined
  private lastHost = ''
  /**
   * Whether the socket is to say what becomes of a datagram. It costs a fifth of sending it, so only the first one to an address is asked for, then
   * one in each `SEND_RING_CHECK` bytes, and all from when one has failed until one has gone out.
   */
  private isWatching = true
  private readonly sent = (error: Error | null): void => {
    this.isWatching = error !== null
    if (error !== null) this.stats.sendErrors++
  }

  /** @internal */
  constructor(socket: Socket, host: string) {
    this.socket = socket
    this.host = host
    this.isIpv6 = isIP(host) === 6
    this.port = socket.address().port
    socket.on('message', (datagram, from) => this.receive(datagram, from))
    // Errors of single datagrams (an ICMP answer, say) are no reason to stop.
    socket.on('error', () => this.stats.sendErrors++)
  }

  /**
   * What it is bound to; when that is all addresses, those of this machine's interfaces, at most `MAX_LOCAL_ADDRESSES`. Addresses of the
   * machine to itself are given only when it has no others, and link-local ones never: they mean nothing on another machine.
   */
  get addresses(): readonly Address[] {
    if (this.host !== ANY && this.host !== ANY_IPV4) return [Address.from(this.host, this.port)]
    const usable = interfaces().filter(({ family, scopeid }) => family === 'IPv4' || (this.isIpv6 && scopeid === 0))
    const outward = usable.filter(({ internal }) => !internal)
    return (outward.length > 0 ? outward : usable).slice(0, MAX_LOCAL_ADDRESSES).map(({ address }) => Address.from(address, this.port))
  }

  send(datagram: Uint8Array, to: Address): void {
    if (!this.canSend(datagram, to)) {
      this.stats.sendErrors++
      return
    }
    // The socket may hold on to the bytes after this call returns.
    if (this.ringAt + datagram.length > SEND_RING) this.ringAt = 0
    const start = this.ringAt
    this.ringAt = start + datagram.length
    this.ring.set(datagram, start)
    this.stats.sent++
    try {
      // A view costs less than an offset and a length, of which the socket makes one, too.
      const host = this.hostOf(to)
      this.socket.send(this.ring.subarray(start, this.ringAt), to.port, host, this.isWatching ? this.sent : undefined)
    } catch {
      this.stats.sendErrors++
    }
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => this.closeWhenSent(CLOSE_TURNS, resolve))
    return this.closing
  }

  /** Closing throws away what the socket still holds: the farewells, of all datagrams. */
  private closeWhenSent(turns: number, done: () => void): void {
    if (turns === 0 || this.socket.getSendQueueSize() === 0) this.socket.close(done)
    else setImmediate(() => this.closeWhenSent(turns - 1, done))
  }

  /** Port 0 can come off the wire, in another end's list of addresses. */
  private canSend(datagram: Uint8Array, to: Address): boolean {
    return (
      this.closing === undefined &&
      datagram.length <= this.maxDatagram &&
      to.port !== 0 &&
      (this.isIpv6 || to.isIpv4) &&
      this.hasRoom(datagram.length)
    )
  }

  /** Looks now and then how much the socket holds; while that is too much, at each datagram. */
  private hasRoom(length: number): boolean {
    this.untilCheck -= length
    if (this.untilCheck > 0) return true
    if (this.socket.getSendQueueSize() > SEND_BACKLOG) return false
    this.untilCheck = SEND_RING_CHECK
    this.isWatching = true
    return true
  }

  private hostOf(to: Address): string {
    if (this.lastTo === to) return this.lastHost
    let host = this.hosts.get(to.key)
    if (host === undefined) {
      host = this.isIpv6 && to.isIpv4 ? `::ffff:${to.host}` : to.host
      remember(this.hosts, to.key, host)
      this.isWatching = true
    }
    this.lastTo = to
    this.lastHost = host
    return host
  }

  private receive(datagram: Uint8Array, from: RemoteInfo): void {
    if (this.closing !== undefined) return
    this.stats.received++
    try {
      this.handler?.(datagram, this.addressOf(from))
    } catch {
      this.stats.handlerErrors++
    }
  }

  private addressOf({ address: host, port }: RemoteInfo): Address {
    const last = this.lastFrom
    if (last !== undefined && last.port === port && last.host === host) return last.address
    const text = `${host} ${port}`
    let address = this.addressesByText.get(text)
    if (address === undefined) {
      address = Address.from(host, port)
      remember(this.addressesByText, text, address)
      // An answer to a link-local address must go out by the interface that is named after the %.
      if (host.includes('%')) remember(this.hosts, address.key, host)
    }
    this.lastFrom = { host, port, address }
    return address
  }
}

function remember<T>(cache: Map<string, T>, key: string, value: T): void {
  if (cache.size >= ADDRESS_CACHE) cache.clear()
  cache.set(key, value)
}

type NetworkInterface = NetworkInterfaceInfo & { scopeid?: number }
let listed: readonly NetworkInterface[] = []
let listedAt = -Infinity

/** All links of a process ask for them, again and again, and the answer takes a tenth of a millisecond. Some sandboxes forbid to list them. */
function interfaces(): readonly NetworkInterface[] {
  const now = systemClock.now()
  if (now - listedAt < INTERFACES_FRESH) return listed
  listedAt = now
  try {
    listed = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  } catch {
    listed = []
  }
  return listed
}
