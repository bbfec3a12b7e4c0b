/** RTMFP's registered port, the default of `rtmfp:` URLs. RFC 7425 §6.1. */
export const DEFAULT_PORT = 1935
/** Metadata of the flow that carries requests; the version is part of it. */
export const REQUEST_FLOW = 'altostratus.introducer/2'

/** How often a client asks whether the introducer is there, as ICE has it (RFC 8445 §11): NATs forget after 30 s and more, with room for two tries. Milliseconds. */
export const CLIENT_KEEPALIVE = 15_000
/** When a client takes the introducer for lost: silence until it asks, and ten seconds of asking again and again. Milliseconds. */
export const CLIENT_DEAD_AFTER = 25_000
/** The server asks only when a client has missed its own turn. Milliseconds. */
export const SERVER_KEEPALIVE = 20_000
/** When the server takes a client for lost. Milliseconds. */
export const SERVER_DEAD_AFTER = 40_000
/** An introducer is known to all: it sends no more bytes than it was sent to an address that has not proved itself. */
export const SERVER_AMPLIFICATION = 1
/** How long a client waits for the introducer to answer at all; what a player still takes for "connecting". Milliseconds. */
export const CONNECT_TIMEOUT = 5_000
/** How long a client waits for the answer to a request: three retransmissions on a bad network. Milliseconds. */
export const REQUEST_TIMEOUT = 10_000
/** How long a claim to be a room's host is worth sending: one that arrives when the room has found another has to lose. Milliseconds. */
export const CLAIM_LIFETIME = 800
/** First wait before a lost introducer is tried again, and the longest. Milliseconds. */
export const RECONNECT_FIRST = 1_000
export const RECONNECT_LAST = 30_000

/** How long UDP has to answer before a stream is tried, too: a round trip around the world, with one retransmission. Milliseconds. */
export const STREAM_DELAY = 700
/** How long an introducer that others are reached by may be silent before it is taken to have started anew. Milliseconds. */
export const ABANDON_AFTER = 1_000
/** The same for one that nobody is reached by: longer than a request waits, since a new session costs those that do. Milliseconds. */
export const SILENCE_LIMIT = 12_000
/** Then it is looked for again and again, each time so long, with hardly a pause: it must be found within 3 s of its return. Milliseconds. */
export const URGENT_TIMEOUT = 1_500
export const URGENT_PAUSE = 50

/** How long a member whose session with the introducer is lost keeps its place. Milliseconds. */
export const GRACE = 30_000
/** Members of a room, at most and by default: a mesh of 64 has 63 sessions each. */
export const MAX_CAPACITY = 64
export const DEFAULT_CAPACITY = 8
/** Spectators of a room, at most and by default: they cost the host as much as players do. */
export const MAX_SPECTATORS = 32
export const DEFAULT_SPECTATORS = 8
/** Highest place in a room's order of joining: a player could come and go each second for a century. */
export const MAX_ORDER = 0xffff_ffff
/** Highest epoch of a room: a term of {@link EPOCH_TERM} each second for a thousand years fits. */
export const MAX_EPOCH: number = 2 ** 48
/**
 * Epochs come in terms: one that most members or the introducer stand behind begins a new one, so that it is above all those that a few who were cut
 * off gave each other meanwhile, which count up by one.
 */
export const EPOCH_TERM = 1_024
/** The epochs of a term that the introducer has granted begin here, above what the members found without it. */
export const EPOCH_GRANTED = 512
/** Rooms that one peer may be a member of at a time. */
export const MAX_ROOMS_PER_PEER = 8
/** Rooms that one introducer holds. */
export const MAX_ROOMS = 20_000
/** Rooms that one `list` names; a person reads no more. */
export const MAX_LISTED = 100
/** Letters of a room's code: 30⁵ are 24 million codes, so guessing one takes longer than a match. */
export const CODE_LENGTH = 5
/** What codes are made of: no letter or digit that looks like another. */
export const CODE_ALPHABET = 'ABCDEFGHJKMNPQRSTVWXYZ23456789'
/** Requests that a peer may make at once, and how many come back each second. */
export const REQUEST_BURST = 30
export const REQUESTS_PER_SECOND = 5
/** Wrong codes that a peer may try at once, and how many come back each second. */
export const GUESS_BURST = 10
export const GUESSES_PER_SECOND = 0.2
/** The same of all peers of one IPv4 address or IPv6 network together: identities cost nothing. A school's typing errors fit. */
export const SOURCE_GUESS_BURST = 50
export const SOURCE_GUESSES_PER_SECOND = 1
/** Hellos of one peer that are passed on at once, and how many come back each second: to all of a full room, each tried twice. */
export const HELLO_BURST = 128
export const HELLOS_PER_SECOND = 16
/** What a room's ID is a hash of, and with which members show an introducer that has forgotten them that they are: nobody guesses 128 bits. Bytes. */
export const ROOM_KEY_BYTES = 16
/** Longest salt of a room's password. Bytes. */
export const MAX_SALT = 64
/** Longest game name. Characters. */
export const MAX_NAME = 64
/** Public properties of a room: how many, and the length of a name or text. */
export const MAX_PROPERTIES = 16
export const MAX_PROPERTY_LENGTH = 64
/** Values that one property of a search may have. */
export const MAX_ALTERNATIVES = 16
/** A player's profile, packed. Bytes. */
export const MAX_PROFILE_BYTES = 1_024
/** How deep lists and maps in a profile may be nested: what is packed again, within something else, must not run out of stack. */
export const MAX_PROFILE_DEPTH = 16
/** A request, packed. Bytes. */
export const MAX_REQUEST_BYTES = 4_096
/** A message from the server, packed: a list of 100 rooms, each with properties that just fit into a request. Bytes. */
export const MAX_RESPONSE_BYTES = 524_288
/** Addresses that a peer may report of itself. */
export const MAX_LOCAL_ADDRESSES = 8

