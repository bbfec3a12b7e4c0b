import {
  Address,
  DEFAULT_POLICY,
  Driver,
  Endpoint,
  createIdentity,
  defaultBackend,
  fingerprintEpd,
  openDatagramLink,
  systemClock,
  systemRandom,
} from '../../dist/entry/rtmfp.js'

/** Numbers of the cipher suites. */
const SUITES = { 'aes-gcm': 2, 'aes-cbc-hmac': 1, chacha20: 3 }
export const DEFAULT_SUITE = 'aes-gcm'
/** What a flow may hold, if nothing is said, so that a writer in a hurry wakes seldom. Bytes. */
const FULL = 1_048_576
/** RTMFP's levels for what is urgent and what is not; lanes that say nothing have the level between. */
const LEVELS = { high: 6, normal: 3, low: 1 }

/** This SDK's transport: one RTMFP session, one flow for each lane and direction. Options: `suite`, `full`, `more` of the endpoint's own. */
export default {
  async serve({ host, lanes, suite = DEFAULT_SUITE, full = FULL, more }, onConnection) {
    let connection
    const { link, endpoint } = await openEndpoint(
      host,
      suite,
      (event, driver) => {
        if (event.type === 'session-open') {
          connection = connectionOf(event.session, driver, lanes, full)
          onConnection(connection)
        } else if (connection !== undefined) take(connection, event)
      },
      more,
    )
    return { address: { host, port: link.port, fingerprint: endpoint.identity.peerId } }
  },

  async connect({ host, address, lanes, suite = DEFAULT_SUITE, full = FULL, more }) {
    let connection
    let opened
    const connected = new Promise((resolve, reject) => (opened = { resolve, reject }))
    const { endpoint, driver } = await openEndpoint(
      host,
      suite,
      (event) => {
        if (event.type === 'session-open') {
          connection = connectionOf(event.session, driver, lanes, full)
          opened.resolve(connection)
        } else if (event.type === 'session-failed') opened.reject(new Error(`no session: ${event.reason}`))
        else if (connection !== undefined) take(connection, event)
      },
      more,
    )
    openSession({ endpoint, driver }, address)
    return connected
  },
}

/** An end by itself. `connect(end)` resolves with a session to the other end when that is open. */
export async function openEnd(host, suite = DEFAULT_SUITE, onEvent) {
  let opened = () => {}
  const { link, endpoint, driver } = await openEndpoint(host, suite, (event) => {
    if (event.type === 'session-open') opened(event.session)
    onEvent(event)
  })
  const address = { host, port: link.port, fingerprint: endpoint.identity.peerId }
  return {
    driver,
    address,
    connect(end) {
      const session = new Promise((resolve) => (opened = resolve))
      openSession({ endpoint, driver }, end.address)
      return session
    },
  }
}

/**
 * Opens a session. @param address Where somebody answers: whose fingerprint it has, or an introducer of that.
 * @param more Other options of `Endpoint.open`.
 */
export function openSession({ endpoint, driver }, { host, port, fingerprint }, more = {}) {
  const epd = fingerprintEpd(Uint8Array.from(fingerprint.match(/../g), (hex) => parseInt(hex, 16)))
  const session = endpoint.open({ epd, candidates: [Address.from(host, port)], timeout: 10_000, ...more }, driver.now())
  driver.kick()
  return session
}

/** An endpoint and its driver. `more`: what else the endpoint is made with. */
export async function openEndpoint(host, suite, onEvent, more = {}) {
  const parts = { backend: defaultBackend, random: systemRandom }
  const link = await openDatagramLink({ host })
  const suites = [SUITES[suite]]
  const endpoint = new Endpoint({
    ...parts,
    identity: createIdentity({ ...parts, suites }),
    policy: { ...DEFAULT_POLICY, suites },
    ...more,
  })
  const driver = new Driver({ endpoint, link, clock: systemClock, onEvent: (event) => onEvent(event, driver) })
  return { link, endpoint, driver }
}

/** A flow's metadata is its lane's number. */
export function connectionOf(session, driver, lanes, full = FULL) {
  const flows = lanes.map(({ delivery, priority = 'normal' }, lane) =>
    session.openFlow({
      metadata: Uint8Array.of(lane, delivery === 'reliable' ? 1 : 0),
      retransmit: delivery === 'reliable',
      priority: LEVELS[priority],
      timeCritical: priority === 'high',
      maxQueuedBytes: full,
    }),
  )
  return {
    onMessage: () => {},
    onDrain: () => {},
    send(lane, bytes) {
      const taken = flows[lane].write(bytes, driver.now())
      driver.kick()
      return taken
    },
    close: () => driver.close(),
  }
}

/** Takes an event of the connection's session. */
export function take(connection, event) {
  switch (event.type) {
    case 'message':
      connection.onMessage(event.flow.metadata[0], event.data)
      break
    case 'flow-open':
      event.flow.delivery = event.flow.metadata[1] === 1 ? 'ordered' : 'arrival'
      break
    case 'flow-writable':
      connection.onDrain()
      break
    default:
  }
}
