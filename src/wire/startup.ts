import { Writer, concat } from '../base/bytes.ts'
import type { Reader } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { readAddress, writeAddress } from './address.ts'
import type { WireAddress } from './address.ts'
import {
  CHUNK_COOKIE_CHANGE,
  CHUNK_FIHELLO,
  CHUNK_FRAGMENT,
  CHUNK_IHELLO,
  CHUNK_IIKEYING,
  CHUNK_REDIRECT,
  CHUNK_RHELLO,
  CHUNK_RIKEYING,
  beginChunk,
  endChunk,
} from './chunk.ts'
import { readVlu, vluSize, writeVlu } from './vlu.ts'

/** Initiator Hello. RFC 7016 §2.3.2. */
export interface IHello {
  readonly epd: Uint8Array
  readonly tag: Uint8Array
}

/** Forwarded Initiator Hello. RFC 7016 §2.3.3. */
export interface FIHello extends IHello {
  readonly replyAddress: WireAddress
}

/** Responder Hello. RFC 7016 §2.3.4. */
export interface RHello {
  readonly tagEcho: Uint8Array
  readonly cookie: Uint8Array
  readonly certificate: Uint8Array
}

/** Responder Redirect; no destination at all means the packet's source. RFC 7016 §2.3.5. */
export interface Redirect {
  readonly tagEcho: Uint8Array
  readonly destinations: readonly WireAddress[]
}

/** RHello Cookie Change. RFC 7016 §2.3.6. */
export interface CookieChange {
  readonly oldCookie: Uint8Array
  readonly newCookie: Uint8Array
}

/** What the initiator signs. RFC 7016 §2.3.7 (initiatorSignedParameters). */
export interface IIKeyingParameters {
  readonly initiatorSessionId: number
  readonly cookieEcho: Uint8Array
  readonly certificate: Uint8Array
  /** Session Key Initiator Component. */
  readonly component: Uint8Array
}

/** Initiator Initial Keying. RFC 7016 §2.3.7. */
export interface IIKeying extends IIKeyingParameters {
  readonly signature: Uint8Array
  /** The bytes that the signature is over. */
  readonly signedParameters: Uint8Array
}

/** Responder Initial Keying. RFC 7016 §2.3.8. */
export interface RIKeying {
  readonly responderSessionId: number
  /** Session Key Responder Component. */
  readonly component: Uint8Array
  readonly signature: Uint8Array
  /** The part of the signed bytes that the chunk carries; the initiator's component follows it when signing. */
  readonly signedPortion: Uint8Array
}

/** Packet Fragment. RFC 7016 §2.3.1. */
export interface PacketFragment {
  readonly moreFragments: boolean
  readonly packetId: number
  readonly fragmentNumber: number
  /** Never empty. */
  readonly fragment: Uint8Array
}

const MORE_FRAGMENTS = 0x80

function writeCounted(w: Writer, bytes: Uint8Array): void {
  writeVlu(w, bytes.length)
  w.raw(bytes)
}

function readCounted(r: Reader): Uint8Array {
  return r.copy(readVlu(r))
}

function countedSize(bytes: Uint8Array): number {
  return vluSize(bytes.length) + bytes.length
}

/** RFC 7016 §2.3.2. */
export function writeIHello(w: Writer, { epd, tag }: IHello): void {
  const start = beginChunk(w, CHUNK_IHELLO)
  writeCounted(w, epd)
  w.raw(tag)
  endChunk(w, start)
}

/** RFC 7016 §2.3.2. */
export function readIHello(r: Reader): IHello {
  return { epd: readCounted(r), tag: r.rest() }
}

/** RFC 7016 §2.3.3. */
export function writeFIHello(w: Writer, { epd, replyAddress, tag }: FIHello): void {
  const start = beginChunk(w, CHUNK_FIHELLO)
  writeCounted(w, epd)
  writeAddress(w, replyAddress.address, replyAddress.origin)
  w.raw(tag)
  endChunk(w, start)
}

/** RFC 7016 §2.3.3. */
export function readFIHello(r: Reader): FIHello {
  return { epd: readCounted(r), replyAddress: readAddress(r), tag: r.rest() }
}

/** RFC 7016 §2.3.4. */
export function writeRHello(w: Writer, { tagEcho, cookie, certificate }: RHello): void {
  const start = beginChunk(w, CHUNK_RHELLO)
  writeCounted(w, tagEcho)
  writeCounted(w, cookie)
  w.raw(certificate)
  endChunk(w, start)
}

/** RFC 7016 §2.3.4. */
export function readRHello(r: Reader): RHello {
  return { tagEcho: readCounted(r), cookie: readCounted(r), certificate: r.rest() }
}

