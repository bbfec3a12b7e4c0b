import { entities, game, t } from '../../src/entry/main.ts'
import type { Room } from '../../src/entry/main.ts'
import { HEADERS } from '../../src/link/constants.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import { BitWriter } from '../../src/sync/core/bits.ts'
import type { Engine } from '../../src/sync/engine.ts'
import { simulate } from '../../src/testing/simulate.ts'

const place = t.fixed(-1_024, 1_024, 0.01)
const speed = t.fixed(-32, 32, 0.01)
/** How far players see. */
const RADIUS = 60
/** What the host may send, headers included. Bits a second. */
export const UPLINK = 1_000_000
/** A player of 32 bytes, as it is written in full. */
const unit = entities(
  {
    x: place,
    y: place,
    z: t.fixed(0, 64, 0.01),
    vx: speed,
    vy: speed,
    vz: speed,
    turn: t.quaternion(),
    hp: t.uint8,
    armour: t.uint8,
    ammo: t.uint16,
    score: t.uint16,
    level: t.uint8,
    frame: t.uint16,
    name: t.string(8),
  },
  { area: { axes: ['x', 'y'], radius: RADIUS }, uplink: UPLINK },
)
const crowd = game('test.large', { protocol: 1, entities: { unit } })

/** Writes and rounds a second. */
const RATE = 20
/** A little longer than a round, so that writes come at every point of the rounds: else all delays are those of one chance. Milliseconds. */
const PACE = (1_000 / RATE) * 1.025
/** Players walk about in groups of so many, who see each other and no others. */
const GROUP = 3
const SPACING = 200
/** What each walks around the middle of its group. */
const WALK = 15
/** Paces in which everybody finds everybody. */
const WARM_UP = 3 * RATE

export interface LargeRoom {
  /** Of an entity in full. */
  readonly bytes: number
  /** What the host's line carries up, IP and UDP headers included, bits a second; and in datagrams. */
  readonly uplink: number
  readonly datagrams: number
  /** How many others a player sees at a time, on average. */
  readonly near: number
  /** Updates of each of those that came, of those that were written, while it was near. */
  readonly arrived: number
  /** From the write to the read, milliseconds, in ascending order. */
  readonly delays: readonly number[]
  readonly errors: readonly unknown[]
}

/** A room in which everybody walks about and sees who is near, by way of the host. */
export async function runLargeRoom(count: number, seconds: number): Promise<LargeRoom> {
  const net = simulate({ seed: 1, rtt: 60, jitter: 5 })
  const rooms: Room<typeof crowd>[] = await net.players(crowd, 1, { capacity: 64, topology: 'star' })
  for (let i = 1; i < count; i++) rooms.push(await net.wait((await net.connect()).join(crowd, { code: rooms[0]!.code })))
  const middle = (i: number): { readonly x: number; readonly y: number } => {
    const group = Math.floor(i / GROUP)
    return { x: (group % 8) * SPACING - 4 * SPACING, y: Math.floor(group / 8) * SPACING - 4 * SPACING }
  }
  const units = rooms.map((room, i) => room.entities.unit.spawn({ ...middle(i), name: `player${i % 10}`, hp: 100 }))
  const engine = (rooms[0]!.entities.unit as unknown as { readonly engine: Engine }).engine
  const writtenAt: number[] = []
  let frame = 0
  const write = (): void => {
    writtenAt[++frame] = net.clock.now()
    for (const [i, mine] of units.entries()) {
      const angle = frame / RATE + i * 2.4
      const [x, y] = [Math.cos(angle), Math.sin(angle)]
      mine.x = middle(i).x + WALK * x
      mine.y = middle(i).y + WALK * y
      mine.vx = -WALK * y
      mine.vy = WALK * x
      mine.turn = { x: 0, y: 0, z: Math.sin(angle / 2), w: Math.cos(angle / 2) }
      mine.frame = frame
      if (frame % RATE === 0) mine.ammo = frame % 30
    }
  }
  let [bytes, datagrams, near, updates, isMeasured] = [0, 0, 0, 0, false]
  const link = (net as unknown as { linkOf(room: unknown): SimulatedLink }).linkOf(rooms[0])
  const send = link.send.bind(link)
  link.send = (datagram, to) => {
    if (isMeasured) {
      bytes += datagram.length + HEADERS
      datagrams++
    }
    send(datagram, to)
  }
  const delays: number[] = []
  for (const [i, room] of rooms.entries()) {
    // The host passes all on, and so sees all.
    if (i === 0) continue
    room.entities.unit.on('update', (other) => {
      if (!isMeasured || other.isMine) return
      updates++
      delays.push(net.clock.now() - writtenAt[other.latest().frame]!)
    })
  }
  const pace = async (paces: number): Promise<void> => {
    for (let n = 0; n < paces; n++) {
      write()
      await net.run(PACE)
      if (isMeasured) for (const room of rooms.slice(1)) near += room.entities.unit.size - 1
    }
  }
  await pace(WARM_UP)
  isMeasured = true
  const since = net.clock.now()
  await pace(seconds * RATE)
  const elapsed = (net.clock.now() - since) / 1_000
  const bits = new BitWriter(new Uint8Array(256))
  const { type, lanes, values } = [...engine.world.records.values()][0]!
  type.writeAll(bits, lanes, values)
  return {
    bytes: bits.finish().length,
    uplink: (bytes * 8) / elapsed,
    datagrams: datagrams / elapsed,
    near: near / (seconds * RATE * (count - 1)),
    arrived: updates / near,
    delays: delays.sort((a, b) => a - b),
    errors: net.errors,
  }
}
