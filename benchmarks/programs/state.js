/**
 * Replicated state: bytes and time a tick for one receiver, of a scripted trace, encoded by this SDK and by what one would use instead.
 * No network: what one side encodes, the other decodes, and acknowledges; in rows that say so after half a round trip.
 */
import { Packr } from 'msgpackr'
import { randomUnit, seededRandom } from '../../build/tsc/base/random.js'
import { t } from '../../build/tsc/schema/t.js'
import { EntityType } from '../../build/tsc/sync/core/entity-type.js'
import { significant } from '../statistics.js'
import { World } from '../../build/tsc/sync/core/world.js'

const ENTITIES = 64
const PLAYERS = 8
const TICKS = 600
const TICK = 1_000 / 60
/** Share of the entities that move at each tick, drawn anew each time. */
const MOVING = 0.3
/** Units a second on either axis at most. */
const SPEED = 60
/** Of the moves so many also change the velocity, and so many the health. */
const TURNS = 0.05
const HITS = 0.02
const EDGE = 512
const FIELDS = ['x', 'y', 'vx', 'vy', 'hp', 'name']
/** Bytes of a datagram. */
const ROOM = 1_150
const PLENTY = 1e9
const SEED = 20_160_816

export default {
  async run({ seconds, log, baseline }) {
    const trace = makeTrace(SEED)
    const colyseus = await import('@colyseus/schema').then(
      (library) => ({ make: () => colyseusCodec(library, trace) }),
      (error) => ({ missing: error.code === 'ERR_MODULE_NOT_FOUND' ? 'not installed: npm ci --prefix benchmarks' : error.message }),
    )
    const ways = [
      { name: 'altostratus', implementation: 'altostratus', key: 'altostratus', make: () => ourCodec(trace, 0) },
      { name: 'altostratus, 80 ms there and back', implementation: 'altostratus', key: 'altostratus80', make: () => ourCodec(trace, 5) },
      ...(colyseus.make === undefined
        ? []
        : [{ name: 'Colyseus schema, float32', implementation: 'colyseus', key: 'colyseus', make: colyseus.make }]),
      { name: 'msgpackr of a difference', implementation: 'msgpackr', key: 'msgpackr', make: () => differenceCodec(trace, packing()) },
      { name: 'JSON of a difference', implementation: 'json', key: 'json', make: () => differenceCodec(trace, asJson()) },
    ]
    const rounds = measure(ways, trace, seconds, log)
    const rows = ways.map(({ name, implementation, key }) => ({ name, implementation, key, ...rounds.get(key) }))
    const against = rows.find((row) => row.key === (colyseus.make === undefined ? 'json' : 'colyseus')).bytesPerTick
    return {
      title: 'Replicated state',
      unit: 'bytes, µs',
      about:
        `${ENTITIES} entities of ${PLAYERS} players with x, y, vx and vy within ±${EDGE} to 0.01, hp as uint8 and a name; ${MOVING * 100} % of them move ` +
        `at each of ${TICKS} ticks, 60 a second. Means for one receiver; times are means of each tick’s median of many runs.`,
      ratioOf: 'processor time of a tick, encoded and decoded ÷ that of one side of a round trip of bare UDP',
      columns: [
        { key: 'bytesPerTick', label: 'bytes a tick' },
        { key: 'share', label: `bytes ÷ ${colyseus.make === undefined ? 'JSON’s' : 'Colyseus’'}` },
        { key: 'encode', label: 'encode, µs a tick' },
        { key: 'decode', label: 'decode, µs a tick' },
        { key: 'ratio', label: 'ratio' },
      ],
      rows: rows.map((row) => ({
        ...row,
        share: significant(row.bytesPerTick / against, 3),
        ratio: significant((row.encode + row.decode) / baseline.cpu, 3),
      })),
      notRun: colyseus.make === undefined ? [{ name: 'colyseus', reason: colyseus.missing }] : [],
      charts: [],
      notes: [
        'This SDK sends numbers in steps of 0.01, as the trace asks for; the others floats of 32 bits (Colyseus) or numbers as they are. ' +
          'Its datagrams hold numbers, times and acknowledgements, as they may be lost; the others need a reliable stream beside.',
      ],
      json: Object.fromEntries(rows.map(({ key, bytesPerTick, encode, decode }) => [key, { bytesPerTick, encode, decode }])),
    }
  },
}

