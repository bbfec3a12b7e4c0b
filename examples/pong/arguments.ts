import { parseArgs } from 'node:util'

/** Where a player looks for an introducer when the command does not name one: a `--create` on the same machine opens this one first. */
export const LOCAL_INTRODUCER = 'rtmfp://127.0.0.1:1935'
/** The longest match of two bots, in seconds. */
export const MAX_SECONDS = 3600
/** The longest name of a player, in characters; the screen has room for two of them. */
export const MAX_NAME = 16

/** What the command line asks for. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly why: string }
  | { readonly kind: 'create'; readonly introducer: string | undefined; readonly name: string | undefined }
  | { readonly kind: 'join'; readonly code: string; readonly introducer: string; readonly name: string | undefined }
  | { readonly kind: 'bots'; readonly seconds: number; readonly json: boolean }

/** Lines of at most 80 characters. */
export const USAGE = `usage: npm run pong -- --create [--introducer URL] [--name NAME]
       npm run pong -- --join CODE [--introducer URL] [--name NAME]
       npm run pong -- --bots [--seconds 5] [--json]

  --create          opens a game and shows the code that the other player needs
  --join CODE       joins the game with that code
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

  const modes = (['create', 'join', 'bots'] as const).filter((mode) => values[mode] !== undefined)
  const mode = modes[0]
  if (mode === undefined) return wrong('Say --create, --join CODE or --bots.')
  if (modes.length > 1) return wrong(`--${modes.join(' and --')} exclude each other.`)
  for (const [option, owners] of Object.entries(ONLY_WITH)) {
    if (values[option as keyof typeof values] !== undefined && !owners.includes(mode)) {
      return wrong(`--${option} goes with --${owners.join(' and --')}.`)
    }
  }
  if (mode === 'bots') return bots(values.seconds ?? '5', values.json === true)
  return player(values)
}

const OPTIONS = {
  create: { type: 'boolean' },
  join: { type: 'string' },
  introducer: { type: 'string' },
  name: { type: 'string' },
  bots: { type: 'boolean' },
  seconds: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const ONLY_WITH: Record<string, readonly string[]> = {
  seconds: ['bots'],
  json: ['bots'],
  introducer: ['create', 'join'],
  name: ['create', 'join'],
}

function bots(text: string, json: boolean): Command {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds >= 1 && seconds <= MAX_SECONDS))
    return wrong(`--seconds is a number from 1 to ${MAX_SECONDS}, not ${JSON.stringify(text)}.`)
  return { kind: 'bots', seconds, json }
}

function player(values: { join?: string; introducer?: string; name?: string }): Command {
  const { introducer, join } = values
  if (introducer !== undefined && !/^rtmfp:\/\/[^\s]+$/i.test(introducer)) {
    return wrong(`--introducer is a URL such as ${LOCAL_INTRODUCER}, not ${JSON.stringify(introducer)}.`)
  }
  const name = values.name === undefined ? undefined : printableName(values.name)
  if (name === '') return wrong('--name has no character that can be shown.')
  if (join === undefined) return { kind: 'create', introducer, name }
  const code = join.trim().toUpperCase()
  if (!/^[A-Z0-9]{4,16}$/.test(code))
    return wrong(`--join takes the code that the other player sees, such as KFQ7, not ${JSON.stringify(join)}.`)
  return { kind: 'join', code, introducer: introducer ?? LOCAL_INTRODUCER, name }
}

/** A name as the screen may show it: no control characters, so that a peer's name cannot steer the terminal, and no longer than {@link MAX_NAME}. */
export function printableName(text: string): string {
  const visible = text
    .replace(/[\p{C}\p{M}\p{Zl}\p{Zp}]/gu, '')
    .replace(/\s+/g, ' ')
    .trim()
  return Array.from(visible).slice(0, MAX_NAME).join('')
}

function wrong(why: string): Command {
  return { kind: 'wrong', why }
}
