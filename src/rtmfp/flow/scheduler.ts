import { Queue } from '../../base/queue.ts'
import { PRIORITY_LEVELS } from '../constants.ts'
import type { Fragment } from './send-queue.ts'
import type { SendFlow } from './send-flow.ts'

/** The flows of all levels that have had none yet. */
const NOBODY = new Queue<SendFlow>()

/** Which flow sends next: the highest priority first, equals in turn, a packet each. RFC 7016 §3.6.2.3 leaves the manner to us. */
export class Scheduler {
  /** The flow that {@link Scheduler.next} found, and its fragment. */
  flow: SendFlow | undefined = undefined
  fragment: Fragment | undefined = undefined

  /** By priority; made as they are needed, so that a session without flows has none. */
  private levels: Queue<SendFlow>[] = []
  /** The highest level that has a flow, so that a quiet session costs nothing. */
  private top = -1

  /** Takes note that a flow's queue has become empty or is no longer so. */
  update(flow: SendFlow): void {
    const level = this.levelOf(flow)
    const isThere = level.includes(flow)
    if (flow.isActive) {
      if (!isThere) level.push(flow)
      if (flow.priority > this.top) this.top = flow.priority
    } else if (isThere) {
      level.remove(flow)
      // Or an idle session would hold on to its last message.
      if (this.flow === flow) {
        this.flow = undefined
        this.fragment = undefined
      }
      while (this.top >= 0 && (this.levels[this.top] as Queue<SendFlow>).size === 0) this.top--
    }
  }

  private levelOf({ priority }: SendFlow): Queue<SendFlow> {
    if (this.levels.length === 0) this.levels = new Array<Queue<SendFlow>>(PRIORITY_LEVELS).fill(NOBODY)
    if (this.levels[priority] === NOBODY) this.levels[priority] = new Queue()
    return this.levels[priority] as Queue<SendFlow>
  }

  /** The flow whose turn it is; `undefined` when none has anything that may be sent now. */
  next(): SendFlow | undefined {
    for (let p = this.top; p >= 0; p--) {
      const level = this.levels[p] as Queue<SendFlow>
      for (let i = 0; i < level.size; i++) {
        const flow = level.at(i)
        const fragment = flow.eligible()
        if (fragment !== undefined) {
          this.flow = flow
          this.fragment = fragment
          return flow
        }
      }
    }
    return undefined
  }

  /** A pause: room that nothing is in is given back. */
  rest(): void {
    for (const level of this.levels) level.rest()
  }

  /** The flow has had its packet: its equals come first now. */
  rotate(flow: SendFlow): void {
    const level = this.levels[flow.priority] as Queue<SendFlow>
    if (level.size < 2 || !level.includes(flow)) return
    level.remove(flow)
    level.push(flow)
  }
}
