import { utf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { Driver } from '../../src/link/driver.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { Endpoint } from '../../src/rtmfp/endpoint.ts'
import type { EndpointEvent } from '../../src/rtmfp/session.ts'
import type { CongestionAlgorithm } from '../../src/rtmfp/session/controllers.ts'
import { Bottleneck, BottleneckLink } from './bottleneck.ts'
import type { BottleneckOptions } from './bottleneck.ts'
import { TcpModel } from './tcp-model.ts'
import type { TcpKind } from './tcp-model.ts'

/** Who sends as much as can be sent. */
export type Sender = CongestionAlgorithm | TcpKind

export interface CongestionOptions extends BottleneckOptions {
  readonly senders: readonly Sender[]
  /** Time that is measured, seconds, and time before that. */
  readonly seconds: number
  readonly warmUp: number
  /** How much later each sender begins than the one before, milliseconds. */
  readonly stagger?: number
  /** When each ends, milliseconds; never unless told. Models of TCP only. */
  readonly until?: readonly number[]
}

/** What came of it. */
export interface CongestionOutcome {
  /** What each sender got, share of the line. */
  readonly shares: readonly number[]
  /** Mean and 99th percentile of the time that packets waited, milliseconds. */
  readonly meanDelay: number
  readonly p99Delay: number
  /** Share of packets that found no room in the queue. */
  readonly overflow: number
}

const MESSAGE = 16_000
const REFILL_INTERVAL = 10
/** Larger than any window of the matrix, so that nothing else holds a sender back. */
const BUFFER = 32 * 1_048_576

/** Jain's index of fairness: 1 when all have the same, 1/n when one has it all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0))
}

/** Bulk senders on one line, in virtual time. */
export function runCongestion(options: CongestionOptions): CongestionOutcome {
  const { senders, seconds, warmUp, stagger = 0, seed, until } = options
  const clock = new SimulatedClock()
  const line = new Bottleneck(clock, options)
  const flows = senders.map((sender, i) => {
    const begin = (): (() => number) => (isTcp(sender) ? startTcp(line, sender, until?.[i]) : startSession(line, sender, seed * 100 + i))
    let delivered: () => number = () => 0
    clock.at(i * stagger, () => {
      delivered = begin()
    })
    return () => delivered()
  })
  clock.run(warmUp * 1_000)
  line.reset()
  const before = flows.map((delivered) => delivered())
  clock.run(seconds * 1_000)
  const waits = line.waits.sort((a, b) => a - b)
  return {
    shares: flows.map((delivered, i) => (delivered() - before[i]!) / (line.rate * seconds * 1_000)),
    meanDelay: waits.reduce((sum, wait) => sum + wait, 0) / Math.max(1, waits.length),
    p99Delay: waits[Math.floor(waits.length * 0.99)] ?? 0,
    overflow: line.overflowed / Math.max(1, line.offered),
  }
}

function isTcp(sender: Sender): sender is TcpKind {
  return sender === 'reno' || sender === 'cubic'
}

function startTcp(line: Bottleneck, kind: TcpKind, until = Infinity): () => number {
  const model = new TcpModel(line, kind)
  model.start()
  line.clock.at(until, () => model.stop())
  return () => model.delivered
}

/** A session that sends without end. @returns How many bytes have been delivered. */
function startSession(line: Bottleneck, congestion: CongestionAlgorithm, seed: number): () => number {
  const { clock } = line
  const random = seededRandom(seed)
  const links = BottleneckLink.pair(line)
  let delivered = 0
  const [near, far] = links.map((link, i) => {
    const onEvent = (event: EndpointEvent): void => {
      if (event.type === 'flow-open') event.flow.bufferCapacity = BUFFER
      if (event.type === 'message') delivered += event.data.length
      if (event.type === 'session-open' && i === 0) send(event.session)
    }
    const identity = createIdentity({ backend: nodeBackend, random })
    const endpoint = new Endpoint({ identity, backend: nodeBackend, random, congestion, deadAfter: 60_000 })
    return new Driver({ endpoint, link, clock, onEvent })
  }) as [Driver, Driver]
  const send = (session: (EndpointEvent & { type: 'session-open' })['session']): void => {
    const flow = session.openFlow({ metadata: utf8('bulk'), maxQueuedBytes: BUFFER })
    const message = new Uint8Array(MESSAGE)
    const refill = (): void => {
      const wanted = Math.min(BUFFER - MESSAGE, session.congestionWindow * 2 + 4 * line.rate * REFILL_INTERVAL + MESSAGE)
      while (flow.queuedBytes < wanted) flow.write(message, clock.now())
      near.kick()
      clock.at(clock.now() + REFILL_INTERVAL, refill)
    }
    refill()
  }
  near.endpoint.open({ epd: fingerprintEpd(far.endpoint.identity.fingerprint), candidates: [links[1].address] }, clock.now())
  near.kick()
  return () => delivered
}
