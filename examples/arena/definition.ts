import { channel, entities, game, shared, t } from 'altostratus'
import type { EntityOf, Room } from 'altostratus'
import { FIELD_HEIGHT, FIELD_WIDTH, MAX_PLAYERS } from './rules.ts'

/** Finer than a screen shows. */
export const STEP = 0.05
const place = { x: t.fixed(0, FIELD_WIDTH, STEP), y: t.fixed(0, FIELD_HEIGHT, STEP) }
const facing = t.oneOf('up', 'down', 'left', 'right')
const avatar = { ...place, facing }
const gem = {
  ...place,
  /** Whose point it is: a player's `order`. Who holds it and who writes it are not always the same: a host that hands over holds its gems still. */
  holder: t.optional(t.uint16),
}
/** What the players share. All import this; it is the wire format. */
export const arena = game('altostratus.examples.arena', {
  protocol: 1,
  entities: {
    /** Each player moves its own; the others see it a little later, and smoothly. */
    avatar: entities(avatar, { smooth: ['x', 'y'], snap: 10 }),
    /** The host lays them out. Whoever walks onto one claims it, and of several who do one gets it. */
    gem: entities(gem, { owner: 'host', claim: ({ holder }) => holder === undefined }),
  },
  shared: shared({
    phase: t.oneOf('empty', 'play', 'over'),
    /** When the next round begins, on the room's clock. */
    nextRound: t.float64,
    /** Who has won the round that is over. */
    winners: t.array(t.uint16, MAX_PLAYERS),
    /** Rounds won, by the player's `order`; of those who are there. */
    wins: t.map(t.uint8, MAX_PLAYERS, 5),
  }),
  channels: {
    /** A player: I shoot. Late it is worth nothing. */
    shot: channel({ facing }, { delivery: 'reliable-unordered', priority: 'high', lifetime: 300 }),
    /** The host to who writes a gem: its holder was hit, and drops it. */
    drop: channel({ gem: t.int(0, Number.MAX_SAFE_INTEGER) }, { delivery: 'reliable' }),
  },
})

/** A room in which the arena is. */
export type ArenaRoom = Room<typeof arena>
export type Avatar = EntityOf<typeof avatar>
export type Gem = EntityOf<typeof gem>
