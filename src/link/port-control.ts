import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { Address } from '../base/address.ts'
import { Reader, Writer } from '../base/bytes.ts'
import { DecodeError } from '../base/errors.ts'
import { randomBytes } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import type { Clock, Timer } from './clock.ts'
import { PORT_CONTROL_PORT, PORT_CONTROL_TRIES, PORT_CONTROL_WAIT } from './constants.ts'

/** What a router has granted. */
export interface Grant {
  readonly protocol: 'PCP' | 'NAT-PMP'
  /** Where datagrams from outside go to this end's port. */
  readonly address: Address
  /** Seconds. */
  readonly lifetime: number
}

const PCP_VERSION = 2
const NAT_PMP_VERSION = 0
/** RFC 6887 §19.5: MAP. RFC 6886 §3.2, §3.3: the external address, and a mapping for UDP. */
const PCP_MAP = 1
const NAT_PMP_ADDRESS = 0
const NAT_PMP_MAP_UDP = 1
const RESPONSE = 0x80
const UDP = 17
const PCP_HEADER = 24
const PCP_MAP_LENGTH = 60
const NONCE_LENGTH = 12
const UNSUPPORTED_VERSION = 1
/** RFC 6887 §7.4. */
const PCP_RESULTS: ReadonlyMap<number, string> = new Map([
  [2, 'it does not allow it'],
  [3, 'malformed request'],
  [4, 'it can not do that'],
  [7, 'it is not connected'],
  [8, 'it has no room for another mapping'],
  [9, 'it does not map UDP'],
  [10, 'too many mappings'],
  [11, 'the port is not to be had'],
  [12, 'there is another NAT between'],
])
/** RFC 6886 §3.5. */
const NAT_PMP_RESULTS: ReadonlyMap<number, string> = new Map([
  [1, 'it does not speak NAT-PMP'],
  [2, 'it does not allow it'],
  [3, 'it is not connected'],
  [4, 'it has no room for another mapping'],
  [5, 'it can not do that'],
])

/**
 * Asks one router for a port, by the Port Control Protocol (RFC 6887), or by its predecessor NAT-PMP (RFC 6886) where that is all it speaks. Both have
 * the same port, and each one's server answers the other's client that it is the wrong one.
 */
export class PortControl {
  private readonly socket: Socket
  private readonly clock: Clock
  private readonly nonce: Uint8Array
  private granted: Grant | undefined = undefined

  private constructor(socket: Socket, clock: Clock, random: Random) {
    this.socket = socket
    this.clock = clock
    this.nonce = randomBytes(random, NONCE_LENGTH)
  }

