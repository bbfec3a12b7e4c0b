/**
 * Whether memory grows with what is received, and what the protocol's own work costs: two endpoints in one process, a million packets from one to
 * the other, no sockets; then as many with a cipher that does nothing.
 *
 *   node --expose-gc scripts/run.js benchmarks/allocation.js [--packets N]
 *
 * Fails when the heap has grown by 5 MB or more; says what each packet allocates for the collector, on both sides together.
 */
import { Address, Endpoint, createIdentity, defaultBackend, fingerprintEpd, systemRandom } from '../dist/entry/rtmfp.js'

const args = process.argv.slice(2)
const PACKETS = args.includes('--packets') ? Number(args[args.indexOf('--packets') + 1]) : 1_000_000
/** Received before counting begins, until compiled code and queues have their size. */
const WARM_UP = 50_000
const LIMIT = 5_000_000
/** Of the packets; the median of what they cost is told, for what else the machine does spoils some. */
const PARTS = 20
const SIZES = [64, 1_200]
/** Of AES-GCM. Bytes. */
const TAG_LENGTH = 16
/** Between two turns, milliseconds of the endpoints' clock. */
const STEP = 0.1

if (!(PACKETS > 0)) throw new Error('--packets takes a number above 0')
if (globalThis.gc === undefined) throw new Error('start it with node --expose-gc')
let failed = false
const BACKENDS = { 'AES-128-GCM': defaultBackend, 'no cipher': { ...defaultBackend, aesGcm: withoutCipher } }
for (const [name, backend] of Object.entries(BACKENDS)) {
  for (const size of SIZES) {
    const { growth, messages, allocated, cpu } = measure(size, backend)
    failed ||= growth >= LIMIT
    console.log(
      `${name}: ${PACKETS} packets with ${messages} messages of ${size} bytes: heap growth ${(growth / 1e6).toFixed(2)} MB, ` +
        `${allocated.toFixed(0)} bytes allocated and ${cpu.toFixed(2)} µs a packet, both sides`,
    )
  }
}
process.exit(failed ? 1 : 0)

function measure(size, backend) {
  const parts = { backend, random: systemRandom }
  const near = { endpoint: new Endpoint({ ...parts, identity: createIdentity(parts) }), address: Address.parse('192.0.2.1:1') }
  const far = { endpoint: new Endpoint({ ...parts, identity: createIdentity(parts) }), address: Address.parse('192.0.2.2:2') }
  let now = 0
  let packets = 0
  let messages = 0
  const turn = (from, to) => {
    for (;;) {
      const { kind, datagram, event } = from.endpoint.poll(now)
      if (kind === 3) return
      if (kind === 1) {
        if (from === near) packets++
        to.endpoint.receive(datagram, from.address, now)
      } else if (event.type === 'message') messages++
    }
  }
  const exchange = () => {
    turn(near, far)
    turn(far, near)
    now += STEP
  }
  const session = near.endpoint.open({ epd: fingerprintEpd(far.endpoint.identity.fingerprint), candidates: [far.address] }, now)
  while (session.state !== 'open') exchange()
  const flow = session.openFlow({ metadata: Uint8Array.of(1), maxQueuedBytes: 65_536 })
  const message = new Uint8Array(size)
  let allocated = 0
  let last = 0
  const receive = (count, counts) => {
    for (const until = packets + count; packets < until;) {
      while (flow.write(message, now));
      exchange()
      if (!counts) continue
      const used = process.memoryUsage().heapUsed
      if (used > last) allocated += used - last
      last = used
    }
  }
  receive(WARM_UP, false)
  const before = heap()
  const messagesBefore = messages
  const times = []
  for (let i = 0; i < PARTS; i++) {
    const start = process.cpuUsage()
    receive(PACKETS / PARTS, false)
    const { user, system } = process.cpuUsage(start)
    times.push((user + system) / (PACKETS / PARTS))
  }
  const result = { growth: heap() - before, messages: messages - messagesBefore, cpu: times.sort((a, b) => a - b)[PARTS / 2] }
  last = process.memoryUsage().heapUsed
  receive(WARM_UP, true)
  return { ...result, allocated: allocated / WARM_UP }
}

/** So that what is left is the work of the protocol. */
function withoutCipher() {
  return {
    seal() {},
    open(_nonce, _aad, source, start, end, out) {
      out.set(source.subarray(start, end - TAG_LENGTH))
      return true
    },
    rest() {},
  }
}

/** What is held after a thorough collection, on the heap and for it outside. Bytes. */
function heap() {
  for (let i = 0; i < 4; i++) globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
