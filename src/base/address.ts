import { DecodeError } from './errors.ts'

/** The first byte of every IPv4 address of the machine itself. */
const LOOPBACK_NETWORK = 127

/**
 * An Internet socket address, immutable. IPv4-mapped IPv6 addresses become IPv4 ones, so that one peer has one
 * address whatever socket its packets came through. Two addresses are the same when their `key`s are.
 */
export class Address {
  /** The IP address: 4 bytes (IPv4) or 16 (IPv6). */
  readonly ip: Uint8Array
  /** The UDP port, 0 to 65535. */
  readonly port: number
  /** Canonical text, such as `192.0.2.1:1935` or `[2001:db8:0:0:0:0:0:1]:1935`. */
  readonly key: string

  private constructor(ip: Uint8Array, port: number) {
    this.ip = ip
    this.port = port
    this.key = ip.length === 4 ? `${ip.join('.')}:${port}` : `[${ipv6Text(ip)}]:${port}`
  }

  /** @throws DecodeError when `ip` is not 4 or 16 bytes long or the port is out of range. */
  static of(ip: Uint8Array, port: number): Address {
    if (ip.length !== 4 && ip.length !== 16) throw new DecodeError('IP address length')
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new DecodeError('port')
    return new Address(isMapped(ip) ? ip.slice(12) : ip.slice(), port)
  }

  /** The address of a numeric IP address in text, without brackets, and a port. @throws DecodeError when it is not one. */
  static from(ip: string, port: number): Address {
    return Address.of(ip.includes(':') ? parseIpv6(ip) : parseIpv4(ip), port)
  }

  /** Reads `192.0.2.1:1935` or `[2001:db8::1]:1935`. @throws DecodeError when the text is not of that form. */
  static parse(text: string): Address {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
    if (match === null) throw new DecodeError('socket address')
    return Address.from((match[1] ?? match[2]) as string, Number(match[3]))
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
    return this.isIpv4 ? this.ip.join('.') : ipv6Text(this.ip)
  }

  equals(other: Address): boolean {
    return this === other || this.key === other.key
  }

  toString(): string {
    return this.key
  }
}

function isMapped(ip: Uint8Array): boolean {
  if (ip.length !== 16 || ip[10] !== 0xff || ip[11] !== 0xff) return false
  for (let i = 0; i < 10; i++) if (ip[i] !== 0) return false
  return true
}

function ipv6Text(ip: Uint8Array): string {
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push((((ip[i] as number) << 8) | (ip[i + 1] as number)).toString(16))
  return groups.join(':')
}

function parseIpv4(text: string): Uint8Array {
  const parts = text.split('.')
  if (parts.length !== 4) throw new DecodeError('IPv4 address')
  return Uint8Array.from(parts, (part) => {
    // A leading zero means octal to some and decimal to others.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) throw new DecodeError('IPv4 address')
    return Number(part)
  })
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
