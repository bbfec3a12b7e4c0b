import type { Random } from '../base/random.ts'
import type { Identity } from '../crypto/identity.ts'
import { defaultBackend, systemRandom } from '../crypto/default-node.ts'
import { systemClock, systemWallTime } from '../link/clock.ts'
import { openUdp } from '../link/udp.ts'
import type { UdpLink } from '../link/udp.ts'
import { DEFAULT_PORT } from './constants.ts'
import type { RelayLimits } from './relay.ts'
import type { ProbeLinks } from './probe.ts'
import { IntroducerServer } from './server.ts'
import type { IntroducerStats } from './server.ts'
import { introducerUrl } from './url.ts'

const LAST_PORT = 0xffff

/** How an introducer is to run. */
export interface IntroducerOptions {
  /** UDP port; 1935 by default, 0 for any that is free. */
  readonly port?: number
  /** Numeric address to listen on; `::`, all of both families, by default. */
  readonly host?: string
  /**
   * Second UDP port, by which players find out about their NATs (`altostratus doctor`); the one above `port` by default, or any that is free when that is
   * taken or `port` is 0. `false` for none.
   */
  readonly probePort?: number | false
  /** Another numeric address of this machine to probe from: tells NATs apart that filter by address. None by default. */
  readonly probeHost?: string
  /** Who it is; without one its fingerprint changes with each start. */
  readonly identity?: Identity
  readonly random?: Random
  /** How much it passes on between players who do not reach each other straight; `false` for nothing. */
  readonly relay?: RelayLimits | false
}

/** An introducer that runs in this process. */
export interface Introducer {
  /** URL for players on this machine, with the fingerprint. Others put this machine's name or address in place of the host. */
  readonly url: string
  readonly port: number
  /** Its second port, if it has one. */
  readonly probePort: number | undefined
  /** Its fingerprint, 64 hexadecimal digits. */
  readonly peerId: string
  readonly stats: IntroducerStats
  /** Tells all peers, then ends. Games go on without it. */
  close(): Promise<void>
}

/** Starts an introducer. @throws AltostratusError `PORT_IN_USE`, `PORT_INVALID`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET` */
export async function createIntroducer(options: IntroducerOptions = {}): Promise<Introducer> {
  const link = await openUdp({ port: options.port ?? DEFAULT_PORT, ...(options.host === undefined ? {} : { host: options.host }) })
  let probes: ProbeSockets | undefined
  try {
    probes = await openProbes(options, link.port)
  } catch (error) {
    await link.close()
    throw error
  }
  const server = new IntroducerServer({
    link,
    probes,
    wallTime: systemWallTime,
    clock: systemClock,
    backend: defaultBackend,
    random: options.random ?? systemRandom,
    ...(options.relay === undefined ? {} : { relay: options.relay }),
    ...(options.identity === undefined ? {} : { identity: options.identity }),
  })
  const { peerId } = server.identity
  const isAny = options.host === undefined || options.host === '::' || options.host === '0.0.0.0'
  return {
    url: introducerUrl(isAny ? '127.0.0.1' : (options.host as string), link.port, peerId),
    port: link.port,
    probePort: probes?.port.port,
    peerId,
    get stats() {
      return server.stats
    },
    close: () => server.close(),
  }
}

interface ProbeSockets extends ProbeLinks {
  readonly port: UdpLink
}

async function openProbes({ port, host, probePort, probeHost }: IntroducerOptions, mainPort: number): Promise<ProbeSockets | undefined> {
  if (probePort === false) return undefined
  const at = (wanted: number, address: string | undefined): Promise<UdpLink> =>
    openUdp({ port: wanted, ...(address === undefined ? {} : { host: address }) })
  const next = port === 0 || mainPort === LAST_PORT ? 0 : mainPort + 1
  const second = await (probePort === undefined ? at(next, host).catch(() => at(0, host)) : at(probePort, host))
  if (probeHost === undefined) return { port: second }
  try {
    // A socket of all addresses has the second port already.
    const third = second.port === LAST_PORT || port === 0 ? 0 : second.port + 1
    return { port: second, address: await at(third, probeHost) }
  } catch (error) {
    await second.close()
    throw error
  }
}
