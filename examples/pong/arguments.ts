import { parseArgs } from 'node:util'
import { LOCAL_INTRODUCER, MAX_NAME, MAX_SECONDS, PLAYER_OPTIONS, modeOf, parseSeconds, playerCommand, wrong } from '../common/arguments.ts'
import type { PlayerCommand, Wrong } from '../common/arguments.ts'

/** What the command line asks for. */
export type Command =
  { readonly kind: 'help' } | Wrong | PlayerCommand | { readonly kind: 'bots'; readonly seconds: number; readonly json: boolean }

/** Lines of at most 80 characters. */
export const USAGE = `usage: npm run pong -- --create [--introducer URL] [--name NAME]
       npm run pong -- --join CODE [--introducer URL] [--name NAME]
       npm run pong -- --lan [--name NAME]
       npm run pong -- --bots [--seconds 5] [--json]

  --create          opens a game and shows the code that the other player needs
  --join CODE       joins the game with that code
  --lan             plays with whoever is there on the local network, where
                    nobody needs to run an introducer
  --introducer URL  the introducer that brings the two together, such as
                    rtmfp://play.example.com, port 1935 unless the URL has one.
                    Without it --create starts an introducer of its own and
                    shows its address, and --join asks
                    ${LOCAL_INTRODUCER}
  --name NAME       what the other player sees, up to ${MAX_NAME} characters
  --bots            an introducer and two bots, each a process of its own,
                    play over UDP
  --seconds N       how long the bots play (default 5, at most ${MAX_SECONDS})
  --json            prints the bots' figures as one line of JSON
  --help            prints this

Keys: arrow up and down, or w and s, move the paddle; q quits.`

/** Reads the command line. Nothing is thrown: what cannot be understood comes back as `wrong`, with the reason. */
export function parseArguments(argv: readonly string[]): Command {
  let values
  try {
    values = parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }).values
  } catch (error) {
    return wrong((error as Error).message)
  }
  if (values.help === true) return { kind: 'help' }
  const mode = modeOf(values, ['create', 'join', 'lan', 'bots'], ONLY_WITH)
  if (typeof mode !== 'string') return mode
  if (mode !== 'bots') return playerCommand(values)
  const { seconds: text = '5', json = false } = values
  const seconds = parseSeconds(text)
  if (Number.isNaN(seconds)) return wrong(`--seconds is a number from 1 to ${MAX_SECONDS}, not ${JSON.stringify(text)}.`)
  return { kind: 'bots', seconds, json }
}

const OPTIONS = { ...PLAYER_OPTIONS, bots: { type: 'boolean' }, seconds: { type: 'string' }, json: { type: 'boolean' } } as const

const ONLY_WITH = {
  seconds: ['bots'],
  json: ['bots'],
  introducer: ['create', 'join'],
  name: ['create', 'join', 'lan'],
} as const
