import { lossOf, seeded } from './loss.js'

/**
 * One direction of an emulated link: loss, then a bottleneck with a queue that drops what does not fit, then a delay that is always the
 * same, so that nothing overtakes. Knows no sockets: packets and the time in, packets out when they are due.
 */
export class Direction {
  packets = []
  head = 0
  /** When the bottleneck has sent all that it was given. */
  freeAt = 0

  /**
   * Sets what it does from now on; what is under way arrives as it would have.
   * @param conditions `{ delay, loss?, rate?, queue? }`: milliseconds, see loss.js, bits a second, bytes.
   */
  change({ delay, loss = { kind: 'none' }, rate = Infinity, queue = Infinity }, seed, now) {
    this.delay = delay
    this.rate = rate
    this.queue = queue
    this.isLost = lossOf(loss, seeded(seed), now)
    this.stats = { packets: 0, bytes: 0, lost: 0, overflowed: 0 }
  }

  send(packet, now) {
    this.stats.packets++
    this.stats.bytes += packet.length
    if (this.isLost(now)) {
      this.stats.lost++
      return
    }
    const backlog = Math.max(0, this.freeAt - now)
    if (this.rate !== Infinity && (backlog * this.rate) / 8_000 + packet.length > this.queue) {
      this.stats.overflowed++
      return
    }
    this.freeAt = now + backlog + (packet.length * 8_000) / this.rate
    // A link whose delay has become shorter still lets nothing overtake.
    const last = this.packets[this.packets.length - 1]?.due ?? 0
    this.packets.push({ packet, due: Math.max(last, this.freeAt + this.delay) })
  }

  /** When the next packet is to be handed out. */
  get due() {
    return this.packets[this.head]?.due ?? Infinity
  }

  shift() {
    const { packet } = this.packets[this.head]
    this.packets[this.head++] = undefined
    if (this.head === this.packets.length) {
      this.packets.length = 0
      this.head = 0
    }
    return packet
  }
}
