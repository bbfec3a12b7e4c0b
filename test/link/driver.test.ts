import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { createIdentity } from '../../src/crypto/identity.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { systemClock } from '../../src/link/clock.ts'
import type { Clock, Timer } from '../../src/link/clock.ts'
import { DRAIN_LIMIT, FAULT_PAUSE } from '../../src/link/constants.ts'
import { Driver } from '../../src/link/driver.ts'
import type { Link } from '../../src/link/link.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { SimulatedNetwork } from '../../src/link/simulated.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'
import { openUdp } from '../../src/link/udp.ts'
import { Endpoint } from '../../src/rtmfp/endpoint.ts'
import type { EndpointEvent } from '../../src/rtmfp/session.ts'
import { ELSEWHERE, FakeEngine } from './fake-engine.ts'
import { until } from './until.ts'

/** A simulated clock that counts the timers that it is asked for. */
class CountingClock extends SimulatedClock {
  timers = 0
  deferrals = 0

  override at(time: number, callback: () => void): Timer {
    this.timers++
    return super.at(time, callback)
  }

  override defer(callback: () => void): void {
    this.deferrals++
    super.defer(callback)
  }
}

interface Bench {
  readonly clock: CountingClock
  readonly network: SimulatedNetwork
  readonly engine: FakeEngine
  readonly link: SimulatedLink
  readonly driver: Driver<FakeEngine>
  /** Numbers of the events that the listener got. */
  readonly events: number[]
  readonly errors: unknown[]
  /** First bytes of the datagrams that arrived at the far end. */
  readonly arrived: number[]
  onEvent: (number: number) => void
  /** A datagram from the far end. */
  incoming(...bytes: number[]): void
}

function bench(options: { onError?: (error: unknown) => void } = {}): Bench {
  const clock = new CountingClock()
  const network = new SimulatedNetwork({ seed: 1, clock })
  const link = network.createLink()
  const far = network.createLink({ address: ELSEWHERE })
  const engine = new FakeEngine()
  const arrived: number[] = []
  far.start((datagram) => arrived.push(datagram[0] as number))
  const made = {
    clock,
    network,
    engine,
    link,
    events: [] as number[],
    errors: [] as unknown[],
    arrived,
    onEvent: (_number: number): void => {},
  }
  const driver = new Driver({
    endpoint: engine,
    link,
    clock,
    onEvent: (event) => {
      const { number } = event as unknown as { number: number }
      made.events.push(number)
      made.onEvent(number)
    },
    onError: options.onError ?? ((error) => made.errors.push(error)),
  })
  return Object.assign(made, { driver, incoming: (...bytes: number[]) => far.send(Uint8Array.from(bytes), link.address) })
}

describe('feeding the engine', () => {
  test('a datagram goes in with its source and the time; what comes out is sent, and told, in order', () => {
    const b = bench()
    b.engine.onReceive = () => {
      b.engine.transmit(1)
      b.engine.emit(10)
      b.engine.transmit(2)
      b.engine.emit(11)
    }
    b.incoming(7, 8)
    b.clock.run(5)
    expect(b.engine.received.map(({ datagram, from, now }) => [[...datagram], from.key, now])).toEqual([[[7, 8], ELSEWHERE.key, 1]])
    expect(b.arrived).toEqual([1, 2])
    expect(b.events).toEqual([10, 11])
  })

  test('each datagram is followed by polls until the engine says to wait', () => {
    const b = bench()
    b.engine.onReceive = () => b.engine.transmit(1)
    b.incoming(1)
    b.incoming(2)
    b.clock.run(1)
    expect(b.engine.polls).toHaveLength(4)
  })

  test('it gives the clock’s time', () => {
    const b = bench()
    b.clock.run(12)
    expect(b.driver.now()).toBe(12)
  })
})

