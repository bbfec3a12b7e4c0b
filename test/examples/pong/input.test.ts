import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { KeyReader } from '../../../examples/common/keys.ts'
import type { KeyEvent } from '../../../examples/common/keys.ts'
import { KEYS, Steering } from '../../../examples/pong/input.ts'
import type { Action } from '../../../examples/pong/input.ts'
import { FIELD_HEIGHT, PADDLE_HEIGHT, PADDLE_SPEED, TICKS_PER_SECOND } from '../../../examples/pong/simulation.ts'

function read(...chunks: string[]): string[] {
  const reader = new KeyReader(KEYS)
  return chunks.flatMap((chunk) => reader.read(chunk)).map(({ action, isRelease }) => (isRelease ? `${action} released` : action))
}

describe('keys', () => {
  test.each([
    ['w and s', 'wsWS', ['up', 'down', 'up', 'down']],
    ['arrows', '\x1b[A\x1b[B', ['up', 'down']],
    ['arrows in application mode', '\x1bOA\x1bOB', ['up', 'down']],
    ['arrows with modifiers', '\x1b[1;2A', ['up']],
    ['q', 'q', ['quit']],
    ['Ctrl-C', '\x03', ['quit']],
    ['what means nothing', 'ax \x1b[C\x1b[15~\x1b[200~é漢\t\r', []],
    [
      'arrows with an event, as terminals with the kitty protocol send them',
      '\x1b[1;1:1A\x1b[1;1:2A\x1b[1;1:3A',
      ['up', 'up', 'up released'],
    ],
    ['letters by number', '\x1b[119u\x1b[119;1:3u\x1b[115;2u', ['up', 'up released', 'down']],
    ['q and Ctrl-C by number, with Num Lock on too', '\x1b[113u\x1b[99;5u\x1b[99;133u', ['quit', 'quit', 'quit']],
    ['c without Ctrl, w with it', '\x1b[99u\x1b[119;5u', []],
    ['a number that is no character', '\x1b[99999999999u', []],
  ])('%s', (_, text, keys) => {
    expect(read(text)).toEqual(keys)
  })

  test('a sequence may come in pieces', () => {
    expect(read('\x1b', '[', '1;1', ':3B')).toEqual(['down released'])
    expect(read('\x1bO', 'A')).toEqual(['up'])
  })

  test('the escape key does not swallow what follows', () => {
    expect(read('\x1b', 'q')).toEqual(['quit'])
    expect(read('\x1b\x1b[A')).toEqual(['up'])
    expect(read('\x1b[\x03')).toEqual(['quit'])
  })

  test('nothing that a terminal can send is too much', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('\x1b', '[', 'O', ';', ':', 'A', 'u', '1', '99999999'))
    fc.assert(fc.property(fc.array(piece), (chunks) => void read(...chunks)))
  })

  test('pieces or whole, the keys are the same', () => {
    const text = 'w\x1b[A\x1b[1;1:3A\x1b[115;1:2us\x1bOBq'
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length]
        const chunks = places.slice(1).map((end, i) => text.slice(places[i], end))
        expect(read(...chunks)).toEqual(read(text))
      }),
    )
  })
})

describe('steering', () => {
  const up: KeyEvent<Action> = { action: 'up', isRelease: false }
  const down: KeyEvent<Action> = { action: 'down', isRelease: false }
  const upReleased: KeyEvent<Action> = { action: 'up', isRelease: true }
  const MIDDLE = FIELD_HEIGHT / 2

  /** Runs for so many ms, with keys at their times. @returns How far up it went. */
  function drive(milliseconds: number, keys: readonly [at: number, key: KeyEvent<Action>][]): number {
    const steering = new Steering(MIDDLE)
    const waiting = [...keys]
    let middle = MIDDLE
    for (let now = 0; now < milliseconds; now += 1000 / TICKS_PER_SECOND) {
      while (waiting[0] !== undefined && waiting[0][0] <= now) steering.key((waiting.shift() as [number, KeyEvent<Action>])[1], now)
      middle = steering.tick(now)
    }
    return MIDDLE - middle
  }

  test('a tap moves by about half a paddle, then stops', () => {
    const way = drive(2_000, [[0, up]])
    expect(way).toBeGreaterThan(PADDLE_HEIGHT * 0.4)
    expect(way).toBeLessThan(PADDLE_HEIGHT * 0.8)
  })

  test('the other key turns round at once', () => {
    expect(
      drive(100, [
        [0, up],
        [50, down],
      ]),
    ).toBeLessThan(drive(100, [[0, up]]))
  })

  test('a held key goes on at full speed while it repeats, and stops soon after', () => {
    const repeats = Array.from({ length: 20 }, (_, i): [number, KeyEvent<Action>] => [i * 33, up])
    const held = drive(300, repeats)
    expect(held).toBeGreaterThan(0.25 * PADDLE_SPEED)
    const steering = new Steering(MIDDLE)
    for (let i = 0; i < 5; i++) steering.key(up, i * 33)
    steering.tick(132 + 101)
    expect(steering.tick(132 + 120)).toBe(steering.tick(132 + 500))
  })

  test('where releases are told, a held key needs no repetition and a release stops at once', () => {
    const steering = new Steering(MIDDLE)
    steering.key(up, 0)
    steering.key(upReleased, 20)
    const rested = steering.tick(30)
    steering.key(up, 100)
    steering.tick(116)
    const later = steering.tick(400)
    expect(later).toBeLessThan(rested)
    expect(steering.tick(416)).toBeLessThan(later)
    steering.key(upReleased, 430)
    expect(steering.tick(433)).toBe(steering.tick(700))
  })

  test('the release of the other key stops nothing', () => {
    const steering = new Steering(MIDDLE)
    steering.key(up, 0)
    steering.key({ action: 'down', isRelease: true }, 10)
    expect(steering.tick(16)).toBeLessThan(MIDDLE)
  })

  test('stays in the field', () => {
    const steering = new Steering(MIDDLE)
    let middle = MIDDLE
    for (let now = 0; now < 5_000; now += 16) {
      steering.key(down, now)
      middle = steering.tick(now)
    }
    expect(middle).toBe(FIELD_HEIGHT - PADDLE_HEIGHT / 2)
  })
})
