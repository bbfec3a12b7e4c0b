import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { AltostratusError } from '../../src/base/errors.ts'
import { ADDRESS_CACHE, MAX_LOCAL_ADDRESSES, SEND_BACKLOG, SEND_RING, SEND_RING_CHECK } from '../../src/link/constants.ts'
import type { Link } from '../../src/link/link.ts'
import { openUdp, UdpLink } from '../../src/link/udp.ts'
import type { UdpOptions } from '../../src/link/udp.ts'
import { linkContract } from './contract.ts'
import type { LinkUnderTest } from './contract.ts'
import { until } from './until.ts'

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

/** UDP on this machine's loopback, which loses nothing as long as the buffers do not overflow. */
function loopback(host: string, reachedAt: string): () => LinkUnderTest {
  return () => ({
    open: () => openUdp({ host }),
    addressOf: (link: Link) => Address.from(reachedAt, (link as UdpLink).port),
    until,
  })
}

linkContract('UDP over IPv4', loopback('127.0.0.1', '127.0.0.1'))
linkContract('UDP on all addresses, reached over IPv4', loopback('::', '127.0.0.1'))
if (hasIpv6) {
  linkContract('UDP over IPv6', loopback('::1', '::1'))
  linkContract('UDP on all addresses, reached over IPv6', loopback('::', '::1'))
}

const links: UdpLink[] = []

afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()))
})

async function open(options?: UdpOptions): Promise<UdpLink> {
  const link = await openUdp(options)
  links.push(link)
  return link
}

async function failure(options: UdpOptions): Promise<AltostratusError> {
  const error = await open(options).then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!(error instanceof AltostratusError)) throw new Error(`expected a typed error, not ${String(error)}`)
  return error
}

describe('opening', () => {
  test('a busy port says so, and what to do', async () => {
    const { port } = await open({ host: '127.0.0.1' })
    const error = await failure({ host: '127.0.0.1', port })
    expect(error.code).toBe('PORT_IN_USE')
    expect(error.message).toBe(`UDP port ${port} is already in use. Stop the program that has it, or choose another port.`)
    expect((error.cause as NodeJS.ErrnoException).code).toBe('EADDRINUSE')
  })

  test('the port of an IPv4 socket is busy for all addresses too', async () => {
    const { port } = await open({ host: '0.0.0.0' })
    expect((await failure({ port })).code).toBe('PORT_IN_USE')
  })

  test('a port that was closed can be opened again', async () => {
    const first = await open({ host: '127.0.0.1' })
    await first.close()
    const second = await open({ host: '127.0.0.1', port: first.port })
    expect(second.port).toBe(first.port)
  })

  test.each(['192.0.2.1', '2001:db8::1'])('an address of another machine, %s, is refused', async (host) => {
    const error = await failure({ host })
    expect(error.code).toBe('ADDRESS_UNAVAILABLE')
    expect(error.hint).toContain(':: for all of them')
  })

  test.each(['localhost', '', '127.0.0.1:80', '[::1]', 'play.example.com'])('%j is no numeric address', async (host) => {
    expect((await failure({ host })).code).toBe('ADDRESS_UNAVAILABLE')
  })

  test.each([-1, 65_536, 1.5, NaN])('%p is no port', async (port) => {
    expect((await failure({ port })).code).toBe('PORT_INVALID')
  })
})

