import { explain, meet } from './meeting.ts'
import type { Meeting, PlayerCommand } from './meeting.ts'
import { guard } from './guard.ts'
import type { ProcessEvents } from './guard.ts'
import { KeyReader } from './input.ts'
import type { KeyEvent } from './input.ts'
import { everyTick } from './pace.ts'
import { draw } from './render.ts'
import type { View } from './render.ts'
import { TICKS_PER_SECOND } from './simulation.ts'
import { Table } from './table.ts'
import { Terminal } from './terminal.ts'
import type { TerminalInput, TerminalOutput } from './terminal.ts'

/** What a game of a person's needs of the system. */
export interface PlayIo {
  readonly input: TerminalInput
  readonly output: TerminalOutput
  readonly process: ProcessEvents
  /** Whether to draw in colours. */
  readonly colours: boolean
  /** Prints a line for the person, after the screen was given back. */
  print(text: string): void
}

const FRAMES_PER_SECOND = 30
/** How long the farewell to the other player may take. Milliseconds. */
const FAREWELL = 1_000
const KEYS = 'q quits'

/** Lets a person play. @returns The process's exit code: 0 when the person quits. */
export async function play(command: PlayerCommand, io: PlayIo): Promise<number> {
  let stop: (exitCode: number) => void = () => {}
  const stopped = new Promise<number>((resolve) => (stop = resolve))
  let table: Table | undefined
  const reader = new KeyReader()
  const terminal = new Terminal(io.input, io.output, (chunk) => {
    for (const key of reader.read(chunk)) handleKey(key)
  })
  const handleKey = (key: KeyEvent): void => {
    if (key.action === 'quit') stop(0)
    else table?.key(key)
  }
  const show = (view: View): void => terminal.show(draw(view, terminal.size).lines(io.colours))

  if (!terminal.isInteractive) {
    io.print(
      'pong draws on a terminal, and here is none. Run it in a terminal window, or watch two bots: npm run pong -- --bots --seconds 5',
    )
    return 1
  }
  const endGuard = guard(io.process, terminal, stop, (text) => io.print(text))
  let meeting: Promise<Meeting> | undefined
  let endTicks = (): void => {}
  try {
    terminal.enter()
    show({ kind: 'notice', title: 'pong', lines: ['Starting …'], keys: KEYS })
    meeting = meet(command, (url) => show({ kind: 'notice', title: 'pong', lines: [`Asking the introducer at ${url} …`], keys: KEYS }))
    const met = await Promise.race([meeting, stopped])
    if (typeof met !== 'number') {
      const seat = new Table(met)
      table = seat
      endTicks = runTable(seat, show)
    }
    const exitCode = await stopped
    terminal.leave()
    if (table?.summary !== undefined) io.print(table.summary)
    return exitCode
  } catch (error) {
    terminal.leave()
    io.print(explain(error, command))
    return 1
  } finally {
    endTicks()
    terminal.leave()
    table?.end()
    await farewell(meeting)
    endGuard()
  }
}

/** The game's loop: every tick the table moves, every second one is a frame. */
function runTable(table: Table, show: (view: View) => void): () => void {
  let ticks = 0
  return everyTick(() => {
    table.tick(performance.now())
    if (++ticks % (TICKS_PER_SECOND / FRAMES_PER_SECOND) === 0) show(table.view())
  })
}

/** Tells the others, but does not wait for a network that no longer answers. */
async function farewell(meeting: Promise<Meeting> | undefined): Promise<void> {
  const closed = meeting?.then((met) => met.close()).catch(() => {})
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FAREWELL)))
  await Promise.race([closed, late])
  clearTimeout(timer)
}
