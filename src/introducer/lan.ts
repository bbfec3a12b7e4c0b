import { compareBytes, fromHex, toHex } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { randomBytes, randomUnit } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { FINGERPRINT_LENGTH } from '../crypto/constants.ts'
import type { Clock, Timer } from '../link/clock.ts'
import type { GroupLink } from '../link/group.ts'
import type { Link } from '../link/link.ts'
import {
  LAN_DISTRUST,
  LAN_GATHER,
  LAN_OFFER_INTERVAL,
  LAN_OFFER_LOST,
  LAN_PATIENCE,
  LAN_SEEK,
  LAN_SEEK_INTERVAL,
  LAN_SEEK_SPREAD,
  MAX_LAN_HOSTS,
  MAX_LAN_OFFERS,
} from './constants.ts'
import { decodeLanMessage, encodeLanMessage } from './lan-protocol.ts'
import type { LanMessage } from './lan-protocol.ts'
import { IntroducerServer } from './server.ts'
import { parseIntroducerUrl, introducerUrl } from './url.ts'
import type { IntroducerUrl } from './url.ts'

/** Who introduces on the local network at the moment. */
export interface LanPlace {
  readonly url: IntroducerUrl
  /** Numeric addresses at which it has been heard. */
  readonly hosts: readonly string[]
}

/** What a LAN's introduction is made of. */
export interface LanParts {
  readonly group: GroupLink
  readonly clock: Clock
  readonly random: Random
  readonly backend: CryptoBackend
  /** Opens what an introducer of this process's own listens on. */
  readonly openLink: () => Promise<Link>
  /** Another one introduces from now on. */
  readonly onMoved: (place: LanPlace) => void
  /** Whether this player's session with the one who introduces is there. */
  readonly isConnected: () => boolean
}

interface Offer {
  readonly fingerprint: Uint8Array
  readonly port: number
  readonly hosts: Set<string>
  heardAt: number
}

/**
 * Rooms on a local network without anybody's server: the players agree on one of them who introduces the others, in its own process. It is found in
 * a multicast group; when it ends or falls silent, another takes its place, and the rooms come back from those who are in them. `docs/protocol.md`, N1.
 */
export class LanIntroduction {
  private readonly parts: LanParts
  private readonly self: Uint8Array
  private readonly offers = new Map<string, Offer>()
  /** Whose offers led nowhere, and until when they are passed over. */
  private readonly distrusted = new Map<string, number>()
  private server: { readonly server: IntroducerServer; readonly offer: Offer } | undefined = undefined
  private followed: string | undefined = undefined
  private followedSince = 0
  private found: ((place: LanPlace) => void) | undefined = undefined
  private readonly timers: { tick: Timer | undefined; seek: Timer | undefined; choose: Timer | undefined } = {
    tick: undefined,
    seek: undefined,
    choose: undefined,
  }
  private starting = false
  private closed = false

  constructor(parts: LanParts) {
    this.parts = parts
    // Who asks names itself by nothing that lasts.
    this.self = randomBytes(parts.random, FINGERPRINT_LENGTH)
    parts.group.start((datagram, host) => this.receive(datagram, host))
  }

  /** Resolves when somebody introduces; after a second at the latest it is this process. */
  find(): Promise<LanPlace> {
    return new Promise((resolve) => {
      this.found = resolve
      this.seek()
      this.tick()
    })
  }

  /** Whether this process introduces at the moment. */
  get isServing(): boolean {
    return this.server !== undefined
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    for (const timer of Object.values(this.timers)) timer?.cancel()
    await this.stopServing()
    this.parts.group.close()
  }

  private receive(datagram: Uint8Array, host: string): void {
    if (this.closed) return
    let message: LanMessage
    try {
      message = decodeLanMessage(datagram)
    } catch (error) {
      if (error instanceof DecodeError) return
      throw error
    }
    if (message.kind === 'seek') this.offer()
    else if (message.kind === 'end') this.ended(toHex(message.fingerprint))
    else this.offered(message, host)
  }

  private offered({ fingerprint, port }: LanMessage, host: string): void {
    const { clock } = this.parts
    const key = toHex(fingerprint)
    if (this.server !== undefined && toHex(this.server.offer.fingerprint) === key) return
    if ((this.distrusted.get(key) ?? 0) > clock.now()) return
    let offer = this.offers.get(key)
    if (offer === undefined || offer.port !== port) {
      if (this.offers.size >= MAX_LAN_OFFERS) return
      offer = { fingerprint, port, hosts: new Set(), heardAt: 0 }
      this.offers.set(key, offer)
    }
    offer.heardAt = clock.now()
    if (offer.hosts.size < MAX_LAN_HOSTS) offer.hosts.add(host)
    // The same offer comes by several interfaces.
    this.timers.choose ??= clock.at(clock.now() + LAN_GATHER, () => {
      this.timers.choose = undefined
      this.choose()
    })
  }

