/** Metadata of a room's control flow and of its channels' flows; the version is part of it. `docs/protocol.md`. */
export const CONTROL_FLOW = 'altostratus.room/1'
export const CHANNEL_FLOW = 'altostratus.channel/1'

/** How long `join` waits for the sessions to all members; what a player still takes for "connecting". Milliseconds. */
export const JOIN_TIMEOUT = 10_000
/** How long a peer that the introducer has not announced is waited for to be; announcement and first packet race. Milliseconds. */
export const ANNOUNCEMENT_GRACE = 5_000
/** Sessions of unannounced peers at a time: a room's worth of joiners in one moment. */
export const MAX_UNANNOUNCED = 64
/** Priority of a room's control flow: above all that a game sends. */
export const CONTROL_PRIORITY = 7
/** What a reliable channel queues for one receiver before `send` refuses. Bytes. */
export const RELIABLE_QUEUE = 262_144
/** The same for channels whose messages may be dropped: a few frames. Bytes. */
export const DROPPABLE_QUEUE = 65_536
/** The same for the datagrams of an extension, which come anew with each tick: what a slow line takes to send in half a second. Bytes. */
export const DATAGRAM_QUEUE = 32_768
/** What an extension may have delivered with a peer's admission; it goes as one message. Bytes. */
export const MAX_JOIN_STATE = 262_144
/** Largest message of a channel that names no limit. Bytes. */
export const CHANNEL_MESSAGE = 65_536
/** Channels of a game. */
export const MAX_CHANNELS = 64
/** Longest name of a channel. Characters. */
export const MAX_CHANNEL_NAME = 64
/** What a datagram's headers, and the metadata of a flow that has just begun, take at most. Bytes. */
export const PACKET_ROOM_GUESS = 200
/** How long a newcomer that is opened to by its own invitation may take to answer. Milliseconds. */
export const INVITED_TIMEOUT = 10_000
/** How long a newcomer waits for those who were there before it to open to it, before it opens to them. Milliseconds. */
export const REACH_DELAY = 1_000
/** How often, while a peer does not answer, the introducer is asked where it is; and for how many such peers. Milliseconds. */
export const SEEK_INTERVAL = 1_000
export const SEEKS_AT_ONCE = 4
/** How long a peer that is reached by way of the introducer is not given up while the introducer itself can not be reached. Milliseconds. */
export const OUTAGE_GRACE = 60_000
