import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { LEAST_SIZE, draw } from '../../../examples/arena/render.ts'
import type { View } from '../../../examples/arena/render.ts'
import { FIELD_HEIGHT, FIELD_WIDTH } from '../../../examples/arena/rules.ts'

const standing = { order: 0, name: 'Ada', score: 3, wins: 1, isHost: true, isAway: false, isSelf: true }
const view: View = {
  avatars: [{ x: 50, y: 20, order: 0, facing: 'up', isAway: false }],
  gems: [{ x: 10, y: 10 }],
  beams: [{ x: 50, y: 20, order: 0, facing: 'left' }],
  standings: [standing, { ...standing, order: 1, name: 'Ben', score: 2, wins: 0, isHost: false, isAway: true, isSelf: false }],
  banner: [],
  news: ['Ben is silent'],
  status: 'host Ada',
}

describe('the screen', () => {
  test('shows the field, the players with the host and those who are silent, news and status', () => {
    const lines = draw({ ...view, banner: ['Ada had most gems'] }, { columns: 100, rows: 32 }).lines(false)
    expect(lines[0]).toMatch(/★ Ada ← +3 \+1 $/)
    expect(lines[1]).toMatch(/ {2}Ben … +2 $/)
    const text = lines.join('\n')
    for (const part of ['◆', 'Ada had most gems', 'Ben is silent']) expect(text).toContain(part)
    expect(lines[31]).toContain('host Ada')
  })

  test('a window that is too small says so', () => {
    expect(draw(view, { columns: LEAST_SIZE.columns - 1, rows: 20 }).lines(false)[0]).toContain('the arena needs 60 × 16')
  })

  test('fills every size exactly, wherever everyone is', () => {
    const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) })
    const place = fc.record({ x: fc.integer({ min: 0, max: FIELD_WIDTH }), y: fc.integer({ min: 0, max: FIELD_HEIGHT }) })
    const facing = fc.constantFrom('up', 'down', 'left', 'right')
    fc.assert(
      fc.property(size, place, facing, (size, place, facing) => {
        const one = { ...place, order: 20, facing }
        const lines = draw({ ...view, avatars: [{ ...one, isAway: false }], beams: [one], gems: [place] }, size).lines(false)
        expect(lines).toHaveLength(size.rows)
        for (const line of lines) expect(Array.from(line)).toHaveLength(size.columns)
      }),
    )
  })
})
