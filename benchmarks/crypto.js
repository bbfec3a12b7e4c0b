/**
 * Costs of the packet ciphers and of the handshake's primitives, in µs, side by side: native and pure JavaScript, and the ways of
 * using node:crypto that were weighed against each other.
 *
 *   node scripts/run.js benchmarks/crypto.js [--json] [--seconds N]
 *
 * The variants take turns, so that a machine that slows down slows all of them; each figure is the median of its turns.
 */
import { createCipheriv, createHmac, createSecretKey, hash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../build/tsc/base/random.js'
import { AeadOpener, AeadSealer } from '../build/tsc/crypto/aead-cipher.js'
import { CbcOpener, CbcSealer } from '../build/tsc/crypto/cbc-cipher.js'
import { GROUP_MODP14, GROUP_MODP2, SUITE_AES_GCM, SUITE_CHACHA20_POLY1305 } from '../build/tsc/crypto/constants.js'
import { createIdentity } from '../build/tsc/crypto/identity.js'
import { InitiatorKeying, respond } from '../build/tsc/crypto/keying.js'
import { nobleBackend } from '../build/tsc/crypto/noble.js'
import { nodeBackend } from '../build/tsc/crypto/node.js'
import { DEFAULT_POLICY } from '../build/tsc/crypto/policy.js'

const SIZES = [64, 208, 1_200]
const BACKENDS = [nodeBackend, nobleBackend]
/** Packets in a row before the next variant has its turn. */
const BATCH = 256
const SESSION = 0x8badf00d
const KEY = randomBytes(16)
const LONG_KEY = randomBytes(32)
const HMAC_LENGTH = 16
const TAG_LENGTH = 16
const SLACK = 64
const DEFAULT_SECONDS = 20

const args = process.argv.slice(2)
const asJson = args.includes('--json')
const seconds = args.includes('--seconds') ? Number(args[args.indexOf('--seconds') + 1]) : DEFAULT_SECONDS

const packets = measure(SIZES.flatMap(packetVariants), (seconds * 5) / 10)
const primitives = measure(SIZES.flatMap(primitiveVariants), (seconds * 3) / 10)
const handshake = measure(handshakeVariants(), (seconds * 2) / 10)

const result = {
  unit: 'µs',
  packets,
  primitives,
  handshake,
  node: process.version,
  openssl: process.versions.openssl,
  cpu: cpus()[0]?.model,
}
const folder = fileURLToPath(new URL('results/', import.meta.url))
mkdirSync(folder, { recursive: true })
writeFileSync(`${folder}crypto-node${process.versions.node.split('.')[0]}.json`, `${JSON.stringify(result, undefined, 2)}\n`)
if (asJson) console.log(JSON.stringify(result))
else for (const name of ['packets', 'primitives', 'handshake']) console.log(`\n${name}, µs\n${table(result[name])}`)

/** Whole packets, as the engine seals and opens them: both directions of every suite on both backends. */
function packetVariants(size) {
  const secret = LONG_KEY
  const cbc = (hmacLength) => ({ key: KEY, macKey: hmacLength > 0 ? LONG_KEY : undefined, hmacLength, sequenceNumbers: hmacLength > 0 })
  return BACKENDS.flatMap((backend) => [
    ...pair(`aes-128-gcm, ${backend.name}`, size, AeadSealer, AeadOpener, backend, { suite: SUITE_AES_GCM, secret }),
    ...pair(`chacha20-poly1305, ${backend.name}`, size, AeadSealer, AeadOpener, backend, { suite: SUITE_CHACHA20_POLY1305, secret }),
    ...pair(`aes-128-cbc + hmac + sequence, ${backend.name}`, size, CbcSealer, CbcOpener, backend, cbc(HMAC_LENGTH)),
    ...pair(`aes-128-cbc + checksum, ${backend.name}`, size, CbcSealer, CbcOpener, backend, cbc(0)),
  ])
}

function pair(name, size, Sealer, Opener, backend, settings) {
  const buffers = Array.from({ length: BATCH }, () => new Uint8Array(size + SLACK))
  const out = new Uint8Array(size + 2 * SLACK)
  let datagrams = []
  let opener
  return [
    {
      name: `seal ${name}`,
      size,
      // A new sealer for each batch, as the opener of the batch would not take the same numbers twice.
      prepare: () => {
        const sealer = new Sealer(backend, settings)
        opener = new Opener(backend, settings)
        sealer.seal(new Uint8Array(2 * SLACK), SLACK, SESSION)
        return sealer
      },
      run: (sealer) => {
        const ends = new Array(BATCH)
        for (let i = 0; i < BATCH; i++) ends[i] = sealer.seal(buffers[i], sealer.headroom + size, SESSION)
        datagrams = ends
      },
    },
    {
      name: `open ${name}`,
      size,
      prepare: () => datagrams.map((end, i) => buffers[i].subarray(0, end)),
      run: (views) => {
        for (let i = 0; i < BATCH; i++) if (opener.open(views[i], out) < 0) throw new Error(`${name}: not opened`)
      },
    },
  ]
}

/** One encryption or one MAC, in each of the ways that node:crypto offers. */
function primitiveVariants(size) {
  const blocks = Math.ceil(size / 16) * 16
  const buffer = randomBytes(blocks + SLACK)
  const iv = new Uint8Array(16)
  const nonce = new Uint8Array(12)
  const aad = new Uint8Array(4)
  const key = createSecretKey(KEY)
  const longKey = createSecretKey(LONG_KEY)
  const persistent = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false)
  const backendCbc = nodeBackend.cbc(KEY)
  const inner = new Uint8Array(64 + blocks)
  const outer = new Uint8Array(64 + 32)
  const gcm = (cipherKey, options) => () => {
    const cipher = createCipheriv('aes-128-gcm', cipherKey, nonce, options)
    cipher.setAAD(aad)
    buffer.set(cipher.update(buffer.subarray(8, 8 + size)), 8)
    cipher.final()
    buffer.set(cipher.getAuthTag(), 8 + size)
  }
  const variants = {
    'aes-128-cbc, one cipher object per packet, KeyObject': () => {
      const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false)
      buffer.set(cipher.update(buffer.subarray(4, 4 + blocks)), 4)
    },
    'aes-128-cbc, one cipher object per packet, raw key': () => {
      const cipher = createCipheriv('aes-128-cbc', KEY, iv).setAutoPadding(false)
      buffer.set(cipher.update(buffer.subarray(4, 4 + blocks)), 4)
    },
    'aes-128-cbc, one cipher object per session, running IV': () => {
      buffer.set(persistent.update(buffer.subarray(4, 4 + blocks)), 4)
    },
    'aes-128-cbc, one cipher object per session, zero IV by XOR *': () => backendCbc.encrypt(buffer, 4, 4 + blocks),
    'aes-128-gcm, KeyObject': gcm(key),
    'aes-128-gcm, KeyObject, tag length given *': gcm(key, { authTagLength: TAG_LENGTH }),
    'aes-128-gcm, raw key': gcm(KEY),
    'hmac-sha256, createHmac with KeyObject': () =>
      createHmac('sha256', longKey)
        .update(buffer.subarray(4, 4 + size))
        .digest(),
    'hmac-sha256, createHmac with raw key': () =>
      createHmac('sha256', LONG_KEY)
        .update(buffer.subarray(4, 4 + size))
        .digest(),
    'hmac-sha256, two one-shot hashes to buffers': () => {
      inner.set(buffer.subarray(4, 4 + size), 64)
      outer.set(hash('sha256', inner.subarray(0, 64 + size), 'buffer'), 64)
      hash('sha256', outer, 'buffer')
    },
    'hmac-sha256, two one-shot hashes to strings *': macOf(nodeBackend, buffer, size),
    'hmac-sha256, noble, cloned keyed state *': macOf(nobleBackend, buffer, size),
  }
  return Object.entries(variants).map(([name, once]) => ({
    name,
    size,
    prepare: () => undefined,
    run: () => {
      for (let i = 0; i < BATCH; i++) once()
    },
  }))
}

