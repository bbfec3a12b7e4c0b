import { createHash } from 'node:crypto'
import { entities, game, shared, t } from '../../src/entry/main.ts'
import type { EntityOf, Network, Room } from '../../src/entry/main.ts'

const value = { value: t.uint16 }
/** What a crate's first owner writes, at least. */
const HAD = 100
/** A game whose state is written by a script, the same in the simulator and in processes. */
export const scripted = game('test.scripted', {
  protocol: 1,
  entities: {
    tank: entities({ ...value, name: t.string(12) }),
    /** One that nobody has had yet can be claimed, so of all who claim it one has it. */
    crate: entities(value, { owner: 'host', claim: (crate) => crate.value < HAD }),
    flag: entities(value, { onLeave: 'host', claim: true }),
  },
  shared: shared({ phase: t.oneOf('lobby', 'play', 'over'), clock: t.uint16 }),
})

/** What a player can be told to do; all of it can be sent to another process. */
export type Order =
  | { readonly do: 'create' }
  | { readonly do: 'join'; readonly code: string }
  | { readonly do: 'spawn'; readonly kind: 'tank' | 'crate' | 'flag'; readonly value: number }
  | { readonly do: 'count'; readonly id: number; readonly to: number }
  | { readonly do: 'claim'; readonly id: number; readonly value: number }
  | { readonly do: 'give'; readonly id: number; readonly to: number }
  | { readonly do: 'share'; readonly phase: 'play' | 'over'; readonly clock: number }
  | { readonly do: 'leave' }
  | { readonly do: 'tell' }

/** What a player knows. */
export interface Knowledge {
  readonly order: number
  readonly code: string
  readonly host: number
  /** Orders of the others. */
  readonly others: readonly number[]
  /** Of all entities with their owners, and of the shared object. */
  readonly hash: string
  /** IDs of entities that it may write. */
  readonly mine: readonly number[]
  readonly all: readonly number[]
}

/** Seats of those who are killed are given up after so long. Milliseconds. */
const GRACE = 1_500
/** Between two writes, so that they go out one by one. Milliseconds. */
const WRITE_PAUSE = 10

type Thing = EntityOf<typeof value>

/** One player who does as it is told. */
export class Player {
  private readonly network: Network
  private readonly sleep: (milliseconds: number) => Promise<void>
  private seat: Room<typeof scripted> | undefined = undefined

  constructor(network: Network, sleep: (milliseconds: number) => Promise<void>) {
    this.network = network
    this.sleep = sleep
  }

  /** @returns The ID of what was spawned, whether a claim was granted, what it knows; nothing for other orders. */
  async obey(order: Order): Promise<unknown> {
    switch (order.do) {
      case 'create':
        this.seat = await this.network.create(scripted, { capacity: 8, grace: GRACE })
        return this.know()
      case 'join':
        this.seat = await this.network.join(scripted, { code: order.code })
        return this.know()
      case 'spawn':
        return this.room.entities[order.kind].spawn({ value: order.value }).id
      case 'count':
        return this.count(order.id, order.to)
      case 'claim':
        return this.claim(order.id, order.value)
      case 'give':
        return this.give(order.id, order.to)
      case 'share':
        return void Object.assign(this.room.shared, { phase: order.phase, clock: order.clock })
      case 'leave':
        return this.room.leave()
      case 'tell':
        return this.know()
    }
  }

  get room(): Room<typeof scripted> {
    if (this.seat === undefined) throw new Error('not in a room yet')
    return this.seat
  }

  /** Counts an entity up, one write after the other. */
  private async count(id: number, to: number): Promise<void> {
    const thing = this.find(id)
    while (thing.value < to) {
      thing.value++
      await this.sleep(WRITE_PAUSE)
    }
  }

  private async claim(id: number, to: number): Promise<boolean> {
    const thing = this.find(id)
    const isGranted = await thing.claim()
    if (isGranted) thing.value = to
    return isGranted
  }

