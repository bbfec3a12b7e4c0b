import type { AeadCipher } from './backend.ts'
import { BLOCK, TAG_LENGTH } from './constants.ts'
import { Ghash } from './ghash.ts'

/** Longest text that is dealt with here; from about here on the native cipher is faster. Measured by `benchmarks/crypto.js`. Bytes. */
export const SHORT_TEXT = 192

const NONCE_LENGTH = 12
/** Blocks of key stream for the longest text, and the one that masks the tag. */
const MOST_BLOCKS = SHORT_TEXT / BLOCK + 1

/**
 * AES-GCM for texts of at most {@link SHORT_TEXT} bytes, from one call of a block cipher that is kept for the whole session: Node can't set a
 * cipher object's nonce anew, and making one for each packet costs more than a game's message does, and its collection later more again.
 * NIST SP 800-38D §7.
 * @param encrypt AES with the key over whole blocks, each for itself. What it returns is read before the next call.
 */
export function shortGcm(encrypt: (blocks: Uint8Array) => Uint8Array): AeadCipher {
  const ghash = new Ghash(encrypt(new Uint8Array(BLOCK)))
  const counters = new Uint8Array(MOST_BLOCKS * BLOCK)
  for (let i = 0; i < MOST_BLOCKS; i++) counters[i * BLOCK + BLOCK - 1] = i + 1
  const tag = new Uint8Array(TAG_LENGTH)

  /** The first block masks the tag, the text's follow. */
  function keyStream(nonce: Uint8Array, length: number): Uint8Array {
    const end = (1 + Math.ceil(length / BLOCK)) * BLOCK
    for (let at = 0; at < end; at += BLOCK) for (let k = 0; k < NONCE_LENGTH; k++) counters[at + k] = nonce[k] as number
    return encrypt(counters.subarray(0, end))
  }

  function hash(aad: Uint8Array, bytes: Uint8Array, start: number, end: number): void {
    ghash.reset()
    ghash.update(aad, 0, aad.length)
    ghash.update(bytes, start, end)
    ghash.lengths(aad.length, end - start)
  }

  return {
    seal(nonce, aad, buffer, start, end) {
      const stream = keyStream(nonce, end - start)
      for (let i = start, k = BLOCK; i < end; i++, k++) buffer[i] = (buffer[i] as number) ^ (stream[k] as number)
      hash(aad, buffer, start, end)
      ghash.write(buffer, end, stream)
    },
    open(nonce, aad, source, start, end, out) {
      const tagAt = end - TAG_LENGTH
      const stream = keyStream(nonce, tagAt - start)
      hash(aad, source, start, tagAt)
      ghash.write(tag, 0, stream)
      let difference = 0
      for (let i = 0; i < TAG_LENGTH; i++) difference |= (tag[i] as number) ^ (source[tagAt + i] as number)
      if (difference !== 0) return false
      for (let i = start, k = BLOCK; i < tagAt; i++, k++) out[i - start] = (source[i] as number) ^ (stream[k] as number)
      return true
    },
  }
}
