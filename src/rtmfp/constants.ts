/** How long a session may take to open. RFC 7016 §3.5.1.1.1 (ultimate open timeout, RECOMMENDED 95 s). Milliseconds. */
export const OPEN_TIMEOUT = 95_000
/** Wait before the first IHello or IIKeying is sent again; what a player still takes for "connecting". Milliseconds. */
export const STARTUP_FIRST_INTERVAL = 500
/** Added to the interval after each attempt. RFC 7016 §3.5.1.1.1 (not less than 1.5 s). Milliseconds. */
export const STARTUP_BACKOFF = 1_500
/** Most candidate addresses of one opening session. RFC 7016 §3.5.1.1.1 (REDIRECT_THRESHOLD, at most 24). */
export const REDIRECT_THRESHOLD = 24
/** Length of an IHello tag: some implementations refuse any other. Bytes. */
export const TAG_LENGTH = 16
/** Length of an RHello cookie: some implementations refuse any other. Bytes. */
export const COOKIE_LENGTH = 64
/** Longest tag that is echoed, and longest cookie: ours and others' are far below, and what answers them has to fit into a packet. Bytes. */
export const MAX_FOREIGN_TAG = 255
export const MAX_FOREIGN_COOKIE = 1_024
/** How long a cookie is good. RFC 7016 §3.5.1.1.2 (not less than 95 s). Milliseconds. */
export const COOKIE_LIFETIME = 95_000
/** Answers to an address that has not proved itself are at most this many times what it sent. */
export const AMPLIFICATION_LIMIT = 3

/** A clock that is so far back has been set; up to that the time is one that a caller has kept for a while. Milliseconds. */
export const CLOCK_TOLERANCE = 250
/** One tick of the packet timestamp's 250 Hz clock. RFC 7016 §2.2.4. Milliseconds. */
export const TIMESTAMP_TICK = 4
/** A timestamp older than this is not echoed. RFC 7016 §3.5.2.2. Milliseconds. */
export const TIMESTAMP_ECHO_LIMIT = 128_000
/** Effective retransmission timeout before anything was measured: RFC 7016 §3.5.2.2 has 3 s, which RFC 6298 §2.1 has since found too careful. Milliseconds. */
export const ERTO_INITIAL = 1_000
/** Least effective retransmission timeout, and the first MRTO. RFC 7016 §3.5.2.2. Milliseconds. */
export const ERTO_MINIMUM = 250
/** Factor of the retransmission timeout's back-off. RFC 7016 §3.5.2.2. */
export const ERTO_BACKOFF = 1.4142
/** Where the back-off ends, RFC 7016 §3.5.2.2, and the timeout altogether. Milliseconds. */
export const ERTO_CAP = 10_000
/** What the far end may take to acknowledge, allowed for in MRTO. RFC 7016 §3.5.2.2. Milliseconds. */
export const ACK_DELAY_ALLOWANCE = 200

/** Least wait between two checks whether a far end is at an address. RFC 7016 §3.5.4.2. Milliseconds. */
export const MOBILITY_INTERVAL = 1_000
/** Addresses that are checked in that time. RFC 7016 §3.5.4.2 has one; then a stray packet of before a change could hide the change for a second. */
export const MOBILITY_ADDRESSES = 4
/** How late the answer to such a check still counts. RFC 7016 §3.5.4.2. Milliseconds. */
export const MOBILITY_REPLY_LIMIT = 120_000

/** Addresses at which the far end may also be, and which are tried. RFC 7016 §3.5.1.1.1 allows as many at the start. */
export const MAX_PATHS = 24
/**
 * When the addresses that lead straight to the far end are tried while it is reached by way of someone else: at once, and soon again, since
 * with NATs on both sides the first packets only open the way for the others; then ever less often. The last is repeated. Milliseconds.
 */
export const UPGRADE_DELAYS: readonly number[] = [0, 150, 250, 400, 700, 1_500, 3_000, 8_000, 20_000]
/** Silence at an address, while the far end is heard elsewhere, after which it counts as gone from there. Milliseconds. */
export const PATH_SILENCE = 500

