import { AltostratusError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Identity } from '../crypto/identity.ts'
import { defaultBackend, systemRandom } from '../crypto/default-node.ts'
import { systemClock, systemWallTime } from '../link/clock.ts'
import { JoinedLink } from '../link/joined.ts'
import { openUdp } from '../link/udp.ts'
import type { UdpLink } from '../link/udp.ts'
import { openWebSocketServer } from '../link/websocket-server.ts'
import type { WebSocketServerLink, WebSocketServerOptions } from '../link/websocket-server.ts'
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
  /**
   * WebSockets, for browsers and for players whose network lets no UDP through: on the TCP port of the same number by default; `false` for
   * none. With `tls` it speaks TLS itself; behind a proxy that does, without, and with the proxy's address in `trustedProxies`.
   */
  readonly webSocket?: Partial<Pick<WebSocketServerOptions, 'port' | 'tls' | 'trustedProxies'>> | false
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
  /** TCP port of its WebSockets, 0 when it has none. */
  readonly webSocketPort: number
  /** Its fingerprint, 64 hexadecimal digits. */
  readonly peerId: string
  readonly stats: IntroducerStats
  /** Tells all peers, then ends. Games go on without it. */
  close(): Promise<void>
}

/** Starts an introducer. @throws AltostratusError `PORT_IN_USE`, `PORT_INVALID`, `ADDRESS_UNAVAILABLE`, `PORT_FORBIDDEN`, `SOCKET`, `BAD_CERTIFICATE` */
export async function createIntroducer(options: IntroducerOptions = {}): Promise<Introducer> {
  const { datagrams, streams } = await openLinks(options)
  const link = streams === undefined ? datagrams : new JoinedLink(datagrams, streams)
  let probes: ProbeSockets | undefined
  try {
    probes = await openProbes(options, datagrams.port)
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
    url: introducerUrl(isAny ? '127.0.0.1' : (options.host as string), datagrams.port, peerId),
    port: datagrams.port,
    probePort: probes?.port.port,
    webSocketPort: streams?.port ?? 0,
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

interface Links {
  readonly datagrams: UdpLink
  readonly streams: WebSocketServerLink | undefined
}

/** Both on one number; when any will do, on one that is free for both. */
async function openLinks(options: IntroducerOptions): Promise<Links> {
  const { port = DEFAULT_PORT, webSocket = {} } = options
  const host = options.host === undefined ? {} : { host: options.host }
  for (let tries = 1; ; tries++) {
    const datagrams = await openUdp({ port, ...host })
    if (webSocket === false) return { datagrams, streams: undefined }
    try {
      const { tls, trustedProxies } = webSocket
      return { datagrams, streams: await openWebSocketServer({ port: webSocket.port ?? datagrams.port, ...host, tls, trustedProxies }) }
    } catch (error) {
      await datagrams.close()
      const isTaken = error instanceof AltostratusError && error.code === 'PORT_IN_USE'
      if (!isTaken || port !== 0 || webSocket.port !== undefined || tries === PORT_TRIES) throw error
    }
  }
}

/** Numbers that are tried for a port that is free for UDP and TCP. */
const PORT_TRIES = 20
