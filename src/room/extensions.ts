import { DATAGRAM_QUEUE, MAX_JOIN_STATE, RELIABLE_QUEUE } from './constants.ts'
import type { Priority } from './definition.ts'
import type { Lane, RoomAttachment, RoomExtension, RoomPort } from './extension.ts'
import type { Peer } from './peer.ts'
import type { Stream, StreamSender } from './stream.ts'

/** What extensions need of their room. */
export interface ExtensionHost
  extends StreamSender, Omit<RoomPort, 'host' | 'isHost' | 'peers' | 'sendDatagram' | 'sendReliable' | 'datagramBacklog' | 'maxJoinState'> {
  /** The host that extensions have been told of: they hear of another one before anything that is its doing. */
  readonly followedHost: Peer
  /** Others that have a seat. */
  readonly seats: Iterable<Peer>
  addStream(stream: Stream): void
  /** Whether what is reliable comes to the peer, now or when it answers again. */
  isKept(peer: Peer): boolean
  /** Bytes of the stream that wait for the peer. */
  backlog(stream: Stream, peer: Peer): number
}

const PRIORITIES: readonly Priority[] = ['background', 'low', 'normal', 'high', 'immediate']

type Hook = {
  [K in keyof RoomExtension]-?: NonNullable<RoomExtension[K]> extends (...args: infer A) => void ? (...args: A) => void : never
}

/** The extensions of one room. */
export class ExtensionSet implements RoomAttachment {
  private readonly host: ExtensionHost
  private readonly byName = new Map<string, RoomExtension>()

  constructor(host: ExtensionHost) {
    this.host = host
  }

  extension<E extends RoomExtension>(name: string, create: (port: RoomPort) => E): E {
    const known = this.byName.get(name)
    if (known !== undefined) return known as E
    const lanes = new Lanes(name, this.host, (from, message, lane) => this.guard(() => made.receive?.(from, message, lane)))
    const made = create(lanes.port)
    this.byName.set(name, made)
    return made
  }

  /** Tells all extensions; what one of them throws keeps neither the others nor the room from going on. */
  tell<K extends keyof Hook>(hook: K, ...args: Parameters<Hook[K]>): void {
    for (const extension of this.byName.values()) {
      this.guard(() => (extension[hook] as ((...a: unknown[]) => void) | undefined)?.apply(extension, args))
    }
  }

  /** What each extension has to say to a peer that joins, or to a successor; by name. */
  collect(hook: 'joinState' | 'handOver', peer: Peer): Record<string, Uint8Array> {
    const states: Record<string, Uint8Array> = {}
    for (const [name, extension] of this.byName) {
      this.guard(() => {
        const state = extension[hook]?.(peer)
        if (state !== undefined && state.length <= MAX_JOIN_STATE) states[name] = state
      })
    }
    return states
  }

  /** Hands each extension what the one of the same name has sent. */
  receiveJoinStates(states: Readonly<Record<string, Uint8Array>>, from: Peer): void {
    for (const [name, extension] of this.byName) {
      const state = states[name]
      if (state !== undefined) this.guard(() => extension.receiveJoinState?.(state, from))
    }
  }

  /** Calls each with what was handed over to it by name. */
  tellEach<K extends keyof Hook>(hook: K, argsFor: (name: string) => Parameters<Hook[K]>): void {
    for (const [name, extension] of this.byName) {
      this.guard(() => (extension[hook] as ((...a: unknown[]) => void) | undefined)?.apply(extension, argsFor(name)))
    }
  }

  private guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.host.onError(error)
    }
  }
}

/** The streams of one extension: a lane at each priority. */
class Lanes {
  readonly port: RoomPort
  private readonly streams: Readonly<Record<Lane, ReadonlyMap<Priority, Stream>>>

  constructor(name: string, host: ExtensionHost, receive: (from: Peer, message: Uint8Array, lane: Lane) => void) {
    const laneOf = (lane: Lane): ReadonlyMap<Priority, Stream> =>
      new Map(
        PRIORITIES.map((priority) => {
          const stream: Stream = {
            id: `#${name}/${lane}/${priority}`,
            delivery: lane === 'reliable' ? 'reliable' : 'unreliable',
            priority,
            lifetime: Infinity,
            maxQueuedBytes: lane === 'reliable' ? RELIABLE_QUEUE : DATAGRAM_QUEUE,
            isOpenToSpectators: true,
            receive: (data, from) => receive(from, data, lane),
            writable: () => {},
          }
          host.addStream(stream)
          return [priority, stream] as const
        }),
      )
    this.streams = { datagram: laneOf('datagram'), reliable: laneOf('reliable') }
    this.port = this.makePort(host)
  }

  private makePort(host: ExtensionHost): RoomPort {
    const streams = this.streams
    const send = (lane: Lane, peer: Peer, message: Uint8Array, priority: Priority): boolean =>
      (lane === 'reliable' ? host.isKept(peer) : host.isReachable(peer)) && host.send(streams[lane].get(priority) as Stream, message, peer)
    return {
      clock: host.clock,
      self: host.self,
      get host() {
        return host.followedHost
      },
      get isHost() {
        return host.followedHost.isSelf
      },
      get epoch() {
        return host.epoch
      },
      get isOpen() {
        return host.isOpen
      },
      get peers() {
        return host.seats
      },
      get topology() {
        return host.topology
      },
      maxJoinState: MAX_JOIN_STATE,
      isReachable: (peer) => host.isReachable(peer),
      isCurrentHost: (peer, epoch) => host.isCurrentHost(peer, epoch),
      datagramRoom: (peer) => host.datagramRoom(peer),
      datagramBacklog(peer) {
        let bytes = 0
        for (const stream of streams.datagram.values()) bytes += host.backlog(stream, peer)
        return bytes
      },
      sendDatagram: (peer, message, priority = 'high') => send('datagram', peer, message, priority),
      sendReliable: (peer, message, priority = 'high') => send('reliable', peer, message, priority),
      provideClock: (now) => host.provideClock(now),
      onError: (error) => host.onError(error),
    }
  }
}
