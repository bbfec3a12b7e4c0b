import { parseArgs } from 'node:util'
import { LOCAL_INTRODUCER, MAX_NAME, MAX_SECONDS, PLAYER_OPTIONS, modeOf, parseSeconds, playerCommand, wrong } from '../common/arguments.ts'
import type { PlayerCommand, Wrong } from '../common/arguments.ts'
import { MAX_PLAYERS } from './rules.ts'

/** What the command line asks for. */
export type Command = { readonly kind: 'help' } | Wrong | ArenaCommand

export interface ArenaCommand {
  readonly kind: 'play'
  readonly player: PlayerCommand
  /** Bots that come along with this player. */
  readonly bots: number
  /** No screen: a bot plays, and lines are printed. */
  readonly isHeadless: boolean
  /** When to leave; without a screen alone. */
  readonly seconds: number
}

/** Lines of at most 80 characters. */
export const USAGE = `usage: npm run arena -- --create [--introducer URL] [--bots N] [--name NAME]
       npm run arena -- --join CODE [--introducer URL] [--bots N] [--name NAME]
       npm run arena -- --lan [--bots N] [--name NAME]

  --create          opens an arena and shows the code that others need
  --join CODE       joins the arena with that code
  --lan             plays with whoever is there on the local network, where
                    nobody needs to run an introducer
  --introducer URL  the introducer that brings players together, such as
                    rtmfp://play.example.com, port 1935 unless the URL has one.
                    Without it --create starts an introducer of its own and
                    shows its address, and --join asks
                    ${LOCAL_INTRODUCER}
  --bots N          brings N bots along; ${MAX_PLAYERS} players are there at most
  --name NAME       what the others see, up to ${MAX_NAME} characters
  --headless        needs no terminal: a bot plays, and each second a line of
                    JSON is printed that says how it stands
  --seconds N       how long, with --headless (default: until it is ended;
                    at most ${MAX_SECONDS})
  --help            prints this

Keys: arrows or w a s d run, x stands still, space shoots, h hands the host's
part over to another player, q quits.`

/** Reads the command line. Nothing is thrown: what cannot be understood comes back as `wrong`, with the reason. */
export function parseArguments(argv: readonly string[]): Command {
  let values
  try {
    values = parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }).values
  } catch (error) {
    return wrong((error as Error).message)
  }
  if (values.help === true) return { kind: 'help' }
  const mode = modeOf(values, ['create', 'join', 'lan'], { introducer: ['create', 'join'] })
  if (typeof mode !== 'string') return mode
  const player = playerCommand(values)
  if (player.kind === 'wrong') return player

  const { bots: count = '0', headless: isHeadless = false } = values
  const bots = /^\d{1,2}$/.test(count) ? Number(count) : Number.NaN
  if (!(bots < MAX_PLAYERS)) return wrong(`--bots is a number from 0 to ${MAX_PLAYERS - 1}, not ${JSON.stringify(count)}.`)
  if (values.seconds !== undefined && !isHeadless) return wrong('--seconds goes with --headless.')
  const seconds = values.seconds === undefined ? Infinity : parseSeconds(values.seconds)
  if (Number.isNaN(seconds)) return wrong(`--seconds is a number from 1 to ${MAX_SECONDS}, not ${JSON.stringify(values.seconds)}.`)
  return { kind: 'play', player, bots, isHeadless, seconds }
}

const OPTIONS = { ...PLAYER_OPTIONS, bots: { type: 'string' }, headless: { type: 'boolean' }, seconds: { type: 'string' } } as const
