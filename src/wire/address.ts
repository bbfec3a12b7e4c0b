import { Address } from '../base/address.ts'
import type { Reader, Writer } from '../base/bytes.ts'

/** Where an address comes from is not known. RFC 7016 §2.1.5. Some implementations take it for a dead peer, so we never send it. */
export const ORIGIN_UNKNOWN = 0
/** Reported by the endpoint that it belongs to, as one of its own interfaces. RFC 7016 §2.1.5. */
export const ORIGIN_LOCAL = 1
/** Observed as the source of the endpoint's packets. RFC 7016 §2.1.5. */
export const ORIGIN_OBSERVED = 2
/** A relay, proxy or introducer that can reach the endpoint. RFC 7016 §2.1.5. */
export const ORIGIN_REMOTE = 3

/** A socket address and where it comes from. RFC 7016 §2.1.5. */
export interface WireAddress {
  readonly address: Address
  /** 0 to 3, one of the `ORIGIN_` codes. */
  readonly origin: number
}

const IPV6_BIT = 0x80
const ORIGIN_BITS = 0x03

/** Bytes that an address takes. */
export function addressSize(address: Address): number {
  return 1 + address.ip.length + 2
}

/** Writes a socket address. RFC 7016 §2.1.5. */
export function writeAddress(w: Writer, address: Address, origin: number): void {
  w.uint8((address.isIpv4 ? 0 : IPV6_BIT) | origin)
  w.raw(address.ip)
  w.uint16(address.port)
}

/** Reads a socket address. RFC 7016 §2.1.5. */
export function readAddress(r: Reader): WireAddress {
  const flags = r.uint8()
  const ip = r.view((flags & IPV6_BIT) === 0 ? 4 : 16)
  const port = r.uint16()
  return { address: Address.of(ip, port), origin: flags & ORIGIN_BITS }
}
