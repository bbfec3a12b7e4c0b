import { createServer as createPlainServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { WebSocket, WebSocketServer } from 'ws'
import { deliver, tagged } from './lanes.js'

/** What may wait to be sent, if nothing is said; there is room again at a quarter of it. Bytes. */
const FULL = 1_048_576
const ROOM_SHARE = 0.25

/** `ws`: messages over one TCP stream. Options: `tls`, `{ key, cert }`, to encrypt; `full`. */
export default {
  async serve({ host, lanes, tls, full = FULL }, onConnection) {
    const server = tls === undefined ? createPlainServer() : createTlsServer(tls)
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    sockets.on('connection', (socket) => onConnection(connectionOf(socket, lanes, full)))
    await new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, host, resolve)
    })
    return { address: { url: `${tls === undefined ? 'ws' : 'wss'}://${host}:${server.address().port}` } }
  },

  async connect({ host, address, lanes, full = FULL }) {
    // The certificate of a benchmark is its own, and names nobody.
    const socket = new WebSocket(address.url, { perMessageDeflate: false, localAddress: host, rejectUnauthorized: false })
    const connection = connectionOf(socket, lanes, full)
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return connection
  },
}

function connectionOf(socket, lanes, full) {
  let refused = false
  const connection = {
    onMessage: () => {},
    onDrain: () => {},
    send(lane, bytes) {
      if (lanes[lane].priority !== 'high' && socket.bufferedAmount > full) {
        refused = true
        return false
      }
      socket.send(tagged(lanes, lane, bytes), sent)
      return true
    },
    close: () => socket.terminate(),
  }
  const sent = () => {
    if (!refused || socket.bufferedAmount > full * ROOM_SHARE) return
    refused = false
    connection.onDrain()
  }
  socket.on('message', (bytes) => deliver(connection, lanes, bytes))
  return connection
}
