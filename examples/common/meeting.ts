import { networkInterfaces } from 'node:os'
import { AltostratusError, connect } from 'altostratus'
import type { CreateOptions, Game, Network, Peer, Room } from 'altostratus'
import { createIntroducer } from 'altostratus/introducer'
import type { Introducer } from 'altostratus/introducer'
import { LOCAL_INTRODUCER, printableName } from './arguments.ts'
import type { PlayerCommand } from './arguments.ts'

/** What is played, and how it is started. */
export interface Example<G extends Game> {
  /** As in `npm run pong`. */
  readonly name: string
  readonly game: G
  /** What the room is like when this player makes it. */
  readonly room: Omit<CreateOptions, 'listed' | 'password'>
  /** What to say to somebody for whom there was no place. */
  readonly full: string
}

/** A room that this player is in, and what it took to get there. */
export interface Meeting<G extends Game> {
  readonly example: Example<G>
  readonly room: Room<G>
  /** `undefined` on a local network, where nobody has to run one. */
  readonly introducerUrl: string | undefined
  /** Whether the introducer runs in this process, and ends with it. */
  readonly isOwnIntroducer: boolean
  close(): Promise<void>
}

/** Creates or joins a room. @param said Called with what is asked for rooms, before it is asked. */
export async function meet<G extends Game>(
  example: Example<G>,
  command: PlayerCommand,
  said: (whom: string) => void = () => {},
): Promise<Meeting<G>> {
  const own = command.kind === 'create' && command.introducer === undefined ? await startIntroducer() : undefined
  const introducerUrl = own === undefined ? introducerOf(command) : `rtmfp://127.0.0.1:${own.port}`
  let network: Network | undefined
  let room: Room<G> | undefined
  const close = async (): Promise<void> => {
    // The introducer keeps the place of a player whose connection is lost: tell it that this one is free.
    await room?.leave()
    await network?.close()
    await own?.close()
  }
  try {
    said(introducerUrl === undefined ? 'Looking on the local network …' : `Asking the introducer at ${introducerUrl} …`)
    network = await connect(introducerUrl ?? 'lan')
    const profile = { isIntroducer: own !== undefined, ...(command.name === undefined ? {} : { name: command.name }) }
    room = await enter(network, example, command, profile)
    return { example, room, introducerUrl, isOwnIntroducer: own !== undefined, close }
  } catch (error) {
    await close()
    throw error
  }
}

function introducerOf(command: PlayerCommand): string | undefined {
  return command.kind === 'lan' ? undefined : command.introducer
}

function enter<G extends Game>(
  network: Network,
  { game, room }: Example<G>,
  command: PlayerCommand,
  profile: NonNullable<CreateOptions['profile']>,
): Promise<Room<G>> {
  switch (command.kind) {
    case 'create':
      return network.create(game, { ...room, profile })
    case 'join':
      return network.join(game, { code: command.code, profile })
    case 'lan':
      return network.quickMatch(game, { ...room, profile })
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
export function invitation<G extends Game>({ example, room, introducerUrl, isOwnIntroducer }: Meeting<G>): string[] {
  if (introducerUrl === undefined) return ['Another player of this network types', `  npm run ${example.name} -- --lan`]
  const command = `npm run ${example.name} -- --join ${room.code}`
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

/** What a player is called, if it has said so. */
export function nameOf(peer: Peer): string | undefined {
  const name = peer.profile['name']
  const printable = typeof name === 'string' ? printableName(name) : ''
  return printable === '' ? undefined : printable
}

/** What went wrong, and what a player can do about it. */
export function explain<G extends Game>(error: unknown, { name, full }: Example<G>, command: PlayerCommand): string {
  if (!(error instanceof AltostratusError)) return `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  const advice: Record<string, string> = {
    ROOM_NOT_FOUND: 'Compare the code with the one on the other player’s screen; it is valid while that game is open.',
    ROOM_FULL: full,
  }
  if (command.kind === 'join' && command.introducer === LOCAL_INTRODUCER) {
    advice['INTRODUCER_UNREACHABLE'] =
      `Has the other player opened the game, with \`npm run ${name} -- --create\`? If that is on another machine, add the --introducer that is shown there.`
  }
  const text = advice[error.code]
  return `${name}: ${error.message}${text === undefined ? '' : `\n${text}`}`
}
