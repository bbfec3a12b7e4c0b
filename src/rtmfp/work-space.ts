import { Writer } from '../base/bytes.ts'
import { Ack } from '../wire/ack.ts'
import { ChunkCursor } from '../wire/chunk.ts'
import { MODE_INITIATOR } from '../wire/header.ts'
import type { PacketHeader } from '../wire/header.ts'
import { UserData } from '../wire/user-data.ts'
import type { AckSummary, TimeCriticality } from './session/congestion.ts'

/** What a packet needs while it is taken apart or put together, and not after: one for all sessions of an endpoint, filled anew each time. */
export class WorkSpace {
  readonly writer: Writer = new Writer()
  readonly cursor: ChunkCursor = new ChunkCursor()
  readonly userData: UserData = new UserData()
  readonly ack: Ack = new Ack()
  readonly header: PacketHeader = {
    mode: MODE_INITIATOR,
    timeCritical: false,
    timeCriticalReverse: false,
    timestamp: -1,
    timestampEcho: -1,
  }
  readonly summary: AckSummary = {
    now: 0,
    outstandingBefore: 0,
    ackedBytes: 0,
    lostBytes: 0,
    anyAcks: false,
    anyNaks: false,
    anyLoss: false,
    lostSentAt: -Infinity,
    queueDelay: -1,
    srtt: -1,
    reserved: 0,
  }
  readonly critical: TimeCriticality = { sentHere: false, elsewhere: false }
  /** Chunks with user data in the packet so far. */
  dataChunks = 0
}
