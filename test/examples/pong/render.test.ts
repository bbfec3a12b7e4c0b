import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { COLOUR, Frame } from '../../../examples/common/frame.ts'
import { LEAST_SIZE, draw } from '../../../examples/pong/render.ts'
import type { View } from '../../../examples/pong/render.ts'
import { FIELD_HEIGHT, FIELD_WIDTH, OPENING_SCENE } from '../../../examples/pong/simulation.ts'

const ESCAPE = String.fromCharCode(0x1b)
const SGR = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g')

const match: Extract<View, { kind: 'match' }> = {
  kind: 'match',
  scene: OPENING_SCENE,
  side: 'left',
  names: ['Ada', 'Ben'],
  points: [3, 12],
  banner: [],
  status: 'RTT 12 ms · direct',
}
const notice: View = { kind: 'notice', title: 'Waiting', lines: ['Code: KFQ7B', '  npm run pong'], keys: 'q quits' }

describe('a frame', () => {
  test('puts two pixels in a cell', () => {
    const frame = new Frame(5, 1)
    frame.pixel(0, 0, COLOUR.left)
    frame.pixel(1, 1, COLOUR.left)
    frame.block(2, 0, 1, 2, COLOUR.left)
    frame.pixel(3, 0, COLOUR.left)
    frame.pixel(3, 1, COLOUR.right)
    expect(frame.lines(false)).toEqual(['▀▄██ '])
    expect(frame.lines()).toEqual([`${ESCAPE}[38;5;45;49m▀▄█${ESCAPE}[38;5;45;48;5;213m▀${ESCAPE}[38;5;45;49m ${ESCAPE}[0m`])
  })

  test('a pixel drawn over keeps the other one of its cell', () => {
    const frame = new Frame(1, 1)
    frame.pixel(0, 1, COLOUR.wall)
    frame.pixel(0, 0, COLOUR.ball)
    frame.pixel(0, 0, COLOUR.wall)
    expect(frame.lines(false)).toEqual(['█'])
    frame.pixel(0, 1, COLOUR.ball)
    expect(frame.lines()[0]).toContain('38;5;244;48;5;229m▀')
  })

  test('text cuts off at the edges', () => {
    const frame = new Frame(4, 1)
    frame.text(0, -2, 'abcdefgh')
    frame.text(7, 0, 'outside')
    expect(frame.lines(false)).toEqual(['cdef'])
  })

  test('a line without colour carries no escapes', () => {
    expect(new Frame(3, 2).lines()).toEqual(['   ', '   '])
  })
})

describe('views', () => {
  test('a match on 60 × 16', () => {
    const frame = draw({ ...match, scene: { ball: { x: 60, y: 80, vx: 0, vy: 0 }, left: 9, right: 91 } }, { columns: 60, rows: 16 })
    expect(`\n${frame.lines(false).join('\n')}\n`).toMatchInlineSnapshot(`
     "
      Ada (you)                                              Ben 
     ▀█▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
      █                     ▄▄▄    █     ▄  ▄▄▄                  
      █                     ▄▄█         ▀█  ▄▄█                  
                            ▄▄█    █    ▄█▄ █▄▄                  
                                                                 
                                   █                             
                                                                 
                                   █                             
                                                                 
                                   █                             
                       ▄                                         
                                   █                           █ 
                                                               █ 
     ▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄█▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄█▄
      RTT 12 ms · direct                                         
     "
    `)
  })

  test('the player sees which side is theirs', () => {
    expect(draw(match, { columns: 80, rows: 24 }).lines(false)[0]).toMatch(/^ Ada \(you\) +Ben $/)
    expect(draw({ ...match, side: 'right' }, { columns: 80, rows: 24 }).lines(false)[0]).toMatch(/^ Ada +Ben \(you\) $/)
  })

  test('the status is on the last line', () => {
    expect(draw(match, { columns: 80, rows: 24 }).lines(false)[23]).toContain('RTT 12 ms · direct')
  })

  test('a banner stands in the middle of the field', () => {
    const lines = draw({ ...match, banner: ['Ben wins 3 : 11', 'The next match begins'] }, { columns: 80, rows: 24 }).lines(false)
    expect(lines.findIndex((line) => line.includes('   Ben wins 3 : 11   '))).toBe(11)
  })

  test('a notice has its title, lines and keys', () => {
    const text = draw(notice, { columns: 80, rows: 24 }).lines(false).join('\n')
    for (const part of ['Waiting', 'Code: KFQ7B', 'npm run pong', 'q quits']) expect(text).toContain(part)
  })

  test('what is to be typed is shown whole, however long', () => {
    const url = `rtmfp://127.0.0.1:1935/#${'0123456789abcdef'.repeat(4)}`
    const command = `npm run pong -- --join KFQ7B --introducer ${url}`
    const lines = draw({ ...notice, lines: [`  ${command}`] }, { columns: 50, rows: 20 }).lines(false)
    const shown = lines.slice(0, -1).join('').replaceAll(' ', '')
    expect(shown).toBe(`Waiting${command.replaceAll(' ', '')}`)
  })

  test('a window that is too small says so', () => {
    const lines = draw(match, { columns: LEAST_SIZE.columns - 1, rows: 20 }).lines(false)
    expect(lines[0]).toContain('pong needs 40 × 12')
  })

  test('every view fills every size exactly, wherever the ball is', () => {
    const scene = fc.record({
      ball: fc.record({
        x: fc.double({ min: -20, max: FIELD_WIDTH + 20, noNaN: true }),
        y: fc.double({ min: 0, max: FIELD_HEIGHT, noNaN: true }),
        vx: fc.constant(0),
        vy: fc.constant(0),
      }),
      left: fc.double({ min: 9, max: 91, noNaN: true }),
      right: fc.double({ min: 9, max: 91, noNaN: true }),
    })
    const size = fc.record({ columns: fc.integer({ min: 1, max: 220 }), rows: fc.integer({ min: 1, max: 70 }) })
    const points = fc.tuple(fc.nat(999), fc.nat(999))
    fc.assert(
      fc.property(scene, size, points, fc.boolean(), (scene, size, points, isNotice) => {
        const lines = draw(isNotice ? notice : { ...match, scene, points }, size).lines()
        expect(lines).toHaveLength(size.rows)
        for (const line of lines) expect(Array.from(line.replace(SGR, ''))).toHaveLength(size.columns)
      }),
    )
  })
})