function macOf(backend, buffer, size) {
  const mac = backend.mac(LONG_KEY)
  return () => mac.compute(buffer, 4, 4 + size)
}

function handshakeVariants() {
  const message = randomBytes(250)
  return BACKENDS.flatMap((backend) => {
    const context = { backend, random: seededRandom(1) }
    const near = createIdentity(context)
    const far = createIdentity(context)
    const signature = backend.ed25519Sign(message, LONG_KEY)
    const signer = backend.ed25519PublicKey(LONG_KEY)
    const options = { ...context, policy: DEFAULT_POLICY }
    const begin = () => new InitiatorKeying({ ...options, identity: near, far: far.certificate })
    const { component } = begin()
    const modpKey = backend.modpPublicKey(GROUP_MODP2, LONG_KEY)
    const modp14Key = backend.modpPublicKey(GROUP_MODP14, LONG_KEY)
    const variants = {
      'ed25519 sign': () => backend.ed25519Sign(message, LONG_KEY),
      'ed25519 verify': () => backend.ed25519Verify(signature, message, signer),
      'x25519 public key': () => backend.x25519PublicKey(LONG_KEY),
      'x25519 shared secret': () => backend.x25519(LONG_KEY, signer),
      'modp 2 shared secret': () => backend.modpShared(GROUP_MODP2, LONG_KEY, modpKey),
      'modp 14 shared secret': () => backend.modpShared(GROUP_MODP14, LONG_KEY, modp14Key),
      'initiator component': begin,
      "responder's whole keying": () => respond({ ...options, identity: far, far: near.certificate }, component),
    }
    return Object.entries(variants).map(([name, once]) => ({
      name: `${name}, ${backend.name}`,
      size: 1,
      operations: 2,
      prepare: () => undefined,
      run: () => (once(), once()),
    }))
  })
}

/** Median cost of each variant's operation, by size, from turns that all variants take until the time is over. */
function measure(variants, budget) {
  const times = variants.map(() => [])
  const until = performance.now() + budget * 1_000
  for (let turn = 0; performance.now() < until || turn < 4; turn++) {
    for (const [i, { prepare, run, operations = BATCH }] of variants.entries()) {
      const prepared = prepare()
      const started = performance.now()
      run(prepared)
      times[i].push(((performance.now() - started) * 1_000) / operations)
    }
  }
  const rows = new Map()
  for (const [i, { name, size }] of variants.entries()) {
    // The first turns are spent on compilation.
    const sorted = times[i].slice(Math.floor(times[i].length / 4)).sort((a, b) => a - b)
    const row = rows.get(name) ?? { name }
    row[size === 1 ? 'each' : size] = Number(sorted[Math.floor(sorted.length / 2)].toPrecision(3))
    rows.set(name, row)
  }
  return [...rows.values()]
}

function table(rows) {
  const columns = Object.keys(rows[0])
    .filter((column) => column !== 'name')
    .sort((a, b) => Number(a) - Number(b))
  const width = Math.max(...rows.map((row) => row.name.length))
  const line = (name, cells) => `${name.padEnd(width)}  ${cells.map((cell) => String(cell).padStart(8)).join('')}`
  return [
    line(
      '(* as used)',
      columns.map((column) => (column === 'each' ? column : `${column} B`)),
    ),
    ...rows.map((row) =>
      line(
        row.name,
        columns.map((column) => row[column]),
      ),
    ),
  ].join('\n')
}
