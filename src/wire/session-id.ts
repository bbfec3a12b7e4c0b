import { DecodeError } from '../base/errors.ts'

/** Bytes of the scrambled session ID in front of the encrypted packet. RFC 7016 §2.2.2. */
export const SESSION_ID_SIZE = 4
/** Where the two words that scramble it end. */
const SCRAMBLED_THROUGH = 12

/** The session ID of a datagram, unscrambled. RFC 7016 §2.2.2. @throws DecodeError when there is not even an ID. */
export function readSessionId(datagram: Uint8Array): number {
  if (datagram.length < SESSION_ID_SIZE) throw new DecodeError('truncated')
  return (word(datagram, 0, datagram.length) ^ mask(datagram, datagram.length)) >>> 0
}

/** Puts the session ID, scrambled, in front of the encrypted packet that ends at `end`. RFC 7016 §2.2.2. */
export function writeSessionId(datagram: Uint8Array, sessionId: number, end: number = datagram.length): void {
  const scrambled = sessionId ^ mask(datagram, end)
  datagram[0] = scrambled >>> 24
  datagram[1] = scrambled >>> 16
  datagram[2] = scrambled >>> 8
  datagram[3] = scrambled
}

function mask(datagram: Uint8Array, end: number): number {
  return word(datagram, SESSION_ID_SIZE, end) ^ word(datagram, SESSION_ID_SIZE + 4, end)
}

function word(datagram: Uint8Array, at: number, end: number): number {
  // A packet of less than 8 bytes is scrambled as though 0s followed it.
  if (end < SCRAMBLED_THROUGH) {
    let padded = 0
    for (let i = at; i < at + 4; i++) padded = (padded << 8) | (i < end ? (datagram[i] as number) : 0)
    return padded
  }
  return (
    ((datagram[at] as number) << 24) |
    ((datagram[at + 1] as number) << 16) |
    ((datagram[at + 2] as number) << 8) |
    (datagram[at + 3] as number)
  )
}
