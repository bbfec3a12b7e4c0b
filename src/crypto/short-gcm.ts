import { EMPTY } from '../base/bytes.ts'
import { BLOCK, TAG_LENGTH } from './constants.ts'
import { Ghash, word } from './ghash.ts'

/** Longest text that is dealt with here; from about here on the native cipher is faster. Measured by `benchmarks/crypto.js`. Bytes. */
export const SHORT_TEXT = 192

/** Nonces whose key stream is made at a time, those that differ in their last three bits alone: packet after packet is counted up in them. */
const GROUP = 8
const NONCE_LENGTH = 12
/** Blocks of key stream for the longest text, and the one that masks the tag. */
const MOST_BLOCKS = SHORT_TEXT / BLOCK + 1
const STREAM = MOST_BLOCKS * BLOCK
const WORDS = BLOCK / 4

/** Work space of all, which holds nothing secret from one packet to the next: the nonces are public, and the tag is the packet's own. */
const counters = initialCounters()
const counterWords = new Uint32Array(counters.buffer)
const tag = new Uint8Array(TAG_LENGTH)

function initialCounters(): Uint8Array {
  const blocks = new Uint8Array(GROUP * STREAM)
  for (let i = 0; i < GROUP * MOST_BLOCKS; i++) blocks[i * BLOCK + BLOCK - 1] = (i % MOST_BLOCKS) + 1
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
  /** The key streams of a group, one after the other by the nonces' last three bits; and what the nonces have in common. */
  private streams: Uint8Array = EMPTY
  private group0 = 0
  private group1 = 0
  private group2 = 0

  /** @param encrypt AES with the key over whole blocks, each for itself. What it returns is kept, and what it was given is not. */
  constructor(encrypt: (blocks: Uint8Array) => Uint8Array) {
    this.encrypt = encrypt
    this.ghash = new Ghash(encrypt(new Uint8Array(BLOCK)))
  }

  seal(nonce: Uint8Array, aad: Uint8Array, buffer: Uint8Array, start: number, end: number): void {
    const at = this.keyStream(nonce)
    const { streams } = this
    for (let i = start, k = at + BLOCK; i < end; i++, k++) buffer[i] = (buffer[i] as number) ^ (streams[k] as number)
    this.hash(aad, buffer, start, end)
    this.ghash.write(buffer, end, streams, at)
  }

  open(nonce: Uint8Array, aad: Uint8Array, source: Uint8Array, start: number, end: number, out: Uint8Array): boolean {
    const tagAt = end - TAG_LENGTH
    const at = this.keyStream(nonce)
    const { streams } = this
    this.hash(aad, source, start, tagAt)
    this.ghash.write(tag, 0, streams, at)
    let difference = 0
    for (let i = 0; i < TAG_LENGTH; i++) difference |= (tag[i] as number) ^ (source[tagAt + i] as number)
    if (difference !== 0) return false
    for (let i = start, k = at + BLOCK; i < tagAt; i++, k++) out[i - start] = (source[i] as number) ^ (streams[k] as number)
    return true
  }

  /** @returns Where the nonce's key stream begins in `streams`: its first block masks the tag, the text's follow. */
  private keyStream(nonce: Uint8Array): number {
    const word0 = word(nonce, 0)
    const word1 = word(nonce, 4)
    const last = word(nonce, 8)
    const word2 = last & -GROUP
    if (word0 !== this.group0 || word1 !== this.group1 || word2 !== this.group2 || this.streams === EMPTY) {
      this.group0 = word0
      this.group1 = word1
      this.group2 = word2
      this.streams = this.makeStreams(nonce)
    }
    return (last - word2) * STREAM
  }

  /** One call into native code costs as much as this many blocks. */
  private makeStreams(nonce: Uint8Array): Uint8Array {
    for (let member = 0, at = 0; member < GROUP; member++) {
      for (let k = 0; k < NONCE_LENGTH; k++) counters[at * 4 + k] = nonce[k] as number
      const lastAt = at * 4 + NONCE_LENGTH - 1
      counters[lastAt] = ((nonce[NONCE_LENGTH - 1] as number) & -GROUP) | member
      const word0 = counterWords[at] as number
      const word1 = counterWords[at + 1] as number
      const word2 = counterWords[at + 2] as number
      for (let block = 1; block < MOST_BLOCKS; block++) {
        at += WORDS
        counterWords[at] = word0
        counterWords[at + 1] = word1
        counterWords[at + 2] = word2
      }
      at += WORDS
    }
    return this.encrypt(counters)
  }

  private hash(aad: Uint8Array, bytes: Uint8Array, start: number, end: number): void {
    const { ghash } = this
    ghash.reset()
    ghash.update(aad, 0, aad.length)
    ghash.update(bytes, start, end)
    ghash.lengths(aad.length, end - start)
  }
}
