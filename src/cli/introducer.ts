import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { defaultBackend, systemRandom } from '#platform'
import { AltostratusError } from '../base/errors.ts'
import { importIdentity } from '../crypto/identity.ts'
import type { Identity } from '../crypto/identity.ts'
import { DEFAULT_PORT } from '../introducer/constants.ts'
import { createIntroducer } from '../introducer/node-introducer.ts'
import type { Introducer } from '../introducer/node-introducer.ts'
import { createServerIdentity } from '../introducer/server.ts'
import { introducerUrl } from '../introducer/url.ts'

/** What `altostratus introducer --help` prints. */
export const INTRODUCER_HELP: string = `usage: altostratus introducer [options]

Runs an introducer: it brings players together by room code and carries nothing of their games.

  --port N         UDP port (default ${DEFAULT_PORT}; 0 for any that is free)
  --host ADDRESS   numeric address to listen on (default ::, all of this machine)
  --probe-port N   second UDP port, by which players look at their NATs (default the one above; off for none)
  --probe-host ADDRESS  another address of this machine, by which they see whether a NAT filters by address
  --no-websocket   take no WebSockets (else on the TCP port of the same number)
  --trust-proxy ADDRESS  believe what this proxy says of where WebSockets come from (X-Forwarded-For); more than once for several
  --tls-cert FILE  certificate for WebSockets by TLS, PEM; with --tls-key FILE
  --no-relay       pass nothing on between players who do not reach each other straight
  --identity FILE  keep the same fingerprint over restarts; the file is made if it is not there
  --json           one line of JSON for each thing that happens, instead of text
  --help           this text

It stops on SIGINT and SIGTERM, telling its peers; games that run go on without it.
`

/** Exit status of a wrong command line. */
const USAGE = 2
/** Exit status of an introducer that could not run. */
const FAILED = 1
/** Highest UDP port. */
const MAX_PORT = 65_535
/** The identity file holds secrets. */
const PRIVATE_FILE = 0o600

interface Settings {
  readonly port: number
  readonly host: string | undefined
  readonly probePort: number | false | undefined
  readonly probeHost: string | undefined
  readonly identity: string | undefined
  readonly webSocket: boolean
  readonly relay: boolean
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  readonly trustedProxies: readonly string[]
  readonly json: boolean
}

/** Runs `altostratus introducer`. @returns The exit status once it has stopped. */
export async function runIntroducer(args: readonly string[]): Promise<number> {
  let settings: Settings | undefined
  try {
    settings = parse(args)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${INTRODUCER_HELP}`)
    return USAGE
  }
  if (settings === undefined) {
    process.stdout.write(INTRODUCER_HELP)
    return 0
  }
  let introducer: Introducer
  try {
    introducer = await start(settings)
  } catch (error) {
    if (!(error instanceof AltostratusError)) throw error
    process.stderr.write(`${error.message}\n`)
    return FAILED
  }
  // Before it is said that it runs: whoever reads that may stop it at once.
  const stop = new Promise<string>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  announce(introducer, settings)
  const signal = await stop
  say(settings, { event: 'stopping', signal, ...introducer.stats }, `${signal}: telling ${introducer.stats.peers} peers, then stopping.`)
  await introducer.close()
  say(settings, { event: 'stopped' }, 'Stopped.')
  return 0
}

/** @returns `undefined` when help was asked for. */
function parse(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: String(DEFAULT_PORT) },
      host: { type: 'string' },
      'probe-port': { type: 'string' },
      'probe-host': { type: 'string' },
      identity: { type: 'string' },
      'no-websocket': { type: 'boolean', default: false },
      'no-relay': { type: 'boolean', default: false },
      'tls-cert': { type: 'string' },
      'trust-proxy': { type: 'string', multiple: true, default: [] },
      'tls-key': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const probe = values['probe-port']
  const { 'tls-cert': tlsCert, 'tls-key': tlsKey } = values
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new Error('--tls-cert and --tls-key go together.')
  return {
    port: portOf('--port', values.port),
    host: values.host,
    probePort: probe === 'off' ? false : probe === undefined ? undefined : portOf('--probe-port', probe),
    probeHost: values['probe-host'],
    identity: values.identity,
    webSocket: !values['no-websocket'],
    relay: !values['no-relay'],
    tlsCert,
    tlsKey,
    trustedProxies: values['trust-proxy'],
    json: values.json,
  }
}

function portOf(option: string, text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > MAX_PORT) throw new Error(`${option} takes a number from 0 to ${MAX_PORT}, not ${text}.`)
  return port
}

async function start({
  port,
  host,
  probePort,
  probeHost,
  identity,
  webSocket,
  relay,
  tlsCert,
  tlsKey,
  trustedProxies,
}: Settings): Promise<Introducer> {
  const tls = tlsCert === undefined || tlsKey === undefined ? undefined : { cert: await read(tlsCert), key: await read(tlsKey) }
  return createIntroducer({
    port,
    ...(webSocket ? { webSocket: { tls, trustedProxies } } : { webSocket: false }),
    ...(relay ? {} : { relay: false }),
    ...(host === undefined ? {} : { host }),
    ...(probePort === undefined ? {} : { probePort }),
    ...(probeHost === undefined ? {} : { probeHost }),
    ...(identity === undefined ? {} : { identity: await loadIdentity(identity) }),
  })
}

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new AltostratusError('BAD_CERTIFICATE', `${file} can not be read: ${(cause as Error).message}.`, { cause })
  }
}

/** The identity in the file, or a new one that is then kept there. */
async function loadIdentity(file: string): Promise<Identity> {
  const parts = { backend: defaultBackend, random: systemRandom }
  try {
    return importIdentity(await readFile(file), parts)
  } catch (error) {
    if (error instanceof AltostratusError) {
      throw new AltostratusError('BAD_IDENTITY', `${file} holds no identity.`, {
        hint: 'Name another file; one that is not there yet is made.',
        cause: error,
      })
    }
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(file, error)
  }
  const identity = createServerIdentity(defaultBackend, systemRandom)
  try {
    await writeFile(file, identity.export(), { mode: PRIVATE_FILE, flag: 'wx' })
  } catch (error) {
    throw unusable(file, error)
  }
  return identity
}

function unusable(file: string, cause: unknown): AltostratusError {
  return new AltostratusError('BAD_IDENTITY', `${file} can not be used: ${(cause as Error).message}.`, { cause })
}

function announce({ port, probePort, webSocketPort, peerId, url }: Introducer, settings: Settings): void {
  const webSockets = webSocketPort === 0 ? ', without WebSockets' : `, WebSockets on TCP port ${webSocketPort}`
  const text = `Introducer on UDP port ${port}${probePort === undefined ? '' : ` (and ${probePort}, for altostratus doctor)`}${webSockets}.
Players connect to rtmfp://HOST:${port}, HOST being a name or address of this machine; on this machine:
  ${introducerUrl('127.0.0.1', port)}
To accept no other in its place, with its fingerprint:
  ${introducerUrl('HOST', port, peerId)}
Ctrl-C stops it.`
  say(settings, { event: 'listening', port, probePort, webSocketPort, url, peerId, pid: process.pid }, text)
}

function say({ json }: Settings, record: Readonly<Record<string, unknown>>, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(record) : text}\n`)
}
