/** How a NAT chooses the port that a destination sees, or lets datagrams in. RFC 4787 §4.1, §5; RFC 5780 §4.3, §4.4. */
export type Behaviour =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent'
  /** One of the two: the introducer has one address only. */
  | 'endpoint-independent or address-dependent'
  | 'unknown'

/** A way to the introducer, and whether it works. */
export interface Way {
  readonly reachable: boolean
  /** Until it answered. */
  readonly milliseconds?: number
  /** Why not. */
  readonly problem?: string
}

/** What stands between this machine and the internet. */
export interface Nat {
  /** Where the introducer sees this machine. */
  readonly observed: string
  /** Whether that is an address of this machine's own. */
  readonly translated: boolean
  readonly mapping: Behaviour
  readonly filtering: Behaviour
  /** Whether the NAT leads datagrams for its outer address back inside. */
  readonly hairpin: boolean
}

/** The way to the introducer, measured. Milliseconds. */
export interface Quality {
  readonly rtt: { readonly least: number; readonly mean: number; readonly most: number }
  /** Mean difference of one round trip to the next. */
  readonly jitter: number
  /** Share of the probes that got no answer, 0 to 1. */
  readonly loss: number
  readonly probes: number
  /** Largest IP packet that came back, bytes; 0 when none did. */
  readonly mtu: number
  /** The introducer's clock less this machine's. */
  readonly clockOffset: number | undefined
}

/** What the doctor found. */
export interface Findings {
  readonly url: string
  readonly addresses: readonly string[]
  readonly udp: Way
  /** The same over IPv6; `undefined` when the introducer has no such address. */
  readonly ipv6: Way | undefined
  readonly hasIpv6: boolean
  readonly webSocket: Way | undefined
  readonly relay: Way | undefined
  readonly nat: Nat | undefined
  readonly quality: Quality | undefined
  /** What could not be looked at, and why. */
  readonly notes: readonly string[]
}

/** What the tests of mapping saw: the address at which each of the introducer's sockets sees this end. */
export interface MappingTests {
  readonly first: string
  readonly otherPort: string | undefined
  /** `undefined` when there was no answer; absent when it was not offered. */
  readonly otherAddress?: string | undefined
}

/** RFC 5780 §4.3. */
export function mappingOf(tests: MappingTests): Behaviour {
  const { first, otherPort, otherAddress } = tests
  if (otherPort === undefined) return 'unknown'
  if (otherPort !== first) return 'address-and-port-dependent'
  return otherAddress === undefined || otherAddress === first ? 'endpoint-independent' : 'address-dependent'
}

/** What the tests of filtering saw: whether a datagram came in from where this end had sent nothing. */
export interface FilteringTests {
  readonly port: boolean
  /** `undefined` when it was not offered. */
  readonly address: boolean | undefined
}

/** RFC 5780 §4.4. */
export function filteringOf({ port, address }: FilteringTests): Behaviour {
  if (address === true) return 'endpoint-independent'
  if (!port) return 'address-and-port-dependent'
  return address === undefined ? 'endpoint-independent or address-dependent' : 'address-dependent'
}
