import { readFileSync } from 'node:fs'
import { fromHex } from '../../src/base/bytes.ts'

const LINE = /^ {4}(\S.*?) += ([0-9a-f]+)$/

/** The test vectors of a page: one map for each block of `name = hex` lines. @param page Its path in the repository. */
export function readVectors(page: string): Map<string, Uint8Array>[] {
  const found: Map<string, Uint8Array>[] = []
  let block: Map<string, Uint8Array> | undefined
  for (const line of readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8').split('\n')) {
    const match = LINE.exec(line)
    if (match === null) {
      block = undefined
      continue
    }
    if (block === undefined) found.push((block = new Map()))
    block.set(match[1] as string, fromHex(match[2] as string))
  }
  return found
}
