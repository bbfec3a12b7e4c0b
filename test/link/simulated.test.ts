import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { HEADERS, REORDER_DELAY } from '../../src/link/constants.ts'
import type { Link } from '../../src/link/link.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { PERFECT, SimulatedNetwork } from '../../src/link/simulated.ts'
import type { Conditions, SimulatedLink } from '../../src/link/simulated.ts'
import { linkContract } from './contract.ts'

linkContract('simulated', () => {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ seed: 1, clock })
  return {
    open: async () => network.createLink(),
    addressOf: (link: Link) => (link as SimulatedLink).address,
    until: async (condition) => {
      for (let i = 0; !condition(); i++) {
        if (i > 1_000) throw new Error('it never came true')
        await clock.runAsync(1)
      }
    },
  }
})

/** A datagram's number, when it came, how long it took, and its length. */
interface Arrival {
  readonly number: number
  readonly at: number
  readonly took: number
  readonly bytes: Uint8Array
}

interface World {
  readonly clock: SimulatedClock
  readonly network: SimulatedNetwork
  readonly a: SimulatedLink
  readonly b: SimulatedLink
  readonly arrivals: Arrival[]
}

function world(conditions: Partial<Conditions> = {}, seed = 1): World {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ seed, clock, conditions })
  const a = network.createLink()
  const b = network.createLink()
  const arrivals: Arrival[] = []
  b.start((bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const number = bytes.length >= 4 ? view.getUint32(0) : -1
    const sentAt = bytes.length >= 12 ? view.getFloat64(4) : NaN
    arrivals.push({ number, at: clock.now(), took: clock.now() - sentAt, bytes })
  })
  return { clock, network, a, b, arrivals }
}

/** Sends numbered datagrams from a to b, one every `interval` ms, and waits for the last. */
function stream({ clock, a, b }: World, count: number, { interval = 1, size = 100 } = {}): void {
  const datagram = new Uint8Array(size)
  const view = new DataView(datagram.buffer)
  const start = clock.now()
  for (let i = 0; i < count; i++) {
    clock.runUntil(start + i * interval)
    view.setUint32(0, i)
    view.setFloat64(4, clock.now())
    a.send(datagram, b.address)
  }
  clock.runUntilIdle(1_000_000)
}

