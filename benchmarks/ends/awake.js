/** Keeps the event loop turning, so that nothing waits for the machine to wake the process. @returns What ends it. */
export function stayAwake() {
  let handle
  const turn = () => {
    handle = setImmediate(turn)
  }
  turn()
  return () => clearImmediate(handle)
}
