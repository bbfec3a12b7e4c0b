/** A round trip that takes longer is lost: unreliable messages may be, and waiting for them would stop the measurement. Milliseconds. */
const LOST_AFTER = 1_000

/**
 * Round trips one at a time, for a time or a number of them.
 * @returns How long each took, µs, the processor time of this process, µs, and how many were lost.
 */
export function ping(connection, { lane = 0, size, milliseconds = Infinity, most = Infinity }) {
  const message = new Uint8Array(size)
  const samples = []
  let sentAt = 0
  let lost = 0
  const usage = process.cpuUsage()
  const end = performance.now() + milliseconds
  return new Promise((resolve) => {
    const send = () => {
      sentAt = performance.now()
      connection.send(lane, message)
    }
    const watch = setInterval(() => {
      if (performance.now() - sentAt < LOST_AFTER) return
      lost++
      next(performance.now())
    }, LOST_AFTER)
    connection.onMessage = () => {
      const now = performance.now()
      samples.push((now - sentAt) * 1_000)
      next(now)
    }
    const next = (now) => {
      if (now < end && samples.length < most) send()
      else finish()
    }
    const finish = () => {
      clearInterval(watch)
      connection.onMessage = () => {}
      const { user, system } = process.cpuUsage(usage)
      resolve({ samples: Float64Array.from(samples), cpu: user + system, lost })
    }
    send()
  })
}
