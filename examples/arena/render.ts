import { COLOUR, cellsOf } from '../common/frame.ts'
import type { Frame, Size } from '../common/frame.ts'
import { drawBanner, frameFor } from '../common/notice.ts'
import { DIRECTIONS, FIELD_HEIGHT, FIELD_WIDTH, SHOT_RANGE } from './rules.ts'
import type { Facing, Place } from './rules.ts'
import type { Standing } from './report.ts'

/** Below this there is nothing to play on. */
export const LEAST_SIZE: Size = { columns: 60, rows: 16 }
/** Columns of the list of players. */
const LIST = 26
/** An avatar's side, in field units. */
const AVATAR = 3
/** Colours of players in the order in which they come, xterm's 256. */
const PLAYER_COLOURS = [45, 213, 118, 208, 226, 99, 203, 51, 160, 34, 220, 141, 39, 200, 154, 173]

/** What a player is to see. */
export interface View {
  readonly avatars: readonly (Place & { readonly order: number; readonly facing: Facing; readonly isAway: boolean })[]
  readonly gems: readonly Place[]
  readonly beams: readonly (Place & { readonly order: number; readonly facing: Facing })[]
  readonly standings: readonly Standing[]
  /** Something to read in the middle of the field. */
  readonly banner: readonly string[]
  /** What has happened, and how others join; below the list of players. */
  readonly news: readonly string[]
  readonly status: string
}

export function colourOf(order: number): number {
  return PLAYER_COLOURS[order % PLAYER_COLOURS.length] as number
}

/** Draws a view for a terminal of this size. */
export function draw(view: View, size: Size): Frame {
  const { frame, isTooSmall } = frameFor(size, LEAST_SIZE, 'the arena')
  if (isTooSmall) return frame
  const field = new Field(frame)
  for (const gem of view.gems) field.gem(gem)
  for (const { order, facing, ...from } of view.beams) field.beam(from, facing, colourOf(order))
  for (const { order, facing, isAway, ...at } of view.avatars) field.avatar(at, facing, isAway ? COLOUR.dim : colourOf(order))
  field.walls()
  drawList(frame, view)
  drawBanner(frame, view.banner)
  frame.text(frame.rows - 1, 1, view.status, COLOUR.dim)
  return frame
}

/** The field within a frame: left of the list, above the status. */
class Field {
  private readonly frame: Frame
  private readonly width: number
  private readonly height: number

  constructor(frame: Frame) {
    this.frame = frame
    this.width = frame.columns - LIST - 2
    this.height = 2 * (frame.rows - 1) - 2
  }

  gem(at: Place): void {
    const { x, y } = this.pixel(at)
    this.frame.text(Math.floor(y / 2), x, '◆', COLOUR.ball)
  }

  beam(from: Place, facing: Facing, colour: number): void {
    const { x, y } = DIRECTIONS[facing]
    for (let way = AVATAR; way < SHOT_RANGE; way++) {
      const at = { x: from.x + x * way, y: from.y + y * way }
      if (at.x < 0 || at.y < 0 || at.x > FIELD_WIDTH || at.y > FIELD_HEIGHT) return
      const pixel = this.pixel(at)
      this.frame.pixel(pixel.x, pixel.y, colour)
    }
  }

  avatar(at: Place, facing: Facing, colour: number): void {
    const { x, y } = this.pixel(at)
    this.frame.block(x - 1, y - 1, 3, 3, colour)
    const { x: aheadX, y: aheadY } = DIRECTIONS[facing]
    this.frame.pixel(x + aheadX, y + aheadY, COLOUR.bright)
  }

  walls(): void {
    const { frame, width, height } = this
    frame.block(0, 0, width + 2, 1, COLOUR.wall)
    frame.block(0, height + 1, width + 2, 1, COLOUR.wall)
    frame.block(0, 0, 1, height + 2, COLOUR.wall)
    frame.block(width + 1, 0, 1, height + 2, COLOUR.wall)
  }

  private pixel({ x, y }: Place): { x: number; y: number } {
    return { x: 1 + Math.round((x / FIELD_WIDTH) * (this.width - 1)), y: 1 + Math.round((y / FIELD_HEIGHT) * (this.height - 1)) }
  }
}

/** Names with what they hold and how many rounds they have won; the host has a star. */
function drawList(frame: Frame, { standings, news }: View): void {
  const left = frame.columns - LIST + 2
  standings.forEach(({ order, name, score, wins, isHost, isAway, isSelf }, row) => {
    const colour = isAway ? COLOUR.dim : colourOf(order)
    const shown = `${isHost ? '★' : ' '} ${name}${isSelf ? ' ←' : ''}${isAway ? ' …' : ''}`
    frame.text(row, left, shown, colour)
    const points = `${String(score).padStart(3)}${wins > 0 ? ` +${wins}` : ''}`
    frame.text(row, frame.columns - 1 - cellsOf(points), points, isAway ? COLOUR.dim : COLOUR.bright)
  })
  const top = Math.max(standings.length + 1, frame.rows - 1 - news.length)
  for (const [i, line] of news.entries()) if (top + i < frame.rows - 1) frame.text(top + i, left, line, COLOUR.alert)
}
