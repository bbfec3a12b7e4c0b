import {
  ENDPOINT_OVERDRAFT,
  ENDPOINT_RECEIVE_CAPACITY,
  RECEIVE_CAPACITY,
  SESSION_RECEIVE_CAPACITY,
  SESSION_RECEIVE_FLOOR,
} from '../constants.ts'

/** What all sessions of an endpoint hold of what they have received and not handed over yet. */
export class EndpointBudget {
  /** Bytes. */
  held = 0
}

/**
 * What one session may hold of what it has received and not handed over. Whoever asks for more may have as much as is free, no more: so that, with
 * however many flows that are not read and sessions that mean ill, there is something free for the next. (Choudhury and Hahne's dynamic
 * thresholds.)
 */
export class SessionBudget {
  /** Bytes, what each flow takes by itself among them. */
  held = 0
  private readonly endpoint: EndpointBudget
  private capacity: number = SESSION_RECEIVE_CAPACITY
  /** The flow that may go beyond, so that a message that it has begun gets its end. */
  private borrower: object | undefined = undefined

  constructor(endpoint: EndpointBudget) {
    this.endpoint = endpoint
  }

  /**
   * A flow may hold so many bytes by its user's word. The session may hold as many such flows as it may of usual ones: a window that shrinks by more than
   * what has come would have what is rightly under way thrown away.
   */
  allow(bytes: number): void {
    this.capacity = Math.max(this.capacity, bytes * (SESSION_RECEIVE_CAPACITY / RECEIVE_CAPACITY))
  }

  /** @param bytes Negative for what is given back. */
  add(bytes: number): void {
    this.held += bytes
    this.endpoint.held += bytes
  }

  /** Bytes that a flow may hold more, which holds so many already. */
  roomFor(held: number): number {
    const free = ENDPOINT_RECEIVE_CAPACITY - this.endpoint.held
    const capacity = Math.max(SESSION_RECEIVE_FLOOR, Math.min(this.capacity, free))
    return Math.max(0, capacity - this.held - held)
  }

  /** Whether a flow that has no room may go on all the same with the message that comes next in it: one at a time may. */
  mayBorrow(flow: object, bytes: number): boolean {
    if (this.borrower !== undefined && this.borrower !== flow) return false
    return this.endpoint.held + bytes <= ENDPOINT_RECEIVE_CAPACITY + ENDPOINT_OVERDRAFT
  }

  /** @returns What {@link SessionBudget.mayBorrow} does; if it may, no other may until it is done. */
  borrow(flow: object, bytes: number): boolean {
    const may = this.mayBorrow(flow, bytes)
    if (may) this.borrower = flow
    return may
  }

  /** Whether the flow is the one that goes beyond. */
  hasBorrowed(flow: object): boolean {
    return this.borrower === flow
  }

  /** A flow has handed over a message, or holds nothing any more. @returns Whether another may borrow now. */
  repaid(flow: object): boolean {
    if (this.borrower !== flow) return false
    this.borrower = undefined
    return true
  }
}
