/** Fields of an entity: the bits of a number that JavaScript's operators keep. */
export const MAX_FIELDS = 31
/** What an entity has at most, written in full: with the headers around it, it must fit into the smallest datagram that paths carry. Bytes. */
export const MAX_ENTITY_BYTES = 1_000
/** Kinds of entities of a game. */
export const MAX_TYPES = 64
/** Entities that one peer sends to another at a time. */
export const MAX_SLOTS = 8_192
/** Datagrams that have not been acknowledged or given up, per receiver: a second at 60 a second. */
export const WINDOW = 64
/** Bits of a datagram's number on the wire; as many datagrams later a number comes again. */
export const SEQUENCE_BITS = 12
/** Bits of the number of a stream between two peers; it counts up when one of the ends begins anew. */
export const STREAM_BITS = 3
/** Bits of a time stamp, and how many it has a millisecond: it comes again after 262 seconds. */
export const TIME_BITS = 20
export const TIME_SCALE = 4
/** Datagrams in a row that say again what is not acknowledged yet, while there is nothing else to say. */
export const QUIET_REPEATS = 8
/** After so long without word of what was sent, the receiver is asked; each time twice as long up to the most. Milliseconds. */
export const ASK_FIRST = 100
export const ASK_MOST = 1_000
/** Bits of one entity's record, for the first guess of how many fit. */
export const RECORD_GUESS = 48
/** Removed entities of a peer that are remembered because another peer's word of them may still be on its way. */
export const MAX_REMEMBERED = 4_096
/** Samples of a smoothed entity that are kept: what is shown lies between two of them. */
export const TRACK_LENGTH = 16
/** How long a new host waits for members that are there to say what they hold, at the very most: one of them may never do. Milliseconds. */
export const COLLECT_TIMEOUT = 10_000

/** How often members compare what they know of ownership with what the host does, and look for what is there without its owner. Milliseconds. */
export const SWEEP_INTERVAL = 1_000
