import { ASK_FOR_RELEASES, END_OF_RELEASES } from './keys.ts'
import type { Size } from './frame.ts'

/** As much of `process.stdin` as is used. */
export interface TerminalInput {
  readonly isTTY?: boolean
  setRawMode(isRaw: boolean): unknown
  setEncoding(encoding: 'utf8'): unknown
  resume(): unknown
  pause(): unknown
  on(event: 'data', listener: (chunk: string) => void): unknown
  off(event: 'data', listener: (chunk: string) => void): unknown
}

/** As much of `process.stdout` as is used. */
export interface TerminalOutput {
  readonly isTTY?: boolean
  readonly columns: number
  readonly rows: number
  write(text: string): boolean
  on(event: 'resize' | 'drain' | 'error', listener: () => void): unknown
  off(event: 'resize' | 'drain' | 'error', listener: () => void): unknown
}

const CSI = '\x1b['
/** Alternate screen, no cursor, no wrapping at the edge. */
const ENTER = `${CSI}?1049h${CSI}?25l${CSI}?7l${CSI}2J${ASK_FOR_RELEASES}`
const LEAVE = `${END_OF_RELEASES}${CSI}0m${CSI}?7h${CSI}?25h${CSI}?1049l`
/** Between these a terminal that knows them shows nothing, so that no half of a picture is seen. */
const BEGIN_UPDATE = `${CSI}?2026h`
const END_UPDATE = `${CSI}?2026l`
const FALLBACK: Size = { columns: 80, rows: 24 }

/** The screen and keyboard while a game has them. What `enter` changes, `leave` changes back; both may be called again. */
export class Terminal {
  private readonly input: TerminalInput
  private readonly output: TerminalOutput
  private readonly onKeys: (chunk: string) => void
  private isEntered = false
  private isFull = false
  private shown: readonly string[] = []
  private readonly drained = (): void => void (this.isFull = false)
  private readonly resized = (): void => void (this.shown = [])
  /** A terminal that has gone away takes no more; the signal that says so ends the game. */
  private readonly failed = (): void => {}

  constructor(input: TerminalInput, output: TerminalOutput, onKeys: (chunk: string) => void) {
    this.input = input
    this.output = output
    this.onKeys = onKeys
  }

  /** Whether there is a person with a screen and a keyboard at the other end. */
  get isInteractive(): boolean {
    return this.input.isTTY === true && this.output.isTTY === true
  }

  get size(): Size {
    const { columns, rows } = this.output
    return columns > 0 && rows > 0 ? { columns, rows } : FALLBACK
  }

  enter(): void {
    if (this.isEntered) return
    this.isEntered = true
    this.input.setRawMode(true)
    this.input.setEncoding('utf8')
    this.input.on('data', this.onKeys)
    this.input.resume()
    this.output.on('resize', this.resized)
    this.output.on('drain', this.drained)
    this.output.on('error', this.failed)
    this.output.write(ENTER)
  }

  leave(): void {
    if (!this.isEntered) return
    this.isEntered = false
    this.shown = []
    this.isFull = false
    this.output.write(LEAVE)
    this.output.off('resize', this.resized)
    this.output.off('drain', this.drained)
    this.input.off('data', this.onKeys)
    this.input.pause()
    try {
      this.input.setRawMode(false)
    } catch {
      // The terminal has gone away: there is nothing to restore.
    }
  }

  /** Shows lines, writing those that have changed. A picture that a slow terminal has no room for is left out. */
  show(lines: readonly string[]): void {
    if (!this.isEntered || this.isFull) return
    const isNew = this.shown.length !== lines.length
    let changes = isNew ? `${CSI}0m${CSI}2J` : ''
    lines.forEach((line, row) => {
      if (isNew || line !== this.shown[row]) changes += `${CSI}${row + 1};1H${line}`
    })
    this.shown = lines
    if (changes !== '') this.isFull = !this.output.write(`${BEGIN_UPDATE}${changes}${END_UPDATE}`)
  }
}
