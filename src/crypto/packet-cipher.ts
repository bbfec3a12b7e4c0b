/** The packet is not what the holder of the key sealed. */
export const OPEN_FORGED = -1
/** The packet has been opened before, or is too old to tell. */
export const OPEN_REPLAYED = -2
/** The packet can't have been sealed by this suite. */
export const OPEN_MALFORMED = -3

/** Turns plain packets of one direction into datagrams. */
export interface PacketSealer {
  /** Bytes to keep free in front of the next plain packet, those of the session ID included. Grows seldom, by a byte. */
  readonly headroom: number
  /** Most bytes that sealing appends behind the plain packet. */
  readonly tailroom: number
  /**
   * Seals the plain packet in `buffer[headroom, plainEnd)` in place and writes the scrambled session ID in front.
   * @returns Where the datagram ends; it begins at 0.
   */
  seal(buffer: Uint8Array, plainEnd: number, sessionId: number): number
  /** Gives memory back that is made again when it is needed: a pause is expected. */
  rest(): void
}

/** Turns datagrams of one direction into plain packets again. */
export interface PacketOpener {
  /** How many packets the far end has sent, as far as those that came tell; −1 where packets have no numbers. */
  readonly sentCount: number
  /** Where the plain packet that was opened last begins in `out`. */
  readonly plainStart: number
  /**
   * Verifies and decrypts a datagram into `out`, which must be as long.
   * @returns Where the plain packet ends in `out`; or one of the `OPEN_` codes.
   */
  open(datagram: Uint8Array, out: Uint8Array): number
  /** Gives memory back that is made again when it is needed: there was a pause, so that no packet of before it is still to come. */
  rest(): void
}
