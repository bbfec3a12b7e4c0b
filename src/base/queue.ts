/** What a queue has that was never used; never changed. */
const NOTHING: never[] = []
/** Room that is free in front before what is left is moved up. */
const SLACK = 64

/**
 * A queue that is empty again and again: it keeps its room, where an array gives its own back as soon as it has no entries, and for each packet would make
 * it anew. Nothing that has been taken out is held on to.
 */
export class Queue<T> {
  private readonly kept: number
  private items: (T | undefined)[] = NOTHING
  private head = 0
  private tail = 0

  /** @param kept Entries whose room is kept; what a burst needed beyond that is given back. */
  constructor(kept = 2) {
    this.kept = kept
  }

  get size(): number {
    return this.tail - this.head
  }

  /** The entry that has been there for longest. */
  get first(): T | undefined {
    return this.items[this.head]
  }

  /** The entry that `index` others are in front of. */
  at(index: number): T {
    return this.items[this.head + index] as T
  }

  includes(item: T): boolean {
    return this.indexOf(item) >= 0
  }

  push(item: T): void {
    const { items } = this
    if (this.tail < items.length) items[this.tail] = item
    // Room for two; a push would make it for 17.
    else if (items.length === 0) this.items = [item, undefined]
    else {
      items.push(item)
      if (this.head > SLACK && this.head * 2 > this.tail) this.moveUp()
    }
    this.tail++
  }

  /** Takes the first entry out. */
  shift(): T | undefined {
    if (this.head === this.tail) return undefined
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    this.settle()
    return item
  }

  /** Takes an entry out, wherever it stands; no harm when it is not there. */
  remove(item: T): void {
    const { items } = this
    const at = this.indexOf(item)
    if (at < 0) return
    for (let i = at + 1; i < this.tail; i++) items[i - 1] = items[i]
    items[--this.tail] = undefined
    this.settle()
  }

  clear(): void {
    this.items = NOTHING
    this.head = 0
    this.tail = 0
  }

  /** Gives back the room of an empty one. */
  rest(): void {
    if (this.head === this.tail) this.items = NOTHING
  }

  private indexOf(item: T): number {
    for (let i = this.head; i < this.tail; i++) if (this.items[i] === item) return i
    return -1
  }

  private settle(): void {
    if (this.head < this.tail) return
    this.head = 0
    this.tail = 0
    if (this.items.length > this.kept) this.items = NOTHING
  }

  private moveUp(): void {
    this.items.splice(0, this.head)
    this.tail -= this.head
    this.head = 0
  }
}
