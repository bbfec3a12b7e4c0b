import { createServer } from 'node:http'
import { Room, Server } from '@colyseus/core'
import { Client } from '@colyseus/sdk'
import { WebSocketTransport } from '@colyseus/ws-transport'
import { deliver, tagged } from './lanes.js'

const ROOM = 'bench'
const TYPE = 'm'
/** Its own limit is 4 KiB. */
const MAX_PAYLOAD = 1_048_576
/** What may wait to be sent, if nothing is said. Bytes. */
const FULL = 1_048_576

/** Colyseus: a room on its server, to which its client sends raw bytes, and which sends them back. */
export default {
  async serve({ host, lanes, full = FULL }, onConnection) {
    const http = createServer()
    const server = new Server({
      transport: new WebSocketTransport({ server: http, maxPayload: MAX_PAYLOAD }),
      greet: false,
      gracefullyShutdown: false,
    })
    const connections = new Map()
    server.define(
      ROOM,
      class extends Room {
        // Its own rate of state patches has nothing to do here.
        patchRate = null

        onCreate() {
          this.onMessageBytes(TYPE, (client, bytes) => deliver(connections.get(client), lanes, bytes))
        }

        onJoin(client) {
          const connection = connectionOf(
            (bytes) => client.sendBytes(TYPE, bytes),
            client.ref,
            lanes,
            full,
            () => client.leave(),
          )
          connections.set(client, connection)
          onConnection(connection)
        }
      },
    )
    await server.listen(0, host)
    return { address: { url: `ws://${host}:${http.address().port}` } }
  },

  async connect({ address, lanes, full = FULL }) {
    const room = await new Client(address.url).joinOrCreate(ROOM)
    const connection = connectionOf(
      (bytes) => room.sendBytes(TYPE, bytes),
      room.connection.transport.ws,
      lanes,
      full,
      () => room.leave(),
    )
    room.onMessage(TYPE, (bytes) => deliver(connection, lanes, bytes))
    return connection
  },
}

/** It tells nothing of what waits to be sent; the WebSocket below it does, and nothing says when there is room again. */
function connectionOf(send, socket, lanes, full, close) {
  return {
    onMessage: () => {},
    onDrain: () => {},
    send(lane, bytes) {
      if (lanes[lane].priority !== 'high' && socket.bufferedAmount > full) return false
      send(tagged(lanes, lane, bytes))
      return true
    },
    close,
  }
}
