/**
 * The far process of the latency and throughput benchmarks: echoes, or takes and counts, what comes to it, by bare UDP
 * and by RTMFP. Started by bench.js, which it ends with.
 */
import { createSocket } from 'node:dgram'
import { stayAwake } from './awake.js'
import { openEndpoint } from './endpoint.js'

const KINDS = { dgram: startDgram, rtmfp: startRtmfp }

process.on('disconnect', () => process.exit(0))
process.on('message', (message) => {
  if (message.start !== undefined) void KINDS[message.start](message)
  if (message.stayAwake !== undefined) {
    letSleep()
    letSleep = message.stayAwake ? stayAwake() : () => {}
    process.send({ awake: message.stayAwake })
  }
  if (message.count) process.send({ counted: counted.messages, bytes: counted.bytes, cpu: process.cpuUsage(), at: performance.now() })
})

let letSleep = () => {}
const counted = { messages: 0, bytes: 0 }

/** Bare UDP: sends back, or counts. */
function startDgram({ echo }) {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1_048_576, sendBufferSize: 1_048_576, lookup })
  socket.on('message', (datagram, from) => {
    counted.messages++
    counted.bytes += datagram.length
    if (echo) socket.send(datagram, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1', () => process.send({ port: socket.address().port }))
}

/** RTMFP: answers each message on a flow in return to the one that it came on, or counts it. */
async function startRtmfp({ echo, suite }) {
  const answers = new Map()
  const node = await openEndpoint(suite, (event) => {
    if (event.type === 'flow-open') {
      event.flow.delivery = event.flow.metadata[0] === 1 ? 'ordered' : 'arrival'
      if (echo) {
        const options = { metadata: event.flow.metadata, returnOf: event.flow, retransmit: event.flow.metadata[0] === 1 }
        answers.set(event.flow, event.session.openFlow(options))
      }
    } else if (event.type === 'message') {
      counted.messages++
      counted.bytes += event.data.length
      if (echo) answers.get(event.flow).write(event.data, node.driver.now())
    }
  })
  process.send({ port: node.link.port, fingerprint: node.endpoint.identity.peerId })
}

function lookup(address, _options, callback) {
  callback(null, address, 4)
}
