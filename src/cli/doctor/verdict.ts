import type { Findings } from './findings.ts'

/** What this player's network is, in the words that players and their forums use. */
export type NatKind =
  | 'open'
  | 'firewall'
  | 'full cone'
  | 'address-restricted cone'
  | 'full or address-restricted cone'
  | 'port-restricted cone'
  | 'symmetric'
  | 'UDP blocked'
  /** Nothing gets to the introducer: what the network here is like can't be told from that it does not run. */
  | 'unreachable'
  | 'unknown'

/** What follows from the findings. */
export interface Verdict {
  readonly kind: NatKind
  /** Whether a player here can play at all. */
  readonly canPlay: boolean
  /** What to expect, and what can be done, a sentence or two each. */
  readonly advice: readonly string[]
}

/** Round trips above which quick games suffer, and jitter and loss likewise. Milliseconds, milliseconds, share. */
const SLOW_RTT = 150
const HIGH_JITTER = 30
const HIGH_LOSS = 0.02
/** Below this a packet of RTMFP's base size has to be cut. Bytes. */
const SMALL_MTU = 1_280
/** A clock that is wrong by more breaks certificates and logs. Milliseconds. */
const WRONG_CLOCK = 30_000
const PERCENT = 100

/** The kind of NAT that a mapping and filtering make. RFC 3489 §5 has the names. */
export function kindOf(findings: Pick<Findings, 'udp' | 'ipv6' | 'nat' | 'webSocket'>): NatKind {
  const { udp, ipv6, nat, webSocket } = findings
  if (!udp.reachable && ipv6?.reachable !== true) return webSocket?.reachable === false ? 'unreachable' : 'UDP blocked'
  if (nat === undefined || nat.mapping === 'unknown' || nat.filtering === 'unknown') return 'unknown'
  if (!nat.translated) return nat.filtering.startsWith('endpoint-independent') ? 'open' : 'firewall'
  if (nat.mapping !== 'endpoint-independent') return 'symmetric'
  return CONES[nat.filtering]
}

const CONES = {
  'endpoint-independent': 'full cone',
  'address-dependent': 'address-restricted cone',
  'endpoint-independent or address-dependent': 'full or address-restricted cone',
  'address-and-port-dependent': 'port-restricted cone',
} as const

/** What a player here can expect and do. */
export function verdictOf(findings: Findings): Verdict {
  const kind = kindOf(findings)
  const { udp, ipv6, webSocket, relay } = findings
  const hasUdp = udp.reachable || ipv6?.reachable === true
  const canPlay = hasUdp || webSocket?.reachable === true
  const advice = [expectation(kind), ...remedies(kind)]
  if (canPlay && relay?.reachable === false) advice.push(`The relay path does not work (${relay.problem ?? 'no answer'}): ${WITHOUT_RELAY}`)
  if (canPlay && webSocket?.reachable === false && hasUdp) advice.push(NO_WEBSOCKET)
  return { kind, canPlay, advice: [...advice, ...qualityAdvice(findings)] }
}

const NOTHING =
  'Check that the introducer runs and that host and port are right. If others reach it, a firewall here lets nothing through to it: allow UDP and TCP to its port, or try another network, such as a phone’s.'
const WITHOUT_RELAY = 'players whom no direct path reaches can not be played with from here.'
const NO_WEBSOCKET =
  'The introducer does not answer over a WebSocket. From here that is not needed; players whose network blocks UDP, and browsers, can not join.'

function expectation(kind: NatKind): string {
  switch (kind) {
    case 'open':
      return 'Anybody can reach this machine: you play directly with everyone whose network lets UDP out.'
    case 'firewall':
      return 'No NAT, but a firewall that lets in only what was asked for: you play directly with everyone except players behind a symmetric NAT, with them by the relay path.'
    case 'full cone':
    case 'address-restricted cone':
    case 'full or address-restricted cone':
      return 'A friendly NAT: you play directly with everyone whose network lets UDP out.'
    case 'port-restricted cone':
      return 'The usual home router: you play directly with everyone except players behind a symmetric NAT, with them by the relay path.'
    case 'symmetric':
      return 'A symmetric NAT gives each destination another port: you play directly only with players behind open networks and full or address-restricted cones, with others by the relay path, which takes a little longer.'
    case 'UDP blocked':
      return 'UDP is blocked: you play with everyone, but by way of the introducer over a WebSocket. Expect more delay, and stutter when packets are lost.'
    case 'unreachable':
      return 'Neither UDP nor a WebSocket gets through to the introducer: you can not play from here.'
    default:
      return 'UDP works. What kind of NAT is in the way could not be found out.'
  }
}

function remedies(kind: NatKind): string[] {
  const advice: string[] = []
  if (kind === 'symmetric') {
    advice.push(
      'Mobile networks and offices often do so. In a router of your own, look for “NAT type”, “cone NAT” or UPnP, and switch it on; a game may also ask for a port mapping (portMapping in its connect options).',
    )
  }
  if (kind === 'UDP blocked') advice.push('Ask whoever runs the network to allow outgoing UDP, or try another, such as a phone’s.')
  if (kind === 'unreachable') advice.push(NOTHING)
  if (kind === 'firewall') advice.push('To be reached by everyone, allow incoming UDP for the game in the firewall.')
  return advice
}

function qualityAdvice({ quality }: Findings): string[] {
  if (quality === undefined) return []
  const { rtt, jitter, loss, mtu, clockOffset } = quality
  const advice: string[] = []
  if (loss > HIGH_LOSS)
    advice.push(`${Math.round(loss * PERCENT)} % of the packets got lost: use a cable instead of Wi-Fi, or stop other transfers.`)
  if (jitter > HIGH_JITTER) advice.push(`The delay varies by ${Math.round(jitter)} ms: something else uses the line, or the Wi-Fi is weak.`)
  if (rtt.mean > SLOW_RTT)
    advice.push(
      `The introducer is ${Math.round(rtt.mean)} ms away; only meeting others takes longer by it, unless they are reached by the relay path.`,
    )
  if (mtu > 0 && mtu < SMALL_MTU) advice.push(`Packets above ${mtu} bytes do not get through: a VPN or tunnel is in the way.`)
  if (clockOffset !== undefined && Math.abs(clockOffset) > WRONG_CLOCK) {
    advice.push(`This machine’s clock is off by ${Math.round(Math.abs(clockOffset) / 1_000)} s from the introducer’s: set it.`)
  }
  return advice
}
