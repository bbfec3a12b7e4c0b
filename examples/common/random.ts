/** One step of the generator known as mulberry32. @returns A number from 0 up to 1, and the next state. */
export function nextRandom(seed: number): [value: number, seed: number] {
  const state = (seed + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return [((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32, state]
}
