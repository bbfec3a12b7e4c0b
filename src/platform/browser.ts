import { AltostratusError } from '../base/errors.ts'
import { SOFTWARE_POLICY } from '../crypto/policy.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import { systemClock } from '../link/clock.ts'
import type { GroupLink } from '../link/group.ts'
import type { Address } from '../base/address.ts'
import type { Link, PortMapping } from '../link/link.ts'
import type { UdpOptions } from '../link/udp.ts'
import { openWebSocket } from '../link/websocket.ts'
import type { WebSocketLike } from '../link/websocket.ts'

// What differs between platforms, for browsers. `node.ts` has the same exports; `#platform` in package.json picks one.

export { defaultBackend, systemRandom } from '../crypto/default-browser.ts'

/** Keying for game peers, the cipher suite that is fastest here first. */
export const defaultPolicy: KeyingPolicy = SOFTWARE_POLICY

/** Whether there is UDP here. */
export const hasDatagrams: boolean = false

/** Opens what carries datagrams here. @throws AltostratusError `UDP_UNAVAILABLE`, always: browsers have no UDP. */
export function openDatagramLink(_options: UdpOptions = {}): Promise<Link> {
  return Promise.reject(
    new AltostratusError('UDP_UNAVAILABLE', 'Browsers cannot send UDP.', { hint: 'Give a link of another kind, or run this in Node.' }),
  )
}

/** Opens the way to everyone on the local network. @throws AltostratusError `UDP_UNAVAILABLE`, always. */
export function openGroup(): Promise<GroupLink> {
  return Promise.reject(
    new AltostratusError('UDP_UNAVAILABLE', 'Browsers cannot look for others on the local network.', { hint: 'Connect to an introducer.' }),
  )
}

/** Has the router lead a port of its own to this end. @throws AltostratusError `UDP_UNAVAILABLE`, always. */
export function mapPort(_port: number, _onChange: (address: Address) => void): Promise<PortMapping> {
  return Promise.reject(new AltostratusError('UDP_UNAVAILABLE', 'Browsers have no port that a router could lead to.'))
}

/** The numeric addresses of a host name. @throws AltostratusError `UDP_UNAVAILABLE`, always: browsers do not tell. */
export function resolveHost(_host: string): Promise<string[]> {
  return Promise.reject(new AltostratusError('UDP_UNAVAILABLE', 'Browsers cannot look up addresses.'))
}

/** Opens a WebSocket to an introducer; whom to believe is the browser's affair. @throws AltostratusError `STREAM_REFUSED` */
export function openStream(url: string, _ca?: string): Promise<Link> {
  return openWebSocket(url, (to) => new WebSocket(to) as unknown as WebSocketLike, systemClock)
}

/** The URL of an introducer's WebSockets that no other is known of. A page that came by TLS may open nothing else. @param host Bracketed, if it is an IPv6 address. */
export function streamUrl(host: string, port: number): string {
  return `${typeof location !== 'undefined' && location.protocol === 'https:' ? 'wss' : 'ws'}://${host}:${port}`
}
