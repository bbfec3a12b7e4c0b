/** Messages that are written before the event loop has a turn. */
const BATCH = 32
/** When a library says that it is full and never says that it is not, it is asked again after this. Milliseconds. */
const ASK_AGAIN = 5

const counted = { messages: 0, bytes: 0 }

/** Counts what comes, from now on. */
export function resetCount(connection) {
  counted.messages = 0
  counted.bytes = 0
  connection.onMessage = (_lane, bytes) => {
    counted.messages++
    counted.bytes += bytes.length
  }
}

/** @returns What came since `resetCount`, this process' processor time so far, µs, and the time, milliseconds. */
export function takeCount() {
  const { user, system } = process.cpuUsage()
  return { ...counted, cpu: user + system, at: performance.now() }
}

/** Sends as fast as the connection takes it, for a time. @returns What it sent, the processor time that it took, µs, and the time, milliseconds. */
export function flood(connection, { lane = 0, size, milliseconds }) {
  const message = new Uint8Array(size)
  const usage = process.cpuUsage()
  const started = performance.now()
  const end = started + milliseconds
  let sent = 0
  return new Promise((resolve) => {
    let waiting
    const turn = () => {
      clearTimeout(waiting)
      if (performance.now() >= end) {
        connection.onDrain = () => {}
        const { user, system } = process.cpuUsage(usage)
        resolve({ sent, cpu: user + system, milliseconds: performance.now() - started })
        return
      }
      for (let i = 0; i < BATCH; i++) {
        if (connection.send(lane, message) === false) {
          waiting = setTimeout(turn, ASK_AGAIN)
          return
        }
        sent++
      }
      setImmediate(turn)
    }
    connection.onDrain = turn
    turn()
  })
}
