import { describe, expect, test } from '@jest/globals'
import { pong } from '../../../examples/pong/definition.ts'
import { GuestMatch, HostMatch } from '../../../examples/pong/match.ts'
import { Robot } from '../../../examples/pong/robot.ts'
import { FIELD_HEIGHT, RULES, TICKS_PER_SECOND } from '../../../examples/pong/simulation.ts'
import { simulate } from 'altostratus/testing'
import type { SimulationOptions } from 'altostratus/testing'

/** Two robots play in virtual time. */
async function arrange(conditions: SimulationOptions, rules = { ...RULES, serveSpeed: 240, servePause: 15 }) {
  const net = simulate(conditions)
  const [hostRoom, guestRoom] = await net.players(pong, 2, { capacity: 2 })
  if (hostRoom === undefined || guestRoom === undefined) throw new Error('nobody came')
  const [opponent] = hostRoom.peers.values()
  if (opponent === undefined) throw new Error('the host is alone')
  const host = new HostMatch(hostRoom, opponent, { rules, seed: 3 })
  const guest = new GuestMatch(guestRoom, guestRoom.host)
  const robots = { host: new Robot('left', 1), guest: new Robot('right', 2) }
  const play = async (seconds: number, watch: () => void = () => {}): Promise<void> => {
    for (let i = 0; i < seconds * TICKS_PER_SECOND; i++) {
      host.tick(robots.host.target(host.scene))
      guest.tick(robots.guest.target(guest.scene))
      await net.run(1000 / TICKS_PER_SECOND)
      watch()
    }
  }
  return { net, host, guest, rooms: [hostRoom, guestRoom] as const, play }
}

describe('two games that are one match', () => {
  test('both have the same score, also on a bad network', async () => {
    const { net, host, guest, play } = await arrange({ seed: 11, rtt: 80, jitter: 20, loss: 0.1, duplicate: 0.05, reorder: 0.05 })
    const points = (): number => host.points[0] + host.points[1]
    await play(40)
    // How soon the robots miss is up to the network's chance.
    for (let i = 0; i < 20 && points() <= 5; i++) await play(10)
    host.finish()
    await net.waitUntil(() => guest.isOver)
    expect(points()).toBeGreaterThan(5)
    expect(guest.points).toEqual(host.points)
    expect(guest.isConsistent).toBe(true)
    expect(guest.counts.received).toBeGreaterThan(0.7 * host.counts.sent)
    expect(guest.counts.received).toBeLessThanOrEqual(host.counts.sent)
    expect(net.errors).toEqual([])
  })

  test('nothing is counted before both are there', async () => {
    const { net, host } = await arrange({ seed: 1 })
    for (let i = 0; i < 200; i++) host.tick(FIELD_HEIGHT / 2)
    await net.run(100)
    expect(host.hasBegun).toBe(false)
    expect(host.scene.ball.vx).toBe(0)
  })

  test('the guest sees the ball move evenly, though one message in five is lost', async () => {
    const { guest, play } = await arrange({ seed: 5, rtt: 40, loss: 0.2 })
    await play(1)
    let before = guest.scene.ball
    let [flights, stalls] = [0, 0]
    await play(8, () => {
      const { ball } = guest.scene
      if (ball.vx !== 0 && ball.vx === before.vx) {
        flights++
        if (ball.x === before.x) stalls++
      }
      before = ball
    })
    expect(flights).toBeGreaterThan(200)
    // A message that waited a tick for the congestion window shows the ball where it was.
    expect(stalls / flights).toBeLessThan(0.05)
  })

  test('a match is won, both see by whom, and the next begins', async () => {
    const { host, guest, play } = await arrange({ seed: 2 }, { pointsToWin: 2, serveSpeed: 250, servePause: 5, victoryPause: 120 })
    const seen = new Set<string>()
    await play(40, () => {
      if (host.winner !== undefined && guest.winner !== undefined) seen.add(`${host.winner} ${guest.winner} ${guest.points.join(':')}`)
    })
    expect(seen.size).toBeGreaterThan(0)
    for (const entry of seen) expect(entry).toMatch(/^(left left 2:[01]|right right [01]:2)$/)
    expect(guest.isConsistent).toBe(true)
    expect(Math.max(...guest.points)).toBeLessThanOrEqual(2)
  })

  test('after the last whistle nothing moves', async () => {
    const { net, host, guest, play } = await arrange({ seed: 4 })
    await play(2)
    host.finish()
    const before = host.scene.ball
    await play(1)
    await net.run(500)
    expect(host.scene.ball).toEqual(before)
    expect(guest.isOver).toBe(true)
  })

  test('when the host leaves, who was the guest plays on as host with the same ball, against whoever comes', async () => {
    const { net, host, guest, rooms, play } = await arrange({ seed: 9 })
    await play(3)
    const [hostRoom, guestRoom] = rooms
    host.end()
    guest.end()
    await net.wait(hostRoom.leave())
    await net.waitUntil(() => guestRoom.isHost && guestRoom.shared.isMine)
    const network = await net.connect()
    const third = await net.wait(network.join(pong, { code: guestRoom.code }))
    await net.waitUntil(() => guestRoom.peers.size === 1)
    const next = new HostMatch(guestRoom, [...guestRoom.peers.values()][0]!, { seed: 4 })
    const newcomer = new GuestMatch(third, third.host)
    for (let i = 0; i < 2 * TICKS_PER_SECOND; i++) {
      next.tick(FIELD_HEIGHT / 2)
      newcomer.tick(FIELD_HEIGHT / 2)
      await net.run(1000 / TICKS_PER_SECOND)
    }
    expect([third.entities.ball.size, third.entities.paddle.size]).toEqual([1, 2])
    expect(newcomer.scene.ball.vx).not.toBe(0)
    expect(newcomer.hasBegun).toBe(true)
    expect(net.errors).toEqual([])
  })
})