describe('kick', () => {
  test('polls once when the caller has ended, however often it was kicked', () => {
    const b = bench()
    b.engine.transmit(1)
    for (let i = 0; i < 100; i++) b.driver.kick()
    expect(b.engine.polls).toEqual([])
    b.clock.run(2)
    expect(b.arrived).toEqual([1])
    expect(b.clock.deferrals).toBe(1)
    b.engine.transmit(2)
    b.driver.kick()
    b.clock.run(2)
    expect(b.arrived).toEqual([1, 2])
  })

  test('from a listener it neither recurses nor is needed', () => {
    const b = bench()
    let depth = 0
    let deepest = 0
    b.onEvent = (number) => {
      deepest = Math.max(deepest, ++depth)
      if (number < 50) {
        b.engine.emit(number + 1)
        b.engine.transmit(number)
      }
      if (number % 2 === 0) b.driver.kick()
      depth--
    }
    b.engine.emit(0)
    b.driver.kick()
    b.clock.run(2)
    expect(b.events).toHaveLength(51)
    expect(b.arrived).toHaveLength(50)
    expect(deepest).toBe(1)
    expect(b.clock.deferrals).toBe(1)
  })

  test('on the system’s clock it takes effect in a microtask', async () => {
    const clock = new SimulatedClock()
    const engine = new FakeEngine()
    const link = new SimulatedNetwork({ seed: 1, clock }).createLink()
    const driver = new Driver({ endpoint: engine, link, clock: systemClock, onEvent: () => {} })
    engine.transmit(1)
    driver.kick()
    expect(link.stats.sent).toBe(0)
    await Promise.resolve()
    expect(link.stats.sent).toBe(1)
  })
})

describe('the timer', () => {
  test('polls at the deadline', () => {
    const b = bench()
    const fired: number[] = []
    b.engine.deadline = 40
    b.engine.onDeadline = (now) => fired.push(now)
    b.driver.kick()
    b.clock.run(100)
    expect(fired).toEqual([40])
  })

  test('an earlier deadline moves it', () => {
    const b = bench()
    const fired: number[] = []
    b.engine.onDeadline = (now) => fired.push(now)
    b.engine.deadline = 40
    b.driver.kick()
    b.clock.run(10)
    b.engine.deadline = 20
    b.driver.kick()
    b.clock.run(100)
    expect(fired).toEqual([20])
    expect(b.clock.pending).toBe(0)
  })

  test('deadlines that move later with each packet cost no timer each', () => {
    const b = bench()
    const fired: number[] = []
    b.engine.onDeadline = (now) => fired.push(now)
    b.engine.onReceive = () => {
      b.engine.deadline = b.clock.now() + 100
    }
    let armed = 0
    for (let i = 0; i < 1_000; i++) {
      b.incoming(1)
      const before = b.clock.timers
      b.clock.run(1)
      armed += b.clock.timers - before
    }
    expect(fired).toEqual([])
    // One each time that the armed one comes, early: 1,000 ms of 100 ms deadlines.
    expect(armed).toBeLessThanOrEqual(11)
    b.clock.run(200)
    expect(fired).toEqual([1_100])
  })

  test('with no deadline there is none', () => {
    const b = bench()
    b.driver.kick()
    b.clock.run(1)
    expect(b.clock.timers).toBe(0)
    expect(b.clock.next).toBe(Infinity)
  })

  test('a process that was suspended polls once, late, with the true time', () => {
    const jumps: Clock & { time: number; fire: (() => void) | undefined } = {
      time: 0,
      fire: undefined,
      now() {
        return this.time
      },
      at(_time, callback) {
        this.fire = callback
        return { cancel: () => {} }
      },
      defer: (callback) => callback(),
    }
    const engine = new FakeEngine()
    const link = new SimulatedNetwork({ seed: 1, clock: new SimulatedClock() }).createLink()
    const driver = new Driver({ endpoint: engine, link, clock: jumps, onEvent: () => {} })
    const fired: number[] = []
    engine.onDeadline = (now) => fired.push(now)
    engine.deadline = 1_000
    driver.kick()
    jumps.time = 3_600_000
    jumps.fire?.()
    expect(fired).toEqual([3_600_000])
  })
})

