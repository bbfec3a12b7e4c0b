/**
 * Whether memory grows with what is received: two endpoints in one process, a million packets from one to the other, no sockets.
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
const SIZES = [64, 1_200]
/** Between two turns, milliseconds of the endpoints' clock. */
const STEP = 0.1

if (!(PACKETS > 0)) throw new Error('--packets takes a number above 0')
if (globalThis.gc === undefined) throw new Error('start it with node --expose-gc')
let failed = false
for (const size of SIZES) {
  const { growth, messages, allocated, cpu } = measure(size)
  failed ||= growth >= LIMIT
  console.log(
    `${PACKETS} packets with ${messages} messages of ${size} bytes: heap growth ${(growth / 1e6).toFixed(2)} MB, ` +
      `allocated ${allocated.toFixed(0)} bytes and ${cpu.toFixed(1)} µs a packet, both sides`,
  )
}
process.exit(failed ? 1 : 0)

function measure(size) {
  const parts = { backend: defaultBackend, random: systemRandom }
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
  const receive = (count) => {
    for (const until = packets + count; packets < until;) {
      while (flow.write(message, now));
      exchange()
      const used = process.memoryUsage().heapUsed
      if (used > last) allocated += used - last
      last = used
    }
  }
  receive(WARM_UP)
  const before = heap()
  const cpuBefore = process.cpuUsage()
  const messagesBefore = messages
  allocated = 0
  last = process.memoryUsage().heapUsed
  receive(PACKETS)
  const { user, system } = process.cpuUsage(cpuBefore)
  return { growth: heap() - before, messages: messages - messagesBefore, allocated: allocated / PACKETS, cpu: (user + system) / PACKETS }
}

/** What is held after a thorough collection, on the heap and for it outside. Bytes. */
function heap() {
  for (let i = 0; i < 4; i++) globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
