import { Address } from '../base/address.ts'
import { Reader, toHex, Writer } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { randomBytes } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import type { Link } from '../link/link.ts'
import { MAX_PROBES, MAX_PROBE_BYTES, PROBES_OF_TOKEN, PROBE_BYTES, PROBE_TOKEN_BYTES, PROBE_TOKEN_LIFE } from './constants.ts'

/** From which of its further sockets the server is to send a probe unasked: another port of the same address, or another address. */
export type ProbeSource = 'port' | 'address'

/** What the server tells of its probing. `docs/protocol.md`, I5. */
export interface ProbeTicket {
  /** Goes in front of every probe and answer, 16 bytes. */
  readonly token: Uint8Array
  /** Where the peer's packets come from, as `192.0.2.7:50000`. */
  readonly observed: string
  /** The second port, on the address that the peer knows. */
  readonly port: number
  /** A socket on another address, as `192.0.2.2:1937`, if there is one. */
  readonly address?: string | undefined
  /** Milliseconds since 1970 by the server's clock, if it tells. */
  readonly time?: number | undefined
}

/** An answer to a probe. */
export interface ProbeAnswer {
  /** The probe's; 0 of one that was sent unasked. */
  readonly sequence: number
  /** Milliseconds since 1970 by the server's clock; 0 when it does not tell. */
  readonly time: number
  /** Where the probe came from, as the server sees it. */
  readonly observed: Address
}

/** The server's further sockets. */
export interface ProbeLinks {
  /** On the main socket's address, another port. */
  readonly port: Link
  /** On another address, if the machine has one. */
  readonly address?: Link | undefined
}

/** What a responder is made of. */
export interface ProbeParts extends ProbeLinks {
  readonly random: Random
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly wallTime?: (() => number) | undefined
}

/** Counters of probing. */
export interface ProbeStats {
  /** Probes answered, and sent unasked. */
  answered: number
  /** Datagrams that were no probe, or over the limits. */
  refused: number
}

/** An address in an answer: family, IP address, port. */
const IPV4_FAMILY = 4
const IPV6_FAMILY = 6
const TIME_HIGH = 2 ** 32

/** A probe of a length. @param length Bytes, 64 to 1,472 */
export function encodeProbe(token: Uint8Array, sequence: number, length: number): Uint8Array {
  const probe = new Uint8Array(length)
  const w = new Writer(probe)
  w.raw(token)
  w.uint32(sequence)
  return probe
}

/** The number of a probe. @throws DecodeError */
export function probeSequence(probe: Uint8Array): number {
  return new Reader(probe, PROBE_TOKEN_BYTES).uint32()
}

/** An answer, as long as the probe was. */
export function encodeProbeAnswer(token: Uint8Array, { sequence, time, observed }: ProbeAnswer, length: number): Uint8Array {
  const answer = new Uint8Array(length)
  const w = new Writer(answer)
  w.raw(token)
  w.uint32(sequence)
  w.uint32(Math.floor(time / TIME_HIGH))
  w.uint32(Math.floor(time) % TIME_HIGH)
  w.uint8(observed.isIpv4 ? IPV4_FAMILY : IPV6_FAMILY)
  w.raw(observed.ip)
  w.uint16(observed.port)
  return answer
}

/** Reads an answer behind its token. @throws DecodeError */
export function decodeProbeAnswer(datagram: Uint8Array): ProbeAnswer {
  const r = new Reader(datagram, PROBE_TOKEN_BYTES)
  const sequence = r.uint32()
  const time = r.uint32() * TIME_HIGH + r.uint32()
  const family = r.uint8()
  if (family !== IPV4_FAMILY && family !== IPV6_FAMILY) throw new DecodeError('address family')
  const ip = r.copy(family === IPV4_FAMILY ? 4 : 16)
  return { sequence, time, observed: Address.of(ip, r.uint16()) }
}

interface Grant {
  readonly peerId: string
  readonly host: string
  readonly until: number
  left: number
}

/**
 * The server's half of what `altostratus doctor` finds out about a NAT, in the manner of RFC 5780: it answers at a second port, and if it can at a
 * second address, and sends from there unasked. Only to who has a session, only to the IP address that the session proved, never more than came.
 */
export class ProbeResponder {
  readonly stats: ProbeStats = { answered: 0, refused: 0 }
  private readonly parts: ProbeParts
  private readonly grants = new Map<string, Grant>()
  private readonly byPeer = new Map<string, Uint8Array>()

  constructor(parts: ProbeParts) {
    this.parts = parts
    for (const link of [parts.port, parts.address]) link?.start((datagram, from) => this.receive(link, datagram, from))
  }

  /** Lets a peer probe, from the IP address at which its session is. @param send Whence to send one datagram unasked */
  grant(peerId: string, observed: Address, send: ProbeSource | undefined): ProbeTicket {
    const { parts, grants, byPeer } = this
    const now = parts.now()
    this.forgetOld(now)
    let token = byPeer.get(peerId)
    let grant = token === undefined ? undefined : grants.get(toHex(token))
    if (token === undefined || grant === undefined || grant.host !== observed.host) {
      token = randomBytes(parts.random, PROBE_TOKEN_BYTES)
      grant = { peerId, host: observed.host, until: now + PROBE_TOKEN_LIFE, left: PROBES_OF_TOKEN }
      grants.set(toHex(token), grant)
      byPeer.set(peerId, token)
    }
    const link = send === undefined ? undefined : parts[send]
    if (link !== undefined && grant.left > 0) {
      grant.left--
      this.answer(link, token, 0, observed, PROBE_BYTES)
    }
    const address = parts.address?.addresses[0]
    return {
      token,
      observed: observed.key,
      port: parts.port.addresses[0]?.port ?? 0,
      ...(address === undefined ? {} : { address: address.key }),
      ...(parts.wallTime === undefined ? {} : { time: parts.wallTime() }),
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.parts.port.close(), this.parts.address?.close()])
  }

  private receive(link: Link, datagram: Uint8Array, from: Address): void {
    const isProbe = datagram.length >= PROBE_BYTES && datagram.length <= MAX_PROBE_BYTES
    const token = datagram.subarray(0, PROBE_TOKEN_BYTES)
    const grant = isProbe ? this.grants.get(toHex(token)) : undefined
    if (grant === undefined || grant.until < this.parts.now() || grant.left <= 0 || grant.host !== from.host) {
      this.stats.refused++
      return
    }
    grant.left--
    this.answer(link, token, probeSequence(datagram), from, datagram.length)
  }

  private answer(link: Link, token: Uint8Array, sequence: number, to: Address, length: number): void {
    this.stats.answered++
    link.send(encodeProbeAnswer(token, { sequence, time: this.parts.wallTime?.() ?? 0, observed: to }, length), to)
  }

  /** Grants have one lifetime, so the oldest is the first to end. */
  private forgetOld(now: number): void {
    for (const [key, { peerId, until }] of this.grants) {
      if (until >= now && this.grants.size < MAX_PROBES) break
      this.grants.delete(key)
      const token = this.byPeer.get(peerId)
      if (token !== undefined && toHex(token) === key) this.byPeer.delete(peerId)
    }
  }
}
