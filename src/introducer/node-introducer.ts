import type { Random } from '../base/random.ts'
import type { Identity } from '../crypto/identity.ts'
import { defaultBackend, systemRandom } from '../crypto/default-node.ts'
import { systemClock } from '../link/clock.ts'
import { openUdp } from '../link/udp.ts'
import { DEFAULT_PORT } from './constants.ts'
import type { RelayLimits } from './relay.ts'
import { IntroducerServer } from './server.ts'
import type { IntroducerStats } from './server.ts'
import { introducerUrl } from './url.ts'

/** How an introducer is to run. */
export interface IntroducerOptions {
  /** UDP port; 1935 by default, 0 for any that is free. */
  readonly port?: number
  /** Numeric address to listen on; `::`, all of both families, by default. */
  readonly host?: string
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
  /** Its fingerprint, 64 hexadecimal digits. */
  readonly peerId: string
  readonly stats: IntroducerStats
  /** Tells all peers, then ends. Games go on without it. */
  close(): Promise<void>
}

/** Starts an introducer. @throws AltostratusError `PORT_IN_USE`, `PORT_INVALID`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET` */
export async function createIntroducer(options: IntroducerOptions = {}): Promise<Introducer> {
  const link = await openUdp({ port: options.port ?? DEFAULT_PORT, ...(options.host === undefined ? {} : { host: options.host }) })
  const server = new IntroducerServer({
    link,
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
    peerId,
    get stats() {
      return server.stats
    },
    close: () => server.close(),
  }
}
