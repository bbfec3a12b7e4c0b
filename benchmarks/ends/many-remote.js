import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('many.js', import.meta.url))

/** Starts a process of `many.js`, which does one call after the other, and ends with this process. */
export function startMany(execArgv = []) {
  const child = fork(PROGRAM, { execArgv, serialization: 'advanced' })
  let ended
  let waiting
  child.once('exit', (code) => {
    ended = new Error(`a process of the benchmark ended with ${code}`)
    waiting?.reject(ended)
  })
  child.on('message', ({ value, error }) => (error === undefined ? waiting.resolve(value) : waiting.reject(new Error(error))))
  return {
    call(name, args) {
      if (ended !== undefined) return Promise.reject(ended)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        child.send({ name, args })
      })
    },
    stop: () => child.disconnect(),
  }
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
