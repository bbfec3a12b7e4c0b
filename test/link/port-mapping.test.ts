import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Address } from '../../src/base/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import { systemClock } from '../../src/link/clock.ts'
import { PORT_MAPPING_LIFETIME } from '../../src/link/constants.ts'
import type { PortMapping } from '../../src/link/link.ts'
import { openPortMapping } from '../../src/link/port-mapping.ts'
import type { PortMappingOptions, UpnpLibrary } from '../../src/link/port-mapping.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { until } from './until.ts'

const HERE = '127.0.0.1'
const PORT = 40_000
const OUTSIDE = [198, 51, 100, 7]

/** A router on loopback that speaks one of the protocols, and keeps what it has been asked. */
class Router {
  readonly asked: Buffer[] = []
  /** External port by internal one. */
  readonly mappings = new Map<number, number>()
  result = 0
  lifetime = PORT_MAPPING_LIFETIME
  externalPort = 45_678
  isSilent = false
  /** What somebody sends who has not seen the request, before the answer. */
  forge: ((answer: Buffer) => void) | undefined
  private readonly socket: Socket
  private constructor(socket: Socket, speaks: 'PCP' | 'NAT-PMP') {
    this.socket = socket
    socket.on('message', (request, from) => {
      this.asked.push(request)
      if (this.isSilent) return
      const answer = speaks === 'PCP' ? this.pcp(request) : this.natPmp(request)
      if (this.forge !== undefined) {
        const forged = Buffer.from(answer)
        this.forge(forged)
        socket.send(forged, from.port, from.address)
      }
      socket.send(answer, from.port, from.address)
    })
  }

  static async start(speaks: 'PCP' | 'NAT-PMP'): Promise<Router> {
    const socket = createSocket('udp4').bind(0, HERE)
    await once(socket, 'listening')
    const router = new Router(socket, speaks)
    closers.push(() => void socket.close())
    return router
  }

  get port(): number {
    return this.socket.address().port
  }

  private pcp(request: Buffer): Buffer {
    const answer = Buffer.from(request)
    answer[1] = 0x81
    answer[3] = this.result
    const lifetime = Math.min(request.readUInt32BE(4), this.lifetime)
    answer.writeUInt32BE(lifetime, 4)
    answer.fill(0, 12, 24)
    answer.writeUInt16BE(this.map(request.readUInt16BE(40), lifetime), 42)
    answer.set([...Buffer.alloc(10), 0xff, 0xff, ...OUTSIDE], 44)
    return answer
  }

  private natPmp(request: Buffer): Buffer {
    if (request[0] !== 0) return Buffer.from([0, 0x80 | request[1]!, 0, 1, 0, 0, 0, 0])
    const head = Buffer.from([0, 0x80 | request[1]!, 0, this.result, 0, 0, 0, 9])
    if (request[1] === 0) return Buffer.concat([head, Buffer.from(OUTSIDE)])
    const tail = Buffer.alloc(8)
    const internal = request.readUInt16BE(4)
    const lifetime = Math.min(request.readUInt32BE(8), this.lifetime)
    tail.writeUInt16BE(internal, 0)
    tail.writeUInt16BE(this.map(internal, lifetime), 2)
    tail.writeUInt32BE(lifetime, 4)
    return Buffer.concat([head, tail])
  }

  private map(internal: number, lifetime: number): number {
    if (lifetime === 0) this.mappings.delete(internal)
    else if (this.result === 0) this.mappings.set(internal, this.externalPort)
    return lifetime === 0 ? 0 : this.externalPort
  }
}

const closers: (() => void)[] = []
const mappings: PortMapping[] = []

afterEach(async () => {
  await Promise.all(mappings.splice(0).map((mapping) => mapping.close()))
  for (const close of closers.splice(0)) close()
})

const noUpnp = (): Promise<UpnpLibrary> => Promise.reject(new Error('not there'))

async function open(router: Router | undefined, more: Partial<PortMappingOptions> = {}): Promise<PortMapping> {
  const mapping = await openPortMapping({
    port: PORT,
    clock: systemClock,
    random: seededRandom(1),
    onChange: () => {},
    routers: router === undefined ? [] : [HERE],
    ...(router === undefined ? {} : { routerPort: router.port }),
    loadUpnp: noUpnp,
    ...more,
  })
  mappings.push(mapping)
  return mapping
}

