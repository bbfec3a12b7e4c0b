import { utf8 } from '../../src/base/bytes.ts'
import { seededRandom } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { Driver } from '../../src/link/driver.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { SimulatedNetwork } from '../../src/link/simulated.ts'
import { Endpoint } from '../../src/rtmfp/endpoint.ts'
import type { EndpointEvent, Session } from '../../src/rtmfp/session.ts'

/** How a voice-like stream and a bulk transfer that share a session and a narrow link fare. */
export interface VoiceOutcome {
  /** Delay of each voice message beyond what an empty link takes, milliseconds, in ascending order. */
  readonly delays: readonly number[]
  /** Share of the link's capacity, less the voice, that the bulk transfer got. */
  readonly bulkShare: number
  readonly voiceSent: number
}

export interface VoiceOptions {
  readonly seed: number
  /** Bits per second. */
  readonly bandwidth: number
  /** Round trip of the empty link, milliseconds. */
  readonly rtt: number
  /** Queue in front of the link, in units of bandwidth times round trip. */
  readonly queue: number
  readonly seconds: number
  readonly voice?: boolean
}

const VOICE_INTERVAL = 20
const VOICE_BYTES = 100
const BULK_BYTES = 100_000
/** Time that the transfer has to find its rate, milliseconds. */
const WARM_UP = 5_000

/** Runs both for a time in virtual time. */
export function runVoice({ seed, bandwidth, rtt, queue, seconds, voice = true }: VoiceOptions): VoiceOutcome {
  const clock = new SimulatedClock()
  const bytes = (bandwidth * rtt) / 8_000
  const network = new SimulatedNetwork({ seed, clock, conditions: { latency: rtt / 2, bandwidth, queue: Math.round(bytes * queue) } })
  const links = [network.createLink(), network.createLink()] as const
  const delays: number[] = []
  let bulkBytes = 0
  let measuring = false
  const random = seededRandom(seed)
  const drivers = links.map((link, i) => {
    const identity = createIdentity({ backend: nodeBackend, random })
    const onEvent = (event: EndpointEvent): void => {
      if (i === 0 || event.type !== 'message' || !measuring) return
      if (event.flow.metadata[0] === 'v'.charCodeAt(0))
        delays.push(clock.now() - new DataView(event.data.buffer, event.data.byteOffset).getFloat64(0))
      else bulkBytes += event.data.length
    }
    return new Driver({ endpoint: new Endpoint({ identity, backend: nodeBackend, random }), link, clock, onEvent })
  }) as unknown as readonly [Driver, Driver]
  const [near, far] = drivers
  const session: Session = near.endpoint.open(
    { epd: fingerprintEpd(far.endpoint.identity.fingerprint), candidates: [links[1].address] },
    clock.now(),
  )
  near.kick()
  clock.run(1_000)
  const talk = session.openFlow({ metadata: utf8('v'), priority: 7, timeCritical: true, retransmit: false })
  const bulk = session.openFlow({ metadata: utf8('b'), priority: 1 })
  let voiceSent = 0
  const end = clock.now() + WARM_UP + seconds * 1_000
  const begin = clock.now() + WARM_UP
  while (clock.now() < end) {
    measuring = clock.now() >= begin
    while (bulk.queuedBytes < 400_000) bulk.write(new Uint8Array(BULK_BYTES / 20), clock.now())
    if (voice) {
      const message = new Uint8Array(VOICE_BYTES)
      new DataView(message.buffer).setFloat64(0, clock.now())
      talk.write(message, clock.now())
      if (measuring) voiceSent++
    }
    near.kick()
    clock.run(VOICE_INTERVAL)
  }
  const empty = rtt / 2 + ((VOICE_BYTES + 50) * 8_000) / bandwidth
  const capacity = (bandwidth / 8) * seconds - (voice ? seconds * 50 * (VOICE_BYTES + 50) : 0)
  return { delays: delays.map((delay) => delay - empty).sort((a, b) => a - b), bulkShare: bulkBytes / capacity, voiceSent }
}
