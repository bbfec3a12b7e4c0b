import type { Address } from '../base/address.ts'
import { Writer } from '../base/bytes.ts'
import { RttEstimator } from './session/rtt.ts'
import type { PacketOpener, PacketSealer } from '../crypto/packet-cipher.ts'
import { readSessionId } from '../wire/session-id.ts'
import { MODE_STARTUP, writePacketHeader } from '../wire/header.ts'
import {
  writeCookieChange,
  writeFIHello,
  writeIHello,
  writeIIKeying,
  writePacketFragment,
  writeRHello,
  writeRIKeying,
  writeRedirect,
} from '../wire/startup.ts'
import type { FIHello, IHello, IIKeying, RHello, Redirect } from '../wire/startup.ts'
import { MAX_STARTUP_QUEUE } from './constants.ts'
import { FragmentPacer } from './fragment-pacer.ts'
import type { Outgoing } from './fragment-pacer.ts'

/** Room for any start-up packet of ours; one with four MODP keys has 1,100 bytes. */
const STARTUP_BUFFER = 4_096
/**
 * Plain length that a first hello is padded to: its datagram is as long as the answer of a game's peer or of an introducer, which sends no more than it was
 * sent; and three times that hold a redirect to nine addresses and the answer that it asks for.
 */
const PADDED_HELLO = 158
/** And a later one: three times that is an answer that fills a datagram. Bytes. */
const LONGEST_HELLO = 512
const PADDING = 0xff

/** Builds the packets of session start-up, under the Default Session Key. RFC 7016 §2.3.2 to §2.3.8. */
export class StartupPackets {
  private readonly sealer: PacketSealer
  private readonly opener: PacketOpener
  private readonly maxDatagram: number
  private nextPacketId = 0
  private readonly clock = new RttEstimator()
  private readonly queue: Outgoing[] = []
  private readonly pacer = new FragmentPacer()
  private readonly buffer = new Uint8Array(STARTUP_BUFFER)
  private readonly writer = new Writer()
  private now = 0

  /** @param maxDatagram Packets that get longer go in fragments. RFC 7016 §3.4. */
  constructor(cipher: { readonly sealer: PacketSealer; readonly opener: PacketOpener }, maxDatagram: number) {
    this.sealer = cipher.sealer
    this.opener = cipher.opener
    this.maxDatagram = maxDatagram
  }

  /** The next datagram to send. */
  take(now: number): Outgoing | undefined {
    return this.queue.shift() ?? this.pacer.take(now)
  }

  /** When the next fragment may go. */
  get deadline(): number {
    return this.pacer.deadline
  }

  /** @returns `false` when too many wait already. */
  send(datagram: Uint8Array, to: Address): boolean {
    if (this.queue.length >= MAX_STARTUP_QUEUE) return false
    if (datagram.length > this.maxDatagram) return this.pacer.add(this.fragments(datagram), to, this.now)
    this.queue.push({ datagram, to })
    return true
  }

  /** RFC 7016 §2.3.1, §3.4. */
  private fragments(datagram: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = []
    const plain = new Uint8Array(datagram.length)
    const end = this.opener.open(datagram, plain)
    const packet = plain.subarray(this.opener.plainStart, end)
    const room = this.maxDatagram - FRAGMENT_OVERHEAD
    const packetId = this.nextPacketId++
    const sessionId = readSessionId(datagram)
    for (let from = 0, fragmentNumber = 0; from < packet.length; from += room, fragmentNumber++) {
      const fragment = packet.subarray(from, from + room)
      const moreFragments = from + room < packet.length
      pieces.push(this.packet(sessionId, (w) => writePacketFragment(w, { moreFragments, packetId, fragmentNumber, fragment })))
    }
    return pieces
  }

  /**
   * Each time that it is sent again it is twice as long, up to a third of what a datagram holds: there may be no answer because a certificate
   * is longer than three times the hello, and more must not be sent to an address that has not proved itself.
   * @param tries How often it is sent with this one, from 1.
   */
  ihello(hello: IHello, tries: number, now: number): Uint8Array {
    this.now = now
    const { headroom, tailroom } = this.sealer
    const length = Math.min(PADDED_HELLO * 2 ** (tries - 1), LONGEST_HELLO, this.maxDatagram - headroom - tailroom)
    return this.packet(0, (w) => {
      writeIHello(w, hello)
      while (w.at < headroom + length) w.uint8(PADDING)
    })
  }

  /** A packet that says nothing: on its way out it opens the NATs of this end for what comes from there. */
  punch(now: number): Uint8Array {
    this.now = now
    return this.packet(0, () => {})
  }

  rhello(hello: RHello, now: number): Uint8Array {
    this.now = now
    return this.packet(0, (w) => writeRHello(w, hello))
  }

  redirect(redirect: Redirect, now: number): Uint8Array {
    this.now = now
    return this.packet(0, (w) => writeRedirect(w, redirect))
  }

  iikeying(signedParameters: Uint8Array, signature: Uint8Array, now: number): Uint8Array {
    this.now = now
    return this.packet(0, (w) => writeIIKeying(w, signedParameters, signature))
  }

  rikeying(sessionId: number, signedPortion: Uint8Array, signature: Uint8Array, now: number): Uint8Array {
    this.now = now
    return this.packet(sessionId, (w) => writeRIKeying(w, signedPortion, signature))
  }

  /** RFC 7016 §3.5.1.2, the responder's side. */
  cookieChange(iikeying: IIKeying, newCookie: Uint8Array, now: number): Uint8Array {
    this.now = now
    return this.packet(iikeying.initiatorSessionId, (w) => writeCookieChange(w, { oldCookie: iikeying.cookieEcho, newCookie }))
  }

  /** The chunk by which a hello is passed on inside a session. RFC 7016 §2.3.3. */
  static forwardedHello(hello: FIHello): Uint8Array {
    const w = Writer.ofSize(hello.epd.length + hello.tag.length + FORWARD_OVERHEAD)
    writeFIHello(w, hello)
    return w.taken()
  }

  private packet(sessionId: number, write: (w: Writer) => void): Uint8Array {
    const { buffer } = this
    const { headroom, tailroom } = this.sealer
    const w = this.writer.reset(buffer, headroom, STARTUP_BUFFER - tailroom)
    writePacketHeader(w, {
      mode: MODE_STARTUP,
      timeCritical: false,
      timeCriticalReverse: false,
      timestamp: this.clock.timestamp(this.now),
      timestampEcho: -1,
    })
    write(w)
    return buffer.slice(0, this.sealer.seal(buffer, w.at, sessionId))
  }
}

/** Session ID, checksum, header, chunk header, flags, packet ID, number and padding at their longest. Bytes. */
const FRAGMENT_OVERHEAD = 4 + 2 + 5 + 3 + 1 + 4 + 1 + 15
/** Chunk header, length, address and flags at their longest. Bytes. */
const FORWARD_OVERHEAD = 3 + 8 + 19