/** RFC 7016 §2.3.5. */
export function writeRedirect(w: Writer, { tagEcho, destinations }: Redirect): void {
  const start = beginChunk(w, CHUNK_REDIRECT)
  writeCounted(w, tagEcho)
  for (const { address, origin } of destinations) writeAddress(w, address, origin)
  endChunk(w, start)
}

/** RFC 7016 §2.3.5. */
export function readRedirect(r: Reader): Redirect {
  const tagEcho = readCounted(r)
  const destinations: WireAddress[] = []
  while (r.remaining > 0) destinations.push(readAddress(r))
  return { tagEcho, destinations }
}

/** RFC 7016 §2.3.6. */
export function writeCookieChange(w: Writer, { oldCookie, newCookie }: CookieChange): void {
  const start = beginChunk(w, CHUNK_COOKIE_CHANGE)
  writeCounted(w, oldCookie)
  w.raw(newCookie)
  endChunk(w, start)
}

/** RFC 7016 §2.3.6. */
export function readCookieChange(r: Reader): CookieChange {
  return { oldCookie: readCounted(r), newCookie: r.rest() }
}

/** The bytes that the initiator signs. RFC 7016 §2.3.7 (initiatorSignedParameters). */
export function encodeIIKeyingParameters(p: IIKeyingParameters): Uint8Array {
  const w = Writer.ofSize(4 + countedSize(p.cookieEcho) + countedSize(p.certificate) + countedSize(p.component))
  w.uint32(p.initiatorSessionId)
  writeCounted(w, p.cookieEcho)
  writeCounted(w, p.certificate)
  writeCounted(w, p.component)
  return w.bytes
}

/** Writes the chunk from its encoded parameters and the signature over them. RFC 7016 §2.3.7. */
export function writeIIKeying(w: Writer, signedParameters: Uint8Array, signature: Uint8Array): void {
  const start = beginChunk(w, CHUNK_IIKEYING)
  w.raw(signedParameters)
  w.raw(signature)
  endChunk(w, start)
}

/** RFC 7016 §2.3.7. */
export function readIIKeying(r: Reader): IIKeying {
  const start = r.at
  const initiatorSessionId = r.uint32()
  const cookieEcho = readCounted(r)
  const certificate = readCounted(r)
  const component = readCounted(r)
  const signedParameters = r.bytes.slice(start, r.at)
  return { initiatorSessionId, cookieEcho, certificate, component, signedParameters, signature: r.rest() }
}

/** The part of what the responder signs that the chunk carries. RFC 7016 §2.3.8 (responderSignedParametersPortion). */
export function encodeRIKeyingPortion(responderSessionId: number, component: Uint8Array): Uint8Array {
  const w = Writer.ofSize(4 + countedSize(component))
  w.uint32(responderSessionId)
  writeCounted(w, component)
  return w.bytes
}

/** All the bytes that the responder signs. RFC 7016 §2.3.8 (responderSignedParameters). */
export function rikeyingSignedParameters(signedPortion: Uint8Array, initiatorComponent: Uint8Array): Uint8Array {
  return concat(signedPortion, initiatorComponent)
}

/** Writes the chunk from its encoded portion and the signature. RFC 7016 §2.3.8. */
export function writeRIKeying(w: Writer, signedPortion: Uint8Array, signature: Uint8Array): void {
  const start = beginChunk(w, CHUNK_RIKEYING)
  w.raw(signedPortion)
  w.raw(signature)
  endChunk(w, start)
}

/** RFC 7016 §2.3.8. */
export function readRIKeying(r: Reader): RIKeying {
  const start = r.at
  const responderSessionId = r.uint32()
  const component = readCounted(r)
  const signedPortion = r.bytes.slice(start, r.at)
  return { responderSessionId, component, signedPortion, signature: r.rest() }
}

/** RFC 7016 §2.3.1. */
export function writePacketFragment(w: Writer, { moreFragments, packetId, fragmentNumber, fragment }: PacketFragment): void {
  const start = beginChunk(w, CHUNK_FRAGMENT)
  w.uint8(moreFragments ? MORE_FRAGMENTS : 0)
  writeVlu(w, packetId)
  writeVlu(w, fragmentNumber)
  w.raw(fragment)
  endChunk(w, start)
}

/** RFC 7016 §2.3.1. */
export function readPacketFragment(r: Reader): PacketFragment {
  const moreFragments = (r.uint8() & MORE_FRAGMENTS) !== 0
  const packetId = readVlu(r)
  const fragmentNumber = readVlu(r)
  if (r.remaining === 0) throw new DecodeError('empty packet fragment')
  return { moreFragments, packetId, fragmentNumber, fragment: r.rest() }
}
