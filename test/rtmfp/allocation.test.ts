import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'
import { World } from './world.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is held after a thorough collection, on the heap and for it outside. Bytes. */
function held(): number {
  for (let i = 0; i < 3; i++) collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

// benchmarks/allocation.js does the same with a million packets.
test('memory does not grow with what is received: less than 5 MB for a million packets', () => {
  const world = new World(71, { latency: 1 })
  const [a, b] = [world.add(), world.add()]
  const session = world.connect(a, b)
  world.run(100)
  const flow = session.openFlow({ metadata: Uint8Array.of(1), maxQueuedBytes: 65_536 })
  const message = new Uint8Array(1_200)
  let messages = 0
  b.onEvent = (event) => {
    if (event.type === 'message') messages++
  }
  const receive = (count: number): void => {
    for (const until = messages + count; messages < until;) {
      while (flow.write(message, world.now));
      world.run(10)
      a.events.length = 0
      b.events.length = 0
    }
  }
  receive(4_000)
  const before = held()
  const received = b.endpoint.stats.datagramsReceived
  receive(8_000)
  const packets = b.endpoint.stats.datagramsReceived - received
  expect(packets).toBeGreaterThanOrEqual(8_000)
  // Code that was compiled meanwhile, and what the test's own queues hold.
  const slack = 500_000
  expect(held() - before).toBeLessThan(5 * packets + slack)
})
