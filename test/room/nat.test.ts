import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import type { CreateOptions, JoinOptions, Network, PeerPath, Room } from '../../src/entry/main.ts'
import { NAT_KINDS, simulate } from '../../src/entry/testing.ts'
import type { NatKind, Simulation } from '../../src/entry/testing.ts'

const meeting = game('test.meeting', { protocol: 1, channels: { chat: channel({ n: t.uint8 }) } })
const RTT = 100

/** Whether hole punching can connect the two, in theory. */
function canBeDirect(a: NatKind, b: NatKind): boolean {
  if (a === 'udp-blocked' || b === 'udp-blocked') return false
  if (a === 'symmetric') return b !== 'symmetric' && b !== 'port-restricted'
  return !(b === 'symmetric' && a === 'port-restricted')
}

interface Meeting {
  readonly rooms: readonly Room<typeof meeting>[]
  /** From the call of `join` to the first message that comes to either of the two, each of which greets the other as soon as it can. Milliseconds. */
  readonly first: number
  readonly join: number
}

/** @param prepare What the host does before anybody comes. */
async function meet(
  net: Simulation,
  host: Network,
  guest: Network,
  create: CreateOptions = {},
  join: Omit<JoinOptions, 'code'> = {},
  prepare: (room: Room<typeof meeting>) => Promise<void> = () => Promise.resolve(),
): Promise<Meeting> {
  const room = await net.wait(host.create(meeting, create))
  await net.wait(prepare(room))
  const since = net.clock.now()
  const after = (): number => net.clock.now() - since
  let first = Infinity
  const heard = (): void => {
    first = Math.min(first, after())
  }
  room.channels.chat.on(heard)
  room.on('join', (peer) => room.channels.chat.send({ n: 1 }, peer))
  const come = async (): Promise<[Room<typeof meeting>, number]> => {
    const there = await guest.join(meeting, { ...join, code: room.code })
    there.channels.chat.on(heard)
    there.channels.chat.send({ n: 2 })
    return [there, after()]
  }
  const [there, joined] = await net.wait(come())
  await net.waitUntil(() => first < Infinity)
  return { rooms: [room, there], first, join: joined }
}

function pathsOf(rooms: readonly Room<typeof meeting>[]): (PeerPath | undefined)[] {
  return rooms.map((room) => [...room.peers.values()][0]?.path)
}

const pairs = NAT_KINDS.flatMap((a) => NAT_KINDS.map((b) => [a, b] as const))

async function expectMet(net: Simulation, { rooms, first, join }: Meeting, a: NatKind, b: NatKind): Promise<void> {
  expect(first).toBeLessThanOrEqual(4 * RTT)
  expect(join).toBeLessThanOrEqual(4 * RTT)
  await net.run(2_000 - (first % 2_000))
  const path = canBeDirect(a, b) ? 'direct' : 'relay'
  expect(pathsOf(rooms)).toEqual([path, path])
  expect(net.errors).toEqual([])
}

describe('every pair connects', () => {
  test.each(pairs)('%s and %s: within 4 round trips, straight within 2 s where that is possible', async (a, b) => {
    const net = simulate({ seed: 1, rtt: RTT, nat: [a, b] })
    const [host, guest] = [await net.connect(), await net.connect()]
    await expectMet(net, await meet(net, host, guest), a, b)
  })
})

describe('every pair connects in guarded rooms, too, where the two are told where the other is only when the host has let the newcomer in', () => {
  test.each(pairs)('%s and %s, with a password', async (a, b) => {
    const net = simulate({ seed: 1, rtt: RTT, nat: [a, b] })
    const [host, guest] = [await net.connect(), await net.connect()]
    await expectMet(net, await meet(net, host, guest, { password: 'öpen sesame' }, { password: 'öpen sesame' }), a, b)
  })

  test.each(pairs.filter(([a, b]) => a === b || a === 'open'))('%s and %s, locked with a seat kept, and after a ban', async (a, b) => {
    const net = simulate({ seed: 1, rtt: RTT, nat: [a, b, a, b] })
    const [host, guest, another, banning] = [await net.connect(), await net.connect(), await net.connect(), await net.connect()]
    await expectMet(net, await meet(net, host, guest, { reserved: [guest.peerId] }, {}, (room) => room.lock()), a, b)
    await expectMet(net, await meet(net, another, banning, {}, {}, (room) => room.ban('7'.repeat(64))), a, b)
  })
})
