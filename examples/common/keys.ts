/** A key that went down (or repeats), or one that came up, which only some terminals tell. */
export interface KeyEvent<A extends string = string> {
  readonly action: A
  readonly isRelease: boolean
}

/** What keys mean, by their names: letters, `space`, `up`, `down`, `left`, `right`, and with `ctrl+` before it a letter. */
export type KeyMap<A extends string = string> = Readonly<Record<string, A>>

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
const LAST_CONTROL = '\x1a'
const LETTERS_ABOVE_CONTROLS = 0x60
const ARROWS: Readonly<Record<string, string>> = { A: 'up', B: 'down', C: 'right', D: 'left' }

/** Reads keys out of what a terminal sends, in pieces as they come. */
export class KeyReader<A extends string> {
  private readonly keys: KeyMap<A>
  private pending = ''

  constructor(keys: KeyMap<A>) {
    this.keys = keys
  }

  /** @returns The keys that mean something, in order. */
  read(chunk: string): KeyEvent<A>[] {
    const events: KeyEvent<A>[] = []
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
      const event = sequence === null ? this.event(plainKey(text.charAt(0))) : this.sequenceKey(sequence[1] ?? '', sequence[2] ?? '')
      if (event !== undefined) events.push(event)
      text = sequence === null || behind === undefined ? text.slice(1) : behind.slice(sequence[0].length)
    }
    return events
  }

  private event(name: string | undefined, isRelease = false): KeyEvent<A> | undefined {
    const action = name === undefined || !Object.hasOwn(this.keys, name) ? undefined : this.keys[name]
    return action && { action, isRelease }
  }

  /** `CSI 1;modifiers:event A` and `CSI code;modifiers:event u`; modifiers are one more than their bits. */
  private sequenceKey(parameters: string, final: string): KeyEvent<A> | undefined {
    const [key = '', detail = ''] = parameters.split(';')
    const [modifiers = '', event = ''] = detail.split(':')
    const isRelease = Number(event) === RELEASE
    if (final !== 'u') return this.event(ARROWS[final], isRelease)
    const character = String.fromCodePoint(Math.min(Number.parseInt(key, 10) || 0, 0x10ffff))
    const hasCtrl = (((Number(modifiers) || 1) - 1) & CTRL) !== 0
    return this.event(hasCtrl ? `ctrl+${character.toLowerCase()}` : plainKey(character), isRelease)
  }
}

/** The name of a key that sends one character. */
function plainKey(character: string): string {
  if (character === ' ') return 'space'
  const isControl = character <= LAST_CONTROL && character !== '\0'
  return isControl ? `ctrl+${String.fromCharCode(character.charCodeAt(0) + LETTERS_ABOVE_CONTROLS)}` : character.toLowerCase()
}
