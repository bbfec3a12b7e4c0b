import { defaultBackend, defaultPolicy } from '#platform'
import { Address } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import type { Identity } from '../crypto/identity.ts'
import { DEFAULT_PORT } from '../introducer/constants.ts'
import type { RelayUse } from '../introducer/protocol.ts'
import type { RelayLimits } from '../introducer/relay.ts'
import { IntroducerServer } from '../introducer/server.ts'
import { parseIntroducerUrl } from '../introducer/url.ts'
import { JoinedLink } from '../link/joined.ts'
import { SimulatedClock } from '../link/simulated-clock.ts'
import { SimulatedGroup } from '../link/simulated-group.ts'
import { SimulatedNetwork } from '../link/simulated.ts'
import type { NatKind } from '../link/simulated-nat.ts'
import { SuspendableClock } from '../link/suspendable-clock.ts'
import { SimulatedStreams } from '../link/simulated-stream.ts'
import type { Conditions, SimulatedLink } from '../link/simulated.ts'
import type { Game } from '../room/definition.ts'
import { connectLan } from '../room/lan.ts'
import { Network } from '../room/network.ts'
import type { CreateOptions } from '../room/network.ts'
import type { Room } from '../room/room.ts'

/** What the simulated network does; everything follows from the seed. */
export interface SimulationOptions extends Partial<Omit<Conditions, 'latency'>> {
  /** The same seed gives the same run; 1 by default. */
  readonly seed?: number
  /** Round-trip time between any two, milliseconds; 40 by default. */
  readonly rtt?: number
  /** A peer that is silent for this many milliseconds is away; 2,000 by default. */
  readonly deadAfter?: number
  /** What NAT each player is behind, in the order in which they connect; from the start again when there are more. `open` by default. */
  readonly nat?: readonly NatKind[]
  /** How much the introducer passes on between players; `false` for nothing. */
  readonly relay?: RelayLimits | false
}

/** How one player is to be. */
export interface PlayerOptions {
  /** What NAT it is behind; what the simulation says by default. */
  readonly nat?: NatKind
  /** Another player, in whose home this one is: both are behind the same NAT. */
  readonly sameHomeAs?: Room<Game> | Network
  /** As `connect` has it. */
  readonly relay?: RelayUse
  /** Who it is; somebody new by default. */
  readonly identity?: Identity
}