  /** Of several the one with the lowest fingerprint introduces; so all choose the same. */
  private choose(): void {
    if (this.closed) return
    const all = [...this.offers.values()]
    if (this.server !== undefined) all.push(this.server.offer)
    const best = all.toSorted((a, b) => compareBytes(a.fingerprint, b.fingerprint))[0]
    if (best === undefined) return
    if (this.server !== undefined && best !== this.server.offer) void this.stopServing()
    this.follow(best)
  }

  private follow(offer: Offer): void {
    const key = toHex(offer.fingerprint)
    if (this.followed === key) return
    this.followed = key
    this.followedSince = this.parts.clock.now()
    this.timers.seek?.cancel()
    this.timers.seek = undefined
    const place = placeOf(offer)
    if (this.found === undefined) this.parts.onMoved(place)
    else this.found(place)
    this.found = undefined
  }

  private ended(key: string): void {
    this.offers.delete(key)
    if (this.followed !== key) return
    this.followed = undefined
    this.choose()
    if (this.followed === undefined) this.seek()
  }

  /** Asks who introduces; when nobody says so for a while, this end does. */
  private seek(): void {
    const { clock, random, group } = this.parts
    if (this.timers.seek !== undefined || this.closed) return
    const until = clock.now() + LAN_SEEK + randomUnit(random) * LAN_SEEK_SPREAD
    const ask = (): void => {
      if (clock.now() >= until) {
        this.timers.seek = undefined
        void this.serve()
        return
      }
      group.send(encodeLanMessage({ kind: 'seek', fingerprint: this.self, port: 0 }))
      this.timers.seek = clock.at(Math.min(until, clock.now() + LAN_SEEK_INTERVAL), ask)
    }
    ask()
  }

  private async serve(): Promise<void> {
    if (this.server !== undefined || this.starting) return
    this.starting = true
    const { backend, random, clock, openLink } = this.parts
    try {
      const link = await openLink()
      const addresses = link.addresses
      const port = addresses[0]?.port
      if (this.closed || this.followed !== undefined || port === undefined) {
        await link.close()
        return
      }
      const server = new IntroducerServer({ link, clock, backend, random })
      const hosts = new Set(addresses.filter(({ isIpv4 }) => isIpv4).map(({ host }) => host))
      const offer = { fingerprint: fromHex(server.identity.peerId), port, hosts, heardAt: Infinity }
      this.server = { server, offer }
      this.offer()
      this.choose()
    } catch {
      // No socket to be had: somebody else may, or the next try does.
    } finally {
      this.starting = false
    }
  }

  private async stopServing(): Promise<void> {
    const { server } = this
    if (server === undefined) return
    this.server = undefined
    const { fingerprint, port } = server.offer
    this.parts.group.send(encodeLanMessage({ kind: 'end', fingerprint, port }))
    await server.server.close()
  }

  private offer(): void {
    if (this.server === undefined) return
    const { fingerprint, port } = this.server.offer
    this.parts.group.send(encodeLanMessage({ kind: 'offer', fingerprint, port }))
  }

  /** Each second: says that this end introduces, or notices that another no longer does. */
  private tick(): void {
    if (this.closed) return
    const { clock } = this.parts
    const now = clock.now()
    this.offer()
    for (const [key, { heardAt }] of this.offers) if (now - heardAt > LAN_OFFER_LOST) this.ended(key)
    for (const [key, until] of this.distrusted) if (until <= now) this.distrusted.delete(key)
    const key = this.followed
    if (key !== undefined && this.server === undefined && now - this.followedSince > LAN_PATIENCE && !this.parts.isConnected()) {
      if (this.distrusted.size < MAX_LAN_OFFERS) this.distrusted.set(key, now + LAN_DISTRUST)
      this.ended(key)
    }
    if (this.followed === undefined) this.seek()
    this.timers.tick = clock.at(now + LAN_OFFER_INTERVAL, () => this.tick())
  }
}

function placeOf({ fingerprint, port, hosts }: Offer): LanPlace {
  const outward = [...hosts].filter((host) => !host.startsWith('127.'))
  const usable = outward.length > 0 ? outward : [...hosts]
  const host = usable[0] ?? '127.0.0.1'
  return { url: parseIntroducerUrl(introducerUrl(host, port, toHex(fingerprint))), hosts: usable.length > 0 ? usable : [host] }
}
