import { EventEmitter } from 'node:events'
import type { TerminalInput, TerminalOutput } from '../../../examples/common/terminal.ts'

/** A terminal that keeps what is written to it as a person would see it, and what state it is in. */
export class FakeTerminal {
  readonly input: FakeInput = new FakeInput()
  readonly output: FakeOutput = new FakeOutput()

  /** What is on the screen: rows of text, colours taken away. */
  get screen(): string {
    return this.output.rowsShown.map((row) => row.trimEnd()).join('\n')
  }

  /** Whether a shell could go on where the game was. */
  get isRestored(): boolean {
    const { modes } = this.output
    return (
      !this.input.isRaw &&
      modes.get('?1049') !== true &&
      modes.get('?25') !== false &&
      modes.get('?7') !== false &&
      this.output.keyboardDepth === 0
    )
  }

  type(text: string): void {
    this.input.emit('data', text)
  }
}

class FakeInput extends EventEmitter implements TerminalInput {
  isTTY = true
  isRaw = false
  isFlowing = false

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw
  }

  setEncoding(): void {}

  resume(): void {
    this.isFlowing = true
  }

  pause(): void {
    this.isFlowing = false
  }
}

class FakeOutput extends EventEmitter implements TerminalOutput {
  isTTY = true
  columns = 80
  rows = 24
  /** What `write` answers. */
  hasRoom = true
  written: string[] = []
  rowsShown: string[] = []
  /** Modes set (`h`) and reset (`l`). */
  readonly modes = new Map<string, boolean>()
  keyboardDepth = 0

  write(text: string): boolean {
    this.written.push(text)
    let row = 0
    for (const [, parameters = '', final = '', plain = ''] of text.matchAll(SEQUENCES)) {
      if (plain !== '') this.rowsShown[row] = (this.rowsShown[row] ?? '') + plain
      else if (final === 'H') this.rowsShown[(row = Number(parameters.split(';')[0]) - 1)] = ''
      else if (final === 'J') this.rowsShown = Array.from({ length: this.rows }, () => '')
      else if (final === 'h' || final === 'l') this.modes.set(parameters, final === 'h')
      else if (final === 'u') this.keyboardDepth += parameters.startsWith('>') ? 1 : -1
    }
    return this.hasRoom
  }

  resize(columns: number, rows: number): void {
    Object.assign(this, { columns, rows })
    this.emit('resize')
  }
}

const ESCAPE = String.fromCharCode(0x1b)
const SEQUENCES = new RegExp(`${ESCAPE}\\[([?><0-9;]*)([A-Za-z])|([^${ESCAPE}]+)`, 'g')
