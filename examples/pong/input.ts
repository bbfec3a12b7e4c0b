import { TICKS_PER_SECOND, PADDLE_SPEED, clampPaddle } from './simulation.ts'

/** What a key means here. */
export type Action = 'up' | 'down' | 'quit'

/** A key that went down (or repeats), or one that came up, which only some terminals tell. */
export interface KeyEvent {
  readonly action: Action
  readonly isRelease: boolean
}

/** Asks for releases of keys, as the "kitty" keyboard protocol has it; terminals that do not know it ignore it. */
export const ASK_FOR_RELEASES = '\x1b[>11u'
export const END_OF_RELEASES = '\x1b[<u'

const ESCAPE = '\x1b'
/** A sequence behind its ESC. */
const SEQUENCE = /^(?:\[|O)([0-9;:]*)([A-Za-z~])/
/** Start of a sequence, behind its ESC, whose end is in the next chunk. */
const INCOMPLETE = /^(?:\[[0-9;:]*|O)?$/
const CTRL = 4
const RELEASE = 3
const CTRL_C = '\x03'

/** Reads keys out of what a terminal sends, in pieces as they come. */
export class KeyReader {
  private pending = ''

  /** @returns The keys that mean something, in order. */
  read(chunk: string): KeyEvent[] {
    const events: KeyEvent[] = []
    let text = this.pending + chunk
    this.pending = ''
    while (text !== '') {
      const behind = text.startsWith(ESCAPE) ? text.slice(1) : undefined
      if (behind !== undefined && INCOMPLETE.test(behind)) {
        // A lone ESC is the escape key as often as the start of a sequence: it means nothing here, so it can wait.
        this.pending = text
        break
      }
      const sequence = behind === undefined ? null : SEQUENCE.exec(behind)
      const event = sequence === null ? plainKey(text.charAt(0)) : sequenceKey(sequence[1] ?? '', sequence[2] ?? '')
      if (event !== undefined) events.push(event)
      text = sequence === null || behind === undefined ? text.slice(1) : behind.slice(sequence[0].length)
    }
    return events
  }
}

function plainKey(character: string): KeyEvent | undefined {
  const action = character === CTRL_C ? 'quit' : LETTERS[character.toLowerCase()]
  return action && { action, isRelease: false }
}

const LETTERS: Record<string, Action> = { w: 'up', s: 'down', q: 'quit' }
const ARROWS: Record<string, Action> = { A: 'up', B: 'down' }

/** `CSI 1;modifiers:event A` and `CSI code;modifiers:event u`; modifiers are one more than their bits. */
function sequenceKey(parameters: string, final: string): KeyEvent | undefined {
  const [key = '', detail = ''] = parameters.split(';')
  const [modifiers = '', event = ''] = detail.split(':')
  const isRelease = Number(event) === RELEASE
  if (final !== 'u') return arrowKey(final, isRelease)
  const character = String.fromCodePoint(Math.min(Number.parseInt(key, 10) || 0, 0x10ffff)).toLowerCase()
  const hasCtrl = ((Number(modifiers) || 1) - 1) & CTRL
  const action = hasCtrl ? (character === 'c' ? 'quit' : undefined) : LETTERS[character]
  return action && { action, isRelease }
}

function arrowKey(final: string, isRelease: boolean): KeyEvent | undefined {
  const action = ARROWS[final]
  return action && { action, isRelease }
}

/**
 * Turns keys into a paddle's way. Most terminals tell only that a key went down, and while it is held tell it again:
 * after a first pause of 200 to 600 ms, then about 30 times a second. So a press moves the paddle for a short while,
 * a little faster as it goes, and each repetition prolongs that; the paddle stops soon after the last one, or at once
 * where the terminal tells that the key came up.
 */
export class Steering {
  private middle: number
  private direction: -1 | 0 | 1 = 0
  private until = 0
  private since = 0
  private isHeld = false
  private tellsReleases = false

  constructor(middle: number) {
    this.middle = middle
  }

  /** @param now Milliseconds. */
  key({ action, isRelease }: KeyEvent, now: number): void {
    if (action === 'quit') return
    const direction = action === 'up' ? -1 : 1
    if (isRelease) {
      this.tellsReleases = true
      if (direction === this.direction) this.stop()
      return
    }
    const continues = direction === this.direction && now < this.until + FORGIVENESS
    if (!continues) this.since = now
    this.until = now + (continues ? REPEAT_HOLD : FIRST_HOLD)
    this.direction = direction
    this.isHeld = this.tellsReleases
  }

  /** One tick. @returns Where the paddle is to be. */
  tick(now: number): number {
    if (this.direction !== 0 && !this.isHeld && now >= this.until) this.stop()
    if (this.direction !== 0) {
      const speed = now - this.since < FIRST_HOLD ? TAP_SPEED : PADDLE_SPEED
      this.middle = clampPaddle(this.middle + (this.direction * speed) / TICKS_PER_SECOND)
    }
    return this.middle
  }

  private stop(): void {
    this.direction = 0
    this.isHeld = false
  }
}

/** How long a first press moves the paddle, in ms: with {@link TAP_SPEED} half a paddle's height. */
const FIRST_HOLD = 130
/** Longer than the pause between two repetitions in any common setting, in ms. */
const REPEAT_HOLD = 100
/** A repetition this long after the paddle stopped, in ms, still goes on at full speed: it was the first pause. */
const FORGIVENESS = 600
/** Units a second: slower than a held key, to place the paddle. */
const TAP_SPEED = PADDLE_SPEED * 0.75
