/**
 * Bundles a TypeScript file of test/, with the sources that it imports, into one that plain node runs: what needs volume runs several times
 * as fast there as inside jest.
 */
import { transformSync } from '@swc/core'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rollup } from 'rollup'

const root = fileURLToPath(new URL('..', import.meta.url))
const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const packages = Object.keys({ ...dependencies, ...peerDependencies })
/** The package by its own name, as tests import it. */
const own = {
  '#platform': 'src/platform/node.ts',
  altostratus: 'src/entry/main.ts',
  'altostratus/rtmfp': 'src/entry/rtmfp.ts',
  'altostratus/introducer': 'src/entry/introducer.ts',
  'altostratus/testing': 'src/entry/testing.ts',
}

/** Places in the code that can be counted; the map of an instrumented bundle is so long. */
const PLACES = 8_192

/**
 * @param entry Path of the file, from the top of the repository.
 * @param file Where the bundle goes, from there too.
 * @param count Whether each branch of src/ is to count in `globalThis.coverage`, a Uint8Array, how often it was taken.
 */
export async function bundle(entry, file, { count = false } = {}) {
  const plugins = [typescript]
  if (count) plugins.push(counters())
  const graph = await rollup({
    input: join(root, entry),
    external: (id) => id.startsWith('node:') || packages.some((name) => id === name || id.startsWith(`${name}/`)),
    plugins,
    onwarn(warning) {
      if (warning.code !== 'CIRCULAR_DEPENDENCY') throw new Error(`rollup: ${warning.message}`)
    },
  })
  const intro = count ? `const $taken = (globalThis.coverage ??= new Uint8Array(${PLACES}));` : ''
  await graph.write({ file: join(root, file), format: 'es', sourcemap: true, inlineDynamicImports: true, intro })
  await graph.close()
  return join(root, file)
}

const typescript = {
  name: 'typescript',
  resolveId: (id) => (id in own ? join(root, own[id]) : null),
  /** A file goes on to find others where it was. */
  resolveImportMeta: (property, { moduleId }) => (property === 'dirname' ? JSON.stringify(dirname(moduleId)) : null),
  transform(code, id) {
    if (!id.endsWith('.ts')) return null
    const options = { filename: id, sourceMaps: true, jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } }
    const result = transformSync(code, { ...options, swcrc: false })
    return { code: result.code, map: result.map }
  },
}

/** Puts a counter into each branch of the sources, so that a fuzzer sees which inputs go where none has been. */
function counters() {
  let next = 0
  return {
    name: 'counters',
    transform(code, id) {
      if (!id.startsWith(join(root, 'src'))) return null
      const inserted = []
      const count = () => `$taken[${next++ % PLACES}]++`
      const into = (node) => {
        if (node === null) return
        if (node.type === 'BlockStatement') inserted.push([node.start + 1, `${count()};`])
        else inserted.push([node.start, `{${count()};`], [node.end, '}'])
      }
      const before = (node) => inserted.push([node.start, `(${count()},`], [node.end, ')'])
      const take = {
        FunctionDeclaration: (node) => into(node.body),
        FunctionExpression: (node) => into(node.body),
        ArrowFunctionExpression: (node) => (node.expression ? before(node.body) : into(node.body)),
        IfStatement: (node) => [node.consequent, node.alternate].forEach(into),
        ForStatement: (node) => into(node.body),
        ForOfStatement: (node) => into(node.body),
        WhileStatement: (node) => into(node.body),
        CatchClause: (node) => into(node.body),
        ConditionalExpression: (node) => [node.consequent, node.alternate].forEach(before),
        LogicalExpression: (node) => before(node.right),
        SwitchCase: (node) => node.consequent.length > 0 && inserted.push([node.consequent[0].start, `${count()};`]),
      }
      walk(this.parse(code), (node) => take[node.type]?.(node))
      return { code: insertAll(code, inserted), map: { mappings: '' } }
    },
  }
}

function walk(node, visit) {
  visit(node)
  for (const value of Object.values(node)) {
    const below = Array.isArray(value) ? value : [value]
    for (const item of below) if (typeof item?.type === 'string') walk(item, visit)
  }
}

/** Opening text at one place stands as it was found, from the outside in; closing text the other way round. */
function insertAll(code, inserted) {
  const closes = ([, text]) => text === ')' || text === '}'
  const order = inserted.map((item, i) => ({ item, i }))
  order.sort((a, b) => a.item[0] - b.item[0] || closes(b.item) - closes(a.item) || (closes(a.item) ? b.i - a.i : a.i - b.i))
  let result = ''
  let at = 0
  for (const { item } of order) {
    result += code.slice(at, item[0]) + item[1]
    at = item[0]
  }
  return result + code.slice(at)
}
