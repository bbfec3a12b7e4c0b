import { Address } from '../base/address.ts'
import { NAT_FIRST_PORT, NAT_LIFETIME, NAT_PORTS } from './constants.ts'

/**
 * How a NAT treats UDP, in the usual words and RFC 4787's. `open`: none. `cone`: endpoint-independent mapping and filtering. `restricted`: the
 * same mapping, only hosts that were sent to may answer. `port-restricted`: only the ports that were sent to may. `symmetric`: another
 * port for each destination, and only that may answer. `udp-blocked`: no UDP gets out at all, only streams.
 */
export type NatKind = 'open' | 'cone' | 'restricted' | 'port-restricted' | 'symmetric' | 'udp-blocked'

/** The kinds, the most permissive first. */
export const NAT_KINDS: readonly NatKind[] = ['open', 'cone', 'restricted', 'port-restricted', 'symmetric', 'udp-blocked']

interface Mapping {
  readonly inside: Address
  readonly port: number
  usedAt: number
  /** Hosts, or hosts and ports, that were sent to. */
  readonly sentTo: Set<string>
}

/** A router with a public address of its own and machines behind it. */
export class SimulatedNat<Machine> {
  readonly kind: NatKind
  /** Whether packets from inside to an outer address of its own come back inside. */
  readonly hairpin: boolean
  /** IPv4 address outside. */
  readonly host: string
  /** By address inside. */
  readonly machines: Map<string, Machine> = new Map()
  private readonly byPort = new Map<number, Mapping>()
  private readonly bySource = new Map<string, Mapping>()
  private nextPort = NAT_FIRST_PORT

  constructor(kind: NatKind, hairpin: boolean, host: string) {
    this.kind = kind
    this.hairpin = hairpin
    this.host = host
  }

  /** A packet goes out. @returns The address that it seems to come from; `undefined` when it does not get out. */
  outbound(inside: Address, to: Address, now: number): Address | undefined {
    if (this.kind === 'udp-blocked') return undefined
    const key = this.kind === 'symmetric' ? `${inside.key} ${to.key}` : inside.key
    let mapping = this.bySource.get(key)
    if (mapping === undefined || now - mapping.usedAt > NAT_LIFETIME) {
      if (mapping !== undefined) this.byPort.delete(mapping.port)
      mapping = { inside, port: this.newPort(), usedAt: now, sentTo: new Set() }
      this.bySource.set(key, mapping)
      this.byPort.set(mapping.port, mapping)
    }
    mapping.usedAt = now
    mapping.sentTo.add(this.kind === 'restricted' ? to.host : to.key)
    return Address.from(this.host, mapping.port)
  }

  /** The machine inside that a port outside leads to. */
  machineAt(port: number): Machine | undefined {
    const mapping = this.byPort.get(port)
    return mapping === undefined ? undefined : this.machines.get(mapping.inside.key)
  }

  /** Whether a packet to a port outside is let in. */
  admits(port: number, from: Address, now: number): boolean {
    const mapping = this.byPort.get(port)
    if (mapping === undefined || now - mapping.usedAt > NAT_LIFETIME) return false
    return this.kind === 'cone' || mapping.sentTo.has(this.kind === 'restricted' ? from.host : from.key)
  }

  /** Forgets all mappings, as when it restarts. */
  flush(): void {
    this.byPort.clear()
    this.bySource.clear()
  }

  private newPort(): number {
    const port = this.nextPort++
    if (this.nextPort >= NAT_FIRST_PORT + NAT_PORTS) this.nextPort = NAT_FIRST_PORT
    return port
  }
}
