import { describe, expect, test } from '@jest/globals'
import { randomUnit, seededRandom } from '../../src/base/random.ts'
import { entities, game, t } from '../../src/entry/main.ts'
import { simulate } from '../../src/testing/simulate.ts'
import { InputQueue, Prediction } from '../../src/sync/prediction.ts'
import type { StampedInput } from '../../src/sync/prediction.ts'

interface State {
  x: number
  jumps: number
}
const step = ({ x, jumps }: State, input: number): State => ({ x: x + input, jumps: jumps + (input > 1 ? 1 : 0) })
const START: State = { x: 0, jumps: 0 }

/** A player and its host, with a network that delays and loses between them. `push` is what only the host knows of. */
function play({
  ticks,
  delay,
  loss,
  push = () => 0,
  seed = 1,
}: {
  ticks: number
  delay: number
  loss: number
  push?: (tick: number) => number
  seed?: number
}) {
  const random = seededRandom(seed)
  const prediction = new Prediction<State, number>({ initial: START, step, smooth: ['x'] })
  const queue = new InputQueue<number>()
  const up: { at: number; inputs: readonly StampedInput<number>[] }[] = []
  const down: { at: number; tick: number; state: State }[] = []
  let host = START
  let acknowledged = 0
  const done: number[] = []
  const drawn: number[] = []
  let wrong = 0
  for (let now = 0; now < ticks; now++) {
    if (now < ticks - 60) prediction.press(Math.floor(3 * randomUnit(random)) - 1)
    if (randomUnit(random) >= loss) up.push({ at: now + delay, inputs: [...prediction.unanswered] })
    for (const { at, inputs } of up) if (at === now) queue.add(inputs)
    const next = queue.next()
    if (next !== undefined) {
      host = step(host, next.input)
      acknowledged = next.tick
      done.push(next.tick)
    }
    host = { ...host, x: host.x + push(now) }
    if (randomUnit(random) >= loss) down.push({ at: now + delay, tick: acknowledged, state: host })
    for (const { at, tick, state } of down) if (at === now && !prediction.confirm(tick, state)) wrong++
    drawn.push(prediction.shown.x)
  }
  return { prediction, host, done, drawn, wrong, queue }
}

describe('prediction', () => {
  test('on a good network it is right all the time, and the host does every input once', () => {
    const { prediction, host, done, wrong } = play({ ticks: 300, delay: 5, loss: 0 })
    expect(prediction.state).toEqual(host)
    // But for the ticks at the end, for which nothing was pressed.
    expect(wrong).toBeLessThanOrEqual(10)
    expect(done.slice(0, 240)).toEqual(Array.from({ length: 240 }, (_, i) => i + 1))
  })

  test('whatever is lost, both have the same in the end', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { prediction, host, done } = play({ ticks: 400, delay: 6, loss: 0.3, seed })
      expect({ seed, ...prediction.state }).toEqual({ seed, ...host })
      expect(done).toEqual(done.toSorted((a, b) => a - b))
      expect(new Set(done).size).toBe(done.length)
    }
  })

  test('what only the host knows is a correction, and shown smoothly', () => {
    const { prediction, host, drawn, wrong } = play({ ticks: 300, delay: 5, loss: 0, push: (tick) => (tick === 100 ? 40 : 0) })
    expect(wrong).toBeLessThanOrEqual(11)
    expect(prediction.state).toEqual(host)
    const steps = drawn.map((x, i) => Math.abs(x - (drawn[i - 1] ?? 0)))
    expect(Math.max(...steps)).toBeLessThan(10)
    for (let i = 0; i < 60; i++) prediction.press(0)
    expect(prediction.shown.x).toBeCloseTo(prediction.state.x, 2)
  })

  test('a correction beyond the limit is shown at once', () => {
    const prediction = new Prediction<State, number>({ initial: START, step, smooth: ['x'], snap: 10 })
    prediction.press(1)
    expect(prediction.confirm(1, { x: 500, jumps: 0 })).toBe(false)
    expect(prediction.shown.x).toBe(500)
    prediction.press(1)
    prediction.confirm(2, { x: 496, jumps: 0 })
    expect(prediction.shown.x).toBe(501)
    expect(prediction.state.x).toBe(496)
  })

  test('what is old changes nothing; where the host went on by itself, the player follows', () => {
    const prediction = new Prediction<State, number>({ initial: START, step })
    for (let i = 0; i < 5; i++) prediction.press(1)
    prediction.confirm(4, { x: 4, jumps: 0 })
    prediction.confirm(2, { x: 99, jumps: 0 })
    expect(prediction.state.x).toBe(5)
    expect(prediction.unanswered).toEqual([{ tick: 5, input: 1 }])
    prediction.confirm(9, { x: 99, jumps: 0 })
    expect(prediction.state.x).toBe(99)
    expect(prediction.press(1)).toBe(10)
  })

  test('a host that is silent stops the player, not the memory', () => {
    const prediction = new Prediction<State, number>({ initial: START, step })
    const ticks = Array.from({ length: 300 }, () => prediction.press(1))
    expect(ticks.filter((tick) => tick < 0)).toHaveLength(300 - 256)
    expect(() => new Prediction({ initial: START, step, halfLife: 0 })).toThrow('half-life')
  })

  test('the host’s queue is bounded, and guesses only for a while', () => {
    const queue = new InputQueue<string>(2)
    expect(queue.next()).toBeUndefined()
    queue.add([{ tick: 7, input: 'a' }])
    expect(queue.next()).toEqual({ tick: 7, input: 'a', isGuess: false })
    expect(queue.next()).toEqual({ tick: 8, input: 'a', isGuess: true })
    queue.add([
      { tick: 8, input: 'late' },
      { tick: 9, input: 'b' },
      { tick: 1_000, input: 'far' },
      { tick: NaN, input: 'x' },
    ])
    expect(queue.dropped).toBe(1)
    expect(queue.next()).toEqual({ tick: 9, input: 'b', isGuess: false })
    expect([queue.next()?.isGuess, queue.next()?.isGuess, queue.next()]).toEqual([true, true, undefined])
  })
})

test('the host looks back to what a player saw', async () => {
  const shooting = game('test.shooting', {
    protocol: 1,
    entities: { duck: entities({ x: t.fixed(0, 1_000, 0.1), hp: t.uint8 }, { owner: 'host', smooth: ['x'], history: 1_000 }) },
  })
  const net = simulate({ seed: 4, rtt: 120, jitter: 10 })
  const [host, guest] = await net.players(shooting, 2)
  const duck = host!.entities.duck.spawn({ x: 0, hp: 9 })
  for (let i = 0; i < 200; i++) {
    duck.x += 2
    await net.run(10)
  }
  const seen = guest!.entities.duck.get(duck.id)!
  const { x } = seen
  const time = guest!.entities.duck.shownTime(seen)
  expect(duck.x - x).toBeGreaterThan(15)
  const then = host!.entities.duck.rewind(time).get(duck)!
  expect(Math.abs(then.x - x)).toBeLessThan(1.5)
  expect(then.hp).toBe(9)
  // What is too long ago is not known; what has not been yet neither.
  expect(host!.entities.duck.rewind(0).get(duck)!.x).toBeGreaterThan(100)
  expect(host!.entities.duck.rewind(host!.now() + 9_999).get(duck)!.x).toBeGreaterThan(380)
  expect(() => entities({ x: t.bool }, { history: 99_999 })).toThrow('history')
})