/** How long players are waited for, in virtual time. Milliseconds. */
const PLAYERS_TIMEOUT = 60_000
/** Step in which a promise is waited for, in virtual time. Milliseconds. */
const STEP = 10
const DEFAULT_RTT = 40
/** Where a player's own introducer listens on the local network, and above. */
const LAN_SERVER_PORT = 40_000

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
  private readonly nats: readonly NatKind[]
  private readonly relay: RelayLimits | false
  private streams: SimulatedStreams
  /** @internal */
  introducerLink: SimulatedLink
  private server: IntroducerServer
  private readonly links = new Map<Network, SimulatedLink>()
  private readonly clocks = new Map<Network, SuspendableClock>()
  private readonly lan: SimulatedGroup
  /** Further links of a player's machine. */
  private readonly companions = new Map<SimulatedLink, SimulatedLink[]>()
  private nextSeed: number

  /** Use {@link simulate}. */
  constructor(options: SimulationOptions) {
    const { seed = 1, rtt = DEFAULT_RTT, deadAfter, nat = ['open'], relay = {}, ...conditions } = options
    this.deadAfter = deadAfter
    this.nats = nat
    this.relay = relay
    this.nextSeed = seed
    this.network = new SimulatedNetwork({ seed: this.newSeed(), clock: this.clock, conditions: { ...conditions, latency: rtt / 2 } })
    this.lan = new SimulatedGroup(this.network)
    this.introducerLink = this.network.createLink()
    this.streams = new SimulatedStreams(this.network, this.introducerLink)
    this.server = this.startServer()
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
  async connect(options: PlayerOptions = {}): Promise<Network> {
    const kind = options.nat ?? (this.nats[this.links.size % this.nats.length] as NatKind)
    const home = options.sameHomeAs === undefined ? undefined : this.linkOf(options.sameHomeAs).nat
    const link = this.network.createLink({ nat: home ?? (kind === 'open' ? undefined : this.network.createNat(kind)) })
    const { address } = this.introducerLink
    const clock = new SuspendableClock(this.clock)
    const network = new Network({
      link,
      openStream: () => this.streams.open(link),
      lookUp: () => Promise.resolve([this.introducerLink.address.host]),
      clock,
      backend: defaultBackend,
      random: seededRandom(this.newSeed()),
      policy: defaultPolicy,
      url: parseIntroducerUrl(`rtmfp://${address.host}:${DEFAULT_PORT}/#${this.server.identity.peerId}`),
      hosts: [address.host],
      identity: options.identity,
      deadAfter: this.deadAfter,
      relay: options.relay,
      onError: (error) => this.errors.push(error),
    })
    this.links.set(network, link)
    this.clocks.set(network, clock)
    await this.wait(network.introducer.connect(PLAYERS_TIMEOUT))
    return network
  }

  /** So many new players at one moment on the local network, where nobody else introduces them. As `connect('lan')`. */
  async lanPlayers(count: number): Promise<Network[]> {
    return this.wait(Promise.all(Array.from({ length: count }, () => this.startLan())))
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
    const link = this.linkOf(player)
    for (const each of [link, ...(this.companions.get(link) ?? [])]) each.crash()
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

  /**
   * Starts it again under the same identity, with no memory of what it held, and as if it had been killed before if it still runs.
   * @param elsewhere At another address, which the name that players know leads to from now on.
   */
  restartIntroducer(elsewhere = false): void {
    const { identity } = this.server
    const { address } = this.introducerLink
    this.introducerLink.crash()
    this.introducerLink = this.network.createLink(elsewhere ? {} : { address })
    this.streams = new SimulatedStreams(this.network, this.introducerLink)
    this.server = this.startServer(identity)
  }

  /** The player's machine goes to sleep: nothing runs on it, and what comes is lost, until {@link Simulation.resume}. */
  suspend(player: Room<Game> | Network): void {
    this.linkOf(player).isAsleep = true
    this.clockOf(player).suspend()
  }

  /** It wakes up. */
  resume(player: Room<Game> | Network): void {
    this.linkOf(player).isAsleep = false
    this.clockOf(player).resume()
  }

  /** The router that a player is behind forgets all mappings, as when it restarts. */
  flushNat(player: Room<Game> | Network): void {
    this.linkOf(player).nat?.flush()
  }

  /** @internal */
  get introducer(): IntroducerServer {
    return this.server
  }

  private startServer(identity?: Identity): IntroducerServer {
    return new IntroducerServer({
      ...(identity === undefined ? {} : { identity }),
      link: new JoinedLink(this.introducerLink, this.streams),
      relay: this.relay,
      clock: this.clock,
      backend: defaultBackend,
      random: seededRandom(this.newSeed()),
      policy: defaultPolicy,
    })
  }

  private async startLan(): Promise<Network> {
    const link = this.network.createLink()
    const clock = new SuspendableClock(this.clock)
    const { link: groupLink, ...group } = this.lan.join(link)
    const companions = [groupLink]
    this.companions.set(link, companions)
    const network = await connectLan({
      group,
      link,
      // What a player's own introducer listens on: another port of the same machine.
      openLink: () => {
        const own = this.network.createLink({ address: Address.of(link.address.ip, LAN_SERVER_PORT + companions.length) })
        companions.push(own)
        return Promise.resolve(own)
      },
      clock,
      backend: defaultBackend,
      random: seededRandom(this.newSeed()),
      policy: defaultPolicy,
      deadAfter: this.deadAfter,
      onError: (error) => this.errors.push(error),
    })
    this.links.set(network, link)
    this.clocks.set(network, clock)
    return network
  }

  private clockOf(player: Room<Game> | Network): SuspendableClock {
    return this.clocks.get(player instanceof Network ? player : player.network) as SuspendableClock
  }

  /** @internal */
  linkOf(player: Room | Network): SimulatedLink {
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
