import { describe, expect, jest, test } from '@jest/globals'
import { MAX_CALLS_AT_ONCE, MAX_TIMEOUT } from '../../src/link/constants.ts'
import { systemClock } from '../../src/link/clock.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'

describe('simulated clock', () => {
  test('stands still until it is run, and stands at the end of the run', () => {
    const clock = new SimulatedClock()
    expect(clock.now()).toBe(0)
    clock.run(12.5)
    expect(clock.now()).toBe(12.5)
    clock.runUntil(20)
    expect(clock.now()).toBe(20)
  })

  test('calls back in order of time, those of one time in order of asking, at their time', () => {
    const clock = new SimulatedClock()
    const calls: [string, number][] = []
    const note = (name: string) => (): void => void calls.push([name, clock.now()])
    clock.at(30, note('c'))
    clock.at(10, note('a'))
    clock.at(20, note('b1'))
    clock.at(20, note('b2'))
    clock.at(31, note('later'))
    clock.run(30)
    expect(calls).toEqual([
      ['a', 10],
      ['b1', 20],
      ['b2', 20],
      ['c', 30],
    ])
  })

  test('a time that has passed is now; time never goes back', () => {
    const clock = new SimulatedClock()
    clock.run(100)
    const times: number[] = []
    clock.at(5, () => times.push(clock.now()))
    clock.run(1)
    expect(times).toEqual([100])
  })

  test('what a call schedules within the run runs too', () => {
    const clock = new SimulatedClock()
    let count = 0
    const again = (): void => {
      count++
      clock.at(clock.now() + 10, again)
    }
    clock.at(10, again)
    clock.run(100)
    expect(count).toBe(10)
  })

  test('what is called off does not run and takes no memory', () => {
    const clock = new SimulatedClock()
    let calls = 0
    const timers = Array.from({ length: 1_000 }, (_, i) => clock.at(1_000_000 + i, () => calls++))
    timers.forEach((timer) => timer.cancel())
    expect(clock.pending).toBe(0)
    timers.forEach((timer) => timer.cancel())
    const first = clock.at(10, () => second.cancel())
    const second = clock.at(10, () => calls++)
    clock.run(20)
    first.cancel()
    expect(calls).toBe(0)
  })

  test('a deferred call runs after the one that asked for it, before any other and before time passes', () => {
    const clock = new SimulatedClock()
    const calls: string[] = []
    clock.at(10, () => {
      clock.defer(() => {
        calls.push(`deferred ${clock.now()}`)
        clock.defer(() => calls.push(`deferred twice ${clock.now()}`))
      })
      calls.push('first')
    })
    clock.at(10, () => calls.push('second'))
    clock.run(10)
    expect(calls).toEqual(['first', 'deferred 10', 'deferred twice 10', 'second'])
  })

  test('what was deferred before the run runs at its beginning, without time passing', () => {
    const clock = new SimulatedClock()
    let calls = 0
    clock.defer(() => calls++)
    expect(clock.next).toBe(0)
    clock.run(0)
    expect([calls, clock.pending, clock.now()]).toEqual([1, 0, 0])
  })

  test('what a call throws comes out; nothing else is lost, and the clock runs on', () => {
    const clock = new SimulatedClock()
    const calls: string[] = []
    clock.at(10, () => {
      clock.defer(() => {
        throw new Error('deferred')
      })
      clock.defer(() => calls.push('after the deferred'))
      throw new Error('timed')
    })
    clock.at(10, () => calls.push('of the same time'))
    expect(() => clock.run(20)).toThrow('timed')
    expect(() => clock.run(20)).toThrow('deferred')
    expect(clock.now()).toBe(10)
    clock.run(10)
    expect(calls).toEqual(['after the deferred', 'of the same time'])
  })

  test('tells what is next, and when nothing waits', () => {
    const clock = new SimulatedClock()
    expect([clock.pending, clock.next]).toEqual([0, Infinity])
    clock.at(30, () => {})
    clock.at(Infinity, () => {})
    expect([clock.pending, clock.next]).toEqual([1, 30])
    expect(clock.runUntilIdle(29)).toBe(false)
    expect(clock.runUntilIdle(1_000)).toBe(true)
    expect(clock.now()).toBe(30)
  })

  test.each([-1, NaN, Infinity])('it does not run for %p ms', async (milliseconds) => {
    const clock = new SimulatedClock()
    expect(() => clock.run(milliseconds)).toThrow(expect.objectContaining({ code: 'TIME_INVALID' }))
    await expect(clock.runAsync(milliseconds)).rejects.toMatchObject({ code: 'TIME_INVALID' })
  })

  test('nothing is scheduled at NaN', () => {
    expect(() => new SimulatedClock().at(NaN, () => {})).toThrow(expect.objectContaining({ code: 'TIME_INVALID' }))
  })

  test('it is not run from what it calls, nor twice at once', async () => {
    const clock = new SimulatedClock()
    let error: unknown
    clock.at(1, () => {
      try {
        clock.run(1)
      } catch (e) {
        error = e
      }
    })
    const first = clock.runAsync(5)
    await expect(clock.runAsync(5)).rejects.toMatchObject({ code: 'CLOCK_RUNNING' })
    await first
    expect(error).toMatchObject({ code: 'CLOCK_RUNNING' })
    expect(clock.now()).toBe(5)
  })

  test('a long run of calls, as long as time passes, is no loop', () => {
    const clock = new SimulatedClock()
    let calls = 0
    const again = (): void => {
      if (++calls <= MAX_CALLS_AT_ONCE) clock.at(clock.now() + 1, again)
    }
    again()
    clock.run(MAX_CALLS_AT_ONCE)
    expect(calls).toBe(MAX_CALLS_AT_ONCE + 1)
  })

  test('calls that call themselves for ever are found out', () => {
    const clock = new SimulatedClock()
    let calls = 0
    const again = (): void => {
      calls++
      clock.at(clock.now(), again)
    }
    again()
    expect(() => clock.run(1)).toThrow(expect.objectContaining({ code: 'SIMULATION_STUCK' }))
    expect(calls).toBe(MAX_CALLS_AT_ONCE + 1)
  })
})

