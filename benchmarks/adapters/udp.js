import { createSocket } from 'node:dgram'
import { deliver, tagged } from './lanes.js'

/** Room for what comes while the process is busy. Bytes. */
const BUFFER = 1_048_576
const HELLO = Buffer.from('hello')

/** Bare `node:dgram`: no encryption, no order, nothing sent again. What all figures are divided by. */
export default {
  async serve({ host, lanes }, onConnection) {
    const socket = await open(host)
    let peer
    let connection
    socket.on('message', (bytes, from) => {
      if (connection !== undefined) {
        deliver(connection, lanes, bytes)
        return
      }
      peer = from
      connection = connectionOf(socket, lanes, () => peer)
      socket.send(HELLO, from.port, from.address)
      onConnection(connection)
    })
    return { address: { host, port: socket.address().port } }
  },

  async connect({ host, address, lanes }) {
    const socket = await open(host)
    const connection = connectionOf(socket, lanes, () => ({ address: address.host, port: address.port }))
    await new Promise((resolve) => {
      socket.once('message', resolve)
      socket.send(HELLO, address.port, address.host)
    })
    socket.on('message', (bytes) => deliver(connection, lanes, bytes))
    return connection
  },
}

function open(host) {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: BUFFER,
    sendBufferSize: BUFFER,
    lookup: (address, _options, callback) => callback(null, address, 4),
  })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, host, () => resolve(socket))
  })
}

function connectionOf(socket, lanes, peer) {
  return {
    onMessage: () => {},
    onDrain: () => {},
    send(lane, bytes) {
      const { port, address } = peer()
      socket.send(tagged(lanes, lane, bytes), port, address)
      return true
    },
    close: () => socket.close(),
  }
}
