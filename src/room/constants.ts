/** Metadata of a room's control flow and of its channels' flows; the version is part of it. `docs/protocol.md`. */
export const CONTROL_FLOW = 'altostratus.room/2'
export const CHANNEL_FLOW = 'altostratus.channel/3'
/** Of flows to a host that are to be passed on, and of those that it passes on. */
export const FORWARD_FLOW = 'altostratus.forward/2'
export const FORWARDED_FLOW = 'altostratus.forwarded/2'

/** How long a newcomer waits for a host before it asks who is it now: a new one stands three seconds after the old one has died. Milliseconds. */
export const HOST_PATIENCE = 2_500
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
/** What a host holds of a stream for one receiver, at the very most: it stops the sender long before. Bytes. */
export const FORWARDED_QUEUE = 4_194_304
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

/** A member that is silent for so long is away: what players put up with, and six unanswered pings. Milliseconds. */
export const AWAY_AFTER = 2_000
/** Keepalive pings are so much more frequent. */
export const PINGS_BEFORE_AWAY = 5
/** How long the seat of a member that is away is kept, and at most: a restart, a lift, a tunnel; a pause that was forgotten. Milliseconds. */
export const SEAT_GRACE = 30_000
export const MAX_GRACE = 3_600_000
/** How often a room looks after its members: a tenth of the second in which a new host has to stand. Milliseconds. */
export const ROOM_TICK = 100
/** How long a member that there has not yet been a session with may take to be reached, before it counts as silent. Milliseconds. */
export const REACH_GRACE = 4_000
/** How long one try to open a session may take. Milliseconds. */
export const OPEN_PATIENCE = 6_000
/** How often a member without a session is tried again. Milliseconds. */
export const REACH_INTERVAL = 3_000
/** In a mesh, how long a straight session is waited for before messages go by way of the host. Milliseconds. */
export const MESH_PATIENCE = 2_500

/** How long an older candidate has to become host before the next one tries: a vote and some loss. Milliseconds. */
export const CANDIDATE_TURN = 400
/** How long votes are waited for, and the introducer's word; with the two a new host stands within a second. Milliseconds. */
export const VOTE_TIME = 300
export const CLAIM_TIME = 500
/** How soon a host tells an introducer again whom it has let in, or how the room is run, when that had no time for it. Milliseconds. */
export const ADMIT_INTERVAL = 1_000
/** How often a host tells an introducer that has not heard of it. Milliseconds. */
export const TELL_INTERVAL = 3_000
/** After a vote that was lost: until the next try. Milliseconds. */
export const CAMPAIGN_PAUSE = 1_000
/** The first time: others may only notice a little later that nothing comes from the host. The pause doubles from there to that. Milliseconds. */
export const FIRST_CAMPAIGN_PAUSE = 150
/** How long the others may take to follow a host that has stood, or a host to let a member rejoin. Milliseconds. */
export const REJOIN_TIME = 5_000
/** How long a host that hands over waits for its successor to stand. Milliseconds. */
export const HAND_OVER_TIME = 2_000

/** Up to so many members everyone is connected to everyone: 7 sessions each, which any home line carries. */
export const MESH_LIMIT = 8
/** A star becomes a mesh again when so many fewer are in it. */
export const STAR_HYSTERESIS = 2
/** Members that keep a session with everybody in a star beside the host, so that one of them can take over at once. */
export const STANDBYS = 2
/** How long a session that a star does not need is kept, for what is still on its way. Milliseconds. */
export const STAR_LINGER = 3_000
/** How long the sessions of a room that was left are kept, so that the farewell gets out. Milliseconds. */
export const LEAVE_LINGER = 250
/** Flows of one session that wait until it is known who it is: what a game has channels. */
export const MAX_HELD_FLOWS = 64
/** How long a flow that follows another one waits for that one to begin, and for one of a silent member to end. Milliseconds. */
export const SUCCESSION_WAIT = 2_000

/** Bans that a room remembers; the oldest is forgotten. */
export const MAX_BANS = 256
/** Seats that a room may keep for those who are to come. */
export const MAX_RESERVED = 64
/** Newcomers that a host deals with at a time, and how long one may take: the time to ask for a password is the player's before that. */
export const MAX_APPLICANTS = 64
export const APPLICATION_TIME = 15_000
/** Wrong passwords: how many at once from everybody together, and how many come back each second. */
export const PASSWORD_BURST = 10
export const PASSWORDS_PER_SECOND = 0.5
/** And of one newcomer, in one application. */
export const PASSWORD_TRIES = 3
/** Longest password. Characters. */
export const MAX_PASSWORD = 128
/** Longest control message: a snapshot of a full room, every profile at its longest, and the state that goes with it. Bytes. */
export const MAX_CONTROL_MESSAGE = 786_432

/** Calls that may wait for their answers at one peer at a time. */
export const MAX_CALLS = 256
/** How long a call waits for its answer when nothing else is said. Milliseconds. */
export const CALL_TIMEOUT = 5_000
/** Calls of one peer that are being answered at a time; one more is refused. */
export const MAX_ANSWERING = 64
/** Longest question or answer of a call, packed. Bytes. */
export const CALL_MESSAGE = 65_536
/** Longest message of an error that a call is answered with. Characters. */
export const MAX_CALL_ERROR = 256

/** How often the machine's own addresses are looked at: a quarter of the second in which a path is to move. A look costs a tenth of a millisecond. Milliseconds. */
export const ADDRESS_CHECK = 250