describe('much at once', () => {
  test('a long run of packets lets others have a turn in between, and loses none', () => {
    const b = bench()
    const count = 3 * DRAIN_LIMIT + 10
    for (let i = 0; i < count; i++) b.engine.transmit(i & 255)
    let arrivedBefore = -1
    b.driver.kick()
    b.clock.defer(() => {
      arrivedBefore = b.link.stats.sent
    })
    b.clock.run(5)
    expect(arrivedBefore).toBe(DRAIN_LIMIT)
    expect(b.arrived).toHaveLength(count)
  })
})

describe('errors', () => {
  test('what a listener throws is reported, and the loop goes on to the next event', () => {
    const b = bench()
    b.onEvent = (number) => {
      if (number === 1) throw new Error('from the listener')
    }
    for (const number of [1, 2, 3]) b.engine.emit(number)
    b.engine.transmit(9)
    b.engine.deadline = 50
    b.driver.kick()
    b.clock.run(10)
    expect(b.events).toEqual([1, 2, 3])
    expect(b.arrived).toEqual([9])
    expect(b.errors).toEqual([expect.objectContaining({ message: 'from the listener' })])
    expect(b.clock.next).toBe(50)
  })

  test('without a handler it is thrown outside the loop, where the process sees it', () => {
    const clock = new SimulatedClock()
    const engine = new FakeEngine()
    const link = new SimulatedNetwork({ seed: 1, clock }).createLink()
    const driver = new Driver({
      endpoint: engine,
      link,
      clock,
      onEvent: () => {
        throw new Error('from the listener')
      },
    })
    engine.emit(1)
    engine.transmit(1)
    driver.kick()
    expect(() => clock.run(1)).toThrow('from the listener')
    expect(link.stats.sent).toBe(1)
  })

  test('a handler of errors that throws breaks nothing either', () => {
    const b = bench({
      onError: () => {
        throw new Error('from the handler')
      },
    })
    b.onEvent = () => {
      throw new Error('from the listener')
    }
    b.engine.emit(1)
    b.engine.emit(2)
    b.driver.kick()
    expect(() => b.clock.run(1)).toThrow('from the handler')
    expect(() => b.clock.run(1)).toThrow('from the handler')
    b.clock.run(1)
    expect(b.events).toEqual([1, 2])
  })

  test('what the engine’s own callbacks throw while it takes a datagram is reported; it is polled all the same', () => {
    const b = bench()
    b.engine.onReceive = () => {
      b.engine.transmit(5)
      throw new Error('from acceptSession')
    }
    b.incoming(1)
    b.clock.run(5)
    expect(b.errors).toHaveLength(1)
    expect(b.arrived).toEqual([5])
    expect(b.link.stats.handlerErrors).toBe(0)
  })

  test('an engine that throws when polled is polled again after a pause, not in a loop', () => {
    const b = bench()
    b.engine.onPoll = () => {
      if (b.engine.polls.length < 4) throw new Error('a fault')
    }
    b.engine.transmit(5)
    b.driver.kick()
    b.clock.run(10)
    expect(b.engine.polls).toEqual([0])
    b.clock.run(3 * FAULT_PAUSE)
    expect(b.engine.polls.slice(0, 4)).toEqual([0, FAULT_PAUSE, 2 * FAULT_PAUSE, 3 * FAULT_PAUSE])
    expect(b.errors).toHaveLength(3)
    expect(b.arrived).toEqual([5])
  })
})