describe('simulated clock with promises', () => {
  const sleep = (clock: SimulatedClock, milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      clock.at(clock.now() + milliseconds, resolve)
    })

  test('promises get their turns between calls: chains of waits come out at the right times', async () => {
    const clock = new SimulatedClock()
    const times: number[] = []
    const deep = async (depth: number): Promise<void> => (depth === 0 ? sleep(clock, 10) : deep(depth - 1))
    const walk = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        await deep(10)
        times.push(clock.now())
      }
    }
    const walked = walk()
    clock.at(35, () => times.push(-clock.now()))
    await clock.runAsync(100)
    await walked
    expect(times).toEqual([10, 20, 30, -35, 40, 50])
  })

  test('two calls of one moment: the promises of the first run before the second', async () => {
    const clock = new SimulatedClock()
    const calls: string[] = []
    const first = sleep(clock, 10).then(() => calls.push('promise of the first'))
    clock.at(10, () => calls.push('second'))
    await clock.runAsync(10)
    await first
    expect(calls).toEqual(['promise of the first', 'second'])
  })

  test('several tasks interleave in the same way in each run', async () => {
    const trace = async (): Promise<string[]> => {
      const clock = new SimulatedClock()
      const steps: string[] = []
      const tasks = Array.from({ length: 5 }, async (_, task) => {
        for (let i = 0; i < 5; i++) {
          await sleep(clock, ((task * 7 + i * 3) % 5) + 1)
          steps.push(`${task}.${i}@${clock.now()}`)
        }
      })
      await clock.runAsync(100)
      await Promise.all(tasks)
      return steps
    }
    expect(await trace()).toEqual(await trace())
  })

  test('waitFor runs no further than the promise needs, and gives what it gives', async () => {
    const clock = new SimulatedClock()
    clock.at(50, () => {})
    expect(
      await clock.waitFor(
        sleep(clock, 20).then(() => 'done'),
        1_000,
      ),
    ).toBe('done')
    expect(clock.now()).toBe(20)
    await expect(clock.waitFor(Promise.reject(new Error('no')), 1_000)).rejects.toThrow('no')
    expect(clock.now()).toBe(20)
  })

  test('waitFor gives up after the time that it was given', async () => {
    const clock = new SimulatedClock()
    const tick = (): void => void clock.at(clock.now() + 10, tick)
    tick()
    await expect(clock.waitFor(new Promise(() => {}), 100)).rejects.toMatchObject({ code: 'SIMULATION_TIMEOUT' })
    expect(clock.now()).toBe(100)
  })

  test('what a call throws comes out of the asynchronous run, and the clock runs on', async () => {
    const clock = new SimulatedClock()
    clock.at(1, () => {
      throw new Error('timed')
    })
    await expect(clock.runAsync(5)).rejects.toThrow('timed')
    await clock.runAsync(5)
    expect(clock.now()).toBe(6)
  })

  test('how promises are waited for can be replaced', async () => {
    const clock = new SimulatedClock()
    clock.at(1, () => {})
    clock.at(2, () => {})
    let turns = 0
    await clock.runAsync(5, async () => {
      turns++
    })
    expect(turns).toBe(3)
  })
})

