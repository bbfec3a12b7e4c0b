import { utf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import type { BurstLoss } from '../../src/link/conditions.ts'
import { HEADERS } from '../../src/link/constants.ts'
import { Driver } from '../../src/link/driver.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { SimulatedNetwork } from '../../src/link/simulated.ts'
import { Endpoint } from '../../src/rtmfp/endpoint.ts'
import type { EndpointEvent } from '../../src/rtmfp/session.ts'

/** A stream of small messages at a steady rate, and the path that it takes. */
export interface SparseOptions {
  readonly seed: number
  readonly seconds: number
  /** Share of datagrams lost, each direction. */
  readonly loss?: number
  readonly bursts?: BurstLoss
  /** One way, milliseconds; 25 unless told. */
  readonly latency?: number
  readonly jitter?: number
  /** Messages a second; 60 unless told. */
  readonly rate?: number
  /** Bytes of a message; 100 unless told. */
  readonly size?: number
  /** Whether lost ones are sent again; they are unless told. */
  readonly retransmit?: boolean
}

/** How the stream fared. */
export interface SparseOutcome {
  /** From write to delivery, milliseconds, in ascending order. */
  readonly delays: readonly number[]
  readonly sent: number
  /** Bytes on the line from the sender, IP and UDP headers included. */
  readonly dataBytes: number
  /** The same from the receiver, all of it acknowledgements. */
  readonly ackBytes: number
}

/** Paths to try the stream on. A burst takes half of four datagrams on average. */
export const SPARSE_LINKS: readonly (readonly [string, Partial<SparseOptions>])[] = [
  ['none', {}],
  ['1 %', { loss: 0.01 }],
  ['2 %', { loss: 0.02 }],
  ['5 %', { loss: 0.05 }],
  ['in bursts', { bursts: { begin: 0.01, end: 0.25, loss: 0.5 } }],
]

/** Time before the measurement in which the stream already runs, milliseconds. */
const WARM_UP = 15_000

/** Runs such a stream for a time in virtual time. */
export function runSparse(options: SparseOptions): SparseOutcome {
  const { seed, seconds, loss = 0, bursts, latency = 25, jitter = 0, rate = 60, size = 100, retransmit = true } = options
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ seed, clock, conditions: { latency } })
  const random = seededRandom(seed)
  const delays: number[] = []
  const bytes = [0, 0]
  let begin = Infinity
  const links = [network.createLink(), network.createLink()] as const
  const [near, far] = links.map((link, i) => {
    const send = link.send.bind(link)
    link.send = (datagram, to) => {
      if (clock.now() >= begin) bytes[i]! += datagram.length + HEADERS
      send(datagram, to)
    }
    const identity = createIdentity({ backend: nodeBackend, random })
    const onEvent = (event: EndpointEvent): void => {
      if (event.type === 'flow-open') event.flow.delivery = retransmit ? 'ordered' : 'arrival'
      if (event.type !== 'message') return
      const at = new DataView(event.data.buffer, event.data.byteOffset).getFloat64(0)
      if (at >= begin) delays.push(clock.now() - at)
    }
    return new Driver({ endpoint: new Endpoint({ identity, backend: nodeBackend, random }), link, clock, onEvent })
  }) as [Driver, Driver]
  const epd = fingerprintEpd(far.endpoint.identity.fingerprint)
  const session = near.endpoint.open({ epd, candidates: [links[1].address] }, clock.now())
  near.kick()
  clock.run(1_000)
  network.conditions = { ...network.conditions, loss, bursts, jitter }
  const flow = session.openFlow({ metadata: utf8('s'), retransmit })
  const start = clock.now()
  let sent = 0
  const write = (n: number): void => {
    const message = new Uint8Array(size)
    new DataView(message.buffer).setFloat64(0, clock.now())
    flow.write(message, clock.now())
    near.kick()
    clock.runUntil(start + (n * 1_000) / rate)
  }
  let n = 0
  while (n < (WARM_UP / 1_000) * rate) write(++n)
  begin = clock.now()
  for (; sent < seconds * rate; sent++) write(++n)
  const [dataBytes, ackBytes] = bytes as [number, number]
  clock.run(2_000)
  return { delays: delays.sort((a, b) => a - b), sent, dataBytes, ackBytes }
}
