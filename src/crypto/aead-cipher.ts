import { EMPTY, concat, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { AltostratusError } from '../base/errors.ts'
import { SESSION_ID_SIZE, readSessionId, writeSessionId } from '../wire/session-id.ts'
import type { AeadCipher, CryptoBackend } from './backend.ts'
import {
  FORGERIES_PER_SESSION,
  PACKETS_PER_KEY,
  PACKETS_PER_SESSION,
  PACKET_NUMBER_LENGTH,
  SUITE_AES_GCM,
  TAG_LENGTH,
} from './constants.ts'
import { OPEN_FORGED, OPEN_MALFORMED, OPEN_REPLAYED } from './packet-cipher.ts'
import type { PacketOpener, PacketSealer } from './packet-cipher.ts'
import { ReplayWindow } from './replay-window.ts'

/** One direction's secret, from which its keys come. `docs/protocol.md`, "Key schedule". */
export interface AeadSettings {
  readonly suite: number
  /** 32 bytes of HKDF output. */
  readonly secret: Uint8Array
  /** Packets until the next key; {@link PACKETS_PER_KEY} by default. Both ends must have the same. */
  readonly packetsPerKey?: number
  /** Number of the first packet; 0 by default. Both ends must have the same. */
  readonly firstPacket?: number
}

const NONCE_LENGTH = 12
const PAYLOAD_AT = SESSION_ID_SIZE + PACKET_NUMBER_LENGTH
const WRAP = 0x1_0000_0000

/** Work space of all directions, which holds nothing from one packet to the next. */
const nonce = new Uint8Array(NONCE_LENGTH)
const aad = new Uint8Array(SESSION_ID_SIZE)

/** The key and nonce mask for one run of packet numbers; a fresh pair for each {@link PACKETS_PER_KEY}, so no key wears out. */
class KeyEpoch {
  readonly number: number
  readonly cipher: AeadCipher
  /** The nonce mask's three words: as numbers they take a tenth of what an array of 12 bytes does. */
  private readonly mask0: number
  private readonly mask1: number
  private readonly mask2: number

  constructor(backend: CryptoBackend, suite: number, secret: Uint8Array, number: number) {
    this.number = number
    const keyLength = suite === SUITE_AES_GCM ? 16 : 32
    const info = concat(utf8('altostratus 1 packets'), Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number))
    const output = backend.hkdfSha256(secret, EMPTY)(info, keyLength + NONCE_LENGTH)
    const key = output.slice(0, keyLength)
    this.cipher = suite === SUITE_AES_GCM ? backend.aesGcm(key) : backend.chacha20Poly1305(key)
    this.mask0 = wordOf(output, keyLength)
    this.mask1 = wordOf(output, keyLength + 4)
    this.mask2 = wordOf(output, keyLength + 8)
  }

  /** The mask with the packet number, 64 bits wide, XORed into its end. Valid until the next call. */
  nonceFor(packetNumber: number): Uint8Array {
    putWord(nonce, 0, this.mask0)
    putWord(nonce, 4, this.mask1 ^ Math.floor(packetNumber / WRAP))
    putWord(nonce, 8, this.mask2 ^ (packetNumber % WRAP))
    return nonce
  }
}

/** The epochs in use: one, and around a change the one before or after it. */
class KeyEpochs {
  readonly packetsPerKey: number
  private readonly backend: CryptoBackend
  private readonly suite: number
  /** In hexadecimal: the next key is far off, and an array takes three times as much. */
  private readonly secret: string
  private current: KeyEpoch
  private other: KeyEpoch | undefined = undefined

  constructor(backend: CryptoBackend, settings: AeadSettings) {
    this.backend = backend
    this.suite = settings.suite
    this.secret = toHex(settings.secret)
    this.packetsPerKey = settings.packetsPerKey ?? PACKETS_PER_KEY
    this.current = this.make(Math.floor((settings.firstPacket ?? 0) / this.packetsPerKey))
  }

