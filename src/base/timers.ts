/**
 * The deadlines of one owner, by name. Times are milliseconds on whatever clock the owner is handed; nothing here
 * reads a clock or fires by itself.
 */
export class Timers<Name extends string> {
  private readonly deadlines = new Map<Name, number>()
  private earliest = Infinity

  set(name: Name, at: number): void {
    const before = this.deadlines.get(name)
    this.deadlines.set(name, at)
    if (at <= this.earliest) this.earliest = at
    else if (before === this.earliest) this.recompute()
  }

  clear(name: Name): void {
    const before = this.deadlines.get(name)
    if (before === undefined) return
    this.deadlines.delete(name)
    if (before === this.earliest) this.recompute()
  }

  clearAll(): void {
    this.deadlines.clear()
    this.earliest = Infinity
  }

  isSet(name: Name): boolean {
    return this.deadlines.has(name)
  }

  /** When the earliest deadline is, or `Infinity`. */
  get next(): number {
    return this.earliest
  }

  /** Takes one deadline that has come, the earliest first, out of the table; `undefined` when none has. */
  expire(now: number): Name | undefined {
    if (this.earliest > now) return undefined
    for (const [name, at] of this.deadlines) {
      if (at === this.earliest) {
        this.deadlines.delete(name)
        this.recompute()
        return name
      }
    }
    return undefined
  }

  private recompute(): void {
    let earliest = Infinity
    for (const at of this.deadlines.values()) if (at < earliest) earliest = at
    this.earliest = earliest
  }
}

/** What a {@link DeadlineHeap} holds: its deadline, and its place in the heap. */
export interface HeapItem {
  deadline: number
  /** Kept by the heap; −1 while outside it. */
  heapIndex: number
}

/** A binary heap of items by deadline, for owners of many things that each have one next deadline. */
export class DeadlineHeap<T extends HeapItem> {
  private readonly items: T[] = []

  get size(): number {
    return this.items.length
  }

  /** The item whose deadline is the earliest. */
  get first(): T | undefined {
    return this.items[0]
  }

  /** Puts the item in, or moves it, to stand at `deadline`; `Infinity` takes it out. */
  set(item: T, deadline: number): void {
    if (deadline === Infinity) {
      this.remove(item)
      return
    }
    const before = item.deadline
    item.deadline = deadline
    if (item.heapIndex < 0) {
      item.heapIndex = this.items.length
      this.items.push(item)
      this.up(item.heapIndex)
    } else if (deadline < before) this.up(item.heapIndex)
    else if (deadline > before) this.down(item.heapIndex)
  }

  remove(item: T): void {
    const at = item.heapIndex
    item.deadline = Infinity
    if (at < 0) return
    item.heapIndex = -1
    const last = this.items.pop() as T
    if (last === item) return
    this.items[at] = last
    last.heapIndex = at
    this.up(at)
    this.down(last.heapIndex)
  }

  private up(from: number): void {
    const { items } = this
    const item = items[from] as T
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = items[parentAt] as T
      if (parent.deadline <= item.deadline) break
      items[at] = parent
      parent.heapIndex = at
      at = parentAt
    }
    items[at] = item
    item.heapIndex = at
  }

  private down(from: number): void {
    const { items } = this
    const item = items[from] as T
    let at = from
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= items.length) break
      const right = childAt + 1
      if (right < items.length && (items[right] as T).deadline < (items[childAt] as T).deadline) childAt = right
      const child = items[childAt] as T
      if (child.deadline >= item.deadline) break
      items[at] = child
      child.heapIndex = at
      at = childAt
    }
    items[at] = item
    item.heapIndex = at
  }
}
