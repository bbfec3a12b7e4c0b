import type { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import type { Clock } from './clock.ts'
import { MAX_UDP_PAYLOAD, STREAM_BACKLOG, STREAM_OPEN_TIMEOUT } from './constants.ts'
import type { DatagramHandler, Link, LinkStats } from './link.ts'

/** What of a browser's WebSocket is used; Node's packages have the same. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onerror: ((event: { readonly message?: string }) => void) | null
  onclose: ((event: { readonly code: number }) => void) | null
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
}

const OPEN = 1

/**
 * Opens a WebSocket to an introducer, each of whose messages is one datagram.
 * @throws AltostratusError `STREAM_REFUSED`, naming the URL and the reason as far as it is told.
 */
export function openWebSocket(url: string, create: (url: string) => WebSocketLike, clock: Clock): Promise<WebSocketLink> {
  return new Promise((resolve, reject) => {
    let socket: WebSocketLike
    const refuse = (why: string): void => {
      timer.cancel()
      const hint = 'Check that the introducer runs with WebSockets, and that its TCP port is reachable.'
      reject(new AltostratusError('STREAM_REFUSED', `No WebSocket to ${url}: ${why}.`, { hint }))
    }
    const timer = clock.at(clock.now() + STREAM_OPEN_TIMEOUT, () => {
      socket.onclose = null
      socket.close()
      refuse(`no answer in ${STREAM_OPEN_TIMEOUT} ms`)
    })
    try {
      socket = create(url)
    } catch (error) {
      refuse((error as Error).message)
      return
    }
    socket.binaryType = 'arraybuffer'
    let reason: string | undefined
    socket.onerror = ({ message }) => {
      reason = message
    }
    socket.onclose = ({ code }) => refuse(reason ?? `closed with code ${code}`)
    socket.onopen = () => {
      timer.cancel()
      resolve(new WebSocketLink(socket))
    }
  })
}

/** A client's WebSocket. Use {@link openWebSocket}. Where datagrams are sent to plays no part: there is only the other end. */
export class WebSocketLink implements Link {
  readonly kind = 'stream'
  readonly maxDatagram: number = MAX_UDP_PAYLOAD
  readonly stats: LinkStats = { sent: 0, received: 0, sendErrors: 0, handlerErrors: 0 }
  readonly addresses: readonly Address[] = []
  private readonly socket: WebSocketLike
  private handler: ((datagram: Uint8Array) => void) | undefined = undefined
  private closing: Promise<void> | undefined = undefined
  private ended: () => void = () => {}

  /** @internal */
  constructor(socket: WebSocketLike) {
    this.socket = socket
    socket.onerror = () => {
      this.stats.sendErrors++
    }
    socket.onclose = () => this.ended()
    socket.onmessage = ({ data }) => this.receive(data)
  }

  send(datagram: Uint8Array, _to: Address): void {
    const { socket } = this
    // What waits here waits behind all that was sent before: better lost, as in a router's queue.
    const isRefused = this.closing !== undefined || socket.readyState !== OPEN || socket.bufferedAmount > STREAM_BACKLOG
    if (isRefused || datagram.length > this.maxDatagram) {
      this.stats.sendErrors++
      return
    }
    this.stats.sent++
    socket.send(new Uint8Array(datagram))
  }

  start(handler: DatagramHandler): void {
    const nowhere = undefined as unknown as Address
    this.handler = (datagram) => handler(datagram, nowhere)
  }

  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.ended = resolve
      if (this.socket.readyState > OPEN) resolve()
      else this.socket.close()
    })
    return this.closing
  }

  private receive(data: unknown): void {
    if (this.closing !== undefined || typeof data === 'string') return
    this.stats.received++
    try {
      this.handler?.(new Uint8Array(data as ArrayBuffer))
    } catch {
      this.stats.handlerErrors++
    }
  }
}