/** Longest datagrams' payload before path MTU discovery: with IP and UDP headers 1,308 (IPv4) or 1,328 bytes, which passes the common tunnels. */
export const MAX_DATAGRAM = 1_280
/** Longest payload that is probed for: Ethernet's 1,500 bytes less IPv4 and UDP headers. A longer one the system would cut up itself. Bytes. */
export const MAX_PATH_DATAGRAM = 1_472
/**
 * Longest payload that is probed for between two ends on one machine, where nothing stands in the way but the loopback interface: the least
 * MTU that a system gives it is macOS's 16,384; Linux has 65,536. One of 64 KiB would gain little more, and six of them fill a usual socket's
 * buffer. Bytes.
 */
export const MAX_LOOPBACK_DATAGRAM = 16_336
/**
 * What is probed for, largest first: loopback, jumbo frames, Ethernet by IPv4 and by IPv6, a tunnel's overhead less, a mobile network's or a second tunnel's less.
 * Bytes of UDP payload.
 */
export const MTU_CANDIDATES: readonly number[] = [MAX_LOOPBACK_DATAGRAM, 8_952, 1_472, 1_452, 1_412, 1_360]
/** Where the size goes when long packets vanish: below every common tunnel. Bytes. */
export const MTU_BASE = 1_280
/** And then: what QUIC requires of every path. RFC 9000 §14. Bytes. */
export const MTU_LEAST = 1_200
/** Probes of one size before it is given up. RFC 8899 §5.1.2 (MAX_PROBES). */
export const MTU_PROBES = 3
/** Retransmission timeouts in a row, with nothing acknowledged between, that are put down to the packets' length. */
export const MTU_BLACK_HOLE = 3
/**
 * Fragments as long as a packet that are passed over, with none acknowledged between, that are put down to the same: short ones, which still
 * come through, keep the timeout away.
 */
export const MTU_BLACK_HOLE_LOSSES = 10
/** What a fragment that counts there fills of a packet. */
export const MTU_LONG_SHARE = 0.9
/** How long until a larger size is tried again. RFC 8899 §5.1.1 (PMTU_RAISE_TIMER). Milliseconds. */
export const MTU_RAISE_INTERVAL = 600_000
/** Initial congestion window for segments of our size. RFC 5681 §3.1, RFC 7016 §A.2. Bytes. */
export const CWND_INIT = 4_380
/** Packets with user data that may go out at once between two acknowledgements. RFC 7016 §3.5.2.3. */
export const BURST_LIMIT = 6
/**
 * After so long one more may go: packets at a distance are no burst, and a player's stream of 60 a second must not stop because, for a
 * moment, acknowledgements do not come through. Milliseconds.
 */
export const BURST_REFILL = 10
/**
 * What other data leaves free of the congestion window while real-time data is being sent in the session, so that this never waits for an
 * acknowledgement: two packets. Bytes.
 */
export const TIME_CRITICAL_RESERVE = 2_560
/** How long a time critical notification, forward or reverse, has effect. RFC 7016 §3.5.2.1. Milliseconds. */
export const TIME_CRITICAL_MEMORY = 800

/** What may wait in the queues of a path, and as many packets on top, which at low rates take longer. Milliseconds. */
export const DELAY_TARGET = 5
export const DELAY_PACKETS = 1.5
/** What is left in flight, of what the path holds with empty queues, to empty them: a little less, so that they are seen to be empty. */
export const DRAIN_SHARE = 0.9
/** Round trips in which the queue has to go after that, and how often it may stay until somebody else is taken to fill it. */
export const DRAIN_ROUNDS = 4
export const DRAIN_TRIES = 6
/** Segments that are in flight whatever waits, so that acknowledgements are not delayed; RFC 5681's least after a loss. */
export const LEAST_SEGMENTS = 2
/** A line that is slower than this does not count: who gets less shares it. Bytes a millisecond. */
export const SLOW_RATE = 24
/** What a round trip leaves of the best rate that is remembered. */
export const RATE_MEMORY = 0.995
/** The same of what came through at best, by which it is judged how fast the line is: who shares it still knows for some 500 round trips. */
export const LINE_MEMORY = 0.998
/** Somebody else is also taken to fill the queue when twice the target waits in this share of so many round trips. */
export const OVER_LIMIT = 0.3
export const OVER_ROUNDS = 48
/** Least share of the window that is left by that, as by a loss. RFC 5681 §3.1. */
export const DRAIN_LEAST = 0.5
/** What has to wait for a loss to be one of a full queue, milliseconds; and half of what has waited most of late, whatever that is. */
export const LOSS_DELAY = 1
/** Share of packets that may be lost by radio rather than for want of room; above it is some line that drops and makes nobody wait. */
export const LOSS_TOLERATED = 0.15
/** Packets that a share is taken of, at least. */
export const LOSS_SAMPLE = 40
/** How long queues are left to others that fill them, before it is tried again whether they still do: milliseconds, and round trips. */
export const COMPETE_RETRY = 10_000
export const COMPETE_ROUNDS = 60
/** By how much that gets longer at most when they turn out to fill them still. */
export const COMPETE_PATIENCE = 4
/** Round trips in a row with next to nothing waiting that are as good as that. */
export const COMPETE_EMPTY = 32
/** What a loss leaves of the window beside TCP, and how steep the curve of its growth is, segments a cubed second. RFC 9438 §4.6, §5.1. */
export const CUBIC_BETA = 0.7
export const CUBIC_C = 0.4