  private give(id: number, to: number): void {
    if (to === this.room.self.order) return
    const peer = [...this.room.peers.values()].find(({ order }) => order === to)
    if (peer === undefined) throw new Error(`no member ${to}`)
    this.find(id).give(peer)
  }

  private find(id: number): Thing {
    const found = this.things().find((thing) => thing.id === id)
    if (found === undefined) throw new Error(`no entity ${id}`)
    return found
  }

  private things(): Thing[] {
    const { tank, crate, flag } = this.room.entities
    return [...tank, ...crate, ...flag] as Thing[]
  }

  private know(): Knowledge {
    const { self, host, peers, code, shared: common } = this.room
    const things = this.things().sort((a, b) => a.id - b.id)
    const owned = things.map((thing) => [thing.id, thing.owner?.order, thing.latest()])
    const text = JSON.stringify([owned, common.latest()])
    return {
      order: self.order,
      code,
      host: host.order,
      others: [...peers.values()].map(({ order }) => order).sort((a, b) => a - b),
      hash: createHash('sha256').update(text).digest('hex').slice(0, 16),
      mine: things.filter(({ isMine }) => isMine).map(({ id }) => id),
      all: things.map(({ id }) => id),
    }
  }
}

/** Where the script is played: in virtual time, or in processes. */
export interface Stage {
  /** A new player, who is connected to the introducer. */
  enter(name: string): Promise<void>
  /** Gives orders that are carried out at the same time. @returns What came of each */
  tell(orders: readonly (readonly [name: string, order: Order])[]): Promise<unknown[]>
  /** Carries out orders of which nobody waits for the end, since who does it may be killed. */
  begin(orders: readonly (readonly [name: string, order: Order])[]): void
  kill(name: string): void
  pause(milliseconds: number): Promise<void>
}

/** What came of it. */
export interface Result {
  readonly hash: string
  readonly host: string
  readonly players: number
  readonly entities: number
}

/** How often is looked whether something has come true, and how long at most. Milliseconds. */
const LOOK = 50
const PATIENCE = 60_000

/**
 * Four players make, claim, give and write things; the host is killed while all write, one comes late, one leaves. After each scene
 * is waited until all know the same.
 * @throws Error when two own one thing, a claim is granted to two or to nobody, or those who live do not come to know the same
 */
export async function playScript(stage: Stage): Promise<Result> {
  const play = new Play(stage)
  await play.opening()
  await play.loseHost()
  return play.ending()
}

class Play {
  private readonly stage: Stage
  private live: string[] = []
  private readonly orders = new Map<string, number>()
  private crates: number[] = []
  private readonly tanks = new Map<string, number>()

  constructor(stage: Stage) {
    this.stage = stage
  }

  async opening(): Promise<void> {
    await this.enter('Ada', { do: 'create' })
    const { code } = await this.knowledge('Ada')
    for (const name of ['Ben', 'Cay', 'Dan']) await this.enter(name, { do: 'join', code })
    for (let i = 0; i < 4; i++) this.crates.push(await this.tell<number>('Ada', { do: 'spawn', kind: 'crate', value: i }))
    const flag = await this.tell<number>('Ada', { do: 'spawn', kind: 'flag', value: 7 })
    await this.tell('Ada', { do: 'share', phase: 'play', clock: 1 })
    for (const name of this.live) this.tanks.set(name, await this.tell<number>(name, { do: 'spawn', kind: 'tank', value: 0 }))
    await this.agree('all have come')
    await this.contest(this.crates[0]!, 'Dan', 100)
    await this.tell('Ben', { do: 'claim', id: this.crates[1]!, value: 200 })
    await this.tell('Cay', { do: 'claim', id: flag, value: 300 })
    await this.agree('things have new owners')
  }

