import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { INTRODUCER_HELP } from '../../src/cli/introducer.ts'
import * as limits from '../../src/introducer/constants.ts'
import { MAX_INCOMING_SESSIONS } from '../../src/rtmfp/constants.ts'

const page = readFileSync(new URL('../../docs/introducer.md', import.meta.url), 'utf8')
const protocol = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')

const spelled = (n: number): string => n.toLocaleString('en-US')

const rateOf = (packets: number, bytes: string): string => `${spelled(packets)} and ${bytes} a second, twice that at once`

test('docs/introducer.md: the limits are those of the code', () => {
  const rows = page.slice(page.indexOf('## Limits')).matchAll(/^\| ([a-z][^|]*?) \| ([^|]*?) \|$/gm)
  expect([...rows].map(([, what, value]) => [what, value])).toEqual([
    ['members of a room', `${limits.MAX_CAPACITY}, ${limits.DEFAULT_CAPACITY} if not given`],
    ['rooms of one player', spelled(limits.MAX_ROOMS_PER_PEER)],
    ['rooms', spelled(limits.MAX_ROOMS)],
    ['peers', spelled(MAX_INCOMING_SESSIONS)],
    ['rooms in one list', spelled(limits.MAX_LISTED)],
    ['requests of one peer', `${limits.REQUEST_BURST} at once, then ${limits.REQUESTS_PER_SECOND} a second`],
    ['wrong codes of one peer', `${limits.GUESS_BURST} at once, then one in ${1 / limits.GUESSES_PER_SECOND} seconds`],
    ['public properties', `${limits.MAX_PROPERTIES}, with names and texts of at most ${limits.MAX_PROPERTY_LENGTH} characters`],
    ['relayed packets of one peer', rateOf(limits.RELAY_PEER_PACKETS, `${limits.RELAY_PEER_BYTES / 1_024} KiB`)],
    ['relayed packets of one room', rateOf(limits.RELAY_ROOM_PACKETS, `${limits.RELAY_ROOM_BYTES / 1_048_576} MiB`)],
    ['relay paths', `${spelled(limits.MAX_RELAY_PATHS)}; one that was not used for two minutes is freed`],
    ['profile', `${spelled(limits.MAX_PROFILE_BYTES)} bytes, packed; lists and maps nested at most ${limits.MAX_PROFILE_DEPTH} deep`],
  ])
  expect([limits.RELAY_BURST, limits.RELAY_IDLE]).toEqual([2, 120_000])
  expect(page).toContain(`keeps the place for ${limits.GRACE / 1_000} seconds`)
  expect(page).toContain(`UDP port; ${limits.DEFAULT_PORT} if not given`)
  expect(page).toContain(`they notice within ${limits.CLIENT_DEAD_AFTER / 1_000} seconds`)
  // "After one second, then at growing intervals up to half a minute."
  expect([limits.RECONNECT_FIRST, limits.RECONNECT_LAST]).toEqual([1_000, 30_000])
})

test('docs/introducer.md: the options are those of the command', () => {
  const documented = [...page.matchAll(/^\| `(--[a-z]+)/gm)].map(([, name]) => name)
  const offered = [...INTRODUCER_HELP.matchAll(/^ {2}(--[a-z]+)/gm)].map(([, name]) => name)
  expect(documented).toEqual(offered)
})

test('docs/protocol.md: the limits of the introducer’s messages are those of the code', () => {
  const section = protocol.slice(protocol.indexOf('## Introducer protocol'), protocol.indexOf('### I4.'))
  for (const text of [
    `\`${limits.REQUEST_FLOW}\` (UTF-8)`,
    `at most ${spelled(limits.MAX_REQUEST_BYTES)} bytes`,
    `list of at most ${limits.MAX_LOCAL_ADDRESSES} texts`,
    `list of at most ${limits.MAX_LISTED} rooms`,
    `(text of at most ${limits.MAX_NAME})`,
    `(1 to ${limits.MAX_CAPACITY})`,
    `at most ${limits.MAX_PROPERTIES} texts (at most ${limits.MAX_PROPERTY_LENGTH} long)`,
    `at most ${spelled(limits.MAX_PROFILE_BYTES)} bytes packed`,
    `nested at most ${limits.MAX_PROFILE_DEPTH} deep`,
    `${limits.CODE_LENGTH} of \`${limits.CODE_ALPHABET}\``,
  ]) {
    expect(section).toContain(text)
  }
  expect(limits.MAX_ORDER).toBe(2 ** 32 - 1)
})
