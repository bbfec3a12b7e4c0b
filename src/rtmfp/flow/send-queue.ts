import { RangeSet } from '../../base/ranges.ts'
import { QUEUE_OVERHEAD } from '../constants.ts'

/** One fragment of a message, queued in a sending flow until it is acknowledged. RFC 7016 §3.6.2 (SEND_QUEUE entry). */
export class Fragment {
  sequenceNumber = 0
  /** The whole message; this fragment's data is `message[from, to)`. */
  message: Uint8Array
  from = 0
  to = 0
  /** Fragment control, RFC 7016 §2.3.11. */
  control = 0
  /** First and last sequence number of the message, so that all of it can be abandoned. */
  messageFirst = 0
  messageLast = 0
  /** When the message is worth nothing any more, milliseconds; `Infinity` for never. */
  deadline: number = Infinity
  abandoned = false
  sentAbandoned = false
  /** Abandoned ones right before it are no longer queued: it stands for them. */
  endsGap = false
  everSent = false
  /** It was sent only once. */
  isFirst = true
  inFlight = false
  nakCount = 0
  /** Size of the chunk that carried it last. */
  transmitSize = 0
  /** Transmission sequence number. RFC 7016 §3.6.2.5. */
  tsn = 0
  /** When it was sent last, and when it last rode along in a packet of later ones; milliseconds. */
  sentAt = 0
  rodeAt: number = -Infinity
  /** Since it was sent it has had its turn to ride along, whether it did or not. */
  rideTaken = false
  /** Some transmission of it was taken for lost because others had overtaken it. */
  passedOver = false
  /** Neighbours in the session's list of what is in flight, by transmission order. */
  previous: Fragment | undefined = undefined
  next: Fragment | undefined = undefined
  /** The flow's accounting, found again when only the fragment is known. */
  readonly owner: FragmentOwner

  constructor(owner: FragmentOwner, message: Uint8Array) {
    this.owner = owner
    this.message = message
  }
}

/** The flow that a fragment belongs to, as the list of what is in flight sees it. */
export interface FragmentOwner {
  /** Sum of the transmit sizes of the flow's fragments in flight. */
  outstandingBytes: number
  /** A fragment was found to be lost: it is no longer in flight. */
  lost(fragment: Fragment): void
}

/** What an entry that is no longer there takes. Bytes. */
const PLACE_SIZE = 8
/** Front entries that may be empty before the queue's array is moved up. */
const SLACK = 512
/** Entries whose room is kept when there are none: a game's messages are acknowledged one by one, and to make it anew for each costs more than the rest. */
const KEPT = 2

/**
 * A sending flow's fragments in sequence number order, found by sequence number in O(1). Acknowledged ones leave holes that vanish when
 * they reach the front.
 */
export class SendQueue {
  /** Those that have gone are `undefined`, and there may be room behind the last. */
  private entries: (Fragment | undefined)[] = []
  /** Index of the first entry, and of what is behind the last. */
  private head = 0
  private end = 0
  /** Sequence number of the entry at index `head`. */
  private headNumber = 1
  /** Numbers whose entries have gone before those in front of them, so that what is not there need not be walked over. */
  private readonly holes = new RangeSet()
  /** Entries present. */
  size = 0
  /** The sequence number that the next entry gets. RFC 7016 §3.6.2 (NEXT_SN). */
  nextNumber = 1

  push(fragment: Fragment): void {
    fragment.sequenceNumber = this.nextNumber++
    if (this.end < this.entries.length) this.entries[this.end] = fragment
    // Room for two; a push would make it for 17.
    else if (this.end === 0) this.entries = [fragment, undefined]
    else this.entries.push(fragment)
    this.end++
    this.size++
  }

  /** The entry with the lowest sequence number. */
  get first(): Fragment | undefined {
    return this.entries[this.head]
  }

  /** The entry with the highest sequence number ever given out, when it is still queued. */
  get last(): Fragment | undefined {
    return this.head < this.end ? this.entries[this.end - 1] : undefined
  }

  /** What the queue holds beside the messages themselves: its entries, and the places of those that have gone out of turn. Bytes. */
  get overhead(): number {
    return this.size * QUEUE_OVERHEAD + (this.end - this.head - this.size) * PLACE_SIZE
  }

  /** Lowest sequence number that may still be queued. */
  get firstNumber(): number {
    return this.headNumber
  }

