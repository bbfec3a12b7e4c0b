import { describe, expect, test } from '@jest/globals'
import { channel, game, t } from '../../src/entry/main.ts'
import type { Network, PeerPath, Room } from '../../src/entry/main.ts'
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

async function meet(net: Simulation, host: Network, guest: Network): Promise<Meeting> {
  const room = await net.wait(host.create(meeting))
  const since = net.clock.now()
  const after = (): number => net.clock.now() - since
  let first = Infinity
  const heard = (): void => {
    first = Math.min(first, after())
  }
  room.channels.chat.on(heard)
  room.on('join', (peer) => room.channels.chat.send({ n: 1 }, peer))
  const come = async (): Promise<[Room<typeof meeting>, number]> => {
    const there = await guest.join(meeting, { code: room.code })
    there.channels.chat.on(heard)
    there.channels.chat.send({ n: 2 })
    return [there, after()]
  }
  const [there, join] = await net.wait(come())
  await net.waitUntil(() => first < Infinity)
  return { rooms: [room, there], first, join }
}

function pathsOf(rooms: readonly Room<typeof meeting>[]): (PeerPath | undefined)[] {
  return rooms.map((room) => [...room.peers.values()][0]?.path)
}

const pairs = NAT_KINDS.flatMap((a) => NAT_KINDS.map((b) => [a, b] as const))

describe('every pair connects', () => {
  test.each(pairs)('%s and %s: within 4 round trips, straight within 2 s where that is possible', async (a, b) => {
    const net = simulate({ seed: 1, rtt: RTT, nat: [a, b] })
    const host = await net.connect()
    const guest = await net.connect()
    const { rooms, first, join } = await meet(net, host, guest)
    expect(first).toBeLessThanOrEqual(4 * RTT)
    expect(join).toBeLessThanOrEqual(4 * RTT)
    await net.run(2_000 - (first % 2_000))
    const path = canBeDirect(a, b) ? 'direct' : 'relay'
    expect(pathsOf(rooms)).toEqual([path, path])
    expect(net.errors).toEqual([])
  })
})
