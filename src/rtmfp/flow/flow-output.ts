import type { ReceiveFlow } from './receive-flow.ts'
import type { SendFlow } from './send-flow.ts'

/** Where flows put what the user of the engine is to learn; it is queued there until polled. */
export interface FlowOutput {
  /** The far end has begun a flow. It is asked for its delivery mode, or rejected, before its first message is delivered. */
  flowOpened(flow: ReceiveFlow): void
  /** A complete message. `gap`: one or more before it were abandoned by the sender. */
  message(flow: ReceiveFlow, data: Uint8Array, gap: boolean): void
  /** Everything that the far end will ever send on the flow has been delivered. */
  flowComplete(flow: ReceiveFlow): void
  /** The far end has rejected the flow. */
  flowException(flow: SendFlow, code: number): void
  /** A flow whose `write` refused has room again. */
  flowWritable(flow: SendFlow): void
}
