import { DecodeError } from './errors.ts'

const ZERO = 0x30
/** As a digit. */
const DOT: number = 0x2e - ZERO
/** The first byte of every IPv4 address of the machine itself. */
const LOOPBACK_NETWORK = 127

/**
 * What an address leads by. `ip`: UDP, straight. `relay`: an introducer that passes packets on, the address being the number of the path.
 * `stream`: a connection that this process holds, such as a WebSocket; it means nothing to anyone else.
 */
export type AddressKind = 'ip' | 'relay' | 'stream'

/**
 * Where relay paths and streams have their addresses: prefixes that lead nowhere on the Internet (RFC 6666, RFC 9780), so that the
 * protocol can carry them as what they are not and no datagram ever goes to one by mistake. Their port is 0.
 */
const RELAY_PREFIX: readonly number[] = [1, 0, 0, 0, 0, 0, 0, 0]
const STREAM_PREFIX: readonly number[] = [1, 0, 0, 0, 0, 0, 0, 1]
const PREFIX_LENGTH = 8

/**
 * A socket address, immutable: an Internet one, or one of the other kinds. IPv4-mapped IPv6 addresses become IPv4 ones, so that one peer has
 * one address whatever socket its packets came through. Two addresses are the same when their `key`s are.
 */
export class Address {
  readonly kind: AddressKind
  /** The IP address: 4 bytes (IPv4) or 16 (IPv6). */
  readonly ip: Uint8Array
  /** The UDP port, 0 to 65535. */
  readonly port: number
  /** Canonical text, such as `192.0.2.1:1935` or `[2001:db8:0:0:0:0:0:1]:1935`. */
  readonly key: string

  private constructor(ip: Uint8Array, port: number) {
    this.ip = ip
    this.port = port
    this.kind = kindOf(ip, port)
    this.key = ip.length === 4 ? `${ipv4Text(ip)}:${port}` : `[${ipv6Text(ip)}]:${port}`
  }

  /** @throws DecodeError when `ip` is not 4 or 16 bytes long or the port is out of range. */
  static of(ip: Uint8Array, port: number): Address {
    if (ip.length !== 4 && ip.length !== 16) throw new DecodeError('IP address length')
    return Address.owning(ip.slice(), port)
  }

  private static owning(ip: Uint8Array, port: number): Address {
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new DecodeError('port')
    return new Address(isMapped(ip) ? ip.slice(12) : ip, port)
  }

  /** The address of a numeric IP address in text, without brackets, and a port. @throws DecodeError when it is not one. */
  static from(ip: string, port: number): Address {
    return Address.owning(ip.includes(':') ? parseIpv6(ip) : parseIpv4(ip), port)
  }

  /** Reads `192.0.2.1:1935` or `[2001:db8::1]:1935`. @throws DecodeError when the text is not of that form. */
  static parse(text: string): Address {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
    if (match === null) throw new DecodeError('socket address')
    return Address.from((match[1] ?? match[2]) as string, Number(match[3]))
  }

  /** The address of a path through an introducer. @param id 8 bytes, by which the introducer knows it. @throws DecodeError when it has another length. */
  static relay(id: Uint8Array): Address {
    return virtual(RELAY_PREFIX, id)
  }

  /** The address of a connection that this process holds. @param number From 0 to 2⁵³ − 1, this process's own count. */
  static stream(number: number): Address {
    const id = new Uint8Array(PREFIX_LENGTH)
    new DataView(id.buffer).setBigUint64(0, BigInt(number))
    return virtual(STREAM_PREFIX, id)
  }

  /** Whether datagrams go to it without anyone between who passes them on. */
  get isDirect(): boolean {
    return this.kind === 'ip'
  }

  /** The 8 bytes by which an introducer knows a relay path. */
  get relayId(): Uint8Array {
    return this.ip.subarray(PREFIX_LENGTH)
  }

  get isIpv4(): boolean {
    return this.ip.length === 4
  }

  /** Whether it names the machine itself: 127.0.0.0/8 or ::1. RFC 1122 §3.2.1.3, RFC 4291 §2.5.3. */
  get isLoopback(): boolean {
    const { ip } = this
    return this.isIpv4 ? ip[0] === LOOPBACK_NETWORK : ip.every((byte, i) => byte === (i === 15 ? 1 : 0))
  }

  /** The IP address as text, without brackets. */
  get host(): string {
    return this.isIpv4 ? ipv4Text(this.ip) : ipv6Text(this.ip)
  }

  equals(other: Address): boolean {
    return this === other || this.key === other.key
  }

  toString(): string {
    return this.key
  }
}

function virtual(prefix: readonly number[], id: Uint8Array): Address {
  if (id.length !== PREFIX_LENGTH) throw new DecodeError('relay path ID length')
  return Address.of(Uint8Array.from([...prefix, ...id]), 0)
}

function kindOf(ip: Uint8Array, port: number): AddressKind {
  if (ip.length === 4 || port !== 0) return 'ip'
  if (RELAY_PREFIX.every((byte, i) => ip[i] === byte)) return 'relay'
  return STREAM_PREFIX.every((byte, i) => ip[i] === byte) ? 'stream' : 'ip'
}

function isMapped(ip: Uint8Array): boolean {
  if (ip.length !== 16 || ip[10] !== 0xff || ip[11] !== 0xff) return false
  for (let i = 0; i < 10; i++) if (ip[i] !== 0) return false
  return true
}

/** Each of a flood's datagrams has an address of its own: joining the parts as a list would take ten times as long, and so would reading by patterns. */
function ipv4Text(ip: Uint8Array): string {
  return `${ip[0]}.${ip[1]}.${ip[2]}.${ip[3]}`
}

function ipv6Text(ip: Uint8Array): string {
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push((((ip[i] as number) << 8) | (ip[i + 1] as number)).toString(16))
  return groups.join(':')
}

function parseIpv4(text: string): Uint8Array {
  const ip = new Uint8Array(4)
  let part = 0
  let value = -1
  for (let i = 0; i <= text.length; i++) {
    const digit = i === text.length ? DOT : text.charCodeAt(i) - ZERO
    if (digit === DOT) {
      if (value < 0 || part === 4) throw new DecodeError('IPv4 address')
      ip[part++] = value
      value = -1
      continue
    }
    // A leading zero means octal to some and decimal to others.
    if (digit < 0 || digit > 9 || value === 0) throw new DecodeError('IPv4 address')
    value = value < 0 ? digit : 10 * value + digit
    if (value > 0xff) throw new DecodeError('IPv4 address')
  }
  if (part !== 4) throw new DecodeError('IPv4 address')
  return ip
}

function parseIpv6(text: string): Uint8Array {
  const bare = text.replace(/%.*$/, '')
  const halves = bare.split('::')
  if (halves.length > 2) throw new DecodeError('IPv6 address')
  const head = ipv6Groups(halves[0] as string, halves.length === 1)
  const tail = halves.length === 2 ? ipv6Groups(halves[1] as string, true) : []
  const missing = 16 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 2) throw new DecodeError('IPv6 address')
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail])
}

/** @param last Whether the address ends with these groups, so that the last may be an IPv4 address. */
function ipv6Groups(text: string, last: boolean): number[] {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  groups.forEach((group, i) => {
    if (last && group.includes('.') && i === groups.length - 1) bytes.push(...parseIpv4(group))
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >>> 8, value & 0xff)
    } else throw new DecodeError('IPv6 address')
  })
  return bytes
}
