import { describe, expect, test } from '@jest/globals'
import { AltostratusError } from '../../src/base/errors.ts'
import { randomBytes } from '../../src/base/random.ts'
import * as browser from '../../src/platform/browser.ts'
import * as node from '../../src/platform/node.ts'

/** Does not compile when the two files do not have the same types: tsc resolves `#platform` to one of them alone. */
const sameForward: typeof node = browser
const sameBackward: typeof browser = node

describe('the two platforms', () => {
  test('export the same names', () => {
    expect(Object.keys(sameForward).sort()).toEqual(Object.keys(sameBackward).sort())
    expect(Object.keys(node).length).toBeGreaterThan(3)
  })

  test.each([
    ['node', node],
    ['browser', browser],
  ])('%s: random bytes fill every length, and differ', (_name, { systemRandom }) => {
    for (const length of [0, 1, 4, 16, 32, 1_024, 1_025, 4_096, 65_536, 65_537, 200_000]) {
      const bytes = randomBytes(systemRandom, length)
      expect(bytes.length).toBe(length)
      if (length >= 16) {
        expect(bytes).not.toEqual(randomBytes(systemRandom, length))
        expect(bytes.subarray(-16).some((byte) => byte !== 0)).toBe(true)
      }
    }
    expect(new Set(Array.from({ length: 2_000 }, () => systemRandom.uint32())).size).toBeGreaterThan(1_990)
  })

  test('a browser says that it has no UDP', async () => {
    await expect(browser.openDatagramLink()).rejects.toMatchObject({ code: 'UDP_UNAVAILABLE' })
    await expect(browser.openDatagramLink()).rejects.toBeInstanceOf(AltostratusError)
  })

  test('Node opens a socket on a free port', async () => {
    const link = await node.openDatagramLink()
    expect(link.kind).toBe('udp')
    await link.close()
  })
})
