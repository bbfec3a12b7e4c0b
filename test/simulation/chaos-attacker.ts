import type { Address } from '../../src/base/address.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { randomBytes } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import type { Identity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { CHUNK_IHELLO, CHUNK_IIKEYING, CHUNK_RHELLO, CHUNK_RIKEYING } from '../../src/wire/chunk.ts'
import * as startup from '../../src/wire/startup.ts'
import { openStartup, sealStartup } from '../rtmfp/inspect.ts'

/** What is remembered of each kind, to be used again. */
const MEMORY = 60
/** Datagrams that were seen. */
const RECORDED = 400
/** How many of them have been looked into: start-up is what they all begin with. */
const EXAMINED = 3_000

/** Someone who hears everything, forges any source address, and has an identity of their own, but nobody's keys. */
export class Attacker {
  private readonly random: Random
  private readonly identity: Identity
  private readonly recorded: Uint8Array[] = []
  private readonly tags: Uint8Array[] = []
  private readonly cookies: Uint8Array[] = []
  private readonly epds: Uint8Array[] = []
  private readonly sessionIds: number[] = []
  private readonly keyings: { readonly parameters: Uint8Array; readonly signature: Uint8Array }[] = []
  private examined = 0

  constructor(random: Random) {
    this.random = random
    this.identity = createIdentity({ backend: nodeBackend, random })
  }

  /** A datagram passes by. */
  overhear(datagram: Uint8Array): void {
    this.remember(this.recorded, datagram.slice(), RECORDED)
    if (this.examined++ > EXAMINED) return
    try {
      this.examine(datagram)
    } catch (error) {
      // A packet of a session looks like one of start-up once in a while.
      if (!(error instanceof DecodeError)) throw error
    }
  }

  private examine(datagram: Uint8Array): void {
    const packet = openStartup(datagram)
    for (const { type, payload } of packet?.chunks ?? []) {
      if (type === CHUNK_IHELLO) {
        const { tag, epd } = startup.readIHello(payload)
        this.remember(this.tags, tag)
        this.remember(this.epds, epd)
      } else if (type === CHUNK_RHELLO) this.remember(this.cookies, startup.readRHello(payload).cookie)
      else if (type === CHUNK_IIKEYING) {
        const { initiatorSessionId, signedParameters, signature } = startup.readIIKeying(payload)
        this.remember(this.sessionIds, initiatorSessionId)
        this.remember(this.keyings, { parameters: signedParameters, signature })
      } else if (type === CHUNK_RIKEYING) this.remember(this.sessionIds, startup.readRIKeying(payload).responderSessionId)
    }
  }

  /** What to send next. @param addresses Where there are others. */
  next(addresses: readonly Address[]): Uint8Array {
    const { random } = this
    const kind = random.uint32() % 10
    if (kind === 0) return randomBytes(random, 1 + (random.uint32() % 150))
    if (kind < 5) return this.damaged()
    return this.forged(addresses)
  }

  /** Overheard, and sent again as it was, cut, lengthened, with bits the other way round, or glued to another. */
  private damaged(): Uint8Array {
    const { random } = this
    const old = this.pick(this.recorded) ?? randomBytes(random, 40)
    const at = random.uint32() % old.length
    const kind = random.uint32() % 5
    if (kind === 0) return old
    if (kind === 1) return old.slice(0, at + 1)
    if (kind === 2) return new Uint8Array([...old, ...randomBytes(random, random.uint32() % 40)])
    if (kind === 3) return new Uint8Array([...old.subarray(0, at), ...(this.pick(this.recorded) ?? old).subarray(at)])
    const copy = old.slice()
    for (let i = random.uint32() % 4; i >= 0; i--) copy[random.uint32() % copy.length]! ^= 1 << (random.uint32() % 8)
    return copy
  }

  /** A start-up packet with tags, cookies and numbers of others. RFC 7016 §3.5.1. */
  private forged(addresses: readonly Address[]): Uint8Array {
    const { random } = this
    const certificate = this.identity.certificate.bytes
    const tag = this.pick(this.tags) ?? randomBytes(random, 16)
    const cookie = this.pick(this.cookies) ?? randomBytes(random, 64)
    const epd = this.pick(this.epds) ?? randomBytes(random, 34)
    const id = this.pick(this.sessionIds) ?? random.uint32()
    const component = randomBytes(random, random.uint32() % 60)
    const destinations = addresses.map((address) => ({ address, origin: random.uint32() % 4 }))
    switch (random.uint32() % 9) {
      case 0:
        return sealStartup(0, (w) => startup.writeIHello(w, { epd, tag }))
      case 1:
        return sealStartup(0, (w) => startup.writeRHello(w, { tagEcho: tag, cookie, certificate }))
      case 2:
        return sealStartup(0, (w) => startup.writeRedirect(w, { tagEcho: tag, destinations }))
      case 3:
        return sealStartup(id, (w) => startup.writeCookieChange(w, { oldCookie: cookie, newCookie: this.pick(this.cookies) ?? cookie }))
      case 4: {
        const parameters = startup.encodeIIKeyingParameters({ initiatorSessionId: id, cookieEcho: cookie, certificate, component })
        return sealStartup(0, (w) => startup.writeIIKeying(w, parameters, this.identity.sign(parameters)))
      }
      case 5: {
        const { parameters, signature } = this.pick(this.keyings) ?? { parameters: component, signature: utf8('X') }
        return sealStartup(0, (w) => startup.writeIIKeying(w, parameters, signature))
      }
      case 6:
        return sealStartup(id, (w) => startup.writeRIKeying(w, startup.encodeRIKeyingPortion(random.uint32(), component), utf8('X')))
      case 7:
        return sealStartup(0, (w) => startup.writeFIHello(w, { epd, replyAddress: destinations[0]!, tag }))
      default:
        return sealStartup(random.uint32() % 2 === 0 ? 0 : id, (w) => {
          const fragment = randomBytes(random, 1 + (random.uint32() % 300))
          const moreFragments = random.uint32() % 3 > 0
          startup.writePacketFragment(w, { moreFragments, packetId: random.uint32() % 4, fragmentNumber: random.uint32() % 5, fragment })
        })
    }
  }

  private remember<T>(list: T[], item: T, most: number = MEMORY): void {
    if (list.length < most) list.push(item)
    else list[this.random.uint32() % most] = item
  }

  private pick<T>(list: readonly T[]): T | undefined {
    return list[this.random.uint32() % Math.max(list.length, 1)]
  }
}
