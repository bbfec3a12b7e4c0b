import type { Address } from '../../src/base/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { Identity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { IntroducerClient } from '../../src/introducer/client.ts'
import type { IntroducerState } from '../../src/introducer/client.ts'
import { DEFAULT_PORT } from '../../src/introducer/constants.ts'
import type { RoomSettings } from '../../src/introducer/protocol.ts'
import { IntroducerServer, createServerIdentity } from '../../src/introducer/server.ts'
import { introducerUrl, parseIntroducerUrl } from '../../src/introducer/url.ts'
import { Driver } from '../../src/link/driver.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { SimulatedNetwork } from '../../src/link/simulated.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import { Endpoint } from '../../src/rtmfp/endpoint.ts'

/** A client half on an endpoint of its own, with nothing above it. */
export interface Player {
  readonly client: IntroducerClient
  readonly peerId: string
  readonly link: SimulatedLink
  /** What the client has told, in order. */
  readonly told: string[]
  readonly states: IntroducerState[]
}

/** Settings of a room. */
export function settings(changes: Partial<RoomSettings> = {}): RoomSettings {
  return { game: 'test.game', protocol: 1, capacity: 4, listed: true, properties: {}, ...changes }
}

/** An introducer and its clients in virtual time, without rooms or games. */
export class World {
  readonly clock: SimulatedClock = new SimulatedClock()
  readonly network: SimulatedNetwork = new SimulatedNetwork({ seed: 1, clock: this.clock, conditions: { latency: 20 } })
  readonly identity: Identity = createServerIdentity(nodeBackend, seededRandom(1))
  link: SimulatedLink = this.network.createLink()
  server: IntroducerServer = this.startServer(this.identity)
  private nextSeed = 100

  /** Ends the introducer without a word and starts one at the same address, which knows nothing of what was. */
  restart(identity: Identity = this.identity): void {
    const { address } = this.link
    this.link.crash()
    this.link = this.network.createLink({ address })
    this.server = this.startServer(identity)
  }

  /** A player that is not connected yet. @param fingerprint What the URL is pinned to; `null` for nothing. @param address Where it is. */
  player(fingerprint: string | null = this.identity.peerId, address?: Address): Player {
    const link = this.network.createLink(address === undefined ? {} : { address })
    const { clock } = this
    const random = seededRandom(this.nextSeed++)
    const parts = { backend: nodeBackend, random }
    const identity = createIdentity(parts)
    const endpoint = new Endpoint({ ...parts, identity })
    const driver = new Driver({ endpoint, link, clock, onEvent: (event) => void client.handle(event) })
    const client = new IntroducerClient({
      url: parseIntroducerUrl(introducerUrl(this.link.address.host, DEFAULT_PORT, fingerprint ?? undefined)),
      candidates: [this.link.address],
      localAddresses: link.addresses,
      endpoint,
      clock,
      kick: () => driver.kick(),
    })
    const told: string[] = []
    const states: IntroducerState[] = []
    client.on('joined', (_, { peerId, order }) => told.push(`joined ${order} ${peerId}`))
    client.on('left', (_, peerId) => told.push(`left ${peerId}`))
    client.on('state', (state) => states.push(state))
    return { client, peerId: identity.peerId, link, told, states }
  }

  /** A player that is connected. */
  async connected(fingerprint?: string | null): Promise<Player> {
    const player = this.player(fingerprint)
    await this.wait(player.client.connect())
    return player
  }

  wait<T>(promise: Promise<T>): Promise<T> {
    return this.clock.waitFor(promise, 120_000)
  }

  run(milliseconds: number): Promise<void> {
    return this.clock.runAsync(milliseconds)
  }

  private startServer(identity: Identity): IntroducerServer {
    const { link, clock } = this
    return new IntroducerServer({ link, clock, backend: nodeBackend, random: seededRandom(2 + this.clock.now()), identity })
  }
}
