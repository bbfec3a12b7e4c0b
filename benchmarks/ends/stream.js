/** Milliseconds on a clock that all processes of the machine share: one-way times are its differences. */
export function sharedNow() {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Time of sending and number of the message, at the front of each. */
const HEADER = 12
const recordings = new Map()
let recordingSince = 0

/** Notes when each message of a lane arrives, from now on. */
export function record(connection, { most }) {
  recordings.clear()
  recordingSince = sharedNow()
  connection.onMessage = (lane, bytes) => {
    const now = sharedNow()
    const recording = recordings.get(lane) ?? { latencies: new Float64Array(most).fill(NaN), arrived: 0, bytes: 0, repeated: 0 }
    recordings.set(lane, recording)
    recording.bytes += bytes.length
    if (bytes.length < HEADER) return
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const number = view.getUint32(8)
    if (number >= most) return
    if (Number.isNaN(recording.latencies[number])) {
      recording.latencies[number] = now - view.getFloat64(0)
      recording.arrived++
    } else recording.repeated++
  }
}

/**
 * @returns What came on a lane: one-way milliseconds of each message by number, `NaN` for those that did not come; bytes, and in how many
 * milliseconds.
 */
export function recorded({ lane = 0 } = {}) {
  const nothing = { latencies: new Float64Array(0), arrived: 0, bytes: 0, repeated: 0 }
  return { ...(recordings.get(lane) ?? nothing), milliseconds: sharedNow() - recordingSince }
}

/**
 * Sends messages of a size at a rate for a time. Those that are late, because the timer was, follow at once, as a game's loop would make up for them.
 * @returns How many it sent, and how many of them were refused.
 */
export function stream(connection, { lane = 0, size, hz, milliseconds }) {
  const count = Math.round((milliseconds / 1_000) * hz)
  const started = sharedNow()
  const dueAt = (number) => started + (number / hz) * 1_000
  let sent = 0
  let refused = 0
  return new Promise((resolve) => {
    const tick = () => {
      for (; sent < count && dueAt(sent) <= sharedNow(); sent++) {
        // A new one each time: some libraries keep what they are given until it is sent.
        const message = new Uint8Array(size)
        const view = new DataView(message.buffer)
        view.setFloat64(0, sharedNow())
        view.setUint32(8, sent)
        if (connection.send(lane, message) === false) refused++
      }
      if (sent < count) setTimeout(tick, Math.max(1, dueAt(sent) - sharedNow()))
      else resolve({ sent, refused })
    }
    tick()
  })
}
