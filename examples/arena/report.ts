import { nameOf } from '../common/meeting.ts'
import type { ArenaRoom } from './definition.ts'

/** Gems that each player holds, by the player's `order`; that is the score, so nobody has to count it. */
export function scoresOf(room: ArenaRoom): Map<number, number> {
  const scores = new Map(membersOf(room).map(({ order }) => [order, 0]))
  for (const { holder } of room.entities.gem) if (holder !== undefined) scores.set(holder, (scores.get(holder) ?? 0) + 1)
  return scores
}

/** A player in a list. */
export interface Standing {
  readonly order: number
  readonly name: string
  readonly score: number
  readonly wins: number
  readonly isHost: boolean
  readonly isAway: boolean
  readonly isSelf: boolean
}

/** All who are in the room, the best first. */
export function standings(room: ArenaRoom): Standing[] {
  const scores = scoresOf(room)
  const list = membersOf(room).map((peer) => {
    const { order, isAway, isSelf } = peer
    const wins = room.shared.wins[order] ?? 0
    return { order, name: playerName(peer), score: scores.get(order) ?? 0, wins, isHost: peer === room.host, isAway, isSelf }
  })
  return list.sort((a, b) => b.score - a.score || a.order - b.order)
}

export function playerName(peer: ArenaRoom['self']): string {
  return nameOf(peer) ?? `Player ${peer.order + 1}`
}

function membersOf(room: ArenaRoom): ArenaRoom['self'][] {
  return [room.self, ...room.peers.values()]
}

/** What a player knows at a moment, as `--headless` prints it. */
export interface Report {
  readonly seconds: number
  readonly self: string
  readonly code: string
  readonly host: string
  readonly epoch: number
  readonly players: readonly { readonly name: string; readonly score: number; readonly isAway: boolean }[]
  readonly phase: string
  /** Who holds each gem, by the gem's ID; `null` for one that lies in the field. */
  readonly gems: Readonly<Record<string, string | null>>
  /** Where this player sees everyone. */
  readonly avatars: Readonly<Record<string, readonly [x: number, y: number]>>
}

/** @param seconds How long this player has been there. */
export function reportOf(room: ArenaRoom, seconds: number): Report {
  const players = standings(room)
  const names = new Map(players.map(({ order, name }) => [order, name]))
  const named = (order: number): string => names.get(order) ?? `Player ${order + 1}`
  const gems = [...room.entities.gem].sort((a, b) => a.id - b.id)
  const avatars = [...room.entities.avatar].flatMap(({ owner, x, y }) =>
    owner === undefined ? [] : [[named(owner.order), [rounded(x), rounded(y)]] as const],
  )
  return {
    seconds: rounded(seconds),
    self: playerName(room.self),
    code: room.code,
    host: playerName(room.host),
    epoch: room.epoch,
    players: players.map(({ name, score, isAway }) => ({ name, score, isAway })),
    phase: room.shared.phase,
    gems: Object.fromEntries(gems.map(({ id, holder }) => [id, holder === undefined ? null : named(holder)])),
    avatars: Object.fromEntries(avatars),
  }
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
