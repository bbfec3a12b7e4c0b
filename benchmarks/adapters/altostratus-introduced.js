import { connectionOf, DEFAULT_SUITE, openEndpoint, openSession, take } from './altostratus.js'

/** As observed by the introducer. RFC 7016 §2.1.5. */
const ORIGIN_OBSERVED = 2
/** Length and type of an endpoint discriminator's only option, in front of the fingerprint. RFC 7425 §4.4. */
const EPD_HEADER = 2

/**
 * This SDK's transport between peers who know only each other's fingerprints: both have a session to an introducer, which brings them
 * together and does nothing else. RFC 7016 §3.5.1.6.
 */
export default {
  async startMiddle({ host }) {
    const sessions = new Map()
    const introduce = (epd) => {
      const target = sessions.get(Buffer.from(epd.subarray(EPD_HEADER)).toString('hex'))
      return target && { addresses: [{ address: target.farAddress, origin: ORIGIN_OBSERVED }], forwardTo: target }
    }
    const register = ({ type, session }) => {
      if (type === 'session-open') sessions.set(session.farPeerId, session)
    }
    const { link, endpoint } = await openEndpoint(host, DEFAULT_SUITE, register, { introduce })
    return { introducer: { host, port: link.port, fingerprint: endpoint.identity.peerId } }
  },

  async serve({ host, lanes, introducer }, onConnection) {
    let connection
    const node = await openRegistered(host, introducer, (event, driver) => {
      if (event.type === 'session-open') onConnection((connection = connectionOf(event.session, driver, lanes)))
      else if (connection !== undefined) take(connection, event)
    })
    return { address: { introducer, fingerprint: node.endpoint.identity.peerId }, close: () => node.driver.close() }
  },

  /** Registers with the introducer, as a peer has done long before it meets another. */
  prepare: ({ host, address }) => openRegistered(host, address.introducer, () => {}),

  connect({ lanes, address: { introducer, fingerprint }, prepared }) {
    const { driver } = prepared
    return new Promise((resolve, reject) => {
      let connection
      prepared.onEvent = (event) => {
        if (event.type === 'session-open') resolve((connection = connectionOf(event.session, driver, lanes)))
        else if (event.type === 'session-failed') reject(new Error(`no session: ${event.reason}`))
        else if (connection !== undefined) take(connection, event)
      }
      openSession(prepared, { ...introducer, fingerprint })
    })
  },
}

/** An endpoint with a session to the introducer. `onEvent`, which may be changed later, takes what is not of that. */
async function openRegistered(host, introducer, onEvent) {
  const node = { onEvent }
  let opened
  const registered = new Promise((resolve) => (opened = resolve))
  const take = (event, driver) => {
    if (event.session.context !== introducer) node.onEvent(event, driver)
    else if (event.type === 'session-open') opened()
  }
  Object.assign(node, await openEndpoint(host, DEFAULT_SUITE, take))
  openSession(node, introducer, { acceptForwarded: true, context: introducer })
  await registered
  return node
}
