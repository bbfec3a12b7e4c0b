import { BLOCK, TAG_LENGTH } from './constants.ts'
import { Ghash } from './ghash.ts'

/** Longest text that is dealt with here; from about here on the native cipher is faster. Measured by `benchmarks/crypto.js`. Bytes. */
export const SHORT_TEXT = 192

const NONCE_LENGTH = 12
/** Blocks of key stream for the longest text, and the one that masks the tag. */
const MOST_BLOCKS = SHORT_TEXT / BLOCK + 1

/** Work space of all, which holds nothing secret from one packet to the next: the nonces are public, and the tag is the packet's own. */
const counters = initialCounters()
const tag = new Uint8Array(TAG_LENGTH)

function initialCounters(): Uint8Array {
  const blocks = new Uint8Array(MOST_BLOCKS * BLOCK)
  for (let i = 0; i < MOST_BLOCKS; i++) blocks[i * BLOCK + BLOCK - 1] = i + 1
  return blocks
}

/**
 * AES-GCM for texts of at most {@link SHORT_TEXT} bytes, from one call of a block cipher that is kept from packet to packet: Node can't set a
 * cipher object's nonce anew, and making one for each packet costs more than a game's message does, and its collection later more again.
 * NIST SP 800-38D §7.
 */
export class ShortGcm {
  private readonly encrypt: (blocks: Uint8Array) => Uint8Array
  private readonly ghash: Ghash

  /** @param encrypt AES with the key over whole blocks, each for itself. What it returns is read before the next call. */
  constructor(encrypt: (blocks: Uint8Array) => Uint8Array) {
    this.encrypt = encrypt
    this.ghash = new Ghash(encrypt(new Uint8Array(BLOCK)))
  }

  seal(nonce: Uint8Array, aad: Uint8Array, buffer: Uint8Array, start: number, end: number): void {
    const stream = this.keyStream(nonce, end - start)
    for (let i = start, k = BLOCK; i < end; i++, k++) buffer[i] = (buffer[i] as number) ^ (stream[k] as number)
    this.hash(aad, buffer, start, end)
    this.ghash.write(buffer, end, stream)
  }

  open(nonce: Uint8Array, aad: Uint8Array, source: Uint8Array, start: number, end: number, out: Uint8Array): boolean {
    const tagAt = end - TAG_LENGTH
    const stream = this.keyStream(nonce, tagAt - start)
    this.hash(aad, source, start, tagAt)
    this.ghash.write(tag, 0, stream)
    let difference = 0
    for (let i = 0; i < TAG_LENGTH; i++) difference |= (tag[i] as number) ^ (source[tagAt + i] as number)
    if (difference !== 0) return false
    for (let i = start, k = BLOCK; i < tagAt; i++, k++) out[i - start] = (source[i] as number) ^ (stream[k] as number)
    return true
  }

  /** The first block masks the tag, the text's follow. */
  private keyStream(nonce: Uint8Array, length: number): Uint8Array {
    const end = (1 + Math.ceil(length / BLOCK)) * BLOCK
    for (let at = 0; at < end; at += BLOCK) for (let k = 0; k < NONCE_LENGTH; k++) counters[at + k] = nonce[k] as number
    return this.encrypt(counters.subarray(0, end))
  }

  private hash(aad: Uint8Array, bytes: Uint8Array, start: number, end: number): void {
    const { ghash } = this
    ghash.reset()
    ghash.update(aad, 0, aad.length)
    ghash.update(bytes, start, end)
    ghash.lengths(aad.length, end - start)
  }
}
