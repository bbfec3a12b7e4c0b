/** For libraries with one stream: the last byte of a message says which lane it is of, when there are several. */
export function tagged(lanes, lane, bytes) {
  if (lanes.length === 1) return bytes
  const message = new Uint8Array(bytes.length + 1)
  message.set(bytes)
  message[bytes.length] = lane
  return message
}

/** Hands over a message that `tagged` has made. */
export function deliver(connection, lanes, message) {
  if (lanes.length === 1) connection.onMessage(0, message)
  else connection.onMessage(message[message.length - 1], message.subarray(0, -1))
}