describe('close', () => {
  test('ends all sessions, sends what tells the far ends, closes the link and leaves no timer', async () => {
    const b = bench()
    b.engine.deadline = 1_000
    b.driver.kick()
    b.clock.run(1)
    b.engine.onAbort = () => {
      b.engine.transmit(1)
      b.engine.emit(7)
      b.engine.transmit(2)
    }
    await b.driver.close()
    expect(b.engine.aborts).toBe(1)
    expect(b.events).toEqual([7])
    b.clock.run(10)
    expect(b.arrived).toEqual([1, 2])
    expect(b.clock.pending).toBe(0)
    b.link.send(Uint8Array.of(1), ELSEWHERE)
    expect(b.link.stats.sendErrors).toBe(1)
  })

  test('from a listener too: the far ends are told first', async () => {
    const b = bench()
    let closed: Promise<void> | undefined
    b.engine.onAbort = () => b.engine.transmit(1)
    let inListener = 0
    let nested = false
    b.onEvent = (number) => {
      nested ||= inListener > 0
      inListener++
      if (number === 1) closed = b.driver.close()
      inListener--
    }
    b.engine.emit(1)
    b.engine.emit(2)
    b.driver.kick()
    b.clock.run(10)
    await closed
    expect(nested).toBe(false)
    expect(b.events).toEqual([1, 2])
    expect(b.arrived).toEqual([1])
    expect(b.link.stats).toMatchObject({ sent: 1, sendErrors: 0 })
  })

  test('again, and from the listener of what closing causes, it is the same closing', async () => {
    const b = bench()
    const promises: Promise<void>[] = []
    b.engine.onAbort = () => b.engine.emit(1)
    b.onEvent = () => promises.push(b.driver.close())
    promises.push(b.driver.close(), b.driver.close())
    await Promise.all(promises)
    expect(new Set(promises).size).toBe(1)
    expect(promises).toHaveLength(3)
    expect(b.engine.aborts).toBe(1)
  })

  test('more than one turn’s worth of farewells all go out', async () => {
    const b = bench()
    b.engine.onAbort = () => {
      for (let i = 0; i < DRAIN_LIMIT + 5; i++) b.engine.transmit(1)
    }
    const closed = b.driver.close()
    b.clock.run(10)
    await closed
    expect(b.arrived).toHaveLength(DRAIN_LIMIT + 5)
    expect(b.link.stats.sendErrors).toBe(0)
  })

  test('afterwards nothing reaches the engine', async () => {
    const b = bench()
    b.driver.kick()
    await b.driver.close()
    const polls = b.engine.polls.length
    b.incoming(1)
    b.driver.kick()
    b.clock.run(10)
    expect(b.engine.received).toEqual([])
    expect(b.engine.polls).toHaveLength(polls)
  })

  test('an engine that throws while it ends does not keep the link open', async () => {
    const b = bench()
    b.engine.onAbort = () => {
      throw new Error('a fault')
    }
    b.engine.onPoll = () => {
      throw new Error('another')
    }
    await b.driver.close()
    expect(b.errors).toHaveLength(2)
    expect(b.clock.pending).toBe(0)
  })
})

describe('another link', () => {
  test('takes over: the one before is closed, the engine is told, and datagrams come and go by the new one', async () => {
    const b = bench()
    const next = b.network.createLink()
    b.clock.run(3)
    b.driver.replaceLink(next)
    expect(b.engine.moves).toEqual([3])
    expect(b.driver.link).toBe(next)
    b.engine.transmit(9)
    b.clock.run(5)
    expect(b.arrived).toEqual([9])
    expect(next.stats.sent).toBe(1)
    expect(b.link.stats.sent).toBe(0)
    await b.driver.close()
  })

  test('that comes when all is over is closed', async () => {
    const b = bench()
    const next = b.network.createLink()
    await b.driver.close()
    b.driver.replaceLink(next)
    expect(b.engine.moves).toEqual([])
    expect(() => b.network.changeAddress(next)).toThrow('closed')
  })
})

