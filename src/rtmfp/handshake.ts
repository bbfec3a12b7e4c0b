import type { Address } from '../base/address.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Reader } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import { parseCertificate } from '../crypto/certificate.ts'
import type { Certificate } from '../crypto/certificate.ts'
import { canonicalEpd, selects } from '../crypto/epd.ts'
import { nearPrevails, overrides } from '../crypto/glare.ts'
import { InitiatorKeying, respond, verifySignature } from '../crypto/keying.ts'
import type { KeyingOptions } from '../crypto/keying.ts'
import { ORIGIN_OBSERVED } from '../wire/address.ts'
import { CHUNK_COOKIE_CHANGE, CHUNK_IHELLO, CHUNK_IIKEYING, CHUNK_REDIRECT, CHUNK_RHELLO, CHUNK_RIKEYING } from '../wire/chunk.ts'
import {
  encodeIIKeyingParameters,
  encodeRIKeyingPortion,
  readCookieChange,
  readIHello,
  readIIKeying,
  readRHello,
  readRIKeying,
  readRedirect,
  rikeyingSignedParameters,
} from '../wire/startup.ts'
import type { FIHello, IHello, IIKeying, RIKeying } from '../wire/startup.ts'
import { AMPLIFICATION_LIMIT, COOKIE_LENGTH, KEYING_NUDGE_INTERVAL, MAX_FOREIGN_COOKIE, MAX_FOREIGN_TAG } from './constants.ts'
import type { Endpoint, Invitation } from './endpoint.ts'
import type { Session } from './session.ts'
import type { Opening } from './session/opening.ts'
import { KeyingLimit } from './keying-limit.ts'
import { StartupPackets } from './startup.ts'

