import { createServer } from 'node:http'
import geckosServer from '@geckos.io/server'
import { deliver, tagged } from './lanes.js'

/** geckos.io: its server, and its client on node-datachannel's likeness of a browser. Raw messages, unordered and never sent again. */
export default {
  async serve({ host, lanes }, onConnection) {
    const http = createServer()
    const io = geckosServer({ iceServers: [], cors: { origin: '*' } })
    io.addServer(http)
    io.onConnection((channel) => {
      const connection = connectionOf(
        (bytes) => channel.raw.emit(bytes),
        lanes,
        () => channel.close(),
      )
      channel.onRaw((data) => deliver(connection, lanes, bytesOf(data)))
      onConnection(connection)
    })
    await new Promise((resolve, reject) => {
      http.once('error', reject)
      http.listen(0, host, resolve)
    })
    return { address: { url: `http://${host}`, port: http.address().port } }
  },

  async connect({ address, lanes }) {
    // Its client takes these from the browser, when it is loaded.
    Object.assign(globalThis, await import('node-datachannel/polyfill'))
    const { default: geckosClient } = await import('@geckos.io/client')
    const channel = geckosClient({ ...address, iceServers: [] })
    await new Promise((resolve, reject) => {
      void channel.onConnect((error) => (error ? reject(error) : resolve()))
    })
    const connection = connectionOf(
      (bytes) => channel.raw.emit(bytes),
      lanes,
      () => channel.close(),
    )
    channel.onRaw((data) => deliver(connection, lanes, bytesOf(data)))
    return connection
  },
}

function bytesOf(data) {
  return data instanceof Uint8Array ? data : new Uint8Array(data)
}

function connectionOf(send, lanes, close) {
  return {
    onMessage: () => {},
    onDrain: () => {},
    send(lane, bytes) {
      send(tagged(lanes, lane, bytes))
      return true
    },
    close,
  }
}
