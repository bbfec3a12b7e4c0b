import { DEFAULT_POLICY } from '../crypto/policy.ts'
import type { KeyingPolicy } from '../crypto/policy.ts'
import type { Link } from '../link/link.ts'
import { openUdp } from '../link/udp.ts'
import type { UdpOptions } from '../link/udp.ts'

// What differs between platforms, for Node. `browser.ts` has the same exports; `#platform` in package.json picks one.

export { defaultBackend, systemRandom } from '../crypto/default-node.ts'

/** Keying for game peers, the cipher suite that is fastest here first. */
export const defaultPolicy: KeyingPolicy = DEFAULT_POLICY

/** Opens what carries datagrams here: a UDP socket. @throws AltostratusError `PORT_IN_USE`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET`. */
export function openDatagramLink(options: UdpOptions = {}): Promise<Link> {
  return openUdp(options)
}
