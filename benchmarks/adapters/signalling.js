import { WebSocket, WebSocketServer } from 'ws'

/** Starts a WebSocket server that hands what one client says to all others, the least that a signaller can be. @returns Its URL. */
export async function startSignaller(host) {
  const server = new WebSocketServer({ host, port: 0, perMessageDeflate: false })
  server.on('connection', (socket) => {
    socket.on('message', (text) => {
      for (const other of server.clients) if (other !== socket) other.send(text, { binary: false })
    })
  })
  await new Promise((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', reject)
  })
  return `ws://${host}:${server.address().port}`
}

/** Connects to one. @returns `{ send(message), onMessage(callback), close() }` of plain objects. */
export async function openSignalling(url, host) {
  const socket = new WebSocket(url, { localAddress: host, perMessageDeflate: false })
  const early = []
  let take = (message) => early.push(message)
  socket.on('message', (bytes) => take(JSON.parse(Buffer.from(bytes).toString('utf8'))))
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return {
    send: (message) => socket.send(JSON.stringify(message)),
    onMessage(callback) {
      take = callback
      for (const message of early.splice(0)) callback(message)
    },
    close: () => socket.terminate(),
  }
}