function numbers(arrivals: readonly Arrival[]): number[] {
  return arrivals.map(({ number }) => number)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Four standard deviations of a share of `count` trials: what a fair source exceeds once in 16,000 runs, and a seed never or always. */
function tolerance(share: number, count: number): number {
  return 4 * Math.sqrt((share * (1 - share)) / count)
}

describe('one seed, one run', () => {
  const rough: Partial<Conditions> = {
    latency: 40,
    jitter: 30,
    loss: 0.1,
    bursts: { begin: 0.02, end: 0.2, loss: 0.8 },
    duplicate: 0.05,
    reorder: 0.1,
    corrupt: 0.05,
    bandwidth: 2_000_000,
    queue: 20_000,
  }
  const trace = (seed: number): string[] => {
    const w = world(rough, seed)
    stream(w, 500)
    return w.arrivals.map(({ at, bytes }) => `${at} ${bytes.length} ${bytes.reduce((sum, byte, i) => (sum + byte * (i + 1)) % 65_521, 0)}`)
  }

  test('the same seed gives the same trace, to the byte and the fraction of a millisecond', () => {
    expect(trace(7)).toEqual(trace(7))
  })

  test('another seed gives another', () => {
    expect(trace(7)).not.toEqual(trace(8))
  })

  test('every datagram is accounted for', () => {
    const w = world(rough, 9)
    stream(w, 5_000)
    const { sent, duplicated, delivered, dropped, corrupted } = w.network.stats
    expect(sent).toBe(5_000)
    expect(sent + duplicated).toBe(delivered + dropped)
    expect(delivered).toBe(w.arrivals.length)
    for (const count of [duplicated, dropped, corrupted]) expect(count).toBeGreaterThan(100)
  })
})

describe('latency and jitter', () => {
  test('without jitter every datagram takes the latency', () => {
    const w = world({ latency: 42 })
    stream(w, 100)
    expect(numbers(w.arrivals)).toEqual(upTo(100))
    for (const { took } of w.arrivals) expect(took).toBeCloseTo(42, 9)
  })

  test('jitter adds from nothing to its amount, all of that range is used, and the order stays', () => {
    const w = world({ latency: 20, jitter: 50 })
    stream(w, 2_000, { interval: 60 })
    const times = w.arrivals.map(({ took }) => took)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(20)
    expect(Math.max(...times)).toBeLessThan(70)
    expect(Math.min(...times)).toBeLessThan(21)
    expect(Math.max(...times)).toBeGreaterThan(69)
    expect(times.reduce((sum, time) => sum + time, 0) / times.length).toBeCloseTo(45, 0)
    expect(numbers(w.arrivals)).toEqual(upTo(2_000))
  })

  test('jitter wider than the interval holds datagrams back rather than change their order', () => {
    const w = world({ latency: 20, jitter: 50 })
    stream(w, 2_000, { interval: 1 })
    expect(numbers(w.arrivals)).toEqual(upTo(2_000))
    for (const { took } of w.arrivals) expect(took).toBeLessThan(70)
  })

  test('each direction has its own', () => {
    const w = world()
    w.network.setConditions(w.a, w.b, { latency: 10 })
    w.network.setConditions(w.b, w.a, { latency: 70 })
    let answered = -1
    w.a.start(() => {
      answered = w.clock.now()
    })
    w.b.start((datagram, from) => w.b.send(datagram, from))
    w.a.send(Uint8Array.of(1), w.b.address)
    w.clock.run(1_000)
    expect(answered).toBe(80)
  })
})

describe('loss', () => {
  test.each([0.01, 0.05, 0.2, 0.5])('a loss of %p loses that share', (loss) => {
    const w = world({ loss })
    stream(w, 20_000)
    expect(Math.abs(1 - w.arrivals.length / 20_000 - loss)).toBeLessThan(tolerance(loss, 20_000))
    expect(numbers(w.arrivals)).toEqual([...new Set(numbers(w.arrivals))])
  })

  test('0 loses nothing, 1 everything', () => {
    const none = world({ loss: 0 })
    stream(none, 2_000)
    expect(none.arrivals).toHaveLength(2_000)
    const all = world({ loss: 1 })
    stream(all, 2_000)
    expect(all.arrivals).toHaveLength(0)
  })

  test('bursts (Gilbert and Elliott) lose the share that their chances say, in runs of the length that they say', () => {
    const begin = 0.02
    const end = 0.2
    const w = world({ bursts: { begin, end, loss: 1 } })
    const count = 50_000
    stream(w, count)
    const lost = new Set(upTo(count))
    for (const { number } of w.arrivals) lost.delete(number)
    expect(lost.size / count).toBeGreaterThan((0.9 * begin) / (begin + end))
    expect(lost.size / count).toBeLessThan((1.1 * begin) / (begin + end))
    const runs = [...lost].filter((number) => !lost.has(number - 1)).length
    expect(lost.size / runs).toBeGreaterThan(0.9 / end)
    expect(lost.size / runs).toBeLessThan(1.1 / end)
  })

  test('losses of their own come in shorter runs', () => {
    const w = world({ loss: 1 / 11 })
    stream(w, 50_000)
    const lost = new Set(upTo(50_000))
    for (const { number } of w.arrivals) lost.delete(number)
    const runs = [...lost].filter((number) => !lost.has(number - 1)).length
    expect(lost.size / runs).toBeLessThan(1.2)
  })
})

describe('duplication', () => {
  test('that share comes twice, each copy whole and of its own bytes', () => {
    const w = world({ duplicate: 0.1 })
    stream(w, 10_000)
    const copies = new Map<number, Arrival[]>()
    for (const arrival of w.arrivals) copies.set(arrival.number, [...(copies.get(arrival.number) ?? []), arrival])
    expect(copies.size).toBe(10_000)
    const twice = [...copies.values()].filter((list) => list.length === 2)
    expect(Math.abs(twice.length / 10_000 - 0.1)).toBeLessThan(tolerance(0.1, 10_000))
    expect(w.arrivals).toHaveLength(10_000 + twice.length)
    for (const [first, second] of twice as [Arrival, Arrival][]) {
      expect(first.bytes).toEqual(second.bytes)
      expect(first.bytes.buffer).not.toBe(second.bytes.buffer)
    }
  })
})

describe('reordering', () => {
  test('some are overtaken, all come, and none is late by more than the delay', () => {
    const w = world({ latency: 20, reorder: 0.1 })
    stream(w, 5_000, { interval: 5 })
    const order = numbers(w.arrivals)
    expect([...order].sort((x, y) => x - y)).toEqual(upTo(5_000))
    const overtaken = order.filter((number, i) => i > 0 && number < (order[i - 1] as number)).length
    expect(overtaken).toBeGreaterThan(100)
    expect(overtaken).toBeLessThan(500)
    for (const { took } of w.arrivals) expect(took).toBeLessThan(20 + REORDER_DELAY)
  })
})

describe('corruption', () => {
  test('that share is changed or cut short, never longer, never the same', () => {
    const w = world({ corrupt: 0.2 })
    const count = 10_000
    const original = new Uint8Array(64).fill(0x55)
    for (let i = 0; i < count; i++) {
      w.a.send(original, w.b.address)
      w.clock.run(2)
    }
    expect(w.arrivals).toHaveLength(count)
    const changed = w.arrivals.filter(({ bytes }) => bytes.length < 64 || bytes.some((byte) => byte !== 0x55))
    expect(changed).toHaveLength(w.network.stats.corrupted)
    expect(Math.abs(changed.length / count - 0.2)).toBeLessThan(tolerance(0.2, count))
    const cut = changed.filter(({ bytes }) => bytes.length < 64)
    expect(cut.length / changed.length).toBeGreaterThan(0.2)
    expect(cut.length / changed.length).toBeLessThan(0.3)
    for (const { bytes } of changed) expect(bytes.length).toBeLessThanOrEqual(64)
    for (const { bytes } of cut) expect(bytes.every((byte) => byte === 0x55)).toBe(true)
    expect(original.every((byte) => byte === 0x55)).toBe(true)
  })
})

describe('bandwidth', () => {
  test('datagrams leave one after the other, at the rate of the line, headers counted', () => {
    // 1,000 bytes with headers at 8,000,000 bits per second: one each millisecond.
    const w = world({ latency: 10, bandwidth: 8_000_000, queue: 1_000_000 })
    stream(w, 100, { interval: 0, size: 1_000 - HEADERS })
    expect(numbers(w.arrivals)).toEqual(upTo(100))
    w.arrivals.forEach(({ at }, i) => expect(at).toBeCloseTo(10 + i + 1, 6))
  })

  test('what the queue does not hold is lost from its tail', () => {
    const w = world({ latency: 10, bandwidth: 8_000_000, queue: 10_000 })
    stream(w, 100, { interval: 0, size: 1_000 - HEADERS })
    expect(numbers(w.arrivals)).toEqual(upTo(10))
    expect(w.network.stats.dropped).toBe(90)
    const shorter = world({ latency: 10, bandwidth: 8_000_000, queue: 9_999 })
    stream(shorter, 100, { interval: 0, size: 1_000 - HEADERS })
    expect(numbers(shorter.arrivals)).toEqual(upTo(9))
  })

  test('a stream below the rate neither waits nor loses', () => {
    const w = world({ latency: 10, bandwidth: 8_000_000, queue: 10_000 })
    stream(w, 1_000, { interval: 1.25, size: 1_000 - HEADERS })
    expect(w.arrivals).toHaveLength(1_000)
    for (const { took } of w.arrivals) expect(took).toBeCloseTo(11, 6)
  })

  test('a stream at twice the rate loses half and stands behind a full queue', () => {
    const w = world({ latency: 10, bandwidth: 8_000_000, queue: 10_000 })
    stream(w, 2_000, { interval: 0.5, size: 1_000 - HEADERS })
    expect(w.arrivals.length).toBeGreaterThan(1_000)
    expect(w.arrivals.length).toBeLessThan(1_015)
    expect(w.arrivals.at(-1)?.took).toBeGreaterThan(18.5)
    expect(w.arrivals.at(-1)?.took).toBeLessThan(20.5)
  })

  test('an idle line takes a datagram even when no queue is allowed', () => {
    const w = world({ bandwidth: 64_000, queue: 0 })
    stream(w, 2, { interval: 0, size: 1_000 })
    expect(numbers(w.arrivals)).toEqual([0])
  })
})

describe('partition', () => {
  test('only links of one group reach each other; healed, all do', () => {
    const { clock, network, a, b } = world()
    const c = network.createLink()
    const d = network.createLink()
    const links = [a, b, c, d]
    const reached = (): string[] => {
      const pairs: string[] = []
      links.forEach((link, i) => link.start((datagram) => pairs.push(`${datagram[0]}>${i}`)))
      links.forEach((from, i) => links.forEach((to) => to !== from && from.send(Uint8Array.of(i), to.address)))
      clock.run(10)
      return pairs.sort()
    }
    expect(reached()).toHaveLength(12)
    network.partition([a, b], [c])
    expect(reached()).toEqual(['0>1', '1>0'])
    network.partition([a])
    expect(reached()).toEqual(['1>2', '1>3', '2>1', '2>3', '3>1', '3>2'])
    network.heal()
    expect(reached()).toHaveLength(12)
  })

  test('what is on its way when the partition comes is lost', () => {
    const w = world({ latency: 50 })
    w.a.send(Uint8Array.of(1), w.b.address)
    w.clock.run(10)
    w.network.partition([w.a], [w.b])
    w.clock.run(100)
    expect([w.arrivals.length, w.network.stats.dropped]).toEqual([0, 1])
  })
})

describe('links come and go', () => {
  test('with a new address it is reached there alone, and sends from there', () => {
    const w = world({ latency: 10 })
    const old = w.b.address
    w.a.send(Uint8Array.of(1), old)
    w.clock.run(1)
    w.network.changeAddress(w.b)
    expect(w.b.addresses).toEqual([w.b.address])
    w.a.send(Uint8Array.of(2), old)
    w.clock.run(100)
    expect(w.arrivals).toHaveLength(0)
    w.a.send(Uint8Array.of(3), w.b.address)
    const sources: Address[] = []
    w.a.start((_, from) => sources.push(from))
    w.b.send(Uint8Array.of(4), w.a.address)
    w.clock.run(100)
    expect(w.arrivals).toHaveLength(1)
    expect(sources).toEqual([w.b.address])
    expect(old.equals(w.b.address)).toBe(false)
  })

  test('what was sent before a change of address has the old source', () => {
    const w = world({ latency: 10 })
    const old = w.a.address
    let from: Address | undefined
    w.b.start((_, source) => {
      from = source
    })
    w.a.send(Uint8Array.of(1), w.b.address)
    w.network.changeAddress(w.a)
    w.clock.run(100)
    expect(from?.key).toBe(old.key)
  })

  test('a link may have the address that is asked for, once', () => {
    const { network } = world()
    const address = Address.parse('[2001:db8::1]:5000')
    const link = network.createLink({ address })
    expect(link.address).toBe(address)
    expect(() => network.createLink({ address })).toThrow(expect.objectContaining({ code: 'ADDRESS_IN_USE' }))
    expect(() => network.changeAddress(network.createLink(), address)).toThrow(expect.objectContaining({ code: 'ADDRESS_IN_USE' }))
    link.crash()
    expect(network.createLink({ address }).address).toBe(address)
  })

  test('addresses that were asked for are not dealt', () => {
    const network = new SimulatedNetwork({ seed: 1, clock: new SimulatedClock() })
    network.createLink({ address: Address.parse('10.0.0.1:1935') })
    expect(network.createLink().address.key).toBe('10.0.0.2:1935')
  })

  test('a link that crashes is silent and deaf, and has no address to change', () => {
    const w = world()
    w.b.crash()
    w.a.send(Uint8Array.of(1), w.b.address)
    w.b.send(Uint8Array.of(1), w.a.address)
    w.clock.run(100)
    expect(w.arrivals).toHaveLength(0)
    expect(w.b.stats).toMatchObject({ sent: 0, received: 0, sendErrors: 1 })
    expect(() => w.network.changeAddress(w.b)).toThrow(expect.objectContaining({ code: 'LINK_CLOSED' }))
  })

  test('a link that is closed late does not take another’s address with it', () => {
    const { network, clock, a } = world()
    const first = network.createLink()
    const { address } = first
    first.crash()
    const second = network.createLink({ address })
    first.crash()
    let received = 0
    second.start(() => received++)
    a.send(Uint8Array.of(1), address)
    clock.run(10)
    expect(received).toBe(1)
  })
})

describe('conditions', () => {
  test('a pair’s go before the receiver’s, the sender’s, and the network’s', () => {
    const clock = new SimulatedClock()
    const network = new SimulatedNetwork({ seed: 1, clock, conditions: { latency: 10 } })
    const plain = [network.createLink(), network.createLink()] as const
    const slow = network.createLink({ conditions: { latency: 50 } })
    const slower = network.createLink({ conditions: { latency: 70 } })
    const took = (from: SimulatedLink, to: SimulatedLink): number => {
      let at = NaN
      const start = clock.now()
      to.start(() => {
        at = clock.now()
      })
      from.send(Uint8Array.of(1), to.address)
      clock.run(1_000)
      return at - start
    }
    expect(took(...plain)).toBe(10)
    expect([took(slow, plain[0]), took(plain[0], slow)]).toEqual([50, 50])
    expect([took(slow, slower), took(slower, slow)]).toEqual([70, 50])
    network.setConditions(slow, slower, { latency: 5 })
    expect([took(slow, slower), took(slower, slow)]).toEqual([5, 50])
  })

  test('they can be changed while it runs', () => {
    const w = world({ latency: 10 })
    stream(w, 10)
    w.network.conditions = { ...w.network.conditions, loss: 1 }
    stream(w, 10)
    w.network.conditions = { ...PERFECT, latency: 30 }
    stream(w, 10)
    expect(w.arrivals.map(({ took }) => Math.round(took))).toEqual([...new Array<number>(10).fill(10), ...new Array<number>(10).fill(30)])
  })

  test.each([
    ['latency', { latency: -1 }],
    ['jitter', { jitter: NaN }],
    ['loss', { loss: 1.5 }],
    ['duplicate', { duplicate: -0.1 }],
    ['reorder', { reorder: 2 }],
    ['corrupt', { corrupt: NaN }],
    ['bandwidth', { bandwidth: 0 }],
    ['queue', { queue: Infinity }],
    ['bursts.begin', { bursts: { begin: 2, end: 0.1, loss: 1 } }],
    ['bursts.end', { bursts: { begin: 0.1, end: NaN, loss: 1 } }],
    ['bursts.loss', { bursts: { begin: 0.1, end: 0.1, loss: -1 } }],
  ])('%s out of range is refused, wherever it is given', (name, conditions: Partial<Conditions>) => {
    const { network, a, b, clock } = world()
    const refused = expect.objectContaining({ code: 'CONDITIONS_INVALID', message: expect.stringContaining(name) })
    expect(() => new SimulatedNetwork({ seed: 1, clock, conditions })).toThrow(refused)
    expect(() => network.createLink({ conditions })).toThrow(refused)
    expect(() => network.setConditions(a, b, conditions)).toThrow(refused)
    expect(() => {
      network.conditions = { ...PERFECT, ...conditions }
    }).toThrow(refused)
  })
})