describe.each(['PCP', 'NAT-PMP'] as const)('a router that speaks %s', (speaks) => {
  test('maps a port, and takes the mapping back at the end', async () => {
    const router = await Router.start(speaks)
    const mapping = await open(router)
    expect(mapping).toMatchObject({ protocol: speaks })
    expect(mapping.address.key).toBe('198.51.100.7:45678')
    expect([...router.mappings]).toEqual([[PORT, 45_678]])
    await mapping.close()
    await mapping.close()
    expect(router.mappings.size).toBe(0)
  })

  test('that refuses is quoted, and UPnP tried', async () => {
    const router = await Router.start(speaks)
    router.result = 2
    await expect(open(router)).rejects.toThrow(
      `The router has mapped no port. PCP and NAT-PMP, ${HERE}: it does not allow it; UPnP: the package @silentbot1/nat-api is not installed.`,
    )
    await expect(open(router)).rejects.toMatchObject({ code: 'PORT_MAPPING_FAILED' })
  })

  test('is asked again when half of the time is over; a port that has changed is told', async () => {
    const router = await Router.start(speaks)
    const clock = new SimulatedClock()
    const changes: Address[] = []
    router.lifetime = 120
    await open(router, { clock, onChange: (address) => changes.push(address) })
    const before = router.asked.length
    router.externalPort = 45_679
    clock.run(60_001)
    await until(() => changes.length === 1)
    expect(changes[0]!.key).toBe('198.51.100.7:45679')
    expect(router.asked.length).toBeGreaterThan(before)
  })
})

describe('a port mapping', () => {
  test('PCP’s requests are as RFC 6887 §7.1 and §11.1 have them', async () => {
    const router = await Router.start('PCP')
    await open(router)
    const [request] = router.asked as [Buffer]
    expect(request).toHaveLength(60)
    expect([...request.subarray(0, 8)]).toEqual([2, 1, 0, 0, 0, 0, 0x1c, 0x20])
    expect([...request.subarray(8, 24)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1])
    expect([...request.subarray(36, 44)]).toEqual([17, 0, 0, 0, PORT >> 8, PORT & 255, PORT >> 8, PORT & 255])
  })

  test('NAT-PMP’s requests are as RFC 6886 §3.2 and §3.3 have them', async () => {
    const router = await Router.start('NAT-PMP')
    await open(router)
    expect(router.asked.slice(1).map((request) => [...request])).toEqual([
      [0, 0],
      [0, 1, 0, 0, PORT >> 8, PORT & 255, PORT >> 8, PORT & 255, 0, 0, 0x1c, 0x20],
    ])
  })

  test('an answer with another nonce is none', async () => {
    const router = await Router.start('PCP')
    router.forge = (answer) => {
      answer[24] = answer[24]! ^ 1
      answer.writeUInt16BE(666, 42)
    }
    expect((await open(router)).address.port).toBe(45_678)
  })

  test('a router that says nothing is given up', async () => {
    const router = await Router.start('PCP')
    router.isSilent = true
    await expect(open(router)).rejects.toThrow(/PCP and NAT-PMP, 127\.0\.0\.1: it does not answer; UPnP/)
    expect(router.asked).toHaveLength(3)
  })

  test('with no router known UPnP is asked; another port is tried when the own one is taken; in the end it is given back', async () => {
    const calls: string[] = []
    class Client {
      map({ publicPort, privatePort, protocol }: { publicPort: number; privatePort: number; protocol: string }): Promise<boolean> {
        calls.push(`${protocol} ${publicPort === PORT ? 'own' : 'other'} ${privatePort}`)
        return Promise.resolve(publicPort !== PORT)
      }
      externalIp(): Promise<string> {
        return Promise.resolve('198.51.100.9')
      }
      destroy(): Promise<void> {
        calls.push('destroy')
        return Promise.resolve()
      }
    }
    const mapping = await open(undefined, { loadUpnp: () => Promise.resolve({ default: Client }) })
    expect(mapping).toMatchObject({ protocol: 'UPnP' })
    expect(mapping.address.host).toBe('198.51.100.9')
    expect(mapping.address.port).toBeGreaterThanOrEqual(49_152)
    await mapping.close()
    expect(calls).toEqual([`UDP own ${PORT}`, `UDP other ${PORT}`, 'destroy'])
  })
})