/** Delayed acknowledgement alarm. RFC 7016 §3.6.3.4.4. Milliseconds. */
export const ACK_DELAY = 200
/** Received data packets that call for an acknowledgement at once. RFC 7016 §3.6.3.2. */
export const ACK_EVERY_PACKETS = 2
/** The same for packets in which something rides along that came before: there the far end repairs by itself, without being told of a loss. */
export const ACK_EVERY_RIDDEN_PACKETS = 4
/** Negative acknowledgements that make a fragment lost. RFC 7016 §3.6.2.5. */
export const NAK_LIMIT = 3
/** Packets that are mixed up on the way are late by less than this share of a round trip. RFC 8985 §6.2. */
export const REORDER_SHARE = 0.25
/** And this on top: send times of packets to a tick, and hosts that wake up late. Milliseconds. */
export const REORDER_GRAIN = 4
/** Losses in a row that were ones, until packets are taken to be mixed up less again. RFC 8985 §6.2. */
export const REORDER_MEMORY = 16
/** Longest message that rides along again: a game's inputs and events are shorter, and two of it fit beside what the packet is for. Bytes. */
export const RIDE_MAX_BYTES = 256
/** Most that rides along in one packet, bytes. */
export const RIDE_PACKET_BYTES = 512
/** What was sent more recently has to wait for the next packet: packets that go together are often lost together. Milliseconds. */
export const RIDE_AGE = 4
/**
 * One in so many does not ride. Of the others the sender does not learn whether they were lost, and so whether riding is still worth its
 * bytes; and at 2 % loss this share may come late with 99 % in time.
 */
export const RIDE_SAMPLE = 16
/** Nothing rides once no loss was seen for so long: at 2 % and 60 messages a second the sample sees one in 13 seconds. Milliseconds. */
export const RIDE_MEMORY = 60_000
/**
 * Two losses seen within so long, though most were made good: the path loses some 5 %, and for a time all ride, none is a sample. By those that
 * are lost twice the sender still learns of loss. Milliseconds.
 */
export const RIDE_HEAVY_INTERVAL = 4_000
export const RIDE_HEAVY_MEMORY = 20_000
/** Riding saves a round trip; one that is shorter than a frame is not worth it. Milliseconds. */
export const RIDE_MIN_RTT = 16
/** Receive window assumed until the first acknowledgement. RFC 7016 §3.6.2. Bytes. */
export const RX_BUFFER_INITIAL = 65_536
/** Unit of receive window advertisements. RFC 7016 §2.3.13. Bytes. */
export const BUFFER_BLOCK = 1_024
/** First period between buffer probes. RFC 7016 §3.6.2.9.1. Milliseconds. */
export const BUFFER_PROBE_FIRST = 1_000
/** Longest period between buffer probes. RFC 7016 §3.6.2.9.1. Milliseconds. */
export const BUFFER_PROBE_LAST = 60_000
/** How long a completed sending flow keeps its identifier. RFC 7016 §3.6.2.11. Milliseconds. */
export const SEND_FLOW_LINGER = 130_000
/** How long a completed receiving flow keeps its identifier. RFC 7016 §3.6.3.8. Milliseconds. */
export const RECEIVE_FLOW_LINGER = 120_000
/** Most bytes of a flow's metadata. RFC 7016 §2.3.11.1.1. */
export const MAX_METADATA = 512

