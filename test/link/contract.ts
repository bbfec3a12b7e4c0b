import { afterEach, describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { randomBytes, seededRandom } from '../../src/base/random.ts'
import type { Link } from '../../src/link/link.ts'

/** What a kind of link brings to the contract: how to make it, and how to wait for it. */
export interface LinkUnderTest {
  /** A new link that other links of the same world can reach. */
  open(): Promise<Link>
  /** Where another reaches it. */
  addressOf(link: Link, viewer: Link): Address
  /** Ends what stands between the links. */
  close?(): Promise<void>
  /** Whether it can name addresses of its own; it can by default. */
  readonly hasAddresses?: boolean
  /** Lets time pass until the condition holds; rejects when it never does. */
  until(condition: () => boolean): Promise<void>
}

/** A datagram that came in, its bytes copied as they were. */
interface Arrival {
  readonly bytes: number[]
  readonly from: Address
}

/** What every link must do; `make` is called for each test, for a world of its own. */
export function linkContract(name: string, make: () => LinkUnderTest): void {
  describe(`link contract: ${name}`, () => {
    const opened: Link[] = []
    let world: LinkUnderTest

    const open = async (count: number): Promise<Link[]> => {
      world = make()
      const links: Link[] = []
      for (let i = 0; i < count; i++) links.push(await world.open())
      opened.push(...links)
      return links
    }
    const pair = async (): Promise<[Link, Link]> => (await open(2)) as [Link, Link]
    const collect = (link: Link): Arrival[] => {
      const arrivals: Arrival[] = []
      link.start((datagram, from) => arrivals.push({ bytes: [...datagram], from }))
      return arrivals
    }

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((link) => link.close()))
      await world.close?.()
    })

    test('datagrams go both ways, and an answer to the source address arrives', async () => {
      const [a, b] = await pair()
      const atA = collect(a)
      const atB: Arrival[] = []
      b.start((datagram, from) => {
        atB.push({ bytes: [...datagram], from })
        b.send(Uint8Array.of(4, 5), from)
      })
      a.send(Uint8Array.of(1, 2, 3), world.addressOf(b, a))
      await world.until(() => atA.length === 1)
      expect(atB.map(({ bytes }) => bytes)).toEqual([[1, 2, 3]])
      expect(atA.map(({ bytes }) => bytes)).toEqual([[4, 5]])
      expect(atB[0]?.from.key).toBe(world.addressOf(a, b).key)
      expect(atA[0]?.from.key).toBe(world.addressOf(b, a).key)
      expect([a.stats, b.stats]).toEqual([
        { sent: 1, received: 1, sendErrors: 0, handlerErrors: 0 },
        { sent: 1, received: 1, sendErrors: 0, handlerErrors: 0 },
      ])
    })

    test('several senders are told apart, and get their own answers', async () => {
      const [server, ...clients] = (await open(4)) as [Link, Link, Link, Link]
      server.start((datagram, from) => server.send(datagram, from))
      const arrivals = clients.map(collect)
      for (let round = 0; round < 3; round++) {
        clients.forEach((client, i) => client.send(Uint8Array.of(round, i), world.addressOf(server, client)))
      }
      await world.until(() => arrivals.every((list) => list.length === 3))
      arrivals.forEach((list, i) => expect(list.map(({ bytes }) => bytes)).toEqual([0, 1, 2].map((round) => [round, i])))
    })

    test('the bytes are copied: the buffer may be used again at once', async () => {
      const [a, b] = await pair()
      const arrivals = collect(b)
      const buffer = new Uint8Array(64)
      for (let i = 0; i < 20; i++) a.send(buffer.fill(i), world.addressOf(b, a))
      buffer.fill(255)
      await world.until(() => arrivals.length === 20)
      expect(arrivals.map(({ bytes }) => bytes)).toEqual(Array.from({ length: 20 }, (_, i) => new Array<number>(64).fill(i)))
    })

    test('a view into a larger buffer sends the view alone', async () => {
      const [a, b] = await pair()
      const arrivals = collect(b)
      a.send(Uint8Array.of(9, 1, 2, 9).subarray(1, 3), world.addressOf(b, a))
      await world.until(() => arrivals.length === 1)
      expect(arrivals[0]?.bytes).toEqual([1, 2])
    })

    test('the bytes that come in are the receiver’s to keep', async () => {
      const [a, b] = await pair()
      const kept: Uint8Array[] = []
      b.start((datagram) => kept.push(datagram))
      for (let i = 0; i < 20; i++) a.send(new Uint8Array(100).fill(i), world.addressOf(b, a))
      await world.until(() => kept.length === 20)
      kept.forEach((datagram, i) => expect([...new Set(datagram)]).toEqual([i]))
    })

    test('datagrams of 1 byte up to the largest arrive whole', async () => {
      const [a, b] = await pair()
      const arrivals = collect(b)
      const random = seededRandom(7)
      const sizes = [1, 2, 11, 12, 576, 1_280, 1_472, 9_000, 65_000, a.maxDatagram]
      for (const size of sizes) {
        const datagram = randomBytes(random, size)
        a.send(datagram, world.addressOf(b, a))
        await world.until(() => arrivals.length === 1)
        expect(arrivals.pop()?.bytes).toEqual([...datagram])
      }
    })

    test('what is longer than the largest is dropped and counted', async () => {
      const [a, b] = await pair()
      const arrivals = collect(b)
      a.send(new Uint8Array(a.maxDatagram + 1), world.addressOf(b, a))
      a.send(Uint8Array.of(1), world.addressOf(b, a))
      await world.until(() => arrivals.length === 1)
      expect(arrivals[0]?.bytes).toEqual([1])
      expect(a.stats).toMatchObject({ sent: 1, sendErrors: 1 })
    })

    test.each(['192.0.2.1:0', '127.0.0.1:0', '[::1]:0', '255.255.255.255:9', '0.0.0.0:0', '[ff02::1]:9', '[fe80::1]:9'])(
      'an address that leads nowhere, %s, does not throw',
      async (key) => {
        const [a, b] = await pair()
        const arrivals = collect(b)
        expect(() => a.send(Uint8Array.of(1), Address.parse(key))).not.toThrow()
        a.send(Uint8Array.of(2), world.addressOf(b, a))
        await world.until(() => arrivals.length === 1)
        expect(arrivals[0]?.bytes).toEqual([2])
      },
    )

    test('a handler that throws is counted and stops nothing', async () => {
      const [a, b] = await pair()
      let calls = 0
      b.start(() => {
        calls++
        throw new Error('from the handler')
      })
      a.send(Uint8Array.of(1), world.addressOf(b, a))
      a.send(Uint8Array.of(2), world.addressOf(b, a))
      await world.until(() => calls === 2)
      expect(b.stats).toMatchObject({ received: 2, handlerErrors: 2 })
    })

    test('a handler may be replaced', async () => {
      const [a, b] = await pair()
      const first = collect(b)
      a.send(Uint8Array.of(1), world.addressOf(b, a))
      await world.until(() => first.length === 1)
      const second = collect(b)
      a.send(Uint8Array.of(2), world.addressOf(b, a))
      await world.until(() => second.length === 1)
      expect(first).toHaveLength(1)
    })

    test('what was sent before close still arrives', async () => {
      const [a, b] = await pair()
      const arrivals = collect(b)
      for (let i = 0; i < 10; i++) a.send(Uint8Array.of(i), world.addressOf(b, a))
      await a.close()
      await world.until(() => arrivals.length === 10)
    })

    test('after close nothing is sent or received, only counted', async () => {
      const [a, b, c] = (await open(3)) as [Link, Link, Link]
      const atB = collect(b)
      const atC = collect(c)
      const toB = world.addressOf(b, a)
      const closing = b.close()
      b.send(Uint8Array.of(1), world.addressOf(c, b))
      a.send(Uint8Array.of(2), toB)
      await closing
      b.send(Uint8Array.of(3), world.addressOf(c, b))
      a.send(Uint8Array.of(4), toB)
      a.send(Uint8Array.of(5), world.addressOf(c, a))
      await world.until(() => atC.length === 1)
      expect(atC[0]?.bytes).toEqual([5])
      expect(atB).toEqual([])
      expect(b.stats).toMatchObject({ sent: 0, sendErrors: 2 })
    })

    test('close may be called again, and from a handler', async () => {
      const [a, b] = await pair()
      let closed: Promise<void> | undefined
      b.start(() => {
        closed = b.close()
      })
      a.send(Uint8Array.of(1), world.addressOf(b, a))
      await world.until(() => closed !== undefined)
      await closed
      await b.close()
      await Promise.all([b.close(), b.close()])
    })

    test('it names at least one address of its own', async () => {
      const [a] = await pair()
      if (world.hasAddresses === false) return
      expect(a.addresses.length).toBeGreaterThan(0)
      for (const address of a.addresses) expect(address.port).toBe(world.addressOf(a, a).port)
    })
  })
}
