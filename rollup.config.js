import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

/** Where tsc leaves the compiled sources (tsconfig.build.json). */
const compiled = 'build/tsc'
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })

/** One output per public entry, one per platform (package.json "imports" picks between those), and the command. */
const input = {
  ...entries(),
  'platform/node': `${compiled}/platform/node.js`,
  'platform/browser': `${compiled}/platform/browser.js`,
  cli: `${compiled}/cli/main.js`,
}

function entries() {
  const names = readdirSync(join(compiled, 'entry')).filter((name) => name.endsWith('.js'))
  return Object.fromEntries(names.map((name) => [`entry/${name.slice(0, -'.js'.length)}`, `${compiled}/entry/${name}`]))
}

/** Hands tsc's source maps on, so that the bundle's maps lead to the TypeScript. */
const typescriptSourceMaps = {
  name: 'typescript-source-maps',
  load(id) {
    if (!existsSync(`${id}.map`)) return null
    const code = readFileSync(id, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n')
    return { code, map: JSON.parse(readFileSync(`${id}.map`, 'utf8')) }
  },
}

export default {
  input,
  external: (id) => id === '#platform' || id.startsWith('node:') || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
  plugins: [typescriptSourceMaps],
  output: {
    dir: 'dist',
    format: 'es',
    sourcemap: true,
    sourcemapPathTransform: (source, map) => `altostratus/${relative('.', resolve(map, '..', source))}`,
    entryFileNames: '[name].js',
    minifyInternalExports: false,
    chunkFileNames: 'chunks/[name].js',
  },
  onwarn(warning) {
    throw new Error(`rollup: ${warning.message}`)
  },
}
