/** One cell of the matrix: two players, each behind its NAT, meet by way of the introducer. */
import { fileURLToPath } from 'node:url'
import { canBeDirect } from './nat.js'
import { Program } from './system.js'

const clientFile = fileURLToPath(new URL('client.js', import.meta.url))
/** How long a pair that can be direct may take for it. Milliseconds. */
export const DIRECT_WITHIN = 2_000

/** The best path there can be between two kinds of NAT, or behind one and the same. */
export function expectedPath(a, b) {
  return b === undefined || canBeDirect(a, b) ? 'direct' : 'relay'
}

/** Starts a player in a site. @param what `create`, or a code */
export function player(site, url, what, { seat = 0, options = {} } = {}) {
  return new Program(site.clients[seat], process.execPath, [clientFile, url, what, JSON.stringify(options)])
}

/**
 * Runs a cell. @returns `path` (`direct`, `relay`, or none), `expected`, `first`: milliseconds from `join` to the first message, `roundTrips`: the
 * same by the introducer's round-trip time, `direct`: milliseconds from `join` to the direct path, `passed`, `problem`
 */
export async function runCell({ a, b, url, rtt, timeout, seats = [0, 0] }) {
  const expected = expectedPath(a.kind, a === b ? undefined : b.kind)
  const cell = { from: a.kind, to: b.kind, expected, path: undefined }
  const players = []
  try {
    const host = player(a, url, 'create', { seat: seats[0] })
    players.push(host)
    const { code } = await host.event('in', timeout)
    const guest = player(b, url, code, { seat: seats[1] })
    players.push(guest)
    const { after: first, path } = await guest.event('message', timeout)
    await host.event('message', timeout)
    Object.assign(cell, { path, first, roundTrips: rtt > 0 ? first / rtt : undefined })
    const isDirect = (record) =>
      (record.event === 'path' || record.event === 'peer' || record.event === 'message') && record.path === 'direct'
    const direct = await guest.waitFor(isDirect, expected === 'direct' ? timeout : 1).catch(() => undefined)
    if (direct !== undefined) Object.assign(cell, { path: 'direct', direct: direct.after })
    cell.problem = problemOf(cell)
  } catch (error) {
    const said = players.at(-1)?.said.find(({ event }) => event === 'failed')
    cell.problem = said === undefined ? error.message : `${said.code}: ${said.message}`
  } finally {
    await Promise.all(players.map((each) => each.stop()))
  }
  return { ...cell, passed: cell.problem === undefined }
}

function problemOf({ path, expected, direct }) {
  if (path !== expected) return `the path is ${path}, and ${expected} is possible`
  if (expected === 'direct' && direct > DIRECT_WITHIN) return `direct after ${Math.round(direct)} ms, later than ${DIRECT_WITHIN} ms`
  return undefined
}
