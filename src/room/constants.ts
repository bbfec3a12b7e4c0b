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
/** How long a peer that has fallen silent is looked for by way of the introducer; by then it counts as lost anyhow. Milliseconds. */
export const SEEK_TIMEOUT = 5_000
/** What a datagram's headers, and the metadata of a flow that has just begun, take at most. Bytes. */
export const PACKET_ROOM_GUESS = 200
