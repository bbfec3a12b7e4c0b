import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from '@jest/globals'

/**
 * The layers, bottom to top, and what each may import beside its own files. The lint rules say the same; this test
 * says it once more without depending on how a linter resolves paths, and it fails when it sees no files.
 */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ['base'],
  crypto: ['base', 'wire'],
  rtmfp: ['base', 'wire', 'crypto'],
  link: ['base'],
  platform: ['base', 'crypto', 'link'],
  introducer: ['base', 'wire', 'crypto', 'rtmfp', 'link', 'platform'],
  schema: ['base'],
  room: ['base', 'wire', 'crypto', 'rtmfp', 'link', 'platform', 'introducer', 'schema'],
  sync: ['base', 'link', 'schema', 'room'],
  testing: ['base', 'wire', 'crypto', 'rtmfp', 'link', 'platform', 'introducer', 'schema', 'room', 'sync'],
  cli: ['base', 'wire', 'crypto', 'rtmfp', 'link', 'platform', 'introducer', 'schema', 'room', 'sync'],
  entry: ['base', 'wire', 'crypto', 'rtmfp', 'link', 'platform', 'introducer', 'schema', 'room', 'sync', 'testing'],
}

/** Files that tie two layers together, by design, and what they may import beyond their layer. */
const TIES: Readonly<Record<string, readonly string[]>> = {
  'link/driver.ts': ['rtmfp'],
  'link/index.ts': ['rtmfp'],
}

/** The fewest files that each folder can have; fewer means that this test looks in the wrong place. */
const FEWEST: Readonly<Record<string, number>> = {
  base: 6,
  wire: 10,
  crypto: 8,
  rtmfp: 12,
  link: 4,
  introducer: 3,
  schema: 4,
  room: 4,
  sync: 12,
  platform: 2,
  entry: 4,
}

/** Packages that a layer may import; the sans-I/O layers other than `crypto` have none. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  crypto: /^@noble\//,
  link: /^(ws|@silentbot1\/nat-api)$/,
  platform: /^ws$/,
  introducer: /^(eventemitter3|msgpackr)$/,
  room: /^(eventemitter3|msgpackr)$/,
}

/** The only files that may import Node's modules. None of them is reachable from the browser's entry. */
const NODE_FILES =
  /^(cli\/.*|platform\/node|crypto\/(node|default-node)|crypto\/node\/.*|link\/(udp|multicast|port-control|port-mapping|websocket-server))\.ts$/

const SANS_IO = /^(base|wire|crypto|rtmfp|schema|sync\/core)\//
const PLATFORM_FILES = /^(crypto\/(node|default-node|default-browser)|platform\/\w+|cli\/.*)\.ts$/

/** Ambient clocks, randomness, timers and I/O, as they are used; a method of ours may share such a name. */
const AMBIENT = new RegExp(
  [
    String.raw`(?<![\w$.#])(?:Date|performance|crypto|process|Buffer|globalThis|window|navigator|console)\s*(?:\.|\[)`,
    String.raw`(?<![\w$.#])(?:setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\s*\(`,
    String.raw`\bnew\s+(?:Date|WebSocket|RTCPeerConnection)\b`,
    String.raw`\bMath\.random\b`,
  ].join('|'),
)

interface Source {
  path: string
  layer: string
  /** Without comments and without the text of strings, so that prose is not taken for code. */
  code: string
  imports: Import[]
}

interface Import {
  specifier: string
  /** Gone after compilation. */
  typeOnly: boolean
}

const sources = readSources('src')

describe('what the test looks at', () => {
  test('every layer of the list is there, and no folder that is not on the list', () => {
    const folders = new Set(sources.map((source) => source.layer))
    expect([...folders].filter((folder) => !(folder in LAYERS))).toEqual([])
    for (const [folder, fewest] of Object.entries(FEWEST)) {
      expect({ folder, enough: sources.filter((source) => source.layer === folder).length >= fewest }).toEqual({ folder, enough: true })
    }
  })

  test('imports were found, in every layer that has a layer below', () => {
    for (const layer of Object.keys(FEWEST)) {
      if (layer === 'base' || layer === 'platform') continue
      expect({ layer, imports: sources.some((source) => source.layer === layer && source.imports.length > 0) }).toEqual({
        layer,
        imports: true,
      })
    }
  })
})

describe('layering', () => {
  test('every file imports only its own layer and lower ones', () => {
    expect(violations(sources, layerFault)).toEqual([])
  })

  test('packages are imported only where they belong', () => {
    expect(violations(sources, packageFault)).toEqual([])
  })

  test("Node's modules are imported only by the files that stand for Node", () => {
    expect(violations(sources, (source, specifier) => specifier.startsWith('node:') && !NODE_FILES.test(source.path))).toEqual([])
  })

  test('no module reaches itself', () => {
    const graph = new Map(sources.map((source) => [source.path, loads(source)]))
    expect(cycles(graph)).toEqual([])
  })

  test('what the browser loads has no import of Node', () => {
    const byPath = new Map(sources.map((source) => [source.path, source]))
    const reached = new Set(['entry/main.ts', 'entry/rtmfp.ts', 'entry/testing.ts', 'platform/browser.ts'])
    for (const path of reached) for (const target of loads(byPath.get(path))) reached.add(target)
    expect([...reached].filter((path) => byPath.get(path) === undefined)).toEqual([])
    expect([...reached].filter((path) => byPath.get(path)?.imports.some(({ specifier }) => specifier.startsWith('node:')))).toEqual([])
  })
})

