import wrtc from '@roamhq/wrtc'
import { browserLikePeer, webRtcAdapter } from './webrtc.js'

/** `@roamhq/wrtc`: libwebrtc, as in Chromium. */
export default webRtcAdapter(browserLikePeer(() => new wrtc.RTCPeerConnection({ iceServers: [] })))
