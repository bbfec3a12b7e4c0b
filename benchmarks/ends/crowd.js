/** Many peers in one process: the load on an introducer. By the package's public entries alone, as games use them. */

// Loaded when they are needed: ends that measure something else are to be without them.
const main = () => import('../../dist/entry/main.js')
const server = () => import('../../dist/entry/introducer.js')

/** How long a peer waits for an introducer that has much to do. Milliseconds. */
const TIMEOUT = 10_000

const networks = []
let introducer

/** Starts an introducer in this process. @returns Its URL. */
export async function startIntroducer(options) {
  const { createIntroducer } = await server()
  introducer = await createIntroducer({ host: '127.0.0.1', port: 0, ...options })
  return introducer.url
}

export function introducerStats() {
  return introducer.stats
}

/** Connects so many more peers, some at a time, or as many as the time allows, and `least` in any case. @returns How many milliseconds that took, and how many did not get through. */
export async function gather({ url, count, parallel, least = 0, most }) {
  const { connect } = await main()
  const began = performance.now()
  let started = 0
  let failed = 0
  const one = async () => {
    while (started < count && (started < least || performance.now() - began < most)) {
      started++
      try {
        networks.push(await connect(url, { timeout: TIMEOUT }))
      } catch {
        failed++
      }
    }
  }
  await Promise.all(Array.from({ length: parallel }, one))
  return { milliseconds: performance.now() - began, failed }
}

/** Puts peers into rooms: one after the other joins by code, and is introduced to all that are there. @returns How many rooms there were peers for. */
export async function fillRooms({ rooms: wanted, size }) {
  const rooms = Math.min(wanted, Math.floor(networks.length / size))
  const { channel, game, t } = await main()
  const crowd = game('bench.crowd', { protocol: 1, channels: { chat: channel({ text: t.string(80) }) } })
  const members = networks.splice(-rooms * size)
  const fill = async (room) => {
    const [host, ...others] = members.slice(room * size, (room + 1) * size)
    const { code } = await host.create(crowd, { capacity: size })
    for (const other of others) await other.join(crowd, { code, timeout: TIMEOUT })
  }
  await Promise.all(Array.from({ length: rooms }, (_, room) => fill(room)))
  return rooms
}
