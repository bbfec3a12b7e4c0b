/**
 * The script of scripted.ts in processes of their own, over UDP on the loopback interface, with an introducer in a process too; and in the
 * simulator. This file is each of those processes: `introducer`, `player URL`, or, imported, the one that starts them.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createIntroducer } from '../../src/entry/introducer.ts'
import { connect } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'
import type { Simulation } from '../../src/testing/simulate.ts'
import { Player, playScript } from './scripted.ts'
import type { Order, Result, Stage } from './scripted.ts'

const [role, url] = process.argv.slice(2)
if (process.send !== undefined && role === 'introducer') await introduce()
else if (process.send !== undefined && role === 'player' && url !== undefined) await play(url)

interface Request {
  readonly id: number
  readonly order: Order
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

async function introduce(): Promise<void> {
  process.on('disconnect', () => process.exit(0))
  const introducer = await createIntroducer({ port: 0, host: '127.0.0.1' })
  process.send?.({ id: 0, result: introducer.url } satisfies Answer)
}

async function play(introducerUrl: string): Promise<void> {
  process.on('disconnect', () => process.exit(0))
  const player = new Player(await connect(introducerUrl), (milliseconds) => sleep(milliseconds))
  process.on('message', ({ id, order }: Request) => {
    player.obey(order).then(
      (result) => process.send?.({ id, result } satisfies Answer),
      (error: unknown) => process.send?.({ id, error: String(error) } satisfies Answer),
    )
  })
  process.send?.({ id: 0 } satisfies Answer)
}

/** A process of ours; a request of which the answer does not come fails with the process. */
class Child {
  readonly ready: Promise<unknown>
  private readonly process: ChildProcess
  private readonly waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  private nextId = 1

  constructor(file: string, args: readonly string[]) {
    this.process = fork(file, args, { stdio: ['ignore', 2, 2, 'ipc'], execArgv: ['--enable-source-maps'] })
    this.ready = this.wait(0)
    this.process.on('message', ({ id, result, error }: Answer) => {
      if (error === undefined) this.waiting.get(id)?.resolve(result)
      else this.waiting.get(id)?.reject(new Error(error))
      this.waiting.delete(id)
    })
    this.process.once('exit', (code, signal) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`a process ended (${signal ?? code})`))
    })
  }

  ask(order: Order): Promise<unknown> {
    const id = this.nextId++
    const answer = this.wait(id)
    this.process.send({ id, order } satisfies Request)
    return answer
  }

  kill(): void {
    this.process.kill('SIGKILL')
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    this.kill()
    await once(this.process, 'exit')
  }

  private wait(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }))
  }
}

/** @param file This file, as plain node runs it. */
export async function runReal(file: string): Promise<Result> {
  const introducer = new Child(file, ['introducer'])
  const players = new Map<string, Child>()
  const child = (name: string): Child => players.get(name) as Child
  const stage: Stage = {
    async enter(name) {
      const player = new Child(file, ['player', String(await introducer.ready)])
      players.set(name, player)
      await player.ready
    },
    tell: (orders) => Promise.all(orders.map(([name, order]) => child(name).ask(order))),
    begin: (orders) => void Promise.allSettled(orders.map(([name, order]) => child(name).ask(order))),
    kill: (name) => child(name).kill(),
    pause: (milliseconds) => sleep(milliseconds),
  }
  try {
    return await playScript(stage)
  } finally {
    await Promise.all([...players.values(), introducer].map((each) => each.end()))
  }
}

/** The same script in virtual time, on a network that loses. */
export async function runSimulated(seed: number): Promise<Result> {
  const net = simulate({ seed, rtt: 60, jitter: 10, loss: 0.05 })
  const players = new Map<string, Player>()
  const player = (name: string): Player => players.get(name) as Player
  const stage: Stage = {
    async enter(name) {
      players.set(name, new Player(await net.connect(), (milliseconds) => sleepIn(net, milliseconds)))
    },
    tell: (orders) => net.wait(Promise.all(orders.map(([name, order]) => player(name).obey(order)))),
    begin: (orders) => void Promise.allSettled(orders.map(([name, order]) => player(name).obey(order))),
    kill: (name) => net.crash(player(name).room),
    pause: (milliseconds) => net.run(milliseconds),
  }
  const result = await playScript(stage)
  if (net.errors.length > 0) throw new Error(`listeners threw: ${net.errors.map(String).join(', ')}`)
  return result
}

function sleepIn(net: Simulation, milliseconds: number): Promise<void> {
  return new Promise((resolve) => net.clock.at(net.clock.now() + milliseconds, resolve))
}
