import { loadAdapter } from '../suite.js'
import { sharedNow } from './stream.js'

const HELLO = new TextEncoder().encode('is anybody there')

let server
let firstMessage
let dialled

/** The third party that brings the two ends together. @returns What both are to know of it. */
export async function startMiddle({ adapter, host }) {
  return (await loadAdapter(adapter)).startMiddle({ host })
}

/** Listens anew, for one connection, whose messages it sends back. @returns What `dial` needs to know. */
export async function listen({ adapter, options, lanes, host }) {
  await server?.close?.()
  let came
  firstMessage = new Promise((resolve) => (came = resolve))
  server = await (
    await loadAdapter(adapter)
  ).serve({ ...options, lanes, host }, (connection) => {
    connection.onMessage = (lane, bytes) => {
      came(sharedNow())
      connection.send(lane, bytes)
    }
  })
  return server.address
}

/** @returns When the first message came to the end that listens, on the clock that all processes share. */
export function cameAt() {
  return firstMessage
}

/**
 * Connects and sends a message at once. @param prepared Whether all that can be done before one knows whom to connect to has been done.
 * @returns When it began, and when the answer came.
 */
export async function dial({ adapter: name, options, lanes, address, host, prepared }) {
  const adapter = await loadAdapter(name)
  const settings = { ...options, lanes, address, host }
  if (prepared) settings.prepared = await adapter.prepare(settings)
  const beganAt = sharedNow()
  dialled = await adapter.connect(settings)
  const answered = new Promise((resolve) => (dialled.onMessage = () => resolve(sharedNow())))
  dialled.send(0, HELLO)
  return { beganAt, answeredAt: await answered }
}

export async function hangUp() {
  await dialled?.close()
  dialled = undefined
}
