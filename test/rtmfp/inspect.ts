import { Reader, Writer } from '../../src/base/bytes.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { createDefaultCipher } from '../../src/crypto/cbc-cipher.ts'
import type { Session } from '../../src/rtmfp/session.ts'
import { Ack, readBitmapAck, readRangeAck } from '../../src/wire/ack.ts'
import { CHUNK_BITMAP_ACK, CHUNK_NEXT_USER_DATA, CHUNK_RANGE_ACK, CHUNK_USER_DATA, ChunkCursor } from '../../src/wire/chunk.ts'
import { MODE_STARTUP, readPacketHeader, writePacketHeader } from '../../src/wire/header.ts'
import type { PacketHeader } from '../../src/wire/header.ts'
import { readSessionId } from '../../src/wire/session-id.ts'
import { UserData, readNextUserData, readUserData } from '../../src/wire/user-data.ts'
import type { World } from './world.ts'

/** Making one takes longer than using it. */
export const DEFAULT_CIPHER: ReturnType<typeof createDefaultCipher> = createDefaultCipher(nodeBackend)

/** A chunk that a session received. */
export interface SeenChunk {
  readonly type: number
  readonly length: number
  /** Of a User Data or Next User Data chunk. */
  readonly data?: UserData
  /** Of an acknowledgement. */
  readonly ack?: Ack
}

/** A packet that a session received. */
export interface SeenPacket {
  readonly at: number
  readonly header: PacketHeader
  readonly chunks: readonly SeenChunk[]
}

/** Notes every packet that arrives at a session from now on, with its keys off. */
export function inspect(world: World, session: Session): SeenPacket[] {
  const packets: SeenPacket[] = []
  const receive = session.receive.bind(session)
  session.receive = (header, plain, from, now) => {
    packets.push({ at: world.now, header: { ...header }, chunks: chunksOf(plain) })
    return receive(header, plain, from, now)
  }
  return packets
}

function chunksOf(plain: Reader): SeenChunk[] {
  const cursor = new ChunkCursor().reset(plain.bytes, plain.at, plain.end)
  const chunks: SeenChunk[] = []
  const data = new UserData()
  while (cursor.next()) {
    const { type, payload } = cursor
    const length = payload.remaining
    if (type === CHUNK_USER_DATA || type === CHUNK_NEXT_USER_DATA) {
      ;(type === CHUNK_USER_DATA ? readUserData : readNextUserData)(payload, data)
      chunks.push({ type, length, data: Object.assign(new UserData(), data) })
    } else if (type === CHUNK_RANGE_ACK || type === CHUNK_BITMAP_ACK) {
      const ack = new Ack()
      ;(type === CHUNK_RANGE_ACK ? readRangeAck : readBitmapAck)(payload, ack)
      chunks.push({ type, length, ack })
    } else chunks.push({ type, length })
  }
  return chunks
}

/** All user data chunks of the packets, in order. */
export function dataOf(packets: readonly SeenPacket[]): UserData[] {
  return packets.flatMap(({ chunks }) => chunks.flatMap(({ data }) => (data === undefined ? [] : [data])))
}

/** All acknowledgements of the packets, in order. */
export function acksOf(packets: readonly SeenPacket[]): Ack[] {
  return packets.flatMap(({ chunks }) => chunks.flatMap(({ ack }) => (ack === undefined ? [] : [ack])))
}

/** A packet of session start-up. */
export interface StartupPacket {
  readonly sessionId: number
  /** Each with a reader over its payload. */
  readonly chunks: readonly { readonly type: number; readonly payload: Reader }[]
}

/** Reads a packet under the Default Session Key; `undefined` when it is not one. */
export function openStartup(datagram: Uint8Array): StartupPacket | undefined {
  const { opener } = DEFAULT_CIPHER
  const plain = new Uint8Array(datagram.length + 64)
  const end = opener.open(datagram, plain)
  if (end < 0) return undefined
  const r = new Reader(plain, opener.plainStart, end)
  const header: PacketHeader = { mode: 0, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }
  readPacketHeader(r, header)
  if (header.mode !== MODE_STARTUP) return undefined
  const cursor = new ChunkCursor().reset(r.bytes, r.at, r.end)
  const chunks = []
  while (cursor.next()) chunks.push({ type: cursor.type, payload: new Reader(plain, cursor.payload.at, cursor.payload.end) })
  return { sessionId: readSessionId(datagram), chunks }
}

/** Builds a packet under the Default Session Key. */
export function sealStartup(sessionId: number, write: (w: Writer) => void, mode: number = MODE_STARTUP): Uint8Array {
  const { sealer } = DEFAULT_CIPHER
  const buffer = new Uint8Array(8_192)
  const w = new Writer(buffer, sealer.headroom, buffer.length - sealer.tailroom)
  writePacketHeader(w, { mode, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 })
  write(w)
  return buffer.slice(0, sealer.seal(buffer, w.at, sessionId))
}