  /** All write when the host is killed: it and what it wrote last are lost, what the others write is not. */
  async loseHost(): Promise<void> {
    const { stage } = this
    const counts = ['Ben', 'Cay', 'Dan'].map((name) => [name, { do: 'count', id: this.tanks.get(name)!, to: 50 }] as const)
    stage.begin([['Ada', { do: 'count', id: this.tanks.get('Ada')!, to: 60_000 }], ...counts])
    await stage.pause(2 * LOOK)
    stage.kill('Ada')
    this.live = this.live.filter((name) => name !== 'Ada')
    await stage.tell(counts)
    await this.agree('there is a new host')
    const host = await this.host()
    await this.tell(host, { do: 'share', phase: 'play', clock: 2 })
    await this.contest(this.crates[2]!, 'Cay', 400)
    await this.agree('the new host decides')
  }

  async ending(): Promise<Result> {
    const { code } = await this.knowledge('Ben')
    await this.enter('Eve', { do: 'join', code })
    await this.agree('one has come late')
    this.tanks.set('Eve', await this.tell<number>('Eve', { do: 'spawn', kind: 'tank', value: 5 }))
    if (!(await this.tell<boolean>('Eve', { do: 'claim', id: this.crates[3]!, value: 500 })))
      throw new Error('the claim of one alone was refused')
    await this.tell('Dan', { do: 'leave' })
    this.live = this.live.filter((name) => name !== 'Dan')
    await this.agree('one has left')
    // Who the host is the script does not say: in the end nothing is the host's but what all hosts have.
    const host = await this.host()
    await this.tell(host, { do: 'give', id: this.crates[0]!, to: this.orders.get('Eve')! })
    await this.tell(host, { do: 'share', phase: 'over', clock: 3 })
    const known = await this.agree('it is over', (all) => all[this.live.indexOf('Eve')]!.mine.includes(this.crates[0]!))
    const [first] = known
    return { hash: first!.hash, host: await this.host(), players: known.length, entities: first!.all.length }
  }

  /** All claim one thing at the same time: one has it, and hands it to whom the script says. */
  private async contest(id: number, heir: string, value: number): Promise<void> {
    const names = this.live
    const granted = await this.stage.tell(names.map((name) => [name, { do: 'claim', id, value }]))
    const winners = names.filter((_, i) => granted[i] === true)
    const [winner, ...others] = winners
    if (winner === undefined || others.length > 0) throw new Error(`${id} was granted to ${winners.join(', ')}`)
    if (winner !== heir) await this.tell(winner, { do: 'give', id, to: this.orders.get(heir)! })
    await this.agree(`${heir} has ${id}`, (all) => all[this.live.indexOf(heir)]!.mine.includes(id))
  }

  private async enter(name: string, order: Order): Promise<void> {
    await this.stage.enter(name)
    const known = await this.tell<Knowledge>(name, order)
    this.orders.set(name, known.order)
    this.live.push(name)
  }

  private async tell<T>(name: string, order: Order): Promise<T> {
    const [answer] = await this.stage.tell([[name, order]])
    return answer as T
  }

  private knowledge(name: string): Promise<Knowledge> {
    return this.tell<Knowledge>(name, { do: 'tell' })
  }

  private async host(): Promise<string> {
    const { host } = await this.knowledge(this.live[0]!)
    return this.live.find((name) => this.orders.get(name) === host)!
  }

  /** Waits until all who live know the same, each thing has one owner, and nobody else is there. */
  private async agree(what: string, extra: (known: readonly Knowledge[]) => boolean = () => true): Promise<Knowledge[]> {
    const orders = this.live.map((name) => this.orders.get(name)!)
    let known: Knowledge[] = []
    for (let waited = 0; waited < PATIENCE; waited += LOOK) {
      known = (await this.stage.tell(this.live.map((name) => [name, { do: 'tell' }]))) as Knowledge[]
      const [first] = known
      const mine = known.flatMap((each) => each.mine)
      const isOne = known.every(
        ({ hash, host, others }) => hash === first!.hash && host === first!.host && others.length === orders.length - 1,
      )
      const isOwned = mine.length === first!.all.length && new Set(mine).size === mine.length
      if (isOne && isOwned && orders.includes(first!.host) && extra(known)) return known
      await this.stage.pause(LOOK)
    }
    throw new Error(`it did not come to this: ${what}. ${JSON.stringify(known)}`)
  }
}