describe('the engine is sans-I/O', () => {
  const engine = sources.filter((source) => SANS_IO.test(source.path) && !PLATFORM_FILES.test(source.path))

  test('no clock, timer, ambient randomness, socket or console below the links', () => {
    expect(engine.length).toBeGreaterThan(35)
    expect(
      engine.filter((source) => AMBIENT.test(source.code)).map((source) => `${source.path}: ${AMBIENT.exec(source.code)?.[0]}`),
    ).toEqual([])
  })

  test('nothing below the links is async', () => {
    const asynchronous = /\basync\b|\bawait\b|\bnew Promise\b/
    expect(engine.filter((source) => asynchronous.test(source.code)).map((source) => source.path)).toEqual([])
  })
})

describe('the test itself', () => {
  const file = (path: string, text: string): Source => parse(path, text)

  test.each([
    ['base/x.ts', "import { a } from '../wire/vlu.ts'"],
    ['wire/x.ts', "export * from '../crypto/epd.ts'"],
    ['rtmfp/session/x.ts', "import type { A } from '../../link/link.ts'"],
    ['rtmfp/session/x.ts', "import {\n  a,\n  b,\n} from '../flow/send-flow.ts'"],
    ['rtmfp/flow/x.ts', "import { a } from '../session/rtt.ts'"],
    ['rtmfp/flow/x.ts', "import { a } from '../session.ts'"],
    ['link/udp.ts', "import { a } from '../rtmfp/endpoint.ts'"],
    ['sync/core/x.ts', "import { a } from '../engine.ts'"],
    ['sync/core/x.ts', "import type { A } from '../../room/peer.ts'"],
    ['introducer/x.ts', "const a = await import('../room/room.ts')"],
    ['crypto/x.ts', "import { defaultBackend } from '#platform'"],
  ])('sees the fault in %s: %s', (path, text) => {
    expect(violations([file(path, text)], layerFault)).toHaveLength(1)
  })

  test.each(['Date.now()', 'new Date', 'Math.random()', 'setTimeout(f, 1)', 'performance.now()', 'crypto.subtle', 'process.env'])(
    'sees %s',
    (code) => {
      expect(AMBIENT.test(file('rtmfp/x.ts', `const a = ${code}`).code)).toBe(true)
      expect(AMBIENT.test(file('rtmfp/x.ts', `// ${code}\n/* ${code} */ const a = '${code}'`).code)).toBe(false)
    },
  )
})

function readSources(root: string): Source[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'))
    .map((path) => parse(path, readFileSync(join(root, path), 'utf8')))
}

function parse(path: string, text: string): Source {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"\\])\/\/.*$/gm, '')
  const imports = [...code.matchAll(/\b(?:(import|export)\s+(type\b)?[^'";]*?\bfrom\s*|import\s*\(?\s*)'([^'\n]+)'/g)].map((match) => ({
    specifier: match[3] ?? '',
    typeOnly: match[2] !== undefined,
  }))
  return { path, layer: path.split('/')[0] ?? '', code: code.replace(/'(?:[^'\\\n]|\\.)*'/g, "''"), imports }
}

function violations(files: readonly Source[], isFault: (source: Source, specifier: string) => boolean): string[] {
  return files.flatMap((source) =>
    source.imports.filter(({ specifier }) => isFault(source, specifier)).map(({ specifier }) => `${source.path} imports ${specifier}`),
  )
}

function layerFault(source: Source, specifier: string): boolean {
  if (specifier === '#platform') return !(LAYERS[source.layer] ?? []).includes('platform')
  if (!specifier.startsWith('.')) return false
  const target = resolve(source, specifier)
  const layer = target.split('/')[0] ?? ''
  if (source.path.startsWith('sync/core/') && layer !== 'sync') return layer !== 'base' && layer !== 'schema'
  if (layer !== source.layer) return !(LAYERS[source.layer] ?? []).includes(layer) && !(TIES[source.path] ?? []).includes(layer)
  if (source.path.startsWith('sync/core/')) return !target.startsWith('sync/core/')
  if (source.path.startsWith('rtmfp/session/')) return target.startsWith('rtmfp/flow/')
  if (source.path.startsWith('rtmfp/flow/')) return target.startsWith('rtmfp/session/') || target === 'rtmfp/session.ts'
  return false
}

function packageFault(source: Source, specifier: string): boolean {
  if (/^(\.|#|node:)/.test(specifier)) return false
  return !(PACKAGES[source.layer]?.test(specifier) ?? false)
}

function resolve(source: Source, specifier: string): string {
  return normalize(join(dirname(source.path), specifier)).replaceAll('\\', '/')
}

/** The files of ours that loading this one loads too. */
function loads(source: Source | undefined): string[] {
  if (source === undefined) return []
  return source.imports
    .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
    .map(({ specifier }) => resolve(source, specifier))
}

function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    state.set(path, 'open')
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}