  get(sequenceNumber: number): Fragment | undefined {
    const index = sequenceNumber - this.headNumber
    return index < 0 ? undefined : this.entries[this.head + index]
  }

  /** The entry with the lowest sequence number that is not below the given one. */
  atOrAfter(sequenceNumber: number): Fragment | undefined {
    const number = Math.max(sequenceNumber, this.headNumber)
    return this.get(number) ?? this.get(this.holes.lastOf(number) + 1)
  }

  /** Gives back the room of an empty one. */
  rest(): void {
    if (this.end === 0) this.entries = []
  }

  remove(fragment: Fragment): void {
    const index = this.head + fragment.sequenceNumber - this.headNumber
    if (this.entries[index] !== fragment) return
    this.entries[index] = undefined
    this.size--
    if (index > this.head) {
      this.holes.add(fragment.sequenceNumber)
      return
    }
    while (this.head < this.end && this.entries[this.head] === undefined) {
      this.head++
      this.headNumber++
    }
    if (this.head === this.end) {
      if (this.entries.length > KEPT) this.entries = []
      this.head = 0
      this.end = 0
      this.holes.clear()
    } else if (this.head > SLACK && this.head * 2 > this.end) {
      this.entries.splice(0, this.head)
      this.end -= this.head
      this.head = 0
      this.holes.addRange(0, this.headNumber - 1)
    }
  }
}

/** All fragments in flight in one session, in the order of their transmission. RFC 7016 §3.6.2.5. */
export class InFlight {
  private head: Fragment | undefined = undefined
  private tail: Fragment | undefined = undefined
  private nextTsn = 1
  /** Highest transmission sequence number that was acknowledged, and when that fragment was sent. RFC 7016 §3.6.2.5 (MAX_TSN_ACK). */
  maxTsnAcked = 0
  maxSentAtAcked: number = -Infinity
  /** What is longer fills a packet, bytes; and how many such fragments were passed over since one was acknowledged. */
  longFrom: number = Infinity
  longLost = 0
  /** The last advance of `maxSentAtAcked` was by a fragment that was sent this one time, and was not yet asked for. */
  private isMeasured = false
  /** Sum of the transmit sizes (S_OUTSTANDING_BYTES). RFC 7016 §3.5. */
  bytes = 0

  get oldest(): Fragment | undefined {
    return this.head
  }

  /** How many have been sent so far. */
  get sentCount(): number {
    return this.nextTsn - 1
  }

  get newest(): Fragment | undefined {
    return this.tail
  }

  sent(fragment: Fragment, size: number, now: number): void {
    fragment.inFlight = true
    fragment.isFirst = !fragment.everSent
    fragment.everSent = true
    fragment.nakCount = 0
    fragment.sentAbandoned = fragment.abandoned
    fragment.transmitSize = size
    fragment.tsn = this.nextTsn++
    fragment.sentAt = now
    fragment.rideTaken = false
    fragment.owner.outstandingBytes += size
    this.bytes += size
    fragment.previous = this.tail
    fragment.next = undefined
    if (this.tail === undefined) this.head = fragment
    else this.tail.next = fragment
    this.tail = fragment
  }

  /** The far end has it. */
  acknowledged(fragment: Fragment): void {
    if (fragment.tsn > this.maxTsnAcked) {
      this.maxTsnAcked = fragment.tsn
      this.maxSentAtAcked = fragment.sentAt
      this.isMeasured = fragment.isFirst && fragment.rodeAt < fragment.sentAt
    }
    if (fragment.transmitSize > this.longFrom) this.longLost = 0
    this.remove(fragment)
  }

  /** What lies between the latest transmission that was acknowledged and now, once; −1 when it is not known which one was. RFC 6298 §3. */
  takeRoundTrip(now: number): number {
    const known = this.isMeasured
    this.isMeasured = false
    return known ? now - this.maxSentAtAcked : -1
  }

  remove(fragment: Fragment): void {
    if (!fragment.inFlight) return
    fragment.inFlight = false
    fragment.owner.outstandingBytes -= fragment.transmitSize
    this.bytes -= fragment.transmitSize
    const { previous, next } = fragment
    if (previous === undefined) this.head = next
    else previous.next = next
    if (next === undefined) this.tail = previous
    else next.previous = previous
    fragment.previous = undefined
    fragment.next = undefined
  }
}