describe('with the real engine', () => {
  interface Player {
    readonly driver: Driver
    readonly log: string[]
  }

  function player(seed: number, link: Link, clock: Clock): Player {
    const random = seededRandom(seed)
    const identity = createIdentity({ backend: nodeBackend, random })
    const endpoint = new Endpoint({ identity, backend: nodeBackend, random })
    const log: string[] = []
    const driver: Driver = new Driver({
      endpoint,
      link,
      clock,
      onEvent: (event: EndpointEvent) => {
        log.push(event.type === 'session-closed' ? `session-closed ${event.reason}` : event.type)
        if (event.type === 'session-open' && event.session.isInitiator) {
          event.session.openFlow({ metadata: Uint8Array.of(1) }).write(Buffer.from('ping'), clock.now())
        }
        if (event.type !== 'message') return
        const text = Buffer.from(event.data).toString()
        log.push(text)
        if (text !== 'ping') return
        const answer = event.session.openFlow({ metadata: Uint8Array.of(1), returnOf: event.flow })
        answer.write(Buffer.from('pong'), clock.now())
      },
    })
    return { driver, log }
  }

  function ping(from: Player, to: Player, at: Address): void {
    const { driver } = from
    driver.endpoint.open({ epd: fingerprintEpd(to.driver.endpoint.identity.fingerprint), candidates: [at] }, driver.now())
    driver.kick()
  }

  const answered = ({ log }: Player): boolean => log.includes('pong')

  test.each(['caller', 'answerer'])('the %s goes on over another socket, and nothing on a reliable flow is lost', async (who) => {
    const socket = (): Promise<Link> => openUdp({ host: '127.0.0.1' })
    const [one, two] = [await socket(), await socket()]
    const [a, b] = [player(21, one, systemClock), player(22, two, systemClock)]
    const mover = who === 'caller' ? a : b
    ping(a, b, two.addresses[0]!)
    await until(() => answered(a))
    const [session] = [...a.driver.endpoint.sessions]
    const flow = session!.openFlow({ metadata: Uint8Array.of(2) })
    for (let i = 0; i < 200; i++) {
      flow.write(Buffer.from(`message ${i}`), a.driver.now())
      a.driver.kick()
      if (i === 100) mover.driver.replaceLink(await socket())
      await nextTurn()
    }
    await until(() => flow.queuedBytes === 0)
    expect(b.log.filter((text) => text.startsWith('message '))).toEqual(Array.from({ length: 200 }, (_, i) => `message ${i}`))
    const other = who === 'caller' ? b : a
    await until(() => other.log.includes('session-moved'))
    await Promise.all([a.driver.close(), b.driver.close()])
    // The socket of before is closed, too: its port can be had again.
    const left = who === 'caller' ? one : two
    await (await openUdp({ host: '127.0.0.1', port: left.addresses[0]!.port })).close()
  })

  test('two endpoints meet, talk and part in virtual time', async () => {
    const clock = new SimulatedClock()
    const network = new SimulatedNetwork({
      seed: 3,
      clock,
      conditions: { latency: 25, loss: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.05 },
    })
    const links = [network.createLink(), network.createLink()] as const
    const [a, b] = links.map((link, i) => player(i, link, clock)) as [Player, Player]
    ping(a, b, links[1].address)
    for (let i = 0; i < 600 && !answered(a); i++) clock.run(100)
    expect(a.log).toEqual(['session-open', 'flow-open', 'message', 'pong'])
    expect(b.log).toEqual(['session-open', 'flow-open', 'message', 'ping'])
    network.conditions = { ...network.conditions, loss: 0, corrupt: 0 }
    await a.driver.close()
    clock.run(1_000)
    expect(a.log.at(-1)).toBe('session-closed near')
    expect(b.log.at(-1)).toBe('session-closed far')
    await b.driver.close()
    expect(clock.runUntilIdle(1_000)).toBe(true)
  })

  test('and over UDP', async () => {
    const links = [await openUdp({ host: '127.0.0.1' }), await openUdp({ host: '127.0.0.1' })] as const
    const [a, b] = links.map((link, i) => player(i, link, systemClock)) as [Player, Player]
    try {
      ping(a, b, links[1].addresses[0] as Address)
      await until(() => answered(a))
      await a.driver.close()
      await until(() => b.log.includes('session-closed far'))
    } finally {
      await Promise.all([a.driver.close(), b.driver.close()])
    }
    expect(b.log).toEqual(['session-open', 'flow-open', 'message', 'ping', 'session-closed far'])
  })
})