  for(packetNumber: number): KeyEpoch {
    const number = Math.floor(packetNumber / this.packetsPerKey)
    if (number === this.current.number) return this.current
    if (this.other === undefined || number !== this.other.number) this.other = this.make(number)
    const found = this.other
    if (found.number > this.current.number) {
      this.other = this.current
      this.current = found
    }
    return found
  }

  rest(): void {
    this.other = undefined
    this.current.cipher.rest()
  }

  private make(number: number): KeyEpoch {
    return new KeyEpoch(this.backend, this.suite, fromHex(this.secret), number)
  }
}

function wordOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}

/** Seals with an AEAD suite: packet number, ciphertext, tag; the receiver's session ID is authenticated with it. */
export class AeadSealer implements PacketSealer {
  readonly headroom: number = PAYLOAD_AT
  readonly tailroom: number = TAG_LENGTH
  private readonly epochs: KeyEpochs
  private next: number

  constructor(backend: CryptoBackend, settings: AeadSettings) {
    this.epochs = new KeyEpochs(backend, settings)
    this.next = settings.firstPacket ?? 0
  }

  seal(buffer: Uint8Array, plainEnd: number, sessionId: number): number {
    const number = this.next
    if (number >= PACKETS_PER_SESSION) throw new AltostratusError('KEY_WORN_OUT', 'Packet numbers are used up.')
    this.next = number + 1
    putWord(buffer, SESSION_ID_SIZE, number % WRAP)
    putWord(aad, 0, sessionId)
    const epoch = this.epochs.for(number)
    epoch.cipher.seal(epoch.nonceFor(number), aad, buffer, PAYLOAD_AT, plainEnd)
    const end = plainEnd + TAG_LENGTH
    writeSessionId(buffer, sessionId, end)
    return end
  }

  rest(): void {
    this.epochs.rest()
  }
}

/** Opens what {@link AeadSealer} sealed. */
export class AeadOpener implements PacketOpener {
  readonly plainStart: number = 0
  private readonly epochs: KeyEpochs
  private readonly window = new ReplayWindow()
  private forgeries = 0

  constructor(backend: CryptoBackend, settings: AeadSettings) {
    this.epochs = new KeyEpochs(backend, settings)
    this.window.highest = (settings.firstPacket ?? 0) - 1
  }

  get sentCount(): number {
    return this.window.highest + 1
  }

  open(datagram: Uint8Array, out: Uint8Array): number {
    const length = datagram.length - PAYLOAD_AT - TAG_LENGTH
    if (length < 0) return OPEN_MALFORMED
    const number = this.restore(datagram)
    if (!this.window.isFresh(number)) return OPEN_REPLAYED
    // A leap over a whole key's packets is no network's doing, and would cost a key derivation to refute.
    if (number > this.window.highest + this.epochs.packetsPerKey) return OPEN_FORGED
    putWord(aad, 0, readSessionId(datagram))
    const epoch = this.epochs.for(number)
    const isAuthentic = epoch.cipher.open(epoch.nonceFor(number), aad, datagram, PAYLOAD_AT, datagram.length, out)
    if (!isAuthentic) this.forgeries++
    if (!isAuthentic || this.forgeries > FORGERIES_PER_SESSION) return OPEN_FORGED
    this.window.accept(number)
    return length
  }

  rest(): void {
    this.epochs.rest()
    this.window.settle()
  }

  /** The number nearest to the highest one seen that has the low 32 bits on the wire. */
  private restore(datagram: Uint8Array): number {
    const low = wordOf(datagram, SESSION_ID_SIZE) >>> 0
    const expected = this.window.highest + 1
    const number = expected - (expected % WRAP) + low
    if (number > expected + WRAP / 2 && number >= WRAP) return number - WRAP
    if (number < expected - WRAP / 2) return number + WRAP
    return number
  }
}
