/** Largest UDP payload over IPv4: 65,535 less an IP header of 20 bytes and a UDP header of 8. RFC 791 §3.1, RFC 768. Bytes. */
export const MAX_UDP_PAYLOAD = 65_507
/**
 * Ring of memory for datagrams on their way into the socket. The system mostly takes a datagram at once; when its own buffer is full the
 * socket keeps a reference and sends later, and what it holds must not be overwritten. 512 KiB is more than twice a usual system buffer (208 KiB),
 * or 400 datagrams of 1,280 bytes: 4 ms of a Gbit/s, and more of a queue than any congestion control wants to stand behind. Bytes.
 */
export const SEND_RING = 524_288
/** How far writing into the ring goes between two looks at how much the socket holds: a look costs a native call. Bytes. */
export const SEND_RING_CHECK: number = SEND_RING / 8
/**
 * Most that the socket may hold before datagrams are dropped: with what is written between two looks, the gap at the ring's end and one
 * datagram more it stays below the ring's length, so nothing that waits is overwritten. Bytes.
 */
export const SEND_BACKLOG: number = SEND_RING / 2
/** Turns of the event loop that a closing socket gets to send what it holds: with each the system's buffer drains a little; a dead network may not hold up the end. */
export const CLOSE_TURNS: number = 1_000
/** Addresses remembered in each direction; beyond it the memory starts anew. A server with more live peers than this only parses some again. */
export const ADDRESS_CACHE = 16_384
/**
 * Most addresses that a link offers as candidates. Each is tried by every peer that opens a session (RFC 7016 §3.5.1.1.1 allows 24 for all
 * sources), and a machine with containers has dozens that lead nowhere.
 */
export const MAX_LOCAL_ADDRESSES = 8
/** For how long what the system says of its interfaces holds: less than a player notices of a change. Milliseconds. */
export const INTERFACES_FRESH = 100
/** Socket buffers asked of the system: a burst of a full congestion window must fit while the process is busy. Bytes. */
export const SOCKET_BUFFER = 1_048_576
/** Longest wait that a system timer can be given (2³¹ − 1); a later deadline is waited for in pieces. Milliseconds. */
export const MAX_TIMEOUT = 2_147_483_647
/** Packets polled out in one go before other work of the process gets a turn: about 10 ms of one core. */
export const DRAIN_LIMIT = 1_024
/** Wait after the engine itself has thrown, so that a fault which repeats does not take all of the processor. Milliseconds. */
export const FAULT_PAUSE = 100

/** Turns that promises get between two calls of a simulated clock: deeper than chains of `await` in practice, at about 0.05 µs each. */
export const PROMISE_TURNS = 64
/** Calls of a simulated clock with no time passing after which it must be a loop: a thousand players with a thousand datagrams each at one moment. */
export const MAX_CALLS_AT_ONCE = 1_000_000
/** How much longer a reordered datagram takes, at most: two frames of a game at 60 Hz, so that the next one or two overtake it. Milliseconds. */
export const REORDER_DELAY = 30
/** Part of the corrupted datagrams that are cut short rather than changed. */
export const TRUNCATED_SHARE = 0.25
/** IP and UDP headers, which take bandwidth and queue too. RFC 791, RFC 768. Bytes. */
export const HEADERS = 28
/** Where players on a local network meet: an address of the block that stays within an organisation (RFC 2365 §6.1), and a UDP port that is nobody's. */
export const GROUP_ADDRESS = '239.255.19.35'
export const GROUP_PORT = 21_935
/** No router hands it on: the local network is meant. */
export const GROUP_HOPS = 1
/** Longest datagram that is taken from the group; ours are shorter. Bytes. */
export const MAX_GROUP_DATAGRAM = 512
/** Interfaces that take part; a machine with containers has dozens. */
export const MAX_INTERFACES = 16
/** How often new interfaces are looked for: a player who plugs a cable in expects to see the others soon. Milliseconds. */
export const INTERFACE_CHECK = 3_000
/** Port of simulated addresses: RTMFP's registered one. */
export const SIMULATED_PORT = 1_935

/** What stands in front of a packet on a relay path: the path's ID. `docs/protocol.md`, P1. Bytes. */
export const RELAY_HEADER = 8
/** Relay paths that a player knows: those to all members of the rooms that it may be in, and such as have been replaced. */
export const MAX_RELAY_PATHS = 1_024

/** How long a simulated NAT remembers a mapping that nothing goes out by: what home routers do. RFC 4787 REQ-5 asks for two minutes. Milliseconds. */
export const NAT_LIFETIME = 60_000
/** Ports that a simulated NAT gives away, in turn. */
export const NAT_FIRST_PORT = 40_000
export const NAT_PORTS = 20_000

/** How long the opening of a WebSocket may take: TCP, TLS and the greeting, with some retransmissions. Milliseconds. */
export const STREAM_OPEN_TIMEOUT = 5_000
/** What may wait in a stream before datagrams are dropped: what is behind more than that comes too late for a game. Bytes. */
export const STREAM_BACKLOG = 262_144
/** Streams that a server holds. */
export const MAX_STREAMS = 20_000
/** And by one address: a university behind one NAT has less, and one machine can't have all. */
export const STREAMS_OF_SOURCE = 1_024
/** How often streams that nothing came by are ended: a player's session says something every 10 s. Milliseconds. */
export const STREAM_SWEEP = 45_000

/** Where routers take requests for ports: PCP and NAT-PMP have the same. RFC 6887 §19.1, RFC 6886 §5. */
export const PORT_CONTROL_PORT = 5_351
/** First wait for a router's answer, which is doubled each time (RFC 6886 §3.1), and how often it is asked: one that does not answer in 1.75 s never does. Milliseconds. */
export const PORT_CONTROL_WAIT = 250
export const PORT_CONTROL_TRIES = 3
/** How long a router is asked to keep a mapping: what RFC 6886 §3.3 recommends. Seconds. */
export const PORT_MAPPING_LIFETIME = 7_200
/** A mapping is renewed no more often than that, however short its life. Seconds. */
export const PORT_MAPPING_LEAST = 30
/** What a mapping that could not be renewed is taken to live for: the next try comes after half of it. Seconds. */
export const PORT_MAPPING_RETRY = 120
/** How long one request by UPnP may take: a search on the network of 1.8 s, and two pages from the router. Milliseconds. */
export const UPNP_PATIENCE = 5_000
/** Further ports that are asked for by UPnP when the own one is another machine's already. */
export const UPNP_PORTS = 3