/** What is written at each tick: entity and new values, the same for all. */
function makeTrace(seed) {
  const random = seededRandom(seed)
  const unit = () => randomUnit(random)
  const place = () => (2 * unit() - 1) * EDGE
  const speed = () => (2 * unit() - 1) * SPEED
  const first = Array.from({ length: ENTITIES }, (_, i) => ({
    x: place(),
    y: place(),
    vx: speed(),
    vy: speed(),
    hp: 100,
    name: `player ${i % PLAYERS}`,
  }))
  const now = first.map((entity) => ({ ...entity }))
  const ticks = Array.from({ length: TICKS }, () =>
    now.flatMap((entity, i) => {
      if (unit() >= MOVING) return []
      if (unit() < TURNS) Object.assign(entity, { vx: speed(), vy: speed() })
      if (unit() < HITS) entity.hp = Math.max(0, entity.hp - Math.floor(20 * unit()))
      for (const [at, along] of [
        ['x', 'vx'],
        ['y', 'vy'],
      ]) {
        entity[at] += entity[along] * (TICK / 1_000)
        if (Math.abs(entity[at]) <= EDGE) continue
        entity[along] = -entity[along]
        entity[at] = Math.sign(entity[at]) * EDGE
      }
      return [{ i, ...entity }]
    }),
  )
  return { first, ticks, last: now }
}

/** The ways take turns until the time is over; the runs before the code was compiled do not count. */
function measure(ways, trace, seconds, log) {
  const times = new Map(ways.map(({ key }) => [key, { encode: [], decode: [], bytesPerTick: 0 }]))
  const until = performance.now() + seconds * 1_000
  for (let turn = 0; performance.now() < until || turn < 5; turn++) {
    for (const { key, name, make } of ways) {
      const { encode, decode, bytes } = runTrace(make(), trace, name)
      const result = times.get(key)
      result.bytesPerTick = round(bytes / TICKS)
      if (turn < 2) continue
      result.encode.push(encode)
      result.decode.push(decode)
    }
    if (turn === 0) log(`state: ${[...times].map(([key, { bytesPerTick }]) => `${key} ${bytesPerTick}`).join(', ')} bytes a tick`)
  }
  for (const result of times.values()) for (const key of ['encode', 'decode']) result[key] = meanOfMedians(result[key])
  return times
}

/** Mean of all ticks' times, of each of which the median of all runs is taken: what else the machine does hits some ticks of some runs. In µs. */
function meanOfMedians(runs) {
  const middle = Math.floor(runs.length / 2)
  let sum = 0
  for (let tick = 0; tick < TICKS; tick++) sum += runs.map((run) => run[tick]).sort((a, b) => a - b)[middle]
  return round((sum * 1_000) / TICKS)
}

/** @returns Bytes of all ticks together, and milliseconds of encoding and decoding of each; the first state does not count. */
function runTrace(codec, trace, name) {
  let bytes = 0
  const encode = []
  const decode = []
  codec.begin()
  for (const changes of trace.ticks) {
    codec.write(changes)
    const started = performance.now()
    const datagrams = codec.encode()
    const between = performance.now()
    codec.decode(datagrams)
    decode.push(performance.now() - between)
    encode.push(between - started)
    for (const datagram of datagrams) bytes += datagram.length
  }
  codec.finish?.()
  const step = 0.006
  for (const [i, expected] of trace.last.entries()) {
    const there = codec.read(i)
    for (const field of FIELDS) {
      const same = typeof expected[field] === 'string' ? there[field] === expected[field] : Math.abs(there[field] - expected[field]) < step
      if (!same) throw new Error(`${name}: ${field} of entity ${i} is ${there[field]}, not ${expected[field]}`)
    }
  }
  return { bytes, encode, decode }
}

