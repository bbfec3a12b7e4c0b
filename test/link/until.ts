import { setImmediate as nextTurn } from 'node:timers/promises'

/** Lets the process take what comes in until the condition holds. @throws after far more turns than any test of one machine needs */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > MAX_TURNS) throw new Error('the condition did not come true')
    await nextTurn()
  }
}

const MAX_TURNS = 2_000_000
