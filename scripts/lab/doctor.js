/** Each kind of NAT is looked at by `altostratus doctor`, whose findings must be what the lab has built. */
import { KINDS } from './nat.js'
import { Program } from './system.js'

/** Milliseconds. */
const DOCTOR_TAKES = 30_000

/** What the doctor calls each kind of the lab. */
const NAMES = {
  none: 'open',
  full: 'full cone',
  restricted: 'address-restricted cone',
  port: 'port-restricted cone',
  symmetric: 'symmetric',
  blocked: 'UDP blocked',
  // Two in a row look from outside like the stricter of them.
  double: 'port-restricted cone',
}

export const DOCTORS = Object.keys(KINDS).map((kind) => `doctor:${kind}`)

/** Runs the doctor behind a kind of NAT. */
export async function runDoctor(name, { internet, url, rtt, cli, timeout }) {
  const kind = name.slice('doctor:'.length)
  const site = internet.site(`doctor-${kind}`, kind)
  const findings = await diagnose(site, url, cli, timeout)
  const { nat, quality, verdict } = findings
  const problem = problemOf(findings, kind, KINDS[kind], rtt)
  return { text: `called ${verdict.kind}`, verdict, nat, quality, problem, passed: problem === undefined }
}

async function diagnose(site, url, cli, timeout) {
  const doctor = new Program(site.clients[0], process.execPath, [cli, 'doctor', '--json', '--quiet', url])
  const findings = await doctor.waitFor(({ verdict }) => verdict !== undefined, DOCTOR_TAKES + timeout, 'what the doctor found')
  await doctor.ended
  return findings
}

function problemOf({ verdict, nat, quality, udp, webSocket, relay }, kind, { mapping, filtering }, rtt) {
  if (verdict.kind !== NAMES[kind]) return `called ${verdict.kind}, not ${NAMES[kind]}`
  if (!webSocket.reachable) return `no WebSocket: ${webSocket.problem}`
  if (!relay.reachable) return `no relay path: ${relay.problem}`
  if (mapping === undefined) return udp.reachable ? 'UDP is not blocked' : undefined
  const wanted = { translated: mapping !== 'none', mapping: mapping === 'none' ? 'endpoint-independent' : mapping, filtering }
  for (const [name, value] of Object.entries(wanted)) if (nat[name] !== value) return `${name}: ${nat[name]}, not ${value}`
  if (quality === undefined) return 'nothing was measured'
  if (quality.rtt.least < rtt) return `a round trip of ${quality.rtt.least} ms where none is below ${rtt}`
  if (quality.mtu !== 1_500) return `packets of ${quality.mtu} bytes where 1500 get through`
  return undefined
}