describe('system clock', () => {
  test('never goes back', () => {
    let last = systemClock.now()
    for (let i = 0; i < 1_000; i++) {
      const now = systemClock.now()
      expect(now).toBeGreaterThanOrEqual(last)
      last = now
    }
  })

  test('calls back at the time, never before it', async () => {
    for (let i = 0; i < 20; i++) {
      const time = systemClock.now() + i / 7
      await new Promise<void>((resolve) => {
        systemClock.at(time, resolve)
      })
      expect(systemClock.now()).toBeGreaterThanOrEqual(time)
    }
  })

  test('a time that has passed is soon, but not at once', async () => {
    let called = false
    const done = new Promise<void>((resolve) => {
      systemClock.at(systemClock.now() - 1_000, () => {
        called = true
        resolve()
      })
    })
    expect(called).toBe(false)
    await done
  })

  test('a deferred call runs after what is running now, in order', async () => {
    const calls: string[] = []
    systemClock.defer(() => calls.push('first'))
    const done = new Promise<void>((resolve) => {
      systemClock.defer(() => {
        calls.push('second')
        resolve()
      })
    })
    calls.push('now')
    await done
    expect(calls).toEqual(['now', 'first', 'second'])
  })

  describe('with the system’s timers stubbed', () => {
    const withFakeTimers = (run: () => void): void => {
      jest.useFakeTimers()
      try {
        run()
      } finally {
        jest.useRealTimers()
      }
    }

    test('a wait longer than a system timer can be is waited for in pieces', () => {
      withFakeTimers(() => {
        let calls = 0
        systemClock.at(systemClock.now() + MAX_TIMEOUT + 1_000, () => calls++)
        jest.advanceTimersByTime(MAX_TIMEOUT)
        expect(calls).toBe(0)
        jest.advanceTimersByTime(1_000)
        expect(calls).toBe(1)
      })
    })

    test('what is called off leaves no timer behind, in a later piece too', () => {
      withFakeTimers(() => {
        let calls = 0
        const near = systemClock.at(systemClock.now() + 10, () => calls++)
        const far = systemClock.at(systemClock.now() + 2 * MAX_TIMEOUT, () => calls++)
        near.cancel()
        jest.advanceTimersByTime(MAX_TIMEOUT + 10)
        far.cancel()
        far.cancel()
        expect(jest.getTimerCount()).toBe(0)
        jest.advanceTimersByTime(2 * MAX_TIMEOUT)
        expect(calls).toBe(0)
      })
    })

    test('Infinity is never, and keeps no timer', () => {
      withFakeTimers(() => {
        systemClock.at(Infinity, () => {}).cancel()
        expect(jest.getTimerCount()).toBe(0)
      })
    })
  })
})
