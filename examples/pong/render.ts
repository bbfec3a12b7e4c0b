import { COLOUR, cellsOf } from '../common/frame.ts'
import type { Frame, Size } from '../common/frame.ts'
import { drawBanner, drawNotice, frameFor } from '../common/notice.ts'
import type { Notice } from '../common/notice.ts'
import { BALL_RADIUS, FIELD_HEIGHT, FIELD_WIDTH, PADDLE_HEIGHT, PADDLE_INSET, PADDLE_WIDTH } from './simulation.ts'
import type { Scene, Side } from './simulation.ts'

/** Below this there is nothing to play on. */
export const LEAST_SIZE: Size = { columns: 40, rows: 12 }

/** What a player is to see. */
export type View =
  | ({ readonly kind: 'notice' } & Notice)
  | {
      readonly kind: 'match'
      readonly scene: Scene
      readonly side: Side
      readonly names: readonly [left: string, right: string]
      readonly points: readonly [left: number, right: number]
      /** Something to read in the middle of the field. */
      readonly banner: readonly string[]
      readonly status: string
    }

/** Draws a view for a terminal of this size. */
export function draw(view: View, size: Size): Frame {
  const { frame, isTooSmall } = frameFor(size, LEAST_SIZE, 'pong')
  if (isTooSmall) return frame
  if (view.kind === 'notice') drawNotice(frame, view)
  else drawMatch(frame, view)
  return frame
}

function drawMatch(frame: Frame, view: Extract<View, { kind: 'match' }>): void {
  drawField(frame, view)
  drawHeader(frame, view)
  drawBanner(frame, view.banner)
  frame.text(frame.rows - 1, 1, view.status, COLOUR.dim)
}

/** Names on the outside; the digits are in the field. */
function drawHeader(frame: Frame, { names: [left, right], side }: Extract<View, { kind: 'match' }>): void {
  const [shownLeft, shownRight] = side === 'left' ? [`${left} (you)`, right] : [left, `${right} (you)`]
  frame.text(0, 1, shownLeft, COLOUR.left)
  frame.text(0, frame.columns - 1 - cellsOf(shownRight), shownRight, COLOUR.right)
}

function drawField(frame: Frame, { scene, points }: Extract<View, { kind: 'match' }>): void {
  // Between the header and the status line, in pixels; a line of wall above and below.
  const top = 3
  const height = 2 * (frame.rows - 2) - 2
  const scaleX = frame.columns / FIELD_WIDTH
  const scaleY = height / FIELD_HEIGHT
  frame.block(0, top - 1, frame.columns, 1, COLOUR.wall)
  frame.block(0, top + height, frame.columns, 1, COLOUR.wall)
  const middle = Math.floor(frame.columns / 2)
  for (let y = top + 1; y < top + height; y += 4) frame.block(middle, y, 1, 2, COLOUR.net)
  const zoom = frame.rows >= 30 && frame.columns >= 90 ? 2 : 1
  drawNumber(frame, points[0], middle - 4 * zoom, top + 2, zoom, 'left')
  drawNumber(frame, points[1], middle + 4 * zoom + 1, top + 2, zoom, 'right')

  const paddleWidth = Math.max(1, Math.round(PADDLE_WIDTH * scaleX))
  const face = (PADDLE_INSET + PADDLE_WIDTH) * scaleX
  const paddleTop = (y: number): number => top + (y - PADDLE_HEIGHT / 2) * scaleY
  frame.block(face - paddleWidth, paddleTop(scene.left), paddleWidth, PADDLE_HEIGHT * scaleY, COLOUR.left)
  frame.block(frame.columns - face, paddleTop(scene.right), paddleWidth, PADDLE_HEIGHT * scaleY, COLOUR.right)
  const ballSize = Math.max(1, Math.round(2 * BALL_RADIUS * scaleY))
  const { x, y } = scene.ball
  const highest = top + height - ballSize
  const ballTop = Math.min(highest, Math.max(top, top + y * scaleY - ballSize / 2))
  frame.block(x * scaleX - ballSize / 2, ballTop, ballSize, ballSize, COLOUR.ball)
}

/** Three pixels by five, a row a digit of octal. */
const DIGITS = ['75557', '26227', '71747', '71717', '55711', '74717', '74757', '71111', '75757', '75717']
const DIGIT_ROWS = 5
const DIGIT_COLUMNS = 3

/** Big digits that end (left) or begin (right) at `x`. */
function drawNumber(frame: Frame, value: number, x: number, y: number, zoom: number, side: Side): void {
  const digits = Array.from(String(value), (digit) => DIGITS[Number(digit)] ?? '')
  const advance = (DIGIT_COLUMNS + 1) * zoom
  let at = side === 'left' ? x - digits.length * advance + zoom : x
  for (const digit of digits) {
    for (let row = 0; row < DIGIT_ROWS; row++) {
      for (let column = 0; column < DIGIT_COLUMNS; column++) {
        const isSet = (Number(digit[row]) >> (DIGIT_COLUMNS - 1 - column)) & 1
        if (isSet) frame.block(at + column * zoom, y + row * zoom, zoom, zoom, COLOUR.wall)
      }
    }
    at += advance
  }
}
