import { Buffer } from 'node:buffer'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { isIP } from 'node:net'
import { clearInterval, setInterval, setTimeout } from 'node:timers'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import { MAX_STREAMS, MAX_UDP_PAYLOAD, STREAMS_OF_SOURCE, STREAM_BACKLOG, STREAM_SWEEP } from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'

/** Where WebSockets are taken. */
export interface WebSocketServerOptions {
  /** TCP port; 0 for any that is free. */
  readonly port: number
  /** Numeric address; `::`, all of both families, by default. */
  readonly host?: string
  /** Certificate and private key, PEM; then it speaks TLS (`wss:`). */
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array } | undefined
  /**
   * Numeric addresses of proxies whose `X-Forwarded-For` is believed, so that their clients count by their own addresses, not all as one. From anyone else
   * the header is worth nothing.
   */
  readonly trustedProxies?: readonly string[] | undefined
}

/** Opens a TCP port for WebSockets. @throws AltostratusError `PORT_IN_USE`, `PORT_FORBIDDEN`, `ADDRESS_UNAVAILABLE`, `SOCKET`, `BAD_CERTIFICATE` */
export async function openWebSocketServer({ port, host, tls, trustedProxies = [] }: WebSocketServerOptions): Promise<WebSocketServerLink> {
  const trusted = new Set(trustedProxies.map(normal))
  if (trusted.has(undefined)) {
    throw new AltostratusError('ADDRESS_UNAVAILABLE', `${JSON.stringify(trustedProxies)} are not all numeric IP addresses of proxies.`, {
      hint: 'Give the addresses that their connections come from, such as 127.0.0.1.',
    })
  }
  const server = create(tls)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(refusal(error, port, host)))
    server.listen({ port, ...(host === undefined ? {} : { host }), exclusive: true }, resolve)
  })
  server.removeAllListeners('error')
  return new WebSocketServerLink(server, trusted)
}

function create(tls: WebSocketServerOptions['tls']): Server {
  if (tls === undefined) return createServer(greet)
  try {
    return createTlsServer({ cert: asText(tls.cert), key: asText(tls.key) }, greet)
  } catch (cause) {
    throw new AltostratusError('BAD_CERTIFICATE', `The TLS certificate or its key can not be used: ${(cause as Error).message}.`, {
      hint: 'Give both as PEM, the key without a passphrase.',
      cause,
    })
  }
}

function asText(pem: string | Uint8Array): string | Buffer {
  return typeof pem === 'string' ? pem : Buffer.from(pem)
}

/** Who comes with a browser sees that it is the right place. */
function greet(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket' }).end('An Altostratus introducer: it takes WebSockets.\n')
}

