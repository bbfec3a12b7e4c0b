import { spawn } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

const LOOPBACK = '127.0.0.1'
const PROGRAM = fileURLToPath(new URL('end.js', import.meta.url))
/** An end that has not answered by then hangs; what takes longer is asked for with its own limit. Milliseconds. */
const PATIENCE = 25_000
/** How much of what a process that failed has printed is told. Characters. */
const MOST_SAID = 2_000

/**
 * Starts a process that is one end of a measurement: see end.js for what can be asked of it. Each end of each way is a process of its
 * own, so that no library's threads or garbage are measured with another.
 */
export function startEnd(options) {
  return startProcess(PROGRAM, options)
}

/**
 * Starts a process that answers calls over IPC, `{ id, name, args }` by `{ id, value }` or `{ id, error }`.
 * @param namespace Network namespace that it is to run in.
 */
export function startProcess(program, { namespace, nodeOptions = [] } = {}) {
  const command = [process.execPath, ...nodeOptions, program]
  const [file, ...args] = namespace === undefined ? command : ['ip', 'netns', 'exec', namespace, ...command]
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced' })
  const waiting = new Map()
  let said = ''
  let nextId = 1
  let ended
  const say = (text) => (said = (said + text).slice(-MOST_SAID))
  child.stdout.on('data', say)
  child.stderr.on('data', say)
  child.on('message', ({ id, value, error }) => {
    const call = waiting.get(id)
    waiting.delete(id)
    clearTimeout(call?.timer)
    if (error === undefined) call?.resolve(value)
    else call?.reject(new Error(error))
  })
  const fail = (reason) => {
    ended ??= new Error(said.trim() === '' ? reason : `${reason}: ${said.trim().replaceAll(/\s+/g, ' ')}`)
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer)
      reject(ended)
    }
    waiting.clear()
  }
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) => fail(`the process ended with ${signal ?? code}`))

  return {
    pid: child.pid,
    /** Calls a function of end.js. `patience`: how long the answer may take beyond the usual, milliseconds. */
    call(name, args = {}, patience = 0) {
      if (ended !== undefined) return Promise.reject(ended)
      return new Promise((resolve, reject) => {
        const id = nextId++
        const timer = setTimeout(() => {
          waiting.delete(id)
          reject(new Error(`${name} had no answer${said.trim() === '' ? '' : `; it said: ${said.trim()}`}`))
        }, PATIENCE + patience)
        waiting.set(id, { resolve, reject, timer })
        child.send({ id, name, args })
      })
    },
    /** Takes the processor from it, until it is stopped: what is sent to it then costs it nothing. */
    freeze() {
      child.kill('SIGSTOP')
    },
    stop() {
      ended ??= new Error('it was stopped')
      if (child.connected) child.disconnect()
      child.kill('SIGKILL')
    },
  }
}

/** Keeps the event loops of both ends turning, each on a core of its own, or lets them sleep. */
export async function keepAwake({ near, far }, awake) {
  await near.call('awake', { awake, core: 0 })
  await far.call('awake', { awake, core: cpus().length - 1 })
}

/**
 * Two ends of an adapter that are connected. @param middle Whether there is a third between them, an introducer or the like, in a process of
 * its own. @throws what an end threw, having stopped all
 */
export async function connectPair({ adapter, options = {}, lanes, near = {}, far = {}, middle = false, nodeOptions = [] }) {
  const ends = { far: startEnd({ ...far, nodeOptions }), near: startEnd({ ...near, nodeOptions }) }
  if (middle) ends.middle = startEnd({ nodeOptions })
  const stop = () => {
    for (const end of Object.values(ends)) end.stop()
  }
  try {
    const settings = { adapter, options, lanes }
    if (middle) settings.options = { ...options, ...(await ends.middle.call('startMiddle', { adapter, host: LOOPBACK })) }
    const serving = ends.far.call('serve', { ...settings, host: far.host ?? LOOPBACK })
    const [address] = await Promise.all([serving, ends.near.call('load', settings)])
    await ends.near.call('connect', { ...settings, address, host: near.host ?? LOOPBACK })
    await ends.far.call('connected')
  } catch (error) {
    stop()
    throw error
  }
  return { ...ends, stop }
}
