import type { EventEmitter } from 'node:events'
import type { Terminal } from './terminal.ts'

/** As much of `process` as is used. */
export interface ProcessEvents extends EventEmitter {
  exit(code: number): unknown
}

/** Signals that end a game, with the exit codes that shells give them. */
const SIGNALS: Record<string, number> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

/**
 * Gives the terminal back whatever ends the process: a signal, an error that nobody caught, `process.exit`.
 * @param stop Called on a signal, with the exit code. @returns What ends the watch.
 */
export function guard(
  process: ProcessEvents,
  terminal: Terminal,
  stop: (exitCode: number) => void,
  report: (text: string) => void,
): () => void {
  const onExit = (): void => terminal.leave()
  const onError = (error: unknown): void => {
    terminal.leave()
    report(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  }
  const listeners: [event: string, listener: (error: unknown) => void][] = [
    ['exit', onExit],
    ['uncaughtException', onError],
    ['unhandledRejection', onError],
  ]
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    listeners.push([
      signal,
      () => {
        terminal.leave()
        stop(exitCode)
      },
    ])
  }
  for (const [event, listener] of listeners) process.on(event, listener)
  return () => {
    for (const [event, listener] of listeners) process.off(event, listener)
  }
}
