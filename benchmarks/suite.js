/** What can be run, and what it can be compared with. */

/** Benchmarks, in the order of a full run, and the seconds that each takes by default: nine and a half minutes together, with what some take longer. */
export const PROGRAMS = {
  latency: 80,
  loss: 180,
  throughput: 75,
  sessions: 20,
  flood: 20,
  mobility: 15,
  connect: 42,
  priority: 30,
  introducer: 45,
  state: 10,
  browser: 1,
  simulate: 12,
}

const BOTH = ['unreliable', 'reliable']

/**
 * Libraries that one would pick instead, with what they can deliver and what they do it by; each has a file of its name in `adapters/`.
 */
export const RIVALS = {
  ws: { deliveries: ['reliable'], by: 'WebSocket over TCP, not encrypted' },
  colyseus: { deliveries: ['reliable'], by: 'Colyseus server and client, WebSocket over TCP, not encrypted' },
  werift: { deliveries: BOTH, by: 'WebRTC data channel in TypeScript' },
  'node-datachannel': { deliveries: BOTH, by: 'WebRTC data channel by libdatachannel (C++)' },
  'roamhq-wrtc': { deliveries: BOTH, by: 'WebRTC data channel by libwebrtc (C++)' },
  geckos: { deliveries: ['unreliable'], by: 'geckos.io server on node-datachannel, its client on the same' },
  enet: { deliveries: BOTH, by: 'ENet compiled to JavaScript, not encrypted' },
}

/** What the figures of this SDK are divided by, and the SDK itself; they are in every comparison. */
export const BARE = 'udp'
export const OURS = 'altostratus'
/** Cipher suites of this SDK, the one that it takes by itself first. */
export const SUITES = ['aes-gcm', 'chacha20', 'aes-cbc-hmac']

/** @returns The program, which says by `missing` when there is nothing to run yet. */
export async function loadProgram(name) {
  const { default: program } = await import(`./programs/${name}.js`)
  return { name, ...program }
}

/** @throws when the library of that name is not installed, or does not load here */
export async function loadAdapter(name) {
  const { default: adapter } = await import(`./adapters/${name}.js`)
  return adapter
}
