import { connectPair } from './ends/remote.js'
import { BARE, OURS, RIVALS, SUITES } from './suite.js'

/**
 * What a benchmark compares: bare UDP, this SDK in its variants, the rivals in all that they deliver.
 * @returns `{ name, implementation, adapter, options, delivery }` each
 */
export function waysOf({ against, suites = SUITES, deliveries = ['unreliable', 'reliable'], bare = true }) {
  const ways = bare ? [{ name: BARE, implementation: BARE, adapter: BARE, options: {}, delivery: 'unreliable' }] : []
  for (const suite of suites) {
    for (const delivery of deliveries) {
      const name = [OURS, ...(suites.length > 1 ? [suite] : []), delivery].join(' ')
      ways.push({ name, implementation: OURS, adapter: OURS, options: { suite }, delivery })
    }
  }
  for (const rival of against) {
    for (const delivery of deliveries) {
      if (!RIVALS[rival].deliveries.includes(delivery)) continue
      ways.push({ name: `${rival} ${delivery}`, implementation: rival, adapter: rival, options: {}, delivery })
    }
  }
  return ways
}

/**
 * Starts the ends of all ways, one after the other. A rival that does not start is told with the reason and left out; bare UDP and this
 * SDK must start.
 * @returns The ways with their `pair`, and `notRun`.
 */
export async function startWays(ways, { log, ...settings }) {
  const started = []
  const notRun = []
  for (const way of ways) {
    try {
      const lanes = [{ delivery: way.delivery }]
      started.push({
        ...way,
        pair: await connectPair({ adapter: way.adapter, options: way.options, lanes, ...settings, ...settings.of?.(way) }),
      })
    } catch (error) {
      if (way.implementation === BARE || way.implementation === OURS) {
        for (const { pair } of started) pair.stop()
        throw error
      }
      notRun.push({ name: way.name, reason: error.message })
      log(`  ${way.name} not run: ${error.message}`)
    }
  }
  return { started, notRun }
}
