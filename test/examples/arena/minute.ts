/** 16 bots play for a minute of virtual time; prints what it came to, as JSON. */
import { scoresOf } from '../../../examples/arena/report.ts'
import { Match } from './players.ts'

const match = new Match({ seed: 8, rtt: 60, jitter: 10, loss: 0.02 })
await match.enter(16)
const watch = (): void => match.checkGems()
await match.run(20, true, watch)
match.killHost()
await match.run(20, true, watch)
match.killHost()
await match.run(10, true, watch)
const { room } = await match.join()
await match.run(10, true, watch)
await match.run(5, false, watch)

const gems = [...room.entities.gem]
const outcome = {
  states: match.states().length,
  hosts: match.players.filter((player) => player.room.isHost).length,
  players: match.players.length,
  // As the one knows it who came late.
  gems: gems.length,
  avatars: room.entities.avatar.size,
  peers: room.peers.size,
  held: gems.filter(({ holder }) => holder !== undefined).length,
  scores: [...scoresOf(room).values()].reduce((sum, score) => sum + score, 0),
  errors: match.net.errors.map(String),
}
console.log(JSON.stringify(outcome))
