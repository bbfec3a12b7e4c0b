import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Starts the far process. @returns What it says once it listens, a way to ask for its counters, and its end. */
export async function startFar(options) {
  const child = fork(fileURLToPath(new URL('peer.js', import.meta.url)))
  const next = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve)
      child.once('exit', (code) => reject(new Error(`the far process ended with ${code}`)))
    })
  child.send(options)
  const started = await next()
  return {
    ...started,
    count() {
      child.send({ count: true })
      return next()
    },
    stayAwake(awake) {
      child.send({ stayAwake: awake })
      return next()
    },
    stop: () => child.disconnect(),
  }
}

/** Opens a session from an endpoint to the far process. */
export function openSession(node, far, openEvents, { Address, fingerprintEpd }) {
  return new Promise((resolve, reject) => {
    openEvents((event) => {
      if (event.type === 'session-open') resolve(event.session)
      if (event.type === 'session-failed') reject(new Error(`no session: ${event.reason}`))
    })
    const epd = fingerprintEpd(Uint8Array.from(far.fingerprint.match(/../g), (hex) => parseInt(hex, 16)))
    node.endpoint.open({ epd, candidates: [Address.from('127.0.0.1', far.port)], timeout: 10_000 }, node.driver.now())
    node.driver.kick()
  })
}

/** The value below which a share of the samples lies. */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** To so many places after the point. */
export function rounded(value, places = 2) {
  return Number(value.toFixed(places))
}
