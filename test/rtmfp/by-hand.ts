import type { Address } from '../../src/base/address.ts'
import { Writer } from '../../src/base/bytes.ts'
import { parseCertificate } from '../../src/crypto/certificate.ts'
import { createDefaultCipher } from '../../src/crypto/cbc-cipher.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { Identity, IdentityOptions } from '../../src/crypto/identity.ts'
import { InitiatorKeying } from '../../src/crypto/keying.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { DEFAULT_POLICY } from '../../src/crypto/policy.ts'
import { TAG_LENGTH } from '../../src/rtmfp/constants.ts'
import type { Endpoint } from '../../src/rtmfp/endpoint.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { CHUNK_RHELLO } from '../../src/wire/chunk.ts'
import { MODE_STARTUP, writePacketHeader } from '../../src/wire/header.ts'
import { encodeIIKeyingParameters, readRHello, writeIHello, writeIIKeying } from '../../src/wire/startup.ts'
import type { RHello } from '../../src/wire/startup.ts'
import { openStartup } from './inspect.ts'
import type { StartupPacket } from './inspect.ts'
import type { Node, World } from './world.ts'

/** A datagram on its way. */
export interface Seen {
  readonly at: number
  readonly from: Address
  readonly to: Address
  readonly datagram: Uint8Array
  /** Type of its first start-up chunk; none for a packet of a session. */
  readonly type: number | undefined
}

/** Notes each datagram that is sent from now on. @param passes Whether it arrives. */
export function watch(world: World, passes: (seen: Seen) => boolean = () => true): Seen[] {
  const all: Seen[] = []
  world.filter = (datagram, from, to) => {
    const seen = { at: world.now, from, to, datagram: datagram.slice(), type: openStartup(datagram)?.chunks[0]?.type }
    all.push(seen)
    return passes(seen)
  }
  return all
}

export function ofType(seen: readonly Seen[], type: number): Seen[] {
  return seen.filter((packet) => packet.type === type)
}

/** What is in a start-up packet that was seen. */
export function contentOf(seen: Seen | undefined): StartupPacket {
  return openStartup(seen!.datagram)!
}

export function epdOf({ endpoint }: { readonly endpoint: Pick<Endpoint, 'identity'> }): Uint8Array {
  return fingerprintEpd(endpoint.identity.fingerprint)
}

export function openSessions({ endpoint }: Node): Session[] {
  return [...endpoint.sessions].filter((session) => session.state === 'open')
}

/** What happened, in short: the event's type, and its reason where it has one. */
export function story(node: Node): string[] {
  return node.events.map((event) => ('reason' in event ? `${event.type} ${event.reason}` : event.type))
}

export function identityOf(world: World, options: Partial<IdentityOptions> = {}): Identity {
  return createIdentity({ backend: nodeBackend, random: world.random, ...options })
}

/** A start-up packet, as long as a datagram may be. */
export function sealLong(write: (w: Writer) => void, sessionId = 0): Uint8Array {
  const { sealer } = createDefaultCipher(nodeBackend)
  const buffer = new Uint8Array(65_000)
  const w = new Writer(buffer, sealer.headroom, buffer.length - sealer.tailroom)
  writePacketHeader(w, { mode: MODE_STARTUP, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 })
  write(w)
  return buffer.slice(0, sealer.seal(buffer, w.at, sessionId))
}

export function ihello(epd: Uint8Array, tag: Uint8Array = new Uint8Array(TAG_LENGTH).fill(7)): Uint8Array {
  return sealLong((w) => {
    writeIHello(w, { epd, tag })
    w.raw(new Uint8Array(100).fill(0xff))
  })
}

/** Says hello from an address where no endpoint is. @returns What the node answers there. */
export function greet(world: World, node: Node, from: Address): RHello {
  const answers: Uint8Array[] = []
  const { filter } = world
  world.filter = (datagram, _from, to) => {
    if (to.equals(from)) answers.push(datagram.slice())
    return true
  }
  node.endpoint.receive(ihello(epdOf(node)), from, world.now)
  world.settle()
  world.filter = filter
  const chunk = openStartup(answers[0]!)!.chunks[0]!
  if (chunk.type !== CHUNK_RHELLO) throw new Error('no RHello')
  return readRHello(chunk.payload)
}

export interface HandKeying {
  readonly identity: Identity
  readonly cookie: Uint8Array
  readonly sessionId?: number
  /** Instead of one for the responder. */
  readonly component?: Uint8Array
  /** Instead of the identity's own. */
  readonly signature?: Uint8Array
  /** Instead of the identity's own. */
  readonly certificate?: Uint8Array
}

/** An IIKeying, correct unless told otherwise. */
export function iikeying(world: World, node: Node, options: HandKeying): Uint8Array {
  const { identity, cookie, sessionId = 77 } = options
  const far = parseCertificate(node.endpoint.identity.certificate.bytes, nodeBackend)
  const keying = (): InitiatorKeying =>
    new InitiatorKeying({ backend: nodeBackend, random: world.random, identity, far, policy: DEFAULT_POLICY })
  const parameters = encodeIIKeyingParameters({
    initiatorSessionId: sessionId,
    cookieEcho: cookie,
    certificate: options.certificate ?? identity.certificate.bytes,
    component: options.component ?? keying().component,
  })
  return sealLong((w) => writeIIKeying(w, parameters, options.signature ?? identity.sign(parameters)))
}

/** Hands a node a datagram, and lets happen what then happens at once. @returns Why it was dropped, if it was. */
export function hand(world: World, node: Node, datagram: Uint8Array, from: Address): string | undefined {
  const before = new Map(node.endpoint.stats.drops)
  node.endpoint.receive(datagram, from, world.now)
  world.settle()
  for (const [reason, count] of node.endpoint.stats.drops) if (count !== (before.get(reason) ?? 0)) return reason
  return undefined
}
