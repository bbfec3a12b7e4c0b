import type { ReceiveFlow } from './receive-flow.ts'
import type { SendFlow } from './send-flow.ts'

/** Where flows put what the user of the engine is to learn; it is queued there until polled. */
export interface FlowOutput {
  /** The far end has begun a flow. It is asked for its delivery mode, or rejected, before its first message is delivered. */
  flowOpened(flow: ReceiveFlow): void
  /** A complete message. `gap`: one or more before it were abandoned by the sender. */
  message(flow: ReceiveFlow, data: Uint8Array, gap: boolean): void
  /** Everything that the far end will ever send on the flow has been delivered. `gap`: what came last was abandoned by the sender. */
  flowComplete(flow: ReceiveFlow, gap: boolean): void
  /** This end has rejected the flow by itself: a message was too long, or an option in it may not be ignored and is not known. */
  flowRefused(flow: ReceiveFlow): void
  /** The far end has rejected the flow. */
  flowException(flow: SendFlow, code: number): void
  /** A flow whose `write` refused has room again. */
  flowWritable(flow: SendFlow): void
}
