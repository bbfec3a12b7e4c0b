/**
 * The internet of the lab: an Ethernet switch in user space that takes its time, since not every kernel can delay packets (netem). Each
 * site's `wan` is a VXLAN (RFC 7348) whose frames come here over UDP; the network number says from and to which site.
 *
 *   node scripts/lab/wire.js ONE_WAY_DELAY_IN_MILLISECONDS
 */
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'

const PORT = 4_789
/** Bytes of the VXLAN header: flags, network number in 3 bytes from the fifth on. RFC 7348 §5. */
const HEADER = 8
const NETWORK_AT = 4
const MAC = 6
const MAC_BYTES = 12
const GROUP_BIT = 1
/** Finding the Ethernet address of a router, which is near by everywhere else: takes no time, as there. */
const TYPE_AT = HEADER + MAC_BYTES
const TYPE_ARP = 0x0806
const TYPE_IPV6 = 0x86dd
const IPV6_NEXT_HEADER_AT = TYPE_AT + 2 + 6
const IPV6_HEADER = 40
const ICMPV6 = 58
/** Neighbor Solicitation and Advertisement. RFC 4861 §4.3, §4.4. */
const NEIGHBOR_TYPES = [135, 136]
const BUFFER = 4_194_304

const delay = Number(process.argv[2])
const socket = createSocket({
  type: 'udp4',
  recvBufferSize: BUFFER,
  sendBufferSize: BUFFER,
  lookup: (host, _options, done) => done(null, host, 4),
})
/** The site at which an Ethernet address was seen. */
const sites = new Map()
const known = new Set()
let back

/** Frames that take their time, in the order in which they came. */
const onTheWay = []

/** A text that is looked for in all that passes. */
let secret
const seen = { frames: 0, hits: 0 }

socket.on('message', (frame, from) => {
  if (secret !== undefined) {
    seen.frames++
    if (frame.includes(secret)) seen.hits++
  }
  if (frame.length < TYPE_AT + 2) return
  back = from
  const site = frame.readUIntBE(NETWORK_AT, 3)
  known.add(site)
  sites.set(frame.toString('latin1', HEADER + MAC, HEADER + MAC_BYTES), site)
  const target = sites.get(frame.toString('latin1', HEADER, HEADER + MAC))
  // To all, or to one who has not said anything yet.
  const all = (frame[HEADER] & GROUP_BIT) !== 0 || target === undefined
  if (delay === 0 || isNeighborDiscovery(frame)) {
    forward(frame, site, target, all)
    return
  }
  onTheWay.push({ due: performance.now() + delay, frame, site, target, all })
  if (onTheWay.length === 1) setTimeout(deliver, delay)
})

function isNeighborDiscovery(frame) {
  const type = frame.readUInt16BE(TYPE_AT)
  if (type !== TYPE_IPV6) return type === TYPE_ARP
  // Of a frame that is too short, what is not there is none of the two.
  return frame[IPV6_NEXT_HEADER_AT] === ICMPV6 && NEIGHBOR_TYPES.includes(frame[TYPE_AT + 2 + IPV6_HEADER])
}

/** A timer may be early by what has passed since its turn of the event loop began; no frame is. */
function deliver() {
  const now = performance.now()
  let delivered = 0
  for (const { due, frame, site, target, all } of onTheWay) {
    if (due > now) break
    delivered++
    forward(frame, site, target, all)
  }
  onTheWay.splice(0, delivered)
  if (onTheWay.length > 0) setTimeout(deliver, Math.ceil(onTheWay[0].due - now))
}

function forward(frame, site, target, all) {
  for (const to of all ? known : [target]) {
    if (to === site) continue
    const copy = all ? Buffer.from(frame) : frame
    copy.writeUIntBE(to, NETWORK_AT, 3)
    socket.send(copy, PORT, back.address)
  }
}

socket.bind(PORT, () => process.stdout.write('{"event":"ready"}\n'))
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { watch } = JSON.parse(line)
    if (watch !== undefined) secret = Buffer.from(watch)
    process.stdout.write(`${JSON.stringify({ event: 'seen', ...seen })}\n`)
  })
  .on('close', () => process.exit())
