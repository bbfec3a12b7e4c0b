import { Address } from '../../src/base/address.ts'
import { Carrier } from '../../src/link/carrier.ts'
import type { Link } from '../../src/link/link.ts'
import { openUdp } from '../../src/link/udp.ts'
import type { UdpLink } from '../../src/link/udp.ts'
import { openWebSocketServer } from '../../src/link/websocket-server.ts'
import type { WebSocketServerLink } from '../../src/link/websocket-server.ts'
import { openStream } from '../../src/platform/node.ts'
import { linkContract } from './contract.ts'
import { RelayedWorld } from './relayed.ts'
import type { Way } from './relayed.ts'

const HOST = '127.0.0.1'

const byUdp: Way = {
  serve: () => openUdp({ host: HOST }),
  connect: async (server) => {
    const datagrams = await openUdp({ host: HOST })
    const introducer = Address.from(HOST, (server as UdpLink).port)
    return { carrier: new Carrier({ datagrams }), introducer, greet: () => datagrams.send(Uint8Array.of(0), introducer) }
  },
}

const byWebSocket: Way = {
  serve: () => openWebSocketServer({ host: HOST, port: 0 }),
  connect: async (server: Link) => {
    const stream = await openStream(`ws://${HOST}:${(server as WebSocketServerLink).port}`)
    const carrier = new Carrier({})
    const introducer = carrier.useStream(stream)
    return { carrier, introducer, greet: () => stream.send(Uint8Array.of(0), introducer) }
  },
}

linkContract('a relay path by UDP', () => new RelayedWorld(byUdp))
linkContract('a relay path by WebSockets', () => new RelayedWorld(byWebSocket))
