/** Where a player looks for an introducer when the command does not name one: a `--create` on the same machine opens this one first. */
export const LOCAL_INTRODUCER = 'rtmfp://127.0.0.1:1935'
/** The longest name of a player, in characters; the screen has room for two of them. */
export const MAX_NAME = 16
/** The longest run of bots, in seconds. */
export const MAX_SECONDS = 3600

/** How a player gets into a room. */
export type PlayerCommand =
  | { readonly kind: 'create'; readonly introducer: string | undefined; readonly name: string | undefined }
  | { readonly kind: 'join'; readonly code: string; readonly introducer: string; readonly name: string | undefined }
  | { readonly kind: 'lan'; readonly name: string | undefined }

/** What cannot be understood, and why. */
export interface Wrong {
  readonly kind: 'wrong'
  readonly why: string
}

/** The options of {@link playerCommand}, as `parseArgs` takes them. */
export const PLAYER_OPTIONS = {
  create: { type: 'boolean' },
  join: { type: 'string' },
  lan: { type: 'boolean' },
  introducer: { type: 'string' },
  name: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

interface PlayerValues {
  readonly create?: boolean
  readonly join?: string
  readonly lan?: boolean
  readonly introducer?: string
  readonly name?: string
}

/** Makes a command of what `--create`, `--join`, `--lan`, `--introducer` and `--name` say. */
export function playerCommand(values: PlayerValues): PlayerCommand | Wrong {
  const { introducer, join } = values
  if (introducer !== undefined && !/^rtmfp:\/\/[^\s]+$/i.test(introducer)) {
    return wrong(`--introducer is a URL such as ${LOCAL_INTRODUCER}, not ${JSON.stringify(introducer)}.`)
  }
  const name = values.name === undefined ? undefined : printableName(values.name)
  if (name === '') return wrong('--name has no character that can be shown.')
  if (values.lan === true) return { kind: 'lan', name }
  if (join === undefined) return { kind: 'create', introducer, name }
  const code = join.trim().toUpperCase()
  if (!/^[A-Z0-9]{4,16}$/.test(code))
    return wrong(`--join takes the code that the other player sees, such as KFQ7B, not ${JSON.stringify(join)}.`)
  return { kind: 'join', code, introducer: introducer ?? LOCAL_INTRODUCER, name }
}

/** The one mode that was asked for; `owners` says which options go with which modes. */
export function modeOf<M extends string>(
  values: Readonly<Record<string, unknown>>,
  modes: readonly M[],
  owners: Readonly<Record<string, readonly M[]>>,
): M | Wrong {
  const [mode, ...others] = modes.filter((each) => values[each] !== undefined)
  if (mode === undefined) return wrong(`Say ${list(modes.map((each) => (each === 'join' ? 'join CODE' : each)))}.`)
  if (others.length > 0) return wrong(`--${[mode, ...others].join(' and --')} exclude each other.`)
  for (const [option, having] of Object.entries(owners)) {
    if (values[option] !== undefined && !having.includes(mode)) return wrong(`--${option} goes with --${having.join(' and --')}.`)
  }
  return mode
}

function list(modes: readonly string[]): string {
  const named = modes.map((mode) => `--${mode}`)
  return `${named.slice(0, -1).join(', ')} or ${named.at(-1)}`
}

/** @returns `NaN` when the text is not a number from 1 to {@link MAX_SECONDS}. */
export function parseSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  return seconds >= 1 && seconds <= MAX_SECONDS ? seconds : Number.NaN
}

/** A name as the screen may show it: no control characters, so that a peer's name cannot steer the terminal, and no longer than {@link MAX_NAME}. */
export function printableName(text: string): string {
  const visible = text
    .replace(/[\p{C}\p{M}\p{Zl}\p{Zp}]/gu, '')
    .replace(/\s+/g, ' ')
    .trim()
  return Array.from(visible).slice(0, MAX_NAME).join('')
}

export function wrong(why: string): Wrong {
  return { kind: 'wrong', why }
}
