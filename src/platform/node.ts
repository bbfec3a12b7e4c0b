import { lookup } from 'node:dns/promises'
import { AltostratusError } from '../base/errors.ts'
import { DEFAULT_POLICY } from '../crypto/policy.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import type { Link } from '../link/link.ts'
import { openUdp } from '../link/udp.ts'
import type { UdpOptions } from '../link/udp.ts'

// What differs between platforms, for Node. `browser.ts` has the same exports; `#platform` in package.json picks one.

export { defaultBackend, systemRandom } from '../crypto/default-node.ts'

/** Keying for game peers, the cipher suite that is fastest here first. */
export const defaultPolicy: KeyingPolicy = DEFAULT_POLICY

/** Opens what carries datagrams here: a UDP socket. @throws AltostratusError `PORT_IN_USE`, `PORT_INVALID`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET`. */
export function openDatagramLink(options: UdpOptions = {}): Promise<Link> {
  return openUdp(options)
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
