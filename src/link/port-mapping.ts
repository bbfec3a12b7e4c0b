import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { Address } from '../base/address.ts'
import { AltostratusError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Clock, Timer } from './clock.ts'
import { PORT_CONTROL_PORT, PORT_MAPPING_LEAST, PORT_MAPPING_LIFETIME, PORT_MAPPING_RETRY, UPNP_PATIENCE, UPNP_PORTS } from './constants.ts'
import type { PortMapping } from './link.ts'
import { PortControl } from './port-control.ts'
import type { Grant } from './port-control.ts'

/** What a mapping is for, and made of. */
export interface PortMappingOptions {
  /** UDP port of this end. */
  readonly port: number
  readonly clock: Clock
  readonly random: Random
  /** Called when the router gives another address, or port, for the same. */
  readonly onChange: (address: Address) => void
  /** Routers to ask, numeric; by default those that the machine sends to the internet by. */
  readonly routers?: readonly string[]
  /** Where they take requests. */
  readonly routerPort?: number
  /** Loads the client of UPnP; by default the package that the user has installed. */
  readonly loadUpnp?: (() => Promise<UpnpLibrary>) | undefined
}

/** What is used of `@silentbot1/nat-api`. */
export interface UpnpLibrary {
  readonly default: new (options: { enablePMP: boolean; ttl: number; description: string }) => {
    map(options: { publicPort: number; privatePort: number; protocol: 'UDP' }): Promise<boolean>
    externalIp(): Promise<string>
    destroy(): Promise<unknown>
  }
}

const UPNP_PACKAGE = '@silentbot1/nat-api'
const DESCRIPTION = 'altostratus'

/**
 * Has the router in front of this machine lead a port of its own to this end: by PCP (RFC 6887) or NAT-PMP (RFC 6886), or else by UPnP. It is renewed
 * until it is closed.
 * @throws AltostratusError `PORT_MAPPING_FAILED`, which says what became of each
 */
