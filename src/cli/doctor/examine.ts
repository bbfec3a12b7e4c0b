import { networkInterfaces } from 'node:os'
import { defaultBackend, defaultPolicy, openStream, resolveHost, streamUrl, systemRandom } from '#platform'
import { AltostratusError } from '../../base/errors.ts'
import { parseIntroducerUrl } from '../../introducer/url.ts'
import type { IntroducerUrl } from '../../introducer/url.ts'
import { systemClock, systemWallTime } from '../../link/clock.ts'
import { openUdp } from '../../link/udp.ts'
import { Network } from '../../room/network.ts'
import { UDP_TIMEOUT, WEBSOCKET_TIMEOUT } from './constants.ts'
import type { Findings, Nat, Quality, Way } from './findings.ts'
import { admit, examineNat, examineQuality } from './nat-tests.ts'
import type { Examinee } from './nat-tests.ts'
import { ProbeLink } from './probe-link.ts'
import { overRelay } from './relay-test.ts'

/** Told of each step when it begins. */
export type Progress = (step: string) => void

/** Looks at everything between this machine and an introducer; takes up to half a minute. @throws AltostratusError `BAD_URL`, `HOST_UNKNOWN` */
export async function examine(url: string, onStep: Progress): Promise<Findings> {
  const parsed = parseIntroducerUrl(url)
  onStep(`looking up ${parsed.host}`)
  const addresses = await resolveHost(parsed.host)
  const ipv4 = addresses.filter((address) => !address.includes(':'))
  const ipv6 = addresses.filter((address) => address.includes(':'))
  onStep('UDP to the introducer')
  const main = await overUdp(parsed, ipv4.length > 0 ? ipv4 : ipv6, onStep)
  if (ipv4.length > 0 && ipv6.length > 0) onStep('UDP over IPv6')
  const six = ipv4.length === 0 ? main.udp : ipv6.length > 0 ? (await overUdp(parsed, ipv6)).udp : undefined
  onStep('a WebSocket to the introducer')
  const webSocket = await overWebSocket(parsed)
  const isReached = main.udp.reachable || six?.reachable === true || webSocket.reachable
  if (isReached) onStep('the relay path')
  const relay = isReached ? await overRelay(url) : undefined
  return { url: parsed.uri, addresses, ...main, ipv6: six, hasIpv6: hasGlobalIpv6(), webSocket, relay }
}

async function overWebSocket(url: IntroducerUrl): Promise<Way> {
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  const network = new Network({
    link: undefined,
    openStream: () => openStream(streamUrl(host, url.port)),
    clock: systemClock,
    backend: defaultBackend,
    random: systemRandom,
    policy: defaultPolicy,
    url,
    hosts: [],
  })
  const started = systemClock.now()
  try {
    await network.introducer.connect(WEBSOCKET_TIMEOUT)
    return { reachable: true, milliseconds: systemClock.now() - started }
  } catch (error) {
    return { reachable: false, problem: messageOf(error) }
  } finally {
    await network.close()
  }
}

interface OverUdp {
  readonly udp: Way
  readonly nat: Nat | undefined
  readonly quality: Quality | undefined
  readonly notes: readonly string[]
}

/** @param onStep When given, the NAT and the way are looked at, too. */
async function overUdp(url: IntroducerUrl, hosts: readonly string[], onStep?: Progress): Promise<OverUdp> {
  const nothing = { nat: undefined, quality: undefined }
  let link: ProbeLink
  try {
    link = new ProbeLink(await openUdp(), () => systemClock.now())
  } catch (error) {
    return { udp: { reachable: false, problem: messageOf(error) }, ...nothing, notes: [] }
  }
  const network = new Network({
    link,
    clock: systemClock,
    backend: defaultBackend,
    random: systemRandom,
    policy: defaultPolicy,
    url,
    hosts,
  })
  const started = systemClock.now()
  try {
    await network.introducer.connect(UDP_TIMEOUT)
    const udp = { reachable: true, milliseconds: systemClock.now() - started }
    if (onStep === undefined) return { udp, ...nothing, notes: [] }
    const server = network.introducer.address
    if (server === undefined) return { udp, ...nothing, notes: [] }
    const examinee = {
      link,
      introducer: network.introducer,
      clock: systemClock,
      wallTime: systemWallTime,
      ownAddresses: ownAddresses(),
      server,
    }
    return { udp, ...(await throughNat(examinee, onStep)) }
  } catch (error) {
    return { udp: { reachable: false, problem: messageOf(error) }, ...nothing, notes: [] }
  } finally {
    await network.close()
  }
}

async function throughNat(examinee: Examinee, onStep: Progress): Promise<Omit<OverUdp, 'udp'>> {
  try {
    onStep('the NAT: mapping and filtering')
    const ticket = await admit(examinee)
    const nat = await examineNat(examinee, ticket)
    onStep('the way: delay, loss, packet size')
    const quality = await examineQuality(examinee, ticket)
    const notes =
      quality === undefined ? [`The introducer does not answer on its second port, UDP ${ticket.port}: is it open in its firewall?`] : []
    return { nat, quality, notes }
  } catch (error) {
    if (!(error instanceof AltostratusError)) throw error
    return { nat: undefined, quality: undefined, notes: [`The NAT was not looked at: ${error.message}`] }
  }
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
}

/** Addresses that are reached from everywhere begin with 2 or 3. RFC 4291 §2.4. */
function hasGlobalIpv6(): boolean {
  return ownAddresses().some((address) => address.includes(':') && /^[23]/.test(address))
}

function messageOf(error: unknown): string {
  if (error instanceof AltostratusError) return error.message
  throw error
}
