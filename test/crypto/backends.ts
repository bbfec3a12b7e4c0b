import type { CryptoBackend } from '../../src/crypto/backend.ts'
import { nobleBackend } from '../../src/crypto/noble.ts'
import { nodeBackend } from '../../src/crypto/node.ts'

/** Every backend passes the same tests. */
export const BACKENDS: readonly CryptoBackend[] = [nobleBackend, nodeBackend]

/** Every ordered pair of backends, by name. */
export const PAIRS: readonly { readonly names: string; readonly near: CryptoBackend; readonly far: CryptoBackend }[] = BACKENDS.flatMap(
  (near) => BACKENDS.map((far) => ({ names: `${near.name} and ${far.name}`, near, far })),
)
