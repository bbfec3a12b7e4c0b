import { Address } from '../base/address.ts'
import { GROUP_PORT } from './constants.ts'
import type { GroupHandler, GroupLink } from './group.ts'
import type { SimulatedLink, SimulatedNetwork } from './simulated.ts'

/** A local network's multicast group in virtual time: what one sends goes to each other member under the network's conditions. */
export class SimulatedGroup {
  private readonly network: SimulatedNetwork
  private readonly members = new Set<SimulatedLink>()

  constructor(network: SimulatedNetwork) {
    this.network = network
  }

  /** Takes part, at the address of a player's link. */
  join(player: SimulatedLink): GroupLink & { readonly link: SimulatedLink } {
    const link = this.network.createLink({ address: Address.of(player.address.ip, GROUP_PORT) })
    this.members.add(link)
    return {
      link,
      send: (datagram) => {
        for (const member of this.members) if (member !== link) link.send(datagram, member.address)
      },
      start: (handler: GroupHandler) => link.start((datagram, from) => handler(datagram, from.host)),
      close: () => {
        this.members.delete(link)
        void link.close()
      },
    }
  }
}
