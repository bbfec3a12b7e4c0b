import { networkInterfaces } from 'node:os'
import { AltostratusError, connect } from 'altostratus'
import type { Network } from 'altostratus'
import { createIntroducer } from 'altostratus/introducer'
import type { Introducer } from 'altostratus/introducer'
import { LOCAL_INTRODUCER } from './arguments.ts'
import type { Command } from './arguments.ts'
import { pong } from './definition.ts'
import type { PongRoom } from './definition.ts'

/** How long the other player is waited for who does not answer, in ms. */
const SEAT_GRACE = 5_000

export type PlayerCommand = Extract<Command, { kind: 'create' | 'join' }>

/** A room that this player is in, and what it took to get there. */
export interface Meeting {
  readonly room: PongRoom
  readonly introducerUrl: string
  /** Whether the introducer runs in this process, and ends with it. */
  readonly isOwnIntroducer: boolean
  close(): Promise<void>
}

/** What a player tells of themselves. */
export interface PongProfile {
  readonly name?: string
  /** The introducer ends with this player's process. */
  readonly isIntroducer?: boolean
}

/** Creates or joins a room. @param said Called with the introducer's URL before it is asked. */
export async function meet(command: PlayerCommand, said: (url: string) => void): Promise<Meeting> {
  const own = command.introducer === undefined ? await startIntroducer() : undefined
  const introducerUrl = own === undefined ? (command.introducer as string) : `rtmfp://127.0.0.1:${own.port}`
  let network: Network | undefined
  let room: PongRoom | undefined
  const close = async (): Promise<void> => {
    // The introducer keeps the place of a player whose connection is lost: tell it that this one is free.
    await room?.leave()
    await network?.close()
    await own?.close()
  }
  try {
    said(introducerUrl)
    network = await connect(introducerUrl)
    const profile = { isIntroducer: own !== undefined, ...(command.name === undefined ? {} : { name: command.name }) }
    room =
      command.kind === 'create'
        ? await network.create(pong, { capacity: 2, grace: SEAT_GRACE, profile })
        : await network.join(pong, { code: command.code, profile })
    return { room, introducerUrl, isOwnIntroducer: own !== undefined, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** On the port where `--join` looks first, if it is free. */
async function startIntroducer(): Promise<Introducer> {
  try {
    return await createIntroducer()
  } catch (error) {
    const isTaken = error instanceof AltostratusError && (error.code === 'PORT_IN_USE' || error.code === 'PORT_FORBIDDEN')
    if (!isTaken) throw error
    return createIntroducer({ port: 0 })
  }
}

/** What to type to join, for people on this machine and elsewhere; lines for the waiting screen. */
export function invitation({ room, introducerUrl, isOwnIntroducer }: Meeting): string[] {
  const command = `npm run pong -- --join ${room.code}`
  if (!isOwnIntroducer) return ['The other player types', `  ${command} --introducer ${introducerUrl}`]
  const here = introducerUrl === LOCAL_INTRODUCER ? command : `${command} --introducer ${introducerUrl}`
  const port = introducerUrl.slice(introducerUrl.lastIndexOf(':') + 1)
  const address = ownAddress()
  const elsewhere =
    address === undefined ? [] : ['', 'On another machine of this network', `  ${command} --introducer rtmfp://${address}:${port}`]
  return ['The other player types, on this machine', `  ${here}`, ...elsewhere, '', `Introducer, in this process: ${introducerUrl}`]
}

/** An IPv4 address by which others of the network may find this machine. */
function ownAddress(): string | undefined {
  for (const list of Object.values(networkInterfaces())) {
    for (const { address, family, internal } of list ?? []) if (family === 'IPv4' && !internal) return address
  }
  return undefined
}

/** What went wrong, and what a player of pong can do about it. */
export function explain(error: unknown, command: PlayerCommand): string {
  if (!(error instanceof AltostratusError)) return `pong: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  const advice = ADVICE[error.code]?.(command)
  return `pong: ${error.message}${advice === undefined ? '' : `\n${advice}`}`
}

const ADVICE: Record<string, (command: PlayerCommand) => string | undefined> = {
  INTRODUCER_UNREACHABLE: ({ kind, introducer }) =>
    kind === 'join' && introducer === LOCAL_INTRODUCER
      ? 'Has the other player opened the game, with `npm run pong -- --create`? If that is on another machine, add the --introducer that is shown there.'
      : undefined,
  ROOM_NOT_FOUND: () => 'Compare the code with the one on the other player’s screen; it is valid while that game is open.',
  ROOM_FULL: () => 'Two are playing already. Open another game with `npm run pong -- --create`.',
}
