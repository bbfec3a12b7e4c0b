import type { Reader, Writer } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'

/** Mark of packets from the session's initiator. RFC 7016 §2.2.4. */
export const MODE_INITIATOR = 1
/** Mark of packets from the session's responder. RFC 7016 §2.2.4. */
export const MODE_RESPONDER = 2
/** Mark of packets that open a session. RFC 7016 §2.2.4. */
export const MODE_STARTUP = 3

/** Flags, timestamp and echo. Bytes. */
export const MAX_HEADER_SIZE = 5

/** What stands at the front of every plain packet. RFC 7016 §2.2.4. */
export interface PacketHeader {
  /** 1 to 3, one of the `MODE_` codes. */
  mode: number
  timeCritical: boolean
  timeCriticalReverse: boolean
  /** Low 16 bits of the sender's 250 Hz clock, −1 when absent. */
  timestamp: number
  /** Estimate of the receiver's own clock, −1 when absent. */
  timestampEcho: number
}

const TIME_CRITICAL = 0x80
const TIME_CRITICAL_REVERSE = 0x40
const TIMESTAMP = 0x08
const TIMESTAMP_ECHO = 0x04
const MODE = 0x03

/** Reads a header into `out`. RFC 7016 §2.2.4. @throws DecodeError also for the forbidden mode 0. */
export function readPacketHeader(r: Reader, out: PacketHeader): void {
  const flags = r.uint8()
  out.mode = flags & MODE
  if (out.mode === 0) throw new DecodeError('packet mode 0')
  out.timeCritical = (flags & TIME_CRITICAL) !== 0
  out.timeCriticalReverse = (flags & TIME_CRITICAL_REVERSE) !== 0
  out.timestamp = (flags & TIMESTAMP) !== 0 ? r.uint16() : -1
  out.timestampEcho = (flags & TIMESTAMP_ECHO) !== 0 ? r.uint16() : -1
}

/** Writes a header. RFC 7016 §2.2.4. */
export function writePacketHeader(w: Writer, header: PacketHeader): void {
  w.uint8(
    (header.timeCritical ? TIME_CRITICAL : 0) |
      (header.timeCriticalReverse ? TIME_CRITICAL_REVERSE : 0) |
      (header.timestamp >= 0 ? TIMESTAMP : 0) |
      (header.timestampEcho >= 0 ? TIMESTAMP_ECHO : 0) |
      header.mode,
  )
  if (header.timestamp >= 0) w.uint16(header.timestamp)
  if (header.timestampEcho >= 0) w.uint16(header.timestampEcho)
}
