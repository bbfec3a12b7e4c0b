/** Takes a datagram that somebody in the group has sent. @param host Numeric address that it came from */
export type GroupHandler = (datagram: Uint8Array, host: string) => void

/** Something that carries a datagram to everyone on the same local network who listens: a multicast group, or a simulated one. */
export interface GroupLink {
  /** Sends to all others, and to other processes of this machine; what can't be sent is lost. */
  send(datagram: Uint8Array): void
  /** Names who takes what comes in. What this end has sent may come back to it. */
  start(handler: GroupHandler): void
  close(): void
}