  /** @throws Error when the system has no way to it */
  static async open(router: string, clock: Clock, random: Random, port: number = PORT_CONTROL_PORT): Promise<PortControl> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(port, router, () => resolve())
    })
    socket.removeAllListeners('error')
    // A router that refuses is as good as one that does not answer.
    socket.on('error', () => {})
    return new PortControl(socket, clock, random)
  }

  /** Asks for, or renews. @param lifetime Seconds. @throws Error that says what the router did */
  async map(port: number, lifetime: number): Promise<Grant> {
    const isNatPmp = this.granted?.protocol === 'NAT-PMP'
    this.granted = isNatPmp ? await this.mapByNatPmp(port, lifetime) : await this.mapByEither(port, lifetime)
    return this.granted
  }

  /** Gives the port back, as far as the router hears of it, and ends. RFC 6887 §15.1, RFC 6886 §3.4. */
  async close(port: number): Promise<void> {
    const { granted, socket } = this
    try {
      if (granted?.protocol === 'PCP') await this.ask(this.pcpRequest(port, undefined, 0), isPcp)
      else if (granted !== undefined) await this.ask(natPmpRequest(port, 0, 0), isNatPmpOf(NAT_PMP_MAP_UDP))
    } catch {
      // It forgets by itself when the time is over.
    }
    socket.close()
  }

  private async mapByEither(port: number, lifetime: number): Promise<Grant> {
    const answer = await this.ask(this.pcpRequest(port, this.granted?.address, lifetime), (bytes) => isPcp(bytes) || isWrongVersion(bytes))
    return isPcp(answer) ? this.readPcp(answer) : this.mapByNatPmp(port, lifetime)
  }

  private async mapByNatPmp(port: number, lifetime: number): Promise<Grant> {
    const where = natPmpAnswer(await this.ask(Uint8Array.of(NAT_PMP_VERSION, NAT_PMP_ADDRESS), isNatPmpOf(NAT_PMP_ADDRESS)))
    const ip = where.copy(4)
    const wanted = this.granted?.address.port ?? port
    const mapped = natPmpAnswer(await this.ask(natPmpRequest(port, wanted, lifetime), isNatPmpOf(NAT_PMP_MAP_UDP)))
    mapped.skip(2)
    return { protocol: 'NAT-PMP', address: Address.of(ip, mapped.uint16()), lifetime: mapped.uint32() }
  }

  /** RFC 6887 §7.1, §11.1. */
  private pcpRequest(port: number, suggested: Address | undefined, lifetime: number): Uint8Array {
    const w = Writer.ofSize(PCP_MAP_LENGTH)
    w.uint8(PCP_VERSION)
    w.uint8(PCP_MAP)
    w.uint16(0)
    w.uint32(lifetime)
    w.raw(mapped(Address.from(this.socket.address().address, 0)))
    w.raw(this.nonce)
    w.uint32(UDP << 24)
    w.uint16(port)
    w.uint16(lifetime === 0 ? 0 : (suggested?.port ?? port))
    w.raw(mapped(suggested))
    return w.bytes
  }

  /** RFC 6887 §7.2, §11.1. */
  private readPcp(bytes: Uint8Array): Grant {
    const r = new Reader(bytes)
    r.skip(3)
    const result = r.uint8()
    if (result !== 0) throw new Error(PCP_RESULTS.get(result) ?? `it answers with error ${result}`)
    const lifetime = r.uint32()
    r.at = PCP_HEADER + NONCE_LENGTH + 6
    const port = r.uint16()
    return { protocol: 'PCP', address: Address.of(r.copy(16), port), lifetime }
  }

  /** Sends a request again and again until there is an answer that belongs to it. */
  private ask(request: Uint8Array, belongs: (answer: Uint8Array) => boolean): Promise<Uint8Array> {
    const { socket, clock, nonce } = this
    const isPcpRequest = request[0] === PCP_VERSION
    return new Promise((resolve, reject) => {
      let tries = 0
      let timer: Timer | undefined
      const receive = (datagram: Uint8Array): void => {
        if (!belongs(datagram) || (isPcpRequest && isPcp(datagram) && !hasNonce(datagram, nonce))) return
        timer?.cancel()
        socket.off('message', receive)
        resolve(Uint8Array.from(datagram))
      }
      const send = (): void => {
        if (tries === PORT_CONTROL_TRIES) {
          socket.off('message', receive)
          reject(new Error('it does not answer'))
          return
        }
        // RFC 6886 §3.1: each wait is twice as long as the one before.
        timer = clock.at(clock.now() + PORT_CONTROL_WAIT * 2 ** tries++, send)
        socket.send(request)
      }
      socket.on('message', receive)
      send()
    })
  }
}

/** RFC 6886 §3.3. */
function natPmpRequest(port: number, wanted: number, lifetime: number): Uint8Array {
  const w = Writer.ofSize(12)
  w.uint8(NAT_PMP_VERSION)
  w.uint8(NAT_PMP_MAP_UDP)
  w.uint16(0)
  w.uint16(port)
  w.uint16(wanted)
  w.uint32(lifetime)
  return w.bytes
}

/** A reader behind what all answers begin with. RFC 6886 §3.2, §3.3. */
function natPmpAnswer(bytes: Uint8Array): Reader {
  const r = new Reader(bytes)
  r.skip(2)
  const result = r.uint16()
  if (result !== 0) throw new Error(NAT_PMP_RESULTS.get(result) ?? `it answers with error ${result}`)
  r.skip(4)
  return r
}

function isPcp(bytes: Uint8Array): boolean {
  return bytes.length >= PCP_MAP_LENGTH && bytes[0] === PCP_VERSION && bytes[1] === (RESPONSE | PCP_MAP)
}

/** RFC 6887 §9: a NAT-PMP server says so in its own version. */
function isWrongVersion(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === NAT_PMP_VERSION && bytes[3] === UNSUPPORTED_VERSION
}

function isNatPmpOf(operation: number): (bytes: Uint8Array) => boolean {
  const length = operation === NAT_PMP_ADDRESS ? 12 : 16
  return (bytes) =>
    bytes[0] === NAT_PMP_VERSION && bytes[1] === (RESPONSE | operation) && (bytes.length >= length || (bytes.length >= 8 && bytes[3] !== 0))
}

function hasNonce(bytes: Uint8Array, nonce: Uint8Array): boolean {
  return nonce.every((byte, i) => bytes[PCP_HEADER + i] === byte)
}

/** An IPv4 address as PCP has it, within an IPv6 one; all zeros, mapped, for none. RFC 6887 §5. */
function mapped(address: Address | undefined): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes[10] = 0xff
  bytes[11] = 0xff
  if (address !== undefined) {
    if (!address.isIpv4) throw new DecodeError('not an IPv4 address')
    bytes.set(address.ip, 12)
  }
  return bytes
}
