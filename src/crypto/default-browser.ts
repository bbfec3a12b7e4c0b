import type { Random } from '../base/random.ts'
import type { CryptoBackend } from './backend.ts'
import { nobleBackend } from './noble.ts'

/** What this platform does best: WebCrypto is asynchronous, which the path of a packet can't be. */
export const defaultBackend: CryptoBackend = nobleBackend

/** Most bytes that `getRandomValues` gives in one call. Web Cryptography API §10.1.1. */
const QUOTA = 65_536

/** The browser's cryptographically strong generator. */
export const systemRandom: Random = {
  fill: (target) => {
    for (let at = 0; at < target.length; at += QUOTA) fillPart(target.subarray(at, at + QUOTA))
    return target
  },
  uint32: () => crypto.getRandomValues(new Uint32Array(1))[0] as number,
}

function fillPart(part: Uint8Array): void {
  crypto.getRandomValues(part as Uint8Array<ArrayBuffer>)
}