describe('addresses', () => {
  test('on one address it is that', async () => {
    const link = await open({ host: '127.0.0.1' })
    expect(link.addresses.map(String)).toEqual([`127.0.0.1:${link.port}`])
  })

  test('on all addresses, the interfaces’: not too many, none that means nothing elsewhere', async () => {
    const link = await open()
    expect(link.addresses.length).toBeLessThanOrEqual(MAX_LOCAL_ADDRESSES)
    for (const { host } of link.addresses) expect(host).not.toMatch(/^(fe80|::|0\.0\.0\.0)/)
    const isOutward = link.addresses.some(({ host }) => !/^(127\.|0:0:0:0:0:0:0:1$)/.test(host))
    if (isOutward) for (const { host } of link.addresses) expect(host).not.toMatch(/^127\.|^0:0:0:0:0:0:0:1$/)
  })

  test('on all of IPv4, only those', async () => {
    const link = await open({ host: '0.0.0.0' })
    expect(link.addresses.every(({ isIpv4 }) => isIpv4)).toBe(true)
  })

  test('what comes over IPv4 to a socket of both families has an IPv4 source', async () => {
    const both = await open()
    const old = createSocket('udp4')
    const arrived = new Promise<Address>((resolve) => {
      both.start((_, from) => resolve(from))
    })
    old.send('x', both.port, '127.0.0.1')
    const from = await arrived
    expect(from.isIpv4).toBe(true)
    const answered = once(old, 'message')
    both.send(Uint8Array.of(7), from)
    const [answer] = (await answered) as [Uint8Array]
    old.close()
    expect([...answer]).toEqual([7])
  })

  test('an IPv4 socket counts what is for IPv6 as errors', async () => {
    const link = await open({ host: '127.0.0.1' })
    link.send(Uint8Array.of(1), Address.parse('[::1]:9'))
    expect(link.stats).toMatchObject({ sent: 0, sendErrors: 1 })
  })

  test('port 0, which can come off the wire, is an error and goes nowhere', async () => {
    const link = await open({ host: '127.0.0.1' })
    link.send(Uint8Array.of(1), Address.parse('127.0.0.1:0'))
    expect(link.stats).toMatchObject({ sent: 0, sendErrors: 1 })
  })

  test('what the system refuses later is counted', async () => {
    const link = await open({ host: '127.0.0.1' })
    // A socket on the loopback address has no way to the outside.
    link.send(Uint8Array.of(1), Address.parse('192.0.2.1:9'))
    await until(() => link.stats.sendErrors === 1)
    expect(link.stats.sent).toBe(1)
  })
})

/** The part of a socket that a link uses, under the test's control. */
class StubSocket extends EventEmitter {
  readonly sends: { bytes: Uint8Array; port: number; host: string; copy: number[] }[] = []
  queueSize = 0
  sendThrows = false
  /** What the system says of each datagram, if it is asked. */
  failure: Error | null = null
  asked = 0
  queueLooks = 0
  /** Sent by the system, of what it holds, between two looks. */
  drains = 0
  closedWith = -1

  address(): { address: string; family: string; port: number } {
    return { address: '::', family: 'IPv6', port: 4_000 }
  }

  send(bytes: Uint8Array, port: number, host: string, done?: (error: Error | null) => void): void {
    if (this.sendThrows) throw new RangeError('refused')
    this.sends.push({ bytes, port, host, copy: [bytes[0] as number, bytes[bytes.length - 1] as number] })
    if (done !== undefined) this.asked++
    done?.(this.failure)
  }

  getSendQueueSize(): number {
    this.queueLooks++
    const size = this.queueSize
    this.queueSize = Math.max(0, size - this.drains)
    return size
  }

  close(done: () => void): void {
    this.closedWith = this.queueSize
    done()
  }
}

function stubbed(): { socket: StubSocket; link: UdpLink } {
  const socket = new StubSocket()
  return { socket, link: new UdpLink(socket as unknown as Socket, '::') }
}

