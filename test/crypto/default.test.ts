import { describe, expect, test } from '@jest/globals'
import { toHex } from '../../src/base/bytes.ts'
import { randomBytes } from '../../src/base/random.ts'
import * as browser from '../../src/crypto/default-browser.ts'
import * as node from '../../src/crypto/default-node.ts'
import { createIdentity } from '../../src/crypto/identity.ts'

/** More than `getRandomValues` gives at once. */
const MUCH = 200_000

describe.each([
  ['node', node],
  ['browser', browser],
] as const)("the platform's own: %s", (name, { defaultBackend, systemRandom }) => {
  test('backend', () => {
    expect(defaultBackend.name).toBe(name === 'node' ? 'node' : 'noble')
    const identity = createIdentity({ backend: defaultBackend, random: systemRandom })
    expect(identity.peerId).toMatch(/^[0-9a-f]{64}$/)
  })

  test('random bytes, as many as are asked for, none left out', () => {
    const bytes = randomBytes(systemRandom, MUCH)
    expect(bytes.length).toBe(MUCH)
    // 32 zeros in a row would be bytes that nobody filled.
    expect(toHex(bytes)).not.toContain('00'.repeat(32))
    expect(systemRandom.fill(new Uint8Array(0)).length).toBe(0)
    const part = new Uint8Array(64)
    systemRandom.fill(part.subarray(0, 32))
    expect(toHex(part.subarray(32))).toBe('00'.repeat(32))
  })

  test('random words of 32 bits, in every range, hardly ever twice', () => {
    const words = Array.from({ length: 2_000 }, () => systemRandom.uint32())
    expect(words.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(true)
    expect(new Set(words).size).toBeGreaterThan(1_990)
    for (const half of [words.filter((word) => word < 2 ** 31), words.filter((word) => word >= 2 ** 31)]) {
      expect(half.length).toBeGreaterThan(700)
    }
  })
})
