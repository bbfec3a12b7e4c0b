import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

/** The package as npm would publish it, unpacked beside its dependencies in a project of its own. */

interface Manifest {
  exports: Record<string, string | Record<string, string>>
  imports: Record<string, Record<string, string>>
  bin: Record<string, string>
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

const project = mkdtempSync(join(tmpdir(), 'altostratus-package-'))
const installed = join(project, 'node_modules/altostratus')
let files: string[] = []
let manifest: Manifest

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.js', '--if-stale', '--quiet'])
  const options: { encoding: 'utf8'; stdio: 'pipe' } = { encoding: 'utf8', stdio: 'pipe' }
  const tarball = join(
    project,
    execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project], options).trim(),
  )
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  files = execFileSync('tar', ['-tzf', tarball], options)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^package\//, ''))
  manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest
  for (const name of Object.keys(manifest.dependencies)) link(name)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }))
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe('what is in the tarball', () => {
  test('every file that exports, imports and bin point to', () => {
    const targets = [...targetsOf(manifest.exports), ...targetsOf(manifest.imports), ...targetsOf(manifest.bin)]
    expect(targets.length).toBeGreaterThan(8)
    expect(targets.filter((target) => !files.includes(posix.normalize(target)))).toEqual([])
  })

  test('the licence, the readme, the change log, and no source, test or setting', () => {
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'package.json']))
    expect(files.filter((path) => !/^(dist\/.+\.(js|js\.map|d\.ts)|LICENSE|README\.md|CHANGELOG\.md|package\.json)$/.test(path))).toEqual(
      [],
    )
  })

  test('every declaration that a declaration refers to', () => {
    const declarations = files.filter((path) => path.endsWith('.d.ts'))
    expect(declarations.length).toBeGreaterThan(8)
    const missing = declarations.flatMap((path) =>
      specifiers(read(path))
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.d.ts'))
        .filter((target) => !files.includes(target)),
    )
    expect(missing).toEqual([])
  })
})

describe('what the entries load', () => {
  test.each(['dist/entry/main.js', 'dist/entry/rtmfp.js', 'dist/entry/testing.js'])('%s has no import of Node, in a browser', (entry) => {
    const graph = reach([entry, 'dist/platform/browser.js'])
    expect(graph.modules.length).toBeGreaterThan(1)
    expect(graph.packages.filter((name) => !(packageOf(name) in manifest.dependencies) && name !== '#platform')).toEqual([])
  })

  test('on Node, only its own dependencies, what it says that may be there, and Node', () => {
    const graph = reach(['dist/entry/main.js', 'dist/entry/introducer.js', 'dist/platform/node.js', 'dist/cli.js'])
    const known = (name: string): boolean =>
      name.startsWith('node:') ||
      name === '#platform' ||
      packageOf(name) in manifest.dependencies ||
      packageOf(name) in manifest.peerDependencies
    expect(graph.packages.filter((name) => !known(name))).toEqual([])
  })

  test.each(['altostratus', 'altostratus/introducer', 'altostratus/rtmfp', 'altostratus/testing'])('%s loads in Node', (entry) => {
    const names = evaluate(`import * as all from '${entry}'; console.log(Object.keys(all).join())`).split(',')
    expect(names.length).toBeGreaterThan(0)
    expect(names).not.toContain('default')
  })

  test('require() loads it too', () => {
    const script = "console.log(typeof require('altostratus').AltostratusError)"
    expect(execFileSync(process.execPath, ['--input-type=commonjs', '-e', script], { cwd: project, encoding: 'utf8' }).trim()).toBe(
      'function',
    )
  })

  test('two entries share their classes', () => {
    const script = `import * as main from 'altostratus'; import * as rtmfp from 'altostratus/rtmfp'; console.log(main.AltostratusError === rtmfp.AltostratusError)`
    expect(evaluate(script)).toBe('true')
  })
})

describe('what a game compiles against', () => {
  test.each(['nodenext', 'bundler'])('the declarations need nothing of Node, and hold under strict settings (%s)', (resolution) => {
    const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json')
    const names = entries.map(
      (entry, i) => `import * as entry${i} from '${posix.join('altostratus', entry)}'\nexport const used${i} = entry${i}\n`,
    )
    writeFileSync(join(project, 'game.ts'), names.join(''))
    const compilerOptions = {
      target: 'es2023',
      lib: ['es2023', 'dom'],
      types: [],
      module: resolution === 'bundler' ? 'preserve' : resolution,
      moduleResolution: resolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['game.ts'] }))
    expect(output(join(process.cwd(), 'node_modules/typescript/bin/tsc'), '-p', project)).toBe('')
  })
})

describe('platforms', () => {
  test('the node and the browser file export the same names', () => {
    const exported = (path: string): string =>
      evaluate(`import * as all from './node_modules/altostratus/${path}'; console.log(Object.keys(all).sort().join())`)
    expect(exported('dist/platform/browser.js')).toBe(exported('dist/platform/node.js'))
  })
})

function link(name: string): void {
  const target = join(process.cwd(), 'node_modules', name)
  expect(existsSync(target)).toBe(true)
  const path = join(project, 'node_modules', name)
  mkdirSync(join(path, '..'), { recursive: true })
  symlinkSync(target, path)
}

function evaluate(script: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: project, encoding: 'utf8' }).trim()
}

/** What a program printed, whether or not it succeeded. */
function output(...args: string[]): string {
  return spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' }).stdout.trim()
}

function read(path: string): string {
  return readFileSync(join(installed, path), 'utf8')
}

function targetsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Object.values(value as Record<string, unknown>).flatMap(targetsOf)
}

function specifiers(text: string): string[] {
  return [...text.matchAll(/(?<![\w.])(?:from\s*|import\s*\(?\s*)['"]([^'"\n]+)['"]/g)].map((match) => match[1] ?? '')
}

function reach(entries: readonly string[]): { modules: string[]; packages: string[] } {
  const modules = new Set(entries)
  const packages = new Set<string>()
  for (const path of modules) {
    for (const specifier of specifiers(withoutComments(read(path)))) {
      if (specifier.startsWith('.')) modules.add(posix.join(posix.dirname(path), specifier))
      else packages.add(specifier)
    }
  }
  return { modules: [...modules], packages: [...packages] }
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
