import { Reader, equalBytes } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import { Ack, readBitmapAck, readRangeAck } from '../../src/wire/ack.ts'
import type { WireAddress } from '../../src/wire/address.ts'
import * as chunk from '../../src/wire/chunk.ts'
import { readBufferProbe, readFlowException } from '../../src/wire/control.ts'
import { readPacketHeader } from '../../src/wire/header.ts'
import type { PacketHeader } from '../../src/wire/header.ts'
import { parseCertificateOptions, parseOptions } from '../../src/wire/option.ts'
import type { Option } from '../../src/wire/option.ts'
import * as startup from '../../src/wire/startup.ts'
import { UserData, readNextUserData, readUserData } from '../../src/wire/user-data.ts'

// Built-ins are looked up slowly where the tests run, and these are used for every byte.
const { floor, imul } = Math
const { isSafeInteger } = Number

/** Folds all that was decoded into one number (FNV-1a), and looks at every number on the way. */
class Digest {
  value = 0x811c_9dc5

  number(n: number): void {
    if (!isSafeInteger(n) || n < -1) throw new Error(`decoded ${n}`)
    this.fold(n >>> 0)
    this.fold(floor(n / 0x1_0000_0000))
  }

  bytes(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.fold(0x100)
      return
    }
    this.fold(bytes.length)
    for (let i = 0; i < bytes.length; i++) this.fold(bytes[i] as number)
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.fold(text.charCodeAt(i))
  }

  options(options: readonly Option[]): void {
    this.fold(options.length)
    for (const { type, value } of options) {
      this.number(type)
      this.bytes(value)
    }
  }

  address({ address, origin }: WireAddress): void {
    this.text(address.key)
    this.fold(origin)
  }

  private fold(word: number): void {
    this.value = imul(this.value ^ word, 0x0100_0193) >>> 0
  }
}

/** Counts what became of chunks, so that a test can see that it tested something. */
export interface Tally {
  decoded: number
  refused: number
}

const header: PacketHeader = { mode: 0, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }
const reader = new Reader()
const cursor = new chunk.ChunkCursor()
const ack = new Ack()

/** Runs `decode`; that bytes are malformed is a result like any other, another exception is not. */
function attempt(digest: Digest, tally: Tally, decode: () => void): void {
  try {
    decode()
    tally.decoded++
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    tally.refused++
    digest.text(error.reason)
  }
}

/** Decodes everything that a packet in `buffer[start, end)` holds. The result stands for all values and all errors on the way. */
export function decodeAll(buffer: Uint8Array, start: number, end: number, tally: Tally): number {
  const digest = new Digest()
  attempt(digest, tally, () => {
    readPacketHeader(reader.reset(buffer, start, end), header)
    digest.number(header.mode)
    digest.number(header.timestamp)
    digest.number(header.timestampEcho)
    cursor.reset(buffer, reader.at, end)
    const userData = new UserData()
    while (cursor.next()) {
      digest.number(cursor.type)
      attempt(digest, tally, () => {
        if (!decodeSession(digest, cursor.type, cursor.payload, userData)) decodeStartup(digest, tally, cursor.type, cursor.payload)
      })
    }
  })
  return digest.value
}

function decodeSession(digest: Digest, type: number, r: Reader, userData: UserData): boolean {
  if (type === chunk.CHUNK_USER_DATA || type === chunk.CHUNK_NEXT_USER_DATA) {
    if (type === chunk.CHUNK_USER_DATA) readUserData(r, userData)
    else readNextUserData(r, userData)
    digestUserData(digest, r, userData)
  } else if (type === chunk.CHUNK_RANGE_ACK || type === chunk.CHUNK_BITMAP_ACK) {
    if (type === chunk.CHUNK_RANGE_ACK) readRangeAck(r, ack)
    else readBitmapAck(r, ack)
    digest.number(ack.flowId)
    digest.number(ack.bufferBlocks)
    digest.number(ack.cumulative)
    for (let i = 0; i < ack.count; i++) {
      digest.number(ack.froms[i] as number)
      digest.number(ack.tos[i] as number)
    }
  } else if (type === chunk.CHUNK_BUFFER_PROBE) digest.number(readBufferProbe(r))
  else if (type === chunk.CHUNK_FLOW_EXCEPTION) {
    const { flowId, code } = readFlowException(r)
    digest.number(flowId)
    digest.number(code)
  } else if (type === chunk.CHUNK_PING || type === chunk.CHUNK_PING_REPLY) digest.bytes(r.rest())
  else return false
  return true
}

