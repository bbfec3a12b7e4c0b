/** Rounds of state a second where no kind of entities asks for more. */
export const UPDATE_RATE = 20
/** Most of them. */
export const MAX_UPDATE_RATE = 120
/** What one receiver is sent of state at most, over time: an eighth of a slow mobile line. Bits a second. */
export const RATE_PER_RECEIVER = 256_000
/** What all receivers together are sent at most, where no kind says otherwise. Bits a second. */
export const UPLINK = 4_000_000
/** What a datagram has around it on the way: IP, UDP, cipher, RTMFP with the acknowledgement of one that came. Bytes. */
export const DATAGRAM_OVERHEAD = 78
/** The clock is asked so often at first, and then so often. Milliseconds. */
export const CLOCK_FAST = 100
export const CLOCK_SLOW = 500
/** In a star, where a host answers many: each question and answer is a packet of its own. Milliseconds. */
export const CLOCK_IN_STAR = 2_000
/** How many exchanges are the first ones. */
export const CLOCK_FIRST = 32
/** How long a member waits for the host's time before it sends without. Milliseconds. */
export const CLOCK_PATIENCE = 1_000
/** An entity that has come into the area of a member stays in it until it is so much further away; else one at its edge would come and go. */
export const AREA_MARGIN = 1.1
/** What kinds remember of the past at most: older than any round trip that one can play with. Milliseconds. */
export const MAX_HISTORY = 5_000
