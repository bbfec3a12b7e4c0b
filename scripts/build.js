/**
 * Builds dist/: tsc compiles src/ into build/tsc, rollup bundles that into dist/ (one file per public entry, shared
 * chunks), and the declarations that the entries reach are copied beside it. Then the examples are compiled into
 * build/examples; they import the package by its own name, as a game does.
 *
 *   node scripts/build.js [--if-stale] [--quiet]
 *
 * --if-stale does nothing when no input has changed since the last build. Two builds at once wait for each other.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stampFile = join(root, 'build/stamp.json')
const lockFile = join(root, 'build/lock')
/** What decides about the result beside src/ and examples/. */
const settings = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.examples.json', 'rollup.config.js', 'scripts/build.js']
/** How long to wait for another process's build; one takes seconds. */
const LOCK_PATIENCE = 120_000
const LOCK_POLL = 100

/** Brings dist/ and build/examples up to date; throws when the sources do not compile. */
export async function build({ ifStale = false, quiet = false } = {}) {
  if (ifStale && isFresh()) return
  mkdirSync(join(root, 'build'), { recursive: true })
  await lock()
  try {
    if (ifStale && isFresh()) return
    const started = performance.now()
    const hash = hashOfInputs()
    rmSync(stampFile, { force: true })
    compile('tsconfig.build.json', 'build/tsc')
    const outputs = [...(await bundle()), ...copyDeclarations()]
    removeStale(outputs)
    if (typeScriptIn('examples').length > 0) compile('tsconfig.examples.json', 'build/examples')
    writeFileSync(stampFile, JSON.stringify({ hash, outputs }))
    if (!quiet) console.log(`built ${outputs.length} files into dist/ in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  } finally {
    rmSync(lockFile, { force: true })
  }
}

function isFresh() {
  if (!existsSync(stampFile)) return false
  const { hash, outputs } = JSON.parse(readFileSync(stampFile, 'utf8'))
  return hash === hashOfInputs() && outputs.every((path) => existsSync(join(root, path)))
}

function hashOfInputs() {
  const hash = createHash('sha256')
  for (const path of [...settings, ...typeScriptIn('src'), ...typeScriptIn('examples')]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  }
  return hash.digest('hex')
}

function typeScriptIn(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort()
}

async function lock() {
  const giveUp = Date.now() + LOCK_PATIENCE
  for (;;) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (!lockIsHeld()) rmSync(lockFile, { force: true })
    else if (Date.now() > giveUp) throw new Error(`Another build holds ${lockFile}; remove it if there is none.`)
    else await new Promise((done) => setTimeout(done, LOCK_POLL))
  }
}

/** Whether the process that took the lock still lives; one that was killed leaves its lock behind. */
function lockIsHeld() {
  try {
    process.kill(Number(readFileSync(lockFile, 'utf8')), 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function compile(config, outDir) {
  rmSync(join(root, outDir), { recursive: true, force: true })
  const result = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', config], { cwd: root, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`tsc -p ${config} failed:\n${result.stdout}${result.stderr}`)
}

async function bundle() {
  const { rollup } = await import('rollup')
  const { default: config } = await import(pathToFileURL(join(root, 'rollup.config.js')).href)
  const graph = await rollup(config)
  try {
    const { output } = await graph.write(config.output)
    chmodSync(join(root, 'dist/cli.js'), 0o755)
    return output.map((file) => join('dist', file.fileName))
  } finally {
    await graph.close()
  }
}

/** tsc leaves `.ts` in the specifiers of declarations; in the package the file that they mean is called `.js`. */
const relativeSpecifier = /((?:from|import|import\()\s*['"])(\.{1,2}\/[^'"]+?)\.ts(['"])/g

/**
 * What a class implements besides, for our own use: the members marked `@internal` are not in the declarations, so the
 * clause would be false there. Types are compared by structure; nobody misses it.
 */
const implementsClause = /^((?:export )?declare (?:abstract )?class [^{]*?) implements [^{]+(?= \{)/gm

/** Copies the declarations that the entries and platforms reach, and no others. */
function copyDeclarations() {
  const roots = ['entry', 'platform'].flatMap((folder) =>
    readdirSync(join(root, 'build/tsc', folder))
      .filter((name) => name.endsWith('.d.ts'))
      .map((name) => join(folder, name)),
  )
  const seen = new Set(roots)
  for (const path of seen) {
    const text = readFileSync(join(root, 'build/tsc', path), 'utf8')
    for (const [, , target] of text.matchAll(relativeSpecifier)) seen.add(join(dirname(path), `${target}.d.ts`))
    const shipped = text.replace(relativeSpecifier, '$1$2.js$3').replace(implementsClause, '$1')
    mkdirSync(join(root, 'dist', dirname(path)), { recursive: true })
    writeFileSync(join(root, 'dist', path), shipped)
  }
  return [...seen].map((path) => join('dist', path))
}

/** What an earlier build left in dist/. Files that stay are overwritten in place, so that a running game keeps its chunks. */
function removeStale(outputs) {
  const current = new Set(outputs)
  for (const entry of readdirSync(join(root, 'dist'), { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(entry.parentPath, entry.name))
    if (entry.isFile() && !current.has(path)) rmSync(path.startsWith('dist') ? join(root, path) : path)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(root)
  const options = { ifStale: process.argv.includes('--if-stale'), quiet: process.argv.includes('--quiet') }
  await build(options).catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
