import { COLOUR, Frame, cellsOf } from './frame.ts'
import type { Size } from './frame.ts'

/** Something to read in place of the game. */
export interface Notice {
  readonly title: string
  /** Those that begin with two blanks are to be typed, and stand out. */
  readonly lines: readonly string[]
  readonly keys: string
}

const INDENT = '  '

/** A frame as large as the terminal, or one that says that it is too small. */
export function frameFor(size: Size, least: Size, name: string): { readonly frame: Frame; readonly isTooSmall: boolean } {
  const frame = new Frame(Math.max(1, size.columns), Math.max(1, size.rows))
  const isTooSmall = size.columns < least.columns || size.rows < least.rows
  if (isTooSmall) {
    frame.text(0, 0, `Too small: ${name} needs ${least.columns} × ${least.rows}`, COLOUR.alert)
    frame.text(1, 0, 'Enlarge the window. q quits', COLOUR.text)
  }
  return { frame, isTooSmall }
}

/** Title and lines in the middle, keys at the bottom. */
export function drawNotice(frame: Frame, { title, lines, keys }: Notice): void {
  const wrapped = lines.flatMap((line) => wrap(line, frame.columns - 2))
  const top = Math.max(0, Math.floor((frame.rows - wrapped.length - 4) / 2))
  frame.centred(top, title, COLOUR.bright)
  const left = Math.floor((frame.columns - Math.max(0, ...wrapped.map(cellsOf))) / 2)
  wrapped.forEach((line, i) => frame.text(top + 2 + i, left, line, line.startsWith(INDENT) ? COLOUR.left : COLOUR.text))
  frame.centred(frame.rows - 1, keys, COLOUR.dim)
}

/** Breaks a line between words where it can, so that every character is seen; what was indented stays so. */
function wrap(line: string, width: number): string[] {
  if (cellsOf(line) <= width) return [line]
  const space = line.lastIndexOf(' ', width)
  const isWord = line.slice(0, space).trim() === ''
  const cut = isWord ? width : space
  const indent = line.startsWith(INDENT) ? INDENT : ''
  return [line.slice(0, cut), ...wrap(indent + line.slice(cut).trimStart(), width)]
}

/** A few lines on a blank ground, in the middle of the frame. */
export function drawBanner(frame: Frame, lines: readonly string[]): void {
  if (lines.length === 0) return
  const width = Math.max(...lines.map((line) => cellsOf(line))) + 4
  const top = Math.floor((frame.rows - lines.length - 2) / 2)
  const left = Math.floor((frame.columns - width) / 2)
  const blank = ' '.repeat(width)
  frame.text(top, left, blank)
  lines.forEach((line, i) => {
    frame.text(top + 1 + i, left, blank)
    frame.centred(top + 1 + i, line, i === 0 ? COLOUR.bright : COLOUR.text)
  })
  frame.text(top + 1 + lines.length, left, blank)
}
