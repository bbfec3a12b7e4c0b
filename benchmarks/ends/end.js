/**
 * A process that is one end of a measurement. It does what the process that started it asks for, one call after the other, and ends with
 * it. The calls are the functions of `CALLS`.
 */
import { execFileSync } from 'node:child_process'
import { cpus, setPriority } from 'node:os'
import { loadAdapter } from '../suite.js'
import { stayAwake } from './awake.js'
import * as crowd from './crowd.js'
import { cameAt, dial, hangUp, listen, startMiddle } from './dial.js'
import { flood, resetCount, takeCount } from './flood.js'
import * as load from './load.js'
import { ping } from './ping.js'
import { record, recorded, stream } from './stream.js'

/** Before what else the machine does, where the system lets it: a benchmark is disturbed less. */
const PRIORITY = -10

let connection
let letSleep = () => {}
let arrived
const connected = new Promise((resolve) => (arrived = resolve))

const CALLS = {
  /** Loads what `serve` and `connect` would load. */
  async load({ adapter }) {
    await loadAdapter(adapter)
  },
  /** Listens. @returns What `connect` needs to know. */
  async serve({ adapter, options, lanes, host }) {
    const server = await (
      await loadAdapter(adapter)
    ).serve({ ...options, lanes, host }, (far) => {
      connection = far
      arrived()
    })
    return server.address
  },
  /** Connects; resolves when messages can be sent. */
  async connect({ adapter, options, lanes, address, host }) {
    connection = await (await loadAdapter(adapter)).connect({ ...options, lanes, address, host })
  },
  /** Resolves when the far end has connected. */
  async connected() {
    await connected
  },
  /** Sends back all that comes, on the lane that it came on. */
  echo() {
    connection.onMessage = (lane, bytes) => void connection.send(lane, bytes)
  },
  /** Keeps the event loop turning, or lets it sleep. `core`: the processor core that its own thread is to have for that. */
  awake({ awake, core }) {
    letSleep()
    pinTo(awake ? core : undefined)
    letSleep = awake ? stayAwake() : () => {}
  },
  /** Processor time of this process so far, all its threads, µs. */
  cpu() {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  memory() {
    globalThis.gc?.()
    return process.memoryUsage()
  },
  ping: (args) => ping(connection, args),
  flood: (args) => flood(connection, args),
  resetCount: () => resetCount(connection),
  takeCount,
  record: (args) => record(connection, args),
  recorded,
  stream: (args) => stream(connection, args),
  ...crowd,
  ...load,
  startMiddle,
  listen,
  cameAt,
  dial,
  hangUp,
}

try {
  setPriority(PRIORITY)
} catch {
  // That takes root; without, it runs like all others.
}

/** Two ends that never sleep on one core would wait for each other's turn. */
function pinTo(core) {
  const list = core === undefined ? `0-${cpus().length - 1}` : String(core)
  try {
    execFileSync('taskset', ['--pid', '--cpu-list', list, String(process.pid)], { stdio: 'ignore' })
  } catch {
    // Where there is no taskset, the system decides.
  }
}

process.on('disconnect', () => process.exit(0))
process.on('message', ({ id, name, args }) => {
  void Promise.resolve()
    .then(() => CALLS[name](args))
    .then(
      (value) => answer({ id, value }),
      (error) => answer({ id, error: error?.message ?? String(error) }),
    )
})

function answer(message) {
  if (process.connected) process.send(message)
}
