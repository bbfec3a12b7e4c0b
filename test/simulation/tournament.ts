import { createHash } from 'node:crypto'
import { toHex } from '../../src/base/bytes.ts'
import { randomUnit, seededRandom } from '../../src/base/random.ts'
import { entities, game, shared, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import type { Engine } from '../../src/sync/engine.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { Simulation } from '../../src/testing/simulate.ts'

const place = t.fixed(-512, 512, 0.01)
export const tournament = game('test.tournament', {
  protocol: 1,
  entities: {
    tank: entities({ x: place, y: place, hp: t.uint8, name: t.string(12) }, { smooth: ['x', 'y'] }),
    crate: entities({ x: t.float32, what: t.array(t.oneOf('gold', 'iron', 'wood'), 3) }, { owner: 'host' }),
    flag: entities({ at: t.vec2(place), turn: t.quaternion() }, { onLeave: 'host', claim: true }),
  },
  shared: shared({ phase: t.oneOf('lobby', 'play', 'over'), clock: t.uint16, scores: t.map(t.uint8, 12, 16) }),
})
type Player = Room<typeof tournament>

/** Steps of a run, and what each takes. */
const STEPS = 60
const STEP = 150
const MAX_PLAYERS = 12
const DEAD_AFTER = 2_000
/** How long seats are kept: less than some partitions last. Milliseconds. */
const GRACE = 12_000
/** After the last step: partitions heal, losses are noticed, seats are given up, all is said. Milliseconds. */
const SETTLING = DEAD_AFTER + GRACE + 12_000

export interface Outcome {
  readonly players: number
  readonly hosts: readonly string[]
  readonly hashes: readonly string[]
  /** Entities that two members of one side could write at the same time. */
  readonly twoOwners: readonly string[]
  readonly leaks: readonly string[]
  readonly errors: readonly unknown[]
  /** Entities that are not the same at all, for whoever has to find out why. */
  readonly differences: readonly string[]
  readonly counts: Readonly<Record<string, number>>
}

/** Players who join, leave, crash, move and write under loss, all by chance; everything follows from the seed. @param guarded Whether newcomers are told addresses only when they are in. */
export async function runTournament(seed: number, guarded = false): Promise<Outcome> {
  const random = seededRandom(seed)
  const below = (n: number): number => Math.floor(randomUnit(random) * n)
  const net = simulate({ seed, rtt: 20 + below(100), jitter: below(20), loss: randomUnit(random) * 0.15, deadAfter: DEAD_AFTER })
  const run = new Run(net, below)
  await run.begin(3 + below(4), guarded)
  for (let step = 0; step < STEPS; step++) {
    await run.act()
    for (let i = 0; i < 3; i++) {
      await net.run(STEP / 3)
      run.checkOwners()
    }
  }
  net.heal()
  await net.run(SETTLING)
  run.checkOwners()
  return run.outcome()
}

/** What is not as it has to be in the end. */
export function faultsOf({ hosts, hashes, twoOwners, leaks, errors, differences }: Outcome): string[] {
  return [
    ...(hosts.length === 1 ? [] : [`${hosts.length} hosts`]),
    ...(hashes.length === 1 ? [] : [`${hashes.length} states`, ...differences]),
    ...twoOwners.map((entity) => `two owners of ${entity}`),
    ...leaks,
    ...errors.map(String),
  ]
}

/** Who is banned so that a room is guarded. */
const NOBODY = '7'.repeat(64)

class Run {
  readonly counts: Record<string, number> = {}
  private readonly twoOwners: string[] = []
  private readonly live: Player[] = []
  private readonly gone: Player[] = []
  private readonly pending: Promise<unknown>[] = []
  private isApart = false
  private readonly net: Simulation
  private readonly below: (n: number) => number

  constructor(net: Simulation, below: (n: number) => number) {
    this.net = net
    this.below = below
  }

  async begin(count: number, guarded: boolean): Promise<void> {
    this.live.push(...(await this.net.players(tournament, count, { capacity: 16, grace: GRACE })))
    if (guarded) await this.net.wait((this.live[0] as Player).ban(NOBODY))
  }

  async act(): Promise<void> {
    const dice = this.below(100)
    if (dice < 5 && this.live.length < MAX_PLAYERS && !this.isApart) await this.join()
    else if (dice < 8 && this.live.length > 3) this.leave()
    else if (dice < 11 && this.live.length > 3) this.crash()
    else if (dice < 14) this.move()
    else if (dice < 16 && !this.isApart) this.part()
    else if (dice < 20 && this.isApart) this.heal()
    for (const player of this.live) if (this.below(2) === 0) this.play(player)
  }

  /**
   * Of each entity one may be the owner on each side: members who follow the same host are on one, unless another was that host's host meanwhile:
   * who has not heard yet that it is the host anew was left behind with what it was before, and nobody follows that any more.
   */
  checkOwners(): void {
    const owners = new Set<string>()
    for (const player of this.live) {
      for (const record of engineOf(player).world.records.values()) {
        if (!record.isMine) continue
        const key = `${player.host.id.slice(0, 6)} ${player.core.membership.began} ${record.type.name} ${record.id}`
        if (owners.has(key)) this.twoOwners.push(key)
        owners.add(key)
      }
    }
  }

  outcome(): Outcome {
    const { live } = this
    return {
      players: live.length,
      hosts: [...new Set(live.map((player) => player.host.id))],
      hashes: [...new Set(live.map((player) => createHash('sha256').update(engineOf(player).world.serialise()).digest('hex')))],
      twoOwners: this.twoOwners,
      leaks: [
        ...live.flatMap((player) => this.leaksOf(player)),
        ...this.gone.filter((player) => engineOf(player).world.links.size > 0).map(() => 'links of a room that was left'),
      ],
      errors: this.net.errors,
      differences: new Set(live.map((player) => toHex(engineOf(player).world.serialise()))).size > 1 ? this.differences() : [],
      counts: this.counts,
    }
  }

  private differences(): string[] {
    const ids = new Set(this.live.flatMap((player) => [...engineOf(player).world.records.keys()]))
    return [...ids].flatMap((id) => {
      const seen = this.live.map((player) => {
        const { world } = engineOf(player)
        const record = world.records.get(id)
        if (record === undefined) return `${player.self.order} none, owner ${world.ownerOf(id)}, term ${world.termOf(id)}`
        return `${player.self.order} owner ${record.owner}, term ${record.term}, ${record.isMine} ${JSON.stringify(record.object.latest())}`
      })
      return new Set(seen.map((text) => text.replace(/^\d+ /, '').replace('true', 'false'))).size > 1 ? [`${id}: ${seen.join(' | ')}`] : []
    })
  }

  private leaksOf(player: Player): string[] {
    const { world } = engineOf(player)
    const leaks: string[] = []
    if (world.links.size !== this.live.length - 1) leaks.push(`${world.links.size} links for ${this.live.length} players`)
    if (world.slots.filter((record) => record !== undefined).length !== [...world.records.values()].filter((r) => r.slot >= 0).length)
      leaks.push('slots')
    for (const link of world.links.values()) if (link.stats.malformed > 0) leaks.push(`malformed ${link.stats.malformed}`)
    return leaks
  }

  private async join(): Promise<void> {
    this.count('join')
    const network = await this.net.connect()
    const { code } = this.live[0]!
    const room = await this.net.wait(network.join(tournament, { code, timeout: 20_000 }).catch(() => undefined))
    if (room === undefined) this.count('join refused')
    else this.live.push(room)
  }

  private leave(): void {
    this.count('leave')
    const [player] = this.live.splice(this.below(this.live.length), 1)
    this.gone.push(player!)
    this.pending.push(player!.leave())
  }

  private crash(): void {
    this.count('crash')
    const [player] = this.live.splice(this.below(this.live.length), 1)
    this.net.crash(player!)
  }

  private move(): void {
    this.count('move')
    this.net.move(this.live[this.below(this.live.length)]!)
  }

  private part(): void {
    this.count('partition')
    this.isApart = true
    const at = 1 + this.below(this.live.length - 1)
    this.net.partition(this.live.slice(0, at), this.live.slice(at))
  }

  private heal(): void {
    this.isApart = false
    this.net.heal()
  }

  private count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  private play(player: Player): void {
    const { tank, crate, flag } = player.entities
    const any = <T>(things: Iterable<T>): T | undefined => {
      const list = [...things]
      return list[this.below(list.length)]
    }
    const plays: (() => void)[] = [
      () => void (tank.size < 20 && tank.spawn({ x: this.below(500), name: `t${this.below(99)}` })),
      () => void (flag.size < 20 && flag.spawn({ at: { x: this.below(500), y: 1 } })),
      () => void (player.isHost && crate.size < 20 && crate.spawn({ x: this.below(99), what: ['gold'] })),
      () => this.writeTo(player),
      () => this.writeTo(player),
      () => this.claim(any(crate)),
      () => this.claim(any(flag)),
      () => {
        const mine = any([...tank].filter((one) => one.isMine))
        if (mine !== undefined && this.below(4) === 0) mine.despawn()
      },
      () => {
        const mine = any([...flag].filter((one) => one.isMine))
        const to = any(player.peers.values())
        if (mine === undefined || to === undefined) return
        this.count('give')
        mine.give(to)
      },
    ]
    plays[this.below(plays.length)]!()
  }

  private writeTo(player: Player): void {
    for (const one of player.entities.tank) if (one.isMine) Object.assign(one, { x: this.below(1_000) / 2 - 250, hp: this.below(256) })
    for (const one of player.entities.crate)
      if (one.isMine) Object.assign(one, { x: this.below(1_000) / 7, what: ['iron', 'wood'].slice(this.below(3)) })
    for (const one of player.entities.flag) if (one.isMine) one.at = { x: this.below(500), y: -this.below(500) }
    if (player.shared.isMine) Object.assign(player.shared, { clock: this.below(60_000), phase: 'play', scores: { ada: this.below(200) } })
  }

  private claim(one: { claim(): Promise<boolean> } | undefined): void {
    if (one === undefined) return
    this.count('claim')
    this.pending.push(
      one.claim().then((granted) => {
        if (granted) this.count('granted')
      }),
    )
  }
}

function engineOf(player: Player): Engine {
  return (player.entities.tank as unknown as { readonly engine: Engine }).engine
}
