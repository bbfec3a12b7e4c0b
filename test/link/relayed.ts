import { Address } from '../../src/base/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import { Relay, RelayingLink } from '../../src/introducer/relay.ts'
import type { RelayEnd } from '../../src/introducer/relay.ts'
import { Carrier } from '../../src/link/carrier.ts'
import type { Link } from '../../src/link/link.ts'
import type { LinkUnderTest } from './contract.ts'
import { until } from './until.ts'

/** How the players of a {@link RelayedWorld} reach the introducer between them. */
export interface Way {
  /** The introducer's end. */
  serve(): Promise<Link>
  /** A player's end; `greet` sends something that shows the introducer where it is. */
  connect(server: Link): Promise<{ readonly carrier: Carrier; readonly introducer: Address; readonly greet: () => void }>
}

/** Links that reach each other by relay paths alone. */
export class RelayedWorld implements LinkUnderTest {
  readonly hasAddresses = false
  readonly until = until
  private readonly way: Way
  private readonly relay = new Relay(seededRandom(1), { peerPackets: 1e9, peerBytes: 1e9, roomPackets: 1e9, roomBytes: 1e9 })
  private readonly ends = new Map<Link, RelayEnd>()
  private server: Promise<Link> | undefined = undefined
  private arrived: Address | undefined = undefined

  constructor(way: Way) {
    this.way = way
  }

  async open(): Promise<Link> {
    this.server ??= this.serve()
    const server = await this.server
    const { carrier, introducer, greet } = await this.way.connect(server)
    carrier.introducer = introducer
    this.arrived = undefined
    greet()
    await until(() => this.arrived !== undefined)
    const address: Address | undefined = this.arrived
    this.ends.set(carrier, this.relay.end(String(this.ends.size), address!))
    return carrier
  }

  addressOf(link: Link, viewer: Link): Address {
    const pathOf = (from: Link, to: Link): Address => this.relay.path(this.ends.get(from)!, this.ends.get(to)!, 'room', 0)!
    ;(link as Carrier).expect(pathOf(link, viewer))
    ;(viewer as Carrier).expect(pathOf(viewer, link))
    return pathOf(viewer, link)
  }

  async close(): Promise<void> {
    await (await this.server)?.close()
  }

  private async serve(): Promise<Link> {
    const server = await this.way.serve()
    const relaying = new RelayingLink(server, (datagram, from, link) => this.relay.forward(datagram, from, link, 0, () => {}))
    relaying.start((_datagram, from) => {
      this.arrived = from
    })
    return server
  }
}
