import { expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { pack, unpack } from '../../src/introducer/packing.ts'
import { decodeProbeAnswer, encodeProbe, encodeProbeAnswer, probeSequence } from '../../src/introducer/probe.ts'
import {
  asListings,
  asProbeTicket,
  asTicket,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../src/introducer/protocol.ts'
import type { Request, Response } from '../../src/introducer/protocol.ts'
import { Carrier } from '../../src/link/carrier.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { SimulatedNetwork } from '../../src/link/simulated.ts'
import { answerChallenge, proveAtOnce } from '../../src/room/admission.ts'
import { CHANNEL_FLOW, CONTROL_FLOW, FORWARDED_FLOW, FORWARD_FLOW } from '../../src/room/constants.ts'
import { END, FOLLOW, PASS, decodeEnvelope, decodeNumber, encodeEnvelope, encodeNumber } from '../../src/room/envelope.ts'
import type { RoomRules, Seat, Snapshot } from '../../src/room/membership.ts'
import { decodeControl, encodeControl } from '../../src/room/messages.ts'
import type { ControlMessage } from '../../src/room/messages.ts'
import { t } from '../../src/schema/t.ts'
import { Worlds } from '../sync/worlds.ts'
import { readVectors } from './vectors.ts'

const [introducer, relay, , room] = readVectors('docs/protocol.md').slice(4) as [
  Map<string, Uint8Array>,
  Map<string, Uint8Array>,
  Map<string, Uint8Array>,
  Map<string, Uint8Array>,
]

const peerId = '11'.repeat(32)
const roomId = '22'.repeat(16)
const duel = { game: 'example.duel', protocol: 1 }
const settings = { ...duel, capacity: 4, listed: true, properties: { map: 'dust' } }
const cookie = new Uint8Array(64).fill(0x33)
const key = new Uint8Array(16).fill(0x77)
const addresses = [Address.relay(fromHex('0123456789abcdef')), Address.from('192.0.2.7', 50_000)]
const ada = { peerId, order: 0, profile: { name: 'Ada' } }
const ticket = { ...settings, host: peerId, epoch: 512, roomId, code: 'KFQ7B', self: ada, members: [ada], key }
const listing = { code: 'KFQ7B', members: 1, capacity: 4, properties: { map: 'dust' } }

const requests: Record<string, Request> = {
  register: { op: 'register', relay: 'auto', addresses: [Address.from('192.0.2.7', 50_000)] },
  create: { op: 'create', ...settings, profile: { name: 'Ada' } },
  join: { op: 'join', ...duel, code: 'KFQ7B', profile: { name: 'Ben' }, invitation: cookie },
  list: { op: 'list', ...duel, where: {} },
  leave: { op: 'leave', roomId },
  rejoin: { op: 'rejoin', ...settings, roomId, code: 'KFQ7B', order: 0, profile: { name: 'Ada' }, host: peerId, epoch: 512, key },
  evict: { op: 'evict', roomId, peerId },
  update: { op: 'update', roomId, properties: { map: 'snow', open: true, round: 2 } },
  seek: { op: 'contact', peerId },
  probe: { op: 'probe', send: 'port' },
  claim: { op: 'claim', roomId, base: 512, epoch: 1536 },
  match: {
    op: 'match',
    ...duel,
    where: { mode: 'ffa', map: ['dust', 'snow'], skill: { min: 5, max: 9 } },
    profile: { name: 'Ben' },
    create: settings,
  },
  admit: { op: 'admit', roomId, peerId },
  found: {
    op: 'create',
    ...settings,
    password: true,
    salt: new Uint8Array(16).fill(0x55),
    profile: { name: 'Ada' },
  },
  watch: { op: 'update', roomId, properties: {}, locked: true, guarded: true },
}
const responses: Record<string, Response> = {
  done: { kind: 'ok', id: 1, value: null },
  ticket: { kind: 'ok', id: 2, value: ticket },
  listing: { kind: 'ok', id: 4, value: [listing] },
  error: { kind: 'error', id: 3, code: 'ROOM_FULL', message: 'The room KFQ7B is full (4).' },
  joined: { kind: 'joined', roomId, member: ada },
  asking: { kind: 'joined', roomId, member: ada, guest: true },
  left: { kind: 'left', roomId, peerId },
  host: { kind: 'host', roomId, epoch: 1536, host: peerId },
  moved: { kind: 'moved' },
  closing: { kind: 'closing' },
  contact: { kind: 'contact', peerId, contact: { addresses, invitation: { cookie, certificate: fromHex('0102') } } },
}

const granted = {
  token: new Uint8Array(16).fill(0x33),
  observed: '192.0.2.7:50000',
  port: 1_936,
  address: '192.0.2.2:1937',
  time: 1_700_000_000_000,
}

test('the page has a vector for each', () => {
  expect([...introducer.keys()]).toEqual([...Object.keys(requests), ...Object.keys(responses), 'granted', 'probing', 'probed'])
})

test('I5: what probing needs, a probe, and its answer', () => {
  expect(asProbeTicket((decodeResponse(introducer.get('granted')!) as { readonly value: unknown }).value)).toEqual(granted)
  const [probing, probed] = [introducer.get('probing')!, introducer.get('probed')!]
  expect(toHex(encodeProbe(granted.token, 7, probing.length))).toBe(toHex(probing))
  const answer = { sequence: 7, time: granted.time, observed: Address.parse(granted.observed) }
  expect(toHex(encodeProbeAnswer(granted.token, answer, probed.length))).toBe(toHex(probed))
  expect([probeSequence(probing), decodeProbeAnswer(probed)]).toEqual([7, answer])
})

test.each(Object.keys(requests).map((name, i) => [name, i + 1] as const))('I2: %s', (name, id) => {
  const bytes = introducer.get(name)!
  expect(toHex(encodeRequest(id, requests[name]!))).toBe(toHex(bytes))
  expect(decodeRequest(bytes)).toEqual({ id, request: requests[name] })
})

test.each(Object.keys(responses))('I3: %s', (name) => {
  const bytes = introducer.get(name)!
  expect(toHex(encodeResponse(responses[name]!))).toBe(toHex(bytes))
  expect(decodeResponse(bytes)).toEqual(responses[name])
})

test('I2: the values of answers are tickets and lists of rooms', () => {
  const valueOf = (name: string): unknown => (decodeResponse(introducer.get(name)!) as { readonly value: unknown }).value
  expect(asTicket(valueOf('ticket'))).toEqual(ticket)
  expect(asListings(valueOf('listing'))).toEqual([listing])
})

test('P1: what goes over the wire on a relay path, and the address that it has in the protocol', async () => {
  const path = Address.relay(relay.get('path')!)
  expect(toHex(path.ip)).toBe(toHex(relay.get('address')!))
  expect(Address.of(relay.get('address')!, 0)).toMatchObject({ kind: 'relay', key: path.key })
  const network = new SimulatedNetwork({ seed: 1, clock: new SimulatedClock() })
  const introducerLink = network.createLink()
  const carrier = new Carrier({ datagrams: network.createLink() })
  const sent: string[] = []
  introducerLink.start((datagram) => sent.push(toHex(datagram)))
  carrier.introducer = introducerLink.address
  carrier.send(relay.get('packet')!, path)
  await (network.clock as SimulatedClock).runAsync(10)
  expect(sent).toEqual([toHex(relay.get('relayed')!)])
})

const ben = '44'.repeat(32)
const seat: Seat = { peerId, order: 0, profile: { name: 'Ada' }, isSpectator: false, isAway: false }
const rules: RoomRules = {
  capacity: 4,
  spectators: 8,
  isLocked: false,
  topology: 'auto',
  grace: 30_000,
  properties: { map: 'dust' },
  privateProperties: {},
  password: undefined,
  reserved: [],
  bans: [],
}
const snapshot: Snapshot = {
  epoch: 512,
  host: peerId,
  began: 512,
  version: 0,
  nextOrder: 1,
  seats: [seat],
  rules,
  electorate: [peerId],
  isStar: false,
}
const challenge = { kind: 'challenge', salt: new Uint8Array(16).fill(0x55), nonce: new Uint8Array(16).fill(0x66) } as const
const states = { sync: fromHex('0102') }

const controls: Record<string, ControlMessage> = {
  hello: { kind: 'hello', epoch: 512, host: peerId },
  missed: { kind: 'hello', epoch: 512, host: peerId, gap: true },
  apply: { kind: 'join', game: 'example.duel', protocol: 1, profile: { name: 'Ben' }, spectator: false },
  challenge,
  proof: answerChallenge(nodeBackend, 'open sesame', challenge, roomId, ben, peerId),
  'at once': {
    kind: 'join',
    game: 'example.duel',
    protocol: 1,
    profile: { name: 'Ben' },
    spectator: false,
    proof: proveAtOnce(nodeBackend, 'open sesame', challenge.salt, roomId, ben, peerId),
  },
  refused: { kind: 'refused', code: 'ROOM_FULL', message: 'The room is full (4).' },
  admitted: { kind: 'admitted', snapshot, states },
  'let in': { kind: 'admitted', snapshot, states, key },
  change: { kind: 'change', epoch: 512, version: 1, change: { kind: 'join', seat: { ...seat, peerId: ben, order: 1 } } },
  away: { kind: 'change', epoch: 512, version: 2, change: { kind: 'away', peerId: ben } },
  gone: { kind: 'change', epoch: 512, version: 3, change: { kind: 'leave', peerId: ben, reason: 'lost' } },
  rules: { kind: 'change', epoch: 512, version: 4, change: { kind: 'rules', rules } },
  renewed: { kind: 'change', epoch: 512, version: 5, change: { kind: 'epoch', epoch: 1024 } },
  stands: { kind: 'host', snapshot },
  appoint: { kind: 'appoint', epoch: 1024, host: ben, states: {}, leaving: true },
  candidate: { kind: 'claim', base: 512, version: 5 },
  vote: { kind: 'vote', base: 512, granted: true },
  leaving: { kind: 'leave' },
  removed: { kind: 'removed', banned: true, reason: 'too loud' },
}

test('R1: the metadata of flows', () => {
  const values = {
    control: [CONTROL_FLOW, roomId],
    channel: [CHANNEL_FLOW, roomId, 'chat', 2_049, 2_048],
    forward: [FORWARD_FLOW, roomId, 'chat'],
    forwarded: [FORWARDED_FLOW, roomId, 'chat', 2_049, 2_048, 7],
  }
  for (const [name, value] of Object.entries(values)) expect([name, toHex(pack(value))]).toEqual([name, toHex(room.get(name)!)])
})

test('R6: envelopes', () => {
  const values = {
    'passed on': encodeEnvelope(PASS, [{ order: 7 }], Uint8Array.of(1, 2)),
    follow: encodeEnvelope(FOLLOW, [{ order: 7 }], encodeNumber({ generation: 2_049, since: 2_048 })),
    end: encodeEnvelope(END, [{ order: 7 }]),
  }
  for (const [name, value] of Object.entries(values)) expect([name, toHex(value)]).toEqual([name, toHex(room.get(name)!)])
  expect(decodeNumber(decodeEnvelope(values.follow).payload)).toEqual({ generation: 2_049, since: 2_048 })
})

test.each(Object.keys(controls))('R3: %s', (name) => {
  const bytes = room.get(name)!
  expect(toHex(encodeControl(controls[name]!))).toBe(toHex(bytes))
  expect(decodeControl(bytes)).toEqual(controls[name])
})

test('R2: a message, field by field', () => {
  const schema = t.object({
    text: t.string(9),
    n: t.uint16,
    at: t.fixed(0, 1, 0.001),
    kind: t.oneOf('walk', 'run'),
    keys: t.flags('left', 'right', 'jump'),
    tags: t.array(t.string(9), 4),
    maybe: t.optional(t.bool),
  })
  const message = { text: 'hi', n: 300, at: 0.5, kind: 'run', keys: { left: true, right: false, jump: true }, tags: ['a'] }
  expect(toHex(pack(schema.encode(message, 'message')))).toBe(toHex(room.get('message')!))
  expect(schema.decode(unpack(room.get('message')!))).toEqual(message)
})

test('S5: a datagram of state', () => {
  const worlds = new Worlds({ tank: { fields: { x: t.fixed(-512, 512, 0.01), hp: t.uint8 } } }, 2, { latency: 10 })
  const sent: string[] = []
  worlds.now = 1_000
  worlds.post = (_from, _to, bytes) => void sent.push(toHex(bytes))
  const world = worlds.world(1)
  world.spawn(world.types[0]!, { x: 1.5, hp: 100 })
  worlds.tick()
  expect(sent).toEqual([toHex(readVectors('docs/protocol.md').at(-1)!.get('state')!)])
})