/** Priority levels of flows: 0 to 7, highest first. */
export const PRIORITY_LEVELS = 8
/** Priority of a flow that names none. */
export const DEFAULT_PRIORITY = 3
/** Largest message by default; a file goes in pieces, a game's message is far below. Bytes. */
export const MAX_MESSAGE = 1_048_576
/** What a sending flow holds unacknowledged before `write` refuses, by default: two of the largest messages. Bytes. */
export const MAX_QUEUED: number = 2 * MAX_MESSAGE
/** What a receiving flow holds for reordering and reassembly, by default: two of the largest messages. Bytes. */
export const RECEIVE_CAPACITY: number = 2 * MAX_MESSAGE
/**
 * What all flows of a session hold together of what they have received, and have not handed over: four flows that are not read, full. And what all
 * sessions of an endpoint hold: 32 sessions of that kind. Who is late has as much as is left free. Bytes.
 */
export const SESSION_RECEIVE_CAPACITY: number = 8 * MAX_MESSAGE
export const ENDPOINT_RECEIVE_CAPACITY: number = 256 * MAX_MESSAGE
/** What a session may hold whatever others do: a few flows, and packets of them. Bytes. */
export const SESSION_RECEIVE_FLOOR = 16_384
/** What may be held beyond {@link ENDPOINT_RECEIVE_CAPACITY} to bring messages to their end that have begun. Bytes. */
export const ENDPOINT_OVERDRAFT: number = 64 * MAX_MESSAGE
/** What a receiving flow counts by itself, and each gap in its numbers. Bytes. */
export const FLOW_OVERHEAD = 512
export const GAP_OVERHEAD = 32
/** Storage counted for each buffered fragment beside its data: what an array with its buffer, and its place in a list, take. Bytes. */
export const FRAGMENT_OVERHEAD = 256
/** The same for each fragment that waits to be sent, whose data are the user's: so that messages without content are not free. Bytes. */
export const QUEUE_OVERHEAD = 64
/** What a sending flow's queue may take beside the messages before `write` refuses: 32,768 fragments, however short. Bytes. */
export const MAX_QUEUE_OVERHEAD = 2_097_152
/** Gaps that one receiving flow may have; a fragment that would make one more is dropped as if lost. */
export const MAX_GAPS = 1_024
/** Receiving flows that one session may have at a time; data of one more is dropped. */
export const MAX_RECEIVE_FLOWS = 1_024
/** Ping replies that wait for the next packet; a further ping goes unanswered. */
export const MAX_PENDING_PONGS = 4
/** Pings to addresses other than the session's, and replies from there, that wait to be sent: all paths, and some answers. */
export const MAX_PENDING_ASIDES = 32
/** Longest ping message that is answered; ours are shorter, and a longer one would be an amplifier. Bytes. */
export const MAX_PING_MESSAGE = 256

/** Wait between two Session Close Requests. RFC 7016 §3.5.5. Milliseconds. */
export const CLOSE_INTERVAL = 5_000
/** How long an unanswered close is retried. RFC 7016 §3.5.5. Milliseconds. */
export const NEAR_CLOSE_LIMIT = 90_000
/** How long a session closed by the far end answers close requests. RFC 7016 §3.5.5. Milliseconds. */
export const FAR_CLOSE_LINGER = 19_000

/** How long packets are counted before their loss is told anew. Milliseconds. */
export const METER_INTERVAL = 2_000

/** Nothing heard for this long: ask. Four tries fit into {@link DEAD_AFTER}. RFC 7016 §3.5.4.1. Milliseconds. */
export const KEEPALIVE_INTERVAL = 1_000
/**
 * Nothing heard for this long: what makes packets that come often cheap is given back, and no packet of before the pause is waited for any more:
 * networks that reorder do it by less. Milliseconds.
 */
export const REST_AFTER = 750
/** No user data for this long either way: the session is idle, and whether the far end is there need not be known at once. Milliseconds. */
export const IDLE_AFTER = 10_000
/**
 * The keepalive interval of an idle session. NATs are to remember for two minutes (RFC 4787 §4.3), and most do for 30 s (RFC 9000 §10.1.2): that leaves
 * five seconds for a ping that is lost to be repeated. Milliseconds.
 */
export const IDLE_KEEPALIVE_INTERVAL = 25_000
/** How much longer the responder of an idle session waits, so that mostly only the initiator asks, from behind its NAT. Milliseconds. */
export const IDLE_STAGGER = 2_000
/** Nothing heard for this long: the far end is gone; what players still wait for. RFC 7016 §3.5.4.1. Milliseconds. */
export const DEAD_AFTER = 5_000

