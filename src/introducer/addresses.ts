import type { Address } from '../base/address.ts'
import { MAX_LOCAL_ADDRESSES, MAX_PUBLIC_IPV6 } from './constants.ts'

/**
 * Those of the addresses which a peer reports of itself that others may be told to try: private ones, which mean something on its own network
 * alone, its own public IPv4 address, and few public IPv6 ones. So a peer can't send others to where someone else is, but for a few tiny
 * packets to an IPv6 address that does not answer.
 */
export function usableAddresses(reported: readonly Address[], observed: Address): Address[] {
  let publicIpv6 = 0
  return reported.slice(0, MAX_LOCAL_ADDRESSES).filter((address) => {
    if (!address.isDirect || address.port === 0) return false
    if (isPrivate(address.ip)) return true
    if (address.isIpv4) return address.host === observed.host
    return isGlobalIpv6(address.ip) && ++publicIpv6 <= MAX_PUBLIC_IPV6
  })
}

/** RFC 1918, RFC 6598 (carriers' own), RFC 4193. */
function isPrivate(ip: Uint8Array): boolean {
  const first = ip[0] as number
  const second = ip[1] as number
  if (ip.length === 16) return (first & 0xfe) === 0xfc
  if (first === 10 || (first === 192 && second === 168)) return true
  return (first === 172 && (second & 0xf0) === 16) || (first === 100 && (second & 0xc0) === 64)
}

/** RFC 4291 §2.4: what is handed out begins with 001. */
function isGlobalIpv6(ip: Uint8Array): boolean {
  return ((ip[0] as number) & 0xe0) === 0x20
}