function digestUserData(digest: Digest, r: Reader, x: UserData): void {
  digest.number(x.fragmentControl)
  digest.number(Number(x.abandon) + 2 * Number(x.final) + 4 * Number(x.hasOptions) + 8 * Number(x.unknownCriticalOption))
  digest.number(x.flowId)
  digest.number(x.sequenceNumber)
  digest.number(x.forwardSequenceNumber)
  digest.number(x.returnFlowId)
  digest.bytes(x.metadata)
  if (x.sequenceNumber < 1 || x.forwardSequenceNumber > x.sequenceNumber) throw new Error('impossible sequence numbers')
  if (x.start < 0 || x.start > x.end || x.end !== r.end) throw new Error('user data out of its chunk')
  digest.bytes(r.bytes.subarray(x.start, x.end))
}

function decodeStartup(digest: Digest, tally: Tally, type: number, r: Reader): void {
  if (type === chunk.CHUNK_IHELLO || type === chunk.CHUNK_FIHELLO) {
    const hello = type === chunk.CHUNK_IHELLO ? startup.readIHello(r) : startup.readFIHello(r)
    if ('replyAddress' in hello) digest.address((hello as startup.FIHello).replyAddress)
    digest.bytes(hello.tag)
    attempt(digest, tally, () => digest.options(parseOptions(hello.epd)))
  } else if (type === chunk.CHUNK_RHELLO) {
    const { tagEcho, cookie, certificate } = startup.readRHello(r)
    digest.bytes(tagEcho)
    digest.bytes(cookie)
    decodeCertificate(digest, tally, certificate)
  } else if (type === chunk.CHUNK_REDIRECT) {
    const { tagEcho, destinations } = startup.readRedirect(r)
    digest.bytes(tagEcho)
    for (const destination of destinations) digest.address(destination)
  } else if (type === chunk.CHUNK_COOKIE_CHANGE) {
    const { oldCookie, newCookie } = startup.readCookieChange(r)
    digest.bytes(oldCookie)
    digest.bytes(newCookie)
  } else decodeKeying(digest, tally, type, r)
}

function decodeKeying(digest: Digest, tally: Tally, type: number, r: Reader): void {
  if (type === chunk.CHUNK_IIKEYING) {
    const keying = startup.readIIKeying(r)
    digest.number(keying.initiatorSessionId)
    digest.bytes(keying.cookieEcho)
    digest.bytes(keying.signedParameters)
    digest.bytes(keying.signature)
    decodeCertificate(digest, tally, keying.certificate)
    attempt(digest, tally, () => digest.options(parseOptions(keying.component)))
  } else if (type === chunk.CHUNK_RIKEYING) {
    const keying = startup.readRIKeying(r)
    digest.number(keying.responderSessionId)
    digest.bytes(keying.signedPortion)
    digest.bytes(keying.signature)
    attempt(digest, tally, () => digest.options(parseOptions(keying.component)))
  } else if (type === chunk.CHUNK_FRAGMENT) {
    const { moreFragments, packetId, fragmentNumber, fragment } = startup.readPacketFragment(r)
    digest.number(Number(moreFragments))
    digest.number(packetId)
    digest.number(fragmentNumber)
    digest.bytes(fragment)
  }
}

function decodeCertificate(digest: Digest, tally: Tally, certificate: Uint8Array): void {
  attempt(digest, tally, () => {
    const { canonical, canonicalOptions, otherOptions } = parseCertificateOptions(certificate)
    if (!equalBytes(canonical, certificate.subarray(0, canonical.length))) throw new Error('canonical section out of place')
    digest.bytes(canonical)
    digest.options(canonicalOptions)
    digest.options(otherOptions)
  })
}