function ourCodec(trace, delay) {
  const place = t.fixed(-EDGE, EDGE, 0.01)
  const rules = { owner: 'spawner', onLeave: 'remove', isSelective: false, smooth: [], snap: Infinity }
  const fields = { x: place, y: place, vx: place, vy: place, hp: t.uint8, name: t.string(16) }
  let time = 0
  const make = (self, out) => {
    const roster = { self, host: 0, isStar: false, isMember: () => true, mayWrite: () => true }
    const ignore = () => {}
    const listener = {
      spawned: ignore,
      removed: ignore,
      updated: ignore,
      visibleTo: () => -1,
      relevance: () => 1,
      emit: (_, bytes) => out.push(bytes),
    }
    const world = new World(roster, listener, { wasWritten: (record) => world.wasWritten(record), shownTime: () => 0, heardTime: () => 0 })
    world.addType(new EntityType('unit', 0, fields, rules))
    world.addPeer(1 - self)
    return world
  }
  const sent = []
  const acks = []
  const sender = make(0, sent)
  const receiver = make(1, acks)
  const flush = (world) => {
    world.flush(
      time,
      time,
      () => ROOM,
      () => PLENTY,
    )
  }
  /** What is on its way, by tick. */
  const there = []
  const back = []
  let units
  const codec = {
    begin() {
      units = trace.first.map((values) => sender.spawn(sender.types[0], values).object)
      for (let i = 0; i < 20; i++) codec.decode(codec.encode())
    },
    write(changes) {
      for (const { i, x, y, vx, vy, hp, name } of changes) {
        const unit = units[i]
        unit.x = x
        unit.y = y
        unit.vx = vx
        unit.vy = vy
        unit.hp = hp
        unit.name = name
      }
    },
    encode() {
      time += TICK
      if (back.length >= delay / 2) for (const ack of back.shift() ?? []) sender.take(1, ack, time, time)
      flush(sender)
      return sent.splice(0)
    },
    decode(datagrams) {
      there.push(datagrams)
      if (there.length > delay / 2) for (const datagram of there.shift()) receiver.take(0, datagram, time, time)
      flush(receiver)
      back.push(acks.splice(0))
    },
    finish() {
      for (let i = 0; i < 20; i++) codec.decode(codec.encode())
    },
    read: (i) => receiver.records.get(units[i].id).object,
  }
  return codec
}

function colyseusCodec({ Decoder, Encoder, MapSchema, schema, t: c }, trace) {
  const Unit = schema({ x: c.float32(), y: c.float32(), vx: c.float32(), vy: c.float32(), hp: c.uint8(), name: c.string() }, 'Unit')
  const State = schema({ units: c.map(Unit) }, 'State')
  const make = () => {
    const state = new State()
    state.units = new MapSchema()
    return state
  }
  const state = make()
  const encoder = new Encoder(state)
  const mirror = new State()
  const decoder = new Decoder(mirror)
  return {
    begin() {
      for (const [i, values] of trace.first.entries()) state.units.set(`${i}`, Object.assign(new Unit(), values))
      decoder.decode(encoder.encodeAll())
      encoder.discardChanges()
    },
    write(changes) {
      for (const { i, x, y, vx, vy, hp, name } of changes) {
        const unit = state.units.get(`${i}`)
        unit.x = x
        unit.y = y
        unit.vx = vx
        unit.vy = vy
        unit.hp = hp
        unit.name = name
      }
    },
    encode() {
      const bytes = encoder.encode().slice()
      encoder.discardChanges()
      return [bytes]
    },
    decode([bytes]) {
      decoder.decode(bytes)
    },
    read: (i) => mirror.units.get(`${i}`),
  }
}

/** Sends those fields of each entity that are not as they were; what a game does without a library. */
function differenceCodec(trace, { pack, unpack }) {
  const now = trace.first.map((entity) => ({ ...entity }))
  const before = trace.first.map((entity) => ({ ...entity }))
  const mirror = trace.first.map((entity) => ({ ...entity }))
  return {
    begin() {},
    write(changes) {
      for (const { i, ...values } of changes) Object.assign(now[i], values)
    },
    encode() {
      const difference = {}
      for (let i = 0; i < now.length; i++) {
        for (const field of FIELDS) {
          if (now[i][field] === before[i][field]) continue
          before[i][field] = now[i][field]
          ;(difference[i] ??= {})[field] = now[i][field]
        }
      }
      return [pack(difference)]
    },
    decode([bytes]) {
      const difference = unpack(bytes)
      for (const i of Object.keys(difference)) Object.assign(mirror[i], difference[i])
    },
    read: (i) => mirror[i],
  }
}

function packing() {
  const packr = new Packr({ useRecords: false })
  return { pack: (value) => packr.pack(value), unpack: (bytes) => packr.unpack(bytes) }
}

function asJson() {
  return { pack: (value) => Buffer.from(JSON.stringify(value)), unpack: (bytes) => JSON.parse(bytes.toString()) }
}

function round(value) {
  return Number(value.toPrecision(4))
}
