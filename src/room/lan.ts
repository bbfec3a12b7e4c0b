import { CONNECT_TIMEOUT } from '../introducer/constants.ts'
import { LanIntroduction } from '../introducer/lan.ts'
import type { GroupLink } from '../link/group.ts'
import type { Link } from '../link/link.ts'
import { Network } from './network.ts'
import type { NetworkParts } from './network.ts'

/** What a network on a local network is made of. */
export interface LanNetworkParts extends Omit<NetworkParts, 'url' | 'hosts' | 'onClose'> {
  readonly group: GroupLink
  /** Opens what an introducer of this process's own listens on, when it comes to that. */
  readonly openLink: () => Promise<Link>
}

/** Joins those on the same local network; nobody has to run an introducer. @throws AltostratusError `INTRODUCER_UNREACHABLE` */
export async function connectLan(parts: LanNetworkParts, timeout: number = CONNECT_TIMEOUT): Promise<Network> {
  const { group, openLink, clock, random, backend } = parts
  let network: Network | undefined = undefined
  const lan = new LanIntroduction({
    group,
    clock,
    random,
    backend,
    openLink,
    onMoved: ({ url, hosts }) => network?.relocate(url, hosts),
    isConnected: () => network?.introducer.state === 'connected',
  })
  const { url, hosts } = await lan.find()
  network = new Network({ ...parts, url, hosts, onClose: () => lan.close() })
  try {
    await network.introducer.connect(timeout)
  } catch (error) {
    await network.close()
    throw error
  }
  return network
}
