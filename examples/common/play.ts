import type { Game } from 'altostratus'
import type { PlayerCommand } from './arguments.ts'
import type { Frame, Size } from './frame.ts'
import { guard } from './guard.ts'
import type { ProcessEvents } from './guard.ts'
import { KeyReader } from './keys.ts'
import type { KeyEvent, KeyMap } from './keys.ts'
import { explain, meet } from './meeting.ts'
import type { Example, Meeting } from './meeting.ts'
import { drawNotice, frameFor } from './notice.ts'
import type { Notice } from './notice.ts'
import { TICKS_PER_SECOND, everyTick } from './pace.ts'
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

/** A person's place in the game. */
export interface Seat<A extends string> {
  key(key: KeyEvent<A>): void
  /** One tick. @param now Milliseconds. */
  tick(now: number): void
  draw(size: Size): Frame
  /** A line that stays on the terminal, if there is something to say. */
  readonly summary: string | undefined
  end(): void
}

/** A game as a person at a terminal plays it. */
export interface TerminalGame<G extends Game, A extends string> extends Example<G> {
  readonly keys: KeyMap<A | 'quit'>
  readonly leastSize: Size
  /** A command that needs no terminal, for who has none. */
  readonly without: string
  sitDown(meeting: Meeting<G>): Seat<A>
}

const FRAMES_PER_SECOND = 30
/** How long the farewell to the other players may take. Milliseconds. */
const FAREWELL = 1_000

/** Lets a person play. @returns The process's exit code: 0 when the person quits. */
export async function playInTerminal<G extends Game, A extends string>(
  game: TerminalGame<G, A>,
  command: PlayerCommand,
  io: PlayIo,
): Promise<number> {
  let stop: (exitCode: number) => void = () => {}
  const stopped = new Promise<number>((resolve) => (stop = resolve))
  let seat: Seat<A> | undefined
  const reader = new KeyReader(game.keys)
  const terminal = new Terminal(io.input, io.output, (chunk) => {
    for (const { action, isRelease } of reader.read(chunk)) {
      if (action === 'quit') stop(0)
      else seat?.key({ action: action as A, isRelease })
    }
  })
  const show = (frame: Frame): void => terminal.show(frame.lines(io.colours))
  const notice = (line: string): void => {
    show(noticeFrame({ title: game.name, lines: [line], keys: 'q quits' }, terminal.size, game))
  }

  if (!terminal.isInteractive) {
    io.print(`${game.name} draws on a terminal, and here is none. Run it in a terminal window, or ${game.without}`)
    return 1
  }
  const endGuard = guard(io.process, terminal, stop, (text) => io.print(text))
  let meeting: Promise<Meeting<G>> | undefined
  let endTicks = (): void => {}
  try {
    terminal.enter()
    notice('Starting …')
    meeting = meet(game, command, notice)
    const met = await Promise.race([meeting, stopped])
    if (typeof met !== 'number') {
      seat = game.sitDown(met)
      endTicks = runSeat(seat, () => terminal.size, show)
    }
    const exitCode = await stopped
    terminal.leave()
    if (seat?.summary !== undefined) io.print(seat.summary)
    return exitCode
  } catch (error) {
    terminal.leave()
    io.print(explain(error, game, command))
    return 1
  } finally {
    endTicks()
    terminal.leave()
    seat?.end()
    await farewell(meeting)
    endGuard()
  }
}

/** What {@link playInTerminal} needs of a process that has a terminal. */
export function processIo(): PlayIo {
  const { stdin: input, stdout: output, env } = process
  return { input, output, process, colours: (env['NO_COLOR'] ?? '') === '', print: (text) => console.error(text) }
}

function noticeFrame(notice: Notice, size: Size, { leastSize, name }: { leastSize: Size; name: string }): Frame {
  const { frame, isTooSmall } = frameFor(size, leastSize, name)
  if (!isTooSmall) drawNotice(frame, notice)
  return frame
}

/** The game's loop: every tick the game moves, every second one is a frame. */
function runSeat(seat: Seat<never>, size: () => Size, show: (frame: Frame) => void): () => void {
  let ticks = 0
  return everyTick(() => {
    seat.tick(performance.now())
    if (++ticks % (TICKS_PER_SECOND / FRAMES_PER_SECOND) === 0) show(seat.draw(size()))
  })
}

/** Tells the others, but does not wait for a network that no longer answers. */
export async function farewell<G extends Game>(meeting: Promise<Meeting<G>> | undefined): Promise<void> {
  const closed = meeting?.then((met) => met.close()).catch(() => {})
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FAREWELL)))
  await Promise.race([closed, late])
  clearTimeout(timer)
}