/** Relay paths that an introducer holds, at about 400 bytes each. */
export const MAX_RELAY_PATHS = 100_000
/** Relay paths of one peer: to all members of all rooms that it may be in. */
export const MAX_PATHS_OF_PEER: number = MAX_ROOMS_PER_PEER * (MAX_CAPACITY - 1)
/** Packets and bytes that one peer may have passed on in a second: 60 a second to each of 31 others, and a voice. */
export const RELAY_PEER_PACKETS = 2_000
export const RELAY_PEER_BYTES = 524_288
/** The same for all of a room together: eight of its peers at their limit. */
export const RELAY_ROOM_PACKETS = 16_000
export const RELAY_ROOM_BYTES = 4_194_304
/** How many seconds' worth may come at once. */
export const RELAY_BURST = 2
/** A relay path that nobody has used for so long is freed; a peer that needs one again asks. Milliseconds. */
export const RELAY_IDLE = 120_000
/** Longest invitation that is handed on: a cookie and a bit. Bytes. */
export const MAX_INVITATION = 128
/** Longest certificate that is handed on with an invitation; those of game peers have 54. Bytes. */
export const MAX_INVITING_CERTIFICATE = 256
/** Public IPv6 addresses that a peer may report of itself: a machine has one, and one for privacy. */
export const MAX_PUBLIC_IPV6 = 2
/** Ways to a peer that are handed on: what it reports, what is observed, and the relay path. */
export const MAX_CONTACT_ADDRESSES: number = MAX_LOCAL_ADDRESSES + 2
/** Addresses that a hello is forwarded for, so that the answer goes out to all of them; the relay path is the first. */
export const MAX_REPLY_ADDRESSES = 4

/** In front of every probe and its answer: nobody guesses 128 bits in its lifetime. Bytes. */
export const PROBE_TOKEN_BYTES = 16
/** Shortest probe: an answer, with an IPv6 address in it, fits into as much. Bytes. */
export const PROBE_BYTES = 64
/** Longest probe: the UDP payload of an Ethernet frame over IPv4, 1,500 less 28. Bytes. */
export const MAX_PROBE_BYTES = 1_472
/** How long a peer may probe; a doctor's visit takes 10 s. Milliseconds. */
export const PROBE_TOKEN_LIFE = 60_000
/** Probes that are answered in that time: a second's worth at 50 a second, the sizes, the tests of the NAT, and as much again. */
export const PROBES_OF_TOKEN = 256
/** Peers that may probe at a time. */
export const MAX_PROBES = 1_000

/** On a local network, the one who introduces says so this often. Milliseconds. */
export const LAN_OFFER_INTERVAL = 1_000
/** When it counts as gone: three offers missed, and a bit. Milliseconds. */
export const LAN_OFFER_LOST = 3_500
/** How often is asked who introduces, and for how long: an answer on a local network takes milliseconds, but Wi-Fi loses multicast. Milliseconds. */
export const LAN_SEEK_INTERVAL = 100
export const LAN_SEEK = 500
/** Added to that at random, so that not all begin to introduce at once. Milliseconds. */
export const LAN_SEEK_SPREAD = 500
/** How long further interfaces and others who offer are waited for, once one is heard. Milliseconds. */
export const LAN_GATHER = 50
/** How long a session with one who offers may take before another is looked for, and how long that one is then passed over. Milliseconds. */
export const LAN_PATIENCE = 4_000
export const LAN_DISTRUST = 60_000
/** Offers, and addresses of one, that are remembered. */
export const MAX_LAN_OFFERS = 8
export const MAX_LAN_HOSTS = 4
