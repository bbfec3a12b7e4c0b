/** How long the introducer has to answer over UDP; three of RTMFP's tries. Milliseconds. */
export const UDP_TIMEOUT = 4_000
/** The same over a WebSocket, with TCP's and TLS's own round trips. Milliseconds. */
export const WEBSOCKET_TIMEOUT = 6_000
/** How often a single probe is tried, and how long each try is waited for: a lost datagram is no verdict. Milliseconds. */
export const TRIES = 3
export const TRY_WAIT = 500
/** Probes by which round-trip time, jitter and loss are measured, and the time between two: a game's rate, for a second. Milliseconds. */
export const QUALITY_PROBES = 50
export const QUALITY_INTERVAL = 20
/** How long late answers are waited for. Milliseconds. */
export const LATE = 1_000
/** UDP payloads that are tried, the largest first: Ethernet, with tunnels and PPPoE, IPv6's least, RTMFP's base, IPv4's least. Bytes. */
export const SIZES: readonly number[] = [1_472, 1_452, 1_432, 1_412, 1_392, 1_372, 1_352, 1_332, 1_280, 1_232, 1_200, 1_024, 548]
/** IP and UDP headers. RFC 791, RFC 8200, RFC 768. Bytes. */
export const IPV4_HEADERS = 28
export const IPV6_HEADERS = 48
/** How long two players of this machine's own may take to find each other by the relay path. Milliseconds. */
export const RELAY_TIMEOUT = 6_000
