/**
 * Names in the lock files, package-lock.json and that of the benchmarks, every optional package of another platform that a locked package asks for. npm leaves out
 * those that its registry did not offer at the time (mirrors often keep one platform only), and then `npm ci` refuses
 * the lock file everywhere (https://github.com/npm/cli/issues/4828). Their versions are exact in the package that asks.
 *
 *   node scripts/complete-lock.js [--check]     --check changes nothing and fails when something is missing
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64']

for (const file of ['package-lock.json', 'benchmarks/package-lock.json']) complete(file)

function complete(file) {
  const lock = JSON.parse(readFileSync(`${root}${file}`, 'utf8'))
  const added = []
  for (const [asking, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isLocked(lock, asking, name)) continue
      if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${asking} asks for ${name}@${version}: not an exact version, lock it by hand`)
      lock.packages[`node_modules/${name}`] = { version, ...platformOf(name), ...(entry.dev ? { dev: true } : {}), optional: true }
      added.push(name)
    }
  }
  const registries = Object.keys(lock.packages).filter((key) => 'resolved' in lock.packages[key])

  if (process.argv.includes('--check')) {
    for (const name of added) console.log(`${file} lacks ${name}: run \`node scripts/complete-lock.js\``)
    for (const key of registries) console.log(`${file} names a registry for ${key}: set npm's omit-lockfile-registry-resolved`)
    if (added.length + registries.length > 0) process.exitCode = 1
  } else if (added.length > 0) {
    const [project, ...packages] = Object.entries(lock.packages)
    lock.packages = Object.fromEntries([project, ...packages.sort(([a], [b]) => a.localeCompare(b, 'en'))])
    writeFileSync(`${root}${file}`, `${JSON.stringify(lock, null, 2)}\n`)
    console.log(`added ${added.length} packages of other platforms to ${file}`)
  }
}

/** Whether `name` is found from where `asking` is installed, by Node's rule: beside it, or in any folder above. */
function isLocked(lock, asking, name) {
  for (let folder = asking; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in lock.packages) return true
    if (folder === '') return false
  }
}

/** npm skips a package whose `os` and `cpu` are not this machine's; such packages carry both in their names. */
function platformOf(name) {
  const parts = name.replace(/^@[^/]+\//, '').split('-')
  const os = systems.filter((system) => parts.includes(system))
  const cpu = processors.filter((processor) => parts.includes(processor))
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`no platform in the name of ${name}: lock it by hand`)
  const libc = parts.some((part) => part.startsWith('musl')) ? ['musl'] : os[0] === 'linux' && parts.includes('gnu') ? ['glibc'] : undefined
  return { cpu, ...(libc ? { libc } : {}), os }
}
