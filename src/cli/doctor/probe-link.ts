import type { Address } from '../../base/address.ts'
import { equalBytes } from '../../base/bytes.ts'
import { DecodeError } from '../../base/errors.ts'
import { PROBE_BYTES, PROBE_TOKEN_BYTES } from '../../introducer/constants.ts'
import { decodeProbeAnswer, encodeProbe, probeSequence } from '../../introducer/probe.ts'
import type { ProbeAnswer } from '../../introducer/probe.ts'
import type { DatagramHandler, Link, LinkStats } from '../../link/link.ts'

/** An answer, and the address that it came from. */
export interface Heard extends ProbeAnswer {
  readonly from: Address
  /** Milliseconds on the clock that the link was given. */
  readonly at: number
  readonly length: number
}

/** A link that also carries probes, on the very socket that the game's packets use: another one would have another hole in the NAT. */
export class ProbeLink implements Link {
  readonly kind: Link['kind']
  readonly maxDatagram: number
  /** In front of probes; without one, none are taken. */
  token: Uint8Array | undefined = undefined
  private sequence = 0
  private readonly inner: Link
  private readonly now: () => number
  private readonly listeners = new Set<(heard: Heard) => void>()

  constructor(inner: Link, now: () => number) {
    this.inner = inner
    this.now = now
    this.kind = inner.kind
    this.maxDatagram = inner.maxDatagram
  }

  get stats(): Readonly<LinkStats> {
    return this.inner.stats
  }

  get addresses(): readonly Address[] {
    return this.inner.addresses
  }

  send(datagram: Uint8Array, to: Address): void {
    this.inner.send(datagram, to)
  }

  start(handler: DatagramHandler): void {
    this.inner.start((datagram, from) => {
      if (!this.take(datagram, from)) handler(datagram, from)
    })
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  /** A number for a probe that no other has had; 0 stands for what comes unasked. */
  nextSequence(): number {
    return ++this.sequence
  }

  /** Sends a probe. */
  probe(sequence: number, to: Address, length: number = PROBE_BYTES): void {
    if (this.token !== undefined) this.inner.send(encodeProbe(this.token, sequence, length), to)
  }

  /** Calls back on each answer. @returns What ends that. */
  listen(listener: (heard: Heard) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private take(datagram: Uint8Array, from: Address): boolean {
    const { token } = this
    if (token === undefined || datagram.length < PROBE_BYTES) return false
    if (!equalBytes(datagram.subarray(0, PROBE_TOKEN_BYTES), token)) return false
    const heard = { from, at: this.now(), length: datagram.length }
    try {
      const answer = decodeProbeAnswer(datagram)
      for (const listener of this.listeners) listener({ ...heard, ...answer })
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      // A probe of this end's own, led back by a NAT with hairpin, has no address in it.
      const sequence = probeSequence(datagram)
      for (const listener of this.listeners) listener({ ...heard, sequence, time: 0, observed: from })
    }
    return true
  }
}