export async function openPortMapping(options: PortMappingOptions): Promise<PortMapping> {
  const routers = options.routers ?? defaultRouters()
  const attempts = routers.map((router) => byPortControl(router, options))
  try {
    const first = await Promise.any(attempts)
    // One is enough.
    for (const attempt of attempts) attempt.then((other) => (other === first ? undefined : other.close())).catch(() => {})
    return first
  } catch (controlled) {
    // Not beside the others: a router has one list of mappings for all, and one that is given back by UPnP is gone for PCP, too.
    const reasons = routers.length === 0 ? ['PCP and NAT-PMP: no router is known'] : (controlled as AggregateError).errors.map(messageOf)
    return byUpnp(options).catch((cause: unknown) => {
      throw new AltostratusError('PORT_MAPPING_FAILED', `The router has mapped no port. ${[...reasons, messageOf(cause)].join('; ')}.`, {
        hint: 'Players are reached all the same, by hole punching or the introducer. For straight paths in more cases switch UPnP or NAT-PMP on in the router.',
        cause,
      })
    })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function byPortControl(router: string, options: PortMappingOptions): Promise<PortMapping> {
  const { port, clock, random, onChange, routerPort = PORT_CONTROL_PORT } = options
  let control: PortControl | undefined
  try {
    control = await PortControl.open(router, clock, random, routerPort)
    const first = await control.map(port, PORT_MAPPING_LIFETIME)
    return new RenewedMapping(control, port, clock, onChange, first)
  } catch (error) {
    void control?.close(port)
    throw new Error(`PCP and NAT-PMP, ${router}: ${messageOf(error)}`, { cause: error })
  }
}

/** A mapping that is asked for again when half of its time is over. RFC 6887 §11.2.1. */
class RenewedMapping implements PortMapping {
  readonly protocol: 'PCP' | 'NAT-PMP'
  address: Address
  private readonly control: PortControl
  private readonly port: number
  private readonly clock: Clock
  private readonly onChange: (address: Address) => void
  private timer: Timer | undefined = undefined
  private closing: Promise<void> | undefined = undefined

  constructor(control: PortControl, port: number, clock: Clock, onChange: (address: Address) => void, first: Grant) {
    this.control = control
    this.port = port
    this.clock = clock
    this.onChange = onChange
    this.protocol = first.protocol
    this.address = first.address
    this.renewIn(first.lifetime)
  }

  close(): Promise<void> {
    this.timer?.cancel()
    this.closing ??= this.control.close(this.port)
    return this.closing
  }

  /** @param lifetime Seconds. */
  private renewIn(lifetime: number): void {
    const wait = Math.max(PORT_MAPPING_LEAST, lifetime / 2) * 1_000
    this.timer = this.clock.at(this.clock.now() + wait, () => void this.renew())
  }

  private async renew(): Promise<void> {
    let lifetime = PORT_MAPPING_RETRY
    try {
      const grant = await this.control.map(this.port, PORT_MAPPING_LIFETIME)
      lifetime = grant.lifetime
      if (!grant.address.equals(this.address)) {
        this.address = grant.address
        if (this.closing === undefined) this.onChange(grant.address)
      }
    } catch {
      // A router that starts anew takes a minute.
    }
    if (this.closing === undefined) this.renewIn(lifetime)
  }
}

/** The library renews by itself. */
async function byUpnp({ port, clock, random, loadUpnp = loadInstalled }: PortMappingOptions): Promise<PortMapping> {
  let library: UpnpLibrary
  try {
    library = await loadUpnp()
  } catch (error) {
    throw new Error(`UPnP: the package ${UPNP_PACKAGE} is not installed`, { cause: error })
  }
  const client = new library.default({ enablePMP: false, ttl: PORT_MAPPING_LIFETIME, description: DESCRIPTION })
  const end = async (): Promise<void> => {
    await client.destroy().catch(() => {})
  }
  try {
    // The port may be another machine's already.
    const wanted = [port, ...Array.from({ length: UPNP_PORTS }, () => FIRST_FREE + (random.uint32() % (0x1_0000 - FIRST_FREE)))]
    for (const publicPort of wanted) {
      if (!(await withinPatience(clock, client.map({ publicPort, privatePort: port, protocol: 'UDP' })))) continue
      const address = Address.from(await withinPatience(clock, client.externalIp()), publicPort)
      let closing: Promise<void> | undefined
      return { protocol: 'UPnP', address, close: () => (closing ??= end()) }
    }
    throw new Error('no router that answers has mapped the port')
  } catch (error) {
    void end()
    throw new Error(`UPnP: ${messageOf(error)}`, { cause: error })
  }
}

/** Where ports begin that are nobody's own. RFC 6335 §6. */
const FIRST_FREE = 49_152

async function loadInstalled(): Promise<UpnpLibrary> {
  // @ts-expect-error The package has no types.
  return (await import('@silentbot1/nat-api')) as UpnpLibrary
}

/** What takes longer does not come. */
function withinPatience<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.at(clock.now() + UPNP_PATIENCE, () => reject(new Error('no answer')))
    void work.then(resolve, reject).finally(() => timer.cancel())
  })
}

/** The routers of the default routes where the system tells (Linux); elsewhere the first address of each private network: where routers mostly are. */
function defaultRouters(): string[] {
  const told = routesOfLinux()
  return [...new Set(told.length > 0 ? told : firstAddresses())]
}

/** `/proc/net/route`: the gateway is a little-endian number in hexadecimal. */
function routesOfLinux(): string[] {
  try {
    const rows = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1)
    return rows
      .map((row) => row.split('\t'))
      .filter(([, destination, gateway]) => destination === '00000000' && gateway !== '00000000')
      .map(([, , gateway = '']) => [6, 4, 2, 0].map((at) => Number.parseInt(gateway.slice(at, at + 2), 16)).join('.'))
  } catch {
    return []
  }
}

function firstAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address, netmask }) => {
      const mask = netmask.split('.').map(Number)
      const network = address.split('.').map((part, i) => Number(part) & (mask[i] ?? 0))
      return network.map((part, i) => (i === 3 ? part + 1 : part)).join('.')
    })
}
