import { connectPair } from './ends/remote.js'
import { BARE, OURS, RIVALS, SUITES } from './suite.js'

/** What each turn of bare UDP gets of a turn of the others: it has three, and next to nothing to compile. */
const BARE_SHARE = 0.4

/**
 * What a benchmark compares: bare UDP, this SDK in its variants, the rivals in all that they deliver.
 * @returns `{ name, implementation, adapter, options, delivery }` each
 */
export function waysOf({ against, suites = SUITES, deliveries = ['unreliable', 'reliable'], bare = true }) {
  const ways = bare ? [{ name: BARE, implementation: BARE, adapter: BARE, options: {}, delivery: 'unreliable' }] : []
  for (const suite of suites) {
    for (const delivery of deliveries) {
      const name = [OURS, ...(suites.length > 1 ? [suite] : []), delivery].join(' ')
      // What few ask for is in the charts, but not shown at first.
      const secondary = suite !== SUITES[0] || undefined
      ways.push({ name, implementation: OURS, adapter: OURS, options: { suite }, delivery, secondary })
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
 * One way after the other, from the start of its ends to their end: processes that wait for others lose what they have in the processor's caches, and some
 * of their memory to the system, and take seconds to be as fast as before. Bare UDP has its turn before, amid and after the others, so that all are
 * compared with the same machine.
 * @param use `(way, pair, milliseconds)`: what is to be done, and the time for it. It may take a little more; then the others get less.
 * @returns The ways that ran, and `notRun`: rivals that did not start, or failed. @throws when bare UDP or this SDK does
 */
export async function inTurn(ways, { log, milliseconds }, use) {
  const [bare, ...others] = ways
  const half = Math.ceil(others.length / 2)
  const turns = [bare, ...others.slice(0, half), bare, ...others.slice(half), bare]
  const until = performance.now() + milliseconds
  const ran = new Set()
  const notRun = []
  const shareOf = (way) => (way === bare ? BARE_SHARE : 1)
  for (const [i, way] of turns.entries()) {
    const left = turns.slice(i).reduce((sum, each) => sum + shareOf(each), 0)
    const end = performance.now() + (Math.max(0, until - performance.now()) * shareOf(way)) / left
    let pair
    try {
      pair = await startWay(way)
      await use(way, pair, end - performance.now())
      ran.add(way)
      log(`  ${way.name}`)
    } catch (error) {
      notRun.push(reasonOf(way, error, log))
    } finally {
      pair?.stop()
    }
  }
  return { ran: [...ran], notRun }
}

function startWay({ adapter, options, delivery, lanes = [{ delivery }], middle }, settings = {}) {
  return connectPair({ adapter, options, lanes, middle, ...settings })
}

/** Tells that a rival does not run. @returns What stands in the result of that. @throws the error, when it is bare UDP or this SDK that does not */
function reasonOf({ name, implementation }, error, log) {
  if (implementation === BARE || implementation === OURS) throw error
  log(`  ${name} not run: ${error.message}`)
  return { name, reason: error.message }
}

/**
 * Starts the ends of all ways, one after the other. A rival that does not start is told with the reason and left out; bare UDP and this
 * SDK must start.
 * @param settings `(way, i)`: what else `connectPair` is to know of it.
 * @returns The ways with their `pair` and their place among those given, `index`; and `notRun`.
 */
export async function startWays(ways, { log, settings = () => ({}) }) {
  const started = []
  const notRun = []
  try {
    for (const [index, way] of ways.entries()) {
      try {
        started.push({ ...way, index, pair: await startWay(way, settings(way, index)) })
      } catch (error) {
        notRun.push(reasonOf(way, error, log))
      }
    }
  } catch (error) {
    for (const { pair } of started) pair.stop()
    throw error
  }
  return { started, notRun }
}