describe('the socket’s side', () => {
  const to = Address.parse('192.0.2.1:1935')

  test('IPv4 destinations of a socket of both families are mapped (RFC 4291 §2.5.5.2)', () => {
    const { socket, link } = stubbed()
    link.send(Uint8Array.of(1), to)
    link.send(Uint8Array.of(1), Address.parse('[2001:db8::1]:9'))
    link.send(Uint8Array.of(1), to)
    expect(socket.sends.map(({ host, port }) => [host, port])).toEqual([
      ['::ffff:192.0.2.1', 1935],
      ['2001:db8:0:0:0:0:0:1', 9],
      ['::ffff:192.0.2.1', 1935],
    ])
  })

  test('an answer to a link-local address goes out by the interface that it came in by', () => {
    const { socket, link } = stubbed()
    link.start((_, from) => link.send(Uint8Array.of(1), from))
    socket.emit('message', Buffer.of(1), { address: 'fe80::5%eth1', family: 'IPv6', port: 7, size: 1 })
    expect(socket.sends[0]).toMatchObject({ host: 'fe80::5%eth1', port: 7 })
  })

  test('one source is one Address object while it is remembered', () => {
    const { socket, link } = stubbed()
    const seen: Address[] = []
    link.start((_, from) => seen.push(from))
    for (const port of [7, 8, 7, 8, 8]) socket.emit('message', Buffer.of(1), { address: '::ffff:192.0.2.9', family: 'IPv6', port, size: 1 })
    expect(seen.map(({ key }) => key)).toEqual([7, 8, 7, 8, 8].map((port) => `192.0.2.9:${port}`))
    expect(new Set(seen).size).toBe(2)
  })

  test('more sources than are remembered are still told apart', () => {
    const { socket, link } = stubbed()
    let wrong = 0
    let expected = ''
    link.start((_, from) => {
      if (from.key !== expected) wrong++
      link.send(Uint8Array.of(1), from)
    })
    const count = ADDRESS_CACHE + 10
    for (let i = 0; i < count; i++) {
      expected = `10.1.${i >> 8}.${i & 255}:9`
      socket.emit('message', Buffer.of(1), { address: `10.1.${i >> 8}.${i & 255}`, family: 'IPv4', port: 9, size: 1 })
    }
    expect(wrong).toBe(0)
    expect(socket.sends.at(-1)?.host).toBe(`::ffff:${expected.slice(0, -2)}`)
  })

  test('the system is asked what becomes of the first datagram to an address, then of few, and while they fail of all', () => {
    const { socket, link } = stubbed()
    for (let i = 0; i < 10; i++) link.send(new Uint8Array(1_000), to)
    expect(socket.asked).toBe(1)
    for (let i = 0; i < 10; i++) link.send(new Uint8Array(1_000), Address.parse('192.0.2.2:1935'))
    expect(socket.asked).toBe(2)
    socket.failure = new Error('no route')
    for (let sent = 0; sent <= SEND_RING_CHECK; sent += 1_000) link.send(new Uint8Array(1_000), to)
    const failed = link.stats.sendErrors
    expect(failed).toBeGreaterThan(0)
    for (let i = 0; i < 10; i++) link.send(new Uint8Array(1_000), to)
    expect(link.stats.sendErrors).toBe(failed + 10)
    socket.failure = null
    for (let i = 0; i < 10; i++) link.send(new Uint8Array(1_000), to)
    expect(link.stats.sendErrors).toBe(failed + 10)
    expect(socket.asked).toBe(2 + failed + 11)
  })

  test('what the socket may still hold is not overwritten', () => {
    const { socket, link } = stubbed()
    const size = 1_280
    const datagram = new Uint8Array(size)
    // The socket claims all that it is given up to the limit, as when the network is slow.
    for (let i = 0; i < 3 * (SEND_RING / size); i++) {
      link.send(datagram.fill(i & 255), to)
      const held = socket.sends.slice(-Math.floor(SEND_BACKLOG / size))
      if (i % 97 === 0) for (const { bytes, copy } of held) expect([bytes[0], bytes[size - 1]]).toEqual(copy)
    }
    expect(socket.queueLooks).toBeLessThan(40)
  })

  test('when the socket holds too much, datagrams are dropped and counted until it has sent', () => {
    const { socket, link } = stubbed()
    const datagram = new Uint8Array(60_000)
    const size = (): number => socket.sends.reduce((sum, { bytes }) => sum + bytes.length, 0)
    for (let i = 0; i < 100; i++) {
      socket.queueSize = size()
      link.send(datagram, to)
    }
    expect(size()).toBeLessThan(SEND_RING - 2 * datagram.length)
    expect(link.stats).toMatchObject({ sent: socket.sends.length, sendErrors: 100 - socket.sends.length })
    const before = socket.sends.length
    socket.queueSize = 0
    link.send(datagram, to)
    expect(socket.sends).toHaveLength(before + 1)
  })

  test('it closes when the socket has sent what it holds', async () => {
    const { socket, link } = stubbed()
    Object.assign(socket, { queueSize: 5_000, drains: 1_000 })
    await link.close()
    expect(socket.closedWith).toBe(0)
  })

  test('it closes in the end when the socket never sends', async () => {
    const { socket, link } = stubbed()
    socket.queueSize = 5_000
    await link.close()
    expect(socket.closedWith).toBe(5_000)
  })

  test('a socket that throws is counted', () => {
    const { socket, link } = stubbed()
    socket.sendThrows = true
    expect(() => link.send(Uint8Array.of(1), to)).not.toThrow()
    expect(link.stats.sendErrors).toBe(1)
  })

  test('an error event of the socket is counted and does no harm', () => {
    const { socket, link } = stubbed()
    socket.emit('error', new Error('network is down'))
    link.send(Uint8Array.of(1), to)
    expect(link.stats).toMatchObject({ sent: 1, sendErrors: 1 })
  })
})
