import { randomFillSync } from 'node:crypto'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from './backend.ts'
import { nodeBackend } from './node.ts'

/** What this platform does best. */
export const defaultBackend: CryptoBackend = nodeBackend

/** Words drawn at once: a call of the system's generator costs more than the bytes. */
const POOL_WORDS = 256
const pool = new Uint32Array(POOL_WORDS)
let poolAt = POOL_WORDS

/** Node's cryptographically strong generator. */
export const systemRandom: Random = {
  fill: (target) => randomFillSync(target),
  uint32: () => {
    if (poolAt === POOL_WORDS) {
      randomFillSync(pool)
      poolAt = 0
    }
    const word = pool[poolAt] as number
    // What has been handed out is not kept.
    pool[poolAt++] = 0
    return word
  },
}