function refusal(error: Error, port: number, host = '::'): AltostratusError {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new AltostratusError('PORT_IN_USE', `TCP port ${port} is already in use.`, {
        hint: 'Stop the program that has it, choose another port, or do without WebSockets.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
      return new AltostratusError('PORT_FORBIDDEN', `TCP port ${port} may not be opened by this user.`, {
        hint: 'Choose a port above 1023.',
        cause: error,
      })
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new AltostratusError('ADDRESS_UNAVAILABLE', `This machine has no address ${host}.`, {
        hint: 'Give one of its own addresses, or :: for all of them.',
        cause: error,
      })
    default:
      return new AltostratusError('SOCKET', `No TCP socket on ${host} port ${port}: ${error.message}.`, { cause: error })
  }
}

interface Connection {
  readonly socket: WebSocket
  readonly source: string
  heard: boolean
}

/** The server's end of WebSockets: each has an address of its own while it lasts, each binary message is a datagram. Use {@link openWebSocketServer}. */
export class WebSocketServerLink implements Link {
  readonly kind = 'stream'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  readonly addresses: readonly Address[] = []
  /** The TCP port that it listens on. */
  readonly port: number
  private readonly server: Server
  private readonly sockets: WebSocketServer
  private readonly connections = new Map<string, Connection>()
  private readonly trusted: ReadonlySet<string | undefined>
  /** How many connections each address has. */
  private readonly bySource = new Map<string, number>()
  private readonly sweeper: ReturnType<typeof setInterval>
  private handler: DatagramHandler | undefined = undefined
  private count = 0
  private closing: Promise<void> | undefined = undefined

  /** @internal */
  constructor(server: Server, trusted: ReadonlySet<string | undefined> = new Set()) {
    this.server = server
    this.trusted = trusted
    this.port = (server.address() as { readonly port: number }).port
    this.sockets = new WebSocketServer({ server, maxPayload: MAX_UDP_PAYLOAD, perMessageDeflate: false, clientTracking: false })
    this.sockets.on('connection', (socket, request) => this.accept(socket, sourceOf(request, this.trusted)))
    // Errors of single connections (one that speaks no TLS, say) are no reason to stop.
    server.on('error', () => this.stats.sendErrors++)
    this.sockets.on('error', () => this.stats.sendErrors++)
    this.sweeper = setInterval(() => this.sweep(), STREAM_SWEEP)
    this.sweeper.unref()
  }

  /** Connections held now. */
  get connectionCount(): number {
    return this.connections.size
  }

  send(datagram: Uint8Array, to: Address): void {
    const connection = this.connections.get(to.key)
    const { socket } = connection ?? {}
    const isRefused = socket === undefined || this.closing !== undefined || socket.bufferedAmount > STREAM_BACKLOG
    if (isRefused || datagram.length > this.maxDatagram) {
      this.stats.sendErrors++
      return
    }
    this.stats.sent++
    // The socket may hold on to the bytes after this call returns.
    socket.send(Buffer.from(datagram), { binary: true }, ignore)
  }

  start(handler: DatagramHandler): void {
    this.handler = handler
  }

  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      clearInterval(this.sweeper)
      for (const { socket } of this.connections.values()) socket.close()
      this.sockets.close()
      this.server.close(() => resolve())
      this.server.closeIdleConnections()
      // Who does not answer the farewell must not hold up the end.
      setTimeout(() => {
        for (const { socket } of this.connections.values()) socket.terminate()
        this.server.closeAllConnections()
      }, FAREWELL).unref()
    })
    return this.closing
  }

  private accept(socket: WebSocket, source: string): void {
    const present = this.bySource.get(source) ?? 0
    if (this.connections.size >= MAX_STREAMS || present >= STREAMS_OF_SOURCE || this.closing !== undefined) {
      socket.close(TRY_AGAIN_LATER, present >= STREAMS_OF_SOURCE ? `too many connections from ${source}` : '')
      return
    }
    // Load tests, and proxies that nobody has named as such, are on this machine.
    if (!Address.from(source, 0).isLoopback) this.bySource.set(source, present + 1)
    const address = Address.stream(++this.count)
    const connection: Connection = { socket, source, heard: true }
    this.connections.set(address.key, connection)
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data, isBinary) => {
      connection.heard = true
      if (isBinary) this.receive(data as Buffer, address)
    })
    socket.on('close', () => {
      this.connections.delete(address.key)
      this.left(source)
    })
    socket.on('error', () => this.stats.sendErrors++)
  }

  private left(source: string): void {
    const rest = (this.bySource.get(source) ?? 0) - 1
    if (rest > 0) this.bySource.set(source, rest)
    else this.bySource.delete(source)
  }

  private receive(data: Buffer, from: Address): void {
    if (this.closing !== undefined) return
    this.stats.received++
    try {
      this.handler?.(data, from)
    } catch {
      this.stats.handlerErrors++
    }
  }

  /** Ends connections that nothing has come by since before the last time: a client's session asks more often than that. */
  private sweep(): void {
    for (const connection of this.connections.values()) {
      if (!connection.heard) connection.socket.terminate()
      connection.heard = false
    }
  }
}

/**
 * Where a connection comes from. A proxy adds to the end of `X-Forwarded-For` whom it has the request from, so the list is read from there as long as
 * it is trusted ones who say so; what is before that, the client itself may have written.
 */
function sourceOf({ socket, headers }: IncomingMessage, trusted: ReadonlySet<string | undefined>): string {
  let source = normal(socket.remoteAddress ?? '') ?? NOWHERE
  const header = headers['x-forwarded-for']
  const said = (typeof header === 'string' ? header : (header ?? []).join(',')).split(',').reverse()
  for (const text of said) {
    const before = normal(text.trim())
    if (before === undefined || !trusted.has(source)) break
    source = before
  }
  return source
}

/** One text for each address; `undefined` for what is none. */
function normal(text: string): string | undefined {
  return isIP(text) === 0 ? undefined : Address.from(text, 0).host
}

/** Of a connection that has ended already. */
const NOWHERE = '0.0.0.0'

/** How long `close` waits for clients to close too. Milliseconds. */
const FAREWELL = 500
/** RFC 6455's registry of close codes. */
const TRY_AGAIN_LATER = 1_013

function ignore(): void {}
