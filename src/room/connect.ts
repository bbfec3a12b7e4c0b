import {
  defaultBackend,
  defaultPolicy,
  hasDatagrams,
  mapPort,
  openDatagramLink,
  openGroup,
  openStream,
  resolveHost,
  streamUrl,
  systemRandom,
} from '#platform'
import { importIdentity } from '../crypto/identity.ts'
import type { Identity } from '../crypto/identity.ts'
import { CONNECT_TIMEOUT } from '../introducer/constants.ts'
import type { RelayUse } from '../introducer/protocol.ts'
import { parseIntroducerUrl } from '../introducer/url.ts'
import { systemClock } from '../link/clock.ts'
import { Network } from './network.ts'

/** How to connect. */
export interface ConnectOptions {
  /** What `network.identity.export()` gave before: be the same player again. A fresh identity by default. */
  readonly identity?: Uint8Array
  /** A peer that is silent for this many milliseconds is away; 2,000 by default. */
  readonly deadAfter?: number
  /** Give up when the introducer has not answered after so many milliseconds; 5,000 by default. */
  readonly timeout?: number
  /**
   * Whether other players are reached by way of the introducer: `auto`, the default, where there is no other way; `always`, so that no player sees
   * another's address; `never`, where it must not carry anything: then some pairs of players do not reach each other, and
   * rooms with a password, a lock or bans can neither be joined (`RELAY_REFUSED`) nor let anybody in, since newcomers ask by the relay path.
   */
  readonly relay?: RelayUse
  /**
   * URL of the introducer's WebSockets, which are used where UDP does not get through, such as `wss://play.example.com/introducer` behind a
   * proxy; `false` for none. By default the introducer's host and port, with TLS if this is a page that came by it.
   */
  readonly webSocket?: string | false
  /** Certificates of authorities that vouch for `wss:` servers, PEM, instead of those that Node knows: for an introducer with a certificate of your own. Not in browsers. */
  readonly webSocketCa?: string
  /** UDP port of this end; any that is free by default. */
  readonly port?: number
  /**
   * Asks the router for a port that leads to this end, by PCP, NAT-PMP or UPnP, so that others reach it straight whatever their NAT is like; not by default.
   * It is given back when the network is closed. What became of it is in `network.portMapping`; when it fails, nothing else does. UPnP needs the package
   * `@silentbot1/nat-api` to be installed.
   */
  readonly portMapping?: boolean
  /** Takes what the game's listeners throw; by default it is thrown again where the process sees it. */
  readonly onError?: (error: unknown) => void
}

/** In place of an introducer's URL: those on the same local network. */
const LAN = 'lan'

/**
 * Connects to an introducer, by which rooms are made and found.
 * @param url `rtmfp://play.example.com`, with `:port` if it is not 1935 and `#fingerprint` to accept one identity only; or `lan`: the rooms of
 * those on the same local network, where nobody needs to run an introducer.
 * @throws AltostratusError `BAD_URL`, `HOST_UNKNOWN`, `INTRODUCER_UNREACHABLE`, `BAD_IDENTITY`, `MULTICAST_UNAVAILABLE`, or a socket's (`PORT_IN_USE`, …)
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Network> {
  const identity =
    options.identity === undefined ? undefined : importIdentity(options.identity, { backend: defaultBackend, random: systemRandom })
  if (url === LAN) return overLan(identity, options)
  const parsed = parseIntroducerUrl(url)
  const hosts = hasDatagrams ? await resolveHost(parsed.host) : []
  const link = hasDatagrams ? await openDatagramLink(options.port === undefined ? {} : { port: options.port }) : undefined
  const { webSocket = streamUrl(parsed.host.includes(':') ? `[${parsed.host}]` : parsed.host, parsed.port) } = options
  const network = new Network({
    link,
    clock: systemClock,
    backend: defaultBackend,
    random: systemRandom,
    policy: defaultPolicy,
    url: parsed,
    hosts,
    openStream: webSocket === false ? undefined : () => openStream(webSocket, options.webSocketCa),
    lookUp: hasDatagrams ? () => resolveHost(parsed.host) : undefined,
    identity,
    deadAfter: options.deadAfter,
    relay: options.relay,
    onError: options.onError,
    mapPort: options.portMapping === true && hasDatagrams ? mapPort : undefined,
    watchesAddresses: hasDatagrams,
  })
  try {
    await network.introducer.connect(options.timeout ?? CONNECT_TIMEOUT)
  } catch (error) {
    await network.close()
    throw error
  }
  return network
}

async function overLan(identity: Identity | undefined, options: ConnectOptions): Promise<Network> {
  // A browser has no use for it, and need not load it.
  const { connectLan } = await import('./lan.ts')
  const group = await openGroup()
  try {
    return await connectLan(
      {
        group,
        link: await openDatagramLink(options.port === undefined ? {} : { port: options.port }),
        openLink: () => openDatagramLink(),
        clock: systemClock,
        backend: defaultBackend,
        random: systemRandom,
        policy: defaultPolicy,
        identity,
        deadAfter: options.deadAfter,
        relay: options.relay,
        onError: options.onError,
      },
      options.timeout,
    )
  } catch (error) {
    group.close()
    throw error
  }
}