/** Session start-up in all three roles: initiator, responder, and the introducer between them. RFC 7016 §3.5.1. */
export class Handshake {
  private readonly endpoint: Endpoint
  /** Bytes of answers to hellos of the datagram at hand: several may be in one. */
  private answered = 0
  private readonly limit = new KeyingLimit()
  /** What almost all hellos name this end by. */
  private readonly ownEpd: Uint8Array

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint
    this.ownEpd = canonicalEpd(endpoint.identity.certificate)
  }

  /** A datagram begins. */
  begin(): void {
    this.answered = 0
  }

  /**
   * Processes one start-up chunk.
   * @param session The opening session that the packet was addressed to; none for session ID 0.
   * @param received Size of the datagram that it came in.
   * @returns Why it was dropped, if it was.
   */
  receive(type: number, payload: Reader, session: Session | undefined, from: Address, received: number, now: number): string | undefined {
    switch (type) {
      case CHUNK_IHELLO:
        return session === undefined ? this.receiveIHello(readIHello(payload), from, received, now) : 'wrong session'
      case CHUNK_RHELLO:
        return session === undefined ? this.receiveRHello(payload, from, now) : 'wrong session'
      case CHUNK_REDIRECT:
        return session === undefined ? this.receiveRedirect(payload, from, now) : 'wrong session'
      case CHUNK_IIKEYING:
        return session === undefined ? this.receiveIIKeying(readIIKeying(payload), from, received, now) : 'wrong session'
      case CHUNK_RIKEYING:
        return session === undefined ? 'wrong session' : this.receiveRIKeying(session, readRIKeying(payload), from, now)
      case CHUNK_COOKIE_CHANGE:
        return session === undefined ? 'wrong session' : this.receiveCookieChange(session, payload, from, now)
      default:
        return undefined
    }
  }

  /** A hello that an introducer has passed on: answered as if it had come from the reply address. RFC 7016 §3.5.1.1.2. */
  forwardedHello(hello: FIHello, now: number): void {
    if (!this.isMeant(hello)) this.endpoint.drop('forwarded hello for someone else')
    else this.sendRHello(hello, hello.replyAddress.address, Infinity, now)
  }

  /** Sends what an opening session has to send by now, or gives it up. RFC 7016 §3.5.1.1.1. */
  runTimers(session: Session, opening: Opening, now: number): void {
    if (now >= opening.until) {
      session.fail('timeout')
      return
    }
    const { startup, gate } = this.endpoint
    for (let due = opening.candidates.takeDue(now); due !== undefined; due = opening.candidates.takeDue(now)) {
      gate.expect(due.address)
      if (session.state === 'ihello-sent') startup.send(startup.ihello({ epd: opening.epd, tag: opening.tag }, due.tries, now), due.address)
      else startup.send(opening.iikeying, due.address)
    }
  }

  /** A packet that may be under the session's keys: the far end has them, so its answer, which brings ours, was lost. */
  unreadable(session: Session, opening: Opening, from: Address, now: number): void {
    if (session.state !== 'keying-sent' || !opening.candidates.has(from)) return
    opening.candidates.nudge(now, KEYING_NUDGE_INTERVAL)
    this.endpoint.wake(session)
  }

  /** As responder, or as introducer for another. RFC 7016 §3.5.1.1.2, §3.5.1.6. */
  private receiveIHello(hello: IHello, from: Address, received: number, now: number): string | undefined {
    const { config, startup } = this.endpoint
    if (hello.tag.length > MAX_FOREIGN_TAG) return 'tag too long'
    if (this.isMeant(hello)) return this.sendRHello(hello, from, received, now)
    const introduction = config.introduce?.(hello.epd, from)
    if (introduction === undefined) return 'hello for someone else'
    const { addresses, forwardTo, isProved } = introduction
    const limit = isProved === true ? AMPLIFICATION_LIMIT : this.endpoint.amplification
    if (addresses.length > 0) {
      const redirect = startup.redirect({ tagEcho: hello.tag, destinations: addresses }, now)
      if (!this.mayAnswer(redirect.length, received, limit)) return 'hello too short for its answer'
      startup.send(redirect, from)
    }
    // The answer that is asked for will go there, too.
    const expected = forwardTo === undefined ? 0 : RHELLO_OVERHEAD + hello.tag.length + (forwardTo.farCertificate?.bytes.length ?? 0)
    if (!this.mayAnswer(expected, received, limit)) return 'hello too short for its answer'
    for (const replyAddress of introduction.replyTo ?? [{ address: from, origin: ORIGIN_OBSERVED }]) {
      const isForwarded = forwardTo?.forward(StartupPackets.forwardedHello({ epd: hello.epd, replyAddress, tag: hello.tag }))
      if (isForwarded === false) return 'hello not forwarded'
    }
    return undefined
  }

  private isMeant({ epd }: IHello): boolean {
    return equalBytes(epd, this.ownEpd) || selects(epd, this.endpoint.identity.certificate)
  }

  private sendRHello(hello: IHello, to: Address, received: number, now: number): string | undefined {
    const { cookies, identity, startup } = this.endpoint
    if (hello.tag.length > MAX_FOREIGN_TAG) return 'tag too long'
    const certificate = identity.certificate.bytes
    const rhello = startup.rhello({ tagEcho: hello.tag, cookie: cookies.make(to, now), certificate }, now)
    if (!this.mayAnswer(rhello.length, received)) return 'hello too short for its answer'
    return startup.send(rhello, to) ? undefined : 'too many hellos'
  }

  /** @param answer Bytes. */
  private mayAnswer(answer: number, received: number, limit = this.endpoint.amplification): boolean {
    if (this.answered + answer > received * limit) return false
    this.answered += answer
    return true
  }

  private receiveRedirect(payload: Reader, from: Address, now: number): string | undefined {
    const { tagEcho, destinations } = readRedirect(payload)
    const session = this.endpoint.byTagEcho(tagEcho)
    const opening = session?.opening
    if (session === undefined || opening === undefined || session.state !== 'ihello-sent') return 'unknown tag'
    // Only an address that was asked may point elsewhere; the tag proves that the packet answers, this that the answer was wanted.
    if (destinations.length === 0) opening.candidates.add(from, now)
    for (const { address } of destinations) opening.candidates.add(address, now)
    this.runTimers(session, opening, now)
    this.endpoint.wake(session)
    return undefined
  }

  private receiveRHello(payload: Reader, from: Address, now: number): string | undefined {
    const { tagEcho, cookie, certificate: bytes } = readRHello(payload)
    const session = this.endpoint.byTagEcho(tagEcho)
    const opening = session?.opening
    if (session === undefined || opening === undefined || session.state !== 'ihello-sent') return 'unknown tag'
    if (cookie.length > MAX_FOREIGN_COOKIE) return 'cookie too long'
    const certificate = parseCertificate(bytes, this.endpoint.config.backend)
    if (!selects(opening.epd, certificate)) return 'certificate is not the one asked for'
    const other = this.endpoint.withPeer(certificate.peerId).find((s) => s.state === 'keying-sent' || s.state === 'open')
    if (other !== undefined) {
      // It may have moved, and been looked for.
      other.look(from, now)
      session.fail('duplicate')
      return undefined
    }
    try {
      opening.keying = new InitiatorKeying(this.keyingOptions(certificate))
    } catch (error) {
      if (!(error instanceof AltostratusError) || error instanceof DecodeError) throw error
      session.fail('no-common-keying')
      return error.code
    }
    session.select(certificate, from)
    opening.candidates.select(from, now)
    this.keyWith(session, opening, cookie, now)
    return undefined
  }

  /** Goes on where a Responder Hello would have been received, at all addresses at once: which of them leads there is not known yet. */
  openInvited(session: Session, opening: Opening, { cookie, certificate: bytes }: Invitation, now: number): void {
    try {
      const certificate = parseCertificate(bytes, this.endpoint.config.backend)
      if (!selects(opening.epd, certificate) || cookie.length > MAX_FOREIGN_COOKIE) throw new DecodeError('invitation of someone else')
      opening.keying = new InitiatorKeying(this.keyingOptions(certificate))
      session.select(certificate, undefined)
    } catch (error) {
      if (!(error instanceof AltostratusError)) throw error
      session.fail('no-common-keying')
      return
    }
    this.keyWith(session, opening, cookie, now)
  }

  /** Builds the IIKeying for a cookie and sends it. RFC 7016 §2.3.7. */
  private keyWith(session: Session, opening: Opening, cookie: Uint8Array, now: number): void {
    const { identity, startup } = this.endpoint
    opening.cookie = cookie
    const parameters = encodeIIKeyingParameters({
      initiatorSessionId: session.id,
      cookieEcho: cookie,
      certificate: identity.certificate.bytes,
      component: (opening.keying as InitiatorKeying).component,
    })
    opening.keyedAt = now
    opening.iikeying = startup.iikeying(parameters, identity.sign(parameters), now)
    this.runTimers(session, opening, now)
    this.endpoint.wake(session)
  }

  /** RFC 7016 §3.5.1.2, the initiator's side. */
  private receiveCookieChange(session: Session, payload: Reader, from: Address, now: number): string | undefined {
    const { oldCookie, newCookie } = readCookieChange(payload)
    const { opening } = session
    if (opening === undefined || session.state !== 'keying-sent') return 'unexpected cookie change'
    if (opening.cookieChanged || !equalBytes(oldCookie, opening.cookie)) return 'unexpected cookie change'
    if (newCookie.length > MAX_FOREIGN_COOKIE) return 'cookie too long'
    opening.cookieChanged = true
    opening.candidates.select(session.farAddress ?? from, now)
    this.keyWith(session, opening, newCookie, now)
    return undefined
  }

  /** As responder: verifies everything, then opens the session. RFC 7016 §3.5.1.1.2. */
  private receiveIIKeying(iikeying: IIKeying, from: Address, received: number, now: number): string | undefined {
    const { endpoint } = this
    if (iikeying.initiatorSessionId === 0) return 'session ID 0'
    const verdict = endpoint.cookies.check(iikeying.cookieEcho, from, now)
    if (verdict === 'other-address') {
      const change = endpoint.startup.cookieChange(iikeying, endpoint.cookies.make(from, now), now)
      if (this.mayAnswer(change.length, received)) endpoint.startup.send(change, from)
    }
    if (verdict !== 'valid' && verdict !== 'invitation') return `cookie ${verdict}`
    const certificate = parseCertificate(iikeying.certificate, endpoint.config.backend)
    const present = endpoint.atAddress(from).filter((s) => this.isPresent(s))
    const earlier = endpoint.withPeer(certificate.peerId).find((s) => isRetransmission(s, iikeying))
    if (earlier !== undefined) {
      if (earlier.state !== 'open') return 'keying of a session that is over'
      if (earlier.answered === undefined) return 'keying of a session that has begun'
      endpoint.startup.send(earlier.answered.datagram, from)
      return undefined
    }
    if (!this.limit.take(from, now)) return 'too many keyings'
    if (!verifySignature(certificate, iikeying.signedParameters, iikeying.signature, endpoint.policy, endpoint.config.backend)) {
      return 'bad signature'
    }
    // An end that is invited is asked at several addresses: glare is then not only where the far end's packets come from.
    const opening = endpoint.withPeer(certificate.peerId).find((s) => s.state === 'keying-sent')
    if (opening !== undefined && !present.includes(opening)) present.push(opening)
    for (const existing of present) {
      const refusal = this.resolveExisting(existing, certificate, endpoint.cookies.madeAt(iikeying.cookieEcho), now)
      if (refusal !== undefined) return refusal
    }
    if (endpoint.config.acceptSession?.(certificate.peerId, certificate, from) === false) return 'session not accepted'
    return this.accept(iikeying, certificate, from, verdict === 'invitation' ? received * this.endpoint.amplification : Infinity, now)
  }

  private isPresent(session: Session): boolean {
    return session.state === 'open' || session.state === 'ihello-sent' || session.state === 'keying-sent'
  }

  /** A session with that address is there already: glare, or a new start of the same identity. RFC 7016 §3.5.1.1.2, §3.5.1.3. */
  private resolveExisting(existing: Session, certificate: Certificate, helloAt: number, now: number): string | undefined {
    const near = this.endpoint.identity.certificate.bytes
    const known = existing.farCertificate
    const same = known !== undefined && overrides(certificate.bytes, known.bytes)
    if (existing.state === 'open') {
      if (!same) {
        // RFC 7016 §3.5.1.1.2 ignores this keying. But who is asked there and does not answer is not there any more: it was killed, say, and started
        // anew at the same port.
        if (existing.isSilent) {
          existing.displaced()
          return undefined
        }
        if (existing.isConfirmed) existing.suspect(now)
        return 'address has a session'
      }
      // A keying that comes late or again, as after glare, must not end the session that has come after it.
      if (helloAt < existing.notBefore) return 'keying older than the session'
      existing.overridden()
      return undefined
    }
    if (nearPrevails(near, certificate.bytes)) {
      // It is there, and would have answered this end's keying if that had come.
      if (same && existing.state === 'keying-sent' && existing.opening !== undefined) {
        existing.opening.candidates.nudge(now, KEYING_NUDGE_INTERVAL)
        this.endpoint.wake(existing)
      }
      return 'glare'
    }
    if (same) existing.fail('duplicate')
    return undefined
  }

  /** @param allowance Bytes that may be sent before the far end has shown that it is at this address. */
  private accept(iikeying: IIKeying, certificate: Certificate, from: Address, allowance: number, now: number): string | undefined {
    const { endpoint } = this
    const { startup, identity } = endpoint
    let answer: ReturnType<typeof respond>
    try {
      answer = respond(this.keyingOptions(certificate), iikeying.component)
    } catch (error) {
      if (error instanceof AltostratusError && !(error instanceof DecodeError)) return error.code
      throw error
    }
    const session = endpoint.createIncoming(from)
    if (session === undefined) return 'too many sessions'
    const portion = encodeRIKeyingPortion(session.id, answer.component)
    const signature = identity.sign(rikeyingSignedParameters(portion, iikeying.component))
    const datagram = startup.rikeying(iikeying.initiatorSessionId, portion, signature, now)
    session.answered = { component: iikeying.component, datagram }
    startup.send(datagram, from)
    session.allowance = allowance - datagram.length
    session.established(certificate, from, answer.keys, iikeying.initiatorSessionId, endpoint.cookies.madeAt(iikeying.cookieEcho), now)
    endpoint.awaitFirstPacket(session)
    return undefined
  }

  /** RFC 7016 §3.5.1.1.1, the last step. */
  private receiveRIKeying(session: Session, rikeying: RIKeying, from: Address, now: number): string | undefined {
    const { endpoint } = this
    const { opening, farCertificate } = session
    const keying = opening?.keying
    if (keying === undefined || farCertificate === undefined || session.state !== 'keying-sent') return 'unexpected keying'
    if (rikeying.responderSessionId === 0) return 'session ID 0'
    const signed = rikeyingSignedParameters(rikeying.signedPortion, keying.component)
    if (!verifySignature(farCertificate, signed, rikeying.signature, endpoint.policy, endpoint.config.backend)) return 'bad signature'
    let keys: ReturnType<InitiatorKeying['finish']>
    try {
      keys = keying.finish(rikeying.component)
    } catch (error) {
      if (!(error instanceof AltostratusError)) throw error
      // Only a signed answer ends the attempt: anyone could have sent another.
      if (farCertificate.signingKey !== undefined) session.fail('keying-failed')
      return error.code
    }
    const { responderSessionId } = rikeying
    const others = opening?.candidates.known.filter((address) => !address.equals(session.farAddress ?? from)) ?? []
    session.established(farCertificate, session.farAddress ?? from, keys, responderSessionId, opening?.keyedAt ?? now, now)
    // Somebody who overheard its hello may have repeated it from elsewhere; even so far that all of start-up took that way.
    session.look(from, now)
    if (others.length > 0) session.knowPaths(others, now)
    return undefined
  }

  private keyingOptions(far: Certificate): KeyingOptions {
    const { config, policy, identity } = this.endpoint
    return { backend: config.backend, random: config.random, identity, far, policy }
  }
}

/** What a Responder Hello has beside tag and certificate: our cookie, session ID, checksum, header, chunk, lengths, padding at its longest. Bytes. */
const RHELLO_OVERHEAD = COOKIE_LENGTH + 4 + 2 + 3 + 3 + 4 + 15

function isRetransmission(session: Session, iikeying: IIKeying): boolean {
  const { answered, farCertificate } = session
  return (
    !session.isInitiator &&
    session.farId === iikeying.initiatorSessionId &&
    (answered === undefined || equalBytes(answered.component, iikeying.component)) &&
    farCertificate !== undefined &&
    equalBytes(farCertificate.bytes, iikeying.certificate)
  )
}
