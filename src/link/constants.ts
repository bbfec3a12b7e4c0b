/** Largest UDP payload over IPv4. RFC 768, RFC 791. Bytes. */
export const MAX_UDP_PAYLOAD = 65_507
/**
 * Ring of memory for datagrams that the socket has taken but perhaps not sent: the system's send buffer holds about 200 kB, so what is
 * overwritten after 1 MiB has long been sent. Bytes.
 */
export const SEND_RING = 1_048_576
/** Remembered source addresses; beyond it the memory starts anew. A server with more live peers than this only parses some again. */
export const ADDRESS_CACHE = 16_384
/** Socket buffers asked of the system: a burst of a full congestion window must fit while the process is busy. Bytes. */
export const SOCKET_BUFFER = 1_048_576
/** Longest wait that a system timer can be given; a later deadline is waited for in pieces. Milliseconds. */
export const MAX_TIMEOUT = 2_147_483_647
/** Packets polled out in one go before other work of the process gets a turn. */
export const DRAIN_LIMIT = 1_024
