import { RTCPeerConnection } from 'werift'
import { browserLikePeer, webRtcAdapter } from './webrtc.js'

/** `werift`: WebRTC in TypeScript. */
export default webRtcAdapter(
  browserLikePeer((host) => new RTCPeerConnection({ iceServers: [], iceUseIpv6: false, iceAdditionalHostAddresses: [host] })),
)