/** A far end that is found dead so much too late may have answered while this process slept: it gets as long again to do so. Milliseconds. */
export const OVERSLEPT = 1_000

/**
 * How much longer a responder waits for the initiator's first packet: until its answer has arrived, which may take some retransmissions, the
 * initiator has no keys to send one. Milliseconds.
 */
export const FIRST_PACKET_GRACE = 15_000
/** An initiator that gets packets that it has no keys for yet asks for the keys again, but not more often. Milliseconds. */
export const KEYING_NUDGE_INTERVAL = 200

/** How long a start-up packet may take to come in pieces, and its next piece. RFC 7016 §3.4. Milliseconds. */
export const FRAGMENTED_PACKET_LIFETIME = 60_000
export const FRAGMENTED_PACKET_PROGRESS = 1_000
/** Pieces of one packet: a certificate with a dozen keys of 4096 bits comes in eight. */
export const MAX_PACKET_FRAGMENTS = 16
/** Packets that are waited for at a time, from anywhere, with the pieces at their longest a mebibyte: one more takes the place of the idlest. */
export const MAX_FRAGMENTED_PACKETS = 48

/** Fragments that one address gets at once, and how long until as many more. RFC 7016 §3.4. Bytes, packets, milliseconds. */
export const FRAGMENT_BURST_BYTES = 4_380
export const FRAGMENT_BURST_PACKETS = 4
export const FRAGMENT_BURST_INTERVAL = 200
/** Fragments that wait for their time, for all addresses together; a packet whose fragments would be more is not sent. */
export const MAX_PACED_FRAGMENTS = 256

/**
 * Start-up packets that are looked at in a window of so many milliseconds: those of strangers, and, once there are more, those of addresses that were
 * there before or that there is a session with. One takes some 20 µs where cryptography is native: both together are three times as many
 * as there may be keyings, and the processor's other work does not suffer.
 */
export const STARTUP_PACKETS = 150
export const RECURRING_STARTUP_PACKETS = 150
export const STARTUP_WINDOW = 50
/** Start-up packets of one IPv4 address or IPv6 network that count as those of somebody who was there before, a second. */
export const STARTUP_OF_SOURCE = 256
/** Those of one address, in {@link SOURCE_MEMORY} or twice that: a hello and a keying, each tried three times. */
export const STARTUP_ATTEMPTS = 6
/**
 * How long addresses are remembered while there are too many start-up packets, and once more as long: whoever retries does so after 0.5 and 2 s
 * ({@link STARTUP_FIRST_INTERVAL}). Milliseconds. And counters by which they are, a power of two, two mebibytes for each half: sixteen for each of
 * a quarter of a million.
 */
export const SOURCE_MEMORY = 2_500
export const SIGHTINGS = 4_194_304
/**
 * Keyings that are verified in a second: of one IPv4 address or IPv6 network, and of all. One takes a third of a millisecond where cryptography is
 * native, so that all of them leave a third of a core; a school behind one address gets in within seconds. Those of this machine itself are not counted.
 */
export const KEYINGS_OF_SOURCE = 64
export const KEYINGS_PER_SECOND = 2_048
/** Sessions whose first packet has not come yet; one more ends the oldest of them. */
export const MAX_UNCONFIRMED_SESSIONS = 2_048
/** Malformed chunks of one packet, after which the rest of it is dropped: nobody errs that often. */
export const MAX_CHUNK_ERRORS = 16
/** Sessions that far ends may have opened to one endpoint; further IIKeyings are dropped. */
export const MAX_INCOMING_SESSIONS = 20_000
/** Of those, what one IPv4 address or IPv6 network may have opened: a whole school or office. Those of this machine itself are not counted. */
export const MAX_SESSIONS_OF_SOURCE = 1_024
/** Forwarded IHellos that one session may cause answers to, a second: a room's worth of joiners, no reflector. RFC 7016 §3.5.1.5. */
export const FORWARDED_PER_SECOND = 64
/** Longest forwarded IHello: has to fit into any packet of a session, or nothing behind it would ever be sent. Bytes. */
export const MAX_FORWARDED_HELLO = 512
/** Start-up datagrams that wait to be sent at a time; a flood of hellos gets no further memory. */
export const MAX_STARTUP_QUEUE = 1_024
/** Room for the longest datagram that a link may hand in. Bytes. */
export const MAX_RECEIVED_DATAGRAM = 65_536
