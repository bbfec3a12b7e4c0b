import { lookup } from 'node:dns/promises'
import { WebSocket } from 'ws'
import { AltostratusError } from '../base/errors.ts'
import { systemRandom } from '../crypto/default-node.ts'
import { DEFAULT_POLICY } from '../crypto/policy.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import type { GroupLink } from '../link/group.ts'
import type { Address } from '../base/address.ts'
import type { Link, PortMapping } from '../link/link.ts'
import { systemClock } from '../link/clock.ts'
import { MAX_UDP_PAYLOAD, STREAM_OPEN_TIMEOUT } from '../link/constants.ts'
import { openMulticast } from '../link/multicast.ts'
import { openPortMapping } from '../link/port-mapping.ts'
import { openUdp } from '../link/udp.ts'
import type { UdpOptions } from '../link/udp.ts'
import { openWebSocket } from '../link/websocket.ts'
import type { WebSocketLike } from '../link/websocket.ts'

// What differs between platforms, for Node. `browser.ts` has the same exports; `#platform` in package.json picks one.

export { defaultBackend, systemRandom } from '../crypto/default-node.ts'

/** Keying for game peers, the cipher suite that is fastest here first. */
export const defaultPolicy: KeyingPolicy = DEFAULT_POLICY

/** Whether there is UDP here. */
export const hasDatagrams: boolean = true

/** Opens what carries datagrams here: a UDP socket. @throws AltostratusError `PORT_IN_USE`, `PORT_INVALID`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET`. */
export function openDatagramLink(options: UdpOptions = {}): Promise<Link> {
  return openUdp(options)
}

/** Opens the way to everyone on the local network. @throws AltostratusError `MULTICAST_UNAVAILABLE` */
export function openGroup(): Promise<GroupLink> {
  return openMulticast()
}

/** Has the router lead a port of its own to this end. @param onChange Called when it leads another one from now on. @throws AltostratusError `PORT_MAPPING_FAILED` */
export function mapPort(port: number, onChange: (address: Address) => void): Promise<PortMapping> {
  return openPortMapping({ port, onChange, clock: systemClock, random: systemRandom })
}

/** The numeric addresses of a host name. @throws AltostratusError `HOST_UNKNOWN` */
export async function resolveHost(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address)
  } catch (cause) {
    throw new AltostratusError('HOST_UNKNOWN', `No address is known for ${JSON.stringify(host)}.`, {
      hint: 'Check the spelling and the connection to the Internet.',
      cause,
    })
  }
}

/** Opens a WebSocket to an introducer. @param ca Certificates of authorities to believe instead of the system's, PEM. @throws AltostratusError `STREAM_REFUSED` */
export function openStream(url: string, ca?: string): Promise<Link> {
  const trust = ca === undefined ? {} : { ca }
  const options = { maxPayload: MAX_UDP_PAYLOAD, perMessageDeflate: false, handshakeTimeout: STREAM_OPEN_TIMEOUT, ...trust }
  return openWebSocket(url, (to) => new WebSocket(to, options) as unknown as WebSocketLike, systemClock)
}

/** The URL of an introducer's WebSockets that no other is known of: what it says is encrypted anyhow. @param host Bracketed, if it is an IPv6 address. */
export function streamUrl(host: string, port: number): string {
  return `ws://${host}:${port}`
}
