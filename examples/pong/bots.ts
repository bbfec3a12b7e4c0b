import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { BotReport, FromBot, ToBot } from './bot-messages.ts'
import { percentile } from './round-trips.ts'

/** How long processes may take to start, meet and end, beside the match itself. Milliseconds. */
const OVERHEAD = 20_000
/** How long a child that was told to end may take to do so. Milliseconds. */
const GRACE = 3_000
const SIGNALS: Record<string, number> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/** What `--bots --json` prints, on one line. */
export interface BotsResult {
  readonly introducerPid: number
  /** The host's, then the guest's. */
  readonly playerPids: readonly [number, number]
  /** How long the host played, in seconds. */
  readonly seconds: number
  /** As the host counts them: its own, then the guest's. */
  readonly points: readonly [number, number]
  /** Whether the guest has the same in the end, and never saw a point taken back. */
  readonly agree: boolean
  /** Round trips of messages between the two games, all of both players, in milliseconds. */
  readonly rttMs: { readonly p50: number | null; readonly p99: number | null }
  readonly path: string
  /** Of both players together. */
  readonly inputsSent: number
  readonly inputsReceived: number
}

/** Lets two bots play, in processes of their own, introduced by a third. @returns The exit code: 1 when anything is wrong. */
export async function playBots({ seconds, json }: { seconds: number; json: boolean }): Promise<number> {
  const family = new Family()
  const listeners = Object.entries(SIGNALS).map(([signal, exitCode]) => {
    const listener = (): void => {
      family.killAll()
      process.exit(exitCode)
    }
    process.on(signal, listener)
    return [signal, listener] as const
  })
  try {
    const { result, problems } = await match(family, seconds)
    console.log(json ? JSON.stringify(result) : summary(result))
    for (const problem of problems) console.error(`pong: ${problem}`)
    return problems.length === 0 ? 0 : 1
  } catch (error) {
    console.error(`pong: ${(error as Error).message}`)
    return 1
  } finally {
    await family.end()
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
}

async function match(family: Family, seconds: number): Promise<{ result: BotsResult; problems: string[] }> {
  const deadline = performance.now() + seconds * 1000 + OVERHEAD
  const introducer = family.start('./bot-introducer.js', 'the introducer')
  const host = family.start('./bot-player.js', 'the host')
  const guest = family.start('./bot-player.js', 'the guest')

  const { url } = await introducer.receive('listening', deadline)
  host.send({ kind: 'create', url, seconds })
  const { code } = await host.receive('created', deadline)
  guest.send({ kind: 'join', url, code })
  const [{ report: ofHost }, { report: ofGuest }] = await Promise.all([host.receive('over', deadline), guest.receive('over', deadline)])
  return evaluate([introducer.pid, host.pid, guest.pid], ofHost, ofGuest)
}

/** Puts the two reports together, and says what is wrong with them. */
export function evaluate(
  [introducerPid, hostPid, guestPid]: readonly [number, number, number],
  host: BotReport,
  guest: BotReport,
): { result: BotsResult; problems: string[] } {
  const roundTrips = [...host.roundTrips, ...guest.roundTrips]
  const rounded = (percent: number): number | null => {
    const value = percentile(roundTrips, percent)
    return value === undefined ? null : Math.round(value * 1000) / 1000
  }
  const agree = host.points[0] === guest.points[0] && host.points[1] === guest.points[1] && guest.isConsistent
  const result: BotsResult = {
    introducerPid,
    playerPids: [hostPid, guestPid],
    seconds: Math.round(host.seconds * 1000) / 1000,
    points: host.points,
    agree,
    rttMs: { p50: rounded(50), p99: rounded(99) },
    path: host.path === 'direct' ? guest.path : host.path,
    inputsSent: host.inputs.sent + guest.inputs.sent,
    inputsReceived: host.inputs.received + guest.inputs.received,
  }
  const problems: string[] = []
  if (!agree) problems.push(`the players disagree: the host has ${host.points.join(' : ')}, the guest has ${guest.points.join(' : ')}`)
  if (host.inputs.received === 0) problems.push('no input of the guest arrived')
  if (guest.inputs.received === 0) problems.push('no input of the host arrived')
  return { result, problems }
}

/** A result for people. */
export function summary(result: BotsResult): string {
  const { introducerPid, playerPids, seconds, points, agree, rttMs, path, inputsSent, inputsReceived } = result
  const ms = (value: number | null): string => (value === null ? 'not measured' : `${value.toFixed(2)} ms`)
  return [
    `Two bots played ${seconds.toFixed(1)} s of pong: ${points.join(' : ')}, and ${agree ? 'agree' : 'do not agree'} about it.`,
    `Processes: introducer ${introducerPid}, players ${playerPids.join(' and ')}. Path between the players: ${path}.`,
    `Round trip of a message: half within ${ms(rttMs.p50)}, 99 % within ${ms(rttMs.p99)}.`,
    `Inputs: ${inputsSent} sent, ${inputsReceived} arrived.`,
  ].join('\n')
}

type Kind = FromBot['kind']
type Said<K extends Kind> = Extract<FromBot, { kind: K }>

/** A process of ours that reports by messages. */
class Child {
  readonly pid: number
  private readonly process: ChildProcess
  private readonly what: string
  private readonly said: FromBot[] = []
  private failure: Error | undefined = undefined
  private wake: () => void = () => {}
  private readonly exited: Promise<void>

  constructor(process: ChildProcess, what: string) {
    this.process = process
    this.what = what
    this.pid = process.pid ?? -1
    process.on('message', (message) => {
      const said = message as FromBot
      if (said.kind === 'failed') this.fail(`${what}: ${said.message}`)
      else this.said.push(said)
      this.wake()
    })
    process.on('error', (error) => this.fail(`${what} could not be run: ${error.message}`))
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.fail(`${what} ended early (${signal ?? `exit code ${code}`})`)
        resolve()
      })
      if (process.pid === undefined) resolve()
    })
  }

  send(message: ToBot): void {
    if (this.process.connected) this.process.send(message, () => {})
  }

  /** Waits for a message of a kind. Rejects when the process fails, or at the deadline (ms of `performance.now`). */
  async receive<K extends Kind>(kind: K, deadline: number): Promise<Said<K>> {
    for (;;) {
      const found = this.said.find((message): message is Said<K> => message.kind === kind)
      if (found !== undefined) return found
      if (this.failure !== undefined) throw this.failure
      const wait = deadline - performance.now()
      if (wait <= 0) throw new Error(`${this.what} did not get to "${kind}" in time`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Tells it to end, and kills it when it does not. */
  async end(): Promise<void> {
    this.send({ kind: 'end' })
    const timer = setTimeout(() => this.kill(), GRACE)
    await this.exited
    clearTimeout(timer)
  }

  kill(): void {
    this.process.kill('SIGKILL')
  }

  private fail(message: string): void {
    this.failure ??= new Error(message)
    this.wake()
  }
}

/** The children of this process. Each ends by itself when it loses the connection to this one. */
class Family {
  private readonly children: Child[] = []

  start(file: string, what: string): Child {
    // Our standard output is for the result alone.
    const child = new Child(fork(new URL(file, import.meta.url), [], { stdio: ['ignore', 2, 2, 'ipc'] }), what)
    this.children.push(child)
    return child
  }

  killAll(): void {
    for (const child of this.children) child.kill()
  }

  /** The players first, so that the introducer sees them leave. */
  async end(): Promise<void> {
    const [introducer, ...players] = this.children
    await Promise.all(players.map((child) => child.end()))
    await introducer?.end()
  }
}
