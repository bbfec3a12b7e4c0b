import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import type { Reader, Writer } from '../../src/base/bytes.ts'
import { CHUNK_IHELLO, CHUNK_IIKEYING, CHUNK_REDIRECT, CHUNK_RHELLO, CHUNK_RIKEYING, ChunkCursor } from '../../src/wire/chunk.ts'
import { readPacketHeader, writePacketHeader } from '../../src/wire/header.ts'
import type { PacketHeader } from '../../src/wire/header.ts'
import { encodeOptions, parseCertificateOptions, parseOptions } from '../../src/wire/option.ts'
import type { Option } from '../../src/wire/option.ts'
import { readSessionId } from '../../src/wire/session-id.ts'
import * as startup from '../../src/wire/startup.ts'
import { embedded, written } from './chunks.ts'

/** Chunk fields of the vectors: hexadecimal text, numbers, and lists of options. */
interface ChunkVector {
  readonly type: number
  readonly name: string
  readonly [field: string]: unknown
}

interface PacketVector {
  readonly datagram: string
  readonly sessionID: number
  readonly plainPacket: string
  readonly flags: number
  readonly timeCritical: boolean
  readonly timeCriticalReverse: boolean
  readonly mode: number
  readonly timestamp?: number
  readonly timestampEcho?: number
  readonly chunks: readonly ChunkVector[]
}

const FOLDER = join(import.meta.dirname, '../vectors')
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))
const PACKETS = FILES.flatMap((file) => {
  const { packets } = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as { packets: PacketVector[] }
  return packets.map((packet, i) => [`${file}, packet ${i + 1}`, packet] as const)
})

function optionsOf(options: readonly Option[]): unknown {
  return options.map(({ type, value }) => ({ type, value: toHex(value) }))
}

/** The fields of a chunk under the names that the vectors give them. */
function fieldsOf(type: number, payload: Reader): Record<string, unknown> {
  if (type === CHUNK_IHELLO) {
    const { epd, tag } = startup.readIHello(payload)
    return { name: 'ihello', endpointDiscriminator: toHex(epd), epdOptions: optionsOf(parseOptions(epd)), tag: toHex(tag) }
  }
  if (type === CHUNK_RHELLO) {
    const { tagEcho, cookie, certificate } = startup.readRHello(payload)
    return {
      name: 'rhello',
      tagEcho: toHex(tagEcho),
      cookie: toHex(cookie),
      responderCertificate: toHex(certificate),
      certificateOptions: optionsOf(parseCertificateOptions(certificate).canonicalOptions),
    }
  }
  if (type === CHUNK_REDIRECT) {
    const { bytes, at, end } = payload
    startup.readRedirect(payload)
    return { name: 'redirect', payload: toHex(bytes.subarray(at, end)) }
  }
  if (type === CHUNK_IIKEYING) {
    const { initiatorSessionId, cookieEcho, certificate, component, signature } = startup.readIIKeying(payload)
    return {
      name: 'iikeying',
      initiatorSessionID: initiatorSessionId,
      cookieEcho: toHex(cookieEcho),
      initiatorCertificate: toHex(certificate),
      certificateOptions: optionsOf(parseCertificateOptions(certificate).canonicalOptions),
      sessionKeyInitiatorComponent: toHex(component),
      componentOptions: optionsOf(parseOptions(component)),
      signature: toHex(signature),
    }
  }
  expect(type).toBe(CHUNK_RIKEYING)
  const { responderSessionId, component, signature } = startup.readRIKeying(payload)
  return {
    name: 'rikeying',
    responderSessionID: responderSessionId,
    sessionKeyResponderComponent: toHex(component),
    componentOptions: optionsOf(parseOptions(component)),
    signature: toHex(signature),
  }
}

/** Writes a chunk from the vector's fields, certificates and components from their single options. */
function writeVector(w: Writer, chunk: ChunkVector): void {
  const bytes = (field: string): Uint8Array => fromHex(chunk[field] as string)
  const options = (field: string): Uint8Array =>
    encodeOptions((chunk[field] as { type: number; value: string }[]).map(({ type, value }) => ({ type, value: fromHex(value) })))
  if (chunk.type === CHUNK_IHELLO) startup.writeIHello(w, { epd: options('epdOptions'), tag: bytes('tag') })
  else if (chunk.type === CHUNK_RHELLO) {
    startup.writeRHello(w, { tagEcho: bytes('tagEcho'), cookie: bytes('cookie'), certificate: options('certificateOptions') })
  } else if (chunk.type === CHUNK_REDIRECT) startup.writeRedirect(w, startup.readRedirect(embedded(bytes('payload'))))
  else if (chunk.type === CHUNK_IIKEYING) {
    const parameters = startup.encodeIIKeyingParameters({
      initiatorSessionId: chunk['initiatorSessionID'] as number,
      cookieEcho: bytes('cookieEcho'),
      certificate: options('certificateOptions'),
      component: options('componentOptions'),
    })
    startup.writeIIKeying(w, parameters, bytes('signature'))
  } else {
    const portion = startup.encodeRIKeyingPortion(chunk['responderSessionID'] as number, options('componentOptions'))
    startup.writeRIKeying(w, portion, bytes('signature'))
  }
}

describe('packets of an independent implementation', () => {
  test('they are all there', () => {
    expect(FILES).toHaveLength(6)
    expect(PACKETS).toHaveLength(22)
    expect(new Set(PACKETS.flatMap(([, { chunks }]) => chunks.map(({ type }) => type))).size).toBe(5)
  })

  test.each(PACKETS)('%s: the fields', (_, vector) => {
    expect(readSessionId(fromHex(vector.datagram))).toBe(vector.sessionID)
    const r = embedded(fromHex(vector.plainPacket))
    const header: PacketHeader = { mode: 0, timeCritical: false, timeCriticalReverse: false, timestamp: -1, timestampEcho: -1 }
    readPacketHeader(r, header)
    expect(header).toEqual({
      mode: vector.mode,
      timeCritical: vector.timeCritical,
      timeCriticalReverse: vector.timeCriticalReverse,
      timestamp: vector.timestamp ?? -1,
      timestampEcho: vector.timestampEcho ?? -1,
    })
    const cursor = new ChunkCursor().reset(r.bytes, r.at, r.end)
    const found: unknown[] = []
    while (cursor.next()) {
      found.push({ type: cursor.type, ...fieldsOf(cursor.type, cursor.payload) })
      expect(cursor.payload.remaining).toBe(0)
    }
    expect(found).toEqual(vector.chunks)
  })

  test.each(PACKETS)('%s: the bytes, up to padding', (_, vector) => {
    const { mode, timeCritical, timeCriticalReverse, timestamp = -1, timestampEcho = -1 } = vector
    const packet = toHex(
      written((w) => {
        writePacketHeader(w, { mode, timeCritical, timeCriticalReverse, timestamp, timestampEcho })
        for (const chunk of vector.chunks) writeVector(w, chunk)
      }),
    )
    expect(vector.plainPacket.slice(0, packet.length)).toBe(packet)
    expect(vector.plainPacket.slice(packet.length)).toMatch(/^(ff)*$/)
    expect(Number.parseInt(packet.slice(0, 2), 16)).toBe(vector.flags)
  })
})
