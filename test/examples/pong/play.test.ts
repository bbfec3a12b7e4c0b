import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createIntroducer } from 'altostratus/introducer'
import type { Introducer } from 'altostratus/introducer'
import { parseArguments } from '../../../examples/pong/arguments.ts'
import { playInTerminal } from '../../../examples/common/play.ts'
import { PONG } from '../../../examples/pong/table.ts'
import { FakeTerminal } from '../common/fake-terminal.ts'

class FakeProcess extends EventEmitter {
  exit(): void {}
}

/** How long is waited for something to be seen, in ms: long enough for any machine. */
const PATIENCE = 20_000

/** A person at a terminal of their own. */
class Person {
  readonly terminal: FakeTerminal = new FakeTerminal()
  readonly process: FakeProcess = new FakeProcess()
  readonly printed: string[] = []
  readonly exitCode: Promise<number>

  constructor(line: string) {
    const command = parseArguments(line.split(' '))
    if (command.kind !== 'create' && command.kind !== 'join') throw new Error(`not a game: ${line}`)
    const { input, output } = this.terminal
    this.exitCode = playInTerminal(PONG, command, {
      input,
      output,
      process: this.process,
      colours: true,
      print: (text) => this.printed.push(text),
    })
    people.push(this)
  }

  /** Waits until the screen shows it. */
  async sees(what: RegExp): Promise<RegExpExecArray> {
    const giveUp = performance.now() + PATIENCE
    for (;;) {
      const found = what.exec(this.terminal.screen)
      if (found !== null) return found
      if (performance.now() > giveUp) throw new Error(`never saw ${what}, but\n${this.terminal.screen}\n${this.printed.join('\n')}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

let introducer: Introducer
let url: string
let people: Person[] = []

beforeEach(async () => {
  introducer = await createIntroducer({ port: 0, host: '127.0.0.1' })
  url = `rtmfp://127.0.0.1:${introducer.port}`
})

afterEach(async () => {
  for (const person of people) person.terminal.type('q')
  await Promise.all(people.map((person) => person.exitCode))
  people = []
  await introducer.close()
})

async function twoAtATable(): Promise<[host: Person, guest: Person]> {
  const host = new Person(`--create --introducer ${url} --name Ada`)
  const [, code] = await host.sees(/Code: (\w+)/)
  const guest = new Person(`--join ${code} --introducer ${url} --name Ben`)
  await Promise.all([host.sees(/Ada \(you\) .*Ben$/m), guest.sees(/Ada .*Ben \(you\)$/m)])
  return [host, guest]
}

/** The lowest row in which a paddle is seen on the right. */
function guestPaddle(person: Person): number {
  return person.terminal.screen
    .split('\n')
    .slice(2, -2)
    .findLastIndex((row) => /[▀▄█]$/.test(row.trimEnd()) && row.trimEnd().length > 70)
}

describe('two people', () => {
  test('the one who waits sees the code and the command for the other', async () => {
    const host = new Person(`--create --introducer ${url}`)
    const [, code] = await host.sees(/Code: (\w+)/)
    expect(host.terminal.screen).toContain('Waiting for the other player')
    expect(host.terminal.screen).toContain(`npm run pong -- --join ${code} --introducer ${url}`)
    expect(host.terminal.screen).toContain('q quits')
  })

  test('both see the match, the round-trip time and the path; keys move the paddle on both screens', async () => {
    const [host, guest] = await twoAtATable()
    await Promise.all([host.sees(/RTT [\d.]+ ms · direct/), guest.sees(/RTT [\d.]+ ms · direct/)])
    const before = guestPaddle(host)
    const below = (person: Person) => guestPaddle(person) > before + 2
    while (!below(host) || !below(guest)) {
      guest.terminal.type('s')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })

  test('when the guest leaves, the host is told at once and waits for another with the same code', async () => {
    const [host, guest] = await twoAtATable()
    guest.terminal.type('q')
    expect(await guest.exitCode).toBe(0)
    expect(guest.terminal.isRestored).toBe(true)
    expect(guest.printed).toEqual([expect.stringMatching(/^Ada \d+ : \d+ Ben$/)])
    const [, code] = await host.sees(/Ben has left\.[^]*Waiting for another player[^]*Code: (\w+)/)
    const third = new Person(`--join ${code} --introducer ${url} --name Cay`)
    await Promise.all([host.sees(/Ada \(you\) .*Cay$/m), third.sees(/Ada .*Cay \(you\)$/m)])
  })

  test('when the host leaves, the guest is told and has the room', async () => {
    const [host, guest] = await twoAtATable()
    host.process.emit('SIGTERM')
    expect(host.terminal.isRestored).toBe(true)
    expect(await host.exitCode).toBe(143)
    await guest.sees(/Ada has left\.[^]*Waiting for another player/)
  })

  test('a third is told that the game is full', async () => {
    const host = new Person(`--create --introducer ${url}`)
    const [, code] = await host.sees(/Code: (\w+)/)
    const guest = new Person(`--join ${code} --introducer ${url}`)
    await guest.sees(/Right \(you\)/)
    const third = new Person(`--join ${code} --introducer ${url}`)
    expect(await third.exitCode).toBe(1)
    expect(third.printed.join('\n')).toMatch(/full[^]*Open another game/)
  })
})

describe('what can go wrong', () => {
  test('a code that no game has', async () => {
    const person = new Person(`--join ABCDE --introducer ${url}`)
    expect(await person.exitCode).toBe(1)
    expect(person.terminal.isRestored).toBe(true)
    expect(person.printed.join('\n')).toMatch(/No room has the code ABCDE[^]*Compare the code/)
  })

  test('no terminal', async () => {
    const person = { terminal: new FakeTerminal(), printed: [] as string[] }
    person.terminal.input.isTTY = false
    const { input, output } = person.terminal
    const process = new FakeProcess()
    const command = { kind: 'create', introducer: url, name: undefined } as const
    const exitCode = playInTerminal(PONG, command, { input, output, process, colours: true, print: (text) => person.printed.push(text) })
    expect(await exitCode).toBe(1)
    expect(person.printed.join()).toContain('--bots')
    expect(output.written).toEqual([])
  })

  test('an introducer that is not there; who does not want to wait can quit', async () => {
    const away = 'rtmfp://127.0.0.1:9'
    const patient = new Person(`--join ABCDE --introducer ${away}`)
    const hasty = new Person(`--create --introducer ${away}`)
    await hasty.sees(/Asking the introducer/)
    hasty.terminal.type('\u0003')
    expect(await hasty.exitCode).toBe(0)
    expect(hasty.terminal.isRestored).toBe(true)
    expect(await patient.exitCode).toBe(1)
    expect(patient.terminal.isRestored).toBe(true)
    expect(patient.printed.join()).toMatch(/No answer from the introducer[^]*Check/)
  })
})
