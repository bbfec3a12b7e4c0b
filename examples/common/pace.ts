export const TICKS_PER_SECOND = 60

const TICK = 1000 / TICKS_PER_SECOND
/** After a pause of the whole process no more than this is caught up with, in ticks. */
const MOST_AT_ONCE = 15

/** Calls back 60 times a second: late by a timer's grain at times, but never one too few. @returns What ends it. */
export function everyTick(callback: () => void): () => void {
  let due = performance.now() + TICK
  let isEnded = false
  let timer = setTimeout(run, TICK)

  function run(): void {
    due = Math.max(due, performance.now() - MOST_AT_ONCE * TICK)
    while (!isEnded && due <= performance.now()) {
      due += TICK
      callback()
    }
    if (!isEnded) timer = setTimeout(run, due - performance.now())
  }

  return () => {
    isEnded = true
    clearTimeout(timer)
  }
}
