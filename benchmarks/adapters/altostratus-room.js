import { createIntroducer } from '../../dist/entry/introducer.js'
import { channel, connect, game, t } from '../../dist/entry/main.js'

/** Largest message of a benchmark, and the few bytes around it. */
const LARGEST = 65_536

/** Channels of every delivery that a lane may ask for, by number of the lane. */
const bench = game('bench.room', {
  protocol: 1,
  channels: Object.fromEntries(
    [0, 1].flatMap((lane) =>
      ['reliable', 'unreliable'].map((delivery) => [
        `${delivery}${lane}`,
        channel({ bytes: t.bytes(LARGEST) }, { delivery, maxBytes: LARGEST + 64, priority: lane === 0 ? 'immediate' : 'low' }),
      ]),
    ),
  ),
})

/**
 * This SDK as a game uses it: an introducer, a room by code, channels with a schema. Options: `relay`, as `connect` takes it; `introducer`,
 * the URL of one that runs already.
 */
export default {
  async startMiddle({ host }) {
    return { introducer: (await createIntroducer({ host, port: 0 })).url }
  },

  async serve({ host, lanes, relay, introducer }, onConnection) {
    const url = introducer ?? (await createIntroducer({ host, port: 0 })).url
    const network = await connect(url, relay === undefined ? {} : { relay })
    const room = await network.create(bench, { capacity: 2 })
    room.on('join', () => onConnection(connectionOf(network, room, lanes)))
    return { address: { introducer: url, code: room.code }, close: () => network.close() }
  },

  async connect({ lanes, address, relay }) {
    const network = await connect(address.introducer, relay === undefined ? {} : { relay })
    const room = await network.join(bench, { code: address.code })
    return connectionOf(network, room, lanes)
  },
}

function connectionOf(network, room, lanes) {
  const connection = { onMessage: () => {}, onDrain: () => {}, close: () => network.close() }
  const channels = lanes.map(({ delivery }, lane) => room.channels[`${delivery}${lane}`])
  for (const [lane, each] of channels.entries()) each.on(({ bytes }) => connection.onMessage(lane, bytes))
  let waiting = false
  connection.send = (lane, bytes) => {
    const taken = channels[lane].send({ bytes })
    if (!taken && !waiting) {
      waiting = true
      channels[lane].ready().then(
        () => {
          waiting = false
          connection.onDrain()
        },
        () => {},
      )
    }
    return taken
  }
  return connection
}
