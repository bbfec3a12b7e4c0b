import enet from 'enet'

/** How often its host is served beside what comes by itself: as often as its own timer can. Milliseconds. */
const SERVICE = 1

/** ENet, compiled to JavaScript. A lane is a channel. */
export default {
  async serve({ host, lanes }, onConnection) {
    const server = await new Promise((resolve, reject) =>
      enet.createServer({ address: { address: host, port: 0 }, peers: 4, channels: lanes.length, down: 0, up: 0 }, (error, made) =>
        error ? reject(error) : resolve(made),
      ),
    )
    server.on('connect', (peer) => onConnection(connectionOf(server, peer, lanes)))
    server.start(SERVICE)
    return { address: { host, port: server.address().port } }
  },

  async connect({ address, lanes }) {
    const client = await new Promise((resolve, reject) =>
      enet.createClient({ peers: 1, channels: lanes.length, down: 0, up: 0 }, (error, made) => (error ? reject(error) : resolve(made))),
    )
    client.start(SERVICE)
    const peer = await new Promise((resolve, reject) =>
      client.connect(new enet.Address(address.host, address.port), lanes.length, 0, (error, made) =>
        error ? reject(error) : resolve(made),
      ),
    )
    return connectionOf(client, peer, lanes)
  },
}

function connectionOf(host, peer, lanes) {
  const flags = lanes.map(({ delivery }) => (delivery === 'reliable' ? enet.PACKET_FLAG.RELIABLE : enet.PACKET_FLAG.UNSEQUENCED))
  const connection = {
    onMessage: () => {},
    onDrain: () => {},
    send(lane, bytes) {
      // Its own answer is whether there was an error.
      const refused = peer.send(lane, new enet.Packet(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), flags[lane]))
      host.flush()
      return !refused
    },
    close: () => peer.disconnectNow(),
  }
  peer.on('message', (packet, lane) => connection.onMessage(lane, packet.data()))
  return connection
}
