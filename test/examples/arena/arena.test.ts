import { describe, expect, test } from '@jest/globals'
import type { Player } from '../../../examples/arena/player.ts'
import { scoresOf, standings } from '../../../examples/arena/report.ts'
import { COOLDOWN, FIELD_HEIGHT, FIELD_WIDTH, GEMS, SPEED, firstHit, leaders, moved } from '../../../examples/arena/rules.ts'
import type { Facing } from '../../../examples/arena/rules.ts'
import { run } from '../../command.ts'
import { Match, TICKS } from './players.ts'

describe('rules', () => {
  test('running ends at the walls', () => {
    expect(moved({ x: 10, y: 10 }, 'left', 0.25)).toEqual({ x: 10 - SPEED / 4, y: 10 })
    expect(moved({ x: 10, y: 10 }, 'up', 60)).toEqual({ x: 10, y: 0 })
    expect(moved({ x: 10, y: 10 }, 'down', 60)).toEqual({ x: 10, y: FIELD_HEIGHT })
    expect(moved({ x: 10, y: 10 }, 'right', 60)).toEqual({ x: FIELD_WIDTH, y: 10 })
  })

  test.each([
    ['right', { x: 30, y: 21 }],
    ['left', { x: 15, y: 20 }],
    ['up', { x: 20, y: 5 }],
    ['down', { x: 19, y: 40 }],
  ] as [Facing, { x: number; y: number }][])('a shot %s meets the nearest who is there', (facing, target) => {
    const behind = { x: 20 + 2 * (target.x - 20), y: 20 + 2 * (target.y - 20) }
    expect(firstHit({ x: 20, y: 20 }, facing, [behind, target])).toBe(target)
  })

  test('a shot misses who is beside, behind or too far', () => {
    const targets = [
      { x: 30, y: 24 },
      { x: 10, y: 20 },
      { x: 51, y: 20 },
      { x: 20, y: 20 },
    ]
    expect(firstHit({ x: 20, y: 20 }, 'right', targets)).toBeUndefined()
  })

  test('who has most leads, several when they are equal, nobody with nothing', () => {
    expect(leaders(new Map([[0, 2], [3, 5], [4, 5]]))).toEqual([3, 4]) // prettier-ignore
    expect(leaders(new Map([[0, 0]]))).toEqual([])
  })
})

describe('matches', () => {
  test('of all who walk onto a gem at the same moment one has it', async () => {
    const match = new Match({ seed: 3, rtt: 80, loss: 0.05 })
    await match.enter(4)
    await match.run(1, false)
    const { gem } = match.host.room.entities
    const [target] = [...gem]
    for (const { avatar } of match.players) Object.assign(avatar, { x: target!.x, y: target!.y })
    await match.run(2, false)
    const scores = match.players.map(({ room }) => JSON.stringify([...scoresOf(room)].sort(([a], [b]) => a - b)))
    expect(new Set(scores).size).toBe(1)
    expect([...gem].filter((one) => one.x === target!.x && one.y === target!.y).map(({ holder }) => holder)).toEqual([expect.any(Number)])
    expect(match.net.errors).toEqual([])
  })

  test('who is hit drops a gem, whoever writes it; shooting faster than is allowed does not help', async () => {
    const match = new Match({ seed: 4 })
    await match.enter(3)
    await match.run(1, false)
    const [host, shooter, victim] = match.players as [Player, Player, Player]
    const gems = [...host.room.entities.gem]
    for (const one of gems.slice(0, 3)) {
      Object.assign(victim.avatar, { x: one.x, y: one.y })
      await match.run(1, false)
    }
    const held = (): number => scoresOf(host.room).get(victim.room.self.order) ?? 0
    const before = held()
    expect(before).toBeGreaterThanOrEqual(3)
    // Away from other gems, or it would pick one up.
    Object.assign(victim.avatar, { x: 60, y: 20 })
    Object.assign(shooter.avatar, { x: 50, y: 20, facing: 'right' })
    await match.run(1, false)
    const atRest = held()
    for (let i = 0; i < 5; i++) shooter.room.channels.shot.send({ facing: 'right' })
    await match.run((COOLDOWN / 1_000) * 0.5, false)
    expect(held()).toBe(atRest - 1)
    expect(match.net.errors).toEqual([])
  })

  test('a round that is over is won by who holds most, and the next one has all gems in the field', async () => {
    const match = new Match({ seed: 5, rtt: 60 })
    await match.enter(3)
    const phases = new Set<string>()
    for (let i = 0; i < 120 && !(phases.has('over') && match.host.room.shared.phase === 'play'); i++) {
      await match.run(1, true, () => phases.add(match.host.room.shared.phase))
    }
    expect([...phases]).toEqual(expect.arrayContaining(['play', 'over']))
    await match.run(1, false)
    const wins = match.players.map(({ room }) => JSON.stringify(room.shared.wins))
    expect(new Set(wins).size).toBe(1)
    expect(Math.max(...standings(match.host.room).map((standing) => standing.wins))).toBe(1)
    expect(match.net.errors).toEqual([])
  })

  test('a host that hands over keeps its gems, and the next one goes on', async () => {
    const match = new Match({ seed: 6, rtt: 60, loss: 0.03 })
    await match.enter(3)
    await match.run(4)
    const [first] = match.players as [Player]
    await match.run(0.5, false)
    const before = scoresOf(first.room)
    await match.net.wait(first.room.handOver())
    await match.run(2, false)
    expect(first.room.isHost).toBe(false)
    for (const { room } of match.players) {
      expect(scoresOf(room)).toEqual(before)
      expect(room.entities.gem.size).toBe(GEMS)
    }
    expect(match.states()).toHaveLength(1)
    await match.run(2)
    expect(match.net.errors).toEqual([])
  })

  test('others see a runner run evenly, though they hear of it in jumps', async () => {
    const match = new Match({ seed: 7, rtt: 80, jitter: 20 })
    await match.enter(2)
    await match.run(1, false)
    const [host, runner] = match.players as [Player, Player]
    Object.assign(runner.avatar, { x: 2, y: 40 })
    await match.run(1, false)
    const seen = [...host.room.entities.avatar].find((avatar) => avatar.owner?.order === runner.room.self.order)!
    const steps: number[] = []
    for (let i = 0; i < 3 * TICKS; i++) {
      const before = seen.x
      runner.tick({ run: 'right', isShooting: false }, 1 / TICKS)
      await match.net.run(1_000 / TICKS)
      steps.push(seen.x - before)
    }
    // After it has begun to run.
    for (const step of steps.slice(TICKS / 2)) expect(step).toBeGreaterThan(0)
    expect(Math.max(...steps)).toBeLessThan((3 * SPEED) / TICKS)
  })

  test('16 bots for a minute, the host killed twice, one more who comes late: the same state at all', async () => {
    const { exitCode, stdout, stderr } = await run(process.execPath, ['scripts/bundled.js', 'test/examples/arena/minute.ts']).done
    expect([exitCode, stderr]).toEqual([0, ''])
    const { held, scores, ...outcome } = JSON.parse(stdout) as Record<string, unknown>
    expect(outcome).toEqual({ states: 1, hosts: 1, players: 15, gems: GEMS, avatars: 15, peers: 14, errors: [] })
    expect(scores).toBe(held)
  }, 120_000)
})
