import { concat } from '../../base/bytes.ts'
import { FRA_BEGIN, FRA_END, FRA_WHOLE } from '../../wire/user-data.ts'
import { FRAGMENT_OVERHEAD } from '../constants.ts'

/** When messages are handed over: in their order, each as soon as it is complete, or only those newer than all before. */
export type Delivery = 'ordered' | 'arrival' | 'newest'

/** Fragments of one message with none missing between them. RFC 7016 §3.6.3.3. */
class Segment {
  /** Sequence number of the first of them. */
  first: number
  parts: Uint8Array[]
  /** Whether the first of them begins the message, and the last of them ends it. */
  begins: boolean
  ends: boolean

  constructor(first: number, part: Uint8Array, begins: boolean, ends: boolean) {
    this.first = first
    this.parts = [part]
    this.begins = begins
    this.ends = ends
  }

  get last(): number {
    return this.first + this.parts.length - 1
  }

  get isComplete(): boolean {
    return this.begins && this.ends
  }
}

/** A message that is complete. */
export interface Completed {
  readonly data: Uint8Array
  /** Sequence numbers of its first and last fragment. */
  readonly first: number
  readonly last: number
}

/**
 * A receiving flow's fragments that wait for others, in order of their sequence numbers. RFC 7016 §3.6.3.3 (RECV_BUFFER). Kept by segments, so
 * that no fragment costs a walk over those that are there, in whatever order a sender that means ill sends them.
 */
export class ReassemblyBuffer {
  private segments: Segment[] = []
  /** Segments from the front that {@link ReassemblyBuffer.nextComplete} need not look at again. */
  private passed = 0
  /** BUFFERED_SIZE: the data held plus an allowance for each fragment. Bytes. */
  size = 0

  get isEmpty(): boolean {
    return this.segments.length === 0
  }

  clear(): void {
    this.segments = []
    this.passed = 0
    this.size = 0
  }

  /** Puts a fragment, which must be new, in its place. @returns The index of the segment that it is in. */
  insert(sequenceNumber: number, control: number, data: Uint8Array): number {
    const { segments } = this
    const begins = control === FRA_WHOLE || control === FRA_BEGIN
    const ends = control === FRA_WHOLE || control === FRA_END
    const at = this.find(sequenceNumber)
    const left = segments[at - 1]
    const right = segments[at]
    this.size += data.length + FRAGMENT_OVERHEAD
    this.passed = 0
    const joinsRight = right !== undefined && !ends && !right.begins && right.first === sequenceNumber + 1
    if (left !== undefined && !begins && !left.ends && left.last === sequenceNumber - 1) {
      left.parts.push(data)
      left.ends = ends
      if (joinsRight) this.join(left, at)
      return at - 1
    }
    if (joinsRight) {
      right.parts.unshift(data)
      right.first = sequenceNumber
      right.begins = begins
      return at
    }
    const segment = new Segment(sequenceNumber, data, begins, ends)
    if (at === segments.length) segments.push(segment)
    else segments.splice(at, 0, segment)
    return at
  }

  /**
   * Takes the next message out in queuing order, dropping what will never be complete on the way.
   * @param contiguous The cumulative acknowledgement sequence number (CSN).
   */
  nextOrdered(contiguous: number): Completed | undefined {
    for (;;) {
      const first = this.segments[0]
      if (first === undefined || first.first > contiguous) return undefined
      if (first.isComplete) return this.take(0)
      if (first.begins && first.last >= contiguous) return undefined
      this.remove(0)
    }
  }

  /** Takes out the message that the segment at `index` is, if it is complete. */
  completedAt(index: number): Completed | undefined {
    return (this.segments[index] as Segment).isComplete ? this.take(index) : undefined
  }

  /** Takes out the first message that is complete, whatever is missing before it. */
  nextComplete(): Completed | undefined {
    while (this.passed < this.segments.length) {
      if ((this.segments[this.passed] as Segment).isComplete) return this.take(this.passed)
      this.passed++
    }
    return undefined
  }

  /** Drops segments that have lost their chance. RFC 7016 §3.6.3.3 (abandoned segments). */
  dropAbandoned(contiguous: number): void {
    for (let first = this.segments[0]; first !== undefined && first.first <= contiguous; first = this.segments[0]) {
      if (first.begins && first.last >= contiguous) break
      this.remove(0)
    }
  }

  /** Index of the first segment that begins after the sequence number. */
  private find(sequenceNumber: number): number {
    const { segments } = this
    let high = segments.length
    if (high === 0 || (segments[high - 1] as Segment).first < sequenceNumber) return high
    let low = 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((segments[middle] as Segment).first < sequenceNumber) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Appends the segment at `index` to the one before it. */
  private join(left: Segment, index: number): void {
    const { parts, ends } = this.segments[index] as Segment
    if (parts.length < left.parts.length) for (const part of parts) left.parts.push(part)
    else left.parts = left.parts.concat(parts)
    left.ends = ends
    this.segments.splice(index, 1)
  }

  private take(index: number): Completed {
    const segment = this.remove(index)
    const { first, last, parts } = segment
    return { data: parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts), first, last }
  }

  private remove(index: number): Segment {
    const segment = this.segments[index] as Segment
    if (index === 0) this.segments.shift()
    else this.segments.splice(index, 1)
    for (const part of segment.parts) this.size -= part.length + FRAGMENT_OVERHEAD
    if (index < this.passed) this.passed--
    return segment
  }
}
