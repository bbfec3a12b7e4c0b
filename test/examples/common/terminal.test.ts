import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { guard } from '../../../examples/common/guard.ts'
import { Terminal } from '../../../examples/common/terminal.ts'
import { FakeTerminal } from './fake-terminal.ts'

let fake: FakeTerminal
let typed: string[]
let terminal: Terminal

beforeEach(() => {
  fake = new FakeTerminal()
  typed = []
  terminal = new Terminal(fake.input, fake.output, (chunk) => typed.push(chunk))
})

describe('taking and giving back', () => {
  test('in between the screen is its own, with keys one by one and no cursor', () => {
    terminal.enter()
    expect(fake.input.isRaw).toBe(true)
    expect(fake.input.isFlowing).toBe(true)
    expect(Object.fromEntries(fake.output.modes)).toEqual({ '?1049': true, '?25': false, '?7': false })
    fake.type('w')
    expect(typed).toEqual(['w'])
    expect(fake.isRestored).toBe(false)
  })

  test('afterwards everything is as before, listeners included', () => {
    terminal.enter()
    terminal.leave()
    expect(fake.isRestored).toBe(true)
    expect(fake.input.isFlowing).toBe(false)
    expect(fake.input.listenerCount('data') + fake.output.listenerCount('resize') + fake.output.listenerCount('drain')).toBe(0)
  })

  test('a second time changes nothing', () => {
    terminal.leave()
    expect(fake.output.written).toEqual([])
    terminal.enter()
    terminal.enter()
    terminal.leave()
    terminal.leave()
    expect(fake.output.written).toHaveLength(2)
  })

  test('a terminal that is gone is no error', () => {
    terminal.enter()
    fake.input.setRawMode = () => {
      throw new Error('EIO')
    }
    expect(() => terminal.leave()).not.toThrow()
  })

  test('nothing is shown before or after', () => {
    terminal.show(['a'])
    terminal.enter()
    terminal.leave()
    terminal.show(['a'])
    expect(fake.output.written).toHaveLength(2)
  })
})

describe('pictures', () => {
  test('only the lines that changed are written', () => {
    terminal.enter()
    terminal.show(['one', 'two', 'three'])
    expect(fake.screen.trimEnd()).toBe('one\ntwo\nthree')
    terminal.show(['one', '2', 'three'])
    expect(fake.output.written.at(-1)).toMatch(/\[2;1H2/)
    expect(fake.output.written.at(-1)).not.toMatch(/one|three/)
    const { length } = fake.output.written
    terminal.show(['one', '2', 'three'])
    expect(fake.output.written).toHaveLength(length)
  })

  test('after a change of size everything is', () => {
    terminal.enter()
    terminal.show(['one', 'two'])
    fake.output.resize(60, 20)
    expect(terminal.size).toEqual({ columns: 60, rows: 20 })
    terminal.show(['one', 'two'])
    expect(fake.output.written.at(-1)).toMatch(/\[2J.*one.*two/)
  })

  test('those that a slow terminal has no room for are left out; the next one is complete', () => {
    terminal.enter()
    terminal.show(['1', 'same'])
    fake.output.hasRoom = false
    terminal.show(['2', 'same'])
    terminal.show(['3', 'changed'])
    expect(fake.output.written.at(-1)).toMatch(/2/)
    fake.output.hasRoom = true
    fake.output.emit('drain')
    terminal.show(['4', 'changed'])
    expect(fake.screen.trimEnd()).toBe('4\nchanged')
  })

  test('a terminal that does not know its size is taken for 80 × 24', () => {
    fake.output.resize(0, 0)
    expect(terminal.size).toEqual({ columns: 80, rows: 24 })
  })

  test('a pipe is no terminal', () => {
    expect(terminal.isInteractive).toBe(true)
    fake.input.isTTY = false
    expect(terminal.isInteractive).toBe(false)
  })
})

describe('whatever ends the process, the terminal is given back', () => {
  class FakeProcess extends EventEmitter {
    codes: number[] = []
    exit(code: number): void {
      this.codes.push(code)
    }
  }

  test.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s: and the game stops with %i', (signal, exitCode) => {
    const process = new FakeProcess()
    const stops: number[] = []
    guard(
      process,
      terminal,
      (code) => stops.push(code),
      () => {},
    )
    terminal.enter()
    process.emit(signal)
    expect(fake.isRestored).toBe(true)
    expect(stops).toEqual([exitCode])
  })

  test.each(['uncaughtException', 'unhandledRejection'])('%s: and the error can be read', (event) => {
    const process = new FakeProcess()
    const reports: string[] = []
    guard(
      process,
      terminal,
      () => {},
      (text) => {
        expect(fake.isRestored).toBe(true)
        reports.push(text)
      },
    )
    terminal.enter()
    process.emit(event, new Error('a bug'))
    expect(reports.join()).toContain('a bug')
    expect(process.codes).toEqual([1])
  })

  test('process.exit', () => {
    const process = new FakeProcess()
    guard(
      process,
      terminal,
      () => {},
      () => {},
    )
    terminal.enter()
    process.emit('exit', 0)
    expect(fake.isRestored).toBe(true)
  })

  test('the guard leaves no listener behind', () => {
    const process = new FakeProcess()
    guard(
      process,
      terminal,
      () => {},
      () => {},
    )()
    expect(process.eventNames()).toEqual([])
  })
})
