/** What an {@link EventQueue} holds. */
export interface QueuedEvent {
  readonly time: number
  /** Decides between events of the same time, the lower first; no two are the same. */
  readonly order: number
  /** Kept by the queue; −1 while outside it. */
  index: number
}

/**
 * A binary heap of events by time and, within one time, by order: events of the same moment must come out as they went in, or two runs
 * of one seed could differ by what else was in the heap. Any event can be taken out again, so what is called off takes no memory.
 */
export class EventQueue<T extends QueuedEvent> {
  private readonly events: T[] = []

  get size(): number {
    return this.events.length
  }

  /** The event that is next. */
  get first(): T | undefined {
    return this.events[0]
  }

  add(event: T): void {
    this.events.push(event)
    this.up(event, this.events.length - 1)
  }

  /** Takes an event out; no harm when it is not in the queue. */
  remove(event: T): void {
    const at = event.index
    if (at < 0) return
    event.index = -1
    const last = this.events.pop() as T
    if (last === event) return
    this.up(last, at)
    this.down(last, last.index)
  }

  private up(event: T, from: number): void {
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = this.events[parentAt] as T
      if (isBefore(parent, event)) break
      this.place(parent, at)
      at = parentAt
    }
    this.place(event, at)
  }

  private down(event: T, from: number): void {
    const { events } = this
    let at = from
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= events.length) break
      if (childAt + 1 < events.length && isBefore(events[childAt + 1] as T, events[childAt] as T)) childAt++
      const child = events[childAt] as T
      if (isBefore(event, child)) break
      this.place(child, at)
      at = childAt
    }
    this.place(event, at)
  }

  private place(event: T, at: number): void {
    this.events[at] = event
    event.index = at
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}
