import { defaultBackend, defaultPolicy } from '#platform'
import { seededRandom } from '../base/random.ts'
import type { Identity } from '../crypto/identity.ts'
import { DEFAULT_PORT } from '../introducer/constants.ts'
import { IntroducerServer } from '../introducer/server.ts'
import { parseIntroducerUrl } from '../introducer/url.ts'
import { SimulatedClock } from '../link/simulated-clock.ts'
import { SimulatedNetwork } from '../link/simulated.ts'
import type { Conditions, SimulatedLink } from '../link/simulated.ts'
import type { Game } from '../room/definition.ts'
import { Network } from '../room/network.ts'
import type { CreateOptions } from '../room/network.ts'
import type { Room } from '../room/room.ts'

/** What the simulated network does; everything follows from the seed. */
export interface SimulationOptions extends Partial<Omit<Conditions, 'latency'>> {
  /** The same seed gives the same run; 1 by default. */
  readonly seed?: number
  /** Round-trip time between any two, milliseconds; 40 by default. */
  readonly rtt?: number
  /** A peer that is silent for this many milliseconds is lost; 5,000 by default. */
  readonly deadAfter?: number
}

/** How long players are waited for, in virtual time. Milliseconds. */
const PLAYERS_TIMEOUT = 60_000
/** Step in which a promise is waited for, in virtual time. Milliseconds. */
const STEP = 10
const DEFAULT_RTT = 40

/** Starts a simulated network with an introducer in it. */
export function simulate(options: SimulationOptions = {}): Simulation {
  return new Simulation(options)
}

/** Players, an introducer and the network between them in virtual time: what takes a minute takes milliseconds, and runs the same each time. */
export class Simulation {
  readonly clock: SimulatedClock = new SimulatedClock()
  readonly network: SimulatedNetwork
  /** What listeners have thrown. */
  readonly errors: unknown[] = []
  private readonly deadAfter: number | undefined
  private introducerLink: SimulatedLink
  private server: IntroducerServer
  private readonly links = new Map<Network, SimulatedLink>()
  private nextSeed: number

  /** Use {@link simulate}. */
  constructor(options: SimulationOptions) {
    const { seed = 1, rtt = DEFAULT_RTT, deadAfter, ...conditions } = options
    this.deadAfter = deadAfter
    this.nextSeed = seed
    this.network = new SimulatedNetwork({ seed: this.newSeed(), clock: this.clock, conditions: { ...conditions, latency: rtt / 2 } })
    this.introducerLink = this.network.createLink()
    this.server = this.startServer(this.introducerLink)
  }

  /** Runs everything of the next `milliseconds` of virtual time. */
  async run(milliseconds: number): Promise<void> {
    await this.clock.runAsync(milliseconds)
  }

  /** Runs until the promise is settled. @throws what it rejects with, or AltostratusError `SIMULATION_TIMEOUT` after a minute of virtual time */
  async wait<T>(promise: Promise<T>, timeout: number = PLAYERS_TIMEOUT): Promise<T> {
    return this.clock.waitFor(promise, timeout)
  }

  /** A new player, connected to the introducer. */
  async connect(): Promise<Network> {
    const link = this.network.createLink()
    const { address } = this.introducerLink
    const network = new Network({
      link,
      clock: this.clock,
      backend: defaultBackend,
      random: seededRandom(this.newSeed()),
      policy: defaultPolicy,
      url: parseIntroducerUrl(`rtmfp://${address.host}:${DEFAULT_PORT}/#${this.server.identity.peerId}`),
      hosts: [address.host],
      deadAfter: this.deadAfter,
      onError: (error) => this.errors.push(error),
    })
    this.links.set(network, link)
    await this.wait(network.introducer.connect(PLAYERS_TIMEOUT))
    return network
  }

  /** So many players in one room, the first of them its host. */
  async players<G extends Game>(game: G, count: number, options: CreateOptions = {}): Promise<Room<G>[]> {
    const rooms: Room<G>[] = []
    for (let i = 0; i < count; i++) {
      const network = await this.connect()
      const first = rooms[0]
      const room = first === undefined ? network.create(game, options) : network.join(game, { code: first.code, timeout: PLAYERS_TIMEOUT })
      rooms.push(await this.wait(room))
    }
    await this.waitUntil(() => rooms.every((room) => room.peers.size === count - 1))
    return rooms
  }

  /** Runs until the condition holds. @throws when it does not within a minute of virtual time */
  async waitUntil(condition: () => boolean, timeout: number = PLAYERS_TIMEOUT): Promise<void> {
    for (let waited = 0; !condition(); waited += STEP) {
      if (waited >= timeout) throw new Error(`the condition did not come true in ${timeout} ms of virtual time`)
      await this.run(STEP)
    }
  }

  /** The player's machine loses power: nothing more comes from it. */
  crash(player: Room | Network): void {
    this.linkOf(player).crash()
  }

  /** The player's machine gets another address, as when it changes from Wi-Fi to mobile; nobody is told. */
  move(player: Room | Network): void {
    this.network.changeAddress(this.linkOf(player))
  }

  /** Lets only players of the same group reach each other, until {@link Simulation.heal}. The introducer is cut off from all that are named. */
  partition(...groups: readonly (readonly (Room | Network)[])[]): void {
    this.network.partition(...groups.map((group) => group.map((player) => this.linkOf(player))))
  }

  /** Nothing gets through between two players straight, either way, until {@link Simulation.unblock}; to the introducer it does. */
  block(one: Room<Game> | Network, other: Room<Game> | Network): void {
    this.setLoss(one, other, 1)
  }

  unblock(one: Room<Game> | Network, other: Room<Game> | Network): void {
    this.setLoss(one, other, this.network.conditions.loss)
  }

  heal(): void {
    this.network.heal()
  }

  /** The introducer is gone, without a word. */
  stopIntroducer(): void {
    this.network.partition([this.introducerLink])
  }

  /** Ends the introducer in order: its peers are told. */
  async closeIntroducer(): Promise<void> {
    await this.wait(this.server.close())
  }

  /** Starts it again under the same identity and address, with no memory of what it held. */
  restartIntroducer(): void {
    const { identity } = this.server
    this.introducerLink = this.network.createLink({ address: this.introducerLink.address })
    this.server = this.startServer(this.introducerLink, identity)
  }

  /** @internal */
  get introducer(): IntroducerServer {
    return this.server
  }

  private startServer(link: SimulatedLink, identity?: Identity): IntroducerServer {
    return new IntroducerServer({
      ...(identity === undefined ? {} : { identity }),
      link,
      clock: this.clock,
      backend: defaultBackend,
      random: seededRandom(this.newSeed()),
      policy: defaultPolicy,
    })
  }

  private linkOf(player: Room | Network): SimulatedLink {
    const network = player instanceof Network ? player : player.network
    return this.links.get(network) as SimulatedLink
  }

  private setLoss(one: Room<Game> | Network, other: Room<Game> | Network, loss: number): void {
    const [a, b] = [this.linkOf(one), this.linkOf(other)]
    this.network.setConditions(a, b, { loss })
    this.network.setConditions(b, a, { loss })
  }

  private newSeed(): number {
    return this.nextSeed++
  }
}
