import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { clearInterval, setInterval } from 'node:timers'
import { AltostratusError } from '../base/errors.ts'
import { GROUP_ADDRESS, GROUP_HOPS, GROUP_PORT, INTERFACE_CHECK, MAX_GROUP_DATAGRAM, MAX_INTERFACES } from './constants.ts'
import type { GroupHandler, GroupLink } from './group.ts'

/** Where to meet. */
export interface MulticastOptions {
  /** UDP port; 21935 by default. */
  readonly port?: number
}

/**
 * Joins the multicast group on every IPv4 interface, and on those that come later. Several programs on one machine may. It does not keep the process alive.
 * @throws AltostratusError `MULTICAST_UNAVAILABLE`
 */
export async function openMulticast({ port = GROUP_PORT }: MulticastOptions = {}): Promise<GroupLink> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ port, exclusive: false }, () => {
        socket.removeAllListeners('error')
        resolve()
      })
    })
    socket.setMulticastTTL(GROUP_HOPS)
    socket.setMulticastLoopback(true)
  } catch (cause) {
    socket.close()
    throw new AltostratusError('MULTICAST_UNAVAILABLE', `Nothing can be found on the local network: ${(cause as Error).message}.`, {
      hint: `Check that programs may use the network here, and that UDP port ${port} is not another program's.`,
      cause,
    })
  }
  return new MulticastGroup(socket, port)
}

class MulticastGroup implements GroupLink {
  private readonly socket: Socket
  private readonly port: number
  private interfaces: readonly string[] = []
  private readonly timer: NodeJS.Timeout
  private handler: GroupHandler | undefined = undefined
  private closed = false

  constructor(socket: Socket, port: number) {
    this.socket = socket
    this.port = port
    socket.unref()
    socket.on('message', (datagram, { address }) => {
      if (datagram.length <= MAX_GROUP_DATAGRAM) this.handler?.(datagram, address)
    })
    // An interface that went away is no reason to stop.
    socket.on('error', () => {})
    this.joinAll()
    this.timer = setInterval(() => this.joinAll(), INTERFACE_CHECK).unref()
  }

  send(datagram: Uint8Array): void {
    if (this.closed) return
    for (const host of this.interfaces) {
      try {
        this.socket.setMulticastInterface(host)
        this.socket.send(datagram, this.port, GROUP_ADDRESS, () => {})
      } catch {
        // Gone since the last look; the next look finds out.
      }
    }
  }

  start(handler: GroupHandler): void {
    this.handler = handler
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    clearInterval(this.timer)
    this.socket.close()
  }

  /** The system forgets an interface's membership with the interface. */
  private joinAll(): void {
    const now = hosts()
    for (const host of now) {
      if (this.interfaces.includes(host)) continue
      try {
        this.socket.addMembership(GROUP_ADDRESS, host)
      } catch {
        // Another address of the same interface is a member already, or it takes no multicast.
      }
    }
    this.interfaces = now
  }
}

/** IPv4 addresses of this machine's interfaces: its own loop too, where other programs of it are found with no network at all. */
function hosts(): string[] {
  try {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    return all
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => address)
      .slice(0, MAX_INTERFACES)
  } catch {
    // Some sandboxes forbid to list them.
    return []
  }
}
