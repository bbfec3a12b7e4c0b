import type { InputCounts } from './match.ts'

/** What the bots' parent tells its children. */
export type ToBot =
  | { readonly kind: 'create'; readonly url: string; readonly seconds: number }
  | { readonly kind: 'join'; readonly url: string; readonly code: string }
  | { readonly kind: 'end' }

/** What they tell it. */
export type FromBot =
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'created'; readonly code: string }
  | { readonly kind: 'over'; readonly report: BotReport }
  | { readonly kind: 'failed'; readonly message: string }

/** A match as one bot saw it. */
export interface BotReport {
  readonly points: readonly [number, number]
  /** Whether no point that it saw was ever taken back. */
  readonly isConsistent: boolean
  /** How long it played, in seconds. */
  readonly seconds: number
  /** Milliseconds. */
  readonly roundTrips: readonly number[]
  /** How the other player was reached. */
  readonly path: string
  readonly inputs: InputCounts
}

/** Tells the parent. */
export function tell(message: FromBot): void {
  process.send?.(message)
}

/** Listens to the parent; without one this process ends. @param end Closes what is open. */
export function obey(listener: (message: ToBot) => Promise<void>, end: () => Promise<void>): void {
  if (process.send === undefined) {
    console.error('This is a part of pong: start it with `npm run pong -- --bots`.')
    process.exit(2)
  }
  process.on('disconnect', () => process.exit(1))
  if (!process.connected) process.exit(1)
  // A Ctrl-C reaches the whole group; the parent decides what becomes of it.
  process.on('SIGINT', () => {})
  process.on('message', (message) => {
    const said = message as ToBot
    const done = said.kind === 'end' ? end().finally(() => process.exit(0)) : listener(said)
    done.catch((error: unknown) => tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }))
  })
}
