import { concat } from '../../base/bytes.ts'
import { FRA_BEGIN, FRA_END, FRA_MIDDLE, FRA_WHOLE } from '../../wire/user-data.ts'
import { FRAGMENT_OVERHEAD } from '../constants.ts'

/** When messages are handed over: in their order, each as soon as it is complete, or only those newer than all before. */
export type Delivery = 'ordered' | 'arrival' | 'newest'

interface Part {
  readonly sequenceNumber: number
  readonly control: number
  readonly data: Uint8Array
}

/** A message that is complete. */
export interface Completed {
  readonly data: Uint8Array
  /** Sequence numbers of its first and last fragment. */
  readonly first: number
  readonly last: number
}

/** A receiving flow's fragments that wait for others, in order of their sequence numbers. RFC 7016 §3.6.3.3 (RECV_BUFFER). */
export class ReassemblyBuffer {
  private parts: Part[] = []
  /** Fragments at the front known to be one contiguous unfinished segment, so that a long message is not walked again for each of them. */
  private verified = 0
  /** BUFFERED_SIZE: the data held plus an allowance for each fragment. Bytes. */
  size = 0

  get isEmpty(): boolean {
    return this.parts.length === 0
  }

  clear(): void {
    this.parts = []
    this.verified = 0
    this.size = 0
  }

  /** Puts a fragment, which must be new, in its place and returns its index. */
  insert(sequenceNumber: number, control: number, data: Uint8Array): number {
    const { parts } = this
    let at = parts.length
    while (at > 0 && (parts[at - 1] as Part).sequenceNumber > sequenceNumber) at--
    const part: Part = { sequenceNumber, control, data }
    if (at === parts.length) parts.push(part)
    else parts.splice(at, 0, part)
    if (at < this.verified) this.verified = at
    this.size += data.length + FRAGMENT_OVERHEAD
    return at
  }

  /**
   * Takes the next message out in queuing order, dropping what will never be complete on the way.
   * @param contiguous The cumulative acknowledgement sequence number (CSN).
   */
  nextOrdered(contiguous: number): Completed | undefined {
    for (;;) {
      const first = this.parts[0]
      if (first === undefined || first.sequenceNumber > contiguous) return undefined
      if (first.control === FRA_WHOLE) return this.take(0, 1)
      if (first.control !== FRA_BEGIN) {
        this.drop(0, 1)
        continue
      }
      const length = this.segmentLength()
      const last = this.parts[length - 1] as Part
      if (last.control === FRA_END) return this.take(0, length)
      if (last.sequenceNumber >= contiguous) return undefined
      this.drop(0, length)
    }
  }

  /** Takes out the message that the fragment at `index` has made complete, if it has. */
  completedAt(index: number): Completed | undefined {
    const { parts } = this
    let first = index
    while ((parts[first] as Part).control === FRA_MIDDLE || (parts[first] as Part).control === FRA_END) {
      if (first === 0 || (parts[first - 1] as Part).sequenceNumber !== (parts[first] as Part).sequenceNumber - 1) return undefined
      first--
    }
    let last = index
    while ((parts[last] as Part).control === FRA_MIDDLE || (parts[last] as Part).control === FRA_BEGIN) {
      const next = parts[last + 1]
      if (next === undefined || next.sequenceNumber !== (parts[last] as Part).sequenceNumber + 1) return undefined
      last++
    }
    const begins = (parts[first] as Part).control
    if (first === last ? begins !== FRA_WHOLE : begins !== FRA_BEGIN || (parts[last] as Part).control !== FRA_END) return undefined
    return this.take(first, last - first + 1)
  }

  /** Takes out the first message that is complete, whatever is missing before it. */
  nextComplete(): Completed | undefined {
    for (let i = 0; i < this.parts.length; i++) {
      const message = this.completedAt(i)
      if (message !== undefined) return message
    }
    return undefined
  }

  /** Drops segments that have lost their chance. RFC 7016 §3.6.3.3 (abandoned segments). */
  dropAbandoned(contiguous: number): void {
    let at = 0
    while (at < this.parts.length && (this.parts[at] as Part).sequenceNumber <= contiguous) {
      const begin = at
      let end = at + 1
      while (end < this.parts.length && this.continues(end)) end++
      const abandoned = (this.parts[begin] as Part).control !== FRA_BEGIN || (this.parts[end - 1] as Part).sequenceNumber < contiguous
      if (abandoned) this.drop(begin, end - begin)
      else at = end
    }
  }

  private segmentLength(): number {
    let length = Math.max(this.verified, 1)
    while (length < this.parts.length && this.continues(length)) length++
    this.verified = length
    return length
  }

  /** Whether the part at `index` goes on with the segment of the one before it. */
  private continues(index: number): boolean {
    const before = this.parts[index - 1] as Part
    const part = this.parts[index] as Part
    if (part.sequenceNumber !== before.sequenceNumber + 1) return false
    return (before.control === FRA_BEGIN || before.control === FRA_MIDDLE) && (part.control === FRA_MIDDLE || part.control === FRA_END)
  }

  private take(first: number, count: number): Completed {
    const taken = this.drop(first, count)
    const begin = taken[0] as Part
    return {
      data: taken.length === 1 ? begin.data : concat(...taken.map((part) => part.data)),
      first: begin.sequenceNumber,
      last: begin.sequenceNumber + count - 1,
    }
  }

  private drop(first: number, count: number): Part[] {
    const dropped = this.parts.splice(first, count)
    for (const part of dropped) this.size -= part.data.length + FRAGMENT_OVERHEAD
    if (first < this.verified) this.verified = first
    return dropped
  }
}
