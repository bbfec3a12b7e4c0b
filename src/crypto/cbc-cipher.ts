import { Reader, Writer } from '../base/bytes.ts'
import { AltostratusError, DecodeError } from '../base/errors.ts'
import { SESSION_ID_SIZE, writeSessionId } from '../wire/session-id.ts'
import { readVlu, vluSize, writeVlu } from '../wire/vlu.ts'
import type { CbcCipher, CryptoBackend, MacKey } from './backend.ts'
import { BLOCK, DEFAULT_SESSION_KEY, PACKETS_PER_CBC_KEY } from './constants.ts'
import { OPEN_FORGED, OPEN_MALFORMED, OPEN_REPLAYED } from './packet-cipher.ts'
import type { PacketOpener, PacketSealer } from './packet-cipher.ts'
import { ReplayWindow } from './replay-window.ts'

/** How packets of one direction are verified. RFC 7425 §4.7.2. */
export interface CbcSettings {
  readonly key: Uint8Array
  /** Key of the HMAC; without one the simple checksum is used. */
  readonly macKey?: Uint8Array | undefined
  /** Bytes of the HMAC, 4 to 32; 0 for none. */
  readonly hmacLength: number
  /** Whether packets carry session sequence numbers. */
  readonly sequenceNumbers: boolean
  /** Packets that the key may seal; {@link PACKETS_PER_CBC_KEY} by default. */
  readonly packetLimit?: number
}

const CHECKSUM_SIZE = 2
const PADDING = 0xff

/** The simple checksum: 16-bit ones' complement of the ones' complement sum. RFC 7425 §4.7.3.1. */
export function simpleChecksum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0
  let at = start
  for (; at + 1 < end; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  if (at < end) sum += bytes[at] as number
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000)
  return ~sum & 0xffff
}

/** Seals with AES-128-CBC as RFC 7425 §4.7 has it. */
export class CbcSealer implements PacketSealer {
  readonly tailroom: number
  private readonly cipher: CbcCipher
  private readonly mac: MacKey | undefined
  private readonly settings: CbcSettings
  private readonly packetLimit: number
  private readonly writer = new Writer()
  /** The next packet's number, whether or not packets carry it. */
  private next = 0

  constructor(backend: CryptoBackend, settings: CbcSettings) {
    this.settings = settings
    this.cipher = backend.cbc(settings.key)
    this.mac = settings.macKey === undefined ? undefined : backend.mac(settings.macKey)
    this.tailroom = BLOCK - 1 + settings.hmacLength
    this.packetLimit = settings.packetLimit ?? PACKETS_PER_CBC_KEY
  }

  get headroom(): number {
    return SESSION_ID_SIZE + (this.settings.sequenceNumbers ? vluSize(this.next) : 0) + (this.mac === undefined ? CHECKSUM_SIZE : 0)
  }

  seal(buffer: Uint8Array, plainEnd: number, sessionId: number): number {
    if (this.next >= this.packetLimit) throw new AltostratusError('KEY_WORN_OUT', 'The session has sent all that its key may seal.')
    const end = this.pad(buffer, plainEnd)
    const w = this.writer.reset(buffer, SESSION_ID_SIZE)
    if (this.settings.sequenceNumbers) writeVlu(w, this.next)
    this.next++
    if (this.mac === undefined) w.uint16(simpleChecksum(buffer, w.at + CHECKSUM_SIZE, end))
    this.cipher.encrypt(buffer, SESSION_ID_SIZE, end)
    let datagramEnd = end
    if (this.mac !== undefined) {
      const { hmacLength } = this.settings
      const hmac = this.mac.compute(buffer, SESSION_ID_SIZE, end)
      for (let i = 0; i < hmacLength; i++) buffer[end + i] = hmac[i] as number
      datagramEnd += hmacLength
    }
    writeSessionId(buffer, sessionId, datagramEnd)
    return datagramEnd
  }

  rest(): void {
    this.cipher.rest()
  }

  /** RFC 7425 §4.7.2: 0xff up to a whole number of blocks. */
  private pad(buffer: Uint8Array, plainEnd: number): number {
    const end = SESSION_ID_SIZE + Math.ceil((plainEnd - SESSION_ID_SIZE) / BLOCK) * BLOCK
    for (let i = plainEnd; i < end; i++) buffer[i] = PADDING
    return end
  }
}

/** Opens what {@link CbcSealer} sealed. */
export class CbcOpener implements PacketOpener {
  plainStart = 0
  private readonly cipher: CbcCipher
  private readonly mac: MacKey | undefined
  private readonly settings: CbcSettings
  private readonly window = new ReplayWindow()
  private readonly reader = new Reader()

  constructor(backend: CryptoBackend, settings: CbcSettings) {
    this.settings = settings
    this.cipher = backend.cbc(settings.key)
    this.mac = settings.macKey === undefined ? undefined : backend.mac(settings.macKey)
  }

  get sentCount(): number {
    return this.settings.sequenceNumbers ? this.window.highest + 1 : -1
  }

  open(datagram: Uint8Array, out: Uint8Array): number {
    const blocksEnd = datagram.length - this.settings.hmacLength
    const length = blocksEnd - SESSION_ID_SIZE
    if (length < BLOCK || length % BLOCK !== 0) return OPEN_MALFORMED
    if (this.mac !== undefined && !this.isAuthentic(datagram, blocksEnd)) return OPEN_FORGED
    this.cipher.decrypt(datagram, SESSION_ID_SIZE, blocksEnd, out)
    const r = this.reader.reset(out, 0, length)
    let sequence = -1
    try {
      if (this.settings.sequenceNumbers) sequence = readVlu(r)
      if (this.mac === undefined) {
        const checksum = r.uint16()
        if (checksum !== simpleChecksum(out, r.at, length)) return OPEN_FORGED
      }
    } catch (error) {
      if (error instanceof DecodeError) return OPEN_FORGED
      throw error
    }
    if (this.settings.sequenceNumbers) {
      if (!this.window.isFresh(sequence)) return OPEN_REPLAYED
      this.window.accept(sequence)
    }
    this.plainStart = r.at
    return length
  }

  rest(): void {
    this.cipher.rest()
    this.window.settle()
  }

  private isAuthentic(datagram: Uint8Array, blocksEnd: number): boolean {
    const hmac = (this.mac as MacKey).compute(datagram, SESSION_ID_SIZE, blocksEnd)
    let difference = 0
    for (let i = blocksEnd; i < datagram.length; i++) difference |= (datagram[i] as number) ^ (hmac[i - blocksEnd] as number)
    return difference === 0
  }
}

/** The key is public, so nothing wears out. */
const DEFAULT_SETTINGS: CbcSettings = { key: DEFAULT_SESSION_KEY, hmacLength: 0, sequenceNumbers: false, packetLimit: Infinity }

/** The cipher of session start-up: the Default Session Key, with a checksum and no sequence numbers. RFC 7425 §4.1. */
export function createDefaultCipher(backend: CryptoBackend): { readonly sealer: PacketSealer; readonly opener: PacketOpener } {
  return { sealer: new CbcSealer(backend, DEFAULT_SETTINGS), opener: new CbcOpener(backend, DEFAULT_SETTINGS) }
}
