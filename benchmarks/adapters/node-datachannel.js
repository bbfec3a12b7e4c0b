import { PeerConnection } from 'node-datachannel'
import { webRtcAdapter } from './webrtc.js'

/** `node-datachannel`, by its own interface, which costs less than its likeness of browsers'. */
export default webRtcAdapter((host, onSignal, onChannel) => {
  const connection = new PeerConnection('bench', { iceServers: [], bindAddress: host })
  connection.onLocalDescription((sdp, type) => onSignal({ description: { type, sdp } }))
  connection.onLocalCandidate((candidate, mid) => onSignal({ candidate: { candidate, mid } }))
  connection.onDataChannel((channel) => onChannel(wrap(channel)))
  // Candidates that come before the description have to wait for it.
  const early = []
  return {
    channel: (label, delivery) =>
      wrap(connection.createDataChannel(label, delivery === 'reliable' ? {} : { unordered: true, maxRetransmits: 0 })),
    signal({ description, candidate }) {
      if (description !== undefined) {
        connection.setRemoteDescription(description.sdp, description.type)
        for (const each of early.splice(0)) connection.addRemoteCandidate(each.candidate, each.mid)
      } else if (connection.remoteDescription() === null) early.push(candidate)
      else connection.addRemoteCandidate(candidate.candidate, candidate.mid)
    },
    close: () => connection.close(),
  }
})

function wrap(channel) {
  const wrapped = {
    label: channel.getLabel(),
    onOpen: () => {},
    onMessage: () => {},
    onRoom: () => {},
    send: (bytes) => channel.sendMessageBinary(bytes),
    buffered: () => channel.bufferedAmount(),
    roomBelow: (bytes) => channel.setBufferedAmountLowThreshold(bytes),
  }
  channel.onOpen(() => wrapped.onOpen())
  channel.onMessage((data) => wrapped.onMessage(data instanceof Uint8Array ? data : new Uint8Array(data)))
  channel.onBufferedAmountLow(() => wrapped.onRoom())
  return wrapped
}
