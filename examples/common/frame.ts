export interface Size {
  readonly columns: number
  readonly rows: number
}

/** Colours by what they are for; the numbers are xterm's 256. */
export const COLOUR = {
  none: -1,
  dim: 240,
  net: 238,
  wall: 244,
  text: 252,
  bright: 231,
  ball: 229,
  left: 45,
  right: 213,
  alert: 215,
  good: 114,
} as const

const RESET = '\x1b[0m'
/** Blocks: both pixels of a cell, or one of them. */
const FULL = '█'
const UPPER = '▀'
const LOWER = '▄'

/**
 * A picture of character cells. Each cell holds either a character or two pixels, one above the other, so that the
 * picture is `columns` × `2 · rows` pixels that are about square.
 */
export class Frame {
  readonly columns: number
  readonly rows: number
  private readonly characters: string[]
  private readonly front: Int16Array
  private readonly back: Int16Array

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
    this.characters = new Array<string>(columns * rows).fill(' ')
    this.front = new Int16Array(columns * rows).fill(COLOUR.none)
    this.back = new Int16Array(columns * rows).fill(COLOUR.none)
  }

  /** Writes text, one character a cell; what does not fit is cut off. */
  text(row: number, column: number, text: string, colour: number = COLOUR.text): void {
    if (row < 0 || row >= this.rows) return
    let at = Math.floor(column)
    for (const character of text) {
      if (at >= 0 && at < this.columns) this.set(row * this.columns + at, character, colour, COLOUR.none)
      at++
    }
  }

  /** Writes text in the middle of a row. */
  centred(row: number, text: string, colour: number = COLOUR.text): void {
    this.text(row, (this.columns - cellsOf(text)) / 2, text, colour)
  }

  /** Fills the pixels from (x, y) to (x + width, y + height), at least one; what lies outside is cut off. */
  block(x: number, y: number, width: number, height: number, colour: number): void {
    const right = Math.max(Math.round(x + width), Math.round(x) + 1)
    const bottom = Math.max(Math.round(y + height), Math.round(y) + 1)
    for (let py = Math.round(y); py < bottom; py++) for (let px = Math.round(x); px < right; px++) this.pixel(px, py, colour)
  }

  pixel(x: number, y: number, colour: number): void {
    if (x < 0 || x >= this.columns || y < 0 || y >= 2 * this.rows) return
    const at = (y >> 1) * this.columns + x
    const [top, bottom] = this.pixels(at)
    if (y % 2 === 0) this.setPixels(at, colour, bottom)
    else this.setPixels(at, top, colour)
  }

  /** The picture as lines for a terminal, each complete in itself. @param colours Whether to use any. */
  lines(colours = true): string[] {
    return Array.from({ length: this.rows }, (_, row) => this.line(row, colours))
  }

  /** The two pixels of a cell; a character has none. */
  private pixels(at: number): [top: number, bottom: number] {
    const front = this.front[at] as number
    const back = this.back[at] as number
    switch (this.characters[at]) {
      case FULL:
        return [front, front]
      case UPPER:
        return [front, back]
      case LOWER:
        return [back, front]
      default:
        return [COLOUR.none, COLOUR.none]
    }
  }

  private setPixels(at: number, top: number, bottom: number): void {
    if (top === bottom) this.set(at, FULL, top, COLOUR.none)
    else if (top === COLOUR.none) this.set(at, LOWER, bottom, COLOUR.none)
    else this.set(at, UPPER, top, bottom)
  }

  private set(at: number, character: string, front: number, back: number): void {
    this.characters[at] = character
    this.front[at] = front
    this.back[at] = back
  }

  private line(row: number, colours: boolean): string {
    let line = ''
    let front: number = COLOUR.none
    let back: number = COLOUR.none
    for (let at = row * this.columns; at < (row + 1) * this.columns; at++) {
      const character = this.characters[at] as string
      const cellFront = character === ' ' ? front : (this.front[at] as number)
      const cellBack = this.back[at] as number
      if (!colours) {
        line += cellBack === COLOUR.none ? character : FULL
        continue
      }
      if (cellFront !== front || cellBack !== back) line += colourChange(cellFront, cellBack)
      front = cellFront
      back = cellBack
      line += character
    }
    return front === COLOUR.none && back === COLOUR.none ? line : line + RESET
  }
}

/** Cells that text takes, one a character: letters of double width are not provided for. */
export function cellsOf(text: string): number {
  return Array.from(text).length
}

function colourChange(front: number, back: number): string {
  const foreground = front === COLOUR.none ? '39' : `38;5;${front}`
  const background = back === COLOUR.none ? '49' : `48;5;${back}`
  return `\x1b[${foreground};${background}m`
}
