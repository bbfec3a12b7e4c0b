import { openSignalling, startSignaller } from './signalling.js'

/** What may wait to be sent, if nothing is said; there is room again at a quarter of it. Bytes. */
const FULL = 1_048_576
const ROOM_SHARE = 0.25

/**
 * An adapter for a WebRTC library: one data channel for each lane, offers, answers and candidates by way of a WebSocket that hands on all
 * that it gets. Options: `signaller`, the URL of one that runs already; `full`.
 * @param openPeer `(host, onSignal, onChannel)`: opens a peer connection, `{ channel(label, delivery), signal(message), close() }`. Channels
 * are `{ label, send(bytes), buffered(), roomBelow(bytes), onOpen, onMessage, onRoom }`.
 */
export function webRtcAdapter(openPeer) {
  return {
    startMiddle: async ({ host }) => ({ signaller: await startSignaller(host) }),

    async serve({ host, lanes, signaller, full = FULL }, onConnection) {
      const url = signaller ?? (await startSignaller(host))
      const signalling = await openSignalling(url, host)
      const channels = []
      const peer = openPeer(host, signalling.send, (channel) => {
        channels[Number(channel.label)] = channel
        if (channels.filter(Boolean).length === lanes.length) onConnection(connectionOf(peer, channels, full))
      })
      signalling.onMessage((message) => peer.signal(message))
      return {
        address: { signaller: url },
        close() {
          signalling.close()
          peer.close()
        },
      }
    },

    /** What can be done before anybody is named to connect to. */
    prepare: ({ host, address }) => openSignalling(address.signaller, host),

    async connect({ host, address, lanes, prepared, full = FULL }) {
      const signalling = prepared ?? (await openSignalling(address.signaller, host))
      const peer = openPeer(host, signalling.send, () => {})
      signalling.onMessage((message) => peer.signal(message))
      const channels = lanes.map(({ delivery }, lane) => peer.channel(String(lane), delivery))
      const opened = Promise.all(channels.map((channel) => new Promise((resolve) => (channel.onOpen = resolve))))
      const connection = connectionOf(peer, channels, full)
      await opened
      const { close } = connection
      connection.close = () => {
        signalling.close()
        close()
      }
      return connection
    },
  }
}

function connectionOf(peer, channels, full) {
  const connection = {
    onMessage: () => {},
    onDrain: () => {},
    send(lane, bytes) {
      if (channels[lane].buffered() > full) return false
      channels[lane].send(bytes)
      return true
    },
    close: () => peer.close(),
  }
  for (const [lane, channel] of channels.entries()) {
    channel.onMessage = (bytes) => connection.onMessage(lane, bytes)
    channel.onRoom = () => connection.onDrain()
    channel.roomBelow(full * ROOM_SHARE)
  }
  return connection
}

/** `openPeer` of libraries that have the interface of browsers. */
export function browserLikePeer(open) {
  return (host, onSignal, onChannel) => {
    const connection = open(host)
    // Candidates that come before the description have to wait for it.
    let described = Promise.resolve()
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) onSignal({ candidate: candidate.toJSON?.() ?? candidate })
    }
    connection.ondatachannel = ({ channel }) => onChannel(browserLikeChannel(channel))
    const describe = async (description) => {
      await connection.setLocalDescription(description)
      const { type, sdp } = connection.localDescription
      onSignal({ description: { type, sdp } })
    }
    const offer = async () => describe(await connection.createOffer())
    return {
      channel(label, delivery) {
        const first = connection.localDescription === null || connection.localDescription === undefined
        const channel = browserLikeChannel(
          connection.createDataChannel(label, delivery === 'reliable' ? {} : { ordered: false, maxRetransmits: 0 }),
        )
        if (first && label === '0') queueMicrotask(() => void offer())
        return channel
      },
      signal({ description, candidate }) {
        described = described.then(async () => {
          if (candidate !== undefined) return connection.addIceCandidate(candidate)
          await connection.setRemoteDescription(description)
          if (description.type === 'offer') await describe(await connection.createAnswer())
        })
      },
      close: () => connection.close(),
    }
  }
}

function browserLikeChannel(channel) {
  channel.binaryType = 'arraybuffer'
  const wrapped = {
    label: channel.label,
    onOpen: () => {},
    onMessage: () => {},
    onRoom: () => {},
    send: (bytes) => channel.send(bytes),
    buffered: () => channel.bufferedAmount,
    roomBelow: (bytes) => (channel.bufferedAmountLowThreshold = bytes),
  }
  channel.onopen = () => wrapped.onOpen()
  channel.onmessage = ({ data }) => wrapped.onMessage(new Uint8Array(data))
  channel.onbufferedamountlow = () => wrapped.onRoom()
  return wrapped
}
