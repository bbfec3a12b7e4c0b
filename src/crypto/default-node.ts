import { randomFillSync } from 'node:crypto'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from './backend.ts'
import { nodeBackend } from './node.ts'

/** What this platform does best. */
export const defaultBackend: CryptoBackend = nodeBackend

/** Drawn at once: a call of the system's generator costs more than the bytes. */
const POOL_WORDS = 1_024
const WORD = 4
const pool = new Uint32Array(POOL_WORDS)
const poolBytes = new Uint8Array(pool.buffer)
let poolAt = POOL_WORDS

/** Node's cryptographically strong generator. */
export const systemRandom: Random = {
  fill: (target) => {
    const words = Math.ceil(target.length / WORD)
    if (words > POOL_WORDS / 2) return randomFillSync(target)
    const start = draw(words) * WORD
    target.set(poolBytes.subarray(start, start + target.length))
    pool.fill(0, start / WORD, poolAt)
    return target
  },
  uint32: () => {
    const at = draw(1)
    const word = pool[at] as number
    pool[at] = 0
    return word
  },
}

/** So many words of the pool, which the caller overwrites: what has been handed out is not kept. @returns The first one's place. */
function draw(words: number): number {
  if (poolAt + words > POOL_WORDS) {
    randomFillSync(pool)
    poolAt = 0
  }
  const at = poolAt
  poolAt += words
  return at
}
